/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the builder does beside its boxes: what it tells its broker, and how both end. The broker is a process that does
 * nothing. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "basic/fd.h"
#include "builder/builder.h"
#include "proto/engine.h"
#include "proto/layers.h"
#include "proto/link.h"

#define MEMORY_BYTES 4096

static bool has_sysinfo;
static int fails_at; /* which sd_event_add_io() from now on; 0 is none */
static bool has_timers;

__typeof__(sysinfo) __real_sysinfo, __wrap_sysinfo;
__typeof__(sd_event_add_io) __real_sd_event_add_io, __wrap_sd_event_add_io;
__typeof__(sd_event_add_time_relative) __wrap_sd_event_add_time_relative;

int __wrap_sysinfo(struct sysinfo *info) {
        if (has_sysinfo)
                return __real_sysinfo(info);
        errno = EPERM;
        return -1;
}

int __wrap_sd_event_add_io(sd_event *event,
                           sd_event_source **source,
                           int fd,
                           uint32_t events,
                           sd_event_io_handler_t handler,
                           void *userdata) {
        if (fails_at > 0 && --fails_at == 0)
                return -ENOMEM;
        return __real_sd_event_add_io(event, source, fd, events, handler, userdata);
}

/* Whatever is waited for, the time is over. */
int __wrap_sd_event_add_time_relative(sd_event *event,
                                      sd_event_source **source,
                                      clockid_t clock,
                                      uint64_t usec,
                                      uint64_t accuracy_usec,
                                      sd_event_time_handler_t handler,
                                      void *userdata) {
        return has_timers ? sd_event_add_time(event, source, clock, 0, 0, handler, userdata)
                          : -ENOMEM;
}

typedef struct Bench {
        Builder builder;
        int broker; /* its end of the link */
        pid_t pid;
} Bench;

static int setup(void **state) {
        Bench *b = calloc(1, sizeof(*b));
        Builder *builder = &b->builder;

        has_sysinfo = has_timers = true;
        fails_at = 0;
        assert_true(sd_event_new(&builder->event) >= 0);
        list_init(&builder->sets);
        list_init(&builder->spares);
        FOREACH_ARRAY(bucket, builder->boxes, BUILDER_BUCKETS)
                list_init(bucket);
        builder->max_boxes = 4;
        builder->engines = ENGINE_BIT(ENGINE_NAMESPACE);
        builder->cgroups = CGROUP_TREE_NONE;
        builder->cgroups.memory_bytes = MEMORY_BYTES;
        builder->unsent = BUF_INIT(4 * sizeof(BuilderReport));
        *state = b;
        return 0;
}

static int teardown(void **state) {
        Bench *b = *state;
        Builder *builder = &b->builder;

        sd_event_source_disable_unref(builder->broker_source);
        sd_event_source_disable_unref(builder->broker_exit_source);
        sd_event_source_disable_unref(builder->pressure_source);
        if (kill(b->pid, SIGKILL) >= 0)
                (void) waitpid(b->pid, NULL, 0);
        fd_close(builder->broker_fd);
        fd_close(builder->broker_pidfd);
        fd_close(b->broker);
        cgroup_tree_close(&builder->cgroups);
        buf_done(&builder->unsent);
        sd_event_unref(builder->event);
        free(b);
        return 0;
}

static int attach(Bench *b, bool is_over) {
        int link[2];

        assert_int_equal(fd_socketpair(link, SOCK_SEQPACKET), 0);
        b->broker = link[1];
        assert_int_equal(fd_set_nonblock(b->broker, true), 0);
        b->pid = fork();
        if (b->pid == 0 && is_over)
                _exit(EXIT_SUCCESS);
        if (b->pid == 0)
                for (;;)
                        (void) pause();
        return builder_attach_broker(&b->builder, link[0], pidfd_open(b->pid, 0));
}

/* 1, or -EAGAIN if there is none. */
static int receive(Bench *b, BuilderReport *ret_report) {
        return link_receive(b->broker, ret_report, sizeof(*ret_report), NULL, 0, NULL);
}

static void test_node(void **state) {
        Bench *b = *state;
        uint64_t missing = LAYER_BIT(LAYER_UID_RANGE) | LAYER_BIT(LAYER_LANDLOCK);
        BuilderReport node;

        has_sysinfo = false; /* as a filter of the unit's might have it */
        assert_int_equal(attach(b, false), 0);
        assert_int_equal(receive(b, &node), 1);
        assert_int_equal(node.kind, BUILDER_NODE);
        assert_int_equal(node.slots, 4);
        assert_int_equal(node.memory_bytes, MEMORY_BYTES);
        assert_int_equal(node.layers & missing, 0);
        b->builder.identity.has_id_range = true;
        b->builder.landlock_abi = 1;
        assert_int_equal(builder_layers(&b->builder), node.layers | missing);
}

/* Nothing is served without a look at the link, at the end of the broker, and at the memory. */
static void test_unwatched(void **state) {
        for (int n = 1; n <= 3; n++) {
                void *bench;
                BuilderReport report;
                Bench *b;

                setup(&bench);
                b = bench;
                b->builder.cgroups.pressure_fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
                fails_at = n;
                assert_int_equal(attach(b, false), -ENOMEM);
                assert_int_equal(receive(b, &report), -EAGAIN);
                teardown(&bench);
        }
}

static void test_end_in_order(void **state) {
        Bench *b = *state;

        assert_int_equal(attach(b, true), 0);
        assert_int_equal(sd_event_loop(b->builder.event), 0);
}

static void test_broker_dies(void **state) {
        Bench *b = *state;

        assert_int_equal(attach(b, false), 0);
        assert_int_equal(kill(b->pid, SIGKILL), 0);
        assert_int_equal(sd_event_loop(b->builder.event), -ECHILD);
}

/* What the broker does not take now it gets later, in order; it is waited for as long as there is room. */
static void test_slow_broker(void **state) {
        Bench *b = *state;
        BuilderReport report = { .kind = BUILDER_USED };
        uint64_t n = 0, box = 0;
        int code;

        assert_int_equal(attach(b, false), 0);
        while (buf_size(&b->builder.unsent) < 2 * sizeof(report)) {
                report.box = ++n;
                builder_report(&b->builder, &report);
        }
        assert_int_equal(receive(b, &report), 1); /* BUILDER_NODE */
        while (box < n) {
                assert_true(sd_event_run(b->builder.event, 0) >= 0);
                while (receive(b, &report) == 1)
                        assert_int_equal(report.box, ++box);
        }
        assert_int_equal(buf_size(&b->builder.unsent), 0);
        assert_int_equal(sd_event_get_exit_code(b->builder.event, &code), -ENODATA);
        while (sd_event_get_exit_code(b->builder.event, &code) < 0)
                builder_report(&b->builder, &report);
        assert_true(code < 0);
}

/* A terminal in packet mode stands for the attribute: it has something urgent when it is flushed. */
static void test_pressure(void **state) {
        Bench *b = *state;
        int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave, on = 1, enabled;
        BuilderReport report;
        char byte;

        assert_int_equal(grantpt(master), 0);
        assert_int_equal(unlockpt(master), 0);
        assert_int_equal(ioctl(master, TIOCPKT, &on), 0);
        b->builder.cgroups.pressure_fd = master;
        assert_int_equal(attach(b, false), 0);
        slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
        assert_int_equal(receive(b, &report), 1);
        assert_int_equal(sd_event_run(b->builder.event, 0), 0);

        assert_int_equal(tcflush(slave, TCIFLUSH), 0);
        assert_true(sd_event_run(b->builder.event, 0) > 0);
        assert_int_equal(receive(b, &report), 1);
        assert_int_equal(report.kind, BUILDER_PRESSURE);
        assert_int_equal(read(master, &byte, 1), 1);

        close(slave); /* the cgroup is gone */
        assert_true(sd_event_run(b->builder.event, 0) > 0);
        assert_int_equal(receive(b, &report), -EAGAIN);
        assert_true(sd_event_source_get_enabled(b->builder.pressure_source, &enabled) >= 0);
        assert_int_equal(enabled, SD_EVENT_OFF);
}

/* A broker that says no goodbye to its clients is not waited for. */
static void test_stop(void **state) {
        Bench *b = *state;
        BuilderReport report;

        assert_int_equal(attach(b, false), 0);
        assert_int_equal(receive(b, &report), 1);
        builder_stop(&b->builder);
        builder_stop(&b->builder); /* the second signal */
        assert_int_equal(receive(b, &report), 1);
        assert_int_equal(report.kind, BUILDER_STOPPING);
        assert_int_equal(receive(b, &report), -EAGAIN);
        assert_int_equal(sd_event_loop(b->builder.event), 0);
        assert_int_equal(kill(b->pid, 0), 0);
}

static void test_stop_at_once(void **state) {
        Bench *b = *state;
        int code;

        has_timers = false;
        assert_int_equal(attach(b, false), 0);
        builder_stop(&b->builder);
        assert_int_equal(sd_event_get_exit_code(b->builder.event, &code), 0);
        assert_int_equal(code, 0);
}

#define BENCH(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
        static const struct CMUnitTest tests[] = {
                BENCH(test_node),         BENCH(test_end_in_order),
                BENCH(test_broker_dies),  BENCH(test_slow_broker),
                BENCH(test_pressure),     BENCH(test_stop),
                BENCH(test_stop_at_once), cmocka_unit_test(test_unwatched),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
