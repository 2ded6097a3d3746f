/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One connection: its calls in order, one at a time, and at most one job that it follows. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/server.h"
#include "wire/conn.h"

/* A message that is not complete after this long, output that nobody takes, a connection without a
 * call: all close it. */
#define CONNECTION_PARTIAL_USEC_MAX (UINT64_C(10) * 1000000)
#define CONNECTION_STALL_USEC_MAX (UINT64_C(45) * 1000000)
#define CONNECTION_IDLE_USEC_MAX (UINT64_C(600) * 1000000)

/* Calls that are answered before somebody else has a turn. */
#define CONNECTION_CALLS_PER_TURN 64

typedef enum FollowKind {
        FOLLOW_NONE,
        FOLLOW_EVENTS, /* Run with more, Attach: every event, then the result */
        FOLLOW_RESULT, /* Run: the result with the output in it */
        FOLLOW_CHECK,  /* Check: what the analysis found */
        FOLLOW_STATE,  /* Wait: the result, or the state at the deadline */
        FOLLOW_INPUT,  /* WriteInput: until the bytes are in the pipe */
        /* Without a job: */
        FOLLOW_DRAIN,     /* Drain: until nothing is left */
        FOLLOW_RELOAD,    /* Reload: until it is done */
        FOLLOW_SELF_TEST, /* SelfTest: the same */
        FOLLOW_CLOSE,     /* CloseSession: until its box is gone */
        FOLLOW_BRANCH,    /* BranchSession: until it is there, or cannot be */
        FOLLOW_RESTART,   /* RestartSession: until there is another interpreter */
        FOLLOW_FILES,     /* PutFiles and its kind: until init has answered */
        FOLLOW_JOBS, /* ListJobs of an administrator: until the builder has said what they use */
} FollowKind;

typedef struct FilesOperation FilesOperation;

typedef struct Connection {
        List link;  /* of the server */
        List woken; /* of the server */
        List held;  /* of the server */
        Server *server;
        Broker *broker;
        Tenant *tenant;
        VarlinkConn *conn;
        sd_event_source *source;
        uid_t uid;
        gid_t gid;
        bool is_manager;       /* came by the socket for administrators */
        bool is_gateway;       /* may act for any tenant */
        bool is_owner;         /* the daemon was started with it */
        size_t buffered_bytes; /* as accounted for */
        uint64_t moved_bytes;  /* as counted */
        bool is_dead;          /* to be freed at the end of its turn */
        bool is_evicted;       /* to be freed instead of its next turn */

        VarlinkCall call; /* the one that is being answered; without parameters once that waits */
        FollowKind follow;
        Job *job;
        JobWatcher watcher;
        uint64_t
                cursor; /* sequence number of the last event sent; of a follower without a job: its own */
        char session_id[JOB_ID_SIZE]; /* FOLLOW_RESTART; FOLLOW_BRANCH: of the base */
        uint64_t kinds;               /* of events to be sent: bits of EventKind */
        FilesOperation *files;        /* FOLLOW_FILES */
        uint64_t max_entries;         /* FOLLOW_JOBS */
        uint64_t next_heartbeat_usec,
                next_usage_usec; /* events that are in no log; UINT64_MAX is never */
        bool wants_usage;        /* one is due, and the builder has been asked */
        InputWriter input;       /* WriteInput */
        uint64_t input_bytes;
        bool cancels_on_close; /* Run without detach */
        uint64_t wait_deadline_usec;
} Connection;

/* Who is at the other end, from the begin on. */
typedef struct Peer {
        uid_t uid;
        gid_t gid;
        bool is_manager, is_gateway, is_owner;
} Peer;

/* Takes fd, whatever happens. Charges the tenant. */
int connection_new(Server *server, Tenant *tenant, int fd, const Peer *peer);

/* Ends it: a job that depends on it is cancelled. */
void connection_free(Connection *connection);

/* One turn: take calls, answer, free it if it is over. revents is 0 outside of socket events. */
void connection_run(Connection *connection, int revents);

/* One turn of a connection whose socket nobody has watched: it may have closed meanwhile. */
void connection_resume(Connection *connection);

/* Nothing is lost with it: no call, no answer that waits to be read, no session. */
bool connection_is_idle(const Connection *connection);

/* Closes it if one of its deadlines has passed; may free it. */
void connection_sweep(Connection *connection, uint64_t now_usec);

/* Answers the present call; steals the message, NULL closes the connection. */
void connection_reply(Connection *connection, json_t *reply);

/* The same with JSON text, which is copied. */
void connection_reply_text(Connection *connection, const char *text);

/* Answers with an error of the interface that was called, such as "JobNotFound". */
void connection_error(Connection *connection, const char *name, json_t *parameters);

/* From now on the present call is about this job (NULL where the kind has none), until it is answered. */
void connection_follow(Connection *connection, Job *job, FollowKind kind);
