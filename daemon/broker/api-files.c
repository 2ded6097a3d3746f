/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Methods about the files of a session. Init does the work, in the order in which it is asked. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "broker/api.h"
#include "broker/files-link.h"
#include "broker/reply.h"
#include "broker/session-run.h"
#include "proto/glob.h"
#include "wire/base64.h"
#include "wire/build.h"

#define LIST_ENTRIES_DEFAULT 1000
#define LIST_ENTRIES_MAX 10000
#define REMOVE_PATHS_MAX 64

typedef struct FilesParameters {
        const char *session, *path, *pattern;
        FilesRequest files;
        json_t *paths;
        OptionalUint offset, max;
        bool recursive;
} FilesParameters;

/* A call that is under way: as parameters, for those of the connection do not live as long. */
struct FilesOperation {
        Connection *connection;
        FilesVerb verb;
        char session[JOB_ID_SIZE];
        FilesCall *call; /* NULL: to be asked, or done */
        bool is_done;
        int error;
        FilesAnswer end; /* of FILES_READ */

        FilesPut *puts; /* FILES_STAGE */
        char **paths;   /* the pattern, or what to read or to remove */
        size_t n, at;   /* of either */
        uint64_t offset, max, removed;
        bool recursive;
        Buf data;
        json_t *entries;
        size_t bytes; /* of what came with the call */
};

FilesOperation *files_operation_free(FilesOperation *op) {
        if (!op)
                return NULL;
        if (op->call)
                files_call_forget(op->call);
        files_put_free(op->puts, op->n);
        for (size_t i = 0; op->paths && i < op->n; i++)
                free(op->paths[i]);
        free(op->paths);
        buf_done(&op->data);
        json_decref(op->entries);
        free(op);
        return NULL;
}
DEFINE_CLEANUP(FilesOperation *, files_operation_free);

size_t files_operation_bytes(const FilesOperation *op) {
        return op ? op->bytes + op->data.allocated : 0;
}

static void answer_session(Connection *c, const char *error, const char *id) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string(&b, "session", id);
        connection_error(c, error, json_build_take(&b));
}

/* What init met. */
static void answer_error(const FilesOperation *op) {
        static const struct {
                int error;
                const char *reason;
        } rows[] = {
                { ELOOP, "a symlink: none is followed" },
                { ENOTDIR, "a symlink, or a file where a directory should be" },
                { EINVAL, "no regular file" },
                { EISDIR, "a directory" },
                { ENOTEMPTY, "a directory that is not empty; set recursive" },
                { ENOSPC, "no room in /app: diskBytes and diskFiles are for the whole session" },
                { EACCES, "its mode, or that of its directory, does not allow it" },
                { E2BIG,
                  "too many names to look at, or too many for a pattern that takes so long" },
        };
        Connection *c = op->connection;
        const char *reason = "this cannot be done there";
        const char *path = op->paths && op->at < op->n ? op->paths[op->at] : "";
        JsonBuild b = JSON_BUILD_INIT;
        char field[32];

        if (op->error == -ENOENT && op->verb != FILES_STAGE) {
                json_build_string(&b, "path", path);
                connection_error(c, "FileNotFound", json_build_take(&b));
                return;
        }
        json_build_done(&b);
        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows))
                if (row->error == -op->error)
                        reason = row->reason;
        (void) snprintf(field, sizeof(field), "paths[%zu]", op->at);
        api_answer_invalid(c,
                           op->verb == FILES_STAGE    ? "files"
                           : op->verb == FILES_LIST   ? "pattern"
                           : op->verb == FILES_REMOVE ? field
                                                      : "path",
                           reason);
}

static int compare_entries(const void *a, const void *b) {
        const json_t *const *x = a, *const *y = b;

        return strcmp(json_string_value(json_object_get(*x, "path")),
                      json_string_value(json_object_get(*y, "path")));
}

/* By their paths; init names them as the file system does. One more than was asked for says that there are
 * more. */
static json_t *sorted_entries(const FilesOperation *op, bool *ret_is_complete) {
        size_t n = json_array_size(op->entries);
        _cleanup_free_ json_t **items = calloc(n + 1, sizeof(*items));
        json_t *array = json_array();

        if (!items || !array) {
                json_decref(array);
                return NULL;
        }
        *ret_is_complete = n <= op->max;
        n = MIN(n, op->max);
        for (size_t i = 0; i < n; i++)
                items[i] = json_array_get(op->entries, i);
        qsort(items, n, sizeof(*items), compare_entries);
        for (size_t i = 0; i < n; i++)
                (void) json_array_append(array, items[i]);
        return array;
}

static void build_read(JsonBuild *b, const FilesOperation *op) {
        size_t size = buf_size(&op->data);
        const CollectedFile file = {
                .path = op->paths[0],
                .size_bytes = op->end.size_bytes,
                .modified_usec = op->end.modified_usec,
                .is_executable = op->end.is_executable,
                .has_data = true,
                .data = size > 0 ? buf_data(&op->data) : NULL,
                .size = size,
        };

        json_build_value(b, "file", reply_file(&file));
        json_build_uint(b, "offset", op->offset);
        json_build_bool(b, "endOfFile", op->offset + size >= op->end.size_bytes);
}

static void answer(const FilesOperation *op) {
        JsonBuild b = JSON_BUILD_INIT;
        bool is_complete = false;

        if (op->verb == FILES_READ)
                build_read(&b, op);
        else if (op->verb == FILES_LIST) {
                json_build_value(&b, "entries", sorted_entries(op, &is_complete));
                json_build_bool(&b, "complete", is_complete);
        } else if (op->verb == FILES_REMOVE)
                json_build_uint(&b, "removed", op->removed);
        connection_reply(op->connection, varlink_reply_new(json_build_take(&b), false));
}

static int on_entry(void *userdata, const FilesAnswer *entry, const char *path) {
        static const char *const kinds[_FILES_TYPE_MAX] = {
                [FILES_REGULAR] = "file",      [FILES_DIRECTORY] = "directory",
                [FILES_SYMLINK] = "symlink",   [FILES_OTHER] = "other",
                [FILES_TOO_DEEP] = "too_deep", [FILES_UNREADABLE] = "unreadable",
        };
        FilesOperation *op = userdata;
        _cleanup_free_ char *shown = collect_readable_path(path, entry->size);
        JsonBuild b = JSON_BUILD_INIT;

        if (!shown)
                return -ENOMEM;
        json_build_string(&b, "path", shown);
        json_build_string(&b, "kind", kinds[entry->type]);
        json_build_uint(&b, "sizeBytes", entry->size_bytes);
        json_build_uint(&b, "modifiedAtUSec", entry->modified_usec);
        json_build_bool(&b, "executable", entry->is_executable);
        op->bytes += strlen(shown) + 512; /* jansson's objects are not small */
        return json_array_append_new(op->entries, json_build_take(&b)) < 0 ? -ENOMEM : 0;
}

static int on_data(void *userdata, const void *data, size_t size) {
        FilesOperation *op = userdata;

        return buf_append(&op->data, data, size);
}

static void on_done(void *userdata, int error, const FilesAnswer *end) {
        FilesOperation *op = userdata;

        op->call = NULL;
        op->error = error;
        if (error == 0 && op->verb == FILES_REMOVE) {
                op->removed += end->size_bytes;
                op->at++;
        } else if (error == 0)
                op->end = *end;
        op->is_done = error < 0 || op->verb != FILES_REMOVE || op->at == op->n;
        server_wake(op->connection->server, op->connection);
}

static int ask(FilesOperation *op, FilesLink *link) {
        const FilesOwner owner = { on_entry, on_data, on_done, op };
        FilesPut *puts = op->puts;
        int r;

        if (op->verb == FILES_LIST)
                return files_link_list(link, op->paths[0], strlen(op->paths[0]) + 1, op->max + 1,
                                       FILES_DIRECTORIES, &owner, &op->call);
        if (op->verb == FILES_READ)
                return files_link_read(link, op->paths[0], op->offset, op->max, &owner, &op->call);
        if (op->verb == FILES_REMOVE)
                return files_link_remove(link, op->paths[op->at],
                                         op->recursive ? FILES_RECURSIVE : 0, &owner, &op->call);
        r = files_link_put(link, puts, op->n, &owner, &op->call);
        if (r >= 0)
                op->puts = NULL;
        return r;
}

bool api_pump_files(Connection *c) {
        FilesOperation *op = c->files;
        FilesLink *files;
        Session *s;
        int r;

        if (op->call)
                return false;
        if (!op->is_done) {
                s = session_find(c->broker, api_reach(c), op->session);
                if (!s) {
                        answer_session(c, "SessionNotFound", op->session);
                        return true;
                }
                if (s->state == SESSION_OPENING)
                        return false; /* the files of its request come first */
                files = session_files(c->broker, s);
                r = s->host && files ? ask(op, files) : -ECONNRESET;
                if (r >= 0)
                        return false;
                op->error = r;
        }
        if (op->error == -ECONNRESET)
                answer_session(c, "SessionLost", op->session);
        else if (op->error == -ENOMEM)
                c->is_dead = true;
        else if (op->error < 0)
                answer_error(op);
        else
                answer(op);
        return true;
}

/* Whether this may be a path; else the call is answered. */
static bool check_path(Connection *c, const char *path, const char *field) {
        const FilesRequest one = { .n = 1, .files = { { .path = path } } };
        SpecError error = {};
        int r = spec_file_name(&one, 0, &error);

        if (r == 0)
                return true;
        (void) snprintf(error.field, sizeof(error.field), "%s", field);
        api_answer_spec_error(c, (SpecErrorKind) r, &error);
        return false;
}

/* Starts what the call is about; takes op. */
static void start(Connection *c, FilesOperation *op, const char *session) {
        Session *s = session_find(c->broker, api_reach(c), session);

        for (size_t i = 0; op->paths && i < op->n; i++)
                c->is_dead |= !op->paths[i];
        if (c->is_dead) {
                files_operation_free(op);
                return;
        }
        if (!s) {
                answer_session(c, "SessionNotFound", session);
                files_operation_free(op);
                return;
        }
        if (s->profile->files == PROFILE_FILES_NONE) {
                SpecError error = {};

                (void) snprintf(error.field, sizeof(error.field), "files in the profile %s",
                                s->profile->name);
                (void) snprintf(error.reason, sizeof(error.reason), "it has no /app");
                api_answer_spec_error(c, SPEC_NOT_SUPPORTED, &error);
                files_operation_free(op);
                return;
        }
        (void) snprintf(op->session, sizeof(op->session), "%s", s->id);
        op->connection = c;
        c->files = op;
        connection_follow(c, NULL, FOLLOW_FILES);
}

/* With room for so many paths; NULL is lack of memory, which ends the connection. */
static FilesOperation *operation_new(Connection *c, FilesVerb verb, size_t n) {
        FilesOperation *op = calloc(1, sizeof(*op));

        if (op) {
                op->verb = verb;
                op->n = n;
                if (verb == FILES_STAGE)
                        op->puts = calloc(n + 1, sizeof(*op->puts));
                else
                        op->paths = calloc(n + 1, sizeof(*op->paths));
        }
        if (op && (op->puts || op->paths))
                return op;
        c->is_dead = true;
        return files_operation_free(op);
}

/* All of them at once are in memory. */
static int put_too_large(size_t bytes, SpecError *e) {
        (void) snprintf(e->field, sizeof(e->field), "files");
        e->requested = bytes;
        e->maximum = BLOB_BYTES_MAX;
        return SPEC_TOO_LARGE;
}

/* 0, a SpecErrorKind, or -ENOMEM. */
static int put_fill(const SpecContext *context,
                    const FilesRequest *files,
                    size_t i,
                    FilesPut *put,
                    SpecError *e) {
        const FileRequest *file = &files->files[i];
        const char *bytes;
        int r;

        put->path = strdup(file->path);
        if (!put->path)
                return -ENOMEM;
        put->flags =
                (file->executable ? FILES_EXECUTABLE : 0) | (file->read_only ? FILES_READ_ONLY : 0);
        r = spec_load_file(context, files, i, &put->data, &bytes, &put->size, e);
        if (r != 0)
                return r;
        if (!put->data) {
                put->data = malloc(put->size + 1);
                if (put->data)
                        memcpy(put->data, bytes, put->size);
        }
        return put->data ? 0 : -ENOMEM;
}

static int put_fill_all(const SpecContext *context,
                        const FilesRequest *files,
                        FilesOperation *op,
                        SpecError *e) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < files->n; i++) {
                r = spec_measure_file(context, files, i, &op->puts[i].size, e);
                op->bytes += op->puts[i].size;
        }
        if (r == 0 && op->bytes > BLOB_BYTES_MAX)
                r = put_too_large(op->bytes, e);
        for (size_t i = 0; r == 0 && i < files->n; i++)
                r = put_fill(context, files, i, &op->puts[i], e);
        return r;
}

void api_put_files(Connection *c) {
        static const JsonField fields[] = {
                { "session", json_dispatch_string, offsetof(FilesParameters, session),
                  JSON_REQUIRED },
                { "files", request_dispatch_files, offsetof(FilesParameters, files),
                  JSON_REQUIRED },
                {},
        };
        _cleanup_(files_operation_freep) FilesOperation *op = NULL;
        FileLoader loader = { c, c->tenant };
        const SpecContext context = { .measure_file = api_measure_file,
                                      .load_file = api_load_file,
                                      .userdata = &loader };
        FilesParameters p = {};
        SpecError error = {};
        const Session *s;
        int r;

        if (!api_parse(c, fields, &p))
                return;
        if (p.files.n > REQUEST_FILES_MAX) {
                api_answer_invalid(c, "files", "more than 64 files");
                return;
        }
        s = session_find(c->broker, api_reach(c), p.session);
        if (s)
                loader.tenant = s->tenant;
        op = operation_new(c, FILES_STAGE, p.files.n);
        if (!op)
                return;
        r = put_fill_all(&context, &p.files, op, &error);
        if (r > 0)
                api_answer_spec_error(c, (SpecErrorKind) r, &error);
        if (r < 0)
                c->is_dead = true;
        if (r == 0)
                start(c, TAKE_PTR(op), p.session);
}

void api_read_file(Connection *c) {
        static const JsonField fields[] = {
                { "session", json_dispatch_string, offsetof(FilesParameters, session),
                  JSON_REQUIRED },
                { "path", json_dispatch_string, offsetof(FilesParameters, path), JSON_REQUIRED },
                { "offset", request_dispatch_uint, offsetof(FilesParameters, offset) },
                { "maxBytes", request_dispatch_uint, offsetof(FilesParameters, max) },
                {},
        };
        FilesParameters p = { .max.value = REPLY_INLINE_BYTES_MAX };
        FilesOperation *op;

        if (!api_parse(c, fields, &p) || !check_path(c, p.path, "path"))
                return;
        if (p.max.value < 1 || p.max.value > REPLY_INLINE_BYTES_MAX) {
                api_answer_invalid(c, "maxBytes", "not from 1 to maxInlineBytes");
                return;
        }
        op = operation_new(c, FILES_READ, 1);
        if (!op)
                return;
        op->paths[0] = strdup(p.path);
        op->offset = p.offset.value;
        op->max = p.max.value;
        start(c, op, p.session);
}

void api_list_files(Connection *c) {
        static const JsonField fields[] = {
                { "session", json_dispatch_string, offsetof(FilesParameters, session),
                  JSON_REQUIRED },
                { "pattern", json_dispatch_string, offsetof(FilesParameters, pattern) },
                { "maxEntries", request_dispatch_uint, offsetof(FilesParameters, max) },
                {},
        };
        FilesParameters p = { .pattern = "*", .max.value = LIST_ENTRIES_DEFAULT };
        FilesOperation *op;
        const char *problem;
        Glob glob;

        if (!api_parse(c, fields, &p))
                return;
        problem = glob_parse(p.pattern, &glob);
        if (problem || p.max.value < 1 || p.max.value > LIST_ENTRIES_MAX) {
                api_answer_invalid(c, problem ? "pattern" : "maxEntries",
                                   problem ?: "not from 1 to 10000");
                return;
        }
        op = operation_new(c, FILES_LIST, 1);
        if (!op)
                return;
        op->paths[0] = strdup(p.pattern);
        op->entries = json_array();
        op->max = p.max.value;
        start(c, op, p.session);
}

void api_remove_files(Connection *c) {
        static const JsonField fields[] = {
                { "session", json_dispatch_string, offsetof(FilesParameters, session),
                  JSON_REQUIRED },
                { "paths", json_dispatch_strings, offsetof(FilesParameters, paths), JSON_REQUIRED },
                { "recursive", json_dispatch_bool, offsetof(FilesParameters, recursive) },
                {},
        };
        FilesParameters p = {};
        FilesOperation *op;
        char field[32];
        size_t n;

        if (!api_parse(c, fields, &p))
                return;
        n = json_strings_size(p.paths);
        if (n < 1 || n > REMOVE_PATHS_MAX) {
                api_answer_invalid(c, "paths", "not from 1 to 64 paths");
                return;
        }
        for (size_t i = 0; i < n; i++) {
                (void) snprintf(field, sizeof(field), "paths[%zu]", i);
                if (!check_path(c, json_strings_get(p.paths, i), field))
                        return;
        }
        op = operation_new(c, FILES_REMOVE, n);
        for (size_t i = 0; op && i < n; i++)
                op->paths[i] = strdup(json_strings_get(p.paths, i));
        if (!op)
                return;
        op->recursive = p.recursive;
        start(c, op, p.session);
}
