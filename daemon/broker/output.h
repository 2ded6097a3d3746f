/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a job writes to stdout and stderr: kept up to the limit, counted beyond it, and cut into
 * pieces for events so that no UTF-8 character is split between two of them. Pure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/buf.h"

typedef enum OutputStream {
        STREAM_STDOUT,
        STREAM_STDERR,
        _STREAM_MAX,
} OutputStream;

/* Largest piece, so that no event comes near the size of a message. */
#define OUTPUT_PIECE_MAX (64U << 10)

typedef struct CapturedStream {
        Buf kept;             /* from offset 0 of the stream */
        size_t cut;           /* bytes that pieces have been made of */
        uint64_t total_bytes; /* written by the job, kept or not */
} CapturedStream;

typedef struct OutputCapture {
        CapturedStream streams[_STREAM_MAX];
        uint64_t max_bytes; /* of both streams together */
        bool exceeded;
        bool is_incomplete; /* some of it, or of what came by the channel, could not be read or kept */
} OutputCapture;

void output_init(OutputCapture *o, uint64_t max_bytes);
void output_done(OutputCapture *o);

/* Keeps what fits: with both streams together, exactly max_bytes in the end. 0 or -ENOMEM. */
int output_write(OutputCapture *o, OutputStream stream, const void *data, size_t size);

/* Cuts the next piece: returns its size, 0 if there is none now. No piece is shorter than
 * at_least, except that with is_final everything goes, an incomplete character included. */
size_t output_cut(
        OutputCapture *o, OutputStream stream, size_t at_least, bool is_final, size_t *ret_offset);

uint64_t output_kept_bytes(const OutputCapture *o);
