/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runner/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/io.h"
#include "basic/utf8.h"

int field_next(const char **p, size_t *size, Field *ret_field) {
        FieldHeader h;

        if (*size == 0)
                return 0;
        if (*size < sizeof(h))
                return -EPROTO;
        memcpy(&h, *p, sizeof(h));
        if (h.size > *size - sizeof(h))
                return -EPROTO;
        *ret_field = (Field){ .type = h.type, .data = *p + sizeof(h), .size = h.size };
        *p += sizeof(h) + h.size;
        *size -= sizeof(h) + h.size;
        return 1;
}

/* What the bytes of a field are. */
typedef enum FieldKind {
        KIND_PROGRAM, /* or the name of one: exactly one field of this kind */
        KIND_TEXT,
        KIND_NAME, /* text that is not empty, at most JOB_SOURCE_NAME_MAX */
        KIND_ENVIRONMENT,
        KIND_FILE,
        KIND_U32,
        KIND_U64,
        KIND_EMPTY,
        _KIND_MAX,
} FieldKind;

static const struct {
        FieldType type;
        FieldKind kind;
        size_t n_max;
} job_fields[] = {
        { FIELD_CODE, KIND_PROGRAM, 1 },
        { FIELD_SCRIPT_PATH, KIND_PROGRAM, 1 },
        { FIELD_MODULE, KIND_PROGRAM, 1 },
        { FIELD_EXPRESSION, KIND_PROGRAM, 1 },
        { FIELD_SESSION, KIND_PROGRAM, 1 },
        { FIELD_ARGUMENT, KIND_TEXT, JOB_ARGUMENTS_MAX },
        { FIELD_ENVIRONMENT, KIND_ENVIRONMENT, JOB_ARGUMENTS_MAX },
        { FIELD_SEED, KIND_U64, 1 },
        { FIELD_RESULT_MAX, KIND_U64, 1 },
        { FIELD_SOURCE_NAME, KIND_NAME, 1 },
        { FIELD_CALLABLE, KIND_NAME, 1 },
        { FIELD_INPUTS, KIND_TEXT, 1 },
        { FIELD_FILE, KIND_FILE, JOB_FILES_MAX },
        { FIELD_EXECUTABLE, KIND_TEXT, JOB_FILES_MAX },
        { FIELD_READ_ONLY, KIND_TEXT, JOB_FILES_MAX },
        { FIELD_MODULES, KIND_TEXT, 1 },
        { FIELD_TOOL, KIND_TEXT, TOOLS_MAX },
        { FIELD_ANALYSIS, KIND_U32, 1 },
        { FIELD_CHECK_ONLY, KIND_EMPTY, 1 },
        { FIELD_DISPLAY_LAST, KIND_U32, 1 },
        { FIELD_TICKS, KIND_U64, 1 },
};

static bool text_is_valid(const char *data, size_t size) {
        return utf8_is_valid(data, size) && !memchr(data, '\0', size);
}

static bool environment_is_valid(const Field *field) {
        return text_is_valid(field->data, field->size) && field->size > 0 &&
               field->data[0] != '=' && memchr(field->data, '=', field->size);
}

static bool file_is_valid(const Field *field) {
        const char *end = memchr(field->data, '\0', field->size);

        return end && end > field->data && utf8_is_valid(field->data, (size_t) (end - field->data));
}

static bool field_is_valid(const Field *field, FieldKind kind) {
        switch (kind) {
        case KIND_PROGRAM:
                return true;
        case KIND_TEXT:
                return text_is_valid(field->data, field->size);
        case KIND_NAME:
                return field->size > 0 && field->size <= JOB_SOURCE_NAME_MAX &&
                       text_is_valid(field->data, field->size);
        case KIND_ENVIRONMENT:
                return environment_is_valid(field);
        case KIND_FILE:
                return file_is_valid(field);
        case KIND_U32:
                return field->size == sizeof(uint32_t);
        case KIND_U64:
                return field->size == sizeof(uint64_t);
        case KIND_EMPTY:
                return field->size == 0;
        case _KIND_MAX:
                break;
        }
        return false;
}

int job_payload_check(const char *payload, size_t size) {
        size_t n[ELEMENTSOF(job_fields)] = {}, n_programs = 0, i;
        Field field;
        int r;

        while ((r = field_next(&payload, &size, &field)) > 0) {
                for (i = 0; i < ELEMENTSOF(job_fields); i++)
                        if (job_fields[i].type == field.type)
                                break;
                if (i == ELEMENTSOF(job_fields) || ++n[i] > job_fields[i].n_max ||
                    !field_is_valid(&field, job_fields[i].kind))
                        return -EPROTO;
                n_programs += job_fields[i].kind == KIND_PROGRAM;
        }
        if (r < 0)
                return r;
        return n_programs == 1 ? 0 : -EPROTO;
}

int frame_receive(int fd, FrameType type, char **ret_payload, size_t *ret_size) {
        _cleanup_free_ char *payload = NULL;
        FrameHeader h;
        int r;

        r = io_read_full(fd, &h, sizeof(h));
        if (r == -ENODATA)
                return 0;
        if (r < 0)
                return r;
        if (h.type != type || h.size > (type == FRAME_JOB ? JOB_PAYLOAD_MAX : FRAME_PAYLOAD_MAX))
                return -EPROTO;
        payload = malloc(h.size + 1);
        if (!payload)
                return -ENOMEM;
        r = io_read_full(fd, payload, h.size);
        if (r < 0)
                return r == -ENODATA ? -EPROTO : r;
        payload[h.size] = '\0';
        *ret_payload = TAKE_PTR(payload);
        *ret_size = h.size;
        return 1;
}

static int frame_send_header(int fd, FrameType type, size_t size) {
        FrameHeader h = { .size = (uint32_t) size, .type = type };

        if (size > FRAME_PAYLOAD_MAX)
                return -EMSGSIZE;
        return io_write_full(fd, &h, sizeof(h));
}

int frame_send(int fd, FrameType type, const void *payload, size_t size) {
        int r;

        r = frame_send_header(fd, type, size);
        if (r < 0)
                return r;
        return io_write_full(fd, payload, size);
}

static int field_send(int fd, const Field *field) {
        FieldHeader h = { .size = (uint32_t) field->size, .type = field->type };
        int r;

        r = io_write_full(fd, &h, sizeof(h));
        if (r < 0)
                return r;
        return io_write_full(fd, field->data, field->size);
}

/* Never cuts a character in two: the peer refuses text that is not UTF-8. */
static Field field_cut(uint32_t type, Field field, size_t max) {
        size_t size = field.size;

        if (size > max)
                size = max - utf8_incomplete_tail(field.data, max);
        return (Field){ .type = type, .data = field.data, .size = size };
}

int frame_send_exception(int fd, const ExceptionInfo *info) {
        const Field line = {
                .type = FIELD_EXCEPTION_LINE,
                .data = (const char *) &info->line,
                .size = sizeof(info->line),
        };
        const Field memory = { .type = FIELD_EXCEPTION_MEMORY, .data = "", .size = 0 };
        Field fields[5];
        size_t n = 0, size = 0;
        int r;

        fields[n++] = field_cut(FIELD_EXCEPTION_TYPE, info->type, EXCEPTION_TYPE_MAX);
        fields[n++] = field_cut(FIELD_EXCEPTION_MESSAGE, info->message, EXCEPTION_MESSAGE_MAX);
        fields[n++] =
                field_cut(FIELD_EXCEPTION_TRACEBACK, info->traceback, EXCEPTION_TRACEBACK_MAX);
        if (info->line > 0)
                fields[n++] = line;
        if (info->is_memory_error)
                fields[n++] = memory;
        FOREACH_ARRAY(field, fields, n)
                size += sizeof(FieldHeader) + field->size;
        r = frame_send_header(fd, FRAME_EXCEPTION, size);
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = field_send(fd, &fields[i]);
        return r;
}
