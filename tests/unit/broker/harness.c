/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/io.h"
#include "basic/log.h"
#include "basic/macro.h"
#include "broker/server.h"
#include "harness.h"
#include "proto/layers.h"
#include "proto/link.h"

static uint64_t clock_offset_usec;
static int listen_fd = -EBADF, embedded_client = -EBADF;

static Instant harness_clock(void) {
        return (Instant){
                .monotonic_usec = clock_monotonic_usec() + clock_offset_usec,
                .realtime_usec = clock_realtime_usec() + clock_offset_usec,
        };
}

static int count_open(void) {
        _cleanup_(closedirp) DIR *dir = opendir("/proc/self/fd");
        int n = 0;

        assert_non_null(dir);
        while (readdir(dir))
                n++;
        return n;
}

static Profile *make_profile(const char *name, bool granted) {
        Profile *p = calloc(1, sizeof(*p));

        assert_non_null(p);
        p->name = strdup(name);
        p->description = strdup("for tests");
        p->digest = strdup("00000000000000070000000000000000"
                           "00000000000000000000000000000000");
        p->granted = granted;
        p->has_sessions = granted;
        p->session_idle_usec = 600 * USEC_PER_SEC;
        p->session_lifetime_usec = 3600 * USEC_PER_SEC;
        p->session_lifetime_max_usec = 7200 * USEC_PER_SEC;
        p->policy = granted;
        p->extends = calloc(1, sizeof(char *));
        p->internal = calloc(1, sizeof(char *));
        p->read_only = calloc(1, sizeof(char *));
        p->package_paths = calloc(1, sizeof(char *));
        p->preload = calloc(2, sizeof(char *));
        p->preload[0] = strdup("json");
        p->modules = calloc(2, sizeof(char *));
        p->modules[0] = strdup("json");
        p->packages = calloc(1, sizeof(char *));
        p->recommended = calloc(1, sizeof(char *));
        p->package_debs = calloc(1, sizeof(char *));
        p->deny_modules = calloc(2, sizeof(char *));
        p->deny_modules[0] = strdup("ctypes");
        p->environment = calloc(2, sizeof(char *));
        p->environment[0] = strdup("HOME=/app");
        for (LimitId id = 0; id < _LIMIT_MAX; id++) {
                p->limits.value[id] = limit_infos[id].lowest;
                p->maximum.value[id] = limit_infos[id].highest;
        }
        p->limits.value[LIMIT_OUTPUT] = 4 * MIB;
        p->limits.value[LIMIT_RESULT] = 1000;
        p->limits.value[LIMIT_SOURCE] = 1 * MIB;
        p->maximum.value[LIMIT_MEMORY] = 512 * MIB;
        p->retain_usec = 60 * USEC_PER_SEC;
        return p;
}

ProfileStore *harness_store(void) {
        ProfileStore *store = calloc(1, sizeof(*store));

        assert_non_null(store);
        store->n_refs = 1;
        store->profiles[0] = make_profile("default", true);
        store->profiles[1] = make_profile("raw", false);
        store->n_profiles = 2;
        return store;
}

static DaemonConfig *make_config(const HarnessOptions *o) {
        const char *lines = o->config ?: "";
        DaemonConfig *config;
        char *error = NULL;

        assert_int_equal(daemon_config_parse(lines, strlen(lines), &config, &error), 0);
        if (o->max_queued_jobs > 0)
                config->max_queued_jobs = o->max_queued_jobs;
        if (o->max_connections_per_user > 0)
                config->max_connections_per_user = o->max_connections_per_user;
        return config;
}

/* The kernel chooses an abstract name: nothing to clean up. */
static int make_listener(void) {
        const struct sockaddr_un any = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (const struct sockaddr *) &any, sizeof(any.sun_family)), 0);
        assert_int_equal(listen(fd, 64), 0);
        return fd;
}

/* Returns how many the broker gets. */
static size_t make_sockets(bool embedded, int ret_fds[static 2]) {
        int fds[2];

        ret_fds[0] = listen_fd = make_listener();
        if (!embedded)
                return 1;
        assert_int_equal(fd_socketpair(fds, SOCK_STREAM), 0);
        ret_fds[1] = fds[0];
        embedded_client = fds[1];
        return 2;
}

static void builder_node(Harness *h, uint32_t slots, uint64_t memory_bytes) {
        const BuilderReport report = {
                .kind = BUILDER_NODE,
                .slots = slots,
                .layers = LAYER_BIT(_LAYER_MAX) - 1 - LAYER_BIT(LAYER_CGROUP_CPU),
                .python_version = 0x030b02f0,
                .counter_error = EACCES,
                .memory_bytes = memory_bytes,
        };

        assert_int_equal(link_send(h->builder, &report, sizeof(report), NULL, 0), 0);
        (void) harness_spin(h);
}

Harness *harness_new(const HarnessOptions *o) {
        Harness *h = calloc(1, sizeof(*h));
        BrokerOptions options = {
                .admin_gid = (gid_t) -1,
                .embedded = o->embedded,
                .idle_exit_usec = o->idle_exit_usec,
                .clock = harness_clock,
        };
        int link[2], listen_fds[2];

        assert_non_null(h);
        (void) signal(SIGPIPE, SIG_IGN);
        log_set_max_priority(LOG_EMERG);
        clock_offset_usec = 0;
        h->n_open_before = count_open();
        assert_int_equal(fd_socketpair(link, SOCK_SEQPACKET), 0);
        h->builder = link[1];
        assert_int_equal(fd_set_nonblock(h->builder, true), 0);
        h->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        assert_true(h->null_fd >= 0);
        options.n_listen_fds = make_sockets(o->embedded, listen_fds);
        options.listen_fds = listen_fds;
        options.builder_fd = link[0];
        options.null_fd = h->null_fd;
        options.store = harness_store();
        options.config = make_config(o);
        assert_int_equal(sd_event_new(&h->event), 0);
        assert_int_equal(broker_new(h->event, &options, &h->broker), 0);
        if (o->slots > 0)
                builder_node(h, o->slots, o->memory_bytes);
        return h;
}

/* Whatever a test did, no descriptor may be left. */
void harness_free(Harness *h) {
        int n_open_before = h->n_open_before;

        broker_free(h->broker);
        sd_event_unref(h->event);
        fd_close(h->builder);
        fd_close(h->null_fd);
        free(h);
        embedded_client = fd_close(embedded_client);
        assert_int_equal(count_open(), n_open_before);
}

int harness_setup(void **state) {
        *state = harness_new(&(HarnessOptions){ .slots = 2 });
        return 0;
}

int harness_teardown(void **state) {
        harness_free(*state);
        return 0;
}

bool harness_spin(Harness *h) {
        if (sd_event_get_state(h->event) == SD_EVENT_FINISHED)
                return false;
        for (;;) {
                /* Who has had his part of the round waits for the next one. */
                bool waits = !list_is_empty(&h->broker->server->held);
                int r = sd_event_run(h->event, waits ? UINT64_MAX : 0);

                assert_true(r >= 0);
                if (sd_event_get_state(h->event) == SD_EVENT_FINISHED)
                        return false;
                if (r == 0)
                        return true;
        }
}

void harness_advance(Harness *h, uint64_t usec) {
        (void) harness_spin(h);
        clock_offset_usec += usec;
        broker_sweep(h->broker);
        (void) harness_spin(h);
}

static Client *client_wrap(Harness *h, int fd) {
        Client *c = calloc(1, sizeof(*c));

        assert_non_null(c);
        c->h = h;
        assert_int_equal(varlink_conn_new(fd, &varlink_client_limits, 0, &c->conn), 0);
        return c;
}

Client *client_new_unseen(Harness *h, uid_t uid) {
        struct sockaddr_un address;
        socklen_t size = sizeof(address);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        uid_t own = geteuid();

        assert_true(fd >= 0);
        assert_int_equal(getsockname(listen_fd, (struct sockaddr *) &address, &size), 0);
        if (uid != own)
                assert_int_equal(seteuid(uid), 0);
        assert_int_equal(connect(fd, (const struct sockaddr *) &address, size), 0);
        if (uid != own)
                assert_int_equal(seteuid(own), 0);
        return client_wrap(h, fd);
}

Client *client_new(Harness *h, uid_t uid) {
        Client *c = client_new_unseen(h, uid);

        (void) harness_spin(h);
        return c;
}

Client *client_new_embedded(Harness *h) {
        return client_wrap(h, TAKE_FD(embedded_client));
}

void client_free(Client *c) {
        Harness *h = c->h;

        varlink_conn_free(c->conn);
        free(c);
        (void) harness_spin(h);
}

static json_t *make_call(const char *method, const char *parameters, bool more) {
        json_t *p = json_loads(parameters, JSON_REJECT_DUPLICATES, NULL);
        char name[128];

        assert_non_null(p);
        (void) snprintf(name, sizeof(name), "%s%s",
                        strchr(method, '.') ? "" : PYSB_SANDBOX_INTERFACE ".", method);
        return varlink_call_new(name, p, more, false);
}

void client_send(Client *c, const char *method, const char *parameters, bool more) {
        assert_int_equal(varlink_conn_send(c->conn, make_call(method, parameters, more), NULL), 0);
}

void client_call(Client *c, const char *method, const char *parameters, bool more) {
        client_send(c, method, parameters, more);
        (void) harness_spin(c->h);
}

void client_call_fd(Client *c, const char *method, const char *parameters, int fd) {
        VarlinkFds fds = { .fds = { fd }, .n = 1 };

        assert_int_equal(varlink_conn_send(c->conn, make_call(method, parameters, false), &fds), 0);
        (void) harness_spin(c->h);
}

void client_send_raw(Client *c, const char *bytes, size_t size) {
        assert_int_equal(send(varlink_conn_get_fd(c->conn), bytes, size, MSG_NOSIGNAL), size);
        (void) harness_spin(c->h);
}

int client_try_reply(Client *c, VarlinkReply *ret_reply) {
        for (unsigned idle = 0; idle < 3; idle++) {
                struct pollfd p = { .fd = varlink_conn_get_fd(c->conn) };

                if (varlink_conn_receive_reply(c->conn, ret_reply) > 0)
                        return 1;
                p.events = (short) varlink_conn_get_events(c->conn);
                if (poll(&p, 1, 0) > 0)
                        idle = 0;
                assert_int_equal(varlink_conn_process(c->conn, p.revents, 0), 0);
                if (varlink_conn_is_finished(c->conn))
                        return -1;
                (void) harness_spin(c->h);
        }
        return 0;
}

json_t *client_reply(Client *c) {
        VarlinkReply reply = {};
        json_t *p;

        assert_int_equal(client_try_reply(c, &reply), 1);
        if (reply.error)
                fail_msg("%s %s", reply.error, json_dumps(reply.parameters, 0));
        p = json_incref(reply.parameters);
        varlink_reply_done(&reply);
        return p;
}

json_t *client_error(Client *c, const char *error) {
        VarlinkReply reply = {};
        json_t *p;

        assert_int_equal(client_try_reply(c, &reply), 1);
        assert_non_null(reply.error);
        if (strchr(error, '.'))
                assert_string_equal(reply.error, error);
        else
                assert_string_equal(reply.error + strlen(PYSB_SANDBOX_INTERFACE "."), error);
        p = json_incref(reply.parameters);
        varlink_reply_done(&reply);
        return p;
}

json_t *client_ask(Client *c, const char *method, const char *parameters) {
        client_call(c, method, parameters, false);
        return client_reply(c);
}

bool client_is_closed(Client *c) {
        VarlinkReply reply = {};
        int r = client_try_reply(c, &reply);

        varlink_reply_done(&reply);
        return r < 0;
}

json_t *reply_get(json_t *reply, const char *path) {
        char key[64];

        while (reply && *path) {
                size_t n = strcspn(path, ".");

                assert_true(n < sizeof(key));
                memcpy(key, path, n);
                key[n] = '\0';
                reply = json_is_array(reply) ? json_array_get(reply, (size_t) (key[0] - '0'))
                                             : json_object_get(reply, key);
                path += n + (path[n] == '.');
        }
        return reply;
}

const char *reply_string(json_t *reply, const char *path) {
        json_t *value = reply_get(reply, path);

        if (!json_is_string(value))
                fail_msg("no string %s in %s", path, json_dumps(reply, 0));
        return json_string_value(value);
}

int64_t reply_int(json_t *reply, const char *path) {
        json_t *value = reply_get(reply, path);

        if (!json_is_integer(value))
                fail_msg("no integer %s in %s", path, json_dumps(reply, 0));
        return json_integer_value(value);
}

static int receive_request(Harness *h, BuilderRequest *ret_request, int *fds, size_t *n_fds) {
        (void) harness_spin(h);
        return link_receive(h->builder, ret_request, sizeof(*ret_request), fds, BUILDER_FDS_MAX,
                            n_fds);
}

bool builder_next(Harness *h, BuilderRequest *ret_request) {
        int fds[BUILDER_FDS_MAX];
        size_t n_fds = 0;
        bool some = receive_request(h, ret_request, fds, &n_fds) > 0;

        for (size_t i = 0; some && i < n_fds; i++)
                fd_close(fds[i]);
        return some;
}

Box builder_start(Harness *h) {
        Box box = { .h = h };
        size_t n_fds = 0;

        assert_int_equal(receive_request(h, &box.request, box.fds, &n_fds), 1);
        assert_int_equal(box.request.verb, BUILDER_START);
        assert_in_range(n_fds, BUILDER_START_FDS, BUILDER_FDS_MAX);
        if (box.request.is_session) /* until somebody asks for its files */
                box.fds[BOX_FILES] = fd_close(box.fds[BOX_FILES]);
        assert_true(box.request.box > 0);
        assert_int_equal(box.request.digest, 7);
        return box;
}

void builder_restart(Box *b) {
        BuilderRequest request;
        size_t n_fds = 0;

        FOREACH_ARRAY(fd, b->fds, BUILDER_START_FDS)
                *fd = fd_close(*fd);
        assert_int_equal(receive_request(b->h, &request, b->fds, &n_fds), 1);
        assert_int_equal(request.verb, BUILDER_RESTART);
        assert_int_equal(request.box, b->request.box);
        assert_int_equal(n_fds, BUILDER_START_FDS);
}

Box builder_branch(const Box *base) {
        Box branch = { .h = base->h };
        size_t n_fds = 0;

        assert_int_equal(receive_request(base->h, &branch.request, branch.fds, &n_fds), 1);
        assert_int_equal(branch.request.verb, BUILDER_BRANCH);
        assert_int_equal(branch.request.box, base->request.box);
        assert_int_equal(n_fds, BUILDER_START_FDS);
        branch.request.box = branch.request.branch;
        return branch;
}

void builder_expect_kill(const Box *b, uint32_t reason) {
        BuilderRequest request;

        assert_true(builder_next(b->h, &request));
        assert_int_equal(request.verb, BUILDER_KILL);
        assert_int_equal(request.box, b->request.box);
        assert_int_equal(request.reason, reason);
}

void builder_expect_nothing(Harness *h) {
        BuilderRequest request;

        assert_false(builder_next(h, &request));
}

void builder_started(const Box *b) {
        const BuilderReport report = {
                .kind = BUILDER_STARTED,
                .box = b->request.box,
                .setup_usec = 700,
        };

        assert_int_equal(link_send(b->h->builder, &report, sizeof(report), NULL, 0), 0);
        (void) harness_spin(b->h);
}

void builder_ended(Box *b, const BoxFacts *facts) {
        const BuilderReport report = {
                .kind = BUILDER_ENDED,
                .box = b->request.box,
                .facts = *facts,
        };

        FOREACH_ARRAY(fd, b->fds, BUILDER_START_FDS)
                *fd = fd_close(*fd);
        assert_int_equal(link_send(b->h->builder, &report, sizeof(report), NULL, 0), 0);
        (void) harness_spin(b->h);
}

void builder_exited(Box *b, int code) {
        builder_ended(b, &(BoxFacts){
                                 .has_record = 1,
                                 .job_status = code << 8,
                                 .wall_usec = 1500,
                                 .cpu_user_usec = 900,
                                 .memory_peak_bytes = 5 * MIB,
                         });
}

void box_write(const Box *b, int which, const char *text) {
        assert_int_equal(write(b->fds[which], text, strlen(text)), strlen(text));
        (void) harness_spin(b->h);
}
