/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Follows one job to its end: output and events as they come, then the result. */

#include "basic/buf.h"
#include "client/displays.h"
#include "client/feed.h"
#include "client/outputs.h"
#include "client/tools.h"
#include "client/verb.h"

typedef struct Follow {
        PysbClient *client;
        bool events;       /* print events as JSON lines instead of the output */
        bool to_stderr;    /* standard output is for something else */
        bool is_quiet;     /* print nothing */
        bool shows_values; /* prints displays that are text, behind the output */
        Displays displays;
        Outputs outputs;
        Tools *tools;    /* NULL is none */
        Feed *feed;      /* of its standard input; NULL is none */
        bool interrupts; /* a first SIGINT is for the job, see follow_run() */
        const char *
                session; /* not NULL: each SIGINT is for the cell that runs there, and cancels nothing */
        /* Says that the call failed and returns the exit status; NULL is common_call_failed() */
        int (*call_failed)(PysbClient *client, int error);

        char *job; /* once it is known */
        Buf values;
        bool is_interrupted;
        bool wants_interrupt; /* of a cell that is not accepted yet */
        bool done;
        int error;          /* the call failed: a negative errno, the client knows the words */
        int write_error;    /* our own output failed */
        PysbResult *result; /* set at the end, unless one of the errors is */
} Follow;

/* The callback for pysb_start() and its kind, with the Follow as userdata. */
void follow_callback(
        PysbClient *client, const PysbEvent *event, PysbResult *result, int error, void *userdata);

/* Turns until the end, an error or a signal; or the second one, if the first one is for the job, which it
 * cancels, with the time that the profile gives it. Returns 0 with a result, else prints what is wrong and
 * returns the exit status (positive). */
int follow_run(Follow *follow);

/* Frees the result; the client is the caller's. */
void follow_done(Follow *follow);
