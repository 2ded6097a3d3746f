/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/job.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "basic/utf8.h"

void job_notify(Job *job) {
        LIST_FOREACH(w, &job->watchers) {
                JobWatcher *watcher = container_of(w, JobWatcher, link);

                watcher->notify(watcher);
        }
}

static int job_log(Job *job, const JobEvent *event) {
        int r = event_log_add(&job->log, event);

        job_notify(job);
        return r;
}

int job_new(JobSpec *spec,
            Tenant *tenant,
            uint64_t number,
            const uint8_t random[static 16],
            Instant now,
            Job **ret_job) {
        _cleanup_(job_freep) Job *job = calloc(1, sizeof(*job));
        int r;

        if (!job)
                return -ENOMEM;
        list_init(&job->jobs);
        list_init(&job->by_id);
        list_init(&job->by_request);
        list_init(&job->by_box);
        list_init(&job->in_session);
        queue_item_init(&job->queue, tenant_ref(tenant), spec->priority,
                        spec->limits.value[LIMIT_MEMORY], spec->is_session);
        list_init(&job->watchers);
        for (size_t i = 0; i < 16; i++)
                (void) snprintf(job->id + 2 * i, 3, "%02x", random[i]);
        job->number = number;
        job->state = JOB_QUEUED;
        job->stdin_fd = -EBADF;
        input_init(&job->input, spec->stdin_open);
        job->accepted = now;
        job->position = UINT64_MAX;
        job->kill_at_usec = UINT64_MAX;
        job->queue_deadline_usec = UINT64_MAX;
        if (spec->has_queue_timeout)
                job->queue_deadline_usec = now.monotonic_usec + spec->queue_timeout_usec;
        job->tools.wait_max_usec = spec->limits.value[LIMIT_TOOL_WAIT];
        output_init(&job->output, spec->limits.value[LIMIT_OUTPUT]);
        r = job_log(job,
                    &(JobEvent){ .kind = EVENT_ACCEPTED, .timestamp_usec = now.realtime_usec });
        if (r < 0)
                return r;
        job->spec = spec;
        if (spec->request_id)
                tenant_charge_anyway(tenant, QUOTA_REQUESTS, 1);
        *ret_job = TAKE_PTR(job);
        return 0;
}

static void job_charge_queued(Job *job) {
        job->queued_bytes = job_spec_bytes(job->spec);
        tenant_charge_anyway(job_tenant(job), QUOTA_QUEUED_BYTES, job->queued_bytes);
}

void job_join_queue(Job *job) {
        queue_add(&job->queue);
        job_charge_queued(job);
}

void job_join_line(Job *job, List *line) {
        list_insert_before(line, &job->in_session);
        job_charge_queued(job);
}

static void job_leave_queue(Job *job) {
        queue_remove(&job->queue);
        list_remove(&job->in_session);
        tenant_release(job_tenant(job), QUOTA_QUEUED_BYTES, job->queued_bytes);
        job->queued_bytes = 0;
}

static void job_leave_place(Job *job) {
        if (job->has_place)
                queue_item_ended(&job->queue);
        job->has_place = false;
}

static void job_free_result(Job *job) {
        event_log_done(&job->log);
        output_done(&job->output);
        said_done(&job->said);
        collection_done(&job->collection);
}

static void job_charge_result(Job *job) {
        job->retained_bytes = job_bytes(job);
        tenant_charge_anyway(job_tenant(job), QUOTA_RETAINED, !job->is_dropped);
        tenant_charge_anyway(job_tenant(job), QUOTA_RETAINED_BYTES, job->retained_bytes);
}

static void job_release_result(Job *job) {
        tenant_release(job_tenant(job), QUOTA_RETAINED, !job->is_dropped);
        tenant_release(job_tenant(job), QUOTA_RETAINED_BYTES, job->retained_bytes);
}

Job *job_free(Job *job) {
        if (!job)
                return NULL;
        assert(!job->link);
        assert(list_is_empty(&job->watchers));
        list_remove(&job->jobs);
        list_remove(&job->by_id);
        list_remove(&job->by_request);
        list_remove(&job->by_box);
        job_leave_queue(job);
        job_leave_place(job);
        if (job_is_finished(job))
                job_release_result(job);
        if (job->spec && job->spec->request_id)
                tenant_release(job_tenant(job), QUOTA_REQUESTS, 1);
        tenant_unref(job_tenant(job));
        fd_close(job->stdin_fd);
        input_close(&job->input);
        job_free_result(job);
        tool_calls_done(&job->tools);
        collector_free(job->collector);
        files_link_free(job->files);
        job_spec_free(job->spec);
        free(job);
        return NULL;
}

/* What it holds of its tenant's results for those that watch it. */
static uint64_t job_watched_bytes(const Job *job) {
        return job_is_finished(job) && !list_is_empty(&job->watchers) ? job->retained_bytes : 0;
}

void job_watch(Job *job, JobWatcher *watcher) {
        Tenant *tenant = job_tenant(job);

        tenant->watched_bytes -= job_watched_bytes(job);
        list_insert_before(&job->watchers, &watcher->link);
        tenant->watched_bytes += job_watched_bytes(job);
}

void job_unwatch(Job *job, JobWatcher *watcher) {
        Tenant *tenant = job_tenant(job);

        tenant->watched_bytes -= job_watched_bytes(job);
        list_remove(&watcher->link);
        tenant->watched_bytes += job_watched_bytes(job);
}

int job_set_position(Job *job, uint64_t position, Instant now) {
        assert(job->state == JOB_QUEUED);
        if (position == job->position)
                return 0;
        job->position = position;
        return job_log(job, &(JobEvent){
                                    .kind = EVENT_QUEUED,
                                    .timestamp_usec = now.realtime_usec,
                                    .position = position,
                            });
}

void job_set_starting(Job *job, Instant now) {
        assert(job->state == JOB_QUEUED);
        job->state = JOB_STARTING;
        job->has_place = !job_is_cell(job); /* a cell is in that of its session */
        job_leave_queue(job);
        job->queue_usec = now.monotonic_usec - job->accepted.monotonic_usec;
}

int job_set_started(Job *job, uint64_t setup_usec, Instant now) {
        assert(job->state == JOB_STARTING || job->state == JOB_CANCELLING);
        if (job->state == JOB_STARTING)
                job->state = JOB_RUNNING;
        job->started = now;
        job->setup_usec = setup_usec;
        return job_log(job,
                       &(JobEvent){ .kind = EVENT_STARTED, .timestamp_usec = now.realtime_usec });
}

void job_set_cancelling(Job *job, const char *reason) {
        size_t size;

        assert(job->state == JOB_STARTING || job->state == JOB_RUNNING);
        job->state = JOB_CANCELLING;
        (void) snprintf(job->cancel_reason, sizeof(job->cancel_reason), "%s", reason);
        size = strlen(job->cancel_reason);
        job->cancel_reason[size - utf8_incomplete_tail(job->cancel_reason, size)] = '\0';
}

/* Makes events of what has not been in one yet. */
static int job_cut_output(Job *job, OutputStream stream, bool is_final, Instant now) {
        int r = 0;

        while (r >= 0) {
                JobEvent e = {
                        .kind = EVENT_OUTPUT,
                        .stream = stream,
                        .timestamp_usec = now.realtime_usec,
                };

                e.size = output_cut(&job->output, stream, event_log_piece_min(&job->log), is_final,
                                    &e.offset);
                if (e.size == 0)
                        break;
                r = job_log(job, &e);
        }
        return r;
}

int job_write_output(Job *job, OutputStream stream, const void *data, size_t size, Instant now) {
        int r;

        assert(!job_is_finished(job));
        r = output_write(&job->output, stream, data, size);
        if (r < 0)
                return r;
        return job_cut_output(job, stream, false, now);
}

int job_show_said(Job *job, Instant now) {
        int r = 0;

        assert(!job_is_finished(job));
        while (r >= 0 && job->n_displays_logged < job->said.n_displays)
                r = job_log(job, &(JobEvent){
                                         .kind = EVENT_DISPLAY,
                                         .timestamp_usec = now.realtime_usec,
                                         .offset = job->n_displays_logged++,
                                 });
        while (r >= 0 && job->n_violations_logged < job->said.n_violations)
                r = job_log(job, &(JobEvent){
                                         .kind = EVENT_VIOLATION,
                                         .timestamp_usec = now.realtime_usec,
                                         .offset = job->n_violations_logged++,
                                 });
        return r;
}

int job_log_file(Job *job, size_t index, Instant now) {
        return job_log(job, &(JobEvent){
                                    .kind = EVENT_FILE,
                                    .timestamp_usec = now.realtime_usec,
                                    .offset = index,
                            });
}

int job_log_tool_call(Job *job, const ToolCall *call, Instant now) {
        return job_log(job, &(JobEvent){
                                    .kind = EVENT_TOOL_CALL,
                                    .timestamp_usec = now.realtime_usec,
                                    .offset = call->id,
                                    .size = (size_t) (call->tool - job->spec->tools.tools),
                                    .position = now.realtime_usec +
                                                (call->deadline_usec - now.monotonic_usec),
                            });
}

void job_finish(Job *job, const Verdict *verdict, const BoxFacts *facts, Instant now) {
        assert(!job_is_finished(job));
        for (OutputStream s = 0; s < _STREAM_MAX; s++)
                (void) job_cut_output(job, s, true, now);
        if (!job->box)
                job->queue_usec = now.monotonic_usec - job->accepted.monotonic_usec;
        job->state = JOB_FINISHED;
        job->verdict = *verdict;
        if (facts) {
                job->has_facts = true;
                job->facts = *facts;
        }
        /* What a session uses its cells have used. */
        if (facts && !job->spec->is_session)
                job_tenant(job)->cpu_usec += facts->cpu_user_usec + facts->cpu_system_usec;
        job->finished = now;
        job->retained_until_usec = now.monotonic_usec + job->spec->retain_usec;
        job_leave_queue(job);
        if (job->has_place)
                tenant_note_end(job_tenant(job), now.monotonic_usec);
        job_leave_place(job);
        /* The program and its input are of no use any more, only the result is. */
        buf_done(&job->spec->frame);
        free(job->spec->stdin_bytes);
        job->spec->stdin_bytes = NULL;
        job->spec->stdin_size = 0;
        job->stdin_fd = fd_close(job->stdin_fd);
        input_close(&job->input);
        job_charge_result(job);
        job_tenant(job)->watched_bytes += job_watched_bytes(job);
        job_notify(job);
}

void job_drop_result(Job *job) {
        assert(job_is_finished(job) && !job->is_dropped);
        job_release_result(job);
        job_free_result(job);
        job_spec_shrink(job->spec);
        job->is_dropped = true;
        job_charge_result(job);
}

bool job_is_forgettable(const Job *job, uint64_t now_usec) {
        return job_is_finished(job) && list_is_empty(&job->watchers) &&
               now_usec >= job->retained_until_usec;
}

uint64_t job_bytes(const Job *job) {
        return sizeof(*job) + job_spec_bytes(job->spec) +
               job->output.streams[STREAM_STDOUT].kept.allocated +
               job->output.streams[STREAM_STDERR].kept.allocated +
               job->log.allocated * sizeof(JobEvent) + said_bytes(&job->said) +
               collection_bytes(&job->collection);
}
