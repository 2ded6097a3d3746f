/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Boxes with several sessions, in a builder whose broker and whose inits are the test: who gets a branch, what init
 * is told, and whose end is whose. An init is a process that only can be killed. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/macro.h"
#include "builder/box.h"
#include "builder/plan-set.h"
#include "builder/request.h"
#include "launch/self-test.h"
#include "profile/limits.h"
#include "proto/layers.h"
#include "proto/link.h"

#define BRANCHES 2

static bool has_timers = true;

__typeof__(sd_event_add_time) __real_sd_event_add_time, __wrap_sd_event_add_time;

int __wrap_sd_event_add_time(sd_event *event,
                             sd_event_source **source,
                             clockid_t clock,
                             uint64_t usec,
                             uint64_t accuracy_usec,
                             sd_event_time_handler_t handler,
                             void *userdata) {
        return has_timers ? __real_sd_event_add_time(event, source, clock, usec, accuracy_usec,
                                                     handler, userdata)
                          : -ENOMEM;
}

typedef struct Bench {
        Builder builder;
        PlanSet *set;
        int broker; /* the broker's end of the link */
        Box *base;
        int base_init; /* init's end of its control link */
} Bench;

static int ignore_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        return 0;
}

static void spin(Bench *b) {
        while (sd_event_run(b->builder.event, 0) > 0)
                ;
}

static void make_set(Bench *b) {
        ProfileStore *store = calloc(1, sizeof(*store));

        store->n_refs = 1;
        store->n_profiles = 1;
        store->profiles[0] = calloc(1, sizeof(Profile));
        store->profiles[0]->digest = strdup("0000000000000000");
        store->profiles[0]->session_branches = BRANCHES;
        assert_int_equal(plan_set_new(&b->builder, store, &b->set), 0);
        profile_store_unref(store);
        plan_set_install(b->set);
}

/* A box with a session, as it is when its init has reported that it is ready. */
static Box *make_base(Bench *b) {
        Box *box = box_add(b->set, 1);
        int control[2];
        pid_t pid;

        assert_int_equal(slots_take(b->builder.slots, &box->slot), 0);
        assert_int_equal(fd_socketpair(control, SOCK_SEQPACKET), 0);
        box->control_fd = control[0];
        b->base_init = control[1];
        assert_int_equal(fd_set_nonblock(box->control_fd, true), 0);
        assert_int_equal(fd_set_nonblock(b->base_init, true), 0);
        pid = fork();
        if (pid == 0)
                for (;;)
                        (void) pause();
        box->pid = pid;
        box->pidfd = pidfd_open(pid, 0);
        box->state = BOX_RUNNING;
        box->is_session = true;
        for (LimitId id = 0; id < _LIMIT_MAX; id++)
                box->limits.value[id] = 1ULL << 32;
        assert_true(box_watch_exit(box) >= 0);
        assert_true(box_watch_control(box) >= 0);
        return box;
}

static int setup(void **state) {
        Bench *b = calloc(1, sizeof(*b));
        Builder *builder = &b->builder;
        int link[2];

        assert_true(sd_event_new(&builder->event) >= 0);
        list_init(&builder->sets);
        list_init(&builder->spares);
        FOREACH_ARRAY(bucket, builder->boxes, BUILDER_BUCKETS)
                list_init(bucket);
        builder->max_boxes = 4;
        builder->unsent = BUF_INIT(1 << 20);
        assert_int_equal(slots_new(4, &builder->slots), 0);
        assert_int_equal(fd_socketpair(link, SOCK_SEQPACKET), 0);
        builder->broker_fd = link[0];
        b->broker = link[1];
        assert_int_equal(fd_set_nonblock(b->broker, true), 0);
        assert_true(sd_event_add_io(builder->event, &builder->broker_source, link[0], 0, ignore_io,
                                    NULL) >= 0);
        make_set(b);
        b->base = make_base(b);
        *state = b;
        return 0;
}

static int teardown(void **state) {
        Bench *b = *state;
        Builder *builder = &b->builder;

        box_free_all(builder);
        fd_close(b->base_init);
        fd_close(b->broker);
        fd_close(builder->broker_fd);
        assert_int_equal(slots_n_free(builder->slots), 4);
        plan_set_free(b->set);
        slots_free(builder->slots);
        buf_done(&builder->unsent);
        sd_event_source_disable_unref(builder->broker_source);
        sd_event_unref(builder->event);
        free(b);
        return 0;
}

static void ask(Bench *b, Box *base, uint64_t id) {
        int fds[BUILDER_START_FDS];

        FOREACH_ARRAY(fd, fds, BUILDER_START_FDS)
                *fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        box_branch(&b->builder, base, id, fds);
}

static BuilderReport next_report(Bench *b) {
        BuilderReport report = {};

        spin(b);
        assert_int_equal(link_receive(b->broker, &report, sizeof(report), NULL, 0, NULL), 1);
        return report;
}

static void expect_report(Bench *b, BuilderReportKind kind, uint64_t box) {
        BuilderReport report = next_report(b);

        assert_int_equal(report.kind, kind);
        assert_int_equal(report.box, box);
}

static void expect_no_report(Bench *b) {
        BuilderReport report;

        spin(b);
        assert_int_equal(link_receive(b->broker, &report, sizeof(report), NULL, 0, NULL), -EAGAIN);
}

static void expect_refusal(Bench *b, uint64_t box) {
        BuilderReport report = next_report(b);

        assert_int_equal(report.kind, BUILDER_ENDED);
        assert_int_equal(report.box, box);
        assert_int_equal(report.facts.setup_error, EAGAIN);
}

/* What init of the base hears; returns init's end of the link of the branch. */
static int take_order(Bench *b) {
        int fds[BOX_BRANCH_FDS];
        size_t n = 0;
        char word;

        assert_int_equal(link_receive(b->base_init, &word, 1, fds, BOX_BRANCH_FDS, &n), 1);
        assert_int_equal(word, BOX_BRANCH);
        assert_int_equal(n, BOX_BRANCH_FDS);
        for (size_t i = 1; i < n; i++)
                fd_close(fds[i]);
        return fds[0];
}

/* As init says it, with a pidfd of an interpreter where one belongs. */
static void say(Bench *b, int link_fd, BoxReportKind kind) {
        const BoxReport report = { .kind = kind, .job_status = 3 << 8 };
        _cleanup_close_ int pidfd = pidfd_open(getpid(), 0);
        bool has_pidfd = kind == BOX_READY || kind == BOX_BRANCHING;

        assert_int_equal(link_send(link_fd, &report, sizeof(report), &pidfd, has_pidfd), 0);
        spin(b);
}

static int make_branch(Bench *b, uint64_t id) {
        int link_fd;

        ask(b, b->base, id);
        link_fd = take_order(b);
        expect_no_report(b);
        say(b, b->base_init, BOX_BRANCHING);
        expect_report(b, BUILDER_BRANCHING, id);
        say(b, link_fd, BOX_READY);
        expect_report(b, BUILDER_STARTED, id);
        return link_fd;
}

/* Nobody to branch, a cell that runs, and as many as the profile or the daemon allows. */
static void test_refused(void **state) {
        Bench *b = *state;
        Limits limits = b->base->limits;
        int first, second;
        char word;

        ask(b, NULL, 2);
        expect_refusal(b, 2);
        box_begin_cell(b->base, &limits);
        ask(b, b->base, 3);
        expect_refusal(b, 3);
        box_end_cell(b->base);
        expect_report(b, BUILDER_CELL_ENDED, 1);
        first = make_branch(b, 4);
        b->builder.max_boxes = 2;
        ask(b, b->base, 5);
        expect_refusal(b, 5);
        b->builder.max_boxes = 4;
        second = make_branch(b, 6);
        ask(b, box_find(&b->builder, 6), 7); /* they are one family */
        expect_refusal(b, 7);
        assert_int_equal(link_receive(b->base_init, &word, 1, NULL, 0, NULL), -EAGAIN);
        assert_int_equal(slots_n_free(b->builder.slots), 3); /* they share one */
        fd_close(first);
        fd_close(second);
}

/* The end of one leaves the other, and the slot and init to it; the last one's is that of the box. */
static void test_ends(void **state) {
        Bench *b = *state;
        int branch = make_branch(b, 2);

        say(b, b->base_init, BOX_END);
        expect_report(b, BUILDER_ENDED, 1);
        expect_no_report(b);
        assert_int_equal(b->builder.n_boxes, 1);
        assert_int_equal(slots_n_free(b->builder.slots), 3);
        assert_int_equal(kill(b->base->pid, 0), 0); /* init serves the branch */
        say(b, branch, BOX_END);
        expect_report(b, BUILDER_ENDED, 2);
        fd_close(branch);
}

static void test_end_of_branch(void **state) {
        Bench *b = *state;
        int branch = make_branch(b, 2);

        say(b, branch, BOX_END);
        expect_report(b, BUILDER_ENDED, 2);
        fd_close(branch);
        expect_no_report(b);
        assert_null(box_find(&b->builder, 2));
        assert_int_equal(b->base->state, BOX_RUNNING);
        branch = make_branch(b, 3); /* there is room again */
        fd_close(branch);
}

/* Each is stopped by its own link. */
static void test_kill(void **state) {
        Bench *b = *state;
        int branch = make_branch(b, 2);
        char word = 0;

        assert_int_equal(fd_set_nonblock(branch, true), 0);
        box_kill(box_find(&b->builder, 2), END_CANCEL);
        assert_int_equal(link_receive(branch, &word, 1, NULL, 0, NULL), 1);
        assert_int_equal(word, BOX_STOP);
        assert_int_equal(link_receive(b->base_init, &word, 1, NULL, 0, NULL), -EAGAIN);
        say(b, branch, BOX_END);
        assert_int_equal(next_report(b).facts.end_reason, END_CANCEL);
        box_kill(b->base, END_CANCEL);
        assert_int_equal(link_receive(b->base_init, &word, 1, NULL, 0, NULL), 1);
        fd_close(branch);
}

/* With init all of them are gone, and say so. */
static void test_death_of_init(void **state) {
        Bench *b = *state;
        int branch = make_branch(b, 2);
        siginfo_t info;

        assert_int_equal(kill(b->base->pid, SIGKILL), 0);
        assert_int_equal(waitid(P_PIDFD, (id_t) b->base->pidfd, &info, WEXITED | WNOWAIT), 0);
        fd_close(branch); /* with its process */
        b->base_init = fd_close(b->base_init);
        spin(b);
        for (int i = 0; i < 2; i++) {
                BuilderReport report = next_report(b);

                assert_int_equal(report.kind, BUILDER_ENDED);
                assert_false(report.facts.has_record);
        }
        assert_null(box_find(&b->builder, 1));
        assert_null(box_find(&b->builder, 2));
        assert_int_equal(slots_n_free(b->builder.slots), 4);
}

/* A request of the broker whose descriptors find no room here. */
static int receive_without_room(Bench *b, const BuilderRequest *request) {
        const int fds[] = { STDIN_FILENO, STDIN_FILENO, STDIN_FILENO, STDIN_FILENO };
        struct rlimit none, old;
        int r;

        assert_int_equal(link_send(b->broker, request, sizeof(*request), fds, ELEMENTSOF(fds)), 0);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
        none = (struct rlimit){ .rlim_cur = 0, .rlim_max = old.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        r = request_receive(&b->builder, b->builder.broker_fd);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
        return r;
}

static void expect_no_room(Bench *b, const BuilderRequest *request, uint64_t box) {
        BuilderReport report;

        assert_int_equal(receive_without_room(b, request), 0);
        report = next_report(b);
        assert_int_equal(report.kind, BUILDER_ENDED);
        assert_int_equal(report.box, box);
        assert_int_equal(report.facts.setup_error, EMFILE);
}

/* It is refused, and neither the broker's fault nor the end of anything else. */
static void test_no_room(void **state) {
        Bench *b = *state;
        BuilderRequest request = { .verb = BUILDER_START, .box = 2 };
        char word;

        expect_no_room(b, &request, 2);
        request = (BuilderRequest){ .verb = BUILDER_BRANCH, .box = 1, .branch = 3 };
        expect_no_room(b, &request, 3);
        request = (BuilderRequest){ .verb = BUILDER_RESTART, .box = 4 }; /* it raced the end */
        assert_int_equal(receive_without_room(b, &request), 0);
        expect_no_report(b);
        assert_int_equal(b->base->end_reason, END_BY_ITSELF);
        request.box = 1; /* its old interpreter has no pipes to go on with */
        assert_int_equal(receive_without_room(b, &request), 0);
        assert_int_equal(b->base->end_reason, END_CANCEL);
        assert_int_equal(link_receive(b->base_init, &word, 1, NULL, 0, NULL), 1);
        assert_int_equal(word, BOX_STOP);
}

/* What would be refused in any case is. */
static void test_no_room_for_nonsense(void **state) {
        static const BuilderRequest nonsense[] = {
                { .verb = BUILDER_START, .box = 1 },
                { .verb = BUILDER_START, .box = SELF_TEST_BOX },
                { .verb = BUILDER_BRANCH, .box = 1, .branch = 1 },
                { .verb = BUILDER_BRANCH, .box = 1, .branch = SELF_TEST_BOX },
                { .verb = BUILDER_KILL, .box = 1 },
                { .verb = _BUILDER_VERB_MAX },
        };

        FOREACH_ARRAY(request, nonsense, ELEMENTSOF(nonsense))
                assert_int_equal(receive_without_room(*state, request), -EPROTO);
        expect_no_report(*state);
}

/* The cgroups of the daemon, when somebody has removed them. */
static CgroupTree vanished_tree(uint64_t layers) {
        char path[] = "/tmp/test-branch.XXXXXX";
        CgroupTree tree = CGROUP_TREE_NONE;

        assert_non_null(mkdtemp(path));
        tree.jobs_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        tree.layers = layers;
        assert_int_equal(rmdir(path), 0);
        return tree;
}

/* No box starts without its cgroup, and it is said why. */
static void test_no_cgroup(void **state) {
        Bench *b = *state;
        const BuilderRequest request = { .verb = BUILDER_START, .box = 2 };
        int fds[BUILDER_FDS_MAX] = { -EBADF, -EBADF, -EBADF, -EBADF, -EBADF };
        BuilderReport report;

        b->builder.cgroups = vanished_tree(LAYER_BIT(LAYER_CGROUP_PIDS));
        box_start(b->set, &request, fds);
        report = next_report(b);
        assert_int_equal(report.kind, BUILDER_ENDED);
        assert_int_equal(report.facts.setup_error, ENOENT);
        assert_int_equal(report.facts.setup_op, OP_CGROUP);
        assert_int_equal(report.facts.setup_step, UINT32_MAX);
        assert_int_equal(slots_n_free(b->builder.slots), 3);
        assert_int_equal(b->base->state, BOX_RUNNING);
        cgroup_tree_close(&b->builder.cgroups);
}

/* Nobody counts any more what the job of a cgroup that is gone uses. */
static void test_cgroup_vanishes(void **state) {
        Bench *b = *state;

        b->builder.cgroups = vanished_tree(LAYER_BIT(LAYER_CGROUP_CPU));
        b->base->leaf_fd = fcntl(b->builder.cgroups.jobs_fd, F_DUPFD_CLOEXEC, 0);
        b->base->limits.value[LIMIT_CPU_TIME] = 1;
        assert_true(box_limit_cpu(b->base, 0) >= 0);
        while (b->base->end_reason == END_BY_ITSELF)
                assert_true(sd_event_run(b->builder.event, UINT64_MAX) >= 0);
        assert_int_equal(b->base->end_reason, END_UNTIMED);
        box_free_all(&b->builder); /* what is gone is removed */
        assert_int_equal(slots_n_free(b->builder.slots), 4);
        cgroup_tree_close(&b->builder.cgroups);
}

static void put(int dir_fd, const char *name, const char *text) {
        int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        close(fd);
}

/* The figures of a cgroup are those of the box; what it has killed is of each branch, too. */
static void test_cgroup_counts(void **state) {
        static const char *const names[] = { "cpu.stat", "memory.current", "memory.events" };
        Bench *b = *state;
        char path[] = "/tmp/test-branch.XXXXXX";
        BuilderReport report;
        int branch, leaf_fd;

        assert_non_null(mkdtemp(path));
        leaf_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        put(leaf_fd, names[0], "user_usec 20\nsystem_usec 10\n");
        put(leaf_fd, names[1], "4096\n");
        put(leaf_fd, names[2], "oom_kill 1\n");
        b->builder.cgroups = vanished_tree(0);
        b->base->leaf_fd = fcntl(leaf_fd, F_DUPFD_CLOEXEC, 0); /* which goes with the box */
        branch = make_branch(b, 2);
        box_report_usage(&b->builder, 1);
        report = next_report(b);
        assert_int_equal(report.kind, BUILDER_USED);
        assert_int_equal(report.memory_bytes, 4096);
        assert_int_equal(report.facts.cpu_user_usec, 20);

        say(b, b->base_init, BOX_END);
        report = next_report(b);
        assert_int_equal(report.kind, BUILDER_ENDED);
        assert_int_equal(report.facts.cpu_system_usec, 10);
        fd_close(branch); /* it has died */
        report = next_report(b);
        assert_int_equal(report.kind, BUILDER_ENDED);
        assert_int_equal(report.box, 2);
        assert_int_equal(report.facts.oom_kills, 1);

        FOREACH_ARRAY(name, names, ELEMENTSOF(names))
                assert_int_equal(unlinkat(leaf_fd, *name, 0), 0);
        fd_close(leaf_fd);
        assert_int_equal(rmdir(path), 0);
        box_free_all(&b->builder);
        cgroup_tree_close(&b->builder.cgroups);
}

static void expect_end(Bench *b, EndReason reason) {
        assert_int_equal(b->base->end_reason, reason);
        b->base->end_reason = END_BY_ITSELF; /* for the next step */
}

/* Nobody runs without limits: a box whose timers cannot be set is ended. */
static void test_untimed(void **state) {
        Bench *b = *state;
        Limits limits = b->base->limits;

        has_timers = false;
        box_begin_cell(b->base, &limits);
        expect_end(b, END_UNTIMED);
        box_tool_wait(b->base, 0, true);
        expect_end(b, END_UNTIMED);
        box_interrupt(b->base, END_CPU_TIME);
        expect_end(b, END_CPU_TIME);
        box_end_cell(b->base);
        expect_end(b, END_UNTIMED);
        box_restarted(b->base);
        expect_end(b, END_UNTIMED);
        expect_report(b, BUILDER_RESTARTED, 1);
        has_timers = true;
}

static void test_untimed_start(void **state) {
        Bench *b = *state;
        BuilderReport report;

        has_timers = false;
        b->base->state = BOX_SETUP;
        say(b, b->base_init, BOX_READY);
        has_timers = true;
        while (box_find(&b->builder, 1))
                assert_true(sd_event_run(b->builder.event, UINT64_MAX) >= 0);
        expect_report(b, BUILDER_STARTED, 1);
        report = next_report(b);
        assert_int_equal(report.kind, BUILDER_ENDED);
        assert_int_equal(report.facts.end_reason, END_UNTIMED);
}

/* A broker that asks for a profile whose engine the operator has not allowed is none of ours. */
static void test_engine(void **state) {
        Bench *b = *state;
        BuilderRequest request = { .verb = BUILDER_START, .box = 2 };
        const int fds[BUILDER_START_FDS] = { STDIN_FILENO, STDIN_FILENO, STDIN_FILENO,
                                             STDIN_FILENO };

        for (LimitId id = 0; id < _LIMIT_MAX; id++) {
                request.limits.value[id] = limit_infos[id].lowest;
                b->set->store->profiles[0]->maximum.value[id] = limit_infos[id].highest;
        }
        assert_int_equal(link_send(b->broker, &request, sizeof(request), fds, BUILDER_START_FDS),
                         0);
        assert_int_equal(request_receive(&b->builder, b->builder.broker_fd), -EPROTO);
        assert_null(box_find(&b->builder, 2));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
                cmocka_unit_test_setup_teardown(test_ends, setup, teardown),
                cmocka_unit_test_setup_teardown(test_end_of_branch, setup, teardown),
                cmocka_unit_test_setup_teardown(test_kill, setup, teardown),
                cmocka_unit_test_setup_teardown(test_death_of_init, setup, teardown),
                cmocka_unit_test_setup_teardown(test_no_room, setup, teardown),
                cmocka_unit_test_setup_teardown(test_no_room_for_nonsense, setup, teardown),
                cmocka_unit_test_setup_teardown(test_no_cgroup, setup, teardown),
                cmocka_unit_test_setup_teardown(test_cgroup_vanishes, setup, teardown),
                cmocka_unit_test_setup_teardown(test_cgroup_counts, setup, teardown),
                cmocka_unit_test_setup_teardown(test_untimed, setup, teardown),
                cmocka_unit_test_setup_teardown(test_untimed_start, setup, teardown),
                cmocka_unit_test_setup_teardown(test_engine, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
