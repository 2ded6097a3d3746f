/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A job and its life: queued -> starting -> running -> finished, with cancelling before the end, and
 * exactly one verdict. The state machine is pure: time comes in, watchers are told. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "basic/list.h"
#include "broker/collector.h"
#include "broker/event-log.h"
#include "broker/files-link.h"
#include "broker/frame.h"
#include "broker/input.h"
#include "broker/outcome.h"
#include "broker/output.h"
#include "broker/queue.h"
#include "broker/spec.h"
#include "wire/names.h"

#define JOB_ID_SIZE 33 /* 128 random bits in hexadecimal, and a NUL */
#define JOB_REASON_MAX 256

typedef struct Instant {
        uint64_t monotonic_usec; /* every deadline */
        uint64_t realtime_usec;  /* time stamps only */
} Instant;

typedef struct Job Job;
typedef struct Session Session;
struct Broker;
struct RunnerLink;

/* Somebody who follows a job. The callback must not change the job; it makes a note. */
typedef struct JobWatcher {
        List link;
        void (*notify)(struct JobWatcher *watcher);
} JobWatcher;

struct Job {
        List jobs;                      /* of the store, oldest first */
        List by_id, by_request, by_box; /* of the store's JobIndex */
        List watchers;                  /* JobWatcher.link */

        char id[JOB_ID_SIZE];
        uint64_t number;         /* 1, 2, 3, … in the order of acceptance */
        QueueItem queue;         /* its tenant, its priority, its place */
        uint64_t queued_bytes;   /* charged while it waits */
        bool has_place;          /* charged as running */
        uint64_t retained_bytes; /* charged as retained, once finished */
        bool is_dropped;         /* what it made is gone, that it has run is known */
        JobSpec *spec;
        JobState state;
        uint64_t box;            /* on the builder link, 0 before it was started */
        struct RunnerLink *link; /* while there is a box */
        int stdin_fd;            /* passed by the client, until the box has it */
        uint64_t position;       /* while queued: jobs of its tenant ahead of it, as told last */
        bool is_killed;          /* the builder was told to */
        uint64_t kill_at_usec;   /* monotonic: the end of the grace; UINT64_MAX is never */
        char cancel_reason[JOB_REASON_MAX + 1];

        /* Of a cell, and of the host of a session, as long as they are not finished; else NULL. */
        Session *session;
        char session_id[JOB_ID_SIZE]; /* of a cell; empty is none */
        List in_session;              /* of a cell: Session.waiting */
        uint64_t execution;           /* of a cell: 1, 2, 3, … within the session */
        bool wants_interrupt;         /* of a cell: as soon as its program runs */
        bool session_is_alive;        /* of a finished cell: another one could run */

        EventLog log;
        OutputCapture output;
        RunnerSaid said;
        size_t n_displays_logged, n_violations_logged;
        ToolCalls tools;
        Input input;
        Collection collection; /* what it hands back, if the spec has rules */
        Collector *collector;  /* from its start to its end, then */
        struct Broker *broker; /* who runs it */
        FilesLink *files;      /* of the host of a session: while there is a box */

        /* So far, while it runs: job-usage.h */
        bool is_asked;       /* the builder was, and has not answered */
        bool has_usage;      /* it has, once: facts and memory_bytes */
        uint64_t usage_usec; /* when; monotonic */
        uint64_t memory_bytes;

        Instant accepted, started, finished;
        uint64_t queue_usec, setup_usec;
        uint64_t queue_deadline_usec; /* monotonic, UINT64_MAX is never */
        uint64_t retained_until_usec; /* monotonic, once finished */

        /* Once finished: */
        Verdict verdict;
        bool has_facts;  /* there was a box */
        BoxFacts facts;  /* while it runs, those so far: has_usage */
        uint64_t layers; /* LAYER_BIT()s in force */
};

/* Takes the spec on success. random is 16 bytes. Accepted events are already in the log. */
int job_new(JobSpec *spec,
            Tenant *tenant,
            uint64_t number,
            const uint8_t random[static 16],
            Instant now,
            Job **ret_job);
Job *job_free(Job *job);
DEFINE_CLEANUP(Job *, job_free);

void job_watch(Job *job, JobWatcher *watcher);
void job_unwatch(Job *job, JobWatcher *watcher);

/* Waits for a place; or, of a cell, for those before it. */
void job_join_queue(Job *job);
void job_join_line(Job *job, List *line);

/* The steps of its life; a position that has not changed is no step. Failures to remember an event are forwarded: -ENOMEM. */
int job_set_position(Job *job, uint64_t position, Instant now);
void job_set_starting(Job *job, Instant now); /* queue_take() or session_take() gave it */
int job_set_started(Job *job, uint64_t setup_usec, Instant now);
void job_set_cancelling(Job *job, const char *reason);
/* The displays and violations that are new in what the job said. */
int job_show_said(Job *job, Instant now);
int job_log_file(Job *job, size_t index, Instant now); /* of the collection */
int job_log_tool_call(Job *job, const ToolCall *call, Instant now);
int job_write_output(Job *job, OutputStream stream, const void *data, size_t size, Instant now);

/* Tells its watchers. */
void job_notify(Job *job);

/* The one end. facts is NULL if there was no box. */
void job_finish(Job *job, const Verdict *verdict, const BoxFacts *facts, Instant now);

static inline bool job_is_finished(const Job *job) {
        return job->state == JOB_FINISHED;
}

/* The state as clients see it: running while it waits for a tool has a name of its own. */
static inline JobState job_visible_state(const Job *job) {
        return job->state == JOB_RUNNING && job->tools.n_open > 0 ? JOB_WAITING_TOOL : job->state;
}

static inline bool job_is_cell(const Job *job) {
        return job->session_id[0] != '\0';
}

static inline Tenant *job_tenant(const Job *job) {
        return job->queue.tenant;
}

/* There is no room for what it made; its outcome and its requestId stay. */
void job_drop_result(Job *job);

/* Whether it has a place among the running ones. */
static inline bool job_has_box(const Job *job) {
        return job->box != 0 && job->state != JOB_FINISHED;
}

/* Finished, unwatched and past its time. */
bool job_is_forgettable(const Job *job, uint64_t now_usec);

/* Memory that it holds, roughly: what the budgets add up. */
uint64_t job_bytes(const Job *job);
