/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a job says about itself on its channel, and how its frames are read. All of it is hostile: every
 * text, number and count has a bound here, and nothing here decides anything. Pure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/runner-wire.h"

/* Of texts without a bound of their own, such as a rule, a layer or a MIME type. */
#define SAID_NAME_MAX 64U
#define FINDING_SUBJECT_MAX 256U

/* Different ones; what comes after them is not counted. */
#define VIOLATIONS_MAX 64

/* Representations of one display. */
#define DISPLAY_PARTS_MAX 16

/* Escaping makes results and displays at most so many times longer: a display that it would make longer
 * travels as Base64, a result like that is none that the runner writes. With twice the highest limit of
 * both, and the output, a reply stays below VARLINK_REPLY_MAX_BYTES. */
#define SAID_GROWTH_MAX 2U

typedef struct RunnerException {
        char type[EXCEPTION_TYPE_MAX + 1];
        char message[EXCEPTION_MESSAGE_MAX + 1];
        char traceback[EXCEPTION_TRACEBACK_MAX + 1];
        uint32_t line; /* 0 is unknown */
        bool is_memory_error;
} RunnerException;

/* Why there is no result. */
typedef struct RunnerProblem {
        char type[EXCEPTION_TYPE_MAX + 1];
        char message[EXCEPTION_MESSAGE_MAX + 1];
} RunnerProblem;

typedef enum FindingSeverity {
        FINDING_NOTE,
        FINDING_WARNING,
        FINDING_REFUSE,
        _FINDING_SEVERITY_MAX,
} FindingSeverity;

typedef struct RunnerFinding {
        char rule[SAID_NAME_MAX + 1];
        char message[FINDING_MESSAGE_MAX + 1];
        char subject[FINDING_SUBJECT_MAX + 1]; /* empty is none */
        char path[FINDING_PATH_MAX + 1];       /* empty is the program itself */
        uint32_t severity;                     /* FindingSeverity */
        uint32_t line, column;                 /* 0 is unknown */
} RunnerFinding;

typedef struct RunnerViolation {
        const char *layer;  /* "import_policy" or "audit_hook" */
        const char *reason; /* "not-allowed", "not-installed", NULL is none */
        char subject[VIOLATION_SUBJECT_MAX + 1];
        uint64_t count;
} RunnerViolation;

typedef struct DisplayPart {
        char mime[SAID_NAME_MAX + 1]; /* "image/png" */
        char *data;
        size_t size;
} DisplayPart;

typedef struct RunnerDisplay {
        bool is_result;
        size_t n_parts;
        DisplayPart parts[DISPLAY_PARTS_MAX];
} RunnerDisplay;

typedef struct RunnerSaid {
        RunnerException *exception; /* NULL is none; the last frame counts */
        char *result;               /* JSON text, UTF-8 without NUL; NULL is none */
        size_t result_size;
        RunnerProblem *problem; /* NULL is none; the last frame counts */
        bool is_running;        /* whatever comes from now on may be the program's own */
        RunnerFinding *findings;
        size_t n_findings;
        RunnerViolation *violations;
        size_t n_violations;
        RunnerDisplay *displays;
        size_t n_displays;
        size_t display_bytes;
        bool has_ticks, ticks_exceeded;
        uint64_t ticks; /* at most TICKS_MAX */
} RunnerSaid;

void said_done(RunnerSaid *said);

/* Memory behind it. */
size_t said_bytes(const RunnerSaid *said);

/* A finding of our own, of a job that nobody needed to start. -ENOMEM. */
int said_refuse(RunnerSaid *said, const char *rule, const char *message);

/* The first finding for which nothing may run; NULL is none. */
const RunnerFinding *said_refusal(const RunnerSaid *said);

/* What a frame of this type may have at most; 0 for types that a job must not send. */
size_t said_payload_max(uint32_t type, uint64_t result_max);

/* Takes one frame. -EBADMSG if it breaks a rule, -ENOMEM. result_max is the limit in force: of the
 * result and the displays together. */
int said_take(
        RunnerSaid *said, uint32_t type, const char *payload, size_t size, uint64_t result_max);
