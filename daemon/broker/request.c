/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/request.h"

#include <errno.h>

#include "basic/macro.h"

/* Numbers that are exact everywhere, JavaScript included: a larger one could come back in an error as
 * another one. */
#define NUMBER_MAX ((INT64_C(1) << 53) - 1)

int request_dispatch_uint(const JsonField *field, json_t *value, void *target, char *path) {
        if (json_integer_value(value) > NUMBER_MAX)
                return -EINVAL;
        return json_dispatch_uint(field, value, target, path);
}

int request_dispatch_int(const JsonField *field, json_t *value, void *target, char *path) {
        if (json_integer_value(value) > NUMBER_MAX || json_integer_value(value) < -NUMBER_MAX)
                return -EINVAL;
        return json_dispatch_int(field, value, target, path);
}

#define LIMIT_FIELD(name_, id_) \
        { name_, request_dispatch_uint, offsetof(LimitsRequest, value[id_]) }

/* The names are those of limit_infos; a test compares the two. */
static const JsonField limits_fields[] = {
        LIMIT_FIELD("wallTimeUSec", LIMIT_WALL_TIME), LIMIT_FIELD("cpuTimeUSec", LIMIT_CPU_TIME),
        LIMIT_FIELD("memoryBytes", LIMIT_MEMORY),     LIMIT_FIELD("cpuPercent", LIMIT_CPU),
        LIMIT_FIELD("processes", LIMIT_PROCESSES),    LIMIT_FIELD("threads", LIMIT_THREADS),
        LIMIT_FIELD("diskBytes", LIMIT_DISK),         LIMIT_FIELD("diskFiles", LIMIT_DISK_FILES),
        LIMIT_FIELD("fileBytes", LIMIT_FILE_SIZE),    LIMIT_FIELD("openFiles", LIMIT_OPEN_FILES),
        LIMIT_FIELD("outputBytes", LIMIT_OUTPUT),     LIMIT_FIELD("resultBytes", LIMIT_RESULT),
        LIMIT_FIELD("sourceBytes", LIMIT_SOURCE),     LIMIT_FIELD("toolCalls", LIMIT_TOOL_CALLS),
        LIMIT_FIELD("toolWaitUSec", LIMIT_TOOL_WAIT), {},
};

static const JsonField request_fields[] = {
        { "code", json_dispatch_string, offsetof(JobRequest, code), JSON_REQUIRED },
        { "arguments", json_dispatch_strings, offsetof(JobRequest, arguments) },
        { "environment", json_dispatch_string_map, offsetof(JobRequest, environment) },
        { "stdinText", json_dispatch_string, offsetof(JobRequest, stdin_text) },
        { "stdinData", json_dispatch_string, offsetof(JobRequest, stdin_data) },
        { "stdinFileDescriptor", request_dispatch_uint, offsetof(JobRequest, stdin_fd) },
        { "profile", json_dispatch_string, offsetof(JobRequest, profile) },
        { "limits", json_dispatch_object, offsetof(JobRequest, limits), 0, limits_fields },
        { "queueTimeoutUSec", request_dispatch_uint, offsetof(JobRequest, queue_timeout_usec) },
        { "labels", json_dispatch_string_map, offsetof(JobRequest, labels) },
        { "detach", json_dispatch_bool, offsetof(JobRequest, detach) },
        { "retainUSec", request_dispatch_uint, offsetof(JobRequest, retain_usec) },
        { "seed", request_dispatch_int, offsetof(JobRequest, seed) },
        {},
};

typedef struct RunParameters {
        JobRequest request;
} RunParameters;

static const JsonField run_fields[] = {
        { "request", json_dispatch_object, offsetof(RunParameters, request), JSON_REQUIRED,
          request_fields },
        {},
};

int job_request_parse(json_t *parameters,
                      JobRequest *ret_request,
                      char ret_path[static JSON_PATH_MAX]) {
        RunParameters p = {};
        int r;

        r = json_dispatch(parameters, run_fields, &p, ret_path);
        if (r < 0)
                return r;
        *ret_request = p.request;
        return 0;
}
