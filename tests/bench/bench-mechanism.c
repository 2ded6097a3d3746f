/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* bench-mechanism DIRECTORY PROCESSES [NAMESPACE…]: what the kernel alone takes for a box. A warm interpreter is
 * cloned into namespaces of its own (of pid, mnt, net, ipc, uts, user and cgroup), mounts a root, enters it, takes a
 * seccomp filter upon itself, runs print(1) into a pipe and exits. No daemon, no limits, no result: whatever pysb does,
 * it does on top of this. DIRECTORY is empty; as root. */

#include <Python.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/macro.h"
#include "bench/turns.h"

#define PROCESSES_MAX 8

static const struct {
        const char *name;
        uint64_t flag;
} namespaces[] = {
        { "pid", CLONE_NEWPID },       { "mnt", CLONE_NEWNS },  { "net", CLONE_NEWNET },
        { "ipc", CLONE_NEWIPC },       { "uts", CLONE_NEWUTS }, { "user", CLONE_NEWUSER },
        { "cgroup", CLONE_NEWCGROUP },
};

static const char *const denied[] = { "ptrace", "mount",  "umount2", "unshare", "setns",
                                      "bpf",    "keyctl", "socket",  "execve",  "fork" };

typedef struct Mechanism {
        const char *directory;
        uint64_t flags;
        size_t n_processes;
        struct sock_fprog filter;
} Mechanism;

static int filter_compile(struct sock_fprog *ret_filter) {
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
        int r = filter ? 0 : -ENOMEM, fd = memfd_create("filter", MFD_CLOEXEC);
        struct stat st;

        for (size_t i = 0; i < ELEMENTSOF(denied) && r >= 0; i++)
                r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM),
                                     seccomp_syscall_resolve_name(denied[i]), 0);
        if (r >= 0)
                r = seccomp_export_bpf(filter, fd);
        if (r >= 0 && fstat(fd, &st) < 0)
                r = -errno;
        if (r >= 0) {
                ret_filter->len =
                        (unsigned short) ((size_t) st.st_size / sizeof(struct sock_filter));
                ret_filter->filter = malloc((size_t) st.st_size);
                if (!ret_filter->filter ||
                    pread(fd, ret_filter->filter, (size_t) st.st_size, 0) < 0)
                        r = -errno;
        }
        seccomp_release(filter);
        (void) close(fd);
        return r;
}

/* /usr, and two places to write: what each box has at least. */
static int root_enter(const char *root) {
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("root", root, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k") < 0 || chdir(root) < 0 ||
            mkdir("usr", 0755) < 0 || mkdir("app", 0755) < 0 || mkdir("tmp", 0755) < 0 ||
            mount("/usr", "usr", NULL, MS_BIND, NULL) < 0 ||
            mount(NULL, "usr", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV,
                  NULL) < 0 ||
            mount("app", "app", "tmpfs", MS_NOSUID | MS_NODEV, "size=16m") < 0 ||
            mount("tmp", "tmp", "tmpfs", MS_NOSUID | MS_NODEV, "size=16m") < 0 ||
            syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
            mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) <
                    0)
                return -errno;
        return chdir("/app") < 0 ? -errno : 0;
}

static int file_write(const char *path, const char *text) {
        int fd = open(path, O_WRONLY | O_CLOEXEC), r = 0;

        if (fd < 0)
                return -errno;
        if (write(fd, text, strlen(text)) < 0)
                r = -errno;
        (void) close(fd);
        return r;
}

/* Whoever makes files needs an id. */
static int ids_map(void) {
        int r = file_write("/proc/self/uid_map", "0 0 1");

        if (r >= 0)
                r = file_write("/proc/self/setgroups", "deny");
        return r < 0 ? r : file_write("/proc/self/gid_map", "0 0 1");
}

static _noreturn_ void box(const Mechanism *m, int output) {
        if ((m->flags & CLONE_NEWUSER) && ids_map() < 0)
                _exit(1);
        if ((m->flags & CLONE_NEWNS) && root_enter(m->directory) < 0)
                _exit(2);
        PyOS_AfterFork_Child();
        if (dup2(output, STDOUT_FILENO) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
            syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &m->filter) < 0)
                _exit(3);
        _exit(PyRun_SimpleString("print(1, flush=True)") == 0 ? 0 : 4);
}

static int box_run(const Mechanism *m) {
        struct clone_args args = { .flags = m->flags, .exit_signal = SIGCHLD };
        int output[2], status = 0;
        char text[16];
        long pid;

        if (pipe2(output, O_CLOEXEC) < 0)
                return -errno;
        PyOS_BeforeFork();
        pid = syscall(SYS_clone3, &args, sizeof(args));
        if (pid == 0)
                box(m, output[1]);
        PyOS_AfterFork_Parent();
        (void) close(output[1]);
        while (pid > 0 && read(output[0], text, sizeof(text)) > 0)
                ;
        (void) close(output[0]);
        if (pid < 0 || waitpid((pid_t) pid, &status, 0) < 0)
                return -errno;
        if (status != 0)
                (void) fprintf(stderr, "a box ended with status %#x\n", (unsigned) status);
        return status == 0 ? 0 : -EIO;
}

static int work_alone(const Mechanism *m, size_t n, uint64_t *nsec) {
        for (size_t i = 0; i < n; i++) {
                uint64_t start = turns_now_nsec();
                int r = box_run(m);

                if (r < 0)
                        return r;
                nsec[i] = turns_now_nsec() - start;
        }
        return 0;
}

/* Copies of the interpreter share the work; what each box of theirs took nobody notes. */
static int work(void *userdata, size_t n, uint64_t *nsec) {
        const Mechanism *m = userdata;
        int r = 0, status;

        if (m->n_processes == 1)
                return work_alone(m, n, nsec);
        for (size_t i = 0; i < m->n_processes; i++) {
                pid_t pid;

                PyOS_BeforeFork();
                pid = fork();
                if (pid == 0) {
                        PyOS_AfterFork_Child();
                        _exit(work_alone(m, n / m->n_processes, nsec) < 0);
                }
                PyOS_AfterFork_Parent();
                if (pid < 0)
                        return -errno;
        }
        while (wait(&status) > 0)
                if (status != 0)
                        r = -EIO;
        return r;
}

static int mechanism_open(Mechanism *m, int argc, char *argv[]) {
        m->directory = argv[1];
        m->n_processes = strtoul(argv[2], NULL, 10);
        if (m->n_processes < 1 || m->n_processes > PROCESSES_MAX)
                return -EINVAL;
        for (int i = 3; i < argc; i++) {
                uint64_t flag = 0;

                for (size_t j = 0; j < ELEMENTSOF(namespaces); j++)
                        if (strcmp(argv[i], namespaces[j].name) == 0)
                                flag = namespaces[j].flag;
                if (flag == 0)
                        return -EINVAL;
                m->flags |= flag;
        }
        return filter_compile(&m->filter);
}

int main(int argc, char *argv[]) {
        Mechanism mechanism = {};
        int r;

        if (argc < 3)
                return 2;
        r = mechanism_open(&mechanism, argc, argv);
        if (r < 0) {
                (void) fprintf(stderr, "%s\n", strerror(-r));
                return EXIT_FAILURE;
        }
        Py_InitializeEx(0);
        r = PyRun_SimpleString("import gc, sys\ngc.collect()\ngc.freeze()\n");
        return r < 0 ? EXIT_FAILURE : turns_serve(work, &mechanism);
}
