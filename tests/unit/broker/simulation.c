/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "simulation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/log.h"
#include "basic/macro.h"
#include "broker/scheduler.h"
#include "broker/server.h"
#include "harness.h"
#include "proto/layers.h"
#include "proto/link.h"

/* Far beyond what the kernel's clock says: its timer never fires, time is what the seed makes it. */
#define BEGIN_USEC (UINT64_C(1) << 52)

uint64_t sim_now_usec = BEGIN_USEC;

/* In place of those of lib/basic: the linker takes these. */
uint64_t clock_monotonic_usec(void) {
        return sim_now_usec;
}

uint64_t clock_realtime_usec(void) {
        return sim_now_usec;
}

static Simulation *the_simulation; /* for the log */

/* xorshift64*: the same everywhere. */
uint64_t sim_pick(Simulation *s, uint64_t below) {
        s->random ^= s->random >> 12;
        s->random ^= s->random << 25;
        s->random ^= s->random >> 27;
        return (s->random * UINT64_C(0x2545f4914f6cdd1d) >> 32) % below;
}

int sim_count_open(void) {
        _cleanup_(closedirp) DIR *dir = opendir("/proc/self/fd");
        int n = 0;

        assert_non_null(dir);
        while (readdir(dir))
                n++;
        return n;
}

/* The broker says the end of each job in its log, once. */
static void sim_on_log(int priority, const char *message, const LogField *fields, size_t n_fields) {
        const char *id = NULL, *outcome = NULL;

        FOREACH_ARRAY(f, fields, n_fields) {
                if (strcmp(f->name, "PYSB_JOB") == 0)
                        id = f->value;
                else if (strcmp(f->name, "PYSB_OUTCOME") == 0)
                        outcome = f->value;
        }
        if (id && outcome)
                sim_note_end(the_simulation, id, outcome);
        else if (priority <= LOG_WARNING && !the_simulation->is_ending)
                fail_msg("the broker says: %s", message);
}

static DaemonConfig *make_config(const char *lines) {
        DaemonConfig *config;
        char *error = NULL;

        if (daemon_config_parse(lines, strlen(lines), &config, &error) < 0)
                fail_msg("%s", error);
        return config;
}

static void sim_make_broker(Simulation *s, const char *config) {
        const BuilderReport node = {
                .kind = BUILDER_NODE,
                .slots = SIM_PLACES,
                .layers = LAYER_BIT(_LAYER_MAX) - 1,
        };
        BrokerOptions options = {
                .null_fd = s->null_fd,
                .store = harness_store(),
                .config = make_config(config),
                .admin_gid = (gid_t) -1,
        };
        int link[2];

        assert_int_equal(fd_socketpair(link, SOCK_SEQPACKET), 0);
        s->builder = link[1];
        options.builder_fd = link[0];
        assert_int_equal(fd_set_nonblock(s->builder, true), 0);
        assert_int_equal(sd_event_new(&s->event), 0);
        assert_int_equal(broker_new(s->event, &options, &s->broker), 0);
        assert_int_equal(link_send(s->builder, &node, sizeof(node), NULL, 0), 0);
        sim_spin(s);
}

void sim_begin(Simulation *s, const char *config) {
        the_simulation = s;
        (void) signal(SIGPIPE, SIG_IGN);
        log_set_sink(sim_on_log);
        if (!s->ends)
                s->ends = calloc(SIM_ENDS, sizeof(*s->ends));
        assert_non_null(s->ends);
        memset(s->ends, 0, SIM_ENDS * sizeof(*s->ends));
        memset(s->boxes, 0, sizeof(s->boxes));
        memset(s->files, 0, sizeof(s->files));
        memset(s->used, 0, sizeof(s->used));
        memset(s->used_all, 0, sizeof(s->used_all));
        s->last_box = s->n_ends = s->n_jobs = 0;
        s->is_ending = false;
        FOREACH_ARRAY(c, s->clients, SIM_CLIENTS)
                *c = (SimClient){ .fd = -EBADF };
        s->n_open_before = sim_count_open();
        s->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        assert_true(s->null_fd >= 0);
        sim_make_broker(s, config);
}

void sim_end(Simulation *s) {
        s->n_accepted += s->broker->last_number;
        s->is_ending = true;
        s->broker = broker_free(s->broker);
        FOREACH_ARRAY(c, s->clients, SIM_CLIENTS)
                sim_client_close(c);
        FOREACH_ARRAY(b, s->boxes, SIM_BOXES)
                if (b->box > 0)
                        sim_box_close(b);
        FOREACH_ARRAY(file, s->files, SIM_BOXES)
                if (*file > 0)
                        fd_close(*file);
        sd_event_unref(s->event);
        s->builder = fd_close(s->builder);
        fd_close(s->null_fd);
        assert_int_equal(sim_count_open(), s->n_open_before);
}

static bool is_over(const Simulation *s) {
        return sd_event_get_state(s->event) == SD_EVENT_FINISHED;
}

static bool sim_loop(Simulation *s) {
        bool some = false;

        while (!is_over(s)) {
                bool waits = !list_is_empty(&s->broker->server->held);
                int r = sd_event_run(s->event, waits ? UINT64_MAX : 0);

                assert_true(r >= 0);
                if (r == 0)
                        break;
                some = true;
        }
        return some;
}

void sim_spin(Simulation *s) {
        /* A deadline that is over and is set again at once would keep a real loop busy for ever. */
        for (size_t turn = 0; turn < 64; turn++) {
                bool some = sim_loop(s);

                sim_builder_take(s);
                if (!is_over(s) && sim_now_usec >= s->broker->sweep_usec) {
                        broker_sweep(s->broker);
                        some = true;
                }
                if (!some)
                        return;
        }
        fail_msg("the broker does not come to rest");
}

void sim_pass(Simulation *s, uint64_t usec) {
        sim_now_usec += usec;
        sim_spin(s);
}

/* As reload_report() does with what the builder has sent. */
void sim_reload(Simulation *s, const char *config) {
        broker_set_config(s->broker, make_config(config));
        scheduler_start_waiting(s->broker);
        s->n_reloads++;
        sim_spin(s);
}
