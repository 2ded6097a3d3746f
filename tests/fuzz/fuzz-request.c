/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The parameters of a call that makes a job, a session or a cell: whatever they are, a job specification is within
 * the bounds of its profile, and its frame is one that the runner can read.
 *
 * An input: one byte that says which call and of whom, then the JSON text of its parameters; what is no JSON is taken
 * for the payload of a JOB frame. */

#include <jansson.h>

#include "basic/utf8.h"
#include "broker/frame.h"
#include "broker/request.h"
#include "broker/spec.h"
#include "fuzz.h"
#include "profile/limits.h"
#include "runner/frame.h"
#include "wire/message.h"

#define PROFILE_BASE                                                                           \
        .package_debs = (char *[]){ NULL }, .granted = true, .policy = true,                   \
        .retain_usec = 60 * USEC_PER_SEC, .has_sessions = true,                                \
        .session_idle_usec = 600 * USEC_PER_SEC, .session_lifetime_usec = 3600 * USEC_PER_SEC, \
        .session_lifetime_max_usec = 7200 * USEC_PER_SEC,                                      \
        .modules = (char *[]){ (char *) "json", (char *) "xml", NULL },                        \
        .deny_modules = (char *[]){ (char *) "xml.sax", NULL }, .packages = (char *[]) {       \
                (char *) "numpy", NULL                                                         \
        }

static Profile profiles[] = {
        { .name = (char *) "default", .analysis = PROFILE_ANALYSIS_IMPORTS, PROFILE_BASE },
        { .name = (char *) "eval", .files = PROFILE_FILES_NONE, PROFILE_BASE },
        { .name = (char *) "raw", .package_debs = (char *[]){ NULL } },
};
static ProfileStore store = {
        .n_refs = 1,
        .profiles = { &profiles[0], &profiles[1], &profiles[2] },
        .n_profiles = ELEMENTSOF(profiles),
};

enum {
        KIND_RUN,
        KIND_SUBMIT,
        KIND_CHECK,
        KIND_SESSION,
        KIND_EXECUTE,
        _KIND_MAX,
};

__attribute__((constructor)) static void profiles_fill(void) {
        FOREACH_ARRAY(p, profiles, ELEMENTSOF(profiles)) {
                for (LimitId id = 0; id < _LIMIT_MAX; id++) {
                        p->limits.value[id] = limit_infos[id].lowest;
                        p->maximum.value[id] = limit_infos[id].highest;
                }
                p->limits.value[LIMIT_SOURCE] = 300;
                p->limits.value[LIMIT_COLLECT_FILES] = 5;
                p->limits.value[LIMIT_TOOL_CALLS] = 5;
                p->maximum.value[LIMIT_MEMORY] = 64 * MIB;
        }
}

static int measure_file(void *userdata,
                        const FileRequest *file,
                        const char *field,
                        size_t *ret_size,
                        SpecError *ret_error) {
        if (file->blob && file->blob[0] != 'k')
                return SPEC_BLOB_NOT_FOUND;
        *ret_size = strlen("kept");
        return 0;
}

static int load_file(void *userdata,
                     const FileRequest *file,
                     char **ret_data,
                     const char **ret_bytes,
                     size_t *size) {
        *ret_data = strdup("kept");
        *ret_bytes = *ret_data;
        *size = strlen("kept");
        return *ret_data ? 0 : -ENOMEM;
}

/* The runner takes it. */
static void check_frame(const Buf *frame) {
        size_t size;
        const char *payload;

        fuzz_check(buf_size(frame) >= sizeof(FrameHeader) && frame_type(frame) == FRAME_JOB);
        payload = frame_payload(frame, &size);
        fuzz_check(size <= JOB_PAYLOAD_MAX && buf_size(frame) == sizeof(FrameHeader) + size);
        fuzz_check(job_payload_check(payload, size) == 0);
}

static void check_spec(const JobSpec *s) {
        fuzz_check(s->plan < store.n_profiles && s->profile == store.profiles[s->plan]);
        for (LimitId id = 0; id < _LIMIT_MAX; id++) {
                fuzz_check(s->limits.value[id] >= limit_infos[id].lowest);
                fuzz_check(s->limits.value[id] <= s->profile->maximum.value[id]);
        }
        fuzz_check(s->priority < PRIORITIES && s->retain_usec <= SPEC_RETAIN_USEC_MAX);
        fuzz_check(s->source_too_large || s->source_bytes <= s->limits.value[LIMIT_SOURCE]);
        if (buf_size(&s->frame) > 0) {
                Buf copy;

                check_frame(&s->frame);
                fuzz_check(frame_copy_without_files(&s->frame, &copy) == 0);
                check_frame(&copy);
                buf_done(&copy);
        } else
                fuzz_check(s->source_too_large);
        fuzz_check(job_spec_bytes(s) < 64 * MIB);
}

static void check_error(int r, const SpecError *error) {
        fuzz_check(r >= SPEC_PROFILE_NOT_FOUND && r <= SPEC_BLOB_NOT_FOUND);
        fuzz_check(strnlen(error->field, sizeof(error->field)) < sizeof(error->field));
        fuzz_check(utf8_is_valid(error->field, strlen(error->field)));
        fuzz_check(utf8_is_valid(error->reason, strlen(error->reason)));
}

/* A session as OpenSession made it, for the cells. */
static const JobSpec *open_session(void) {
        static JobSpec *session;
        static const JobRequest request = {};
        const SpecContext c = { .store = &store,
                                .default_profile = "default",
                                .engines = ENGINE_BIT(ENGINE_NAMESPACE),
                                .is_session = true };
        SpecError error;

        if (!session)
                fuzz_check(job_spec_make(&c, &request, &session, &error) == 0);
        return session;
}

static void make_spec(SpecContext *c, const JobRequest *request) {
        JobSpec *spec = NULL, *branch;
        SpecError error;
        int r = job_spec_make(c, request, &spec, &error);

        if (r != 0) {
                check_error(r, &error);
                return;
        }
        check_spec(spec);
        if (c->is_session) {
                branch = job_spec_branch(spec);
                fuzz_check(branch);
                job_spec_free(branch);
        }
        job_spec_free(spec);
}

static int parse(unsigned kind,
                 json_t *parameters,
                 ExecuteRequest *execute,
                 SessionRequest *session,
                 char path[static JSON_PATH_MAX]) {
        SpecError error;
        uint64_t print;
        int r;

        if (kind == KIND_EXECUTE)
                return execute_request_parse(parameters, execute, path);
        if (kind == KIND_SESSION) {
                r = session_request_parse(parameters, session, path);
                if (r == 0)
                        (void) spec_session_times(&profiles[0], &session->idle_usec,
                                                  &session->lifetime_usec, &error);
                return r;
        }
        r = job_request_parse(parameters, &session->job, path);
        if (r == 0)
                fuzz_check(request_fingerprint(json_object_get(parameters, "request"), &print) ==
                           0);
        return r;
}

static void run(unsigned kind, bool all_granted, json_t *parameters) {
        static ExecuteRequest execute; /* they are large */
        static SessionRequest session;
        char path[JSON_PATH_MAX];
        SpecContext c = {
                .store = &store,
                .default_profile = "default",
                .engines = ENGINE_BIT(ENGINE_NAMESPACE),
                .all_granted = all_granted,
                .is_submit = kind == KIND_SUBMIT,
                .is_check = kind == KIND_CHECK,
                .is_session = kind == KIND_SESSION,
                .session = kind == KIND_EXECUTE ? open_session() : NULL,
                .execution = 1,
                .n_fds = all_granted,
                .measure_file = measure_file,
                .load_file = load_file,
        };
        int r;

        memset(&execute, 0xff, sizeof(execute));
        memset(&session, 0xff, sizeof(session));
        r = parse(kind, parameters, &execute, &session, path);
        if (r == -EINVAL) {
                fuzz_check(memchr(path, '\0', JSON_PATH_MAX));
                fuzz_check(utf8_is_valid(path, strlen(path)));
                return;
        }
        fuzz_check(r == 0);
        make_spec(&c, kind == KIND_EXECUTE ? &execute.job : &session.job);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FuzzInput in = { data, size };
        uint8_t first = fuzz_byte(&in);
        json_t *parameters;

        if (wire_json_parse((const char *) in.data, in.size, &parameters) < 0) {
                (void) job_payload_check((const char *) in.data, in.size);
                return 0;
        }
        if (json_is_object(parameters))
                run(first % _KIND_MAX, first & 0x80, parameters);
        json_decref(parameters);
        return 0;
}
