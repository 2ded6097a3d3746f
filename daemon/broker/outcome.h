/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The verdict over a job: exactly one outcome, from facts in the order of their credibility. Pure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/denied.h"
#include "broker/said.h"
#include "profile/profile.h"
#include "proto/box-facts.h"
#include "proto/limits.h"
#include "wire/names.h"

#define VERDICT_MESSAGE_MAX (2432 + DENIED_TEXT_MAX) /* the longest is that of a finding */

typedef struct Verdict {
        Outcome outcome;
        int exit_code;    /* -1 unless the program exited */
        int signal;       /* 0 unless a signal ended it */
        uint32_t reached; /* LIMIT_BIT()s of the limits that the message is about */
        char message
                [VERDICT_MESSAGE_MAX]; /* one sentence, UTF-8; empty if there is nothing to say */
} Verdict;

/* Everything that is known at the end of a box. */
typedef struct OutcomeInput {
        const BoxFacts *facts;  /* the kernel's and the builder's word: first */
        const Limits *limits;   /* what was in force */
        const Profile *profile; /* the same; NULL: what was denied is not put into words */
        bool output_exceeded;   /* counted by the broker, not by the job */
        bool output_incomplete;
        bool tool_calls_exceeded;
        bool is_interrupted;    /* asked to stop, and given time for it */
        uint64_t output_bytes;  /* so far; 0 is not known */
        const RunnerSaid *said; /* the job's own word, hostile: last */
        AnalysisLevel analysis; /* that came before the program */
} OutcomeInput;

void outcome_decide(const OutcomeInput *input, Verdict *ret_verdict);

/* For ends without a box: rejected, cancelled, expired, lost, internal_error. */
void outcome_without_box(Outcome outcome, const char *message, Verdict *ret_verdict);

/* "SIGSEGV"; "SIGRTMIN+3" is just "signal 37". Returns buf or static text. */
const char *outcome_signal_name(int signal, char *buf, size_t size);
