/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The builder of the simulation, and the programs in its boxes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/macro.h"
#include "broker/job-store.h"
#include "harness.h"
#include "proto/link.h"
#include "proto/runner-wire.h"
#include "simulation.h"

#define OUTPUT_MAX 4000

static SimBox *find_box(Simulation *s, uint64_t box) {
        FOREACH_ARRAY(b, s->boxes, SIM_BOXES)
                if (b->box == box)
                        return b;
        return NULL;
}

SimBox *sim_box_pick(Simulation *s) {
        size_t first = sim_pick(s, SIM_BOXES);

        for (size_t i = 0; i < SIM_BOXES; i++) {
                SimBox *box = &s->boxes[(first + i) % SIM_BOXES];

                if (box->box > 0)
                        return box;
        }
        return NULL;
}

void sim_box_close(SimBox *box) {
        FOREACH_ARRAY(fd, box->fds, box->n_fds)
                fd_close(*fd);
        *box = (SimBox){};
}

/* Init goes without a word. */
void sim_files_close(Simulation *s, size_t i) {
        if (s->files[i] > 0)
                fd_close(s->files[i]);
        s->files[i] = 0;
        sim_spin(s);
}

/* The job has ended; where its files are wanted, init is still there. */
static void keep_files(Simulation *s, SimBox *box) {
        if (box->n_fds == BUILDER_START_FDS || box->is_session)
                return;
        FOREACH_ARRAY(file, s->files, SIM_BOXES)
                if (*file == 0) {
                        *file = box->fds[--box->n_fds];
                        return;
                }
        fail_msg("more files channels than places");
}

/* Nobody of the same tenant was before it in line, unless he waits for what sessions hold. */
static void check_order(const Simulation *s, const Job *job) {
        LIST_FOREACH(l, &s->broker->jobs) {
                const Job *other = container_of(l, Job, jobs);

                if (other->state != JOB_QUEUED || job_is_cell(other) ||
                    job_tenant(other) != job_tenant(job) || sim_waits_for_sessions(&other->queue))
                        continue;
                assert_true(other->queue.priority <= job->queue.priority);
                assert_true(other->queue.priority < job->queue.priority ||
                            other->number > job->number);
        }
}

static void take_start(Simulation *s, const BuilderRequest *request, const int *fds, size_t n_fds) {
        SimBox *box = find_box(s, 0);
        const Job *job = job_store_find_box(s->broker, request->box);

        if (!box) {
                fail_msg("more boxes than places");
                return;
        }
        assert_in_range(n_fds, BUILDER_START_FDS, BUILDER_FDS_MAX);
        assert_true(request->box > s->last_box);
        s->last_box = request->box;
        *box = (SimBox){ .box = request->box, .is_session = request->is_session, .n_fds = n_fds };
        memcpy(box->fds, fds, n_fds * sizeof(*fds));
        if (job)
                check_order(s, job);
}

static void
take_request(Simulation *s, const BuilderRequest *request, const int *fds, size_t n_fds) {
        SimBox *box = request->verb == BUILDER_START ? NULL : find_box(s, request->box);

        if (request->verb == BUILDER_START) {
                take_start(s, request, fds, n_fds);
                return;
        }
        assert_int_equal(n_fds, 0);
        if (request->box == 0 || !box)
                return; /* of the node; or it raced the end of the box */
        if (request->verb == BUILDER_KILL) {
                assert_false(box->is_killed);
                box->is_killed = true;
        } else if (request->verb == BUILDER_CELL) {
                assert_true(box->is_session && box->is_started && box->cell == CELL_NONE);
                box->cell = CELL_BEGUN;
        } else if (request->verb == BUILDER_IDLE) {
                assert_int_equal(box->cell, CELL_SAID);
                box->cell = CELL_OVER;
        } else if (request->verb == BUILDER_INTERRUPT && box->is_session)
                assert_true(box->cell == CELL_RUNS);
}

void sim_builder_take(Simulation *s) {
        int fds[BUILDER_FDS_MAX];
        BuilderRequest request;
        size_t n_fds = 0;

        while (s->builder >= 0 && link_receive(s->builder, &request, sizeof(request), fds,
                                               BUILDER_FDS_MAX, &n_fds) == 1)
                take_request(s, &request, fds, n_fds);
}

void sim_report(Simulation *s, SimBox *box, BuilderReportKind kind, const BoxFacts *facts) {
        BuilderReport report = { .kind = kind, .box = box->box, .setup_usec = 700 };

        if (facts)
                report.facts = *facts;
        if (kind == BUILDER_STARTED)
                box->is_started = true;
        if (kind == BUILDER_CELL_ENDED)
                box->cell = CELL_NONE;
        if (kind == BUILDER_ENDED) {
                keep_files(s, box);
                sim_box_close(box);
        }
        assert_int_equal(link_send(s->builder, &report, sizeof(report), NULL, 0), 0);
        sim_spin(s);
}

void sim_box_end(Simulation *s, SimBox *box) {
        BoxFacts facts = { .has_record = 1, .wall_usec = 1 + sim_pick(s, USEC_PER_SEC) };

        if (!box->is_started && !box->is_killed) {
                facts.has_record = 0;
                facts.setup_error = EIO;
        } else if (box->is_killed)
                facts.end_reason = sim_pick(s, 8) == 0 ? END_OUTPUT : END_CANCEL;
        else
                switch (sim_pick(s, 6)) {
                case 0:
                        facts.job_status = W_EXITCODE(1, 0);
                        break;
                case 1:
                        facts.job_status = SIGSEGV;
                        break;
                case 2:
                        facts.end_reason = END_WALL_TIME;
                        break;
                case 3:
                        facts.has_record = 0;
                        facts.init_status = SIGKILL;
                        break;
                default:
                        break;
                }
        sim_report(s, box, BUILDER_ENDED, &facts);
}

static void
box_say(Simulation *s, const SimBox *box, FrameType type, const void *payload, uint32_t size) {
        const FrameHeader header = { .size = size, .type = type };
        char frame[sizeof(header) + 64];

        memcpy(frame, &header, sizeof(header));
        if (size > 0)
                memcpy(frame + sizeof(header), payload, size);
        /* Nobody may be there any more. */
        (void) send(box->fds[BOX_CHANNEL], frame, sizeof(header) + size, MSG_DONTWAIT);
        sim_spin(s);
}

static void box_print(Simulation *s, const SimBox *box) {
        char text[OUTPUT_MAX];
        size_t size = 1 + sim_pick(s, sizeof(text));

        memset(text, 'x', size);
        (void) !write(box->fds[1 + sim_pick(s, 2)], text, size);
        sim_spin(s);
}

/* One step of a cell, or the wait for one. */
static void cell_step(Simulation *s, SimBox *box) {
        const BoxFacts facts = { .has_record = 1, .wall_usec = 1 };
        uint32_t status = sim_pick(s, 3) == 0;

        switch (box->cell) {
        case CELL_OPENS:
                box->cell = CELL_NONE;
                status = 0;
                box_say(s, box, FRAME_CELL_END, &status, sizeof(status));
                break;
        case CELL_NONE:
                break;
        case CELL_BEGUN:
                box->cell = CELL_RUNS;
                box_say(s, box, FRAME_RUNNING, NULL, 0);
                break;
        case CELL_RUNS:
                if (sim_pick(s, 2) == 0) {
                        box_print(s, box);
                        break;
                }
                box->cell = CELL_SAID;
                box_say(s, box, FRAME_CELL_END, &status, sizeof(status));
                break;
        case CELL_SAID:
                break;
        case CELL_OVER:
                sim_report(s, box, BUILDER_CELL_ENDED, &facts);
                break;
        }
}

void sim_box_step(Simulation *s, SimBox *box) {
        bool dies = sim_pick(s, box->is_session ? 64 : 3) == 0;

        if (box->is_killed)
                sim_box_end(s, box);
        else if (!box->is_started && sim_pick(s, 16) > 0)
                sim_report(s, box, BUILDER_STARTED, NULL);
        else if (!box->is_started || dies)
                sim_box_end(s, box);
        else if (box->is_session)
                cell_step(s, box);
        else if (sim_pick(s, 2) == 0)
                box_print(s, box);
        else
                box_say(s, box, FRAME_RESULT, "1", 1);
}
