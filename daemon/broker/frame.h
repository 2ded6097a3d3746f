/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The frames of proto/runner-wire.h: building the JOB frame, and reading what a job sends, which is
 * hostile. Pure: plain buffers in, structs out. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/buf.h"
#include "broker/said.h"
#include "broker/tools.h"
#include "proto/runner-wire.h"

/* All that one job may send on its channel beside its tool calls; a flood of valid frames ends the reading, too. */
#define CHANNEL_BYTES_MAX (4U * FRAME_PAYLOAD_MAX)

/* Takes all complete frames out of the queue. result_max is the limit in force. Returns 0, 1 if the
 * next frame is a complete TOOL_CALL or CELL_END, which is left to the caller: frame_skip() takes it out; -EBADMSG
 * for a frame that breaks a rule (what was said before it stays), or -ENOMEM. */
int frame_read_all(Buf *in, uint64_t result_max, RunnerSaid *said);

/* The payload of the complete frame at the head of the queue, and taking it out. */
FrameType frame_type(const Buf *in);
const char *frame_payload(const Buf *in, size_t *ret_size);
void frame_skip(Buf *in);

/* How many bytes of a frame may be missing at most: what the queue has to hold. */
size_t frame_size_max(uint64_t result_max);

/* Building: begin, fields, end. The queue has no half frame after a failure. */
typedef struct FrameBuilder {
        Buf buf;
        int error; /* the first one; the fields after it do nothing */
} FrameBuilder;

void frame_begin(FrameBuilder *b, FrameType type);
void frame_add(FrameBuilder *b, FieldType type, const void *data, size_t size);
void frame_add_string(FrameBuilder *b, FieldType type, const char *string);

/* A FILE: the path, a NUL, the bytes. */
void frame_add_file(FrameBuilder *b, const char *path, const void *data, size_t size);

/* A copy of a JOB frame without its FILEs. -ENOMEM. */
int frame_copy_without_files(const Buf *frame, Buf *ret_copy);

/* Fills in the header and hands the bytes over. -EMSGSIZE, -ENOMEM. */
int frame_end(FrameBuilder *b, Buf *ret_frame);
