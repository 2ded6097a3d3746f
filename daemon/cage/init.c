/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* PID 1 of a box: it builds the cage around itself, forks the job, reaps, answers denied system
 * calls, reports, and hands out what the job left in /app. It is a copy of the template and never runs a byte of the job's code. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/counter.h"
#include "basic/fd.h"
#include "basic/io.h"
#include "basic/sys.h"
#include "cage/init.h"
#include "cage/sys.h"
#include "proto/link.h"
#include "proto/runner-wire.h"

/* The low numbers are for the listener, which comes later: then RLIMIT_NOFILE of the job holds. */
#define COUNTER_FD_MIN 64

/* The first nudge comes this long behind a SIGINT, each one after it twice as long behind the one before. */
#define NUDGE_USEC_MIN (5 * USEC_PER_MSEC)
#define NUDGE_USEC_MAX USEC_PER_SEC

/* What the job process tells init once it is caged, before any byte of the job. */
typedef struct JobSync {
        BoxStart start;
        int32_t error; /* positive errno of a failed step */
        uint32_t step;
        int32_t listener_fd; /* in init's own table: the two are shared until then */
        int32_t counter_fd;  /* the same; negative is none */
        uint64_t rss_bytes;
        uint64_t at_usec;
} JobSync;

static _noreturn_ void init_fail(int control_fd, int error, uint32_t step) {
        BoxReport report = { .kind = BOX_STEP_FAILED, .error = -error, .step = step };

        (void) link_send(control_fd, &report, sizeof(report), NULL, 0);
        _exit(1);
}

static int init_wait_go(int control_fd) {
        char go;
        ssize_t n;

        do
                n = recv(control_fd, &go, 1, 0);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        return n == 1 && go == BOX_GO ? 0 : -ECANCELED;
}

/* Counts this process and what it will start, for init: afterwards the filter denies it. */
static int init_open_counter(const CageBox *box) {
        int fd, high_fd;

        if (!box->make.has_counter)
                return -ENOENT;
        fd = counter_open(COUNTER_JOB);
        if (fd < 0)
                return fd;
        high_fd = fcntl(fd, F_DUPFD_CLOEXEC, COUNTER_FD_MIN);
        (void) close(fd);
        return high_fd;
}

/* The job's process: what is the same for all jobs, then it learns which one it is, then the last steps of the plan,
 * then the listener goes to init, then the job. */
static _noreturn_ void init_be_job(CageBox *box, const CageJob *job, bool is_started) {
        struct rusage usage = {};
        JobSync sync = {};
        sigset_t none;
        int r;

        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) getrusage(RUSAGE_SELF, &usage);
        sync.rss_bytes = (uint64_t) usage.ru_maxrss * KIB;
        sync.step = UINT32_MAX;
        if (job->prepare)
                job->prepare();
        r = cage_apply(box, PHASE_JOB, PHASE_JOB, &sync.step);
        if (r >= 0 && !is_started)
                r = init_take_start(box);
        (void) prctl(PR_SET_NAME, "pysb-job");
        sync.start = box->start;
        sync.counter_fd = init_open_counter(box);
        if (r >= 0)
                r = cage_apply(box, PHASE_LAST, PHASE_LAST, &sync.step);
        /* The table is shared with init until here: this leaves the listener to init and gives the
         * job a table of its own, without it. */
        if (r == 0 && close_range(INIT_FD_SYNC_READ, ~0U, CLOSE_RANGE_UNSHARE) < 0)
                r = -errno;
        sync.error = -r;
        sync.at_usec = clock_monotonic_usec();
        sync.listener_fd = cage_listener();
        if (io_write_full(INIT_FD_SYNC_WRITE, &sync, sizeof(sync)) < 0 || r < 0)
                _exit(1);
        (void) close(INIT_FD_SYNC_WRITE);
        job->run(box);
        _exit(1);
}

/* Reads what the job process says of its cage. It may die before it can say anything. */
static int init_read_sync(pid_t job_pid, JobSync *ret_sync) {
        struct pollfd fds[] = {
                { .fd = INIT_FD_SYNC_READ, .events = POLLIN },
                { .fd = INIT_FD_CHILDREN, .events = POLLIN },
        };

        while (poll(fds, ELEMENTSOF(fds), -1) < 0)
                if (errno != EINTR)
                        return -errno;
        if (fds[0].revents & POLLIN)
                return io_read_full(INIT_FD_SYNC_READ, ret_sync, sizeof(*ret_sync));
        return -ECHILD;
}

/* is_started: the box has had its BoxStart before. Else this waits until it comes. */
static int init_start_job(Init *init, bool is_started, uint32_t *ret_step) {
        struct clone_args args = {
                .flags = CLONE_FILES | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID,
                .exit_signal = SIGCHLD,
                .child_tid = (uintptr_t) cage_tid_address(),
        };
        JobSync sync;
        long pid;
        int r;

        pid = sys_clone3(&args);
        if (pid < 0)
                return (int) pid;
        if (pid == 0)
                init_be_job(init->box, init->job, is_started);
        init->interpreters[0].pid = (pid_t) pid;
        r = init_read_sync(init->interpreters[0].pid, &sync);
        if (r < 0)
                return r;
        if (sync.error != 0) {
                *ret_step = sync.step;
                return -sync.error;
        }
        (void) prctl(PR_SET_NAME, "pysb-init");
        init->box->start = sync.start;
        if (!is_started && sync.start.has_files)
                init->files_fd = INIT_FD_FILES;
        init->listener_fd = sync.listener_fd;
        init->counter_fd = sync.counter_fd;
        init->job_rss_bytes = sync.rss_bytes;
        init->job_start_usec = sync.at_usec;
        /* Now the tables are two: let go of the job's ends, or nobody would ever see them close. */
        return close_range(0, INIT_FD_SYNC_READ, 0) < 0 ? -errno : 0;
}

static uint64_t usec_of(const struct timeval *time) {
        return (uint64_t) time->tv_sec * USEC_PER_SEC + (uint64_t) time->tv_usec;
}

/* To be followed by init_reap(), unless there is nobody left. */
static void init_drain_children(void) {
        struct signalfd_siginfo ignored;

        while (read(INIT_FD_CHILDREN, &ignored, sizeof(ignored)) > 0)
                ;
}

/* Reaps whatever ended; returns whether an interpreter was among it. */
static bool init_reap(Init *init, int flags) {
        bool has_ended = false;

        for (;;) {
                struct rusage usage;
                Interpreter *i;
                int status;
                pid_t pid = wait4(-1, &status, flags | __WALL, &usage);

                if (pid < 0 && errno == EINTR)
                        continue;
                if (pid <= 0)
                        return has_ended;
                i = init_find(init, pid);
                if (i) {
                        i->has_ended = has_ended = true;
                        i->status = status;
                        i->usage = usage;
                } else if (init->branch.state == BRANCH_FORKED)
                        init_drop_branch(init, ECHILD); /* it did not come so far */
        }
}

/* The end of everything that the program started. Where init is no pid namespace's, the program is one process: its
 * filter has no fork. */
static void init_kill_all(const Init *init) {
        const Interpreter *i = &init->interpreters[0];

        if (!(init->box->plan->flags & PLAN_FLAG_NOT_ALONE))
                (void) kill(-1, SIGKILL);
        else if (!i->has_ended) /* else it is reaped, and its number may be somebody else's */
                (void) kill(i->pid, SIGKILL);
}

/* The clocks of the job start with this. */
static int init_report_ready(const Init *init, BoxReportKind kind) {
        BoxReport report = {
                .kind = kind,
                .at_usec = init->job_start_usec,
        };

        return link_send(INIT_FD_CONTROL, &report, sizeof(report), NULL, 0);
}

/* Another job after the first one, in the same files: this process is still a copy of the template. */
static int init_restart(Init *init, const int job_fds[static BOX_RESTART_FDS]) {
        uint32_t step = UINT32_MAX;
        int r;

        init_kill_all(init);
        (void) init_reap(init, 0);
        init_drain_children();
        init->interpreters[0].has_ended = false;
        init->interpreters[0].nudge_at_usec = UINT64_MAX;
        r = init_place_next_job(init->box, job_fds); /* the old listener and counter close */
        if (r >= 0)
                r = init_start_job(init, true, &step);
        if (r >= 0)
                r = init_report_ready(init, BOX_RESTARTED);
        return r;
}

static void init_interrupt(Interpreter *i) {
        BoxReport report = { .kind = BOX_INTERRUPTED };

        /* Not reaped yet, so the number is still its own. */
        (void) kill(i->pid, SIGINT);
        i->nudge_wait_usec = NUDGE_USEC_MIN;
        i->nudge_at_usec = clock_monotonic_usec() + i->nudge_wait_usec;
        (void) link_send(i->control_fd, &report, sizeof(report), NULL, 0);
}

/* One of several ends alone; its end is reported when it is reaped. */
static bool init_stop(Init *init, const Interpreter *i) {
        if (init->n_interpreters == 1)
                return true;
        (void) kill(i->pid, SIGKILL);
        return false;
}

/* One word of the builder about an interpreter: whether the box has to end. The box has no other way out, so what
 * nobody understands, and a job that cannot be started again, is that, too. */
static bool init_must_stop(Init *init, Interpreter *i) {
        int fds[BOX_BRANCH_FDS], r;
        char word = BOX_STOP;
        size_t n_fds = 0;

        r = link_receive(i->control_fd, &word, 1, fds, ELEMENTSOF(fds), &n_fds);
        if (r > 0 && word == BOX_INTERRUPT) {
                init_interrupt(i);
                return false;
        }
        if (r > 0 && word == BOX_RESTART && n_fds == BOX_RESTART_FDS && init->n_interpreters == 1)
                return init_restart(init, fds) < 0;
        if (r > 0 && word == BOX_BRANCH && n_fds == BOX_BRANCH_FDS) {
                init_grant_branch(init, i, fds);
                return false;
        }
        return init_stop(init, i);
}

/* The builder wants no branch any more. One that was forked and has not said so is of a job that plays tricks. */
static bool init_branch_must_stop(Init *init) {
        bool is_forked = init->branch.state == BRANCH_FORKED;

        init_drop_branch(init, ECANCELED);
        return is_forked;
}

/* For poll(): when the next nudge is due. */
static int init_nudge_timeout(const Init *init) {
        uint64_t next = UINT64_MAX, now;

        FOREACH_ARRAY(i, init->interpreters, init->n_interpreters)
                next = MIN(next, i->nudge_at_usec);
        if (next == UINT64_MAX)
                return -1;
        now = clock_monotonic_usec();
        return now >= next ? 0 : (int) ((next - now) / USEC_PER_MSEC + 1);
}

/* After a second or two whoever could look at his notes has done so. */
static void init_nudge(Interpreter *i) {
        uint64_t now;

        if (i->nudge_at_usec == UINT64_MAX)
                return;
        now = clock_monotonic_usec();
        if (now < i->nudge_at_usec)
                return;
        (void) kill(i->pid, RUNNER_NUDGE_SIGNAL); /* as above */
        i->nudge_wait_usec *= 2;
        i->nudge_at_usec =
                i->nudge_wait_usec > NUDGE_USEC_MAX ? UINT64_MAX : now + i->nudge_wait_usec;
}

/* The end of one of several: what it used itself; what is the box's is with its last one. */
static void init_report_end_of(const Init *init, const Interpreter *i) {
        BoxReport report = {
                .kind = BOX_END,
                .job_status = i->status,
                .at_usec = clock_monotonic_usec(),
                .cpu_user_usec = usec_of(&i->usage.ru_utime),
                .cpu_system_usec = usec_of(&i->usage.ru_stime),
        };
        uint64_t rss_bytes = (uint64_t) i->usage.ru_maxrss * KIB;

        if (rss_bytes > init->job_rss_bytes)
                report.maxrss_bytes = rss_bytes - init->job_rss_bytes;
        (void) link_send(i->control_fd, &report, sizeof(report), NULL, 0);
}

/* Reports those that have ended, but for the last one, whose end is the end of the box. Returns whether it is
 * here. */
static bool init_bury(Init *init) {
        for (size_t n = init->n_interpreters; n-- > 0 && init->n_interpreters > 1;) {
                Interpreter *i = &init->interpreters[n];

                if (!i->has_ended)
                        continue;
                if (init->branch.state != BRANCH_NONE && init->branch.base == i->pid)
                        init_drop_branch(init, ECHILD);
                init_report_end_of(init, i);
                fd_close(i->control_fd);
                *i = init->interpreters[--init->n_interpreters];
        }
        return init->interpreters[0].has_ended;
}

/* What init waits for: what the box has once, then the links of its interpreters, then that of a branch. */
enum {
        WAIT_CHILDREN,
        WAIT_LISTENER,
        WAIT_FILES,
        WAIT_INTERPRETERS,
        WAIT_MAX = WAIT_INTERPRETERS + BOX_INTERPRETERS_MAX + 1,
};

static size_t init_poll_fds(const Init *init, struct pollfd fds[static WAIT_MAX]) {
        size_t n = WAIT_INTERPRETERS;

        fds[WAIT_CHILDREN] = (struct pollfd){ .fd = INIT_FD_CHILDREN, .events = POLLIN };
        fds[WAIT_LISTENER] = (struct pollfd){ .fd = init->listener_fd, .events = POLLIN };
        fds[WAIT_FILES] = (struct pollfd){ .fd = init->files_fd, .events = POLLIN };
        FOREACH_ARRAY(i, init->interpreters, init->n_interpreters)
                fds[n++] = (struct pollfd){ .fd = i->control_fd, .events = POLLIN };
        if (init->branch.state != BRANCH_NONE)
                fds[n++] = (struct pollfd){ .fd = init->branch.fds[0], .events = POLLIN };
        return n;
}

/* Words of the builder. Returns 1 if the box has to end, -1 if there were some, 0 if there were none. */
static int init_hear(Init *init, const struct pollfd *fds, size_t n) {
        for (size_t i = WAIT_INTERPRETERS; i < n; i++) {
                size_t number = i - WAIT_INTERPRETERS;

                if (fds[i].revents & (POLLHUP | POLLERR))
                        _exit(1); /* the builder died: with PID 1 the whole box goes */
                if (!(fds[i].revents & POLLIN))
                        continue;
                /* They may be others now: one word for each turn. */
                if (number < init->n_interpreters)
                        return init_must_stop(init, &init->interpreters[number]) ? 1 : -1;
                return init_branch_must_stop(init) ? 1 : -1;
        }
        return 0;
}

/* Serves the job until it ends, or until the builder wants it to; in the second case its wait status is not
 * known yet. */
static void init_serve(Init *init) {
        for (;;) {
                struct pollfd fds[WAIT_MAX];
                size_t n = init_poll_fds(init, fds);
                int r = poll(fds, n, init_nudge_timeout(init));

                if (r < 0 && errno != EINTR)
                        _exit(1);
                FOREACH_ARRAY(i, init->interpreters, init->n_interpreters)
                        init_nudge(i);
                if (r <= 0)
                        continue;
                r = init_hear(init, fds, n);
                if (r > 0)
                        return;
                if (r < 0)
                        continue;
                if (fds[WAIT_LISTENER].revents & POLLIN) {
                        cage_answer_denied(init->listener_fd, &init->denied, &init->branch);
                        if (init->branch.state == BRANCH_ADOPTED)
                                init_adopt_branch(init);
                }
                if (fds[WAIT_LISTENER].revents & POLLHUP)
                        init->listener_fd = -EBADF; /* nobody is left who has the filter */
                if (fds[WAIT_FILES].revents && !cage_answer_files(init->files_fd, cage_app()))
                        init->files_fd = -EBADF;
                if (fds[WAIT_CHILDREN].revents & POLLIN) {
                        init_drain_children();
                        if (init_reap(init, WNOHANG) && init_bury(init))
                                return;
                }
        }
}

/* How many tasks of the job there were at once, where no cgroup counts them. Process ids are given in
 * turn, so the next one says how many the job ever made beside its first one: none or one of them is an
 * answer, and of more nobody knows which of them met. */
static uint64_t init_tasks_peak(const Init *init) {
        const CageBox *box = init->box;
        pid_t next, made;

        if (box->plan->flags & PLAN_FLAG_NOT_ALONE)
                return 0; /* others make processes, too */
        if (box->make.has_cgroup || limits_tasks(&box->start.limits) == 1)
                return 0; /* it is counted, or there is nothing to count */
        next = vfork();
        if (next == 0)
                _exit(0);
        if (next < 0)
                return 0;
        (void) waitpid(next, NULL, 0);
        made = next - init->interpreters[0].pid - 1;
        return made == 0 || made == 1 ? 1 + (uint64_t) made : 0;
}

static void init_report_end(const Init *init) {
        BoxReport report = {
                .kind = BOX_END,
                .job_status = init->interpreters[0].status,
                .at_usec = init->job_end_usec,
                .n_denied = init->denied.n,
        };
        struct rusage usage = {};
        uint64_t rss_bytes;

        (void) getrusage(RUSAGE_CHILDREN, &usage);
        report.cpu_user_usec = usec_of(&usage.ru_utime);
        report.cpu_system_usec = usec_of(&usage.ru_stime);
        rss_bytes = (uint64_t) usage.ru_maxrss * KIB;
        if (rss_bytes > init->job_rss_bytes)
                report.maxrss_bytes = rss_bytes - init->job_rss_bytes;
        (void) counter_read(init->counter_fd, &report.instructions);
        cage_measure_disk(init->box->plan, &report.disk_bytes, &report.disk_files);
        report.tasks_peak = init_tasks_peak(init);
        memcpy(report.denied, init->denied.calls, sizeof(report.denied));
        (void) link_send(init->interpreters[0].control_fd, &report, sizeof(report), NULL, 0);
}

void cage_init_main(const CageBox *template_box, const CageJob *job) {
        CageBox box = *template_box;
        Init init = {
                .box = &box,
                .job = job,
                .listener_fd = -EBADF,
                .counter_fd = -EBADF,
                .interpreters = { { .control_fd = INIT_FD_CONTROL, .nudge_at_usec = UINT64_MAX } },
                .n_interpreters = 1,
                .files_fd = -EBADF,
        };
        int control_fd = box.fds[MAKE_FD_CONTROL], r;
        uint32_t step = UINT32_MAX;

        (void) prctl(PR_SET_NAME, "pysb-spare"); /* until it has a job: for whoever looks with ps */
        /* A session of its own: no controlling terminal, so no TIOCSTI into the caller's shell. */
        if (setsid() < 0)
                init_fail(control_fd, -errno, step);
        if (init_wait_go(control_fd) < 0)
                _exit(1);
        r = cage_apply(&box, PHASE_ROOT, PHASE_INNER, &step);
        if (r < 0)
                init_fail(control_fd, r, step);
        /* After the change of ids, which clears it. The poll on the control link is the second
         * line, and sees a builder that died before this. */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
                init_fail(control_fd, -errno, step);
        r = init_place_fds(&box);
        if (r < 0)
                init_fail(control_fd, r, step);
        r = init_start_job(&init, false, &step);
        if (r >= 0)
                r = init_report_ready(&init, BOX_READY);
        if (r < 0)
                init_fail(INIT_FD_CONTROL, r, step);
        init_serve(&init);
        init_drop_branch(&init, ECANCELED);
        init.job_end_usec = clock_monotonic_usec();

        init_kill_all(&init);
        (void) init_reap(&init, 0);
        (void) init_bury(&init);
        init_report_end(&init);
        while (init.files_fd >= 0 && cage_answer_files(init.files_fd, cage_app()))
                ;
        _exit(0);
}
