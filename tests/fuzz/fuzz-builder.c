/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A builder whose broker, templates and inits were taken over: whatever they say, no box has more than its profile
 * allows, each box ends once, and no descriptor is left. What only an impostor says ends the daemon, which is fine.
 *
 * An input: one byte of flags, then steps, each a byte that says which, and what it takes. */

#include <fcntl.h>

#include "basic/fd.h"
#include "builder-world.h"
#include "builder/box.h"
#include "builder/request.h"
#include "profile/limits.h"
#include "proto/link.h"

#define STEPS_MAX 128

static const uint64_t numbers[] = { 0, 1, 100, 10000, 16777216, UINT32_MAX, INT64_MAX, UINT64_MAX };

static uint64_t pick_number(FuzzInput *in) {
        return numbers[fuzz_byte(in) % ELEMENTSOF(numbers)];
}

static void send_request(World *w, const BuilderRequest *request, size_t size, size_t n_fds) {
        int fds[LINK_FDS_MAX] = {};

        for (size_t i = 0; i < n_fds; i++) {
                fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
                fuzz_check(fds[i] >= 0);
        }
        (void) link_send(w->broker, request, size, fds, n_fds);
        for (size_t i = 0; i < n_fds; i++)
                fd_close(fds[i]);
}

/* Something that a broker could say. */
static void request_sane(World *w, FuzzInput *in) {
        static const uint8_t n_fds_of[_BUILDER_VERB_MAX] = {
                [BUILDER_START] = BUILDER_START_FDS,
                [BUILDER_RESTART] = BUILDER_START_FDS,
                [BUILDER_BRANCH] = BUILDER_START_FDS,
        };
        uint8_t verb = fuzz_byte(in) % _BUILDER_VERB_MAX, flags = fuzz_byte(in);
        uint32_t plan = flags % WORLD_PROFILES;
        BuilderRequest request = {
                .verb = verb,
                .plan = plan,
                .box = fuzz_byte(in) % 16 + 1,
                .digest = world_digest(w, plan),
                .is_session = flags >> 1 & 1,
                .is_waiting = flags >> 2 & 1,
                .cpu_weight = flags >> 3 & 1 ? CPU_WEIGHT_MAX : 0,
                .limits = w->store->profiles[plan]->limits,
        };
        size_t n_fds = n_fds_of[verb];

        if (verb == BUILDER_START)
                n_fds += flags >> 4 & 1;
        if (verb == BUILDER_BRANCH)
                request.branch = 100 + w->last_branch++;
        if (verb == BUILDER_KILL)
                request.reason = flags >> 5 & 1 ? END_OUTPUT : END_CANCEL;
        if (verb == BUILDER_INTERRUPT)
                request.reason = flags >> 5 & 1 ? END_CANCEL : END_BY_ITSELF;
        if (verb == BUILDER_FORGET)
                request.plan = fuzz_byte(in) % 4;
        if (verb == BUILDER_TOOL_WAIT)
                request.waited_usec = pick_number(in);
        send_request(w, &request, sizeof(request), n_fds);
}

/* One with some of its words changed, its size or its descriptors. */
static void request_changed(World *w, FuzzInput *in) {
        uint8_t verb = fuzz_byte(in), n_changes = fuzz_byte(in) % 4, n_fds = fuzz_byte(in);
        BuilderRequest request = {
                .verb = verb % (_BUILDER_VERB_MAX + 1),
                .box = 1,
                .digest = world_digest(w, 0),
                .limits = w->store->profiles[0]->limits,
        };
        uint32_t words[sizeof(request) / sizeof(uint32_t)];
        size_t size = sizeof(request);

        memcpy(words, &request, sizeof(words));
        for (unsigned i = 0; i < n_changes; i++) {
                uint8_t at = fuzz_byte(in), how = fuzz_byte(in);

                if (how & 0x80)
                        fuzz_fill(in, &words[at % ELEMENTSOF(words)], sizeof(uint32_t));
                else
                        words[at % ELEMENTSOF(words)] = how;
        }
        memcpy(&request, words, sizeof(words));
        if (n_fds & 0x80)
                size = fuzz_byte(in) % (sizeof(request) + 1);
        send_request(w, &request, size, n_fds % (LINK_FDS_MAX + 1));
}

static void report_of_init(World *w, FuzzInput *in) {
        const Interpreter *i = world_interpreter(w, fuzz_byte(in));
        uint8_t kind = fuzz_byte(in), what = fuzz_byte(in);
        BoxReport report = { .kind = kind % (_BOX_REPORT_MAX + 1) };
        _cleanup_close_ int pidfd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        report.error = (int32_t) pick_number(in);
        report.step = (uint32_t) pick_number(in);
        if (what & 1)
                report.at_usec = pick_number(in);
        report.tasks_peak = pick_number(in);
        report.n_denied = (uint32_t) pick_number(in);
        report.cpu_user_usec = pick_number(in);
        if (i)
                (void) link_send(i->control, &report,
                                 what & 2 ? sizeof(report) : what % sizeof(report) + 1, &pidfd,
                                 what >> 2 & 1);
}

static void word_of_template(World *w, FuzzInput *in) {
        Process *p = world_template(w, fuzz_byte(in));
        uint8_t what = fuzz_byte(in);
        TemplateMade made = { .box = fuzz_byte(in) % 16 + 1 };
        _cleanup_close_ int pidfd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        if (!p)
                return;
        switch (what % 4) {
        case 0:
                template_hello(w, p);
                break;
        case 1:
                made.error = (int32_t) pick_number(in);
                (void) link_send(p->link, &made, sizeof(made), &pidfd, what >> 2 & 1);
                break;
        case 2:
                (void) link_send(p->link, &made, what % sizeof(made) + 1, NULL, 0);
                break;
        default:
                process_end(w, p);
        }
}

/* A timer of a box is over. */
static void let_timer_end(World *w, FuzzInput *in) {
        const Box *box = box_find(w->builder, fuzz_byte(in) % 16 + 1);
        sd_event_source *source = NULL;

        if (box)
                source = fuzz_byte(in) & 1 ? box->cpu_source : box->wall_source;
        if (source)
                (void) sd_event_source_set_time(source, 1);
}

static void step(World *w, FuzzInput *in) {
        Interpreter *i;

        switch (fuzz_byte(in) % 8) {
        case 0:
        case 1:
                request_sane(w, in);
                break;
        case 2:
                request_changed(w, in);
                break;
        case 3:
                report_of_init(w, in);
                break;
        case 4:
                word_of_template(w, in);
                break;
        case 5:
                let_timer_end(w, in);
                break;
        case 6:
                w->cpu_usec = pick_number(in);
                world_pass(UINT64_C(1) << fuzz_byte(in) % 40);
                break;
        default:
                i = world_interpreter(w, fuzz_byte(in));
                if (i)
                        process_end(w, i->init);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        unsigned before = fuzz_count_fds();
        FuzzInput in = { data, size };
        uint8_t flags = fuzz_byte(&in);
        World w;

        world_begin(&w, !(flags & 1));
        for (size_t i = 0; i < STEPS_MAX && in.size > 0; i++) {
                step(&w, &in);
                /* Several things may come at once. */
                if (!(flags & 2) || i % 4 == 0)
                        if (!world_spin(&w))
                                break;
        }
        if (flags & 4)
                builder_stop(w.builder);
        (void) world_spin(&w);
        world_end(&w);
        fuzz_check(fuzz_count_fds() == before);
        return 0;
}
