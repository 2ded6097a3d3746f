/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/reload.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/io.h"
#include "basic/log.h"
#include "basic/sys.h"
#include "builder/plan-set.h"
#include "builder/sys.h"
#include "config.h"
#include "launch/policies.h"
#include "launch/run.h"

/* As long as an administrator waits for a compiler that hangs, in seconds. */
#define READ_TIMEOUT_SEC 60
#define PROBLEM_BYTES_MAX 4096U

/* Generations that wait for a long queue: more are refused rather than kept. */
#define SETS_MAX 16

enum {
        TEXT_PROFILES,
        TEXT_CONFIG,
        TEXT_PROBLEM, /* standard error of the child: the same sentences as at start-up */
        _TEXT_MAX,
};

struct Reload {
        Builder *builder;
        int fds[_TEXT_MAX]; /* files in memory that the child writes */
        int pidfd;
        sd_event_source *exit_source;
};

Reload *reload_free(Reload *reload) {
        if (!reload)
                return NULL;
        reload->exit_source = sd_event_source_disable_unref(reload->exit_source);
        if (reload->pidfd >= 0 && sys_kill_pidfd(reload->pidfd) >= 0)
                (void) sys_reap_pidfd(reload->pidfd, &(siginfo_t){});
        fd_close(reload->pidfd);
        FOREACH_ARRAY(fd, reload->fds, _TEXT_MAX)
                fd_close(*fd);
        free(reload);
        return NULL;
}
DEFINE_CLEANUP(Reload *, reload_free);

/* In the child. */
static void child_log(int priority, const char *message, const LogField *fields, size_t n_fields) {
        if (priority <= LOG_ERR)
                dprintf(STDERR_FILENO, "%s\n", message);
}

static int child_read(const Reload *reload) {
        const Builder *builder = reload->builder;
        Buf profiles = BUF_INIT(POLICY_TEXT_MAX), config = BUF_INIT(POLICY_TEXT_MAX);
        ProfileStore *store;
        DaemonConfig *parsed;
        int r;

        r = builder->is_embedded
                    ? 0
                    : policies_load_config(builder->programs.runner_fd, &parsed, &config);
        if (r >= 0)
                r = policies_load_profiles(
                        builder->programs.runner_fd, run_profile_directory(builder->is_embedded),
                        run_operator_directory(builder->is_embedded), &store, &profiles);
        if (r >= 0)
                r = policies_check_names(&config, store);
        if (r >= 0)
                r = io_write_full(reload->fds[TEXT_PROFILES], buf_data(&profiles),
                                  buf_size(&profiles));
        if (r >= 0)
                r = io_write_full(reload->fds[TEXT_CONFIG], buf_data(&config), buf_size(&config));
        return r; /* what was allocated ends with the process */
}

/* It only reads and writes: the descriptors and the loop of its parent are nothing to it. */
static void child_run(const Reload *reload, pid_t parent) {
        const struct rlimit largest = { POLICY_TEXT_MAX, POLICY_TEXT_MAX };

        if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent ||
            setrlimit(RLIMIT_FSIZE, &largest) < 0 ||
            dup2(reload->fds[TEXT_PROBLEM], STDERR_FILENO) < 0)
                _exit(EXIT_FAILURE);
        (void) alarm(READ_TIMEOUT_SEC);
        log_set_sink(child_log);
        _exit(child_read(reload) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

static int reload_fork(Reload *reload) {
        struct clone_args args = {
                .flags = CLONE_PIDFD,
                .exit_signal = SIGCHLD,
                .pidfd = (uintptr_t) &reload->pidfd,
        };
        pid_t self = getpid();
        long pid = sys_clone3(&args);

        if (pid == 0)
                child_run(reload, self);
        return pid < 0 ? (int) pid : 0;
}

/* What the child said, or what we say; the first line is the mistake. */
static void reload_fail(Builder *builder, const char *text) {
        BuilderReport report = { .kind = BUILDER_RELOADED };
        size_t size = MIN(strcspn(text, "\n"), (size_t) PROBLEM_BYTES_MAX);

        log_error("Nothing was reloaded: %.*s", (int) size, text);
        builder->reloaded_fds[0] = fd_new_sealed("problem", text, size);
        builder->n_reloaded_fds = builder->reloaded_fds[0] >= 0; /* without it, nobody knows why */
        builder_report(builder, &report);
}

static int reload_text(const Reload *reload, int which, char **ret_text, size_t *ret_size) {
        if (lseek(reload->fds[which], 0, SEEK_SET) < 0)
                return -errno;
        return io_read_fd(reload->fds[which], POLICY_TEXT_MAX, ret_text, ret_size);
}

/* For the broker, before anything is in force. */
static int reload_seal(Builder *builder,
                       const char *profiles,
                       size_t profiles_size,
                       const char *config,
                       size_t config_size) {
        int *fds = builder->reloaded_fds;

        fds[0] = fd_new_sealed("profiles", profiles, profiles_size);
        if (fds[0] < 0)
                return fds[0];
        fds[1] = fd_new_sealed("config", config, config_size);
        if (fds[1] < 0) {
                fds[0] = fd_close(fds[0]);
                return fds[1];
        }
        builder->n_reloaded_fds = BUILDER_RELOADED_FDS;
        return 0;
}

/* Puts the texts in force, or returns why not: *ret_problem is a sentence, to be freed. */
static int reload_adopt(Reload *reload, char **ret_problem) {
        _cleanup_free_ char *profiles = NULL, *config = NULL;
        _cleanup_(profile_store_unrefp) ProfileStore *store = NULL;
        _cleanup_(daemon_config_freep) DaemonConfig *parsed = NULL;
        _cleanup_(plan_set_freep) PlanSet *set = NULL;
        size_t profiles_size, config_size;
        Builder *builder = reload->builder;
        int r;

        r = reload_text(reload, TEXT_PROFILES, &profiles, &profiles_size);
        if (r >= 0)
                r = reload_text(reload, TEXT_CONFIG, &config, &config_size);
        if (r >= 0)
                r = daemon_config_parse(config, config_size, &parsed, ret_problem);
        if (r >= 0)
                r = daemon_config_check_change(builder->config, parsed, ret_problem);
        if (r >= 0)
                r = profile_store_parse(profiles, profiles_size, &store, ret_problem);
        if (r < 0)
                return r;
        r = plan_set_new(builder, store, &set);
        for (size_t i = 0; r >= 0 && i < store->n_profiles; i++)
                r = plan_set_compile(set, i);
        if (r >= 0)
                r = reload_seal(builder, profiles, profiles_size, config, config_size);
        if (r >= 0)
                plan_set_install(TAKE_PTR(set));
        return r;
}

static void reload_finish(Reload *reload, const siginfo_t *info) {
        const BuilderReport report = { .kind = BUILDER_RELOADED };
        Builder *builder = reload->builder;
        _cleanup_free_ char *problem = NULL;
        int r = -EINVAL;

        if (info->si_code == CLD_EXITED && info->si_status == EXIT_SUCCESS)
                r = reload_adopt(reload, &problem);
        else if (info->si_code == CLD_EXITED)
                (void) reload_text(reload, TEXT_PROBLEM, &problem, NULL);
        else if (info->si_status == SIGALRM)
                problem = strdup("the files could not be read within a minute");
        if (r >= 0)
                builder_report(builder, &report);
        else
                reload_fail(builder, problem && *problem ? problem : strerror(-r));
}

static int reload_on_exit(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Reload *reload = userdata;
        siginfo_t info;

        if (sys_try_reap_pidfd(reload->pidfd, &info) == 0)
                return 0;
        reload->exit_source = sd_event_source_disable_unref(reload->exit_source);
        reload->pidfd = fd_close(reload->pidfd);
        reload->builder->reload = NULL;
        reload_finish(reload, &info);
        reload_free(reload);
        return 0;
}

static int reload_new(Builder *builder, Reload **ret_reload) {
        _cleanup_(reload_freep) Reload *reload = malloc(sizeof(*reload));
        int r;

        if (!reload)
                return -ENOMEM;
        *reload = (Reload){ .builder = builder, .pidfd = -EBADF };
        FOREACH_ARRAY(fd, reload->fds, _TEXT_MAX)
                *fd = -EBADF;
        FOREACH_ARRAY(fd, reload->fds, _TEXT_MAX) {
                *fd = memfd_create("reload", MFD_CLOEXEC);
                if (*fd < 0)
                        return -errno;
        }
        r = reload_fork(reload);
        if (r >= 0)
                r = sd_event_add_io(builder->event, &reload->exit_source, reload->pidfd, EPOLLIN,
                                    reload_on_exit, reload);
        if (r < 0)
                return r;
        *ret_reload = TAKE_PTR(reload);
        return 0;
}

static size_t reload_count_sets(const Builder *builder) {
        size_t n = 0;

        LIST_FOREACH(i, &builder->sets)
                n++;
        return n;
}

int reload_start(Builder *builder) {
        int r;

        if (builder->reload || builder->n_reloaded_fds > 0)
                return -EPROTO;
        if (reload_count_sets(builder) >= SETS_MAX) {
                reload_fail(builder, "jobs still wait or run with the profiles of 15 reloads "
                                     "before; try again when they have ended");
                return 0;
        }
        r = reload_new(builder, &builder->reload);
        if (r < 0)
                reload_fail(builder, strerror(-r));
        return 0;
}
