/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/macro.h"
#include "basic/utf8.h"

/* Headers of the five fields included, with room to spare. */
#define EXCEPTION_PAYLOAD_MAX \
        (EXCEPTION_TYPE_MAX + EXCEPTION_MESSAGE_MAX + EXCEPTION_TRACEBACK_MAX + 256U)

void runner_said_done(RunnerSaid *said) {
        free(said->exception);
        free(said->result);
        *said = (RunnerSaid){};
}

static size_t payload_max(uint32_t type, uint64_t result_max) {
        switch (type) {
        case FRAME_EXCEPTION:
                return EXCEPTION_PAYLOAD_MAX;
        case FRAME_RESULT:
                return MIN(result_max, (uint64_t) FRAME_PAYLOAD_MAX);
        default:
                return 0; /* JOB goes the other way */
        }
}

size_t frame_size_max(uint64_t result_max) {
        return sizeof(FrameHeader) +
               MAX(payload_max(FRAME_EXCEPTION, result_max), payload_max(FRAME_RESULT, result_max));
}

/* A text field; each one at most once, so that it cannot be rewritten. */
static int field_text(char *text, size_t max, const char *data, size_t size) {
        if (text[0] != '\0' || size > max || !utf8_is_valid(data, size))
                return -EBADMSG;
        memcpy(text, data, size);
        text[size] = '\0';
        return 0;
}

static int exception_field(RunnerException *e, uint32_t type, const char *data, size_t size) {
        switch (type) {
        case FIELD_EXCEPTION_TYPE:
                return field_text(e->type, EXCEPTION_TYPE_MAX, data, size);
        case FIELD_EXCEPTION_MESSAGE:
                return field_text(e->message, EXCEPTION_MESSAGE_MAX, data, size);
        case FIELD_EXCEPTION_TRACEBACK:
                return field_text(e->traceback, EXCEPTION_TRACEBACK_MAX, data, size);
        case FIELD_EXCEPTION_LINE:
                if (size != sizeof(e->line))
                        return -EBADMSG;
                memcpy(&e->line, data, size);
                return 0;
        case FIELD_EXCEPTION_MEMORY:
                e->is_memory_error = true;
                return size == 0 ? 0 : -EBADMSG;
        default:
                return -EBADMSG;
        }
}

static int read_exception(const char *data, size_t size, RunnerSaid *said) {
        _cleanup_free_ RunnerException *e = calloc(1, sizeof(*e));

        if (!e)
                return -ENOMEM;
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
                r = exception_field(e, h.type, data, h.size);
                if (r < 0)
                        return r;
                data += h.size;
                size -= h.size;
        }
        if (e->type[0] == '\0')
                return -EBADMSG;
        free(said->exception);
        said->exception = TAKE_PTR(e);
        return 0;
}

static int read_result(const char *data, size_t size, RunnerSaid *said) {
        char *copy;

        if (size == 0 || !utf8_is_valid(data, size))
                return -EBADMSG;
        copy = strndup(data, size);
        if (!copy)
                return -ENOMEM;
        free(said->result);
        said->result = copy;
        said->result_size = size;
        return 0;
}

int frame_read_all(Buf *in, uint64_t result_max, RunnerSaid *said) {
        while (buf_size(in) >= sizeof(FrameHeader)) {
                FrameHeader h;
                const char *payload;
                int r;

                memcpy(&h, buf_data(in), sizeof(h));
                if (h.size > payload_max(h.type, result_max))
                        return -EBADMSG;
                if (buf_size(in) - sizeof(h) < h.size)
                        return 0;
                payload = buf_data(in) + sizeof(h);
                if (h.type == FRAME_EXCEPTION)
                        r = read_exception(payload, h.size, said);
                else if (h.type == FRAME_RESULT)
                        r = read_result(payload, h.size, said);
                else
                        r = -EBADMSG;
                if (r < 0)
                        return r;
                buf_consume(in, sizeof(h) + h.size);
        }
        return 0;
}

static void builder_append(FrameBuilder *b, const void *data, size_t size) {
        int r;

        if (b->error < 0)
                return;
        r = buf_append(&b->buf, data, size);
        if (r < 0)
                b->error = r == -ENOBUFS ? -EMSGSIZE : r;
}

void frame_begin(FrameBuilder *b, FrameType type) {
        FrameHeader h = { .type = type };

        *b = (FrameBuilder){ .buf = BUF_INIT(sizeof(h) + FRAME_PAYLOAD_MAX) };
        builder_append(b, &h, sizeof(h));
}

void frame_add(FrameBuilder *b, FieldType type, const void *data, size_t size) {
        FieldHeader h = { .size = (uint32_t) size, .type = type };

        if (size > FRAME_PAYLOAD_MAX) {
                b->error = b->error < 0 ? b->error : -EMSGSIZE;
                return;
        }
        builder_append(b, &h, sizeof(h));
        builder_append(b, data, size);
}

void frame_add_string(FrameBuilder *b, FieldType type, const char *string) {
        frame_add(b, type, string, strlen(string));
}

int frame_end(FrameBuilder *b, Buf *ret_frame) {
        FrameHeader h;

        if (b->error < 0) {
                buf_done(&b->buf);
                return b->error;
        }
        memcpy(&h, buf_data(&b->buf), sizeof(h));
        h.size = (uint32_t) (buf_size(&b->buf) - sizeof(h));
        memcpy(buf_data(&b->buf), &h, sizeof(h));
        *ret_frame = b->buf;
        b->buf = BUF_INIT(0);
        return 0;
}
