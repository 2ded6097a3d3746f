/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/reply.h"

#include <stdio.h>
#include <string.h>

#include "basic/macro.h"
#include "basic/utf8.h"
#include "broker/advice.h"
#include "broker/api.h"
#include "broker/reply-said.h"
#include "profile/limits.h"
#include "proto/layers.h"
#include "wire/base64.h"
#include "wire/build.h"

static const char *const stream_names[_STREAM_MAX] = {
        [STREAM_STDOUT] = "stdout",
        [STREAM_STDERR] = "stderr",
};

json_t *reply_limits(const Limits *limits) {
        JsonBuild b = JSON_BUILD_INIT;

        for (LimitId id = 0; id < _LIMIT_MAX; id++)
                json_build_uint(&b, limit_infos[id].field, limits->value[id]);
        return json_build_take(&b);
}

/* Figures of the cgroup, or of wait(2) where there is none; what is not known is left out. */
static void build_facts(JsonBuild *b, const BoxFacts *f) {
        json_build_uint(b, "wallTimeUSec", f->wall_usec);
        json_build_uint(b, "cpuUserUSec", f->cpu_user_usec);
        json_build_uint(b, "cpuSystemUSec", f->cpu_system_usec);
        if (f->has_cgroup)
                json_build_uint(b, "cpuThrottledUSec", f->cpu_throttled_usec);
        if (f->memory_peak_bytes > 0)
                json_build_uint(b, "memoryPeakBytes", f->memory_peak_bytes);
        if (f->pids_peak > 0)
                json_build_uint(b, "processesPeak", f->pids_peak);
        if (f->has_record) {
                json_build_uint(b, "diskBytes", f->disk_bytes);
                json_build_uint(b, "diskFiles", f->disk_files);
        }
        if (f->instructions > 0)
                json_build_uint(b, "instructions", f->instructions);
}

/* Without the waiting for tools, as at the end. */
static void build_usec_so_far(JsonBuild *b, const Job *job, uint64_t realtime_usec) {
        uint64_t age_usec = realtime_usec - MIN(job->started.realtime_usec, realtime_usec);

        json_build_uint(b, "wallTimeUSec", age_usec - MIN(job->tools.waited_usec, age_usec));
}

/* As the builder has read it a moment ago. */
static void build_usage_now(JsonBuild *b, const Job *job) {
        const BoxFacts *f = &job->facts;

        json_build_uint(b, "cpuUserUSec", f->cpu_user_usec);
        json_build_uint(b, "cpuSystemUSec", f->cpu_system_usec);
        if (f->has_cgroup)
                json_build_uint(b, "cpuThrottledUSec", f->cpu_throttled_usec);
        if (job->memory_bytes > 0)
                json_build_uint(b, "memoryBytes", job->memory_bytes);
        if (f->memory_peak_bytes > 0)
                json_build_uint(b, "memoryPeakBytes", f->memory_peak_bytes);
        if (f->pids_peak > 0)
                json_build_uint(b, "processesPeak", f->pids_peak);
}

json_t *reply_usage(const Job *job, uint64_t realtime_usec, bool is_now) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_uint(&b, "queueTimeUSec", job->queue_usec);
        if (job->started.monotonic_usec > 0)
                json_build_uint(&b, "setupTimeUSec", job->setup_usec);
        if (job->has_facts)
                build_facts(&b, &job->facts);
        else if (job->started.monotonic_usec > 0)
                build_usec_so_far(&b, job, realtime_usec);
        if (is_now && job->has_usage)
                build_usage_now(&b, job);
        if (job->box != 0) {
                json_build_uint(&b, "stdoutBytes", job->output.streams[STREAM_STDOUT].total_bytes);
                json_build_uint(&b, "stderrBytes", job->output.streams[STREAM_STDERR].total_bytes);
                json_build_uint(&b, "toolCalls", job->tools.n_calls);
                json_build_uint(&b, "toolWaitUSec", job->tools.waited_usec);
        }
        if (job->said.has_ticks && job->spec->limits.value[LIMIT_TICKS] > 0)
                json_build_uint(&b, "ticks", job->said.ticks);
        return json_build_take(&b);
}

/* Of a job that had a box: which limits it came near to. */
static void build_advice(JsonBuild *b, const Job *job) {
        const RunnerSaid *said = &job->said;
        AdviceInput input = {
                .facts = &job->facts,
                .limits = &job->spec->limits,
                .reached = job->verdict.reached,
                .output_bytes = job->output.streams[STREAM_STDOUT].total_bytes +
                                job->output.streams[STREAM_STDERR].total_bytes,
                .result_bytes = said->result_size + said->display_bytes,
                .result_too_large =
                        said->problem && strcmp(said->problem->type, "ResultTooLarge") == 0,
                .source_bytes = job->spec->source_bytes,
                .tool_calls = job->tools.n_calls,
                .ticks = job->said.has_ticks ? job->said.ticks : 0,
                .tool_wait_usec = job->tools.waited_usec,
        };
        char text[ADVICE_MAX];

        if (job->has_facts && job->facts.setup_error == 0)
                json_build_string(b, "limits", advice_write(&input, text));
}

static json_t *output_object(const Job *job, const JobEvent *e) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string(&b, "stream", stream_names[e->stream]);
        json_build_uint(&b, "offset", e->offset);
        json_build_bytes(&b, buf_data(&job->output.streams[e->stream].kept) + e->offset, e->size,
                         3);
        return json_build_take(&b);
}

static json_t *tool_call_object(const Job *job, const JobEvent *e) {
        const ToolCall *call = tool_calls_find(&job->tools, e->offset);
        JsonBuild b = JSON_BUILD_INIT;
        char id[24];

        (void) snprintf(id, sizeof(id), "%zu", e->offset);
        json_build_string(&b, "callId", id);
        json_build_string(&b, "name", job->spec->tools.tools[e->size].name);
        if (call)
                json_build_string_n(&b, "argumentsJson", call->arguments, call->arguments_size);
        json_build_uint(&b, "deadlineUSec", e->position);
        return json_build_take(&b);
}

json_t *reply_file(const CollectedFile *file) {
        JsonBuild b = JSON_BUILD_INIT;
        char hex[2 * SHA256_BYTES + 1];

        json_build_string(&b, "path", file->path);
        json_build_uint(&b, "sizeBytes", file->size_bytes);
        for (size_t i = 0; i < SHA256_BYTES; i++)
                (void) snprintf(hex + 2 * i, 3, "%02x", file->sha256[i]);
        if (file->has_sha256)
                json_build_string(&b, "sha256", hex);
        if (file->has_data)
                json_build_bytes(&b, file->data ?: "", file->size, FILE_TEXT_GROWTH);
        json_build_string(&b, "blob", file->blob);
        if (file->is_truncated)
                json_build_bool(&b, "truncated", true);
        json_build_bool(&b, "executable", file->is_executable);
        if (file->modified_usec > 0)
                json_build_uint(&b, "modifiedAtUSec", file->modified_usec);
        json_build_string(&b, "problem", file_problem_names[file->problem]);
        return json_build_take(&b);
}

static json_t *files_array(const Collection *collection) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < collection->n_done; i++)
                if (json_array_append_new(array, reply_file(&collection->files[i])) < 0) {
                        json_decref(array);
                        return NULL;
                }
        return array;
}

json_t *reply_event(const Job *job, const JobEvent *e, uint64_t sequence) {
        JsonBuild b = JSON_BUILD_INIT, outer = JSON_BUILD_INIT;

        json_build_string(&b, "kind", event_kind_names[e->kind]);
        json_build_uint(&b, "sequence", sequence);
        json_build_uint(&b, "timestampUSec", e->timestamp_usec);
        switch (e->kind) {
        case EVENT_ACCEPTED:
                json_build_string(&b, "job", job->id);
                json_build_value(&b, "limits", reply_limits(&job->spec->limits));
                break;
        case EVENT_QUEUED:
                json_build_uint(&b, "position", e->position);
                break;
        case EVENT_STARTED: {
                JsonBuild usage = JSON_BUILD_INIT;

                json_build_uint(&usage, "queueTimeUSec", job->queue_usec);
                json_build_uint(&usage, "setupTimeUSec", job->setup_usec);
                json_build_value(&b, "usage", json_build_take(&usage));
                break;
        }
        case EVENT_OUTPUT:
                json_build_value(&b, "output", output_object(job, e));
                break;
        case EVENT_DISPLAY:
                json_build_value(&b, "display", reply_display(&job->said.displays[e->offset]));
                break;
        case EVENT_TOOL_CALL:
                json_build_value(&b, "toolCall", tool_call_object(job, e));
                break;
        case EVENT_VIOLATION:
                json_build_value(&b, "violation",
                                 reply_violation(&job->said.violations[e->offset]));
                break;
        case EVENT_FILE:
                json_build_value(&b, "file", reply_file(&job->collection.files[e->offset]));
                break;
        case EVENT_USAGE:
                json_build_value(&b, "usage", reply_usage(job, e->timestamp_usec, true));
                break;
        case EVENT_HEARTBEAT:
        case _EVENT_KIND_MAX:
                break;
        }
        json_build_value(&outer, "event", json_build_take(&b));
        return json_build_take(&outer);
}

static json_t *captured_object(const CapturedStream *s) {
        size_t size = MIN(buf_size(&s->kept), (size_t) REPLY_INLINE_BYTES_MAX);
        JsonBuild b = JSON_BUILD_INIT;

        /* The limit is exact, this bound is not: it may spare a character. */
        if (size < buf_size(&s->kept))
                size -= utf8_incomplete_tail(buf_data(&s->kept), size);
        json_build_bytes(&b, size > 0 ? buf_data(&s->kept) : "", size, 3);
        json_build_uint(&b, "totalBytes", s->total_bytes);
        json_build_bool(&b, "truncated", s->total_bytes > size);
        return json_build_take(&b);
}

static void build_isolation(JsonBuild *b, const Job *job) {
        const char *names[_LAYER_MAX + 1] = {};
        bool is_degraded = false;
        size_t n = 0;

        for (Layer l = 0; l < _LAYER_MAX; l++)
                if (job->layers & LAYER_BIT(l))
                        names[n++] = layer_to_string(l);
                else
                        is_degraded = true;
        if (job->box != 0) {
                json_build_string(b, "engine", engine_names[job->spec->profile->engine]);
                json_build_strings(b, "isolation", names, n);
        }
        json_build_bool(b, "degraded", is_degraded);
}

static void build_verdict(JsonBuild *b, const Verdict *v) {
        char name[32];

        json_build_string(b, "outcome", outcome_names[v->outcome]);
        if (v->exit_code >= 0)
                json_build_int(b, "exitCode", v->exit_code);
        if (v->signal > 0) {
                json_build_int(b, "signal", v->signal);
                json_build_string(b, "signalName",
                                  outcome_signal_name(v->signal, name, sizeof(name)));
        }
        if (v->message[0] != '\0')
                json_build_string(b, "message", v->message);
}

json_t *reply_result_object(const Job *job, bool with_output) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string(&b, "job", job->id);
        if (job->session_id[0] != '\0') {
                json_build_string(&b, "session", job->session_id);
                json_build_uint(&b, "executionCount", job->execution);
                json_build_bool(&b, "sessionAlive", job->session_is_alive);
        }
        build_verdict(&b, &job->verdict);
        reply_build_said(&b, job, with_output);
        if (with_output && job->box != 0) {
                json_build_value(&b, "stdout",
                                 captured_object(&job->output.streams[STREAM_STDOUT]));
                json_build_value(&b, "stderr",
                                 captured_object(&job->output.streams[STREAM_STDERR]));
        }
        if (with_output && job->collection.is_complete)
                json_build_value(&b, "files", files_array(&job->collection));
        json_build_value(&b, "usage", reply_usage(job, job->finished.realtime_usec, false));
        build_advice(&b, job);
        build_isolation(&b, job);
        return json_build_take(&b);
}

json_t *reply_result(const Job *job, bool with_output) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_value(&b, "result", reply_result_object(job, with_output));
        return json_build_take(&b);
}

json_t *reply_job_info(const Job *job) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string(&b, "job", job->id);
        json_build_string(&b, "state", job_state_names[job_visible_state(job)]);
        json_build_string(&b, "tenant", job_tenant(job)->name);
        json_build_string(&b, "profile", job->spec->profile->name);
        if (job->session_id[0] != '\0')
                json_build_string(&b, "session", job->session_id);
        json_build_optional(&b, "labels", json_incref(job->spec->labels));
        json_build_string(&b, "requestId", job->spec->request_id);
        json_build_uint(&b, "priority", job->queue.priority);
        json_build_uint(&b, "acceptedAtUSec", job->accepted.realtime_usec);
        if (job->started.realtime_usec > 0)
                json_build_uint(&b, "startedAtUSec", job->started.realtime_usec);
        if (job->state == JOB_QUEUED)
                json_build_uint(&b, "position", job->position);
        if (job_is_finished(job)) {
                json_build_uint(&b, "finishedAtUSec", job->finished.realtime_usec);
                json_build_string(&b, "outcome", outcome_names[job->verdict.outcome]);
                json_build_value(&b, "usage", reply_usage(job, job->finished.realtime_usec, false));
                build_advice(&b, job);
                json_build_uint(&b, "retainedUntilUSec",
                                job->finished.realtime_usec + job->spec->retain_usec);
        }
        return json_build_take(&b);
}

static json_t *session_usage(const SessionUsage *u) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_uint(&b, "wallTimeUSec", u->wall_usec);
        json_build_uint(&b, "cpuUserUSec", u->cpu_user_usec);
        json_build_uint(&b, "cpuSystemUSec", u->cpu_system_usec);
        json_build_uint(&b, "stdoutBytes", u->stdout_bytes);
        json_build_uint(&b, "stderrBytes", u->stderr_bytes);
        json_build_uint(&b, "toolCalls", u->tool_calls);
        json_build_uint(&b, "toolWaitUSec", u->tool_wait_usec);
        return json_build_take(&b);
}

json_t *reply_session_info(const Session *s) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string(&b, "session", s->id);
        json_build_string(&b, "tenant", s->tenant->name);
        json_build_string(&b, "profile", s->profile->name);
        json_build_string(&b, "state", session_state_names[s->state]);
        json_build_optional(&b, "labels", json_incref(s->labels));
        json_build_uint(&b, "openedAtUSec", s->opened.realtime_usec);
        json_build_uint(&b, "expiresAtUSec", session_expires_usec(s));
        json_build_uint(&b, "idleTimeoutUSec", s->idle_usec);
        json_build_uint(&b, "executionCount", s->n_executions);
        if (s->cell)
                json_build_string(&b, "job", s->cell->id);
        json_build_value(&b, "usage", session_usage(&s->usage));
        return json_build_take(&b);
}
