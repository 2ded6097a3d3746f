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
#include "broker/job-store.h"
#include "broker/scheduler.h"
#include "wire/build.h"

/* Nobody knows when another daemon serves, or when a client forgets a job. */
#define RETRY_AFTER_USEC (UINT64_C(1) * 1000000)

void api_answer_spec_error(Connection *c, SpecErrorKind kind, const SpecError *e) {
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
        case SPEC_BLOB_NOT_FOUND:
                name = "BlobNotFound";
                json_build_string(&b, "blob", e->field);
                break;
        }
        connection_error(c, name, json_build_take(&b));
}

static void answer_stopping(Connection *c) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_uint(&b, "retryAfterUSec", RETRY_AFTER_USEC);
        connection_error(c, "ShuttingDown", json_build_take(&b));
}

static void build_quota(JsonBuild *b, const Tenant *t, const Refusal *refusal) {
        static const char *const names[_QUOTA_MAX] = {
                [QUOTA_RUNNING] = "running",   [QUOTA_MEMORY] = "memory",
                [QUOTA_SESSIONS] = "sessions", [QUOTA_BLOB_BYTES] = "blobs",
                [QUOTA_REQUESTS] = "requests", [QUOTA_RETAINED_BYTES] = "results",
        };
        bool is_own = refusal->scope == CHARGE_OVER_TENANT;
        Quota q = refusal->quota;

        json_build_string(b, "scope", is_own ? "tenant" : "node");
        json_build_string(b, "quota", q == _QUOTA_MAX ? "submits" : names[q]);
        if (q == _QUOTA_MAX) {
                json_build_uint(b, "used", t->policy->submit_burst);
                json_build_uint(b, "maximum", t->policy->submit_burst);
                return;
        }
        json_build_uint(b, "used", (is_own ? t->used : t->tenants->used)[q]);
        /* What is more than that never fits. */
        json_build_uint(b, "maximum",
                        refusal->retry_usec == 0 && !is_own ? t->tenants->maximum[q]
                                                            : tenant_maximum(t, q, refusal->scope));
}

static void answer_refusal(Connection *c, const Tenant *t, const Refusal *refusal) {
        bool is_own = refusal->scope == CHARGE_OVER_TENANT;
        bool is_full = refusal->quota == QUOTA_QUEUED;
        JsonBuild b = JSON_BUILD_INIT;

        if (is_full) {
                json_build_string(&b, "scope", is_own ? "tenant" : "node");
                json_build_uint(&b, "queued",
                                is_own ? t->used[QUOTA_QUEUED] : broker_queued(c->broker));
        } else
                build_quota(&b, t, refusal);
        if (refusal->retry_usec > 0)
                json_build_uint(&b, "retryAfterUSec", refusal->retry_usec);
        connection_error(c, is_full ? "QueueFull" : "QuotaExceeded", json_build_take(&b));
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
                api_answer_spec_error(c, SPEC_INVALID, &e);
                return -EINVAL;
        }
        *ret_fd = TAKE_FD(*fd);
        return 0;
}

JobSpec *api_make_spec(Connection *c,
                       const Tenant *tenant,
                       const SpecContext *kind,
                       const JobRequest *request) {
        FileLoader loader = { c, tenant };
        const Broker *b = c->broker;
        SpecContext context = *kind;
        JobSpec *spec = NULL;
        SpecError error;
        int r;

        context.store = b->store;
        context.tenant = tenant->policy;
        context.default_profile = api_default_profile(tenant, b->config);
        context.engines = daemon_config_engines(b->config, b->embedded);
        context.all_granted = b->embedded;
        context.measure_file = api_measure_file;
        context.load_file = api_load_file;
        context.userdata = &loader;
        r = job_spec_make(&context, request, &spec, &error);
        if (r > 0)
                api_answer_spec_error(c, (SpecErrorKind) r, &error);
        if (r < 0)
                c->is_dead = true;
        return r == 0 ? spec : NULL;
}

bool api_answer_submit(Connection *c, const Tenant *tenant, int r, const Refusal *refusal) {
        if (r == SUBMIT_STOPPING)
                answer_stopping(c);
        if (r == SUBMIT_REFUSED)
                answer_refusal(c, tenant, refusal);
        if (r < 0)
                c->is_dead = true;
        return r == 0;
}

/* Rather none than one that could happen twice; else the call is answered. */
static bool may_remember(Connection *c, const Tenant *tenant) {
        int r = tenant_fits(tenant, QUOTA_REQUESTS, 1);
        const Refusal refusal = { (ChargeRefusal) r, QUOTA_REQUESTS, RETRY_AFTER_USEC };

        if (r != 0)
                answer_refusal(c, tenant, &refusal);
        return r == 0;
}

/* What a descriptor brings is a part of the request as text would be: who repeats it may have made another one for the
 * same bytes. More than a request may bring is refused in any case. */
static int fingerprint_add_files(Connection *c, const FilesRequest *files, uint64_t *fingerprint) {
        FileLoader loader = { c, c->tenant };
        uint64_t left = limit_infos[LIMIT_SOURCE].highest;
        int r = 0;

        for (size_t i = 0; i < MIN(files->n, (size_t) REQUEST_FILES_MAX) && r == 0; i++) {
                _cleanup_free_ char *data = NULL;
                SpecError error = {};
                const char *bytes;
                uint64_t n_bytes;
                size_t size;

                if (!files->files[i].fd.is_set)
                        continue;
                if (api_measure_file(&loader, &files->files[i], "", &size, &error) != 0 ||
                    size > left)
                        return 0;
                left -= size;
                r = api_load_file(&loader, &files->files[i], &data, &bytes, &size);
                if (r < 0)
                        return r;
                n_bytes = size;
                request_fingerprint_add(fingerprint, &n_bytes, sizeof(n_bytes));
                request_fingerprint_add(fingerprint, bytes, size);
        }
        return r;
}

bool api_find_repeated(Connection *c,
                       const Tenant *tenant,
                       const char *request_id,
                       json_t *request,
                       const FilesRequest *files,
                       uint64_t *ret_fingerprint,
                       Job **ret_job) {
        JsonBuild b;
        Job *job;

        *ret_fingerprint = 0;
        *ret_job = NULL;
        if (!request_id)
                return false;
        if (request_fingerprint(request, ret_fingerprint) < 0 ||
            fingerprint_add_files(c, files, ret_fingerprint) < 0) {
                c->is_dead = true;
                return true;
        }
        job = job_store_find_request(c->broker, tenant, request_id);
        if (!job)
                return !may_remember(c, tenant);
        if (job->spec->fingerprint == *ret_fingerprint) {
                *ret_job = job;
                return true;
        }
        b = (JsonBuild) JSON_BUILD_INIT;
        json_build_string(&b, "requestId", request_id);
        json_build_string(&b, "job", job->id);
        connection_error(c, "RequestConflict", json_build_take(&b));
        return true;
}

/* A new job of this request, or NULL once the call is answered. */
static Job *submit_job(Connection *c,
                       Tenant *tenant,
                       const JobRequest *request,
                       AcceptKind kind,
                       uint64_t fingerprint) {
        const SpecContext context = {
                .is_submit = kind == ACCEPT_SUBMIT,
                .is_check = kind == ACCEPT_CHECK,
                .n_fds = c->call.fds.n,
        };
        _cleanup_(job_spec_freep) JobSpec *spec = NULL;
        int stdin_fd = -EBADF, r;
        Refusal refusal;
        Job *job;

        spec = api_make_spec(c, tenant, &context, request);
        if (!spec || take_stdin(c, spec, &stdin_fd) < 0)
                return NULL;
        spec->fingerprint = fingerprint;
        r = scheduler_submit(c->broker, tenant, spec, stdin_fd, &job, &refusal);
        if (!api_answer_submit(c, tenant, r, &refusal))
                return NULL;
        TAKE_PTR(spec);
        return job;
}

Job *api_accept_job(Connection *c, AcceptKind kind, bool *ret_created) {
        _cleanup_(tenant_unrefp) Tenant *tenant = NULL;
        char path[JSON_PATH_MAX];
        uint64_t fingerprint = 0;
        JobRequest request;
        Job *job;

        *ret_created = false;
        if (job_request_parse(c->call.parameters, &request, path) < 0) {
                connection_reply(c, varlink_error_invalid_parameter(path));
                return NULL;
        }
        tenant = api_acting_tenant(c, request.tenant);
        if (!tenant)
                return NULL;
        if (kind != ACCEPT_CHECK &&
            api_find_repeated(c, tenant, request.request_id,
                              json_object_get(c->call.parameters, "request"), &request.files,
                              &fingerprint, &job))
                return job;
        *ret_created = true;
        return submit_job(c, tenant, &request, kind, fingerprint);
}

void api_run(Connection *c) {
        bool created;
        Job *job = api_accept_job(c, ACCEPT_RUN, &created);

        if (!job)
                return;
        connection_follow(c, job, c->call.more ? FOLLOW_EVENTS : FOLLOW_RESULT);
        /* Who asks again follows a job that is somebody else's to cancel. */
        c->cancels_on_close = created && !job->spec->detach;
}

void api_submit(Connection *c) {
        JsonBuild b = JSON_BUILD_INIT;
        bool created;
        Job *job = api_accept_job(c, ACCEPT_SUBMIT, &created);

        if (!job) {
                json_build_done(&b);
                return;
        }
        json_build_string(&b, "job", job->id);
        json_build_bool(&b, "created", created);
        if (job->state == JOB_QUEUED)
                json_build_uint(&b, "position", job->position);
        connection_reply(c, varlink_reply_new(json_build_take(&b), false));
}
