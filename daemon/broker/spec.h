/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Request ∧ profile ∧ bounds -> JobSpec: parsed once, and from here on believed. Pure. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/buf.h"
#include "basic/cleanup.h"
#include "broker/collect.h"
#include "broker/request.h"
#include "broker/tools.h"
#include "profile/profile.h"
#include "profile/tenants.h"
#include "proto/limits.h"

#define SPEC_ARGUMENTS_MAX 256
#define SPEC_ARGUMENTS_BYTES_MAX (128U << 10)
#define SPEC_ENVIRONMENT_MAX 64
#define SPEC_ENVIRONMENT_BYTES_MAX (32U << 10)
#define SPEC_LABELS_MAX 16
#define SPEC_REQUEST_ID_MAX 128
#define SPEC_LABEL_KEY_BYTES_MAX 64
#define SPEC_LABEL_VALUE_BYTES_MAX 256
#define SPEC_TOOL_DESCRIPTION_MAX (16U << 10)
#define SPEC_TOOL_SCHEMA_MAX (64U << 10)
#define SPEC_HEARTBEAT_USEC_MIN UINT64_C(1000000)
#define SPEC_USAGE_INTERVAL_USEC_MIN UINT64_C(100000)
#define SPEC_RETAIN_USEC_MAX (UINT64_C(24) * 3600 * 1000000)
#define SPEC_QUEUE_TIMEOUT_USEC_MAX (UINT64_C(24) * 3600 * 1000000)

typedef struct JobSpec {
        uint32_t plan;          /* index of the profile in the store */
        ProfileStore *store;    /* held: a reload may have replaced it */
        const Profile *profile; /* of the store */
        Limits limits;
        AnalysisLevel analysis; /* in force */
        bool source_too_large;  /* rejected: nothing may run */
        size_t source_bytes;    /* of the program and of the files */
        Buf frame;              /* the JOB frame; empty if rejected */
        char *stdin_bytes;      /* NULL is none */
        size_t stdin_size;
        bool stdin_open; /* bytes come with WriteInput */
        bool has_stdin_fd;
        size_t stdin_fd_index; /* among the descriptors of the call */
        char *request_id;      /* NULL is none */
        uint64_t fingerprint;  /* of the request, if it has an id */
        unsigned priority;     /* below PRIORITIES */
        bool detach;
        bool has_queue_timeout;
        uint64_t queue_timeout_usec;                  /* from the acceptance */
        uint64_t retain_usec;                         /* from the end */
        uint64_t heartbeat_usec, usage_interval_usec; /* of its events; 0 is never */
        ToolList tools;
        json_t *labels; /* object of strings, or NULL */
        size_t n_files;
        CollectSpec *collect; /* NULL: no file is handed back */
        bool is_session;      /* the host of one: a box without a program */
        bool is_check;        /* examined only; nobody but its client sees it */
        json_t *modules;      /* narrowed list; NULL is the profile's own */
} JobSpec;

JobSpec *job_spec_free(JobSpec *spec);
DEFINE_CLEANUP(JobSpec *, job_spec_free);

/* Frees what only a job needs that runs. */
void job_spec_shrink(JobSpec *spec);

/* That of the host of a branch of a session that has this one: as if it had been opened so. NULL: no memory. */
JobSpec *job_spec_branch(const JobSpec *session);

/* Memory that the spec holds while its job waits. */
size_t job_spec_bytes(const JobSpec *spec);

typedef enum SpecErrorKind {
        SPEC_PROFILE_NOT_FOUND = 1,
        SPEC_PROFILE_DENIED,
        SPEC_LIMIT_EXCEEDED,
        SPEC_INVALID,
        SPEC_TOO_LARGE,
        SPEC_NOT_SUPPORTED,
        SPEC_BLOB_NOT_FOUND,
} SpecErrorKind;

typedef struct SpecError {
        char field[96];     /* "environment.LD_PRELOAD"; the limit's or the profile's name */
        char reason[192];   /* INVALID, NOT_SUPPORTED */
        uint64_t requested; /* LIMIT_EXCEEDED, TOO_LARGE */
        uint64_t maximum;
} SpecError;

/* What the answer depends on beside the request. */
typedef struct SpecContext {
        ProfileStore *store;
        const TenantPolicy *tenant; /* NULL: what is granted to all */
        const char *default_profile;
        unsigned engines; /* ENGINE_BIT()s that are allowed */
        bool all_granted; /* embedded: the caller is the operator, every profile is his */
        bool is_submit;   /* nobody waits: detached, and retained by default */
        bool is_check;
        bool is_session;        /* OpenSession */
        const JobSpec *session; /* Execute: what OpenSession made */
        uint64_t execution;     /* the number of the cell */
        size_t n_fds;           /* descriptors that came with the call */
        /* How large a file is that has a blob or a descriptor, at no cost. Returns 0 or a SpecErrorKind. */
        int (*measure_file)(void *userdata,
                            const FileRequest *file,
                            const char *field,
                            size_t *ret_size,
                            SpecError *ret_error);
        /* Then its content, of that size or less: *ret_bytes, and in *ret_data what the caller frees. Returns
         * 0 or -ENOMEM. */
        int (*load_file)(void *userdata,
                         const FileRequest *file,
                         char **ret_data,
                         const char **ret_bytes,
                         size_t *size);
        void *userdata;
} SpecContext;

/* Whether the path of files[index] can be one below /app, beside those before it. 0 or SPEC_INVALID. */
int spec_file_name(const FilesRequest *files, size_t index, SpecError *ret_error);

/* Whether files[index] can be one below /app, beside those before it, and how large it is: to be added up before
 * anything is copied, for a few bytes can ask for much. Of the context only the files are needed. Returns 0 or a
 * SpecErrorKind. */
int spec_measure_file(const SpecContext *context,
                      const FilesRequest *files,
                      size_t index,
                      size_t *ret_size,
                      SpecError *ret_error);

/* Then its content, of that size or less: *ret_bytes, and in *ret_data what the caller frees. Returns 0,
 * SPEC_INVALID or -ENOMEM. */
int spec_load_file(const SpecContext *context,
                   const FilesRequest *files,
                   size_t index,
                   char **ret_data,
                   const char **ret_bytes,
                   size_t *size,
                   SpecError *ret_error);

/* How long a session of the profile lives, as far as the request says so: checks both times. Returns 0 or a
 * SpecErrorKind. */
int spec_session_times(const Profile *profile,
                       const OptionalUint *idle_usec,
                       const OptionalUint *lifetime_usec,
                       SpecError *ret_error);

/* Whether they may be those of a job or of a session. Returns 0 or a SpecErrorKind. */
int spec_check_labels(json_t *labels, SpecError *ret_error);

/* Returns 0 with *ret_spec, a SpecErrorKind with *ret_error, or -ENOMEM. */
int job_spec_make(const SpecContext *context,
                  const JobRequest *request,
                  JobSpec **ret_spec,
                  SpecError *ret_error);
