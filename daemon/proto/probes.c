/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "proto/probes.h"

#include <assert.h>

static const struct {
        const char *name;
        Layer layer;
        const char *meaning;
} probes[_PROBE_MAX] = {
        [PROBE_USER_NAMESPACE] = { "user-namespace", LAYER_USER_NAMESPACE,
                                   "A box shares the host's users." },
        [PROBE_MOUNT_NAMESPACE] = { "mount-namespace", LAYER_MOUNT_NAMESPACE,
                                    "A box shares the daemon's mounts." },
        [PROBE_PID_NAMESPACE] = { "pid-namespace", LAYER_PID_NAMESPACE,
                                  "A box sees the host's processes." },
        [PROBE_NETWORK_NAMESPACE] = { "network-namespace", LAYER_NETWORK_NAMESPACE,
                                      "A box shares the daemon's network." },
        [PROBE_IPC_NAMESPACE] = { "ipc-namespace", LAYER_IPC_NAMESPACE,
                                  "A box shares System V and POSIX objects with the host." },
        [PROBE_UTS_NAMESPACE] = { "uts-namespace", LAYER_UTS_NAMESPACE,
                                  "A box shares the host's name." },
        [PROBE_CGROUP_NAMESPACE] = { "cgroup-namespace", LAYER_CGROUP_NAMESPACE,
                                     "A box sees the host's tree of cgroups." },
        [PROBE_CGROUP_LEAF] = { "cgroup-leaf", LAYER_CGROUP_MEMORY,
                                "A box is not in the cgroup that was made for it." },
        [PROBE_CGROUP_MEMORY] = { "cgroup-memory", LAYER_CGROUP_MEMORY,
                                  "The memory of a box has another limit than it was given." },
        [PROBE_CGROUP_CPU] = { "cgroup-cpu", LAYER_CGROUP_CPU,
                               "The CPU share of a box has another limit than it was given." },
        [PROBE_CGROUP_PIDS] = { "cgroup-pids", LAYER_CGROUP_PIDS,
                                "The processes of a box have another limit than they were given." },
        [PROBE_UID] = { "uid", LAYER_UID_RANGE, "A job has not the uid that is reserved for it." },
        [PROBE_GID] = { "gid", LAYER_UID_RANGE, "A job has not the gid that is reserved for it." },
        [PROBE_PARENT] = { "parent", LAYER_PID_NAMESPACE,
                           "A job is not the child of process 1 of its box." },
        [PROBE_HOST_ROOT] = { "host-root", LAYER_MOUNT_NAMESPACE,
                              "The root directory of a job is the daemon's." },
        [PROBE_HOST_PROC] = { "host-proc", LAYER_MOUNT_NAMESPACE,
                              "/proc shows a job more than its own processes." },
        [PROBE_BOUNDING_SET] = { "bounding-set", LAYER_CAPABILITIES,
                                 "The bounding set of a job is not empty." },
        [PROBE_CAPABILITY_SETS] = { "capability-sets", LAYER_CAPABILITIES,
                                    "A job has capabilities." },
        [PROBE_FILE_MODE] = { "file-mode", LAYER_CAPABILITIES,
                              "A job reads a file that its mode forbids: it has capabilities." },
        [PROBE_NO_NEW_PRIVILEGES] = { "no-new-privileges", LAYER_NO_NEW_PRIVILEGES,
                                      "A job could gain privileges by execve()." },
        [PROBE_SOCKET] = { "socket", LAYER_SECCOMP, "socket() reached the kernel." },
        [PROBE_UNSHARE] = { "unshare", LAYER_SECCOMP, "unshare() reached the kernel." },
        [PROBE_CLONE3] = { "clone3", LAYER_SECCOMP, "clone3() reached the kernel." },
        [PROBE_MOUNT] = { "mount", LAYER_SECCOMP, "mount() reached the kernel." },
        [PROBE_EXECVE] = { "execve", LAYER_SECCOMP, "execve() reached the kernel." },
        [PROBE_MEMFD_CREATE] = { "memfd-create", LAYER_SECCOMP,
                                 "memfd_create() reached the kernel." },
        [PROBE_KEYCTL] = { "keyctl", LAYER_SECCOMP, "keyctl() reached the kernel." },
        [PROBE_TERMINAL] = { "terminal", LAYER_SECCOMP, "ioctl(TIOCSTI) reached the kernel." },
        [PROBE_DESCRIPTORS] = { "descriptors", LAYER_SECCOMP,
                                "A job has descriptors that are not its own." },
        [PROBE_ADDRESS_SPACE] = { "address-space", LAYER_RLIMITS,
                                  "The address space of a job has no limit." },
        [PROBE_FILE_SIZE] = { "file-size", LAYER_RLIMITS,
                              "The files of a job have another limit than they were given." },
        [PROBE_OPEN_FILES] = { "open-files", LAYER_RLIMITS,
                               "The descriptors of a job have another limit than they were given." },
        [PROBE_TASKS] = { "tasks", LAYER_RLIMITS,
                          "The tasks of a job have another limit than they were given." },
        [PROBE_CORE] = { "core", LAYER_RLIMITS, "A job may dump core." },
        [PROBE_MESSAGE_QUEUES] = { "message-queues", LAYER_RLIMITS,
                                   "A job may have POSIX message queues." },
        [PROBE_LOCKED_MEMORY] = { "locked-memory", LAYER_RLIMITS,
                                  "A job may lock more memory than 1 MiB." },
        [PROBE_WRITE_ROOT] = { "write-root", LAYER_READ_ONLY_ROOT,
                               "A job can write to its root directory." },
        [PROBE_WRITE_LIBRARY] = { "write-library", LAYER_READ_ONLY_ROOT,
                                  "A file of the host that a job reads could be changed by it." },
        [PROBE_EXECUTE_FILE] = { "execute-file", LAYER_READ_ONLY_ROOT,
                                 "A job can execute what it has written to a file." },
        [PROBE_WRITE_RANDOM] = { "write-random", LAYER_LANDLOCK,
                                 "A job can write to the kernel's source of random numbers." },
        [PROBE_READ_HOST] = { "read-host", LAYER_LANDLOCK, "A job reads the host's files." },
        [PROBE_SIGNAL] = { "signal", LAYER_SECCOMP, "kill() reached the kernel." },
        [PROBE_MOUNT_FLAGS] = { "mount-flags", LAYER_READ_ONLY_ROOT,
                                "A mount of a box allows set-user-ID programs or devices, or is "
                                "shared with the host." },
};

const char *probe_to_string(Probe probe) {
        assert(probe < _PROBE_MAX);
        return probes[probe].name;
}

Layer probe_layer(Probe probe) {
        assert(probe < _PROBE_MAX);
        return probes[probe].layer;
}

const char *probe_meaning(Probe probe) {
        assert(probe < _PROBE_MAX);
        return probes[probe].meaning;
}
