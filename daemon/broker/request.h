/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A JobRequest as the client sent it: typed, but not believed. It points into the call's JSON. */

#include <jansson.h>
#include <stdbool.h>

#include "proto/limits.h"
#include "wire/dispatch.h"

typedef struct LimitsRequest {
        OptionalUint value[_LIMIT_MAX];
} LimitsRequest;

typedef struct JobRequest {
        const char *code;
        json_t *arguments;
        json_t *environment;
        const char *stdin_text, *stdin_data;
        OptionalUint stdin_fd; /* index of a passed descriptor */
        const char *profile;
        LimitsRequest limits;
        OptionalUint queue_timeout_usec;
        json_t *labels;
        bool detach;
        OptionalUint retain_usec;
        OptionalInt seed;
} JobRequest;

/* As json_dispatch_uint() and json_dispatch_int(), but -EINVAL for what is not below 2^53. */
int request_dispatch_uint(const JsonField *field, json_t *value, void *target, char *path);
int request_dispatch_int(const JsonField *field, json_t *value, void *target, char *path);

/* Reads the parameters of Run and Submit. -EINVAL: ret_path names the one that is wrong. */
int job_request_parse(json_t *parameters,
                      JobRequest *ret_request,
                      char ret_path[static JSON_PATH_MAX]);
