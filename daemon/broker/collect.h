/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Files that a job hands back: what the request wants, and what there was. Pure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/files-wire.h"
#include "proto/limits.h"

#define SHA256_BYTES 32

/* Of one file that goes into the blob store. */
#define COLLECT_BLOB_BYTES_MAX (UINT64_C(16) << 20)

typedef enum CollectDelivery {
        DELIVERY_INLINE, /* in the message */
        DELIVERY_BLOB,   /* into the blob store */
        DELIVERY_AUTO,   /* in the message if it fits there, else into the blob store */
        _DELIVERY_MAX,
} CollectDelivery;

typedef struct CollectRule {
        char *pattern;
        bool truncate, unchanged;
        CollectDelivery delivery;
} CollectRule;

/* A file of the request, as it was: what is still the same is not handed back. */
typedef struct CollectInput {
        char *path;
        size_t size;
        uint8_t sha256[SHA256_BYTES];
} CollectInput;

typedef struct CollectSpec {
        CollectRule rules[FILES_PATTERNS_MAX];
        size_t n_rules;
        CollectInput *inputs;
        size_t n_inputs;
} CollectSpec;

/* The path, or of an illegal name what can be shown of it; NULL is lack of memory. */
char *collect_readable_path(const char *path, size_t size);

CollectSpec *collect_spec_free(CollectSpec *spec);

/* -ENOMEM. */
int collect_spec_add_rule(CollectSpec *spec, const CollectRule *rule);
int collect_spec_add_input(CollectSpec *spec, const char *path, const void *data, size_t size);

/* Why there is no content, or not all of it. */
typedef enum FileProblem {
        FILE_OK,
        FILE_TOO_LARGE,
        FILE_TOO_MANY, /* and the files after it are not named */
        FILE_NOT_REGULAR,
        FILE_TOO_DEEP,
        FILE_UNREADABLE,
        FILE_ILLEGAL_NAME,
        FILE_CHANGED,      /* while it was read */
        FILE_LOST,         /* the box ended first; the path is "." */
        FILE_QUOTA,        /* the tenant's blobs take all that they may */
        FILE_SEARCH_LIMIT, /* init did not look at all names; the path is "." */
        _FILE_PROBLEM_MAX,
} FileProblem;

extern const char *const file_problem_names[_FILE_PROBLEM_MAX];

typedef struct CollectedFile {
        char *path; /* of an illegal name: in readable form */
        uint64_t size_bytes, modified_usec;
        uint32_t rule;
        FileProblem problem;
        bool is_executable, has_data, has_sha256, is_truncated;
        bool is_blob; /* its content goes into the blob store */
        uint8_t sha256[SHA256_BYTES];
        char *data;
        size_t size, allocated;
        char *blob; /* where the content is instead: its identifier */
} CollectedFile;

/* How many files init may name, one more than that is one too many; and how many bytes fit. */
typedef struct Collection {
        const CollectSpec *spec;
        uint64_t files_max, bytes_left;
        uint64_t inline_left; /* of them in a message */
        CollectedFile
                *files; /* those up to n_done are the result, then comes what is to be looked at */
        size_t n, allocated, n_done, next;
        bool is_complete; /* there was a box, and this is what it handed back */
} Collection;

void collection_init(Collection *c, const CollectSpec *spec, const Limits *limits);
void collection_done(Collection *c);

/* How many entries to ask init for. */
uint64_t collection_entries_max(const Collection *c);

/* An entry as init named it. -EPROTO for nonsense, -ENOMEM. */
int collection_add(Collection *c, const FilesAnswer *entry, const char *path);

/* Init has named what it found, or, with an error, not all of it. From now on files come in the order of their paths.
 * -ENOMEM. */
int collection_listed(Collection *c, int error);

/* Looks at the next file. Returns 1 if it is to be read, *ret_bytes of it; 0 if it is done and part of
 * the result, with files[n_done - 1]; -ENODATA behind the last one; -ENOMEM. */
int collection_next(Collection *c, uint64_t *ret_bytes);

/* The file that is to be read. */
CollectedFile *collection_current(const Collection *c);

/* Bytes of it; -EPROTO if they are more than were asked for. */
int collection_data(Collection *c, const void *data, size_t size);

/* It has been read; error is negative or 0. Returns whether it became part of the result. */
bool collection_read(Collection *c, int error);

/* The box is gone: what has not been looked at is not there, and one entry says so. -ENOMEM. */
int collection_lose(Collection *c);

/* Takes the content of a file that is part of the result out of it; it is in the store as this blob, or with NULL
 * nowhere, for lack of quota. -ENOMEM. */
int collected_move(CollectedFile *file, const char *blob);

void collect_sha256(const void *data, size_t size, uint8_t ret_digest[static SHA256_BYTES]);

/* Memory that it holds. */
size_t collection_bytes(const Collection *c);
