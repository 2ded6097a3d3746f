/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runner/python.h"

#include "runner/prefault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/io.h"

#define RUNS_MAX 512
#define MAPPINGS_MAX 512
/* Larger ones are the shadows of sanitizers. */
#define MAPPING_BYTES_MAX (256 * MIB)
#define ENTRIES_PER_READ 512

/* proc_pid_pagemap(5) */
#define PAGE_IS_PRESENT (UINT64_C(1) << 63)
#define PAGE_IS_OURS_ALONE (UINT64_C(1) << 56)

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* since Linux 5.14 */
#endif

#ifndef PIDFD_SELF
#define PIDFD_SELF (-10000) /* since Linux 6.14 */
#endif

typedef struct Mapping {
        uintptr_t start, end;
} Mapping;

/* Of pages, in ascending order. */
static struct iovec runs[RUNS_MAX];
static size_t n_runs;

/* The digits at *p, and behind them what must follow. */
static bool take_address(const char **p, char follower, uintptr_t *ret) {
        static const char digits[] = "0123456789abcdef";
        const char *digit;

        for (*ret = 0; **p != '\0' && (digit = strchr(digits, **p)); (*p)++)
                *ret = *ret << 4 | (uintptr_t) (digit - digits);
        return *(*p)++ == follower;
}

/* What is private and can be written to, as of now. */
static size_t find_mappings(Mapping mappings[static MAPPINGS_MAX]) {
        _cleanup_fclose_ FILE *maps = fopen("/proc/self/maps", "re");
        char line[512];
        size_t n = 0;
        Mapping m;

        while (maps && n < MAPPINGS_MAX && fgets(line, sizeof(line), maps)) {
                const char *p = line;

                if (take_address(&p, '-', &m.start) && take_address(&p, ' ', &m.end) &&
                    strncmp(p, "rw-p", 4) == 0 && m.end - m.start <= MAPPING_BYTES_MAX)
                        mappings[n++] = m;
        }
        return n;
}

static void add_page(void *page, size_t page_bytes) {
        struct iovec *last = n_runs > 0 ? &runs[n_runs - 1] : NULL;

        if (last && (char *) last->iov_base + last->iov_len == page)
                last->iov_len += page_bytes;
        else if (n_runs < RUNS_MAX)
                runs[n_runs++] = (struct iovec){ .iov_base = page, .iov_len = page_bytes };
}

/* The pages of a mapping that no other process has. */
static void add_pages_of(int pagemap_fd, const Mapping *mapping) {
        uintptr_t page_bytes = (uintptr_t) sysconf(_SC_PAGESIZE), page = mapping->start;
        uint64_t entries[ENTRIES_PER_READ];

        while (page < mapping->end) {
                size_t n = MIN((mapping->end - page) / page_bytes, (size_t) ENTRIES_PER_READ);
                ssize_t size = pread(pagemap_fd, entries, n * sizeof(entries[0]),
                                     (off_t) (page / page_bytes * sizeof(entries[0])));

                if (size <= 0)
                        return;
                FOREACH_ARRAY(entry, entries, (size_t) size / sizeof(entries[0])) {
                        if ((*entry & PAGE_IS_PRESENT) && (*entry & PAGE_IS_OURS_ALONE))
                                add_page((void *) page, page_bytes);
                        page += page_bytes;
                }
        }
}

static _noreturn_ void
learn_in_child(int fd, void (*rehearse)(void), const Mapping *mappings, size_t n) {
        int pagemap_fd;

        rehearse();
        pagemap_fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
        FOREACH_ARRAY(mapping, mappings, n)
                add_pages_of(pagemap_fd, mapping);
        _exit(io_write_full(fd, runs, n_runs * sizeof(runs[0])) < 0);
}

static int read_runs(int fd) {
        size_t size = 0;
        ssize_t n;

        while ((n = read(fd, (char *) runs + size, sizeof(runs) - size)) != 0) {
                if (n < 0 && errno != EINTR)
                        return -errno;
                size += n > 0 ? (size_t) n : 0;
        }
        n_runs = size / sizeof(runs[0]);
        return 0;
}

int prefault_learn(void (*rehearse)(void)) {
        static Mapping mappings[MAPPINGS_MAX];
        size_t n = find_mappings(mappings); /* here, as what the child writes to is counted */
        int fds[2], status = 0, r;
        pid_t pid;

        r = fd_pipe(fds, 0);
        if (r < 0)
                return r;
        PyOS_BeforeFork();
        pid = fork();
        if (pid == 0)
                learn_in_child(fds[1], rehearse, mappings, n);
        r = pid < 0 ? -errno : 0;
        PyOS_AfterFork_Parent();
        fd_close(fds[1]);
        if (r >= 0)
                r = read_runs(fds[0]);
        fd_close(fds[0]);
        if (pid > 0 && waitpid(pid, &status, 0) < 0)
                return -errno;
        return r < 0 || status == 0 ? r : -ECHILD;
}

void prefault(void) {
        if (n_runs == 0 || process_madvise(PIDFD_SELF, runs, n_runs, MADV_POPULATE_WRITE, 0) >= 0)
                return;
        FOREACH_ARRAY(run, runs, n_runs) /* an older kernel */
                (void) madvise(run->iov_base, run->iov_len, MADV_POPULATE_WRITE);
}
