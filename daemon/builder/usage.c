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

typedef struct Tree {
        uint64_t user_ticks, system_ticks, pages;
} Tree;

/* Of /proc/PID/stat the fields 14 to 17, utime, stime, cutime, cstime, and 24, rss. The name before them is
 * the job's choice, and ends at the last parenthesis. */
static void usage_add_process(Tree *tree, int proc_fd) {
        _cleanup_free_ char *text = NULL;
        char *rest, *field;
        uint64_t value;

        if (io_read_file(proc_fd, "stat", PROC_FILE_MAX, &text, NULL) < 0)
                return;
        rest = strrchr(text, ')');
        for (int number = 2; rest && (field = strsep(&rest, " ")); number++) {
                if (parse_u64(field, &value) < 0)
                        continue;
                if (number == 14 || number == 16)
                        tree->user_ticks += value;
                else if (number == 15 || number == 17)
                        tree->system_ticks += value;
                else if (number == 24)
                        tree->pages = MAX(tree->pages, value);
        }
}

static void usage_add_tree(Tree *tree, const char *pid, unsigned depth);

/* The children of one thread: a list of process ids. */
static void usage_add_children(Tree *tree, int task_fd, const char *tid, unsigned depth) {
        _cleanup_free_ char *text = NULL;
        char path[NAME_MAX + 16], *rest, *pid;

        (void) snprintf(path, sizeof(path), "%s/children", tid);
        if (io_read_file(task_fd, path, PROC_FILE_MAX, &text, NULL) < 0)
                return;
        rest = text;
        while ((pid = strsep(&rest, " ")))
                if (*pid != '\0')
                        usage_add_tree(tree, pid, depth);
}

static void usage_add_tree(Tree *tree, const char *pid, unsigned depth) {
        _cleanup_close_ int proc_fd = -EBADF;
        _cleanup_(closedirp) DIR *tasks = NULL;
        char path[32];
        int task_fd;

        (void) snprintf(path, sizeof(path), "/proc/%.16s", pid);
        proc_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (proc_fd < 0)
                return;
        usage_add_process(tree, proc_fd);
        task_fd = depth > 0 ? openat(proc_fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
        tasks = task_fd >= 0 ? fdopendir(task_fd) : NULL;
        if (!tasks) {
                fd_close(task_fd);
                return;
        }
        for (struct dirent *d; (d = readdir(tasks));)
                if (d->d_name[0] != '.')
                        usage_add_children(tree, task_fd, d->d_name, depth - 1);
}

TreeUsage usage_read_tree(pid_t pid) {
        uint64_t ticks_per_second = (uint64_t) sysconf(_SC_CLK_TCK);
        Tree tree = {};
        char text[16];

        (void) snprintf(text, sizeof(text), "%d", (int) pid);
        usage_add_tree(&tree, text, DEPTH_MAX);
        return (TreeUsage){
                .cpu_user_usec = tree.user_ticks * USEC_PER_SEC / ticks_per_second,
                .cpu_system_usec = tree.system_ticks * USEC_PER_SEC / ticks_per_second,
                .memory_bytes = tree.pages * (uint64_t) sysconf(_SC_PAGESIZE),
        };
}

uint64_t usage_tree_cpu_usec(pid_t pid) {
        TreeUsage tree = usage_read_tree(pid);

        return tree.cpu_user_usec + tree.cpu_system_usec;
}
