/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/output.h"

#include "basic/macro.h"
#include "basic/utf8.h"

void output_init(OutputCapture *o, uint64_t max_bytes) {
        *o = (OutputCapture){ .max_bytes = max_bytes };
}

void output_done(OutputCapture *o) {
        FOREACH_ARRAY(s, o->streams, _STREAM_MAX)
                buf_done(&s->kept);
}

uint64_t output_kept_bytes(const OutputCapture *o) {
        return buf_size(&o->streams[STREAM_STDOUT].kept) +
               buf_size(&o->streams[STREAM_STDERR].kept);
}

int output_write(OutputCapture *o, OutputStream stream, const void *data, size_t size) {
        CapturedStream *s = &o->streams[stream];
        uint64_t room = o->max_bytes - output_kept_bytes(o);
        int r;

        r = buf_append(&s->kept, data, (size_t) MIN((uint64_t) size, room));
        if (r < 0)
                return r;
        s->total_bytes += size;
        if (size > room)
                o->exceeded = true;
        return 0;
}

size_t output_cut(
        OutputCapture *o, OutputStream stream, size_t at_least, bool is_final, size_t *ret_offset) {
        CapturedStream *s = &o->streams[stream];
        size_t waiting = buf_size(&s->kept) - s->cut;
        size_t size = MIN(waiting, (size_t) OUTPUT_PIECE_MAX);

        if (size == 0)
                return 0;
        if (size < waiting || !is_final)
                size -= utf8_incomplete_tail(buf_data(&s->kept) + s->cut, size);
        if (size == 0 || (!is_final && waiting < at_least))
                return 0;
        *ret_offset = s->cut;
        s->cut += size;
        return size;
}
