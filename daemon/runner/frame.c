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

static int field_copy_number(const Field *field, void *number, size_t size) {
        if (field->size != size)
                return -EPROTO;
        memcpy(number, field->data, size);
        return 0;
}

static bool environment_is_valid(const Field *field) {
        return utf8_is_valid(field->data, field->size) && field->size > 0 &&
               field->data[0] != '=' && memchr(field->data, '=', field->size);
}

static int job_request_take(JobRequest *request, const Field *field) {
        switch (field->type) {
        case FIELD_CODE:
                if (request->code.data)
                        return -EPROTO;
                request->code = *field;
                return 0;
        case FIELD_ARGUMENT:
                if (++request->n_arguments > JOB_ARGUMENTS_MAX)
                        return -EPROTO;
                return utf8_is_valid(field->data, field->size) ? 0 : -EPROTO;
        case FIELD_ENVIRONMENT:
                if (++request->n_environment > JOB_ARGUMENTS_MAX)
                        return -EPROTO;
                return environment_is_valid(field) ? 0 : -EPROTO;
        case FIELD_TOOL:
                if (++request->n_tools > TOOLS_MAX)
                        return -EPROTO;
                return utf8_is_valid(field->data, field->size) ? 0 : -EPROTO;
        case FIELD_SEED:
                request->has_seed = true;
                return field_copy_number(field, &request->seed, sizeof(request->seed));
        case FIELD_RESULT_MAX:
                return field_copy_number(field, &request->result_max_bytes,
                                         sizeof(request->result_max_bytes));
        case FIELD_SOURCE_NAME:
                if (field->size == 0 || field->size > JOB_SOURCE_NAME_MAX)
                        return -EPROTO;
                request->source_name = *field;
                return utf8_is_valid(field->data, field->size) ? 0 : -EPROTO;
        default:
                return -EPROTO;
        }
}

int job_request_parse(const char *payload, size_t size, JobRequest *ret_request) {
        static const char default_name[] = "<job>";
        JobRequest request = {
                .payload = { .type = FRAME_JOB, .data = payload, .size = size },
                .source_name = { .data = default_name, .size = sizeof(default_name) - 1 },
        };
        Field field;
        int r;

        while ((r = field_next(&payload, &size, &field)) > 0) {
                r = job_request_take(&request, &field);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        if (!request.code.data)
                return -EPROTO;
        *ret_request = request;
        return 0;
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
        if (h.type != type || h.size > FRAME_PAYLOAD_MAX)
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
