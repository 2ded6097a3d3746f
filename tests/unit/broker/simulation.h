/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A whole broker in this process. Its clients, its builder, the programs in its boxes and its clock are
 * made up of random numbers from a seed: the same seed makes the same run. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "basic/buf.h"
#include "broker/broker.h"
#include "broker/session.h"
#include "proto/builder-wire.h"

#define SIM_TENANTS 6
#define SIM_CLIENTS 24
#define SIM_PLACES 8
#define SIM_BOXES 16
#define SIM_REQUEST_IDS 8
#define SIM_ENDS (1U << 16) /* more than jobs in one life of a broker */

typedef enum SimCell {
        CELL_OPENS, /* the interpreter of a session is not there yet */
        CELL_NONE,
        CELL_BEGUN, /* the builder's clocks run */
        CELL_RUNS,  /* its program does */
        CELL_SAID,  /* the interpreter said that it is over */
        CELL_OVER,  /* the builder was told to stop the clocks */
} SimCell;

/* What the builder knows of a box. */
typedef struct SimBox {
        uint64_t box; /* 0: there is none */
        int fds[BUILDER_FDS_MAX];
        size_t n_fds;
        bool is_session, is_started, is_killed;
        SimCell cell;
} SimBox;

typedef struct SimClient {
        int fd; /* negative: not connected */
        size_t tenant;
        Buf in;
        uint64_t sent_usec, active_usec; /* active: has sent or read */
        bool is_waiting;                 /* for the last reply to its call */
        bool is_lazy;                    /* does not read for now */
        bool is_garbled;                 /* has sent what is no message */
        bool is_foreign;                 /* asks for what is not its own: JobNotFound */
} SimClient;

/* The end of a job as the log says it. */
typedef struct SimEnd {
        char id[JOB_ID_SIZE]; /* empty: none */
        int outcome;
} SimEnd;

typedef struct Simulation {
        uint64_t random;
        sd_event *event;
        Broker *broker;
        int builder, null_fd;
        int n_open_before;
        SimClient clients[SIM_CLIENTS];
        SimBox boxes[SIM_BOXES];
        int files
                [SIM_BOXES]; /* of boxes that have ended: init's ends of their files channels, or 0 */
        uint64_t last_box;   /* that was started */
        SimEnd *ends;
        uint64_t n_ends;                        /* in this life of the broker */
        uint64_t used[SIM_TENANTS][_QUOTA_MAX]; /* before the last step */
        uint64_t used_all[_QUOTA_MAX];
        uint64_t n_jobs; /* in the store */
        bool is_ending;  /* stops, or its builder is gone */
        /* Over all lives: */
        uint64_t n_accepted, n_replies, n_errors, n_closed, n_reloads;
        uint64_t n_outcomes[_OUTCOME_MAX];
} Simulation;

/* What all clocks of this process say. */
extern uint64_t sim_now_usec;

uint64_t sim_pick(Simulation *s, uint64_t below);
int sim_count_open(void);

/* A broker with this configuration (flat lines), and its end: whatever is open or runs. */
void sim_begin(Simulation *s, const char *config);
void sim_end(Simulation *s);

/* Lets the broker do what there is to do, and the builder take what it asks for. */
void sim_spin(Simulation *s);
void sim_pass(Simulation *s, uint64_t usec);

/* Puts another configuration in force, as the end of a reload does. */
void sim_reload(Simulation *s, const char *config);

/* simulation-boxes.c: the builder, and what is in the boxes. */
void sim_builder_take(Simulation *s);
void sim_report(Simulation *s, SimBox *box, BuilderReportKind kind, const BoxFacts *facts);
void sim_box_step(Simulation *s, SimBox *box);
void sim_box_end(Simulation *s, SimBox *box);
void sim_box_close(SimBox *box);
SimBox *sim_box_pick(Simulation *s);           /* NULL: there is none */
void sim_files_close(Simulation *s, size_t i); /* nothing to do if there are none */

/* simulation-clients.c */
void sim_connect(Simulation *s, SimClient *client, size_t tenant);
void sim_call(
        Simulation *s, SimClient *client, const char *method, const char *parameters, bool more);
void sim_read(Simulation *s, SimClient *client);
void sim_client_step(Simulation *s, SimClient *client);
void sim_client_close(SimClient *client);

/* simulation-check.c: what is always true. */
bool sim_waits_for_sessions(const QueueItem *item); /* whoever has them */
void sim_check(Simulation *s);
SimEnd *sim_find_end(Simulation *s, const char *id); /* its place, where it may not be yet */
void sim_note_end(Simulation *s, const char *id, const char *outcome);
