/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Broker <-> the job process: frames on the channel, a SOCK_STREAM pair that the broker made. What
 * comes from the job is hostile: it is read only after the kernel's facts, and a frame that breaks
 * the rules below ends the reading, nothing else.
 *
 * A frame is a FrameHeader and size bytes of payload. The payload of JOB and EXCEPTION is a sequence
 * of fields, each a FieldHeader and its bytes, without padding. All numbers are little endian. */

#include <stdint.h>

#define RUNNER_FD_CHANNEL 3

#define FRAME_PAYLOAD_MAX (4U << 20)

typedef enum FrameType {
        FRAME_JOB = 1,       /* broker -> job, once: FIELD_* of the request */
        FRAME_EXCEPTION = 2, /* job -> broker: an uncaught exception; the process exits with 1 */
        FRAME_RESULT = 3,    /* job -> broker: JSON text of the value, UTF-8; the last one counts */
} FrameType;

typedef struct FrameHeader {
        uint32_t size; /* of the payload, at most FRAME_PAYLOAD_MAX */
        uint32_t type; /* FrameType */
} FrameHeader;

typedef enum FieldType {
        /* JOB */
        FIELD_CODE = 1,        /* Python source, UTF-8; exactly once */
        FIELD_ARGUMENT = 2,    /* one of sys.argv[1:], in order; UTF-8 */
        FIELD_ENVIRONMENT = 3, /* NAME=VALUE; UTF-8 */
        FIELD_SEED = 4,        /* int64: seed of the random module */
        FIELD_RESULT_MAX = 5,  /* uint64: bytes of the JSON text of the result */
        FIELD_SOURCE_NAME = 6, /* what tracebacks call the program, such as <job> */
        /* EXCEPTION */
        FIELD_EXCEPTION_TYPE = 16,      /* qualified class name */
        FIELD_EXCEPTION_MESSAGE = 17,   /* str() of it */
        FIELD_EXCEPTION_TRACEBACK = 18, /* formatted */
        FIELD_EXCEPTION_LINE = 19,      /* uint32: line in the program, where it is known */
        FIELD_EXCEPTION_MEMORY = 20,    /* empty: it is a MemoryError */
} FieldType;

#define EXCEPTION_TYPE_MAX 256U
#define EXCEPTION_MESSAGE_MAX 4096U
#define EXCEPTION_TRACEBACK_MAX 65536U

typedef struct FieldHeader {
        uint32_t size; /* of the bytes that follow */
        uint32_t type; /* FieldType */
} FieldHeader;

_Static_assert(sizeof(FrameHeader) == 8, "wire layout");
_Static_assert(sizeof(FieldHeader) == 8, "wire layout");
