/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The self-test: what is tried in a box to see that it has its layers. Who tries it says what he saw, as a
 * number; what the number must be is the builder's to say (launch/self-test-judge.c). */

#include <stdint.h>

#include "proto/layers.h"

typedef enum Probe {
        /* By the builder, of a box that is cloned and has run nothing yet. 1: a namespace that is not ours */
        PROBE_USER_NAMESPACE,
        PROBE_MOUNT_NAMESPACE,
        PROBE_PID_NAMESPACE,
        PROBE_NETWORK_NAMESPACE,
        PROBE_IPC_NAMESPACE,
        PROBE_UTS_NAMESPACE,
        PROBE_CGROUP_NAMESPACE,
        /* The same. What the attributes of its leaf say, -1 is "max"; 1: it is in there */
        PROBE_CGROUP_LEAF,
        PROBE_CGROUP_MEMORY,
        PROBE_CGROUP_CPU,
        PROBE_CGROUP_PIDS,
        /* The kernel's word about who sent the record: the host's ids of the job */
        PROBE_UID,
        PROBE_GID,
        /* By a program of ours in the place of the job (cage/probe.c). Calls: what they return, or the
         * negative errno. Each is harmless also where it gets through: a bad pointer, a bad descriptor. */
        PROBE_PARENT,          /* getppid() */
        PROBE_HOST_ROOT,       /* the device of /.. */
        PROBE_HOST_PROC,       /* what is there of /proc beside processes, or the errno of a look */
        PROBE_BOUNDING_SET,    /* how many capabilities are in it */
        PROBE_CAPABILITY_SETS, /* how many of the five sets are not empty */
        PROBE_FILE_MODE,       /* open() of a file of the job's that its mode forbids */
        PROBE_NO_NEW_PRIVILEGES, /* prctl(PR_GET_NO_NEW_PRIVS) */
        PROBE_SOCKET,
        PROBE_UNSHARE,
        PROBE_CLONE3,
        PROBE_MOUNT,
        PROBE_EXECVE,
        PROBE_MEMFD_CREATE,
        PROBE_KEYCTL,
        PROBE_TERMINAL,      /* ioctl(TIOCSTI) */
        PROBE_DESCRIPTORS,   /* how many are open beside those of a job */
        PROBE_ADDRESS_SPACE, /* hard limits; INT64_MAX is none */
        PROBE_FILE_SIZE,
        PROBE_OPEN_FILES,
        PROBE_TASKS,
        PROBE_CORE,
        PROBE_MESSAGE_QUEUES,
        PROBE_LOCKED_MEMORY,
        PROBE_WRITE_ROOT,    /* mkdir() in / */
        PROBE_WRITE_LIBRARY, /* how many files and directories of the host could be changed */
        PROBE_EXECUTE_FILE,  /* how many file systems let a page of a file be executed */
        PROBE_WRITE_RANDOM,  /* open() for writing of a device whose mode would allow it */
        PROBE_READ_HOST,     /* open() of the host's root directory, where that is in sight */
        PROBE_SIGNAL,        /* kill() of init, without a signal */
        PROBE_MOUNT_FLAGS, /* how many mounts allow set-user-ID or devices, or tell others of themselves */
        _PROBE_MAX,
} Probe;

#define PROBE_FIRST_INSIDE PROBE_PARENT
#define PROBE_BIT(p) (UINT64_C(1) << (p))

/* Nobody has looked: there is nothing to look at in this box. */
#define PROBE_UNSEEN INT64_MIN

/* Sent by the program in the box, which fills in its own. */
typedef struct ProbeRecord {
        int64_t seen[_PROBE_MAX];
} ProbeRecord;

_Static_assert(_PROBE_MAX <= 64, "PROBE_BIT()");
_Static_assert(sizeof(ProbeRecord) == 8 * _PROBE_MAX, "wire layout");

const char *probe_to_string(Probe probe); /* "write-root" */
Layer probe_layer(Probe probe);           /* what must have stopped it */

/* What it means that it was not stopped, as a sentence. */
const char *probe_meaning(Probe probe);
