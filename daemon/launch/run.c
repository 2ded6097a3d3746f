/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/run.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/log.h"
#include "builder/builder.h"
#include "builder/plan-set.h"
#include "builder/spawn.h"
#include "config.h"
#include "journal/journal.h"
#include "launch/cgroup-tree.h"
#include "launch/identity-assume.h"
#include "launch/listen.h"
#include "launch/policies.h"
#include "launch/self-test.h"
#include "launch/trust.h"

#define LISTEN_MAX 4
#define MANAGER_SOCKET_NAME "manager"

/* What start-up collects before anybody is served. */
typedef struct Start {
        const RunOptions *options;
        Programs programs;
        DaemonConfig *config;
        ProfileStore *store;
        Buf config_text, profile_text;
        Listen socket;
        int listen_fds[LISTEN_MAX];
        size_t n_listen;
        size_t n_manager; /* the last ones of them are for administrators */
} Start;

static void start_done(Start *start) {
        listen_end(&start->socket);
        fd_close(start->programs.broker_fd);
        fd_close(start->programs.runner_fd);
        for (size_t i = 0; i < start->n_listen; i++)
                fd_close(start->listen_fds[i]);
        daemon_config_free(start->config);
        profile_store_unref(start->store);
        buf_done(&start->config_text);
        buf_done(&start->profile_text);
}

const char *run_profile_directory(bool is_embedded) {
        const char *path = is_embedded ? secure_getenv("PYSB_PROFILE_PATH") : NULL;

        return path ? path : PKGDATADIR "/profiles";
}

const char *run_operator_directory(bool is_embedded) {
        return is_embedded ? secure_getenv("PYSB_OPERATOR_PROFILES") : PYSB_SYSCONFDIR "/profiles";
}

static int start_listen(Start *start, const char *path) {
        int fd = listen_begin(&start->socket, path);

        if (fd < 0)
                return fd;
        start->listen_fds[start->n_listen++] = fd;
        return 0;
}

static void start_free_names(char **names) {
        for (char **name = names; name && *name; name++)
                free(*name);
        free(names);
}

/* The sockets for clients first, then those for administrators: FileDescriptorName= tells them apart. */
static void start_take_named(Start *start, char *const *names, int n, bool want_manager) {
        for (int i = 0; i < n; i++) {
                bool is_manager = strcmp(names[i], MANAGER_SOCKET_NAME) == 0;
                int fd = SD_LISTEN_FDS_START + i;

                if (is_manager != want_manager)
                        continue;
                if (start->n_listen == LISTEN_MAX ||
                    sd_is_socket(fd, AF_UNIX, SOCK_STREAM, -1) <= 0) {
                        fd_close(fd); /* not ours: a newer unit file than this program */
                        continue;
                }
                start->listen_fds[start->n_listen++] = fd;
                start->n_manager += is_manager;
        }
}

static int start_take_sockets(Start *start) {
        char **names = NULL;
        int n;

        if (start->options->listen_path)
                return start_listen(start, start->options->listen_path);
        n = sd_listen_fds_with_names(1, &names);
        if (n < 0)
                return n;
        start_take_named(start, names, n, false);
        start_take_named(start, names, n, true);
        start_free_names(names);
        if (start->n_listen > start->n_manager)
                return 0;
        log_error("No socket to serve: pysbd is started by pysbd.socket, or with --listen PATH.");
        return -ENOTCONN;
}

static int start_open_programs(Start *start) {
        int r = spawn_open_program("pysbd-broker", &start->programs.broker_fd);

        if (r >= 0)
                r = spawn_open_program("pysb-runner", &start->programs.runner_fd);
        if (r < 0)
                log_error("pysbd-broker and pysb-runner must lie beside pysbd: %s", strerror(-r));
        return r;
}

static int start_read_policies(Start *start) {
        _cleanup_free_ char *error = NULL;
        bool is_embedded = start->options->is_embedded;
        int r;

        /* Embedded, there is no operator: the defaults, the shipped profiles, and what somebody tries. */
        if (is_embedded)
                r = daemon_config_parse("", 0, &start->config, &error);
        else
                r = policies_load_config(start->programs.runner_fd, &start->config,
                                         &start->config_text);
        if (r < 0)
                return r;
        r = policies_load_profiles(start->programs.runner_fd, run_profile_directory(is_embedded),
                                   run_operator_directory(is_embedded), &start->store,
                                   &start->profile_text);
        return r < 0 ? r : policies_check_names(&start->config_text, start->store);
}

/* One that systemd has made; of --listen the mode is whose it is. */
static int start_check_sockets(const Start *start) {
        int r = 0;

        if (start->options->is_embedded || start->options->listen_path)
                return 0;
        for (size_t i = 0; i < start->n_listen - start->n_manager && r >= 0; i++)
                r = trust_check_socket(start->config, start->listen_fds[i]);
        return r;
}

/* A service has all its layers or does not serve, unless the operator said so. */
static int start_check_layers(const Start *start, const CgroupTree *cgroups) {
        if (start->options->is_embedded || cgroup_tree_is_complete(cgroups))
                return 0;
        if (start->config->allow_degraded) {
                log_warning("Serving degraded: cgroup v2 controllers are missing, so that memory, "
                            "CPU and processes are limited per process and not per job.");
                return 0;
        }
        log_error("The cgroup v2 controllers memory, cpu and pids are not all delegated to this "
                  "service, so that the limits of a job would not hold: boot without "
                  "cgroup_disable= and systemd.unified_cgroup_hierarchy=0, keep Delegate=yes in "
                  "the unit, or set allow_degraded = true in " PYSB_SYSCONFDIR "/pysbd.toml.");
        return -EOPNOTSUPP;
}

static int start_broker(const Start *start, Builder *builder) {
        struct sock_filter filter[PLAN_FILTER_MAX];
        _cleanup_close_ int remote_fd = -EBADF, profiles_fd = -EBADF, filter_fd = -EBADF,
                            config_fd = -EBADF, link_fd = -EBADF;
        int fds[SPAWN_FDS_MAX], link[2], pidfd, r;
        const char *journal = getenv("JOURNAL_STREAM"); /* where the broker's log goes */
        char idle[24], n_listen[24], n_manager[24], group[24], stream[64];
        const char *argv[] = {
                "pysbd-broker", "--listen",
                n_listen,       "--manager",
                n_manager,      "--admin-group",
                group,          "--idle-exit",
                idle,           start->options->is_embedded ? "--embedded" : NULL,
                NULL,
        };
        const char *envp[] = { journal ? stream : NULL, NULL };
        Spawn spawn = {
                .program_fd = start->programs.broker_fd,
                .argv = argv,
                .envp = envp,
                .fds = fds,
                .n_fds = BROKER_FD_LISTEN - BROKER_FD_BUILDER + start->n_listen,
                .stdout_fd = -EBADF,
                .uid = builder->identity.broker_uid,
                .gid = builder->identity.broker_gid,
        };
        size_t n_filter;

        r = plan_broker_filter(filter, ELEMENTSOF(filter), &n_filter);
        if (r < 0)
                return r;
        r = fd_socketpair(link, SOCK_SEQPACKET);
        if (r < 0)
                return r;
        link_fd = link[0];
        remote_fd = link[1];
        profiles_fd = fd_new_sealed("profiles", buf_data(&start->profile_text),
                                    buf_size(&start->profile_text));
        filter_fd = fd_new_sealed("filter", filter, n_filter * sizeof(filter[0]));
        config_fd = fd_new_sealed("config", buf_data(&start->config_text),
                                  buf_size(&start->config_text));
        if (profiles_fd < 0 || filter_fd < 0 || config_fd < 0)
                return MIN(MIN(profiles_fd, filter_fd), config_fd);
        fds[BROKER_FD_BUILDER - 3] = remote_fd;
        fds[BROKER_FD_PROFILES - 3] = profiles_fd;
        fds[BROKER_FD_FILTER - 3] = filter_fd;
        fds[BROKER_FD_CONFIG - 3] = config_fd;
        memcpy(fds + BROKER_FD_LISTEN - 3, start->listen_fds, start->n_listen * sizeof(int));
        (void) snprintf(stream, sizeof(stream), "JOURNAL_STREAM=%s", journal ? journal : "");
        (void) snprintf(n_listen, sizeof(n_listen), "%zu", start->n_listen);
        (void) snprintf(n_manager, sizeof(n_manager), "%zu", start->n_manager);
        (void) snprintf(group, sizeof(group), "%u", builder->identity.admin_gid);
        (void) snprintf(idle, sizeof(idle), "%" PRIu64, start->config->idle_exit_usec);
        r = spawn_program(&spawn, &pidfd);
        if (r < 0)
                return r;
        return builder_attach_broker(builder, TAKE_FD(link_fd), pidfd);
}

static int
run_on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        (void) sd_notify(0, "STOPPING=1");
        builder_stop(userdata);
        return 0;
}

static int run_loop(const Start *start, sd_event *event, Builder *builder) {
        int r;

        r = sd_event_add_signal(event, NULL, SIGTERM, run_on_signal, builder);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGINT, run_on_signal, builder);
        if (r >= 0)
                r = sd_event_set_watchdog(event, true);
        if (r >= 0)
                r = start_broker(start, builder);
        if (r < 0) {
                log_error("Starting the broker failed: %s", strerror(-r));
                return r;
        }
        (void) sd_notify(0, "READY=1");
        r = sd_event_loop(event);
        if (r < 0 && sd_event_get_exit_code(event, NULL) < 0) /* nobody has asked it to end */
                log_error("The event loop failed: %s", strerror(-r));
        return r;
}

/* Before there is a socket to be seen: whoever then asks us to stop finds us ready for it, if only when
 * the loop runs. Children get a mask of their own. */
static int run_hold_signals(void) {
        sigset_t signals;

        (void) sigemptyset(&signals);
        (void) sigaddset(&signals, SIGTERM);
        (void) sigaddset(&signals, SIGINT);
        return sigprocmask(SIG_BLOCK, &signals, NULL) < 0 ? -errno : 0;
}

/* Everything that can be refused, before anybody is served. */
static int run_prepare(Start *start, sd_event *event, Builder **ret_builder) {
        const char *error = NULL;
        CgroupTree cgroups;
        Identity identity;
        int r;

        r = start_take_sockets(start);
        if (r >= 0)
                r = start_open_programs(start);
        if (r >= 0)
                r = start_read_policies(start);
        if (r >= 0)
                r = start_check_sockets(start);
        if (r < 0)
                return r;
        r = identity_assume(start->config, start->options->is_embedded, &identity, &error);
        if (r < 0) {
                log_error("%s (%s)", error, strerror(-r));
                return r;
        }
        r = cgroup_tree_open(&cgroups);
        if (r >= 0)
                r = start_check_layers(start, &cgroups);
        if (r >= 0)
                r = builder_new(event, start->store, start->config, start->options->is_embedded,
                                &identity, &cgroups, &start->programs, ret_builder);
        for (size_t i = 0; r >= 0 && !start->options->is_embedded && i < start->store->n_profiles;
             i++)
                r = plan_set_compile((*ret_builder)->plans, i);
        /* A service trusts no host that it has not tried. Embedded, the start is a part of the one call, and
         * an administrator's SelfTest does the same. */
        if (r >= 0 && !start->options->is_embedded)
                r = self_test_run(*ret_builder);
        if (r < 0)
                log_error("pysbd cannot serve: %s", strerror(-r));
        return r;
}

int run(const RunOptions *options) {
        _cleanup_(start_done) Start start = {
                .options = options,
                .programs = { .broker_fd = -EBADF, .runner_fd = -EBADF },
                .config_text = BUF_INIT(POLICY_TEXT_MAX),
                .profile_text = BUF_INIT(POLICY_TEXT_MAX),
        };
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(builder_freep) Builder *builder = NULL;
        int r;

        journal_setup();
        r = run_hold_signals();
        if (r >= 0)
                r = sd_event_default(&event);
        if (r < 0) {
                log_error("pysbd cannot start: %s", strerror(-r));
                return EXIT_FAILURE;
        }
        if (run_prepare(&start, event, &builder) < 0)
                return RUN_EXIT_REFUSED;
        return run_loop(&start, event, builder) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
