/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/said.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/macro.h"
#include "basic/utf8.h"
#include "proto/limits.h"
#include "wire/build.h"

/* Headers of a frame's small fields included, with room to spare. */
#define PAYLOAD_ROOM 256U
#define EXCEPTION_PAYLOAD_MAX \
        (EXCEPTION_TYPE_MAX + EXCEPTION_MESSAGE_MAX + EXCEPTION_TRACEBACK_MAX + PAYLOAD_ROOM)
#define FINDING_PAYLOAD_MAX \
        (SAID_NAME_MAX + FINDING_MESSAGE_MAX + FINDING_SUBJECT_MAX + PAYLOAD_ROOM)
#define DISPLAY_ROOM (DISPLAY_PARTS_MAX * (SAID_NAME_MAX + 2 * sizeof(FieldHeader)) + PAYLOAD_ROOM)

static void display_done(RunnerDisplay *display) {
        FOREACH_ARRAY(part, display->parts, display->n_parts)
                free(part->data);
        *display = (RunnerDisplay){};
}

void said_done(RunnerSaid *said) {
        free(said->exception);
        free(said->result);
        free(said->problem);
        free(said->findings);
        free(said->violations);
        FOREACH_ARRAY(display, said->displays, said->n_displays)
                display_done(display);
        free(said->displays);
        *said = (RunnerSaid){};
}

size_t said_bytes(const RunnerSaid *said) {
        return (said->exception ? sizeof(*said->exception) : 0) + said->result_size +
               (said->problem ? sizeof(*said->problem) : 0) +
               said->n_findings * sizeof(*said->findings) +
               said->n_violations * sizeof(*said->violations) +
               said->n_displays * sizeof(*said->displays) + said->display_bytes;
}

const RunnerFinding *said_refusal(const RunnerSaid *said) {
        FOREACH_ARRAY(finding, said->findings, said->n_findings)
                if (finding->severity == FINDING_REFUSE)
                        return finding;
        return NULL;
}

size_t said_payload_max(uint32_t type, uint64_t result_max) {
        switch (type) {
        case FRAME_EXCEPTION:
        case FRAME_RESULT_PROBLEM:
                return EXCEPTION_PAYLOAD_MAX;
        case FRAME_RESULT:
                return MIN(result_max, (uint64_t) FRAME_PAYLOAD_MAX);
        case FRAME_FINDING:
                return FINDING_PAYLOAD_MAX;
        case FRAME_VIOLATION:
                return VIOLATION_SUBJECT_MAX + 2 * SAID_NAME_MAX + PAYLOAD_ROOM;
        case FRAME_DISPLAY:
                return MIN(result_max + DISPLAY_ROOM, (uint64_t) FRAME_PAYLOAD_MAX);
        case FRAME_TICKS:
                return 2 * sizeof(FieldHeader) + sizeof(uint64_t);
        default:
                return 0;
        }
}

/* A text field; each one at most once, so that it cannot be rewritten. */
static int field_text(char *text, size_t max, const char *data, size_t size) {
        if (text[0] != '\0' || size > max || !utf8_is_valid(data, size))
                return -EBADMSG;
        memcpy(text, data, size);
        text[size] = '\0';
        return 0;
}

static int field_number(uint32_t *number, const char *data, size_t size) {
        if (size != sizeof(*number))
                return -EBADMSG;
        memcpy(number, data, size);
        return 0;
}

/* One of a few names, by a list that ends with NULL. */
static int field_name(const char **name, const char *const *names, const char *data, size_t size) {
        for (; *names; names++)
                if (strlen(*names) == size && memcmp(*names, data, size) == 0) {
                        *name = *names;
                        return 0;
                }
        return -EBADMSG;
}

/* Calls read for each field of a payload. */
static int fields_read(const char *data,
                       size_t size,
                       int (*read)(void *target, uint32_t type, const char *data, size_t size),
                       void *target) {
        while (size > 0) {
                FieldHeader h;
                int r;

                if (size < sizeof(h))
                        return -EBADMSG;
                memcpy(&h, data, sizeof(h));
                data += sizeof(h);
                size -= sizeof(h);
                if (h.size > size)
                        return -EBADMSG;
                r = read(target, h.type, data, h.size);
                if (r < 0)
                        return r;
                data += h.size;
                size -= h.size;
        }
        return 0;
}

static int exception_field(void *target, uint32_t type, const char *data, size_t size) {
        RunnerException *e = target;

        switch (type) {
        case FIELD_EXCEPTION_TYPE:
                return field_text(e->type, EXCEPTION_TYPE_MAX, data, size);
        case FIELD_EXCEPTION_MESSAGE:
                return field_text(e->message, EXCEPTION_MESSAGE_MAX, data, size);
        case FIELD_EXCEPTION_TRACEBACK:
                return field_text(e->traceback, EXCEPTION_TRACEBACK_MAX, data, size);
        case FIELD_EXCEPTION_LINE:
                return field_number(&e->line, data, size);
        case FIELD_EXCEPTION_MEMORY:
                e->is_memory_error = true;
                return size == 0 ? 0 : -EBADMSG;
        default:
                return -EBADMSG;
        }
}

static int take_exception(RunnerSaid *said, const char *data, size_t size) {
        _cleanup_free_ RunnerException *e = calloc(1, sizeof(*e));
        int r;

        if (!e)
                return -ENOMEM;
        r = fields_read(data, size, exception_field, e);
        if (r < 0)
                return r;
        if (e->type[0] == '\0')
                return -EBADMSG;
        free(said->exception);
        said->exception = TAKE_PTR(e);
        return 0;
}

static int problem_field(void *target, uint32_t type, const char *data, size_t size) {
        RunnerProblem *p = target;

        switch (type) {
        case FIELD_EXCEPTION_TYPE:
                return field_text(p->type, EXCEPTION_TYPE_MAX, data, size);
        case FIELD_EXCEPTION_MESSAGE:
                return field_text(p->message, EXCEPTION_MESSAGE_MAX, data, size);
        default:
                return -EBADMSG;
        }
}

static int take_problem(RunnerSaid *said, const char *data, size_t size) {
        _cleanup_free_ RunnerProblem *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        r = fields_read(data, size, problem_field, p);
        if (r < 0)
                return r;
        if (p->type[0] == '\0')
                return -EBADMSG;
        free(said->problem);
        said->problem = TAKE_PTR(p);
        return 0;
}

/* The result and the displays have one bound together. */
static int take_result(RunnerSaid *said, const char *data, size_t size, uint64_t result_max) {
        char *copy;

        if (size == 0 || said->display_bytes + size > result_max ||
            !json_bytes_are_text(data, size, SAID_GROWTH_MAX))
                return -EBADMSG;
        copy = strndup(data, size);
        if (!copy)
                return -ENOMEM;
        free(said->result);
        said->result = copy;
        said->result_size = size;
        return 0;
}

static int finding_field(void *target, uint32_t type, const char *data, size_t size) {
        RunnerFinding *f = target;

        switch (type) {
        case FIELD_FINDING_RULE:
                return field_text(f->rule, SAID_NAME_MAX, data, size);
        case FIELD_FINDING_SEVERITY:
                return field_number(&f->severity, data, size);
        case FIELD_FINDING_MESSAGE:
                return field_text(f->message, FINDING_MESSAGE_MAX, data, size);
        case FIELD_FINDING_LINE:
                return field_number(&f->line, data, size);
        case FIELD_FINDING_COLUMN:
                return field_number(&f->column, data, size);
        case FIELD_FINDING_SUBJECT:
                return field_text(f->subject, FINDING_SUBJECT_MAX, data, size);
        case FIELD_FINDING_PATH:
                return field_text(f->path, FINDING_PATH_MAX, data, size);
        default:
                return -EBADMSG;
        }
}

static int add_finding(RunnerSaid *said, const RunnerFinding *finding) {
        RunnerFinding *all = reallocarray(said->findings, said->n_findings + 1, sizeof(*all));

        if (!all)
                return -ENOMEM;
        all[said->n_findings++] = *finding;
        said->findings = all;
        return 0;
}

int said_refuse(RunnerSaid *said, const char *rule, const char *message) {
        RunnerFinding finding = { .severity = FINDING_REFUSE };

        (void) snprintf(finding.rule, sizeof(finding.rule), "%s", rule);
        (void) snprintf(finding.message, sizeof(finding.message), "%s", message);
        return add_finding(said, &finding);
}

/* Once the program runs, what looks like a finding is its own work. */
static int take_finding(RunnerSaid *said, const char *data, size_t size) {
        RunnerFinding finding = {};
        int r;

        if (said->is_running || said->n_findings >= FINDINGS_MAX)
                return -EBADMSG;
        r = fields_read(data, size, finding_field, &finding);
        if (r < 0)
                return r;
        if (finding.rule[0] == '\0' || finding.message[0] == '\0' ||
            finding.severity >= _FINDING_SEVERITY_MAX)
                return -EBADMSG;
        return add_finding(said, &finding);
}

static int violation_field(void *target, uint32_t type, const char *data, size_t size) {
        static const char *const layers[] = { "import_policy", "audit_hook", NULL };
        static const char *const reasons[] = { "not-allowed", "not-installed", NULL };
        RunnerViolation *v = target;

        switch (type) {
        case FIELD_VIOLATION_LAYER:
                return field_name(&v->layer, layers, data, size);
        case FIELD_VIOLATION_SUBJECT:
                return field_text(v->subject, VIOLATION_SUBJECT_MAX, data, size);
        case FIELD_VIOLATION_REASON:
                return field_name(&v->reason, reasons, data, size);
        default:
                return -EBADMSG;
        }
}

/* The same again is one more of the same. Names are those of our own tables: pointers compare. */
static int take_violation(RunnerSaid *said, const char *data, size_t size) {
        RunnerViolation violation = { .count = 1 }, *all;
        int r;

        r = fields_read(data, size, violation_field, &violation);
        if (r < 0)
                return r;
        if (!violation.layer || violation.subject[0] == '\0')
                return -EBADMSG;
        FOREACH_ARRAY(v, said->violations, said->n_violations)
                if (v->layer == violation.layer && v->reason == violation.reason &&
                    strcmp(v->subject, violation.subject) == 0) {
                        v->count++;
                        return 0;
                }
        if (said->n_violations >= VIOLATIONS_MAX)
                return 0;
        all = reallocarray(said->violations, said->n_violations + 1, sizeof(*all));
        if (!all)
                return -ENOMEM;
        all[said->n_violations++] = violation;
        said->violations = all;
        return 0;
}

/* type/subtype as in RFC 6838, without parameters. */
static bool mime_is_valid(const char *mime, size_t size) {
        const char *slash = memchr(mime, '/', size);

        if (!slash || slash == mime || slash + 1 == mime + size || size > SAID_NAME_MAX)
                return false;
        FOREACH_ARRAY(c, mime, size) {
                if (c == slash || isalnum((unsigned char) *c))
                        continue;
                if (c == mime || c == slash + 1 || *c == '\0' || !strchr("!#$&-^_.+", *c))
                        return false;
        }
        return true;
}

static int display_mime(RunnerDisplay *d, const char *data, size_t size) {
        DisplayPart *part = &d->parts[d->n_parts];

        if (d->n_parts == DISPLAY_PARTS_MAX || !mime_is_valid(data, size) || part->mime[0] != '\0')
                return -EBADMSG;
        FOREACH_ARRAY(p, d->parts, d->n_parts)
                if (strlen(p->mime) == size && memcmp(p->mime, data, size) == 0)
                        return -EBADMSG;
        memcpy(part->mime, data, size);
        return 0;
}

/* Whether bytes go out as text is decided by their MIME type and by what they are, not by the field
 * that they came in. */
static int display_bytes(RunnerDisplay *d, const char *data, size_t size) {
        DisplayPart *part = &d->parts[d->n_parts];

        if (d->n_parts == DISPLAY_PARTS_MAX || part->mime[0] == '\0')
                return -EBADMSG;
        part->data = malloc(size + 1);
        if (!part->data)
                return -ENOMEM;
        memcpy(part->data, data, size);
        part->data[size] = '\0';
        part->size = size;
        d->n_parts++;
        return 0;
}

static int display_field(void *target, uint32_t type, const char *data, size_t size) {
        RunnerDisplay *d = target;

        switch (type) {
        case FIELD_DISPLAY_IS_RESULT:
                d->is_result = true;
                return size == 0 ? 0 : -EBADMSG;
        case FIELD_DISPLAY_MIME:
                return display_mime(d, data, size);
        case FIELD_DISPLAY_TEXT:
        case FIELD_DISPLAY_DATA:
                return display_bytes(d, data, size);
        default:
                return -EBADMSG;
        }
}

/* A type at the end has no bytes. */
static bool display_is_complete(const RunnerDisplay *d) {
        return d->n_parts > 0 &&
               (d->n_parts == DISPLAY_PARTS_MAX || d->parts[d->n_parts].mime[0] == '\0');
}

static int take_display(RunnerSaid *said, const char *data, size_t size, uint64_t result_max) {
        _cleanup_(display_done) RunnerDisplay display = {};
        size_t bytes = 0;
        RunnerDisplay *all;
        int r;

        if (said->n_displays >= DISPLAYS_MAX)
                return -EBADMSG;
        r = fields_read(data, size, display_field, &display);
        if (r < 0)
                return r;
        FOREACH_ARRAY(part, display.parts, display.n_parts)
                bytes += part->size;
        if (!display_is_complete(&display) ||
            said->result_size + said->display_bytes + bytes > result_max)
                return -EBADMSG;
        all = reallocarray(said->displays, said->n_displays + 1, sizeof(*all));
        if (!all)
                return -ENOMEM;
        all[said->n_displays++] = display;
        said->displays = all;
        said->display_bytes += bytes;
        display = (RunnerDisplay){};
        return 0;
}

static int take_running(RunnerSaid *said, size_t size) {
        if (said->is_running || size > 0)
                return -EBADMSG;
        said->is_running = true;
        return 0;
}

static int ticks_field(void *target, uint32_t type, const char *data, size_t size) {
        RunnerSaid *said = target;

        switch (type) {
        case FIELD_TICKS_COUNT:
                if (size != sizeof(said->ticks))
                        return -EBADMSG;
                memcpy(&said->ticks, data, size);
                said->has_ticks = true;
                return said->ticks <= TICKS_MAX ? 0 : -EBADMSG;
        case FIELD_TICKS_EXCEEDED:
                said->ticks_exceeded = true;
                return size == 0 ? 0 : -EBADMSG;
        default:
                return -EBADMSG;
        }
}

/* Before the program runs there is nothing to count. */
static int take_ticks(RunnerSaid *said, const char *data, size_t size) {
        RunnerSaid counted = {};
        int r;

        if (!said->is_running || said->has_ticks)
                return -EBADMSG;
        r = fields_read(data, size, ticks_field, &counted);
        if (r < 0)
                return r;
        if (!counted.has_ticks)
                return -EBADMSG;
        said->has_ticks = true;
        said->ticks = counted.ticks;
        said->ticks_exceeded = counted.ticks_exceeded;
        return 0;
}

int said_take(
        RunnerSaid *said, uint32_t type, const char *payload, size_t size, uint64_t result_max) {
        switch (type) {
        case FRAME_EXCEPTION:
                return take_exception(said, payload, size);
        case FRAME_RESULT:
                return take_result(said, payload, size, result_max);
        case FRAME_FINDING:
                return take_finding(said, payload, size);
        case FRAME_RUNNING:
                return take_running(said, size);
        case FRAME_VIOLATION:
                return take_violation(said, payload, size);
        case FRAME_DISPLAY:
                return take_display(said, payload, size, result_max);
        case FRAME_RESULT_PROBLEM:
                return take_problem(said, payload, size);
        case FRAME_TICKS:
                return take_ticks(said, payload, size);
        default:
                return -EBADMSG;
        }
}
