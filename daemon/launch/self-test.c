/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/self-test.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/log.h"
#include "builder/box.h"
#include "builder/engine.h"
#include "builder/plan-set.h"
#include "launch/cgroup-tree.h"
#include "proto/link.h"

#define PROFILE "default"
#define PROGRAM_USEC_MAX (30 * USEC_PER_SEC)

struct SelfTest {
        Builder *builder;
        int channel_fd; /* our end; the program's is the job's channel */
        uint64_t started_usec;
        Engine engine; /* of the box that is being tried */
        SelfTestBox box;
        ProbeRecord record;
        BuilderReport report; /* once it is over: SELF_TESTED */
};

SelfTest *self_test_free(SelfTest *test) {
        if (!test)
                return NULL;
        fd_close(test->channel_fd);
        free(test);
        return NULL;
}
DEFINE_CLEANUP(SelfTest *, self_test_free);

static bool self_test_is_over(const SelfTest *test) {
        return test->report.kind == BUILDER_SELF_TESTED;
}

/* 1: it is another one than ours. */
static int64_t look_at_namespace(pid_t pid, const char *name) {
        char path[64], own[64] = "", theirs[64] = "";

        (void) snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
        if (readlink(path, own, sizeof(own) - 1) < 0)
                return -errno;
        (void) snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int) pid, name);
        if (readlink(path, theirs, sizeof(theirs) - 1) < 0)
                return -errno;
        return strcmp(own, theirs) != 0;
}

/* Later it could not be traced by us either, and has an id of its own. */
void self_test_look(SelfTest *test, const Box *box) {
        static const struct {
                Probe probe;
                const char *name;
        } namespaces[] = {
                { PROBE_USER_NAMESPACE, "user" },     { PROBE_MOUNT_NAMESPACE, "mnt" },
                { PROBE_PID_NAMESPACE, "pid" },       { PROBE_NETWORK_NAMESPACE, "net" },
                { PROBE_IPC_NAMESPACE, "ipc" },       { PROBE_UTS_NAMESPACE, "uts" },
                { PROBE_CGROUP_NAMESPACE, "cgroup" },
        };
        const Identity *identity = &test->builder->identity;
        int64_t *seen = test->record.seen;

        FOREACH_ARRAY(n, namespaces, ELEMENTSOF(namespaces))
                seen[n->probe] = look_at_namespace(box->pid, n->name);
        if (box->leaf_fd >= 0) {
                seen[PROBE_CGROUP_LEAF] = cgroup_leaf_has(box->leaf_fd, box->pid);
                seen[PROBE_CGROUP_MEMORY] = cgroup_leaf_maximum(box->leaf_fd, "memory.max");
                seen[PROBE_CGROUP_CPU] = cgroup_leaf_maximum(box->leaf_fd, "cpu.max");
                seen[PROBE_CGROUP_PIDS] = cgroup_leaf_maximum(box->leaf_fd, "pids.max");
        }
        test->box.uid = identity->first + box->slot;
        test->box.gid = identity->first_gid + box->slot;
        test->box.n_others = engine_calls(box)->count_others(box);
}

static void self_test_complain(const SelfTest *test, const SelfTestVerdict *verdict) {
        for (Probe p = 0; p < _PROBE_MAX; p++)
                if (verdict->failed & PROBE_BIT(p))
                        log_error(
                                "Self-test %s: %s That is for the layer %s to stop (seen: %" PRIi64
                                ", by a box of the engine %s). %s",
                                probe_to_string(p), probe_meaning(p),
                                layer_to_string(probe_layer(p)), test->record.seen[p],
                                engine_names[test->engine], layer_remedy(probe_layer(p)));
}

/* What the program in the box has seen, and who the kernel says that it was. */
static int self_test_receive(SelfTest *test) {
        ProbeRecord record;
        struct ucred sender;
        int r = link_receive_from(test->channel_fd, &record, sizeof(record), &sender);

        if (r < 0)
                return r;
        for (Probe p = PROBE_FIRST_INSIDE; p < _PROBE_MAX; p++)
                test->record.seen[p] = record.seen[p];
        test->record.seen[PROBE_UID] = sender.uid;
        test->record.seen[PROBE_GID] = sender.gid;
        return 0;
}

static void self_test_conclude(SelfTest *test) {
        SelfTestVerdict verdict;
        int r = self_test_receive(test);

        if (r < 0) { /* the box was ended before it could say anything */
                test->report.facts.setup_error = -r;
                return;
        }
        verdict = self_test_judge(&test->box, &test->record);
        test->report.probes_tried |= verdict.tried;
        test->report.probes_failed |= verdict.failed;
        self_test_complain(test, &verdict);
}

static bool self_test_go_on(SelfTest *test);

void self_test_take(Builder *builder, const BuilderReport *report) {
        SelfTest *test = builder->self_test;

        if (report->kind != BUILDER_ENDED)
                return;
        test->report.facts = report->facts;
        if (report->facts.setup_error == 0)
                self_test_conclude(test);
        if (test->report.facts.setup_error == 0 && self_test_go_on(test))
                return;
        test->report.kind = BUILDER_SELF_TESTED;
        if (!builder->broker_source)
                return; /* self_test_run() waits for it */
        builder_report(builder, &test->report);
        builder->self_test = self_test_free(test);
}

static bool profile_is_usable(const Profile *profile, Engine engine) {
        char problem[256];

        return !profile_problem(profile, ENGINE_BIT(engine), problem, sizeof(problem));
}

/* Of this engine, or -ENOENT. The profile of requests that name none, unless the operator has another one: its template is the one that is likely
 * to be needed first. One that lacks packages has none; that is no reason to serve nobody. */
static int self_test_profile(const ProfileStore *store, Engine engine) {
        int index = profile_store_find(store, PROFILE);

        if (index >= 0 && profile_is_usable(store->profiles[index], engine))
                return index;
        for (size_t i = 0; i < store->n_profiles; i++)
                if (profile_is_usable(store->profiles[i], engine))
                        return (int) i;
        return -ENOENT;
}

static int self_test_open_fds(SelfTest *test, int fds[BUILDER_FDS_MAX]) {
        int channel[2], on = 1, r;

        for (int i = 0; i < BUILDER_START_FDS - 1; i++) {
                fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
                if (fds[i] < 0)
                        return -errno;
        }
        r = fd_socketpair(channel, SOCK_SEQPACKET);
        if (r < 0)
                return r;
        test->channel_fd = channel[0];
        fds[BUILDER_START_FDS - 1] = channel[1];
        if (setsockopt(test->channel_fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
                return -errno;
        return fd_set_nonblock(test->channel_fd, true);
}

static int self_test_prepare(SelfTest *test, uint32_t profile, int fds[BUILDER_FDS_MAX]) {
        PlanSet *set = test->builder->plans;
        struct stat root;
        int r;

        FOREACH_ARRAY(seen, test->record.seen, _PROBE_MAX)
                *seen = PROBE_UNSEEN;
        test->channel_fd = fd_close(test->channel_fd);
        r = plan_set_compile(set, profile);
        if (r < 0)
                return r;
        if (stat("/", &root) < 0)
                return -errno;
        test->box = (SelfTestBox){
                .plan = set->plans[profile],
                .limits = set->store->profiles[profile]->limits,
                .layers = builder_layers(test->builder) & engine_layers(test->engine),
                .root = (int64_t) root.st_dev,
        };
        /* The others are those of a job; but what an operator thinks of its time has nothing to do with it. */
        test->box.limits.value[LIMIT_WALL_TIME] = PROGRAM_USEC_MAX;
        test->box.limits.value[LIMIT_CPU_TIME] = PROGRAM_USEC_MAX;
        return self_test_open_fds(test, fds);
}

/* A box of its engine. What goes wrong later is its ENDED. */
static int self_test_try(SelfTest *test, uint32_t profile) {
        int fds[BUILDER_FDS_MAX] = { -EBADF, -EBADF, -EBADF, -EBADF, -EBADF };
        BuilderRequest request = {
                .verb = BUILDER_START,
                .box = SELF_TEST_BOX,
                .plan = profile,
        };
        int r = self_test_prepare(test, profile, fds);

        if (r < 0) {
                for (size_t i = 0; i < BUILDER_FDS_MAX; i++)
                        fd_close(fds[i]);
                return r;
        }
        request.limits = test->box.limits;
        box_start(test->builder->plans, &request, fds);
        return 0;
}

/* The next engine that is allowed, and that a profile has: from this one on. _ENGINE_MAX: none. */
static Engine self_test_next(const SelfTest *test, Engine engine, uint32_t *ret_profile) {
        for (; engine < _ENGINE_MAX; engine++) {
                int profile = self_test_profile(test->builder->plans->store, engine);

                if (!(test->builder->engines & ENGINE_BIT(engine)) || profile < 0)
                        continue;
                *ret_profile = (uint32_t) profile;
                break;
        }
        return engine;
}

static bool self_test_go_on(SelfTest *test) {
        uint32_t profile = 0;
        int r;

        test->engine = self_test_next(test, test->engine + 1, &profile);
        if (test->engine == _ENGINE_MAX)
                return false;
        r = self_test_try(test, profile);
        test->report.facts.setup_error = -r;
        return r >= 0;
}

static int self_test_start(Builder *builder) {
        _cleanup_(self_test_freep) SelfTest *test = NULL;
        uint32_t profile = 0;
        int r;

        test = calloc(1, sizeof(*test));
        if (!test)
                return -ENOMEM;
        test->builder = builder;
        test->channel_fd = -EBADF;
        test->started_usec = clock_monotonic_usec();
        test->engine = self_test_next(test, 0, &profile);
        if (test->engine == _ENGINE_MAX) {
                log_error(
                        "Self-test: no profile has an engine that is allowed here, and all its packages.");
                return -ENOENT;
        }
        builder->self_test = TAKE_PTR(test);
        r = self_test_try(builder->self_test, profile);
        if (r < 0)
                builder->self_test = self_test_free(builder->self_test);
        return r;
}

void self_test_ask(Builder *builder) {
        BuilderReport report = { .kind = BUILDER_SELF_TESTED, .facts = { .setup_op = _OP_MAX } };
        int r;

        if (builder->self_test)
                return; /* who asks gets the answer of this one */
        r = self_test_start(builder);
        if (r >= 0)
                return;
        report.facts.setup_error = -r;
        builder_report(builder, &report);
}

/* Of the one at the start: whether to serve. */
static int self_test_decide(const SelfTest *test) {
        const BuilderReport *report = &test->report;
        uint32_t op = report->facts.setup_op;

        if (report->facts.setup_error != 0)
                log_error("Self-test: no sandbox can be made here (%s: %s). `pysbctl doctor` says "
                          "what this machine lacks.",
                          op < _OP_MAX ? plan_op_to_string((PlanOp) op) : "before its first step",
                          strerror(report->facts.setup_error));
        if (report->facts.setup_error != 0 || report->probes_failed != 0)
                return -EPERM;
        log_info("Self-test: a sandbox stopped all of %d probes, after %" PRIu64 " ms.",
                 __builtin_popcountll(report->probes_tried),
                 (clock_monotonic_usec() - test->started_usec) / USEC_PER_MSEC);
        return 0;
}

int self_test_run(Builder *builder) {
        int r = self_test_start(builder);

        while (r >= 0 && !self_test_is_over(builder->self_test))
                r = sd_event_run(builder->event, UINT64_MAX);
        if (r >= 0)
                r = self_test_decide(builder->self_test);
        builder->self_test = self_test_free(builder->self_test);
        return r;
}
