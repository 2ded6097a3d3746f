/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A session: an interpreter whose variables live from one cell to the next. Its box is that of a job
 * nobody sees, the host; its cells are jobs that run there one after the other. The state machine is pure:
 * time comes in, session-run.c does what it says. */

#include "broker/job.h"

#define SESSION_WAITING_MAX 16 /* cells in line */

typedef enum SessionState {
        SESSION_OPENING,   /* its interpreter is not there yet, or its files */
        SESSION_IDLE,      /* it waits for a cell */
        SESSION_EXECUTING, /* a cell runs, or the last facts about it are on their way */
        SESSION_RESTARTING, /* its interpreter ends, with the cell that runs in it, and another one begins */
        SESSION_BRANCHING, /* its interpreter forks; cells wait */
        SESSION_CLOSING,   /* nobody finds it any more; its box is on its way out */
        SESSION_LOST,      /* its interpreter is gone */
        _SESSION_STATE_MAX,
} SessionState;

extern const char *const session_state_names[_SESSION_STATE_MAX + 1];

/* Of its cells that have ended, all together. */
typedef struct SessionUsage {
        uint64_t wall_usec, cpu_user_usec, cpu_system_usec;
        uint64_t stdout_bytes, stderr_bytes;
        uint64_t tool_calls, tool_wait_usec;
} SessionUsage;

struct Session {
        List sessions; /* of the broker, oldest first */
        char id[JOB_ID_SIZE];
        uint64_t number;
        Tenant *tenant;         /* held, and charged with it */
        ProfileStore *store;    /* held: a reload may have replaced it */
        const Profile *profile; /* of the store */
        json_t *labels;
        SessionState state;
        Job *host;    /* NULL once its box is gone */
        Job *cell;    /* the one that executes */
        List waiting; /* Job.in_session */
        uint64_t n_waiting;
        uint64_t n_executions;        /* accepted ones */
        bool cell_is_over;            /* the interpreter said so */
        Buf opening;                  /* the JOB frame of an interpreter of it, but without files */
        struct RunnerLink *next_link; /* while it restarts: the next interpreter's */
        uint32_t cell_status;
        SessionUsage usage;
        uint64_t family;        /* the same for all that share a box: the first one's number */
        Session *branch, *base; /* while the one waits to be made of the other */
        bool was_asked, has_answered; /* its interpreter, whether there is a branch */
        BranchRefusal refusal;        /* why there is no branch */
        const void *bound_to;         /* the connection that it ends with; NULL is none */
        Instant opened;
        uint64_t idle_usec, lifetime_usec;
        uint64_t idle_since_usec; /* monotonic */
};

/* Takes host, labels and the frame. random is 16 bytes. */
Session *
session_new(Job *host, const uint8_t random[static 16], json_t *labels, Buf *opening, Instant now);

/* Its host has been told, and no cell has it. NULL. */
Session *session_free(Session *session);

/* The interpreter is ready, the first one or another. */
void session_opened(Session *session, uint64_t now_usec);

/* Puts a cell in line. */
void session_add(Session *session, Job *cell);

/* The cell that begins now, which is then the one that executes; NULL if none can. */
Job *session_take(Session *session);

/* The facts about the cell are here. Returns it; nothing is left of it in the session. */
Job *session_end_cell(Session *session, uint64_t now_usec);

/* Whether its interpreter is, or was to be, forked from that of another one. */
static inline bool session_is_branch(const Session *session) {
        return session->number != session->family;
}

/* Adds what the cell has used, which has finished. */
void session_add_usage(Session *session, const Job *cell);

/* Takes a cell that waits out of the line. */
void session_remove(Session *session, Job *cell);

/* When its time is over, on the monotonic clock. */
uint64_t session_end(const Session *session);

/* When it is to be closed for its idleness or age, on the monotonic clock; UINT64_MAX while there is none. */
uint64_t session_deadline(const Session *session);

/* The same as an instant for people. */
uint64_t session_expires_usec(const Session *session);
