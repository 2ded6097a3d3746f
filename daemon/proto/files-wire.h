/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Broker <-> the init of a box: the files channel, a SOCK_SEQPACKET pair that the broker made. Init
 * serves it once the job's processes are dead, until the broker closes it or the builder has had
 * enough. Each message is one of these structs and `size` bytes behind it, in one packet.
 *
 * The broker asks one thing at a time. Init is out of the job's reach, names and bytes are the job's. */

#include <stdint.h>

#define FILES_PAYLOAD_MAX (32U << 10)
#define FILES_PATTERNS_MAX 64
#define FILES_PATH_MAX 1024U /* bytes of a path below /app */
#define FILES_DEPTH_MAX 64   /* directories below each other */

typedef enum FilesVerb {
        FILES_LIST, /* payload: patterns, a NUL behind each. ENTRY for each match, then END */
        FILES_READ, /* payload: a path below /app. DATA from offset on, then END */
        _FILES_VERB_MAX,
} FilesVerb;

typedef struct FilesAsk {
        uint32_t verb; /* FilesVerb */
        uint32_t size;
        uint64_t offset; /* READ */
        uint64_t max;    /* LIST: entries; READ: bytes. One more is not looked at */
} FilesAsk;

typedef enum FilesKind {
        FILES_ENTRY, /* payload: the path below /app */
        FILES_DATA,
        FILES_END, /* of the answers to one message */
        _FILES_KIND_MAX,
} FilesKind;

/* What an entry is, as far as it can be read. */
typedef enum FilesType {
        FILES_REGULAR,
        FILES_NOT_REGULAR, /* a symlink, a FIFO, a socket: never opened */
        FILES_TOO_DEEP,    /* a directory that was not entered: FILES_DEPTH_MAX, FILES_PATH_MAX */
        FILES_UNREADABLE,  /* a directory or a file that the job may not read, as its mode says */
        _FILES_TYPE_MAX,
} FilesType;

typedef struct FilesAnswer {
        uint32_t kind; /* FilesKind */
        uint32_t size;
        int32_t error;          /* END: positive errno */
        uint32_t type;          /* ENTRY: FilesType */
        uint32_t rule;          /* ENTRY: index of the first pattern that matches */
        uint32_t is_executable; /* ENTRY: by its owner */
        uint64_t size_bytes;    /* ENTRY */
        uint64_t modified_usec; /* ENTRY: since 1970 */
} FilesAnswer;

_Static_assert(sizeof(FilesAsk) == 24, "wire layout");
_Static_assert(sizeof(FilesAnswer) == 40, "wire layout");
