/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Runs jobs in a plain fork of this process, without any cage: what runner_job itself does. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runner/frame.h"

typedef struct Job {
        const char *code;
        size_t code_size;           /* 0 is strlen() */
        const char *source_name;    /* NULL leaves it out */
        const char *const *args;    /* NULL-terminated; NULL is none */
        const char *const *environ; /* NULL-terminated; NULL is none */
        const int64_t *seed;
        uint64_t result_max_bytes;
        const char *input;        /* standard input; NULL is empty */
        uint64_t more_vm_bytes;   /* RLIMIT_AS above the template's size; 0 is no limit */
        const char *raw_payload;  /* instead of all the above: the payload of the frame */
        size_t raw_size;          /* of raw_payload */
        bool no_request;          /* close the channel instead */
        bool close_output;        /* nobody reads standard output */
        bool interrupt_on_output; /* SIGINT once something was printed */
} Job;

typedef struct JobEnd {
        int status; /* as of wait(2) */
        char *out, *err;
        char *channel; /* all that came on it */
        size_t channel_size;
        /* The frames on the channel; the texts are NUL-terminated, NULL where there was none. */
        size_t n_exceptions, n_results, n_violations, n_displays, n_running;
        char *type, *message, *traceback, *result;
        char *problem; /* of the result: "TYPE: MESSAGE" */
        uint32_t line;
        bool is_memory_error;
} JobEnd;

/* Starts Python once per program, as a template with such a plan would. Aborts on failure. */
void harness_start(const char *preload, const char *deny_modules, uint32_t flags);

/* The same with a policy that allows these modules, and preloads them. */
void harness_start_whitelist(const char *modules, uint32_t flags);

/* Called in the process of each job right before runner_job; NULL is nothing. 0 or a negative errno. */
extern int (*harness_before_job)(void);

JobEnd harness_run(const Job *job);
void job_end_done(JobEnd *end);

/* A row of a table of programs. Members that are NULL are not looked at. */
typedef struct Case {
        const char *name;
        const char *code;
        int exit_status;
        const char *out;           /* exactly */
        const char *err;           /* a part of it; "" is: nothing at all */
        const char *type;          /* of the exception; NULL is: no EXCEPTION frame */
        const char *message;       /* exactly */
        const char *traceback;     /* exactly */
        uint32_t line;             /* 0 is not looked at */
        uint64_t more_vm_bytes;    /* as in Job */
        bool is_memory_error;      /* the flag of the frame */
        const char *result;        /* exactly; NULL is: no RESULT frame */
        uint64_t result_max_bytes; /* as in Job, 0 is 1000 */
        const char *problem;       /* exactly; NULL is: no RESULT_PROBLEM frame */
        size_t n_displays;
} Case;

/* The body of a cmocka test whose state is a Case. */
void harness_case(void **state);
