/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The self-test: a box of each engine that is allowed, of the profile `default` if it can be, made in the way of every box, in which a program of ours
 * (cage/probe.c) tries what its layers must stop. A service does it before it serves, and serves only if
 * nothing gets through; an administrator can have it again. */

#include "builder/builder.h"
#include "proto/probes.h"

/* No id that the broker may give. */
#define SELF_TEST_BOX UINT64_MAX

typedef struct SelfTest SelfTest;
typedef struct Box Box;

/* What a box must be like. */
typedef struct SelfTestBox {
        const PlanImage *plan; /* its engine says what there is to see */
        Limits limits;
        uint64_t layers; /* LAYER_BIT()s that boxes have here */
        uid_t uid;       /* that is reserved for it */
        gid_t gid;
        uint32_t n_others; /* TemplateMake.n_others */
        int64_t root;      /* device of our own root directory */
} SelfTestBox;

typedef struct SelfTestVerdict {
        uint64_t tried, failed; /* PROBE_BIT()s */
} SelfTestVerdict;

/* What was not seen although there is something to see counts as failed. Pure. */
SelfTestVerdict self_test_judge(const SelfTestBox *box,
                                const ProbeRecord *record); /* self-test-judge.c */

/* Starts one, unless one runs: its end is BUILDER_SELF_TESTED for the broker. */
void self_test_ask(Builder *builder);
SelfTest *self_test_free(SelfTest *test);

/* By the box, between its clone and its first step: what can be seen of it from outside. */
void self_test_look(SelfTest *test, const Box *box);

/* What would have gone to the broker for a box of its own. */
void self_test_take(Builder *builder, const BuilderReport *report);

/* Before the broker is started: waits for the end. 0, or -EPERM if something got through or no box could be made,
 * and then it has said what and what to do. */
int self_test_run(Builder *builder);
