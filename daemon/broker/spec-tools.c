/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The tools that a request names. */

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/cleanup.h"
#include "broker/spec-internal.h"
#include "wire/message.h"

/* They become attributes of a module, so they must be names in Python. */
static const char *const keywords[] = {
        "False", "None",     "True",  "and",    "as",   "assert", "async",  "await",    "break",
        "class", "continue", "def",   "del",    "elif", "else",   "except", "finally",  "for",
        "from",  "global",   "if",    "import", "in",   "is",     "lambda", "nonlocal", "not",
        "or",    "pass",     "raise", "return", "try",  "while",  "with",   "yield",
};

static const char *name_problem(const char *name) {
        size_t size = strlen(name);

        if (size == 0 || size > TOOL_NAME_MAX)
                return "a name has 1 to 64 characters";
        if (name[0] == '_')
                return "a name has no underscore in front";
        if (isdigit((unsigned char) name[0]))
                return "a name does not begin with a digit";
        for (const char *p = name; *p; p++)
                if (!isalnum((unsigned char) *p) && *p != '_')
                        return "a name has only letters, digits and underscores";
        FOREACH_ARRAY(k, keywords, ELEMENTSOF(keywords))
                if (strcmp(name, *k) == 0)
                        return "a keyword of Python";
        return NULL;
}

/* Each tool is there twice: as NAME, and as NAME_async, to be awaited. */
static bool name_is_async_of(const char *name, const char *other) {
        size_t size = strlen(other);

        return strncmp(name, other, size) == 0 && strcmp(name + size, "_async") == 0;
}

static const char *name_clash(const ToolList *list, const char *name) {
        FOREACH_ARRAY(t, list->tools, list->n) {
                if (strcmp(t->name, name) == 0)
                        return "there is another tool with this name";
                if (name_is_async_of(t->name, name) || name_is_async_of(name, t->name))
                        return "a tool NAME is also there as NAME_async, and there is another tool "
                               "with that name";
        }
        return NULL;
}

static int check_size(size_t i, const char *member, const char *text, size_t max, SpecError *e) {
        char field[64];

        if (!text || strlen(text) <= max)
                return 0;
        (void) snprintf(field, sizeof(field), "tools[%zu].%s", i, member);
        return error_too_large(e, field, strlen(text), max);
}

static int spec_tool(const JobRequest *q, size_t i, JobSpec *s, FrameBuilder *frame, SpecError *e) {
        const ToolRequest *t = &q->tools.tools[i];
        const char *problem = name_problem(t->name) ?: name_clash(&s->tools, t->name);
        Tool *tool = &s->tools.tools[s->tools.n];
        _cleanup_free_ char *text = NULL;
        int r;

        error_field(e, "tools[%zu].name", i);
        if (problem)
                return error_invalid(e, "%s", problem);
        r = check_size(i, "description", t->description, SPEC_TOOL_DESCRIPTION_MAX, e);
        if (r == 0)
                r = check_size(i, "parametersSchemaJson", t->schema_json, SPEC_TOOL_SCHEMA_MAX, e);
        if (r != 0)
                return r;
        text = wire_json_text(t->json);
        if (!text)
                return -ENOMEM;
        frame_add_string(frame, FIELD_TOOL, text);
        (void) snprintf(tool->name, sizeof(tool->name), "%s", t->name);
        tool->timeout_usec = t->timeout_usec.is_set ? t->timeout_usec.value : UINT64_MAX;
        s->tools.n++;
        return 0;
}

int spec_tools(const JobRequest *q, JobSpec *s, FrameBuilder *frame, SpecError *e) {
        int r = 0;

        if (q->tools.n == 0)
                return 0;
        if (q->tools.n > TOOLS_MAX) {
                error_field(e, "tools");
                return error_invalid(e, "more than %d tools", TOOLS_MAX);
        }
        s->tools.tools = calloc(q->tools.n, sizeof(Tool));
        if (!s->tools.tools)
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < q->tools.n; i++)
                r = spec_tool(q, i, s, frame, e);
        return r;
}
