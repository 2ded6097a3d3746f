/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The clients of the simulation: what they ask for, and what they may be told. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/macro.h"
#include "broker/connection.h"
#include "simulation.h"

#define TEXT_MAX 512

void sim_client_close(SimClient *c) {
        c->fd = fd_close(c->fd);
        buf_done(&c->in);
}

/* As the server does with what it accepts; only root could be several users. */
void sim_connect(Simulation *s, SimClient *c, size_t tenant_index) {
        const Peer peer = { .uid = 1000, .gid = 1000 };
        Broker *b = s->broker;
        int fds[2], size = 4096;
        char name[16];
        Tenant *tenant;

        *c = (SimClient){ .fd = -EBADF, .tenant = tenant_index };
        (void) snprintf(name, sizeof(name), "t%zu", c->tenant);
        tenant = tenants_get(&b->tenants, name, broker_find_policy(b, name) ?: &b->default_policy);
        assert_non_null(tenant);
        if (tenant_fits(tenant, QUOTA_CONNECTIONS, 1) == 0) {
                assert_int_equal(fd_socketpair(fds, SOCK_STREAM), 0);
                /* Who does not read is soon noticed. */
                assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
                assert_int_equal(connection_new(b->server, tenant, fds[0], &peer), 0);
                c->fd = fds[1];
                c->active_usec = c->sent_usec = sim_now_usec;
        }
        tenant_unref(tenant);
        sim_spin(s);
}

static void client_send(Simulation *s, SimClient *c, const char *text, size_t size) {
        (void) send(c->fd, text, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        c->active_usec = c->sent_usec = sim_now_usec;
        sim_spin(s);
}

void sim_call(Simulation *s, SimClient *c, const char *method, const char *parameters, bool more) {
        char text[2 * TEXT_MAX];
        int n = snprintf(text, sizeof(text),
                         "{\"method\":\"io.pysb.sandbox.%s\",\"parameters\":%s%s}", method,
                         parameters, more ? ",\"more\":true" : "");

        assert_true(n > 0 && (size_t) n < sizeof(text));
        c->is_waiting = true;
        client_send(s, c, text, (size_t) n + 1);
}

/* The string behind this key. */
static bool find_string(const char *text, const char *key, char *ret, size_t max) {
        const char *found = strstr(text, key), *end;

        if (!found)
                return false;
        found += strlen(key);
        end = strchr(found, '"');
        assert_true(end && (size_t) (end - found) < max);
        memcpy(ret, found, (size_t) (end - found));
        ret[end - found] = '\0';
        return true;
}

/* What a client is told is what the log says; and of other tenants it is told nothing. */
static void client_take(Simulation *s, SimClient *c, const char *text) {
        const char *result = strstr(text, "\"result\":{");
        char id[JOB_ID_SIZE], name[64];

        assert_true(c->is_waiting);
        if (strstr(text, "\"continues\":true"))
                return;
        c->is_waiting = false;
        s->n_replies++;
        if (c->is_foreign)
                assert_non_null(strstr(text, "JobNotFound"));
        c->is_foreign = false;
        if (find_string(text, "\"error\":\"", name, sizeof(name))) {
                if (strcmp(name, "org.varlink.service.InvalidParameter") == 0)
                        fail_msg("%s", text);
                s->n_errors++;
        }
        if (!result)
                return;
        assert_true(find_string(result, "\"job\":\"", id, sizeof(id)));
        assert_true(find_string(result, "\"outcome\":\"", name, sizeof(name)));
        assert_string_equal(sim_find_end(s, id)->id, id);
        assert_string_equal(outcome_names[sim_find_end(s, id)->outcome], name);
}

static void client_take_all(Simulation *s, SimClient *c) {
        char *nul;

        while (buf_size(&c->in) > 0 && (nul = memchr(buf_data(&c->in), '\0', buf_size(&c->in)))) {
                client_take(s, c, buf_data(&c->in));
                buf_consume(&c->in, (size_t) (nul + 1 - buf_data(&c->in)));
        }
        buf_shrink(&c->in);
}

/* The broker closes a connection for a reason: garbage, or nothing was read or asked for too long. */
static void client_is_closed(Simulation *s, SimClient *c, uint64_t active_usec) {
        assert_true(c->is_garbled || s->is_ending ||
                    sim_now_usec >= active_usec + CONNECTION_STALL_USEC_MAX ||
                    sim_now_usec >= c->sent_usec + CONNECTION_IDLE_USEC_MAX);
        s->n_closed++;
        sim_client_close(c);
}

void sim_read(Simulation *s, SimClient *c) {
        uint64_t active_usec = c->active_usec;
        char data[16384];
        ssize_t n;

        while ((n = recv(c->fd, data, sizeof(data), MSG_DONTWAIT)) > 0) {
                assert_int_equal(buf_append(&c->in, data, (size_t) n), 0);
                c->active_usec = sim_now_usec;
                client_take_all(s, c);
                sim_spin(s);
        }
        if (n == 0 || errno != EAGAIN)
                client_is_closed(s, c, active_usec);
}

static bool is_own(const SimClient *c, const Tenant *tenant) {
        return (size_t) (tenant->name[1] - '0') == c->tenant;
}

/* Rather one of its own; but any other may come, too. */
static const Job *pick_job(Simulation *s, const SimClient *c) {
        bool is_any = sim_pick(s, 4) == 0;
        size_t n = s->n_jobs > 0 ? sim_pick(s, s->n_jobs) : 0;
        const Job *job = NULL;

        LIST_FOREACH(l, &s->broker->jobs) {
                const Job *candidate = container_of(l, Job, jobs);

                if (is_any || is_own(c, job_tenant(candidate)))
                        job = candidate;
                if (n-- == 0)
                        break;
        }
        return job;
}

static void call_run(Simulation *s, SimClient *c) {
        char text[TEXT_MAX], request_id[48] = "", timeout[48] = "";
        bool is_submit = sim_pick(s, 2) == 0;

        if (sim_pick(s, 4) == 0)
                (void) snprintf(request_id, sizeof(request_id), ",\"requestId\":\"r%" PRIu64 "\"",
                                sim_pick(s, SIM_REQUEST_IDS));
        if (sim_pick(s, 2) == 0)
                (void) snprintf(timeout, sizeof(timeout), ",\"queueTimeoutUSec\":%" PRIu64,
                                sim_pick(s, 2 * USEC_PER_SEC));
        (void) snprintf(text, sizeof(text),
                        "{\"request\":{\"code\":\"11\",\"priority\":%" PRIu64
                        ",\"retainUSec\":%" PRIu64 ",\"limits\":{\"memoryBytes\":%" PRIu64
                        ",\"outputBytes\":%" PRIu64
                        ",\"collectFiles\":9,\"collectBytes\":1000%s}%s%s%s%s}}",
                        sim_pick(s, PRIORITIES), sim_pick(s, 2) * sim_pick(s, 4 * USEC_PER_SEC),
                        (1 + sim_pick(s, 8)) * 64 * MIB, sim_pick(s, 20000),
                        sim_pick(s, 40) == 0 ? ",\"sourceBytes\":1" : "", request_id, timeout,
                        !is_submit && sim_pick(s, 8) == 0 ? ",\"detach\":true" : "",
                        sim_pick(s, 8) == 0 ? ",\"collect\":[{\"pattern\":\"*\"}]" : "");
        sim_call(s, c, is_submit ? "Submit" : "Run", text, !is_submit && sim_pick(s, 2) == 0);
}

/* A method about a job: of the tenant's own, or of somebody else, or one that nobody sees. */
static void call_job(Simulation *s, SimClient *c) {
        static const char *const methods[] = { "Cancel", "Attach", "Wait", "GetJob", "ForgetJob" };
        size_t method = sim_pick(s, ELEMENTSOF(methods));
        const Job *job = pick_job(s, c);
        char text[TEXT_MAX], more[64] = "";

        if (!job)
                return;
        c->is_foreign = !is_own(c, job_tenant(job)) || job->spec->is_session;
        if (method == 0)
                (void) snprintf(more, sizeof(more), ",\"graceUSec\":%" PRIu64,
                                sim_pick(s, 2) * sim_pick(s, USEC_PER_SEC));
        else if (method == 2)
                (void) snprintf(more, sizeof(more), ",\"timeoutUSec\":%" PRIu64,
                                sim_pick(s, USEC_PER_SEC));
        (void) snprintf(text, sizeof(text), "{\"job\":\"%s\"%s}", job->id, more);
        sim_call(s, c, methods[method], text, method == 1);
}

static const Session *pick_session(Simulation *s, const SimClient *c) {
        LIST_FOREACH(l, &s->broker->sessions) {
                const Session *session = container_of(l, Session, sessions);

                if (is_own(c, session->tenant) && sim_pick(s, 2) == 0)
                        return session;
        }
        return NULL;
}

static void call_session(Simulation *s, SimClient *c) {
        static const char *const methods[] = { "Execute",    "Execute",          "Execute",
                                               "Execute",    "InterruptSession", "ExtendSession",
                                               "GetSession", "CloseSession" };
        const Session *session = pick_session(s, c);
        size_t method = sim_pick(s, ELEMENTSOF(methods));
        char text[TEXT_MAX];

        if (!session) {
                (void) snprintf(text, sizeof(text),
                                "{\"limits\":{\"memoryBytes\":%" PRIu64
                                "},\"lifetimeUSec\":%" PRIu64 ",\"bindToConnection\":%s}",
                                64 * MIB, (1 + sim_pick(s, 60)) * USEC_PER_SEC,
                                sim_pick(s, 2) == 0 ? "true" : "false");
                sim_call(s, c, "OpenSession", text, false);
                return;
        }
        (void) snprintf(text, sizeof(text), "{\"session\":\"%s\"%s%s}", session->id,
                        method < 4 ? ",\"code\":\"1\"" : "",
                        method < 2 ? ",\"queue\":true,\"detach\":true" : "");
        sim_call(s, c, methods[method], text, method == 0);
}

void sim_client_step(Simulation *s, SimClient *c) {
        if (c->fd < 0) {
                sim_connect(s, c, sim_pick(s, SIM_TENANTS));
                return;
        }
        if (!c->is_lazy || sim_pick(s, 8) == 0) {
                sim_read(s, c);
                c->is_lazy = false;
        }
        if (c->fd < 0)
                return;
        if (sim_pick(s, 40) == 0)
                c->is_lazy = true;
        if (sim_pick(s, c->is_waiting ? 20 : 100) == 0) {
                sim_client_close(c);
                sim_spin(s);
        } else if (c->is_waiting || c->is_lazy)
                return;
        else if (sim_pick(s, 200) == 0) {
                c->is_garbled = true;
                client_send(s, c, "{]", 3);
        } else if (sim_pick(s, 4) == 0)
                call_session(s, c);
        else if (sim_pick(s, 3) == 0)
                call_job(s, c);
        else
                call_run(s, c);
}
