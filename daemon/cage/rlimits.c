/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <sys/resource.h>

#include "cage/internal.h"

#define MEMLOCK_BYTES (64 * KIB)
#define SIGNALS_PENDING 1024

/* What a job uses that is no address space of its own: the pages of the template that it changes. */
#define TEMPLATE_PAGES_BYTES (4 * MIB)

/* The limit of the address space, beyond what the template has mapped. It stays a little below the
 * limit of memory, so that most overruns are a MemoryError that the program can see, and not the kill
 * by memory.max. */
static rlim_t cage_address_space(const CageBox *box) {
        uint64_t memory = box->start.limits.value[LIMIT_MEMORY];

        return box->make.vm_bytes + memory - MIN(memory / 4, memory / 16 + TEMPLATE_PAGES_BYTES);
}

/* What has the box's uid (in its user namespace, where it has one) beside the job: init, and perhaps the template.
 * Where others have it, too, the limit stays as it is. */
static int cage_limit_tasks(const CageBox *box, struct rlimit *ret_limit) {
        rlim_t n = limits_tasks(&box->start.limits) + box->make.n_others;

        if (box->make.n_others == MAKE_OTHERS_UNKNOWN)
                return getrlimit(RLIMIT_NPROC, ret_limit) < 0 ? -errno : 0;
        *ret_limit = (struct rlimit){ .rlim_cur = n, .rlim_max = n };
        return 0;
}

int cage_set_rlimits(const CageBox *box) {
        const uint64_t *limit = box->start.limits.value;
        /* A second behind the limit that the builder watches: this one knows whole seconds, counts
         * in ticks, and each process for itself. */
        rlim_t cpu_sec = (limit[LIMIT_CPU_TIME] + USEC_PER_SEC - 1) / USEC_PER_SEC + 1;
        struct rlimit tasks;
        int r = cage_limit_tasks(box, &tasks);
        const struct {
                int resource;
                rlim_t soft, hard;
        } rows[] = {
                { RLIMIT_AS, cage_address_space(box), cage_address_space(box) },
                { RLIMIT_CORE, 0, 0 },
                { RLIMIT_CPU, cpu_sec, cpu_sec + 1 }, /* SIGXCPU, a second later SIGKILL */
                { RLIMIT_FSIZE, limit[LIMIT_FILE_SIZE], limit[LIMIT_FILE_SIZE] },
                { RLIMIT_MEMLOCK, MEMLOCK_BYTES, MEMLOCK_BYTES },
                { RLIMIT_MSGQUEUE, 0, 0 },
                { RLIMIT_NICE, 0, 0 },
                { RLIMIT_NOFILE, limit[LIMIT_OPEN_FILES], limit[LIMIT_OPEN_FILES] },
                { RLIMIT_NPROC, tasks.rlim_cur, tasks.rlim_max },
                { RLIMIT_RTPRIO, 0, 0 },
                { RLIMIT_SIGPENDING, SIGNALS_PENDING, SIGNALS_PENDING },
        };

        if (r < 0)
                return r;
        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows)) {
                struct rlimit value = { .rlim_cur = row->soft, .rlim_max = row->hard };

                if (setrlimit(row->resource, &value) < 0)
                        return -errno;
        }
        return 0;
}
