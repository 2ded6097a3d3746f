/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A JobRequest as the client sent it: typed, but not believed. It points into the call's JSON. */

#include <jansson.h>
#include <stdbool.h>

#include "proto/files-wire.h"
#include "proto/limits.h"
#include "proto/runner-wire.h"
#include "wire/dispatch.h"

typedef struct LimitsRequest {
        OptionalUint value[_LIMIT_MAX];
} LimitsRequest;

typedef struct OptionalBool {
        bool is_set, value;
} OptionalBool;

#define REQUEST_FILES_MAX 64

typedef struct FileRequest {
        const char *path;
        const char *text, *data, *blob;
        OptionalUint fd; /* index of a passed descriptor */
        bool executable, read_only;
} FileRequest;

typedef struct FilesRequest {
        size_t n; /* may be more than there is room for: then only the number counts */
        FileRequest files[REQUEST_FILES_MAX];
} FilesRequest;

typedef struct CollectRuleRequest {
        const char *pattern;
        bool truncate, unchanged;
        int delivery; /* CollectDelivery */
} CollectRuleRequest;

typedef struct CollectRequest {
        size_t n; /* as in FilesRequest */
        CollectRuleRequest rules[FILES_PATTERNS_MAX];
} CollectRequest;

/* Points into the request. */
typedef struct ToolRequest {
        json_t *json; /* all of it */
        const char *name, *description, *schema_json;
        OptionalUint timeout_usec;
} ToolRequest;

typedef struct ToolsRequest {
        size_t n; /* as in FilesRequest */
        ToolRequest tools[TOOLS_MAX];
} ToolsRequest;

typedef struct JobRequest {
        const char *code, *script_path, *module, *expression; /* one of them, if it is right */
        const char *callable, *inputs_json;
        FilesRequest files;
        CollectRequest collect;
        json_t *modules;
        ToolsRequest tools;
        OptionalUint analysis; /* AnalysisLevel */
        OptionalBool display_last_expression;
        json_t *arguments;
        json_t *environment;
        const char *stdin_text, *stdin_data;
        OptionalUint stdin_fd; /* index of a passed descriptor */
        bool stdin_open;
        const char *profile;
        LimitsRequest limits;
        const char *request_id, *tenant;
        OptionalUint priority;
        OptionalUint queue_timeout_usec;
        json_t *labels;
        bool detach;
        OptionalUint retain_usec, usage_interval_usec, heartbeat_usec;
        OptionalInt seed;
} JobRequest;

/* As json_dispatch_uint() and json_dispatch_int(), but -EINVAL for what is not below 2^53. */
int request_dispatch_uint(const JsonField *field, json_t *value, void *target, char *path);
int request_dispatch_files(const JsonField *field,
                           json_t *value,
                           void *target,
                           char *path); /* a FilesRequest */
int request_dispatch_int(const JsonField *field, json_t *value, void *target, char *path);

/* Tells two requests apart that have the same requestId: JobRequests, or the parameters of Execute; -ENOMEM. A
 * client that wants to deceive itself can: it needs no key. */
int request_fingerprint(json_t *request, uint64_t *ret_fingerprint);

/* Adds bytes that came with the request. */
void request_fingerprint_add(uint64_t *fingerprint, const void *data, size_t size);

/* Reads the parameters of Run, Submit and Check. -EINVAL: ret_path names the one that is wrong. */
int job_request_parse(json_t *parameters,
                      JobRequest *ret_request,
                      char ret_path[static JSON_PATH_MAX]);

/* OpenSession: of the job, what is for a session. */
typedef struct SessionRequest {
        JobRequest job;
        OptionalUint idle_usec, lifetime_usec;
        bool bind_to_connection;
} SessionRequest;

int session_request_parse(json_t *parameters,
                          SessionRequest *ret_request,
                          char ret_path[static JSON_PATH_MAX]);

/* Execute: of the job, what is for a cell. */
typedef struct ExecuteRequest {
        JobRequest job;
        const char *session;
        bool queue;
} ExecuteRequest;

int execute_request_parse(json_t *parameters,
                          ExecuteRequest *ret_request,
                          char ret_path[static JSON_PATH_MAX]);
