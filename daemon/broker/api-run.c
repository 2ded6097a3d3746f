/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Run and Submit: accepting a job. */

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "broker/api.h"
#include "broker/scheduler.h"
#include "wire/build.h"

/* There is no estimate of the queue: a client that waits this long does no harm. */
#define RETRY_AFTER_USEC (UINT64_C(1) * 1000000)

static void answer_spec_error(Connection *c, SpecErrorKind kind, const SpecError *e) {
        JsonBuild b = JSON_BUILD_INIT;
        const char *name = NULL;

        switch (kind) {
        case SPEC_PROFILE_NOT_FOUND:
        case SPEC_PROFILE_DENIED:
                name = kind == SPEC_PROFILE_DENIED ? "ProfileDenied" : "ProfileNotFound";
                json_build_string(&b, "profile", e->field);
                break;
        case SPEC_LIMIT_EXCEEDED:
                name = "LimitExceeded";
                json_build_string(&b, "limit", e->field);
                json_build_uint(&b, "requested", e->requested);
                json_build_uint(&b, "maximum", e->maximum);
                break;
        case SPEC_INVALID:
                name = "InvalidRequest";
                json_build_string(&b, "field", e->field);
                json_build_string(&b, "reason", e->reason);
                break;
        case SPEC_NOT_SUPPORTED:
                name = "NotSupported";
                json_build_string(&b, "feature", e->field);
                json_build_string(&b, "detail", e->reason);
                break;
        case SPEC_TOO_LARGE:
                name = "TooLarge";
                json_build_string(&b, "field", e->field);
                json_build_uint(&b, "sizeBytes", e->requested);
                json_build_uint(&b, "maximumBytes", e->maximum);
                break;
        }
        connection_error(c, name, json_build_take(&b));
}

static void answer_refusal(Connection *c, SubmitRefusal refusal) {
        JsonBuild b = JSON_BUILD_INIT;

        if (refusal == SUBMIT_STOPPING) {
                json_build_uint(&b, "retryAfterUSec", RETRY_AFTER_USEC);
                connection_error(c, "ShuttingDown", json_build_take(&b));
                return;
        }
        json_build_string(&b, "scope", refusal == SUBMIT_TENANT_FULL ? "tenant" : "node");
        json_build_uint(&b, "queued", c->broker->n_queued);
        json_build_uint(&b, "retryAfterUSec", RETRY_AFTER_USEC);
        connection_error(c, "QueueFull", json_build_take(&b));
}

/* A memfd goes into the box as it is, what comes out of a pipe is moved into one of our own. What has
 * a name in a file system is one that the job could open again by /proc/self/fd, for writing where it
 * has the same uid, or whose mode it could change, and one on a slow file system would block whoever
 * copies it. So: only the end of a pipe that has no name, or bytes that nobody can change. */
static const char *stdin_problem(int fd) {
        const int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK;
        struct statfs fs;
        struct stat st;
        int flags = fcntl(fd, F_GETFL), have;

        if (flags < 0 || fstat(fd, &st) < 0 || (flags & O_PATH))
                return "no open file";
        if (S_ISFIFO(st.st_mode) && (fstatfs(fd, &fs) < 0 || fs.f_type != PIPEFS_MAGIC))
                return "a FIFO with a name in a file system, not a pipe";
        if (S_ISFIFO(st.st_mode))
                return (flags & O_ACCMODE) == O_RDONLY ? NULL : "not the read end of a pipe";
        have = S_ISREG(st.st_mode) ? fcntl(fd, F_GET_SEALS) : -1;
        if (have >= 0 && (have & seals) == seals)
                return NULL;
        return "neither a pipe nor a memfd sealed against writing, growing and shrinking";
}

static int take_stdin(Connection *c, const JobSpec *spec, int *ret_fd) {
        int *fd = &c->call.fds.fds[spec->stdin_fd_index];
        SpecError e = { .field = "stdinFileDescriptor" };
        const char *problem;

        if (!spec->has_stdin_fd)
                return 0;
        problem = stdin_problem(*fd);
        if (problem) {
                (void) snprintf(e.reason, sizeof(e.reason), "%s", problem);
                answer_spec_error(c, SPEC_INVALID, &e);
                return -EINVAL;
        }
        *ret_fd = TAKE_FD(*fd);
        return 0;
}

JobSpec *api_make_spec(Connection *c, const SpecContext *kind, const JobRequest *request) {
        SpecContext context = *kind;
        JobSpec *spec = NULL;
        SpecError error;
        int r;

        context.store = c->broker->store;
        context.default_profile = c->broker->config->default_profile;
        context.all_granted = c->broker->embedded;
        r = job_spec_make(&context, request, &spec, &error);
        if (r > 0)
                answer_spec_error(c, (SpecErrorKind) r, &error);
        if (r < 0)
                c->is_dead = true;
        return r == 0 ? spec : NULL;
}

bool api_answer_submit(Connection *c, int r) {
        if (r > 0)
                answer_refusal(c, (SubmitRefusal) r);
        if (r < 0)
                c->is_dead = true;
        return r == 0;
}

Job *api_accept_job(Connection *c, AcceptKind kind) {
        const SpecContext context = {
                .is_submit = kind == ACCEPT_SUBMIT,
                .is_check = kind == ACCEPT_CHECK,
                .n_fds = c->call.fds.n,
        };
        _cleanup_(job_spec_freep) JobSpec *spec = NULL;
        char path[JSON_PATH_MAX];
        int stdin_fd = -EBADF;
        JobRequest request;
        Job *job;

        if (job_request_parse(c->call.parameters, &request, path) < 0) {
                connection_reply(c, varlink_error_invalid_parameter(path));
                return NULL;
        }
        spec = api_make_spec(c, &context, &request);
        if (!spec || take_stdin(c, spec, &stdin_fd) < 0)
                return NULL;
        if (!api_answer_submit(c, scheduler_submit(c->broker, c->uid, spec, stdin_fd, &job)))
                return NULL;
        TAKE_PTR(spec);
        return job;
}

void api_run(Connection *c) {
        Job *job = api_accept_job(c, ACCEPT_RUN);

        if (!job)
                return;
        connection_follow(c, job, c->call.more ? FOLLOW_EVENTS : FOLLOW_RESULT);
        c->cancels_on_close = !job->spec->detach;
}

void api_submit(Connection *c) {
        JsonBuild b = JSON_BUILD_INIT;
        Job *job = api_accept_job(c, ACCEPT_SUBMIT);

        if (!job) {
                json_build_done(&b);
                return;
        }
        json_build_string(&b, "job", job->id);
        if (job->state == JOB_QUEUED)
                json_build_uint(&b, "position", job->position);
        connection_reply(c, varlink_reply_new(json_build_take(&b), false));
}
