/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The job's end of proto/runner-wire.h: reading the one JOB frame, writing EXCEPTION and RESULT.
 * Nothing here allocates except the payload of a received frame: an uncaught MemoryError must still
 * find its way out. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/runner-wire.h"

/* More bytes than anything that the broker lets through; a bound all the same. */
#define JOB_ARGUMENTS_MAX 4096U
#define JOB_FILES_MAX 64U
#define JOB_SOURCE_NAME_MAX 256U

typedef struct Field {
        uint32_t type; /* FieldType, or something else */
        const char *data;
        size_t size;
} Field;

/* Takes the first field off *p. Returns 1, 0 at the end, or -EPROTO for a field that is longer than
 * what is left. Pure. */
int field_next(const char **p, size_t *size, Field *ret_field);

/* Checks a JOB payload, whose fields are then read one by one. Returns 0, or -EPROTO: not exactly one
 * program, an unknown field or too many of one, a number of the wrong size, text that is not UTF-8
 * (of a program excepted: Python says better what is wrong with it), an environment entry without a
 * name, a file without a path. Pure. */
int job_payload_check(const char *payload, size_t size);

/* Reads one frame of the given type. *ret_payload is heap memory. Returns 1, 0 if the peer closed
 * the channel before the frame, -EPROTO, -ENOMEM or the error of read(2). */
int frame_receive(int fd, FrameType type, char **ret_payload, size_t *ret_size);

/* Writes a whole frame to a blocking descriptor. */
int frame_send(int fd, FrameType type, const void *payload, size_t size);

typedef struct ExceptionInfo {
        Field type, message, traceback; /* the type members are not used */
        uint32_t line;                  /* 0 is unknown */
        bool is_memory_error;
} ExceptionInfo;

/* Writes an EXCEPTION frame; texts that are too long are cut. */
int frame_send_exception(int fd, const ExceptionInfo *info);
