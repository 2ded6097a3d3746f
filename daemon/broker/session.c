/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/session.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "basic/macro.h"
#include "proto/builder-wire.h"

const char *const session_state_names[_SESSION_STATE_MAX + 1] = {
        [SESSION_OPENING] = "opening",     [SESSION_IDLE] = "idle",
        [SESSION_EXECUTING] = "executing", [SESSION_RESTARTING] = "restarting",
        [SESSION_BRANCHING] = "branching", [SESSION_CLOSING] = "closing",
        [SESSION_LOST] = "lost",
};

Session *
session_new(Job *host, const uint8_t random[static 16], json_t *labels, Buf *opening, Instant now) {
        Session *s = calloc(1, sizeof(*s));

        if (!s)
                return NULL;
        list_init(&s->sessions);
        list_init(&s->waiting);
        for (size_t i = 0; i < 16; i++)
                (void) snprintf(s->id + 2 * i, 3, "%02x", random[i]);
        s->host = host;
        s->tenant = tenant_ref(job_tenant(host));
        tenant_charge_anyway(s->tenant, QUOTA_SESSIONS, 1);
        s->store = profile_store_ref(host->spec->store);
        s->number = s->family = host->number;
        s->profile = host->spec->profile;
        s->labels = labels;
        s->opening = *opening;
        *opening = BUF_INIT(0);
        s->opened = now;
        s->idle_usec = s->profile->session_idle_usec;
        s->lifetime_usec = s->profile->session_lifetime_usec;
        host->session = s;
        return s;
}

Session *session_free(Session *s) {
        assert(!s->cell && list_is_empty(&s->waiting));
        list_remove(&s->sessions);
        tenant_release(s->tenant, QUOTA_SESSIONS, 1);
        tenant_unref(s->tenant);
        profile_store_unref(s->store);
        json_decref(s->labels);
        buf_done(&s->opening);
        free(s);
        return NULL;
}

void session_opened(Session *s, uint64_t now_usec) {
        if (s->state != SESSION_OPENING && s->state != SESSION_RESTARTING)
                return; /* closed meanwhile */
        s->state = SESSION_IDLE;
        s->idle_since_usec = now_usec;
}

void session_add(Session *s, Job *cell) {
        cell->session = s;
        cell->execution = ++s->n_executions;
        (void) snprintf(cell->session_id, sizeof(cell->session_id), "%s", s->id);
        job_join_line(cell, &s->waiting);
        s->n_waiting++;
}

void session_remove(Session *s, Job *cell) {
        list_remove(&cell->in_session);
        s->n_waiting--;
}

Job *session_take(Session *s) {
        if (s->state != SESSION_IDLE || list_is_empty(&s->waiting))
                return NULL;
        s->cell = container_of(s->waiting.next, Job, in_session);
        session_remove(s, s->cell);
        s->state = SESSION_EXECUTING;
        s->cell_is_over = false;
        return s->cell;
}

Job *session_end_cell(Session *s, uint64_t now_usec) {
        Job *cell = s->cell;

        s->cell = NULL;
        if (s->state == SESSION_EXECUTING)
                s->state = SESSION_IDLE;
        s->idle_since_usec = now_usec;
        return cell;
}

void session_add_usage(Session *s, const Job *cell) {
        SessionUsage *u = &s->usage;

        u->wall_usec += cell->facts.wall_usec;
        u->cpu_user_usec += cell->facts.cpu_user_usec;
        u->cpu_system_usec += cell->facts.cpu_system_usec;
        u->stdout_bytes += cell->output.streams[STREAM_STDOUT].total_bytes;
        u->stderr_bytes += cell->output.streams[STREAM_STDERR].total_bytes;
        u->tool_calls += cell->tools.n_calls;
        u->tool_wait_usec += cell->tools.waited_usec;
}

uint64_t session_end(const Session *s) {
        return s->opened.monotonic_usec + s->lifetime_usec;
}

uint64_t session_deadline(const Session *s) {
        uint64_t end_usec = session_end(s);

        if (s->state == SESSION_CLOSING)
                return UINT64_MAX;
        if (s->state == SESSION_BRANCHING && !s->branch)
                return MIN(end_usec, s->idle_since_usec + SESSION_GRACE_USEC);
        if (s->state == SESSION_IDLE || s->state == SESSION_LOST)
                return MIN(end_usec, s->idle_since_usec + s->idle_usec);
        return end_usec;
}

uint64_t session_expires_usec(const Session *s) {
        return s->opened.realtime_usec + (session_deadline(s) - s->opened.monotonic_usec);
}
