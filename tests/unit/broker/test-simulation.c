/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A million random events for a whole broker: submissions, answers of the builder, ends, cancellations,
 * clients that go away, deadlines, reloads, sessions, and now and then its own end. After each event
 * everything in simulation-check.c is true. PYSB_SIMULATION_SEED repeats a run. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "basic/fd.h"
#include "basic/macro.h"
#include "basic/parse.h"
#include "broker/job-store.h"
#include "broker/server.h"
#include "simulation.h"

#ifdef __SANITIZE_ADDRESS__
#define EVENTS 100000 /* each of them takes ten times as long */
#else
#define EVENTS 1000000
#endif
#define EVENTS_PER_LIFE 5000
#define CONFIG_MAX 4096

static uint64_t seed;

static void add_line(char config[static CONFIG_MAX], const char *format, ...) _printf_(2, 3);

static void add_line(char config[static CONFIG_MAX], const char *format, ...) {
        size_t used = strlen(config);
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(config + used, CONFIG_MAX - used, format, ap);
        va_end(ap);
        assert_true(strlen(config) < CONFIG_MAX - 1);
}

/* A node with some maxima, and tables for some of the tenants. */
static void make_config(Simulation *s, char config[static CONFIG_MAX]) {
        *config = '\0';
        add_line(config, "d:1: daemon.max_running_jobs = %" PRIu64 "\n",
                 1 + sim_pick(s, SIM_PLACES));
        add_line(config, "d:2: daemon.max_queued_jobs = %" PRIu64 "\n", sim_pick(s, 60));
        add_line(config, "d:3: daemon.max_connections = %" PRIu64 "\n", 10 + sim_pick(s, 20));
        add_line(config, "d:4: daemon.max_memory = \"%" PRIu64 "M\"\n", 64 * (8 + sim_pick(s, 20)));
        for (size_t i = 0; i < SIM_TENANTS; i++) {
                if (sim_pick(s, 4) == 0)
                        continue;
                add_line(config, "== t%zu\nt:1: tenant.uids = %zu\n", i, 1000 + i);
                add_line(config, "t:2: tenant.weight = %" PRIu64 "\n", 1 + sim_pick(s, 400));
                add_line(config, "t:3: tenant.max_running = %" PRIu64 "\n",
                         1 + sim_pick(s, SIM_PLACES));
                add_line(config, "t:4: tenant.max_queued = %" PRIu64 "\n", 1 + sim_pick(s, 30));
                add_line(config, "t:5: tenant.max_memory = \"%" PRIu64 "M\"\n",
                         64 * (8 + sim_pick(s, 12)));
                if (sim_pick(s, 3) == 0)
                        add_line(config, "t:6: tenant.submits_per_second = %" PRIu64 "\n",
                                 1 + sim_pick(s, 1000));
        }
}

static void step(Simulation *s) {
        uint64_t what = sim_pick(s, 1000);
        char config[CONFIG_MAX];
        SimBox *box;

        if (what == 0)
                sim_pass(s, sim_pick(s, 700 * USEC_PER_SEC));
        else if (what < 10)
                sim_pass(s, sim_pick(s, 2 * USEC_PER_SEC));
        else
                sim_pass(s, sim_pick(s, 2 * USEC_PER_MSEC));
        if (what == 10) {
                make_config(s, config);
                sim_reload(s, config);
        } else if (what < 100)
                sim_files_close(s, sim_pick(s, SIM_BOXES));
        else if (what < 400 && (box = sim_box_pick(s)))
                sim_box_step(s, box);
        else
                sim_client_step(s, &s->clients[sim_pick(s, SIM_CLIENTS)]);
}

/* All programs end, all clients read. */
static void come_to_an_end(Simulation *s) {
        FOREACH_ARRAY(b, s->boxes, SIM_BOXES)
                if (b->box > 0)
                        sim_box_step(s, b);
        for (size_t i = 0; i < SIM_BOXES; i++)
                sim_files_close(s, i);
        FOREACH_ARRAY(c, s->clients, SIM_CLIENTS)
                if (c->fd >= 0)
                        sim_read(s, c);
}

/* Nobody wants anything any more: then nothing is left. */
static void end_at_rest(Simulation *s) {
        const Broker *b = s->broker;

        FOREACH_ARRAY(c, s->clients, SIM_CLIENTS)
                sim_client_close(c);
        for (size_t i = 0; i < 1000; i++) {
                sim_pass(s, 60 * USEC_PER_SEC);
                come_to_an_end(s);
                sim_check(s);
                if (list_is_empty(&b->jobs) && list_is_empty(&b->sessions))
                        break;
        }
        assert_true(list_is_empty(&b->jobs) && list_is_empty(&b->sessions));
        assert_true(server_is_idle(b->server));
        for (Quota q = 0; q < _QUOTA_MAX; q++)
                assert_int_equal(b->tenants.used[q], 0);
        assert_int_equal(s->n_ends, b->last_number);
        /* The builder's link has two ends, the loop and its timer three descriptors. */
        assert_in_range(sim_count_open(), s->n_open_before + 1, s->n_open_before + 8);
}

static void expect_no_job(const Simulation *s) {
        LIST_FOREACH(l, &s->broker->jobs)
                assert_true(job_is_finished(container_of(l, Job, jobs)));
        assert_int_equal(s->n_ends, s->broker->last_number);
}

/* SIGTERM: everything is cancelled, everybody learns it. */
static void end_by_stop(Simulation *s) {
        int code;

        s->is_ending = true;
        broker_stop(s->broker);
        sim_spin(s);
        for (size_t i = 0; i < 1000 && sd_event_get_state(s->event) != SD_EVENT_FINISHED; i++) {
                sim_check(s);
                come_to_an_end(s);
                sim_pass(s, 10 * USEC_PER_MSEC);
        }
        assert_int_equal(sd_event_get_exit_code(s->event, &code), 0);
        assert_int_equal(code, 0);
        expect_no_job(s);
}

/* The builder goes, and takes all boxes with it. */
static void end_by_death(Simulation *s) {
        int code;

        s->is_ending = true;
        s->builder = fd_close(s->builder);
        sim_spin(s);
        assert_int_equal(sd_event_get_exit_code(s->event, &code), 0);
        assert_int_equal(code, 1);
        sim_check(s);
        expect_no_job(s);
        FOREACH_ARRAY(c, s->clients, SIM_CLIENTS)
                if (c->fd >= 0)
                        sim_read(s, c);
}

static void end_at_once(Simulation *s) {
}

static void test_random_events(void **state) {
        static void (*const ends[])(Simulation * s) = { end_at_rest, end_by_stop, end_by_death,
                                                        end_at_once };
        /* The other ends of programs are test-outcome.c's. */
        static const Outcome expected[] = {
                OUTCOME_SUCCESS,         OUTCOME_EXIT_NONZERO, OUTCOME_SIGNALED,
                OUTCOME_WALL_TIME_LIMIT, OUTCOME_REJECTED,     OUTCOME_OUTPUT_LIMIT,
                OUTCOME_CANCELLED,       OUTCOME_EXPIRED,      OUTCOME_LOST,
                OUTCOME_INTERNAL_ERROR,
        };
        static Simulation s;
        char config[CONFIG_MAX];

        print_message("# PYSB_SIMULATION_SEED=%" PRIu64 "\n", seed); /* behind the version of TAP */
        s = (Simulation){ .random = seed };
        for (size_t life = 0; life < EVENTS / EVENTS_PER_LIFE; life++) {
                make_config(&s, config);
                sim_begin(&s, config);
                for (size_t i = 0; i < EVENTS_PER_LIFE; i++) {
                        step(&s);
                        sim_check(&s);
                }
                ends[life % ELEMENTSOF(ends)](&s);
                sim_end(&s);
        }
        print_message("# %" PRIu64 " jobs, %" PRIu64 " replies, %" PRIu64 " errors, %" PRIu64
                      " connections closed, %" PRIu64 " reloads\n",
                      s.n_accepted, s.n_replies, s.n_errors, s.n_closed, s.n_reloads);
        for (Outcome o = 0; o < _OUTCOME_MAX; o++)
                print_message("# %s %" PRIu64 "\n", outcome_names[o], s.n_outcomes[o]);
        /* What never happens proves nothing. */
        assert_true(s.n_accepted > EVENTS / 20 && s.n_errors > EVENTS / 100 &&
                    s.n_closed > EVENTS / 5000 && s.n_reloads > EVENTS / 5000);
        FOREACH_ARRAY(o, expected, ELEMENTSOF(expected))
                assert_true(s.n_outcomes[*o] > 0);
        free(s.ends);
}

#define COMPLETIONS 20000
#define WINDOW 1000
#define IN_LINE 16 /* jobs of each tenant that wait */
/* With weights of 100 to 200 the least share is 142. 5 % of it are more jobs than can run at one edge of a window
 * and not at the other: the six places that are not the node's reserve. */
#define SHARING 4

static void submit(Simulation *s, size_t tenant) {
        SimClient *c = &s->clients[tenant];
        char text[128];

        (void) snprintf(text, sizeof(text),
                        "{\"request\":{\"code\":\"1\",\"priority\":%" PRIu64 ",\"retainUSec\":0}}",
                        sim_pick(s, PRIORITIES));
        sim_call(s, c, "Submit", text, false);
        sim_read(s, c);
}

/* Ends one that runs, and its tenant submits the next one. */
static size_t complete_one(Simulation *s) {
        SimBox *box = sim_box_pick(s);
        const BoxFacts facts = { .has_record = 1 };
        size_t tenant;

        assert_non_null(box);
        tenant = (size_t) (job_tenant(job_store_find_box(s->broker, box->box))->name[1] - '0');
        sim_report(s, box, BUILDER_STARTED, NULL);
        sim_report(s, box, BUILDER_ENDED, &facts);
        sim_pass(s, 1);
        submit(s, tenant);
        return tenant;
}

static void check_shares(const uint8_t order[static COMPLETIONS],
                         const uint64_t weights[static SHARING]) {
        uint64_t weight_sum = 0, n[SHARING] = {};

        for (size_t t = 0; t < SHARING; t++)
                weight_sum += weights[t];
        for (size_t i = 0; i < COMPLETIONS; i++) {
                n[order[i]]++;
                if (i >= WINDOW)
                        n[order[i - WINDOW]]--;
                for (size_t t = 0; t < SHARING && i >= WINDOW; t++) {
                        uint64_t share = WINDOW * weights[t] / weight_sum;
                        uint64_t apart = n[t] > share ? n[t] - share : share - n[t];

                        assert_true(apart <= share / 20 + 1);
                }
        }
}

/* All tenants always have something waiting: of any 1,000 ends in a row each has its share. */
static void test_shares(void **state) {
        static uint8_t order[COMPLETIONS];
        static Simulation s;
        char config[CONFIG_MAX] = "d:1: daemon.max_queued_jobs = 1000\n";
        uint64_t weights[SHARING];

        s = (Simulation){ .random = seed };
        for (size_t t = 0; t < SHARING; t++) {
                weights[t] = 100 + 10 * sim_pick(&s, 11);
                add_line(config,
                         "== t%zu\nt:1: tenant.uids = %zu\nt:2: tenant.weight = %" PRIu64 "\n", t,
                         1000 + t, weights[t]);
        }
        sim_begin(&s, config);
        for (size_t t = 0; t < SHARING; t++)
                sim_connect(&s, &s.clients[t], t);
        for (size_t i = 0; i < SHARING * IN_LINE; i++)
                submit(&s, i % SHARING);
        for (size_t i = 0; i < COMPLETIONS; i++) {
                order[i] = (uint8_t) complete_one(&s);
                sim_check(&s);
        }
        assert_int_equal(s.n_errors, 0);
        check_shares(order, weights);
        sim_end(&s);
        free(s.ends);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_random_events),
                cmocka_unit_test(test_shares),
        };
        const char *given = getenv("PYSB_SIMULATION_SEED");

        if (given ? parse_u64(given, &seed) < 0 : getrandom(&seed, sizeof(seed), 0) < 0)
                return EXIT_FAILURE;
        seed = MAX(seed, UINT64_C(1));
        return cmocka_run_group_tests(tests, NULL, NULL);
}
