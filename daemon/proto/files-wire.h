/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Broker <-> the init of a box: the files channel, a SOCK_SEQPACKET pair that the broker made. Init
 * serves it while the job lives, and once its processes are dead, until the broker closes it or the
 * builder has had enough. Each message is one of these structs and `size` bytes behind it, in one packet.
 *
 * The broker asks one thing at a time. Init is out of the job's reach, names and bytes are the job's; and
 * while the job lives it may change everything between two looks. */

#include <stdint.h>

#define FILES_PAYLOAD_MAX (32U << 10)
#define FILES_PATTERNS_MAX 64
#define FILES_PATH_MAX 1024U /* bytes of a path below /app */
#define FILES_DEPTH_MAX 64   /* directories below each other */
#define FILES_STAGED_MAX 64
#define FILES_LOOKS_MAX (1U << 20) /* names that one LIST or REMOVE looks at: then END with E2BIG */
/* LIST: in steps of comparing a name with the patterns (proto/glob.h), which are looks, too. So a list takes less
 * than a second, whatever the job and its client have thought of. */
#define FILES_LOOK_STEPS 64U
#define FILES_DIRECTORY_STEPS 256U /* to open a directory */

typedef enum FilesVerb {
        FILES_LIST, /* payload: patterns, a NUL behind each. ENTRY for each match, then END */
        FILES_READ, /* payload: a path below /app. DATA from offset on, then END with what it is */
        /* payload: a path below /app, a NUL, bytes that belong at offset. The file is made beside the one
         * it will replace, and directories above it; all bytes of one file come before the next one.
         * END; after an error nothing is staged any more. */
        FILES_STAGE,
        FILES_COMMIT, /* what is staged takes its places; END, with the first error */
        FILES_DROP,   /* what is staged goes; END */
        FILES_REMOVE, /* payload: a path below /app. END, size_bytes says how many names went */
        _FILES_VERB_MAX,
} FilesVerb;

typedef enum FilesFlags {
        FILES_DIRECTORIES = 1 << 0, /* LIST: those that match, too */
        FILES_EXECUTABLE = 1 << 1,  /* STAGE */
        FILES_READ_ONLY = 1 << 2,   /* STAGE */
        FILES_RECURSIVE = 1 << 3,   /* REMOVE: what is in a directory, too */
} FilesFlags;

typedef struct FilesAsk {
        uint32_t verb; /* FilesVerb */
        uint32_t size;
        uint64_t offset; /* READ, STAGE */
        uint64_t max;    /* LIST: entries; READ: bytes. One more is not looked at */
        uint32_t flags;  /* FilesFlags */
        uint32_t _reserved;
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
        FILES_DIRECTORY,  /* only with that flag */
        FILES_SYMLINK,    /* never followed */
        FILES_OTHER,      /* a FIFO, a socket: never opened */
        FILES_TOO_DEEP,   /* a directory that was not entered: FILES_DEPTH_MAX, FILES_PATH_MAX */
        FILES_UNREADABLE, /* a directory or a file that the job may not read, as its mode says */
        _FILES_TYPE_MAX,
} FilesType;

typedef struct FilesAnswer {
        uint32_t kind; /* FilesKind */
        uint32_t size;
        int32_t error;          /* END: positive errno */
        uint32_t type;          /* ENTRY: FilesType */
        uint32_t rule;          /* ENTRY: index of the first pattern that matches */
        uint32_t is_executable; /* ENTRY, END of READ: by its owner */
        uint64_t size_bytes;    /* ENTRY, END of READ; END of REMOVE */
        uint64_t modified_usec; /* ENTRY, END of READ: since 1970 */
} FilesAnswer;

_Static_assert(sizeof(FilesAsk) == 32, "wire layout");
_Static_assert(sizeof(FilesAnswer) == 40, "wire layout");

/* As they come and go; all patterns of a request fit into one packet. */
typedef struct FilesAskPacket {
        FilesAsk ask;
        char payload[FILES_PAYLOAD_MAX];
} FilesAskPacket;

typedef struct FilesAnswerPacket {
        FilesAnswer answer;
        char payload[FILES_PAYLOAD_MAX];
} FilesAnswerPacket;
