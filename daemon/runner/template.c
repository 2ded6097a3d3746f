/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runner/python.h"

#include "runner/template.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/io.h"
#include "basic/parse.h"
#include "cage/cage.h"
#include "proto/link.h"
#include "runner/job.h"
#include "runner/warm.h"

#define PLAN_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int template_fail(int error, const char *sentence) {
        fprintf(stderr, "pysb-runner: %s: %s\n", sentence, strerror(-error));
        return error;
}

/* Maps the plan and checks it again: it decides what the box is allowed, so nobody may be able to
 * change it under us. */
static int template_map_plan(int fd, const PlanImage **ret_plan) {
        const char *error = NULL;
        struct stat st;
        void *map;
        int seals;

        seals = fcntl(fd, F_GET_SEALS);
        if (seals < 0 || (seals & PLAN_SEALS) != PLAN_SEALS)
                return template_fail(-EPERM, "the plan is not a sealed memfd");
        if (fstat(fd, &st) < 0)
                return template_fail(-errno, "cannot stat the plan");
        if (st.st_size != sizeof(PlanImage))
                return template_fail(-EINVAL, "the plan has the wrong size");
        map = mmap(NULL, sizeof(PlanImage), PROT_READ, MAP_PRIVATE, fd, 0);
        if (map == MAP_FAILED)
                return template_fail(-errno, "cannot map the plan");
        if (plan_check(map, &error) < 0) {
                (void) munmap(map, sizeof(PlanImage));
                return template_fail(-EINVAL, error ? error : "the plan is not valid");
        }
        *ret_plan = map;
        return 0;
}

/* Dispositions and masks are inherited through exec; a job must find the usual ones. */
static void template_reset_signals(void) {
        sigset_t none;

        for (int number = 1; number < NSIG; number++)
                if (number != SIGKILL && number != SIGSTOP)
                        (void) signal(number, SIG_DFL);
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Largest number among the entries of a directory of /proc/self except the descriptor that reads it,
 * and how many there are. */
static int template_count(const char *path, int64_t *ret_largest) {
        _cleanup_(closedirp) DIR *dir = opendir(path);
        int64_t largest = -1;
        struct dirent *entry;
        int n = 0;

        if (!dir)
                return -errno;
        while ((entry = readdir(dir))) {
                int64_t number;

                if (parse_i64(entry->d_name, &number) < 0 || number == dirfd(dir))
                        continue;
                largest = MAX(largest, number);
                n++;
        }
        *ret_largest = largest;
        return n;
}

/* clone3() copies one thread: a second one, such as a preloaded library may start, would leave its
 * locks locked forever. A descriptor that a module left open would be in every box until init closes
 * it. And a template that is not dumpable has a /proc whose id maps nobody may write. */
static int template_check(void) {
        int64_t largest;
        int n;

        n = template_count("/proc/self/task", &largest);
        if (n < 0)
                return template_fail(n, "cannot count threads");
        if (n != 1)
                return template_fail(-EBUSY, "a preloaded module started a thread");
        n = template_count("/proc/self/fd", &largest);
        if (n < 0)
                return template_fail(n, "cannot count descriptors");
        if (largest > TEMPLATE_FD_BUILDER)
                return template_fail(-EMFILE, "a preloaded module left a descriptor open");
        if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 1)
                return template_fail(-EPERM, "the template is not dumpable");
        return 0;
}

/* Address space and resident memory, in bytes. */
static int template_measure(uint64_t *ret_vm_bytes, uint64_t *ret_rss_bytes) {
        _cleanup_free_ char *text = NULL;
        uint64_t page_bytes = (uint64_t) sysconf(_SC_PAGESIZE), vm, rss;
        char *rest, *vm_text, *rss_text;
        size_t size;
        int r;

        r = io_read_file(AT_FDCWD, "/proc/self/statm", 4096, &text, &size);
        if (r < 0)
                return r;
        rest = text;
        vm_text = strsep(&rest, " ");
        rss_text = strsep(&rest, " ");
        if (!rss_text || parse_u64(vm_text, &vm) < 0 || parse_u64(rss_text, &rss) < 0)
                return -EINVAL;
        *ret_vm_bytes = vm * page_bytes;
        *ret_rss_bytes = rss * page_bytes;
        return 0;
}

static int template_send_hello(const PlanImage *plan) {
        TemplateHello hello = { .python_version = PY_VERSION_HEX, .plan_digest = plan->digest };
        int r;

        r = template_measure(&hello.vm_bytes, &hello.rss_bytes);
        if (r < 0)
                return template_fail(r, "cannot read /proc/self/statm");
        r = link_send(TEMPLATE_FD_BUILDER, &hello, sizeof(hello), NULL, 0);
        return r < 0 ? template_fail(r, "cannot greet the builder") : 0;
}

static int template_make_box(const CageBox *box) {
        TemplateMade made = { .box = box->make.box };
        _cleanup_close_ int pidfd = -EBADF;
        int r;

        PyOS_BeforeFork();
        r = cage_clone(box, &pidfd);
        if (r == 0)
                cage_init_main(box, box->make.is_probe ? &cage_probe_job : &runner_job);
        PyOS_AfterFork_Parent();
        if (r < 0)
                made.error = -r;
        return link_send(TEMPLATE_FD_BUILDER, &made, sizeof(made), &pidfd, r < 0 ? 0 : 1);
}

/* A plan whose boxes have the host's names around has a template for each of them, which lives as long as the box
 * and cleans up after it, whatever has ended that: also when it was the builder. */
static int template_stay_for_box(const PlanImage *plan) {
        if (!(plan->flags & PLAN_FLAG_NOT_ALONE))
                return 0;
        return prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) < 0 ? -errno : 0;
}

/* Until the builder closes the link. */
static int template_serve(const PlanImage *plan) {
        for (uint64_t n_boxes = 0;; n_boxes++) {
                CageBox box = { .plan = plan };
                size_t n_fds = 0;
                int r;

                r = link_receive(TEMPLATE_FD_BUILDER, &box.make, sizeof(box.make), box.fds,
                                 _MAKE_FD_MAX, &n_fds);
                if (r == 0)
                        return 0;
                if (r < 0)
                        return template_fail(r, "the builder sent no valid request");
                r = n_fds == MAKE_FD_CGROUP + (box.make.has_cgroup > 0) ? template_make_box(&box)
                                                                        : -EPROTO;
                for (size_t i = 0; i < n_fds; i++)
                        fd_close(box.fds[i]);
                if (r < 0)
                        return template_fail(r, "cannot serve the builder");
                /* A template of one job, as a private daemon has it, would learn for nobody. */
                if (n_boxes == 1)
                        r = job_learn();
                if (r < 0)
                        return template_fail(r, "cannot rehearse a job");
        }
}

int template_main(void) {
        const PlanImage *plan = NULL;
        int r;

        template_reset_signals();
        (void) prctl(PR_SET_NAME, "pysb-template");
        r = template_map_plan(TEMPLATE_FD_PLAN, &plan);
        if (r < 0)
                return 1;
        fd_close(TEMPLATE_FD_PLAN);
        (void) fd_set_cloexec(TEMPLATE_FD_BUILDER, true);
        (void) fd_set_nonblock(TEMPLATE_FD_BUILDER, false);
        r = cage_choose_directory(plan);
        if (r < 0)
                return template_fail(r, "cannot choose a directory") < 0;
        r = warm_up(plan);
        if (r < 0)
                return 1;
        r = template_check();
        if (r < 0)
                return 1;
        r = cage_prepare();
        if (r < 0)
                return template_fail(r, "cannot prepare for boxes") < 0;
        r = template_stay_for_box(plan);
        if (r < 0)
                return template_fail(r, "cannot outlive the builder") < 0;
        r = template_send_hello(plan);
        if (r < 0)
                return 1;
        r = template_serve(plan);
        cage_remove_directory();
        return r < 0;
}
