/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/collect.h"

#include <errno.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/macro.h"
#include "basic/utf8.h"
#include "broker/reply.h"

/* What a readable form of a bad name shows of it. */
#define ILLEGAL_NAME_MAX 256

/* A reply has to fit into what clients take: twice the result, three times the streams, and the names. */
#define REPLY_BYTES (UINT64_C(16) << 20)
#define REPLY_OTHER_BYTES ((UINT64_C(6) << 20) + (UINT64_C(3) << 19))

const char *const file_problem_names[_FILE_PROBLEM_MAX] = {
        [FILE_TOO_LARGE] = "too-large",
        [FILE_TOO_MANY] = "too-many",
        [FILE_NOT_REGULAR] = "not-regular",
        [FILE_TOO_DEEP] = "too-deep",
        [FILE_UNREADABLE] = "unreadable",
        [FILE_ILLEGAL_NAME] = "illegal-name",
        [FILE_CHANGED] = "changed",
        [FILE_LOST] = "lost",
        [FILE_QUOTA] = "quota",
        [FILE_SEARCH_LIMIT] = "search-limit",
};

void collect_sha256(const void *data, size_t size, uint8_t ret_digest[static SHA256_BYTES]) {
        struct sha256_ctx context;

        sha256_init(&context);
        sha256_update(&context, size, data);
        sha256_digest(&context, SHA256_BYTES, ret_digest);
}

CollectSpec *collect_spec_free(CollectSpec *spec) {
        if (!spec)
                return NULL;
        for (size_t i = 0; i < spec->n_rules; i++)
                free(spec->rules[i].pattern);
        for (size_t i = 0; i < spec->n_inputs; i++)
                free(spec->inputs[i].path);
        free(spec->inputs);
        free(spec);
        return NULL;
}

int collect_spec_add_rule(CollectSpec *spec, const CollectRule *wanted) {
        CollectRule *rule = &spec->rules[spec->n_rules];

        *rule = *wanted;
        rule->pattern = strdup(wanted->pattern);
        if (!rule->pattern)
                return -ENOMEM;
        spec->n_rules++;
        return 0;
}

int collect_spec_add_input(CollectSpec *spec, const char *path, const void *data, size_t size) {
        CollectInput *inputs =
                reallocarray(spec->inputs, spec->n_inputs + 1, sizeof(*spec->inputs));
        CollectInput *input;

        if (!inputs)
                return -ENOMEM;
        spec->inputs = inputs;
        input = &inputs[spec->n_inputs];
        *input = (CollectInput){ .path = strdup(path), .size = size };
        if (!input->path)
                return -ENOMEM;
        collect_sha256(data, size, input->sha256);
        spec->n_inputs++;
        return 0;
}

void collection_init(Collection *c, const CollectSpec *spec, const Limits *limits) {
        uint64_t fitting = (REPLY_BYTES - REPLY_OTHER_BYTES - 2 * limits->value[LIMIT_RESULT]) / 2;

        *c = (Collection){
                .spec = spec,
                .files_max = limits->value[LIMIT_COLLECT_FILES],
                .bytes_left = limits->value[LIMIT_COLLECT_BYTES],
                .inline_left = fitting,
        };
}

static void collected_done(CollectedFile *file) {
        free(file->path);
        free(file->data);
        free(file->blob);
        *file = (CollectedFile){};
}

void collection_done(Collection *c) {
        for (size_t i = 0; i < c->n; i++)
                collected_done(&c->files[i]);
        free(c->files);
        *c = (Collection){};
}

uint64_t collection_entries_max(const Collection *c) {
        return c->files_max + c->spec->n_inputs + 1;
}

static bool path_is_legal(const char *path, size_t size) {
        if (!utf8_is_valid(path, size))
                return false;
        for (size_t i = 0; i < size; i++)
                if ((unsigned char) path[i] < 0x20 || path[i] == 0x7f)
                        return false;
        return true;
}

/* What is no printable ASCII is shown as \xNN, so that no name can play tricks. */
static char *path_escape(const char *path, size_t size) {
        char *text = malloc(4 * MIN(size, (size_t) ILLEGAL_NAME_MAX) + 1), *p = text;

        for (size_t i = 0; text && i < MIN(size, (size_t) ILLEGAL_NAME_MAX); i++)
                if (path[i] >= 0x20 && path[i] < 0x7f && path[i] != '\\')
                        *p++ = path[i];
                else
                        p += snprintf(p, 5, "\\x%02x", (unsigned char) path[i]);
        if (text)
                *p = '\0';
        return text;
}

char *collect_readable_path(const char *path, size_t size) {
        return path_is_legal(path, size) ? strndup(path, size) : path_escape(path, size);
}

static CollectedFile *collection_new_file(Collection *c) {
        if (c->n == c->allocated) {
                size_t more = MAX((size_t) 16, c->allocated * 2);
                CollectedFile *files = reallocarray(c->files, more, sizeof(*files));

                if (!files)
                        return NULL;
                c->files = files;
                c->allocated = more;
        }
        c->files[c->n] = (CollectedFile){};
        return &c->files[c->n];
}

static FileProblem problem_of_type(uint32_t type) {
        static const FileProblem problems[_FILES_TYPE_MAX] = {
                [FILES_REGULAR] = FILE_OK,
                [FILES_DIRECTORY] = FILE_NOT_REGULAR, /* not asked for */
                [FILES_SYMLINK] = FILE_NOT_REGULAR,
                [FILES_OTHER] = FILE_NOT_REGULAR,
                [FILES_TOO_DEEP] = FILE_TOO_DEEP,
                [FILES_UNREADABLE] = FILE_UNREADABLE,
        };

        return problems[type];
}

int collection_add(Collection *c, const FilesAnswer *entry, const char *path) {
        CollectedFile *file;
        bool is_legal;

        if (entry->size == 0 || entry->size > FILES_PATH_MAX || memchr(path, 0, entry->size) ||
            entry->type >= _FILES_TYPE_MAX || entry->rule >= c->spec->n_rules ||
            entry->size_bytes > INT64_MAX || entry->modified_usec > INT64_MAX ||
            c->n >= collection_entries_max(c))
                return -EPROTO;
        file = collection_new_file(c);
        if (!file)
                return -ENOMEM;
        is_legal = path_is_legal(path, entry->size);
        file->path = is_legal ? strndup(path, entry->size) : path_escape(path, entry->size);
        if (!file->path)
                return -ENOMEM;
        file->size_bytes = entry->size_bytes;
        file->modified_usec = entry->modified_usec;
        file->rule = entry->rule;
        file->is_executable = entry->is_executable;
        file->problem = problem_of_type(entry->type);
        if (!is_legal && file->problem == FILE_OK)
                file->problem = FILE_ILLEGAL_NAME;
        c->n++;
        return 0;
}

static int compare_paths(const void *a, const void *b) {
        return strcmp(((const CollectedFile *) a)->path, ((const CollectedFile *) b)->path);
}

/* An entry for what is not there. */
static int collection_add_missing(Collection *c, FileProblem problem) {
        CollectedFile *file = collection_new_file(c);

        if (!file)
                return -ENOMEM;
        file->path = strdup(".");
        if (!file->path)
                return -ENOMEM;
        file->problem = problem;
        c->n++;
        return 0;
}

int collection_listed(Collection *c, int error) {
        int r = error < 0
                        ? collection_add_missing(c, error == -E2BIG ? FILE_SEARCH_LIMIT : FILE_LOST)
                        : 0;

        if (r >= 0 && c->n > 0)
                qsort(c->files, c->n, sizeof(*c->files), compare_paths);
        return r;
}

/* The input that this file may still be, by name and size. */
static const CollectInput *collection_input(const Collection *c, const CollectedFile *file) {
        if (c->spec->rules[file->rule].unchanged)
                return NULL;
        FOREACH_ARRAY(input, c->spec->inputs, c->spec->n_inputs)
                if (input->size == file->size_bytes && strcmp(input->path, file->path) == 0)
                        return input;
        return NULL;
}

CollectedFile *collection_current(const Collection *c) {
        return &c->files[c->next];
}

/* Moves the current file to the end of the result. */
static void collection_keep(Collection *c) {
        CollectedFile file = c->files[c->next];

        c->files[c->next++] = (CollectedFile){};
        c->files[c->n_done++] = file;
}

static void collection_drop_data(CollectedFile *file) {
        free(file->data);
        file->data = NULL;
        file->size = file->allocated = 0;
        file->has_data = file->has_sha256 = file->is_truncated = false;
}

/* With this file the result has all that it may have. */
static void collection_end(Collection *c) {
        CollectedFile *file = collection_current(c);

        collection_drop_data(file);
        file->problem = FILE_TOO_MANY;
        collection_keep(c);
        for (; c->next < c->n; c->next++)
                collected_done(collection_current(c));
}

/* Bytes that the content of one more file may have in the message. */
static uint64_t collection_inline_room(const Collection *c) {
        return MIN(c->inline_left, (uint64_t) REPLY_INLINE_BYTES_MAX);
}

static bool collection_wants_blob(const Collection *c, const CollectedFile *file) {
        CollectDelivery delivery = c->spec->rules[file->rule].delivery;

        return delivery == DELIVERY_BLOB ||
               (delivery == DELIVERY_AUTO && file->size_bytes > collection_inline_room(c));
}

/* Bytes that the content of this file may have. */
static uint64_t collection_room(const Collection *c, const CollectedFile *file) {
        return MIN(c->bytes_left,
                   file->is_blob ? COLLECT_BLOB_BYTES_MAX : collection_inline_room(c));
}

static void collection_take_room(Collection *c, const CollectedFile *file) {
        c->bytes_left -= MIN(c->bytes_left, file->size);
        if (!file->is_blob)
                c->inline_left -= MIN(c->inline_left, file->size);
}

int collection_next(Collection *c, uint64_t *ret_bytes) {
        CollectedFile *file;
        uint64_t room;

        if (c->next == c->n)
                return -ENODATA;
        file = collection_current(c);
        file->is_blob = collection_wants_blob(c, file);
        room = collection_room(c, file);
        if (file->problem == FILE_OK && collection_input(c, file)) {
                *ret_bytes = file->size_bytes;
                return 1;
        }
        if (c->n_done == c->files_max) {
                collection_end(c);
                return 0;
        }
        if (file->problem == FILE_OK && file->size_bytes > room) {
                if (c->spec->rules[file->rule].truncate)
                        file->is_truncated = true;
                else
                        file->problem = FILE_TOO_LARGE;
        }
        if (file->problem != FILE_OK) {
                collection_keep(c);
                return 0;
        }
        *ret_bytes = MIN(file->size_bytes, room);
        return 1;
}

int collection_data(Collection *c, const void *data, size_t size) {
        CollectedFile *file = collection_current(c);

        if (size > file->size_bytes - file->size)
                return -EPROTO;
        if (size == 0)
                return 0; /* there may be no memory yet */
        if (size > file->allocated - file->size) {
                size_t more = MIN(MAX(file->size + size, file->allocated * 2), file->size_bytes);
                char *larger = realloc(file->data, more);

                if (!larger)
                        return -ENOMEM;
                file->data = larger;
                file->allocated = more;
        }
        memcpy(file->data + file->size, data, size);
        file->size += size;
        return 0;
}

/* Its content is complete: is it worth handing back, and does it fit? */
static bool collection_judge(Collection *c, CollectedFile *file) {
        uint64_t room = collection_room(c, file);
        const CollectInput *input = collection_input(c, file);

        collect_sha256(file->data, file->size, file->sha256);
        if (input && memcmp(input->sha256, file->sha256, SHA256_BYTES) == 0)
                return false;
        file->has_data = file->has_sha256 = true;
        if (file->size > room && c->spec->rules[file->rule].truncate) {
                file->size = room;
                file->is_truncated = true;
        } else if (file->size > room) {
                collection_drop_data(file);
                file->problem = FILE_TOO_LARGE;
        }
        collection_take_room(c, file);
        return true;
}

bool collection_read(Collection *c, int error) {
        CollectedFile *file = collection_current(c);

        if (error < 0) {
                collection_drop_data(file);
                file->problem = error == -EACCES ? FILE_UNREADABLE : FILE_CHANGED;
        } else if (file->is_truncated) {
                file->has_data = true;
                collection_take_room(c, file);
        } else if (file->size != file->size_bytes) {
                collection_drop_data(file);
                file->problem = FILE_CHANGED;
        } else if (!collection_judge(c, file)) {
                collected_done(file);
                c->next++;
                return false;
        }
        if (c->n_done == c->files_max)
                collection_end(c);
        else
                collection_keep(c);
        return true;
}

int collection_lose(Collection *c) {
        int r;

        for (; c->next < c->n; c->next++)
                collected_done(collection_current(c));
        c->n = c->n_done;
        r = collection_add_missing(c, FILE_LOST);
        c->next = c->n_done = c->n;
        return r;
}

int collected_move(CollectedFile *file, const char *blob) {
        bool has_sha256 = file->has_sha256, is_truncated = file->is_truncated;

        collection_drop_data(file);
        if (!blob) {
                file->problem = FILE_QUOTA;
                return 0;
        }
        file->has_sha256 = has_sha256;
        file->is_truncated = is_truncated;
        file->blob = strdup(blob);
        return file->blob ? 0 : -ENOMEM;
}

size_t collection_bytes(const Collection *c) {
        size_t bytes = c->allocated * sizeof(*c->files);

        for (size_t i = 0; i < c->n_done; i++)
                bytes += c->files[i].allocated + strlen(c->files[i].path) + 1;
        return bytes;
}
