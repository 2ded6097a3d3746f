/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker-world.h"

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/log.h"
#include "basic/utf8.h"
#include "broker/server.h"
#include "profile/limits.h"
#include "proto/layers.h"
#include "proto/link.h"
#include "wire/conn-socket.h"
#include "wire/conn.h"

/* Far beyond what the kernel's clock says: the loop's own timers never fire. */
#define BEGIN_USEC (UINT64_C(1) << 52)

#define MESSAGE_MAX 8192
#define REPLIES_MAX (VARLINK_REPLY_MAX_BYTES + 1)

static uint64_t now_usec;

/* In place of those of lib/basic: the linker takes these. */
uint64_t clock_monotonic_usec(void) {
        return now_usec;
}

uint64_t clock_realtime_usec(void) {
        return now_usec;
}

static char **strings_new(const char *first) {
        char **strings = calloc(2, sizeof(char *));

        fuzz_check(strings);
        if (first) {
                strings[0] = strdup(first);
                fuzz_check(strings[0]);
        }
        return strings;
}

static Profile *profile_new(const char *name, bool is_granted) {
        Profile *p = calloc(1, sizeof(*p));

        fuzz_check(p);
        p->name = strdup(name);
        p->description = strdup("of a target");
        p->digest = strdup("00000000000000070000000000000000"
                           "00000000000000000000000000000000");
        p->files = PROFILE_FILES_PRIVATE;
        p->granted = p->policy = p->has_sessions = is_granted;
        p->session_branches = 2;
        p->session_idle_usec = 600 * USEC_PER_SEC;
        p->session_lifetime_usec = 3600 * USEC_PER_SEC;
        p->session_lifetime_max_usec = 7200 * USEC_PER_SEC;
        p->extends = strings_new(NULL);
        p->modules = strings_new("json");
        p->internal = strings_new(NULL);
        p->preload = strings_new("json");
        p->deny_modules = strings_new("ctypes");
        p->packages = strings_new(NULL);
        p->package_paths = strings_new(NULL);
        p->recommended = strings_new(NULL);
        p->package_debs = strings_new(NULL);
        p->read_only = strings_new(NULL);
        p->environment = strings_new("HOME=/app");
        for (LimitId id = 0; id < _LIMIT_MAX; id++) {
                p->limits.value[id] = limit_infos[id].lowest;
                p->maximum.value[id] = limit_infos[id].highest;
        }
        p->limits.value[LIMIT_OUTPUT] = 2000;
        p->limits.value[LIMIT_RESULT] = 1000;
        p->limits.value[LIMIT_SOURCE] = 4000;
        p->limits.value[LIMIT_TOOL_CALLS] = 5;
        p->limits.value[LIMIT_TOOL_WAIT] = 60 * USEC_PER_SEC;
        p->limits.value[LIMIT_COLLECT_FILES] = 3;
        p->limits.value[LIMIT_COLLECT_BYTES] = 1000;
        p->retain_usec = 60 * USEC_PER_SEC;
        return p;
}

static ProfileStore *store_new(void) {
        ProfileStore *store = calloc(1, sizeof(*store));

        fuzz_check(store);
        store->n_refs = 1;
        store->profiles[store->n_profiles++] = profile_new("default", true);
        store->profiles[store->n_profiles++] = profile_new("raw", false);
        return store;
}

static DaemonConfig *config_new(void) {
        static const char lines[] = "d:1: daemon.max_queued_jobs = 8\n"
                                    "d:2: daemon.max_running_jobs = 4\n"
                                    "d:3: daemon.max_connections_per_user = 4\n";
        DaemonConfig *config;
        char *error = NULL;

        fuzz_check(daemon_config_parse(lines, strlen(lines), &config, &error) >= 0);
        return config;
}

static Instant world_clock(void) {
        return (Instant){ .monotonic_usec = now_usec, .realtime_usec = now_usec };
}

static void report(World *w, const BuilderReport *report, const int *fds, size_t n_fds) {
        /* A broker that does not read any more has ended. */
        (void) link_send(w->builder, report, sizeof(*report), fds, n_fds);
}

/* The kernel chooses an abstract name. */
static int listen_new(World *w) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        w->address = (struct sockaddr_un){ .sun_family = AF_UNIX };
        w->address_size = sizeof(w->address);
        fuzz_check(fd >= 0);
        fuzz_check(bind(fd, (struct sockaddr *) &w->address, sizeof(sa_family_t)) == 0);
        fuzz_check(listen(fd, 8) == 0);
        fuzz_check(getsockname(fd, (struct sockaddr *) &w->address, &w->address_size) == 0);
        return fd;
}

void world_begin(World *w) {
        const BuilderReport node = {
                .kind = BUILDER_NODE,
                .slots = 4,
                .layers = LAYER_BIT(_LAYER_MAX) - 1,
        };
        int theirs[1 + WORLD_CLIENTS], link[2];
        BrokerOptions options = {
                .listen_fds = theirs,
                .n_listen_fds = 1 + WORLD_CLIENTS,
                .n_manager_fds = 1,
                .admin_gid = (gid_t) -1,
                .clock = world_clock,
        };

        (void) signal(SIGPIPE, SIG_IGN);
        log_set_max_priority(LOG_EMERG);
        now_usec = BEGIN_USEC;
        *w = (World){ .null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC) };
        fuzz_check(w->null_fd >= 0);
        theirs[0] = listen_new(w);
        for (size_t i = 0; i < WORLD_CLIENTS; i++) {
                int fds[2];

                fuzz_check(fd_socketpair(fds, SOCK_STREAM) >= 0);
                theirs[1 + i] = fds[0];
                w->clients[i] = (WorldClient){ .fd = fds[1], .in = BUF_INIT(REPLIES_MAX) };
        }
        fuzz_check(fd_socketpair(link, SOCK_SEQPACKET) >= 0);
        fuzz_check(fd_set_nonblock(link[1], true) >= 0);
        w->builder = link[1];
        options.builder_fd = link[0];
        options.null_fd = w->null_fd;
        options.store = store_new();
        options.config = config_new();
        fuzz_check(sd_event_new(&w->event) >= 0);
        fuzz_check(broker_new(w->event, &options, &w->broker) >= 0);
        report(w, &node, NULL, 0);
        world_spin(w);
}

static WorldBox *box_find(World *w, uint64_t id) {
        FOREACH_ARRAY(box, w->boxes, WORLD_BOXES)
                if (box->box == id)
                        return box;
        return NULL;
}

/* One that is there, or NULL. */
static WorldBox *box_pick(World *w, size_t number) {
        for (size_t i = 0; i < WORLD_BOXES; i++) {
                WorldBox *box = &w->boxes[(number + i) % WORLD_BOXES];

                if (box->box > 0)
                        return box;
        }
        return NULL;
}

static void box_close_fds(WorldBox *box) {
        FOREACH_ARRAY(fd, box->fds, BUILDER_FDS_MAX)
                *fd = fd_close(*fd);
}

static WorldBox *box_take(World *w, uint64_t id, const int *fds, size_t n_fds) {
        WorldBox *box = box_find(w, 0);

        fuzz_check(box && id > 0 && !box_find(w, id));
        *box = (WorldBox){ .box = id };
        for (size_t i = 0; i < BUILDER_FDS_MAX; i++)
                box->fds[i] = i < n_fds ? fds[i] : -EBADF;
        return box;
}

static void
box_report(World *w, const WorldBox *box, BuilderReportKind kind, const BoxFacts *facts) {
        report(w,
               &(BuilderReport){
                       .kind = kind,
                       .box = box->box,
                       .setup_usec = 700,
                       .facts = facts ? *facts : (BoxFacts){ .has_record = 1 },
               },
               NULL, 0);
}

/* Init keeps the files channel: those of a job are handed out now. */
static void box_finish(World *w, WorldBox *box, const BoxFacts *facts) {
        for (size_t i = 0; i < BUILDER_START_FDS; i++)
                box->fds[i] = fd_close(box->fds[i]);
        box_report(w, box, BUILDER_ENDED, facts);
        if (box->fds[WORLD_FILES] < 0)
                *box = (WorldBox){};
}

/* What the builder does by itself. */
static void take_request(World *w, const BuilderRequest *request, const int *fds, size_t n_fds) {
        WorldBox *box = request->box > 0 ? box_find(w, request->box) : NULL;

        if (request->verb == BUILDER_START) {
                fuzz_check(n_fds >= BUILDER_START_FDS);
                box_report(w, box_take(w, request->box, fds, n_fds), BUILDER_STARTED, NULL);
                return;
        }
        if (request->verb == BUILDER_BRANCH) {
                fuzz_check(n_fds == BUILDER_START_FDS);
                box = box_take(w, request->branch, fds, n_fds);
                box_report(w, box, BUILDER_BRANCHING, NULL);
                box_report(w, box, BUILDER_STARTED, NULL);
                return;
        }
        if (request->verb == BUILDER_RESTART && box && box->fds[WORLD_CHANNEL] >= 0) {
                for (size_t i = 0; i < BUILDER_START_FDS; i++) {
                        fd_close(box->fds[i]);
                        box->fds[i] = fds[i];
                }
                box_report(w, box, BUILDER_RESTARTED, NULL);
                return;
        }
        for (size_t i = 0; i < n_fds; i++)
                fd_close(fds[i]);
        if (request->verb == BUILDER_RELOAD) {
                int reason = fd_new_sealed("reason", "no", 2);

                report(w, &(BuilderReport){ .kind = BUILDER_RELOADED }, &reason, 1);
                fd_close(reason);
        } else if (box && box->fds[WORLD_CHANNEL] >= 0 && request->verb == BUILDER_KILL)
                box_finish(w, box, &(BoxFacts){ .has_record = 1, .end_reason = request->reason });
        else if (box && request->verb == BUILDER_IDLE)
                box_report(w, box, BUILDER_CELL_ENDED, NULL);
        else if (request->verb == BUILDER_USAGE)
                report(w, &(BuilderReport){ .kind = BUILDER_USED, .box = request->box }, NULL, 0);
}

static bool take_requests(World *w) {
        int fds[BUILDER_FDS_MAX];
        BuilderRequest request;
        size_t n_fds = 0;
        bool some = false;

        while (link_receive(w->builder, &request, sizeof(request), fds, BUILDER_FDS_MAX, &n_fds) ==
               1) {
                fuzz_check(request.verb < _BUILDER_VERB_MAX);
                take_request(w, &request, fds, n_fds);
                some = true;
        }
        return some;
}

/* Keeps the value of the key, if it is there, for the placeholders. */
static void note_id(const char *text, const char *key, char ret_id[static WORLD_ID_MAX]) {
        const char *value = strstr(text, key);
        size_t size;

        if (!value)
                return;
        value += strlen(key);
        size = strcspn(value, "\"");
        if (size < WORLD_ID_MAX) {
                memcpy(ret_id, value, size);
                ret_id[size] = '\0';
        }
}

static void check_reply(World *w, const char *text) {
        VarlinkReply reply = {};

        fuzz_check(varlink_reply_parse(text, strlen(text), &reply) == 0);
        fuzz_check(!reply.error || utf8_is_valid(reply.error, strlen(reply.error)));
        varlink_reply_done(&reply);
        note_id(text, "\"job\":\"", w->job);
        note_id(text, "\"session\":\"", w->session);
        note_id(text, "\"blob\":\"", w->blob);
        note_id(text, "\"callId\":\"", w->call_id);
}

static bool client_read(World *w, WorldClient *c) {
        bool some = false;

        for (;;) {
                char *p = buf_reserve(&c->in, 16384), *nul;
                VarlinkFds fds = {};
                ssize_t n;

                fuzz_check(p);
                n = conn_socket_read(c->fd, p, 16384, VARLINK_FDS_MAX, &fds);
                varlink_fds_done(&fds);
                if (n <= 0)
                        return some;
                some = true;
                buf_commit(&c->in, (size_t) n);
                while ((nul = memchr(buf_data(&c->in), '\0', buf_size(&c->in)))) {
                        check_reply(w, buf_data(&c->in));
                        buf_consume(&c->in, (size_t) (nul - buf_data(&c->in)) + 1);
                        if (buf_size(&c->in) == 0)
                                break;
                }
        }
}

static bool loop_spin(World *w) {
        bool some = false;

        while (sd_event_get_state(w->event) != SD_EVENT_FINISHED) {
                bool waits = !list_is_empty(&w->broker->server->held);
                int r = sd_event_run(w->event, waits ? UINT64_MAX : 0);

                fuzz_check(r >= 0);
                if (r == 0)
                        break;
                some = true;
        }
        return some;
}

void world_spin(World *w) {
        for (size_t turn = 0; turn < 1000; turn++) {
                bool some = loop_spin(w);

                some |= take_requests(w);
                FOREACH_ARRAY(c, w->clients, WORLD_CLIENTS)
                        if (c->fd >= 0 && !c->is_paused)
                                some |= client_read(w, c);
                if (now_usec >= w->broker->sweep_usec) {
                        broker_sweep(w->broker);
                        some = true;
                }
                if (!some)
                        return;
        }
        fuzz_check(false); /* it does not come to rest */
}

void world_pass(World *w, uint64_t usec) {
        now_usec += usec;
        world_spin(w);
}

/* Appends text, with identifiers in the places of @job, @session, @blob and @call. */
static void expand(World *w, const char *text, size_t size, Buf *message) {
        const struct {
                const char *name, *value;
        } words[] = {
                { "@job", w->job },
                { "@session", w->session },
                { "@blob", w->blob },
                { "@call", w->call_id },
        };

        for (size_t i = 0; i < size;) {
                size_t skip = 0;

                FOREACH_ARRAY(word, words, ELEMENTSOF(words)) {
                        size_t n = strlen(word->name);

                        if (skip == 0 && n <= size - i && memcmp(text + i, word->name, n) == 0) {
                                (void) buf_append(message, word->value, strlen(word->value));
                                skip = n;
                        }
                }
                if (skip == 0) {
                        (void) buf_append(message, text + i, 1);
                        skip = 1;
                }
                i += skip;
        }
}

static WorldClient *client_pick(World *w, size_t number) {
        WorldClient *c = &w->clients[number % WORLD_CLIENTS];

        return c->fd >= 0 ? c : NULL;
}

void world_send(World *w,
                size_t client,
                FuzzInput *in,
                bool is_message,
                size_t cut,
                const int *fds,
                size_t n_fds) {
        WorldClient *c = client_pick(w, client);
        VarlinkFds passed = { .n = n_fds };
        Buf message = BUF_INIT(MESSAGE_MAX);
        size_t first;

        if (!c)
                return;
        expand(w, (const char *) in->data, in->size, &message);
        if (is_message)
                (void) buf_append(&message, "", 1);
        if (n_fds > 0)
                memcpy(passed.fds, fds, n_fds * sizeof(*fds));
        first = cut > 0 ? MIN(cut, buf_size(&message)) : buf_size(&message);
        /* A socket that is full takes no more. */
        if (first > 0)
                (void) conn_socket_write(c->fd, buf_data(&message), first, &passed);
        if (first < buf_size(&message)) {
                world_spin(w);
                (void) conn_socket_write(c->fd, buf_data(&message) + first,
                                         buf_size(&message) - first, NULL);
        }
        buf_done(&message);
}

static void client_close(WorldClient *c) {
        c->fd = fd_close(c->fd);
        buf_done(&c->in);
}

void world_client_connect(World *w, size_t client) {
        WorldClient *c = &w->clients[client % WORLD_CLIENTS];

        client_close(c);
        *c = (WorldClient){ .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
                            .in = BUF_INIT(REPLIES_MAX) };
        fuzz_check(c->fd >= 0);
        if (connect(c->fd, (struct sockaddr *) &w->address, w->address_size) < 0)
                client_close(c); /* the broker has ended */
}

void world_client_close(World *w, size_t client) {
        WorldClient *c = client_pick(w, client);

        if (c)
                client_close(c);
}

void world_client_half_close(World *w, size_t client) {
        WorldClient *c = client_pick(w, client);

        if (c)
                (void) shutdown(c->fd, SHUT_WR);
}

void world_client_pause(World *w, size_t client) {
        WorldClient *c = client_pick(w, client);

        if (c)
                c->is_paused = !c->is_paused;
}

void world_box_write(World *w, size_t number, int which, const void *data, size_t size) {
        const WorldBox *box = box_pick(w, number);

        if (!box || box->fds[which] < 0 || size == 0)
                return;
        if (which == WORLD_CHANNEL || which == WORLD_FILES)
                (void) send(box->fds[which], data, size, MSG_DONTWAIT);
        else if (size <= 4096) /* of an empty pipe: the broker reads all of it */
                (void) !write(box->fds[which], data, size);
}

void world_box_close(World *w, size_t number, uint8_t which) {
        WorldBox *box = box_pick(w, number);

        which %= BUILDER_FDS_MAX;
        /* Without its channel the job has ended. */
        if (box && which != WORLD_CHANNEL)
                box->fds[which] = fd_close(box->fds[which]);
}

void world_box_end(World *w, size_t number, uint8_t status, uint8_t how) {
        WorldBox *box = box_pick(w, number);
        BoxFacts facts = {
                .has_record = !(how & 1),
                .end_reason = how >> 1 & 7,
                .job_status = how & 16 ? status : W_EXITCODE(status, 0),
                .init_status = SIGKILL,
                .wall_usec = 1000,
                .setup_error = how & 32 ? EIO : 0,
                .oom_kills = how >> 6 & 1,
        };

        if (!box)
                return;
        if (facts.end_reason >= _END_MAX)
                facts.end_reason = END_BY_ITSELF;
        if (box->fds[WORLD_CHANNEL] >= 0)
                box_finish(w, box, &facts);
        else { /* its files are what was left */
                box_close_fds(box);
                *box = (WorldBox){};
        }
}

static void end_boxes(World *w) {
        FOREACH_ARRAY(box, w->boxes, WORLD_BOXES)
                if (box->box > 0) {
                        if (box->fds[WORLD_CHANNEL] >= 0)
                                box_finish(w, box, &(BoxFacts){ .has_record = 1 });
                        if (box->box > 0) {
                                box_close_fds(box);
                                *box = (WorldBox){};
                        }
                        world_spin(w);
                }
}

static bool is_at_rest(const Broker *b) {
        return list_is_empty(&b->jobs) && list_is_empty(&b->sessions);
}

void world_end(World *w) {
        FOREACH_ARRAY(c, w->clients, WORLD_CLIENTS)
                client_close(c);
        world_spin(w);
        for (size_t i = 0; i < 100 && !is_at_rest(w->broker); i++) {
                end_boxes(w);
                world_pass(w, UINT64_C(24) * 3600 * USEC_PER_SEC);
        }
        if (sd_event_get_state(w->event) != SD_EVENT_FINISHED) {
                fuzz_check(is_at_rest(w->broker));
                world_pass(w, UINT64_C(24) * 3600 * USEC_PER_SEC); /* blobs */
                for (Quota q = 0; q < _QUOTA_MAX; q++)
                        fuzz_check(w->broker->tenants.used[q] == 0);
        }
        broker_free(w->broker);
        FOREACH_ARRAY(box, w->boxes, WORLD_BOXES)
                if (box->box > 0)
                        box_close_fds(box);
        sd_event_unref(w->event);
        fd_close(w->builder);
        fd_close(w->null_fd);
}
