/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "builder-world.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/log.h"
#include "builder/box.h"
#include "builder/plan-set.h"
#include "builder/spawn.h"
#include "builder/sys.h"
#include "builder/usage.h"
#include "launch/reload.h"
#include "profile/limits.h"
#include "proto/link.h"

/* Far beyond what the kernel's clock says: the loop's own timers never fire. */
#define BEGIN_USEC (UINT64_C(1) << 52)

static uint64_t now_usec;
static World *the_world;

/*
 * In place of the product's own: the linker takes these.
 */

uint64_t clock_monotonic_usec(void) {
        return now_usec;
}

uint64_t clock_realtime_usec(void) {
        return now_usec;
}

static Process *process_find(int fd) {
        struct stat st;

        fuzz_check(fstat(fd, &st) == 0);
        FOREACH_ARRAY(p, the_world->processes, WORLD_PROCESSES)
                if (p->inode == st.st_ino)
                        return p;
        return NULL;
}

static Process *process_new(World *w, int *ret_pidfd) {
        FOREACH_ARRAY(p, w->processes, WORLD_PROCESSES) {
                struct stat st;
                int fds[2];

                if (p->inode != 0)
                        continue;
                fuzz_check(fd_pipe(fds, 0) >= 0 && fstat(fds[0], &st) == 0);
                *p = (Process){ .life = fds[1], .inode = st.st_ino, .link = -EBADF };
                *ret_pidfd = fds[0];
                return p;
        }
        return NULL;
}

static bool is_over(int pidfd) {
        struct pollfd p = { .fd = pidfd };

        return poll(&p, 1, 0) > 0;
}

int sys_try_reap_pidfd(int pidfd, siginfo_t *ret_info) {
        *ret_info = (siginfo_t){ .si_code = CLD_KILLED, .si_status = SIGKILL };
        ret_info->si_pid = is_over(pidfd);
        return ret_info->si_pid;
}

int sys_reap_pidfd(int pidfd, siginfo_t *ret_info) {
        fuzz_check(sys_try_reap_pidfd(pidfd, ret_info) == 1);
        return 0;
}

int sys_pidfd_pid(int pidfd, pid_t *ret_pid) {
        if (!process_find(pidfd))
                return -ESRCH;
        *ret_pid = 1;
        return 0;
}

int sys_kill_pidfd(int pidfd) {
        Process *p = process_find(pidfd);

        if (p)
                process_end(the_world, p);
        return 0;
}

int sys_kill_pidfd_of(int pidfd, uid_t uid) {
        return sys_kill_pidfd(pidfd);
}

TreeUsage usage_read_tree(pid_t pid) {
        return (TreeUsage){ .cpu_user_usec = the_world->cpu_usec };
}

uint64_t usage_tree_cpu_usec(pid_t pid) {
        return the_world->cpu_usec;
}

int identity_write_maps(const Identity *identity, pid_t pid, uint32_t slot, uint64_t inside_id) {
        return 0;
}

int plan_compile(const Profile *profile, PlanImage **ret_plan) {
        PlanImage *plan = calloc(1, sizeof(*plan));

        fuzz_check(plan);
        plan->digest = profile_digest_short(profile);
        plan->n_steps = 3;
        *ret_plan = plan;
        return 0;
}

int spawn_copy_program(int program_fd, int *ret_fd) {
        *ret_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        return *ret_fd < 0 ? -errno : 0;
}

/* A template is all that is started here. */
int spawn_program(const Spawn *spawn, int *ret_pidfd) {
        Process *p = process_new(the_world, ret_pidfd);

        if (!p)
                return -EAGAIN;
        p->link = fcntl(spawn->fds[0], F_DUPFD_CLOEXEC, 3);
        fuzz_check(p->link >= 0);
        FOREACH_ARRAY(profile, the_world->store->profiles, WORLD_PROFILES)
                if (profile[0]->environment == (char **) spawn->envp)
                        p->profile = (size_t) (profile - the_world->store->profiles);
        return 0;
}

/* The files of the operator are as they were. */
int reload_start(Builder *builder) {
        const BuilderReport report = { .kind = BUILDER_RELOADED };
        PlanSet *set;

        if (builder->n_reloaded_fds > 0)
                return -EPROTO;
        fuzz_check(plan_set_new(builder, the_world->store, &set) >= 0);
        plan_set_install(set);
        FOREACH_ARRAY(fd, builder->reloaded_fds, BUILDER_RELOADED_FDS) {
                *fd = fd_new_sealed("lines", "x", 1);
                fuzz_check(*fd >= 0);
        }
        builder->n_reloaded_fds = BUILDER_RELOADED_FDS;
        builder_report(builder, &report);
        return 0;
}

Reload *reload_free(Reload *reload) {
        return NULL;
}

/*
 * The world
 */

uint64_t world_digest(const World *w, size_t profile) {
        return profile_digest_short(w->store->profiles[profile % WORLD_PROFILES]);
}

void world_pass(uint64_t usec) {
        now_usec += usec;
}

static Profile *profile_new(size_t number) {
        Profile *p = calloc(1, sizeof(*p));

        fuzz_check(p);
        p->name = strdup(number == 0 ? "default" : "eval");
        p->digest = strdup("0000000000000007000000000000000000000000000000000000000000000000");
        fuzz_check(p->name && p->digest);
        p->digest[0] = (char) ('1' + number);
        p->extends = calloc(1, sizeof(char *)); /* an empty list each: they are freed */
        p->modules = calloc(1, sizeof(char *));
        p->internal = calloc(1, sizeof(char *));
        p->preload = calloc(1, sizeof(char *));
        p->deny_modules = calloc(1, sizeof(char *));
        p->packages = calloc(1, sizeof(char *));
        p->package_paths = calloc(1, sizeof(char *));
        p->recommended = calloc(1, sizeof(char *));
        p->package_debs = calloc(1, sizeof(char *));
        p->read_only = calloc(1, sizeof(char *));
        p->environment = calloc(1, sizeof(char *));
        for (LimitId id = 0; id < _LIMIT_MAX; id++) {
                p->limits.value[id] = limit_infos[id].lowest;
                p->maximum.value[id] = limit_infos[id].highest / (number + 2);
                p->maximum.value[id] = MAX(p->maximum.value[id], limit_infos[id].lowest);
        }
        p->has_sessions = number == 0;
        p->session_branches = 2;
        return p;
}

static ProfileStore *store_new(void) {
        ProfileStore *store = calloc(1, sizeof(*store));

        fuzz_check(store);
        store->n_refs = 1;
        for (size_t i = 0; i < WORLD_PROFILES; i++)
                store->profiles[store->n_profiles++] = profile_new(i);
        return store;
}

void world_begin(World *w, bool is_obedient) {
        static const DaemonConfig config = { .max_running_jobs = 4, .max_spare_boxes = 2 };
        static const Identity identity = {};
        const Programs programs = { -EBADF, -EBADF };
        CgroupTree cgroups = CGROUP_TREE_NONE;
        int link[2], life[2];

        log_set_max_priority(LOG_EMERG);
        (void) signal(SIGPIPE, SIG_IGN);
        now_usec = BEGIN_USEC;
        *w = (World){ .is_obedient = is_obedient, .store = store_new() };
        the_world = w;
        FOREACH_ARRAY(p, w->processes, WORLD_PROCESSES)
                *p = (Process){ .life = -EBADF, .link = -EBADF };
        FOREACH_ARRAY(i, w->interpreters, WORLD_INTERPRETERS)
                i->control = -EBADF;
        fuzz_check(fd_socketpair(link, SOCK_SEQPACKET) >= 0);
        fuzz_check(fd_set_nonblock(link[1], true) >= 0);
        fuzz_check(fd_pipe(life, 0) >= 0);
        w->broker = link[1];
        w->broker_life = life[1];
        fuzz_check(sd_event_new(&w->event) >= 0);
        fuzz_check(builder_new(w->event, w->store, &config, true, &identity, &cgroups, &programs,
                               &w->builder) >= 0);
        fuzz_check(builder_attach_broker(w->builder, link[0], life[0]) >= 0);
}

/* Its links end with it, and so do those of everything that lives in the box. */
void process_end(World *w, Process *p) {
        FOREACH_ARRAY(i, w->interpreters, WORLD_INTERPRETERS)
                if (i->init == p) {
                        i->control = fd_close(i->control);
                        *i = (Interpreter){ .control = -EBADF };
                }
        p->link = fd_close(p->link);
        p->life = fd_close(p->life);
}

Interpreter *world_interpreter(World *w, size_t number) {
        for (size_t n = 0; n < WORLD_INTERPRETERS; n++) {
                Interpreter *i = &w->interpreters[(n + number) % WORLD_INTERPRETERS];

                if (i->control >= 0)
                        return i;
        }
        return NULL;
}

Process *world_template(World *w, size_t number) {
        for (size_t n = 0; n < WORLD_PROCESSES; n++) {
                Process *p = &w->processes[(n + number) % WORLD_PROCESSES];

                if (p->link >= 0)
                        return p;
        }
        return NULL;
}

static void interpreter_add(World *w, uint64_t box, size_t profile, int control, Process *init) {
        FOREACH_ARRAY(i, w->interpreters, WORLD_INTERPRETERS)
                if (i->control < 0) {
                        *i = (Interpreter){
                                .box = box,
                                .profile = profile,
                                .control = control,
                                .init = init,
                        };
                        return;
                }
        fd_close(control);
}

void template_hello(World *w, Process *p) {
        const TemplateHello hello = {
                .plan_digest = world_digest(w, p->profile),
                .vm_bytes = 64 * MIB,
        };

        p->is_warm = true;
        (void) link_send(p->link, &hello, sizeof(hello), NULL, 0);
}

/* What a box gets is never more than its profile allows. */
static void check_limits(const World *w, const Interpreter *i, const Limits *limits) {
        const Profile *profile = w->store->profiles[i->profile];

        for (LimitId id = 0; id < _LIMIT_MAX; id++) {
                uint64_t more = id == LIMIT_THREADS ? profile->session_branches : 0;

                if (id != LIMIT_CPU_TIME) /* of a session it is the lifetime */
                        fuzz_check(limits->value[id] <= profile->maximum.value[id] + more);
                fuzz_check(limits->value[id] >= limit_infos[id].lowest);
        }
}

/* A clone: of its descriptors init keeps the control link. */
static bool template_step(World *w, Process *p) {
        int fds[_MAKE_FD_MAX], pidfd;
        TemplateMake make;
        TemplateMade made;
        size_t n_fds = 0;
        Process *init;

        if (!p->is_warm && w->is_obedient)
                template_hello(w, p);
        (void) fd_set_nonblock(p->link, true);
        if (link_receive(p->link, &make, sizeof(make), fds, _MAKE_FD_MAX, &n_fds) != 1)
                return false;
        fuzz_check(n_fds == (size_t) MAKE_FD_CGROUP + make.has_cgroup);
        fuzz_check(!make.has_cgroup);
        made = (TemplateMade){ .box = make.box };
        init = process_new(w, &pidfd);
        if (init) {
                interpreter_add(w, make.box, p->profile, fds[MAKE_FD_CONTROL], init);
                (void) link_send(p->link, &made, sizeof(made), &pidfd, 1);
                fd_close(pidfd);
        } else {
                made.error = EAGAIN;
                (void) link_send(p->link, &made, sizeof(made), NULL, 0);
                fd_close(fds[MAKE_FD_CONTROL]);
        }
        return true;
}

static void init_report(const Interpreter *i, BoxReportKind kind, bool with_pidfd) {
        const BoxReport report = { .kind = kind, .at_usec = now_usec };
        int pidfd = -EBADF;

        /* An interpreter's process: alone it has no life. */
        if (with_pidfd)
                pidfd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        (void) link_send(i->control, &report, sizeof(report), &pidfd, with_pidfd);
        fd_close(pidfd);
}

static void init_branch(World *w, Interpreter *base, int control) {
        Interpreter branch = { .control = control };

        if (w->is_obedient) {
                init_report(base, BOX_BRANCHING, true);
                init_report(&branch, BOX_READY, true);
        }
        interpreter_add(w, 0, base->profile, control, base->init);
}

/* What the box is for. */
static bool init_take_start(World *w, Interpreter *i) {
        int fds[_START_FD_MAX];
        size_t n_fds = 0;
        BoxStart start;

        if (link_receive(i->control, &start, sizeof(start), fds, _START_FD_MAX, &n_fds) != 1)
                return false;
        fuzz_check(n_fds == (size_t) START_FD_FILES + start.has_files);
        check_limits(w, i, &start.limits);
        for (size_t n = 0; n < n_fds; n++)
                fd_close(fds[n]);
        if (w->is_obedient)
                init_report(i, BOX_READY, false);
        return true;
}

/* One word of the builder. */
static bool init_step(World *w, Interpreter *i) {
        int fds[BOX_BRANCH_FDS];
        size_t n_fds = 0;
        char word;

        (void) fd_set_nonblock(i->control, true);
        if (recv(i->control, &word, sizeof(word), MSG_PEEK | MSG_TRUNC) == sizeof(BoxStart))
                return init_take_start(w, i);
        if (link_receive(i->control, &word, sizeof(word), fds, BOX_BRANCH_FDS, &n_fds) != 1)
                return false;
        if (word == BOX_BRANCH)
                fuzz_check(n_fds == BOX_BRANCH_FDS);
        else
                fuzz_check(n_fds == (word == BOX_RESTART ? BOX_RESTART_FDS : 0));
        for (size_t n = word == BOX_BRANCH; n < n_fds; n++)
                fd_close(fds[n]);
        if (word == BOX_BRANCH)
                init_branch(w, i, fds[0]);
        else if (!w->is_obedient)
                return true;
        else if (word == BOX_GO)
                return true; /* it waits for its BoxStart */
        else if (word == BOX_INTERRUPT)
                init_report(i, BOX_INTERRUPTED, false);
        else if (word == BOX_RESTART)
                init_report(i, BOX_RESTARTED, false);
        else
                init_report(i, BOX_END, false);
        return true;
}

static bool broker_step(World *w) {
        int fds[BUILDER_RELOADED_FDS];
        BuilderReport report;
        size_t n_fds = 0;

        if (link_receive(w->broker, &report, sizeof(report), fds, BUILDER_RELOADED_FDS, &n_fds) !=
            1)
                return false;
        fuzz_check(report.kind < _BUILDER_REPORT_MAX);
        fuzz_check(n_fds == (report.kind == BUILDER_RELOADED ? BUILDER_RELOADED_FDS : 0));
        for (size_t i = 0; i < n_fds; i++)
                fd_close(fds[i]);
        w->n_started += report.kind == BUILDER_STARTED;
        w->n_ended += report.kind == BUILDER_ENDED;
        if (report.kind == BUILDER_ENDED)
                fuzz_check(report.facts.n_denied <= DENIED_CALLS_MAX &&
                           report.facts.end_reason < _END_MAX && report.facts.setup_error >= 0);
        return true;
}

bool world_spin(World *w) {
        for (size_t turn = 0; turn < 1000; turn++) {
                bool some = false;

                if (sd_event_get_state(w->event) == SD_EVENT_FINISHED)
                        return false;
                while (sd_event_run(w->event, 0) > 0)
                        some = true;
                FOREACH_ARRAY(p, w->processes, WORLD_PROCESSES)
                        if (p->link >= 0)
                                some |= template_step(w, p);
                FOREACH_ARRAY(i, w->interpreters, WORLD_INTERPRETERS)
                        if (i->control >= 0)
                                some |= init_step(w, i);
                some |= broker_step(w);
                if (!some)
                        return true;
        }
        fuzz_check(false); /* it does not come to rest */
        return false;
}

void world_end(World *w) {
        builder_free(w->builder);
        sd_event_unref(w->event);
        FOREACH_ARRAY(p, w->processes, WORLD_PROCESSES)
                process_end(w, p);
        fd_close(w->broker);
        fd_close(w->broker_life);
        fuzz_check(w->store->n_refs == 1); /* no generation is left */
        profile_store_unref(w->store);
}
