/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "builder/usage.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/io.h"
#include "basic/parse.h"

#define PROC_FILE_MAX (64 * KIB)
/* A box has init, the job and what the job started; deeper than this nobody is counted. */
#define DEPTH_MAX 32

/* Fields 14 to 17 of /proc/PID/stat: utime, stime, cutime, cstime. The name before them is the
 * job's choice, and ends at the last parenthesis. */
static uint64_t usage_read_ticks(int proc_fd) {
        _cleanup_free_ char *text = NULL;
        uint64_t ticks = 0, value;
        char *rest, *field;

        if (io_read_file(proc_fd, "stat", PROC_FILE_MAX, &text, NULL) < 0)
                return 0;
        rest = strrchr(text, ')');
        for (int number = 2; rest && (field = strsep(&rest, " ")); number++)
                if (number >= 14 && number <= 17 && parse_u64(field, &value) >= 0)
                        ticks += value;
        return ticks;
}

static uint64_t usage_tree_ticks(const char *pid, unsigned depth);

/* The children of one thread: a list of process ids. */
static uint64_t usage_children_ticks(int task_fd, const char *tid, unsigned depth) {
        _cleanup_free_ char *text = NULL;
        uint64_t ticks = 0;
        char path[NAME_MAX + 16], *rest, *pid;

        (void) snprintf(path, sizeof(path), "%s/children", tid);
        if (io_read_file(task_fd, path, PROC_FILE_MAX, &text, NULL) < 0)
                return 0;
        rest = text;
        while ((pid = strsep(&rest, " ")))
                if (*pid != '\0')
                        ticks += usage_tree_ticks(pid, depth);
        return ticks;
}

static uint64_t usage_tree_ticks(const char *pid, unsigned depth) {
        _cleanup_close_ int proc_fd = -EBADF;
        _cleanup_(closedirp) DIR *tasks = NULL;
        char path[32];
        uint64_t ticks;
        int task_fd;

        (void) snprintf(path, sizeof(path), "/proc/%.16s", pid);
        proc_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (proc_fd < 0)
                return 0;
        ticks = usage_read_ticks(proc_fd);
        task_fd = depth > 0 ? openat(proc_fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
        tasks = task_fd >= 0 ? fdopendir(task_fd) : NULL;
        if (!tasks) {
                fd_close(task_fd);
                return ticks;
        }
        for (struct dirent *d; (d = readdir(tasks));)
                if (d->d_name[0] != '.')
                        ticks += usage_children_ticks(task_fd, d->d_name, depth - 1);
        return ticks;
}

uint64_t usage_tree_cpu_usec(pid_t pid) {
        char text[16];

        (void) snprintf(text, sizeof(text), "%d", (int) pid);
        return usage_tree_ticks(text, DEPTH_MAX) * USEC_PER_SEC / (uint64_t) sysconf(_SC_CLK_TCK);
}
