/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/reload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/fd.h"
#include "basic/io.h"
#include "basic/log.h"
#include "basic/macro.h"
#include "broker/broker.h"
#include "broker/connection.h"
#include "broker/scheduler.h"
#include "broker/server.h"

#define PROBLEM_BYTES_MAX (16U << 10)

static void reload_start(Broker *b) {
        const BuilderRequest request = { .verb = BUILDER_RELOAD };

        b->reload.is_running = true;
        b->reload.started++;
        if (builder_link_send(b->builder, &request, NULL, 0) < 0)
                log_error("cannot ask the builder to read the configuration again");
}

/* Who asks while one runs may have changed a file that it has read already. */
uint64_t reload_ask(Broker *b) {
        if (b->reload.is_running)
                return b->reload.started + 1;
        reload_start(b);
        return b->reload.started;
}

static int reload_read(const int fds[static BUILDER_RELOADED_FDS],
                       ProfileStore **ret_store,
                       DaemonConfig **ret_config,
                       char **ret_problem) {
        _cleanup_(profile_store_unrefp) ProfileStore *store = NULL;
        _cleanup_free_ char *profiles = NULL, *config = NULL;
        size_t profiles_size, config_size;
        int r;

        r = io_read_fd(fds[0], BROKER_STORE_BYTES_MAX, &profiles, &profiles_size);
        if (r >= 0)
                r = io_read_fd(fds[1], BROKER_STORE_BYTES_MAX, &config, &config_size);
        if (r >= 0)
                r = profile_store_parse(profiles, profiles_size, &store, ret_problem);
        if (r >= 0)
                r = daemon_config_parse(config, config_size, ret_config, ret_problem);
        if (r >= 0)
                *ret_store = TAKE_PTR(store);
        return r;
}

/* The builder works with the new ones already: there is no way back, nor a reason why the same text
 * should be right there and wrong here. */
static int reload_adopt(Broker *b, const int fds[static BUILDER_RELOADED_FDS]) {
        ProfileStore *store;
        DaemonConfig *config;
        int r = reload_read(fds, &store, &config, &b->reload.problem);

        if (r < 0)
                return r;
        store->generation = ++b->reload.generation;
        profile_store_unref(b->store);
        profile_replies_done(&b->profile_replies);
        b->store = store;
        broker_set_config(b, config);
        b->reload.succeeded++;
        log_info("%zu profiles and the configuration were read again", store->n_profiles);
        return 0;
}

void reload_report(Broker *b,
                   const BuilderReport *report,
                   int fds[static BUILDER_RELOADED_FDS],
                   size_t n_fds) {
        int r = 0;

        free(TAKE_PTR(b->reload.problem));
        if (n_fds == BUILDER_RELOADED_FDS)
                r = reload_adopt(b, fds);
        else if (n_fds == 1)
                r = io_read_fd(fds[0], PROBLEM_BYTES_MAX, &b->reload.problem, NULL);
        else
                b->reload.problem =
                        strdup("too few descriptors are left to hand over what was read");
        for (size_t i = 0; i < n_fds; i++)
                fd_close(fds[i]);
        if (r < 0 || (n_fds != BUILDER_RELOADED_FDS && !b->reload.problem)) {
                log_error("the profiles of the builder cannot be read: %s",
                          b->reload.problem ?: strerror(-r));
                (void) sd_event_exit(b->event, EXIT_FAILURE);
                return;
        }
        b->reload.done = b->reload.started;
        b->reload.is_running = false;
        scheduler_start_waiting(b);
        server_wake_followers(b->server, FOLLOW_RELOAD);
        LIST_FOREACH(l, &b->server->connections) {
                const Connection *c = container_of(l, Connection, link);

                if (c->follow != FOLLOW_RELOAD || c->cursor <= b->reload.done)
                        continue;
                reload_start(b);
                break;
        }
        reload_forget(b);
}

void reload_forget(Broker *b) {
        uint32_t oldest = b->reload.generation;
        BuilderRequest request = { .verb = BUILDER_FORGET };

        if (b->reload.forgotten == oldest)
                return;
        LIST_FOREACH(l, &b->jobs) {
                const Job *job = container_of(l, Job, jobs);

                /* A cell that waits has its session's box already. */
                if (job->state == JOB_QUEUED && !job_is_cell(job))
                        oldest = MIN(oldest, job->spec->store->generation);
        }
        if (oldest == b->reload.forgotten)
                return;
        request.plan = b->reload.forgotten = oldest;
        if (builder_link_send(b->builder, &request, NULL, 0) < 0)
                log_error("cannot tell the builder which profiles are not used any more");
}

void reload_done(Reload *reload) {
        free(reload->problem);
}

void reload_problem_parse(const char *text, ReloadProblem *ret_problem) {
        static const char suffix[] = ".toml:";
        const char *end = strstr(text, suffix), *s;
        uint64_t line = 0;

        *ret_problem = (ReloadProblem){};
        /* FILE:LINE: MESSAGE or FILE: MESSAGE, and not a sentence that has a file in its midst. */
        if (!end || memchr(text, ' ', (size_t) (end - text)))
                return;
        s = end + strlen(suffix);
        ret_problem->file = text;
        ret_problem->file_size = (size_t) (s - 1 - text);
        for (; *s >= '0' && *s <= '9' && line < UINT32_MAX; s++)
                line = line * 10 + (uint64_t) (*s - '0');
        if (s[0] == ':' && s[1] == ' ')
                ret_problem->line = line;
}
