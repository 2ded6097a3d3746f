/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What to run: the program, its inputs and its files, and what it may import. Checked here as text; what
 * it means is found out by the job. */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "broker/spec-internal.h"
#include "profile/limits.h"
#include "proto/glob.h"
#include "wire/base64.h"

#define PATH_BYTES_MAX 1024
#define PATH_COMPONENT_BYTES_MAX 255

/* As CPython splits it: names with dots between them. What is beyond ASCII is for CPython to judge. */
static bool name_is_dotted(const char *name) {
        bool at_start = true;

        for (; *name; name++) {
                unsigned char c = (unsigned char) *name;

                if (c == '.' ? at_start
                             : !(isalpha(c) || c == '_' || c >= 0x80 || (isdigit(c) && !at_start)))
                        return false;
                at_start = c == '.';
        }
        return !at_start;
}

static int spec_choice(const JobRequest *q, SpecError *e) {
        error_field(e, "code");
        if (!!q->code + !!q->script_path + !!q->module + !!q->expression != 1)
                return error_invalid(e,
                                     "give exactly one of code, scriptPath, module and expression");
        if (q->module && !name_is_dotted(q->module)) {
                error_field(e, "module");
                return error_invalid(e, "no name of a module, such as package.module");
        }
        if (!q->callable)
                return 0;
        error_field(e, "callable");
        if (!q->code && !q->script_path)
                return error_invalid(e, "only code and scriptPath define a callable");
        if (!name_is_dotted(q->callable))
                return error_invalid(e, "no name of a function, such as main or Class.method");
        return 0;
}

/* Only how it begins and ends: the rest is between the client and the job. */
static int spec_inputs(const JobRequest *q, SpecError *e) {
        static const char blank[] = " \t\r\n";
        const char *start;
        size_t size;

        if (!q->inputs_json)
                return 0;
        start = q->inputs_json + strspn(q->inputs_json, blank);
        size = strlen(start);
        while (size > 0 && strchr(blank, start[size - 1]))
                size--;
        if (size >= 2 && start[0] == '{' && start[size - 1] == '}')
                return 0;
        error_field(e, "inputsJson");
        return error_invalid(e, "not the JSON text of an object, such as {\"n\": 1}");
}

/* Why this cannot be a file below /app; NULL if it can. */
static const char *path_problem(const char *path) {
        if (path[0] == '/')
                return "not relative to /app: it begins with a slash";
        if (strlen(path) > PATH_BYTES_MAX)
                return "longer than 1024 bytes";
        for (const char *p = path;; p++) {
                size_t n = strcspn(p, "/");

                if (n == 0)
                        return path[0] == '\0' ? "empty" : "a component is empty";
                if ((n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
                        return "a component is . or ..";
                if (n > PATH_COMPONENT_BYTES_MAX)
                        return "a component is longer than 255 bytes";
                p += n;
                if (*p == '\0')
                        return NULL;
        }
}

/* Whether the file a is the file b, or b is in a directory of a's name. */
static bool path_covers(const char *a, const char *b) {
        size_t n = strlen(a);

        return strncmp(a, b, n) == 0 && (b[n] == '\0' || b[n] == '/');
}

int spec_file_name(const FilesRequest *files, size_t index, SpecError *e) {
        const char *path = files->files[index].path, *problem = path_problem(path);

        error_field(e, "files[%zu].path", index);
        if (problem)
                return error_invalid(e, "%s", problem);
        for (size_t i = 0; i < index; i++) {
                const char *other = files->files[i].path;

                if (strcmp(other, path) == 0)
                        return error_invalid(e, "the same path as files[%zu]", i);
                if (path_covers(other, path) || path_covers(path, other))
                        return error_invalid(
                                e,
                                "files[%zu] and this one cannot both exist: one is a directory "
                                "of the other",
                                i);
        }
        return 0;
}

int spec_measure_file(const SpecContext *c,
                      const FilesRequest *files,
                      size_t index,
                      size_t *ret_size,
                      SpecError *e) {
        const FileRequest *file = &files->files[index];
        size_t size = file->text ? strlen(file->text) : 0;
        int r;

        r = spec_file_name(files, index, e);
        if (r != 0)
                return r;
        error_field(e, "files[%zu].data", index);
        if (!!file->text + !!file->data + !!file->blob + file->fd.is_set > 1)
                return error_invalid(e, "give only one of text, data, blob and fileDescriptor");
        if (file->data)
                size = base64_decoded_size(file->data, strlen(file->data));
        if (file->blob || file->fd.is_set) {
                char field[64];

                (void) snprintf(field, sizeof(field), "files[%zu].fileDescriptor", index);
                r = c->measure_file(c->userdata, file, field, &size, e);
                if (r != 0)
                        return r;
        }
        *ret_size = size;
        return 0;
}

int spec_load_file(const SpecContext *c,
                   const FilesRequest *files,
                   size_t index,
                   char **ret_data,
                   const char **ret_bytes,
                   size_t *size,
                   SpecError *e) {
        const FileRequest *file = &files->files[index];
        int r = 0;

        *ret_bytes = file->text ?: "";
        if (file->data) {
                r = base64_decode(file->data, strlen(file->data), ret_data, size);
                *ret_bytes = *ret_data;
        } else if (file->blob || file->fd.is_set)
                r = c->load_file(c->userdata, file, ret_data, ret_bytes, size);
        if (r != -EINVAL)
                return r;
        error_field(e, "files[%zu].data", index);
        return error_invalid(e, "no valid Base64");
}

static int spec_add_file(const SpecContext *c,
                         const FilesRequest *files,
                         size_t index,
                         size_t size,
                         JobSpec *s,
                         FrameBuilder *frame,
                         SpecError *e) {
        const FileRequest *file = &files->files[index];
        _cleanup_free_ char *data = NULL;
        const char *bytes;
        int r;

        r = spec_load_file(c, files, index, &data, &bytes, &size, e);
        if (r != 0)
                return r;
        if (s->collect && collect_spec_add_input(s->collect, file->path, bytes, size) < 0)
                return -ENOMEM;
        frame_add_file(frame, file->path, bytes, size);
        if (file->executable)
                frame_add_string(frame, FIELD_EXECUTABLE, file->path);
        if (file->read_only)
                frame_add_string(frame, FIELD_READ_ONLY, file->path);
        return 0;
}

static int spec_collect_rule(const CollectRuleRequest *rule, JobSpec *s, SpecError *e) {
        const char *problem;
        Glob glob;

        problem = glob_parse(rule->pattern, &glob);
        if (problem)
                return error_invalid(e, "%s", problem);
        return collect_spec_add_rule(s->collect,
                                     &(CollectRule){
                                             .pattern = (char *) rule->pattern,
                                             .truncate = rule->truncate,
                                             .unchanged = rule->unchanged,
                                             .delivery = (CollectDelivery) rule->delivery,
                                     });
}

int spec_collect(const JobRequest *q, JobSpec *s, SpecError *e) {
        const CollectRequest *collect = &q->collect;
        size_t bytes = 0;

        if (collect->n == 0)
                return 0;
        error_field(e, "collect");
        if (collect->n > FILES_PATTERNS_MAX)
                return error_invalid(e, "more than %d rules", FILES_PATTERNS_MAX);
        if (s->limits.value[LIMIT_COLLECT_FILES] == 0)
                return error_invalid(e, "this job may hand back no files, raise limits.%s",
                                     limit_infos[LIMIT_COLLECT_FILES].key);
        s->collect = calloc(1, sizeof(*s->collect));
        if (!s->collect)
                return -ENOMEM;
        for (size_t i = 0; i < collect->n; i++) {
                int r;

                bytes += strlen(collect->rules[i].pattern) + 1;
                if (bytes > FILES_PAYLOAD_MAX)
                        return error_too_large(e, "collect", bytes, FILES_PAYLOAD_MAX);
                error_field(e, "collect[%zu].pattern", i);
                r = spec_collect_rule(&collect->rules[i], s, e);
                if (r != 0)
                        return r;
        }
        return 0;
}

static int spec_script(const JobRequest *q, SpecError *e) {
        const FilesRequest *files = &q->files;

        if (!q->script_path)
                return 0;
        FOREACH_ARRAY(file, files->files, files->n)
                if (strcmp(file->path, q->script_path) == 0)
                        return 0;
        error_field(e, "scriptPath");
        return error_invalid(e, "none of files has this path");
}

static int spec_files(
        const SpecContext *c, const JobRequest *q, JobSpec *s, FrameBuilder *frame, SpecError *e) {
        const FilesRequest *files = &q->files;
        size_t sizes[REQUEST_FILES_MAX];
        int r;

        error_field(e, "files");
        if (files->n > REQUEST_FILES_MAX)
                return error_invalid(e, "more than %d files", REQUEST_FILES_MAX);
        s->n_files = files->n;
        for (size_t i = 0; i < files->n; i++) {
                r = spec_measure_file(c, files, i, &sizes[i], e);
                if (r != 0)
                        return r;
                s->source_bytes += sizes[i];
        }
        r = spec_script(q, e);
        s->source_too_large = s->source_bytes > s->limits.value[LIMIT_SOURCE];
        for (size_t i = 0; r == 0 && !s->source_too_large && i < files->n; i++)
                r = spec_add_file(c, files, i, sizes[i], s, frame, e);
        return r;
}

static bool strv_has(char *const *strings, const char *name, size_t size) {
        for (; strings && *strings; strings++)
                if (strncmp(*strings, name, size) == 0 && (*strings)[size] == '\0')
                        return true;
        return false;
}

/* Whether the profile lets a program import it: it, or a package that it is in, is in the list. What
 * begins with an underscore is in no list. */
static bool module_is_allowed(const Profile *p, const char *name) {
        if (!name_is_dotted(name) || name[0] == '_' || strstr(name, "._"))
                return false;
        for (size_t size = strlen(name);;) {
                if (strv_has(p->deny_modules, name, size))
                        return false;
                if (strv_has(p->modules, name, size) || strv_has(p->packages, name, size))
                        return true;
                while (size > 0 && name[size - 1] != '.')
                        size--;
                if (size == 0)
                        return false;
                size--;
        }
}

static int spec_modules(const JobRequest *q, JobSpec *s, FrameBuilder *frame, SpecError *e) {
        _cleanup_(buf_done) Buf lines = BUF_INIT(FRAME_PAYLOAD_MAX);
        size_t n = json_strings_size(q->modules);

        if (!q->modules)
                return 0;
        error_field(e, "modules");
        if (!s->profile->policy)
                return error_invalid(e,
                                     "the profile %s has no import policy that could be narrowed",
                                     s->profile->name);
        for (size_t i = 0; i < n; i++) {
                const char *name = json_strings_get(q->modules, i);

                error_field(e, "modules[%zu]", i);
                if (!module_is_allowed(s->profile, name))
                        return error_invalid(e, "not among the modules of the profile %s: %s",
                                             s->profile->name, name);
                if ((i > 0 && buf_append(&lines, "\n", 1) < 0) ||
                    buf_append(&lines, name, strlen(name)) < 0)
                        return -ENOMEM;
        }
        frame_add(frame, FIELD_MODULES, n > 0 ? buf_data(&lines) : "", buf_size(&lines));
        s->modules = json_deep_copy(q->modules);
        return s->modules ? 0 : -ENOMEM;
}

static int spec_analysis(const JobRequest *q, JobSpec *s, FrameBuilder *frame, SpecError *e) {
        uint32_t level = (uint32_t) s->profile->analysis;

        if (q->analysis.is_set) {
                error_field(e, "analysis");
                if (q->analysis.value < level)
                        return error_invalid(e, "looser than the profile's level, %s",
                                             profile_analysis_to_string(s->profile->analysis));
                level = (uint32_t) q->analysis.value;
        }
        s->analysis = (AnalysisLevel) level;
        frame_add(frame, FIELD_ANALYSIS, &level, sizeof(level));
        return 0;
}

static void add_optional(FrameBuilder *frame, FieldType type, const char *text) {
        if (text)
                frame_add_string(frame, type, text);
}

int spec_program(
        const SpecContext *c, const JobRequest *q, JobSpec *s, FrameBuilder *frame, SpecError *e) {
        const char *program = q->code ?: q->expression ?: "";
        int r;

        r = c->is_session ? 0 : spec_choice(q, e);
        if (r == 0)
                r = spec_inputs(q, e);
        if (r != 0)
                return r;
        s->source_bytes = strlen(program);
        if (c->is_session)
                frame_add(frame, FIELD_SESSION, NULL, 0);
        add_optional(frame, FIELD_CODE, q->code);
        add_optional(frame, FIELD_EXPRESSION, q->expression);
        add_optional(frame, FIELD_SCRIPT_PATH, q->script_path);
        add_optional(frame, FIELD_MODULE, q->module);
        add_optional(frame, FIELD_CALLABLE, q->callable);
        add_optional(frame, FIELD_INPUTS, q->inputs_json);
        if (q->display_last_expression.is_set) {
                uint32_t always = q->display_last_expression.value;

                frame_add(frame, FIELD_DISPLAY_LAST, &always, sizeof(always));
        }
        if (c->is_check)
                frame_add(frame, FIELD_CHECK_ONLY, NULL, 0);
        r = spec_analysis(q, s, frame, e);
        if (r == 0)
                r = spec_modules(q, s, frame, e);
        return r == 0 ? spec_files(c, q, s, frame, e) : r;
}
