/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/frame.h"

#include <errno.h>
#include <string.h>

#include "basic/macro.h"

size_t frame_size_max(uint64_t result_max) {
        size_t max = TOOL_CALL_PAYLOAD_MAX;

        for (uint32_t type = 0; type <= FRAME_TOOL_REPLY; type++)
                max = MAX(max, said_payload_max(type, result_max));
        return sizeof(FrameHeader) + max;
}

FrameType frame_type(const Buf *in) {
        FrameHeader h;

        memcpy(&h, buf_data(in), sizeof(h));
        return h.type;
}

const char *frame_payload(const Buf *in, size_t *ret_size) {
        FrameHeader h;

        memcpy(&h, buf_data(in), sizeof(h));
        *ret_size = h.size;
        return buf_data(in) + sizeof(h);
}

void frame_skip(Buf *in) {
        size_t size;

        (void) frame_payload(in, &size);
        buf_consume(in, sizeof(FrameHeader) + size);
}

static size_t frame_payload_max(uint32_t type, uint64_t result_max) {
        if (type == FRAME_CELL_END)
                return sizeof(uint32_t);
        return type == FRAME_TOOL_CALL ? TOOL_CALL_PAYLOAD_MAX : said_payload_max(type, result_max);
}

int frame_read_all(Buf *in, uint64_t result_max, RunnerSaid *said) {
        while (buf_size(in) >= sizeof(FrameHeader)) {
                FrameHeader h;
                int r;

                memcpy(&h, buf_data(in), sizeof(h));
                if (h.size > frame_payload_max(h.type, result_max))
                        return -EBADMSG;
                if (buf_size(in) - sizeof(h) < h.size)
                        return 0;
                if (h.type == FRAME_TOOL_CALL || h.type == FRAME_CELL_END)
                        return 1;
                r = said_take(said, h.type, buf_data(in) + sizeof(h), h.size, result_max);
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

        *b = (FrameBuilder){
                .buf = BUF_INIT(sizeof(h) +
                                (type == FRAME_JOB ? JOB_PAYLOAD_MAX : FRAME_PAYLOAD_MAX)),
        };
        builder_append(b, &h, sizeof(h));
}

void frame_add(FrameBuilder *b, FieldType type, const void *data, size_t size) {
        FieldHeader h = { .size = (uint32_t) size, .type = type };

        if (size > b->buf.max) {
                b->error = b->error < 0 ? b->error : -EMSGSIZE;
                return;
        }
        builder_append(b, &h, sizeof(h));
        builder_append(b, data, size);
}

void frame_add_string(FrameBuilder *b, FieldType type, const char *string) {
        frame_add(b, type, string, strlen(string));
}

void frame_add_file(FrameBuilder *b, const char *path, const void *data, size_t size) {
        size_t path_size = strlen(path) + 1;
        FieldHeader h = { .size = (uint32_t) (path_size + size), .type = FIELD_FILE };

        if (path_size + size > b->buf.max) {
                b->error = b->error < 0 ? b->error : -EMSGSIZE;
                return;
        }
        builder_append(b, &h, sizeof(h));
        builder_append(b, path, path_size);
        builder_append(b, data, size);
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

int frame_copy_without_files(const Buf *frame, Buf *ret_copy) {
        const char *p = buf_data(frame) + sizeof(FrameHeader),
                   *end = buf_data(frame) + buf_size(frame);
        FrameBuilder b;

        frame_begin(&b, FRAME_JOB);
        while (p < end) {
                FieldHeader h;

                memcpy(&h, p, sizeof(h));
                if (h.type != FIELD_FILE)
                        builder_append(&b, p, sizeof(h) + h.size);
                p += sizeof(h) + h.size;
        }
        return frame_end(&b, ret_copy);
}
