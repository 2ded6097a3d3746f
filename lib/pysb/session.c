/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "pysb/client.h"
#include "wire/build.h"

/* Sessions: OpenSession and Execute take from a request what is for them, as parameters of their own. */

static json_t *times_object(const char *session, uint64_t idle_usec, uint64_t lifetime_usec) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string(&b, "session", session);
        if (idle_usec != UINT64_MAX)
                json_build_uint(&b, "idleTimeoutUSec", idle_usec);
        if (lifetime_usec != UINT64_MAX)
                json_build_uint(&b, "lifetimeUSec", lifetime_usec);
        return json_build_take(&b);
}

/* The identifier in a reply of OpenSession or BranchSession. */
static int client_take_session(PysbClient *client, const json_t *reply, char **ret_session) {
        const char *session = json_member_string(json_object_get(reply, "info"), "session");
        char *copy;

        if (!session) {
                client_fail(client, -EBADMSG);
                return -EBADMSG;
        }
        copy = strdup(session);
        if (!copy)
                return -ENOMEM;
        *ret_session = copy;
        return 0;
}

_public_ int pysb_open_session(PysbClient *client,
                               const PysbRequest *request,
                               uint64_t idle_timeout_usec,
                               uint64_t lifetime_usec,
                               char **ret_session) {
        _cleanup_(json_decrefp) json_t *reply = NULL;
        json_t *parameters = times_object(NULL, idle_timeout_usec, lifetime_usec);
        _cleanup_(varlink_fds_done) VarlinkFds fds = {};
        int r = request ? request_open_fds(request, false, &fds) : 0;

        if (!parameters || (request && json_object_update(parameters, request->json) < 0))
                r = -ENOMEM;
        if (r < 0) {
                json_decref(parameters);
                return r;
        }
        r = client_call_wait_fds(client, SANDBOX_METHOD("OpenSession"), parameters, &fds, &reply);
        if (r < 0)
                return r;
        return client_take_session(client, reply, ret_session);
}

/* The parameters of Execute; NULL is lack of memory. */
static json_t *cell_object(const char *session, const PysbRequest *request) {
        JsonBuild b = JSON_BUILD_INIT;
        json_t *parameters;

        json_build_string(&b, "session", session);
        parameters = json_build_take(&b);
        if (parameters && json_object_update(parameters, request->json) == 0)
                return parameters;
        json_decref(parameters);
        return NULL;
}

_public_ int pysb_execute(PysbClient *client,
                          const char *session,
                          const PysbRequest *request,
                          PysbResult **ret_result) {
        _cleanup_(json_decrefp) json_t *reply = NULL;
        int r;

        r = client_call_wait(client, SANDBOX_METHOD("Execute"), cell_object(session, request),
                             &reply);
        return r < 0 ? r : client_take_result(client, reply, ret_result);
}

_public_ int pysb_start_cell(PysbClient *client,
                             const char *session,
                             const PysbRequest *request,
                             PysbCallback callback,
                             void *userdata) {
        return client_call_stream(client, SANDBOX_METHOD("Execute"), cell_object(session, request),
                                  callback, userdata);
}

static int client_call_session(PysbClient *client, const char *method, json_t *parameters) {
        _cleanup_(json_decrefp) json_t *reply = NULL;

        return client_call_wait(client, method, parameters, &reply);
}

_public_ int pysb_interrupt_session(PysbClient *client, const char *session) {
        return client_call_session(client, SANDBOX_METHOD("InterruptSession"),
                                   times_object(session, UINT64_MAX, UINT64_MAX));
}

_public_ int pysb_extend_session(PysbClient *client,
                                 const char *session,
                                 uint64_t idle_timeout_usec,
                                 uint64_t lifetime_usec) {
        return client_call_session(client, SANDBOX_METHOD("ExtendSession"),
                                   times_object(session, idle_timeout_usec, lifetime_usec));
}

_public_ int pysb_restart_session(PysbClient *client, const char *session) {
        return client_call_session(client, SANDBOX_METHOD("RestartSession"),
                                   times_object(session, UINT64_MAX, UINT64_MAX));
}

_public_ int pysb_branch_session(PysbClient *client, const char *session, char **ret_branch) {
        _cleanup_(json_decrefp) json_t *reply = NULL;
        int r;

        r = client_call_wait(client, SANDBOX_METHOD("BranchSession"),
                             times_object(session, UINT64_MAX, UINT64_MAX), &reply);
        return r < 0 ? r : client_take_session(client, reply, ret_branch);
}

_public_ int pysb_close_session(PysbClient *client, const char *session) {
        return client_call_session(client, SANDBOX_METHOD("CloseSession"),
                                   times_object(session, UINT64_MAX, UINT64_MAX));
}

_public_ bool pysb_result_is_session_alive(const PysbResult *result) {
        return json_is_true(json_object_get(result->json, "sessionAlive"));
}
