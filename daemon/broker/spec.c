/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/spec.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "basic/utf8.h"
#include "broker/spec-internal.h"
#include "wire/base64.h"

/* What tracebacks call the program. */
#define SOURCE_NAME "<job>"

void job_spec_shrink(JobSpec *spec) {
        buf_done(&spec->frame);
        tool_list_done(&spec->tools);
        spec->collect = collect_spec_free(spec->collect);
        free(TAKE_PTR(spec->stdin_bytes));
        spec->stdin_size = 0;
        json_decref(TAKE_PTR(spec->modules));
}

JobSpec *job_spec_free(JobSpec *spec) {
        if (!spec)
                return NULL;
        job_spec_shrink(spec);
        profile_store_unref(spec->store);
        free(spec->request_id);
        json_decref(spec->labels);
        free(spec);
        return NULL;
}

size_t job_spec_bytes(const JobSpec *spec) {
        return spec->frame.allocated + spec->stdin_size;
}

/* Foreign text in a fixed field may be cut, but never inside a character. */
static void _printf_(3, 0) error_text(char *buf, size_t size, const char *format, va_list ap) {
        size_t n;

        (void) vsnprintf(buf, size, format, ap);
        n = strlen(buf);
        buf[n - utf8_incomplete_tail(buf, n)] = '\0';
}

void error_field(SpecError *e, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        error_text(e->field, sizeof(e->field), format, ap);
        va_end(ap);
}

int error_invalid(SpecError *e, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        error_text(e->reason, sizeof(e->reason), format, ap);
        va_end(ap);
        return SPEC_INVALID;
}

int error_too_large(SpecError *e, const char *field, uint64_t requested, uint64_t maximum) {
        error_field(e, "%s", field);
        e->requested = requested;
        e->maximum = maximum;
        return SPEC_TOO_LARGE;
}

/* A name is looked up in the store, compared and forgotten: it never becomes a path. */
static int spec_profile(const SpecContext *c, const JobRequest *q, JobSpec *s, SpecError *e) {
        const char *name = q->profile ?: c->default_profile;
        int index;

        error_field(e, "%s", name);
        index = profile_store_find(c->store, name);
        if (index < 0)
                return SPEC_PROFILE_NOT_FOUND;
        s->plan = (uint32_t) index;
        s->store = profile_store_ref(c->store);
        s->profile = c->store->profiles[index];
        if (!c->all_granted &&
            !(c->tenant ? tenant_policy_allows(c->tenant, s->profile->name, s->profile->granted)
                        : s->profile->granted))
                return SPEC_PROFILE_DENIED;
        if (profile_problem(s->profile, c->engines, e->reason, sizeof(e->reason))) {
                error_field(e, "profile %s", name);
                return SPEC_NOT_SUPPORTED;
        }
        return 0;
}

static int spec_limits(const SpecContext *c, const JobRequest *q, JobSpec *s, SpecError *e) {
        Limits maximum = s->profile->maximum;

        s->limits = s->profile->limits;
        if (c->tenant) {
                s->limits = tenant_policy_clamp(c->tenant, &s->limits);
                maximum = tenant_policy_clamp(c->tenant, &maximum);
        }
        for (LimitId id = 0; id < _LIMIT_MAX; id++) {
                const LimitInfo *info = &limit_infos[id];
                const OptionalUint *wanted = &q->limits.value[id];
                char text[64];

                if (!wanted->is_set)
                        continue;
                if (wanted->value > maximum.value[id]) {
                        error_field(e, "%s", info->field);
                        e->requested = wanted->value;
                        e->maximum = maximum.value[id];
                        return SPEC_LIMIT_EXCEEDED;
                }
                if (wanted->value < info->lowest) {
                        error_field(e, "limits.%s", info->field);
                        return error_invalid(e, "below the lowest value, %s",
                                             limit_format(id, info->lowest, text, sizeof(text)));
                }
                s->limits.value[id] = wanted->value;
        }
        return 0;
}

static int spec_arguments(const JobRequest *q, FrameBuilder *frame, SpecError *e) {
        size_t n = json_strings_size(q->arguments), bytes = 0;

        if (n > SPEC_ARGUMENTS_MAX) {
                error_field(e, "arguments");
                return error_invalid(e, "more than %d arguments", SPEC_ARGUMENTS_MAX);
        }
        for (size_t i = 0; i < n; i++) {
                const char *argument = json_strings_get(q->arguments, i);

                bytes += strlen(argument) + 1;
                if (bytes > SPEC_ARGUMENTS_BYTES_MAX)
                        return error_too_large(e, "arguments", bytes, SPEC_ARGUMENTS_BYTES_MAX);
                frame_add_string(frame, FIELD_ARGUMENT, argument);
        }
        return 0;
}

/* Names that change how the interpreter, the dynamic loader or the C library behave before any
 * policy is in place. A name that ends with * is a prefix. */
static const char *const reserved_names[] = {
        "PYTHON*",    "PYSB*",       "LD_*",        "MALLOC_*",    "GLIBC_*",
        "GCONV_PATH", "GETCONF_DIR", "HOSTALIASES", "LOCALDOMAIN", "LOCPATH",
        "NLSPATH",    "OPENSSL_*",   "RESOLV_*",    "RES_OPTIONS", "TZDIR",
};

static bool name_is_reserved(const char *name) {
        FOREACH_ARRAY(p, reserved_names, ELEMENTSOF(reserved_names)) {
                size_t n = strlen(*p);

                if ((*p)[n - 1] == '*' ? strncmp(name, *p, n - 1) == 0 : strcmp(name, *p) == 0)
                        return true;
        }
        return false;
}

static bool name_is_valid(const char *name) {
        if (!isalpha((unsigned char) *name) && *name != '_')
                return false;
        for (; *name; name++)
                if (!isalnum((unsigned char) *name) && *name != '_')
                        return false;
        return true;
}

static int spec_environment(const JobRequest *q, FrameBuilder *frame, SpecError *e) {
        size_t bytes = 0;
        const char *name;
        json_t *value;

        if (json_object_size(q->environment) > SPEC_ENVIRONMENT_MAX) {
                error_field(e, "environment");
                return error_invalid(e, "more than %d variables", SPEC_ENVIRONMENT_MAX);
        }
        json_object_foreach(q->environment, name, value) {
                char pair[SPEC_ENVIRONMENT_BYTES_MAX];
                int n;

                error_field(e, "environment.%s", name);
                if (!name_is_valid(name))
                        return error_invalid(e, "a name has only letters, digits and underscores");
                if (name_is_reserved(name))
                        return error_invalid(e, "this name is reserved");
                bytes += strlen(name) + json_string_length(value) + 2;
                if (bytes > SPEC_ENVIRONMENT_BYTES_MAX)
                        return error_too_large(e, "environment", bytes, SPEC_ENVIRONMENT_BYTES_MAX);
                n = snprintf(pair, sizeof(pair), "%s=%s", name, json_string_value(value));
                frame_add(frame, FIELD_ENVIRONMENT, pair, (size_t) n);
        }
        return 0;
}

static int spec_stdin(const SpecContext *c, const JobRequest *q, JobSpec *s, SpecError *e) {
        if (!!q->stdin_text + !!q->stdin_data + q->stdin_fd.is_set + q->stdin_open > 1) {
                error_field(e, "stdinText");
                return error_invalid(
                        e,
                        "give only one of stdinText, stdinData, stdinFileDescriptor and stdinOpen");
        }
        s->stdin_open = q->stdin_open;
        if (q->stdin_fd.is_set) {
                error_field(e, "stdinFileDescriptor");
                if (q->stdin_fd.value >= c->n_fds)
                        return error_invalid(e, "only %zu descriptors came with the call",
                                             c->n_fds);
                s->has_stdin_fd = true;
                s->stdin_fd_index = (size_t) q->stdin_fd.value;
        } else if (q->stdin_text) {
                s->stdin_bytes = strdup(q->stdin_text);
                if (!s->stdin_bytes)
                        return -ENOMEM;
                s->stdin_size = strlen(q->stdin_text);
        } else if (q->stdin_data) {
                int r = base64_decode(q->stdin_data, strlen(q->stdin_data), &s->stdin_bytes,
                                      &s->stdin_size);

                error_field(e, "stdinData");
                if (r == -EINVAL)
                        return error_invalid(e, "no valid Base64");
                return r;
        }
        return 0;
}

int spec_check_labels(json_t *labels, SpecError *e) {
        const char *key;
        json_t *value;

        if (json_object_size(labels) > SPEC_LABELS_MAX) {
                error_field(e, "labels");
                return error_invalid(e, "more than %d labels", SPEC_LABELS_MAX);
        }
        json_object_foreach(labels, key, value) {
                error_field(e, "labels.%s", key);
                if (strlen(key) == 0 || strlen(key) > SPEC_LABEL_KEY_BYTES_MAX)
                        return error_invalid(e, "a key has 1 to %d bytes",
                                             SPEC_LABEL_KEY_BYTES_MAX);
                if (json_string_length(value) > SPEC_LABEL_VALUE_BYTES_MAX)
                        return error_invalid(e, "a value has at most %d bytes",
                                             SPEC_LABEL_VALUE_BYTES_MAX);
        }
        return 0;
}

static int spec_labels(const JobRequest *q, JobSpec *s, SpecError *e) {
        int r = spec_check_labels(q->labels, e);

        if (r != 0)
                return r;
        /* A copy: the request's strings keep the whole message's memory alive otherwise. */
        s->labels = json_deep_copy(q->labels);
        return q->labels && !s->labels ? -ENOMEM : 0;
}

/* How often its clients hear of it even if nothing happens. */
static int spec_intervals(const JobRequest *q, JobSpec *s, SpecError *e) {
        if (q->heartbeat_usec.is_set && q->heartbeat_usec.value < SPEC_HEARTBEAT_USEC_MIN) {
                error_field(e, "heartbeatUSec");
                return error_invalid(e, "less than 1 second");
        }
        if (q->usage_interval_usec.is_set &&
            q->usage_interval_usec.value < SPEC_USAGE_INTERVAL_USEC_MIN) {
                error_field(e, "usageIntervalUSec");
                return error_invalid(e, "less than 100 milliseconds");
        }
        s->heartbeat_usec = q->heartbeat_usec.value;
        s->usage_interval_usec = q->usage_interval_usec.value;
        return 0;
}

static int spec_priority(const JobRequest *q, JobSpec *s, SpecError *e) {
        s->priority = PRIORITY_DEFAULT;
        if (!q->priority.is_set)
                return 0;
        if (q->priority.value >= PRIORITIES) {
                error_field(e, "priority");
                return error_invalid(e, "not from 0 to %d", PRIORITIES - 1);
        }
        s->priority = (unsigned) q->priority.value;
        return 0;
}

static int spec_request_id(const SpecContext *c, const JobRequest *q, JobSpec *s, SpecError *e) {
        const char *id = q->request_id;

        if (!id)
                return 0;
        error_field(e, "requestId");
        if (*id == '\0' || strlen(id) > SPEC_REQUEST_ID_MAX)
                return error_invalid(e, "not from 1 to %d characters", SPEC_REQUEST_ID_MAX);
        for (const char *p = id; *p; p++)
                if (*p < 0x20 || *p > 0x7e)
                        return error_invalid(e, "a character that is not printable ASCII");
        if (c->is_check)
                return 0;
        s->request_id = strdup(id);
        return s->request_id ? 0 : -ENOMEM;
}

static int spec_times(const SpecContext *c, const JobRequest *q, JobSpec *s, SpecError *e) {
        s->is_check = c->is_check;
        if (c->is_check)
                return 0;
        s->detach = q->detach || c->is_submit;
        s->retain_usec = s->detach || s->request_id ? s->profile->retain_usec : 0;
        if (q->retain_usec.is_set) {
                if (q->retain_usec.value > SPEC_RETAIN_USEC_MAX) {
                        error_field(e, "retainUSec");
                        return error_invalid(e, "more than 24 hours");
                }
                s->retain_usec = q->retain_usec.value;
        }
        if (q->queue_timeout_usec.is_set) {
                if (q->queue_timeout_usec.value > SPEC_QUEUE_TIMEOUT_USEC_MAX) {
                        error_field(e, "queueTimeoutUSec");
                        return error_invalid(e, "more than 24 hours");
                }
                s->has_queue_timeout = true;
                s->queue_timeout_usec = q->queue_timeout_usec.value;
        }
        return 0;
}

static int spec_frame(const SpecContext *c, const JobRequest *q, JobSpec *s, SpecError *e) {
        FrameBuilder frame;
        uint64_t result_max = s->limits.value[LIMIT_RESULT];
        char name[32];
        int r;

        frame_begin(&frame, FRAME_JOB);
        (void) snprintf(name, sizeof(name), "<cell %" PRIu64 ">", c->execution);
        frame_add_string(&frame, FIELD_SOURCE_NAME, c->session ? name : SOURCE_NAME);
        frame_add(&frame, FIELD_RESULT_MAX, &result_max, sizeof(result_max));
        if (q->seed.is_set)
                frame_add(&frame, FIELD_SEED, &q->seed.value, sizeof(q->seed.value));
        if (s->limits.value[LIMIT_TICKS] > 0)
                frame_add(&frame, FIELD_TICKS, &s->limits.value[LIMIT_TICKS], sizeof(uint64_t));
        r = spec_collect(q, s, e);
        if (r == 0)
                r = spec_arguments(q, &frame, e);
        if (r == 0)
                r = spec_environment(q, &frame, e);
        if (r == 0)
                r = spec_program(c, q, s, &frame, e);
        if (r == 0)
                r = spec_tools(q, s, &frame, e);
        if (r == 0 && s->source_too_large && c->is_session) {
                error_field(e, "files");
                r = error_too_large(e, "files", s->source_bytes, s->limits.value[LIMIT_SOURCE]);
        }
        if (r != 0 || s->source_too_large) {
                buf_done(&frame.buf);
                return r;
        }
        r = frame_end(&frame, &s->frame);
        /* What fits into a message fits into a frame, but for the headers of its fields. */
        return r == -EMSGSIZE ? error_too_large(e, "request", JOB_PAYLOAD_MAX + 1, JOB_PAYLOAD_MAX)
                              : r;
}

int job_spec_make(const SpecContext *c,
                  const JobRequest *q,
                  JobSpec **ret_spec,
                  SpecError *ret_error) {
        _cleanup_(job_spec_freep) JobSpec *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        *ret_error = (SpecError){};
        s->is_session = c->is_session;
        r = c->session ? spec_session(c, q, s, ret_error) : spec_profile(c, q, s, ret_error);
        if (r == 0 && c->is_session)
                r = spec_session_allowed(s->profile, ret_error);
        if (r == 0 && !c->session)
                r = spec_limits(c, q, s, ret_error);
        if (r == 0)
                r = spec_frame(c, q, s, ret_error);
        if (r == 0)
                r = spec_stdin(c, q, s, ret_error);
        if (r == 0)
                r = spec_labels(q, s, ret_error);
        if (r == 0)
                r = spec_priority(q, s, ret_error);
        if (r == 0)
                r = spec_request_id(c, q, s, ret_error);
        if (r == 0)
                r = spec_times(c, q, s, ret_error);
        if (r == 0)
                r = spec_intervals(q, s, ret_error);
        if (r == 0)
                *ret_spec = TAKE_PTR(s);
        return r;
}
