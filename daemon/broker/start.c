/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/start.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "basic/io.h"
#include "basic/log.h"
#include "basic/macro.h"
#include "basic/parse.h"
#include "broker/broker.h"
#include "journal/journal.h"
#include "wire/json-reserve.h"

#define LISTEN_MAX 16

typedef struct Arguments {
        bool embedded;
        uint64_t idle_exit_usec;
        uint64_t n_listen, n_manager;
        uint64_t admin_gid;
} Arguments;

static int parse_arguments(int argc, char *argv[], Arguments *a) {
        static const struct option options[] = {
                { "embedded", no_argument, NULL, 'e' },
                { "idle-exit", required_argument, NULL, 'i' },
                { "listen", required_argument, NULL, 'l' },
                { "manager", required_argument, NULL, 'm' },
                { "admin-group", required_argument, NULL, 'g' },
                {},
        };
        int c, r = 0;

        while (r >= 0 && (c = getopt_long(argc, argv, "", options, NULL)) >= 0)
                switch (c) {
                case 'e':
                        a->embedded = true;
                        break;
                case 'i':
                        r = parse_u64(optarg, &a->idle_exit_usec);
                        break;
                case 'l':
                        r = parse_u64(optarg, &a->n_listen);
                        break;
                case 'm':
                        r = parse_u64(optarg, &a->n_manager);
                        break;
                case 'g':
                        r = parse_u64(optarg, &a->admin_gid);
                        break;
                default:
                        r = -EINVAL;
                }
        if (r >= 0 && (optind != argc || a->n_listen < 1 || a->n_listen > LISTEN_MAX ||
                       a->n_manager >= a->n_listen))
                r = -EINVAL;
        if (r < 0)
                log_error("wrong arguments: pysbd-broker is started by pysbd");
        return r;
}

static int read_store(ProfileStore **ret_store) {
        _cleanup_free_ char *lines = NULL, *error = NULL;
        size_t size;
        int r;

        r = io_read_fd(BROKER_FD_PROFILES, BROKER_STORE_BYTES_MAX, &lines, &size);
        if (r >= 0)
                r = profile_store_parse(lines, size, ret_store, &error);
        if (r < 0)
                log_error("cannot read the profiles: %s", error ?: strerror(-r));
        return r;
}

static int read_config(DaemonConfig **ret_config) {
        _cleanup_free_ char *lines = NULL, *error = NULL;
        size_t size;
        int r;

        r = io_read_fd(BROKER_FD_CONFIG, BROKER_STORE_BYTES_MAX, &lines, &size);
        if (r >= 0)
                r = daemon_config_parse(lines, size, ret_config, &error);
        if (r < 0)
                log_error("cannot read the configuration: %s", error ?: strerror(-r));
        return r;
}

/* Raw, because a process that needs no libseccomp should not have it. No fallback: a broker without
 * its filter does not start. */
static int install_filter(void) {
        _cleanup_free_ char *bytes = NULL;
        struct sock_fprog program;
        size_t size;
        int r;

        r = io_read_fd(BROKER_FD_FILTER, BPF_MAXINSNS * sizeof(struct sock_filter), &bytes, &size);
        if (r >= 0 && (size == 0 || size % sizeof(struct sock_filter) != 0))
                r = -EINVAL;
        if (r >= 0) {
                program.len = (unsigned short) (size / sizeof(struct sock_filter));
                program.filter = (struct sock_filter *) bytes;
                if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
                    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
                        r = -errno;
        }
        if (r < 0)
                log_error("cannot install the system call filter: %s", strerror(-r));
        return r;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata) {
        broker_stop(userdata);
        return 0;
}

static int setup_signals(sd_event *event, Broker *broker) {
        static const int numbers[] = { SIGTERM, SIGINT };
        sigset_t set;

        if (sigemptyset(&set) < 0)
                return -errno;
        FOREACH_ARRAY(n, numbers, ELEMENTSOF(numbers))
                (void) sigaddset(&set, *n);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        FOREACH_ARRAY(n, numbers, ELEMENTSOF(numbers)) {
                int r = sd_event_add_signal(event, NULL, *n, on_signal, broker);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* The builder's first report says what this node can do: nobody is answered without it. */
static int wait_for_builder(void) {
        struct pollfd link = { .fd = BROKER_FD_BUILDER, .events = POLLIN };

        while (poll(&link, 1, -1) < 0)
                if (errno != EINTR)
                        return -errno;
        return link.revents & POLLIN ? 0 : -ECONNRESET;
}

/* 4096 clients, and five descriptors for each box. */
static void raise_open_files(void) {
        struct rlimit l;

        if (getrlimit(RLIMIT_NOFILE, &l) < 0)
                return;
        l.rlim_cur = l.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &l);
}

/* What was inherited by number must not be inherited further; there is nobody, but that is cheap. */
static void set_all_cloexec(size_t n_listen) {
        for (int fd = BROKER_FD_BUILDER; fd < BROKER_FD_LISTEN + (int) n_listen; fd++)
                (void) fd_set_cloexec(fd, true);
}

static int make_broker(sd_event *event, const Arguments *a, int null_fd, Broker **ret_broker) {
        _cleanup_(profile_store_unrefp) ProfileStore *store = NULL;
        _cleanup_(daemon_config_freep) DaemonConfig *config = NULL;
        BrokerOptions options = {
                .builder_fd = BROKER_FD_BUILDER,
                .null_fd = null_fd,
                .n_listen_fds = a->n_listen,
                .n_manager_fds = a->n_manager,
                .admin_gid = (gid_t) a->admin_gid,
                .embedded = a->embedded,
                .idle_exit_usec = a->idle_exit_usec,
        };
        int listen_fds[LISTEN_MAX], r;

        for (size_t i = 0; i < a->n_listen; i++)
                listen_fds[i] = BROKER_FD_LISTEN + (int) i;
        options.listen_fds = listen_fds;
        r = read_store(&store);
        if (r < 0)
                return r;
        r = read_config(&config);
        if (r < 0)
                return r;
        options.store = store;
        options.config = config;
        r = broker_new(event, &options, ret_broker);
        if (r < 0) {
                log_error("cannot set up: %s", strerror(-r));
                return r;
        }
        TAKE_PTR(store);
        TAKE_PTR(config);
        return 0;
}

int broker_run(int argc, char *argv[]) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(broker_freep) Broker *broker = NULL;
        _cleanup_close_ int null_fd = -EBADF;
        Arguments arguments = { .admin_gid = (gid_t) -1 };
        int r;

        journal_setup();
        r = parse_arguments(argc, argv, &arguments);
        if (r < 0)
                return r;
        set_all_cloexec(arguments.n_listen);
        raise_open_files();
        /* A private daemon speaks on the terminal of its user: only about trouble. */
        if (arguments.embedded)
                log_set_max_priority(LOG_WARNING);
        if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
                return -errno;
        null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (null_fd < 0)
                return -errno;
        /* Random bits for the hash tables, while /dev/urandom can be opened: with a seed that can be
         * guessed, one message of colliding keys would keep the loop busy for seconds. */
        json_object_seed(0);
        r = json_reserve_setup();
        if (r >= 0)
                r = sd_event_new(&event);
        if (r >= 0)
                r = make_broker(event, &arguments, null_fd, &broker);
        if (r >= 0)
                r = setup_signals(event, broker);
        if (r >= 0)
                r = install_filter();
        if (r >= 0)
                r = wait_for_builder();
        if (r < 0)
                return r;
        return sd_event_loop(event);
}
