/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/request.h"

#include <errno.h>
#include <string.h>

#include "basic/macro.h"
#include "broker/collect.h"

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

static int dispatch_optional_bool(const JsonField *field, json_t *value, void *target, char *path) {
        OptionalBool flag = { .is_set = true };
        int r;

        r = json_dispatch_bool(field, value, &flag.value, path);
        if (r >= 0)
                *(OptionalBool *) target = flag;
        return r;
}

/* In the order of AnalysisLevel, which is that of the interface. */
static const char *const analysis_names[_ANALYSIS_MAX + 1] = {
        [ANALYSIS_OFF] = "off",
        [ANALYSIS_IMPORTS] = "imports",
        [ANALYSIS_STRICT] = "strict",
};

static int dispatch_analysis(const JsonField *field, json_t *value, void *target, char *path) {
        int level, r;

        r = json_dispatch_enum(field, value, &level, path);
        if (r >= 0)
                *(OptionalUint *) target = (OptionalUint){ true, (uint64_t) level };
        return r;
}

static const JsonField file_fields[] = {
        { "path", json_dispatch_string, offsetof(FileRequest, path), JSON_REQUIRED },
        { "text", json_dispatch_string, offsetof(FileRequest, text) },
        { "data", json_dispatch_string, offsetof(FileRequest, data) },
        { "blob", json_dispatch_string, offsetof(FileRequest, blob) },
        { "fileDescriptor", request_dispatch_uint, offsetof(FileRequest, fd) },
        { "executable", json_dispatch_bool, offsetof(FileRequest, executable) },
        { "readOnly", json_dispatch_bool, offsetof(FileRequest, read_only) },
        {},
};

int request_dispatch_files(const JsonField *field, json_t *value, void *target, char *path) {
        FilesRequest *files = target;
        int r = 0;

        if (!json_is_array(value))
                return -EINVAL;
        files->n = json_array_size(value);
        for (size_t i = 0; r >= 0 && i < MIN(files->n, (size_t) REQUEST_FILES_MAX); i++)
                r = json_dispatch_entry(value, i, file_fields, &files->files[i], path);
        return r;
}

static const char *const delivery_names[_DELIVERY_MAX + 1] = {
        [DELIVERY_INLINE] = "inline",
        [DELIVERY_BLOB] = "blob",
        [DELIVERY_AUTO] = "auto",
};

static const JsonField collect_fields[] = {
        { "pattern", json_dispatch_string, offsetof(CollectRuleRequest, pattern), JSON_REQUIRED },
        { "truncate", json_dispatch_bool, offsetof(CollectRuleRequest, truncate) },
        { "unchanged", json_dispatch_bool, offsetof(CollectRuleRequest, unchanged) },
        { "delivery", json_dispatch_enum, offsetof(CollectRuleRequest, delivery), 0,
          delivery_names },
        {},
};

static int dispatch_collect(const JsonField *field, json_t *value, void *target, char *path) {
        CollectRequest *collect = target;
        int r = 0;

        if (!json_is_array(value))
                return -EINVAL;
        collect->n = json_array_size(value);
        for (size_t i = 0; r >= 0 && i < MIN(collect->n, (size_t) FILES_PATTERNS_MAX); i++)
                r = json_dispatch_entry(value, i, collect_fields, &collect->rules[i], path);
        return r;
}

static const JsonField tool_fields[] = {
        { "name", json_dispatch_string, offsetof(ToolRequest, name), JSON_REQUIRED },
        { "description", json_dispatch_string, offsetof(ToolRequest, description) },
        { "parametersSchemaJson", json_dispatch_string, offsetof(ToolRequest, schema_json) },
        { "timeoutUSec", request_dispatch_uint, offsetof(ToolRequest, timeout_usec) },
        {},
};

static int dispatch_tools(const JsonField *field, json_t *value, void *target, char *path) {
        ToolsRequest *tools = target;
        int r = 0;

        if (!json_is_array(value))
                return -EINVAL;
        tools->n = json_array_size(value);
        for (size_t i = 0; r >= 0 && i < MIN(tools->n, (size_t) TOOLS_MAX); i++) {
                r = json_dispatch_entry(value, i, tool_fields, &tools->tools[i], path);
                tools->tools[i].json = json_array_get(value, i);
        }
        return r;
}

#define LIMIT_FIELD(name_, id_) \
        { name_, request_dispatch_uint, offsetof(LimitsRequest, value[id_]) }

/* The names are those of limit_infos; a test compares the two. */
static const JsonField limits_fields[] = {
        LIMIT_FIELD("wallTimeUSec", LIMIT_WALL_TIME),
        LIMIT_FIELD("cpuTimeUSec", LIMIT_CPU_TIME),
        LIMIT_FIELD("memoryBytes", LIMIT_MEMORY),
        LIMIT_FIELD("cpuPercent", LIMIT_CPU),
        LIMIT_FIELD("processes", LIMIT_PROCESSES),
        LIMIT_FIELD("threads", LIMIT_THREADS),
        LIMIT_FIELD("diskBytes", LIMIT_DISK),
        LIMIT_FIELD("diskFiles", LIMIT_DISK_FILES),
        LIMIT_FIELD("fileBytes", LIMIT_FILE_SIZE),
        LIMIT_FIELD("openFiles", LIMIT_OPEN_FILES),
        LIMIT_FIELD("outputBytes", LIMIT_OUTPUT),
        LIMIT_FIELD("resultBytes", LIMIT_RESULT),
        LIMIT_FIELD("sourceBytes", LIMIT_SOURCE),
        LIMIT_FIELD("toolCalls", LIMIT_TOOL_CALLS),
        LIMIT_FIELD("toolWaitUSec", LIMIT_TOOL_WAIT),
        LIMIT_FIELD("collectFiles", LIMIT_COLLECT_FILES),
        LIMIT_FIELD("collectBytes", LIMIT_COLLECT_BYTES),
        LIMIT_FIELD("ticks", LIMIT_TICKS),
        {},
};

static const JsonField request_fields[] = {
        { "code", json_dispatch_string, offsetof(JobRequest, code) },
        { "scriptPath", json_dispatch_string, offsetof(JobRequest, script_path) },
        { "module", json_dispatch_string, offsetof(JobRequest, module) },
        { "expression", json_dispatch_string, offsetof(JobRequest, expression) },
        { "callable", json_dispatch_string, offsetof(JobRequest, callable) },
        { "inputsJson", json_dispatch_string, offsetof(JobRequest, inputs_json) },
        { "files", request_dispatch_files, offsetof(JobRequest, files) },
        { "collect", dispatch_collect, offsetof(JobRequest, collect) },
        { "modules", json_dispatch_strings, offsetof(JobRequest, modules) },
        { "tools", dispatch_tools, offsetof(JobRequest, tools) },
        { "analysis", dispatch_analysis, offsetof(JobRequest, analysis), 0, analysis_names },
        { "displayLastExpression", dispatch_optional_bool,
          offsetof(JobRequest, display_last_expression) },
        { "arguments", json_dispatch_strings, offsetof(JobRequest, arguments) },
        { "environment", json_dispatch_string_map, offsetof(JobRequest, environment) },
        { "stdinText", json_dispatch_string, offsetof(JobRequest, stdin_text) },
        { "stdinData", json_dispatch_string, offsetof(JobRequest, stdin_data) },
        { "stdinFileDescriptor", request_dispatch_uint, offsetof(JobRequest, stdin_fd) },
        { "stdinOpen", json_dispatch_bool, offsetof(JobRequest, stdin_open) },
        { "profile", json_dispatch_string, offsetof(JobRequest, profile) },
        { "limits", json_dispatch_object, offsetof(JobRequest, limits), 0, limits_fields },
        { "requestId", json_dispatch_string, offsetof(JobRequest, request_id) },
        { "priority", request_dispatch_uint, offsetof(JobRequest, priority) },
        { "tenant", json_dispatch_string, offsetof(JobRequest, tenant) },
        { "queueTimeoutUSec", request_dispatch_uint, offsetof(JobRequest, queue_timeout_usec) },
        { "labels", json_dispatch_string_map, offsetof(JobRequest, labels) },
        { "detach", json_dispatch_bool, offsetof(JobRequest, detach) },
        { "retainUSec", request_dispatch_uint, offsetof(JobRequest, retain_usec) },
        { "usageIntervalUSec", request_dispatch_uint, offsetof(JobRequest, usage_interval_usec) },
        { "heartbeatUSec", request_dispatch_uint, offsetof(JobRequest, heartbeat_usec) },
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

void request_fingerprint_add(uint64_t *fingerprint, const void *data, size_t size) {
        const uint8_t *bytes = data;

        for (size_t i = 0; i < size; i++)
                *fingerprint = (*fingerprint ^ bytes[i]) * UINT64_C(1099511628211);
}

static int fingerprint_add(const char *text, size_t size, void *data) {
        request_fingerprint_add(data, text, size);
        return 0;
}

/* What is null may as well be absent; of the tools' schemas that is not for us to say. */
static void drop_nulls(json_t *json) {
        const char *key;
        json_t *value;
        void *next;
        size_t i;

        json_object_foreach_safe(json, next, key, value) {
                if (json_is_null(value))
                        (void) json_object_del(json, key);
                else if (strcmp(key, "tools") != 0)
                        drop_nulls(value);
        }
        json_array_foreach(json, i, value) drop_nulls(value);
}

/* FNV-1a of the canonical text, which is never in one piece: programs may be large. */
int request_fingerprint(json_t *request, uint64_t *ret_fingerprint) {
        uint64_t hash = UINT64_C(14695981039346656037);

        drop_nulls(request);
        if (json_dump_callback(request, fingerprint_add, &hash, JSON_COMPACT | JSON_SORT_KEYS) < 0)
                return -ENOMEM;
        *ret_fingerprint = hash;
        return 0;
}

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

static const JsonField session_fields[] = {
        { "profile", json_dispatch_string, offsetof(SessionRequest, job.profile) },
        { "limits", json_dispatch_object, offsetof(SessionRequest, job.limits), 0, limits_fields },
        { "files", request_dispatch_files, offsetof(SessionRequest, job.files) },
        { "environment", json_dispatch_string_map, offsetof(SessionRequest, job.environment) },
        { "modules", json_dispatch_strings, offsetof(SessionRequest, job.modules) },
        { "tools", dispatch_tools, offsetof(SessionRequest, job.tools) },
        { "labels", json_dispatch_string_map, offsetof(SessionRequest, job.labels) },
        { "seed", request_dispatch_int, offsetof(SessionRequest, job.seed) },
        { "idleTimeoutUSec", request_dispatch_uint, offsetof(SessionRequest, idle_usec) },
        { "lifetimeUSec", request_dispatch_uint, offsetof(SessionRequest, lifetime_usec) },
        { "tenant", json_dispatch_string, offsetof(SessionRequest, job.tenant) },
        { "bindToConnection", json_dispatch_bool, offsetof(SessionRequest, bind_to_connection) },
        {},
};

int session_request_parse(json_t *parameters,
                          SessionRequest *ret_request,
                          char ret_path[static JSON_PATH_MAX]) {
        *ret_request = (SessionRequest){};
        return json_dispatch(parameters, session_fields, ret_request, ret_path);
}

static const JsonField execute_fields[] = {
        { "session", json_dispatch_string, offsetof(ExecuteRequest, session), JSON_REQUIRED },
        { "code", json_dispatch_string, offsetof(ExecuteRequest, job.code), JSON_REQUIRED },
        { "inputsJson", json_dispatch_string, offsetof(ExecuteRequest, job.inputs_json) },
        { "limits", json_dispatch_object, offsetof(ExecuteRequest, job.limits), 0, limits_fields },
        { "displayLastExpression", dispatch_optional_bool,
          offsetof(ExecuteRequest, job.display_last_expression) },
        { "analysis", dispatch_analysis, offsetof(ExecuteRequest, job.analysis), 0,
          analysis_names },
        { "queue", json_dispatch_bool, offsetof(ExecuteRequest, queue) },
        { "requestId", json_dispatch_string, offsetof(ExecuteRequest, job.request_id) },
        { "detach", json_dispatch_bool, offsetof(ExecuteRequest, job.detach) },
        { "retainUSec", request_dispatch_uint, offsetof(ExecuteRequest, job.retain_usec) },
        { "usageIntervalUSec", request_dispatch_uint,
          offsetof(ExecuteRequest, job.usage_interval_usec) },
        { "heartbeatUSec", request_dispatch_uint, offsetof(ExecuteRequest, job.heartbeat_usec) },
        {},
};

int execute_request_parse(json_t *parameters,
                          ExecuteRequest *ret_request,
                          char ret_path[static JSON_PATH_MAX]) {
        *ret_request = (ExecuteRequest){
                .job.display_last_expression = { .is_set = true, .value = true },
        };
        return json_dispatch(parameters, execute_fields, ret_request, ret_path);
}
