/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Everything that connects the broker with a job: stdin, stdout, stderr and the channel. What comes
 * from there is hostile; it fills bounded buffers, and that is all it can do. */

#include <systemd/sd-event.h>

#include "broker/job.h"
#include "proto/builder-wire.h"

typedef struct RunnerLink RunnerLink;

typedef struct RunnerLinkOwner {
        sd_event *event;
        int null_fd;            /* read-only /dev/null: an absent stdin */
        Instant (*clock)(void); /* for the time stamps of output */
        /* The job wrote more than its limit. Called once, from the event loop. */
        void (*output_exceeded)(void *userdata, Job *job);
        /* The payload of a TOOL_CALL frame; a negative errno ends the reading. */
        int (*tool_call)(void *userdata, Job *job, const char *payload, size_t size);
        /* The job calls no more tools and reads no more answers. */
        void (*channel_closed)(void *userdata, Job *job);
        /* The payload of a CELL_END frame, as tool_call(). */
        int (*cell_over)(void *userdata, Job *job, const char *payload, size_t size);
        /* The program of a cell with wants_interrupt runs. */
        void (*cell_runs)(void *userdata, Job *job);
        void *userdata;
} RunnerLinkOwner;

/* Makes the pipes and the channel, starts to write the JOB frame and stdin, and reads. ret_fds are
 * the box's ends, in the order of BUILDER_START, owned by the caller. owner must outlive the link. */
int runner_link_new(const RunnerLinkOwner *owner,
                    Job *job,
                    int ret_fds[static BUILDER_START_FDS],
                    RunnerLink **ret_link);
RunnerLink *runner_link_free(RunnerLink *link);
DEFINE_CLEANUP(RunnerLink *, runner_link_free);

/* The program runs: what it writes is read from now on, so that no event comes before "started". */
void runner_link_started(RunnerLink *link);

/* Sends a frame. What a job does not read waits, up to a bound: -ENOBUFS, -EPIPE, -ENOMEM. */
int runner_link_send(RunnerLink *link, const void *frame, size_t size);

/* Believes nothing more of what comes on the channel, and closes it. */
void runner_link_hang_up(RunnerLink *link);

/* In a session: the cell begins, and what the interpreter writes and says is its own. The cell's JOB frame
 * is sent. Errors as of runner_link_send(). */
int runner_link_begin_cell(RunnerLink *link, Job *cell);

/* It has ended: takes what it wrote. From then on nothing is read, so that what a thread writes between
 * two cells is the next one's. */
void runner_link_end_cell(RunnerLink *link, Job *host);

/* Whether the host of a session is heard, while no cell runs. */
void runner_link_hear_host(RunnerLink *link, bool is_heard);

/* The box is gone: reads what is left in the pipes and the channel. */
void runner_link_drain(RunnerLink *link);
