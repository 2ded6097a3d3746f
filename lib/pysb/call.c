/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "pysb/client.h"
#include "wire/build.h"

/* The blocking calls: start one, turn until its only reply is there. */

typedef struct Waiting {
        bool done;
        int error;
        json_t *parameters; /* of the reply */
} Waiting;

static void waiting_on_reply(PysbClient *client, VarlinkReply *reply, int error, void *userdata) {
        Waiting *waiting = userdata;

        waiting->done = true;
        waiting->error = error;
        if (reply)
                waiting->parameters = json_incref(reply->parameters);
}

/* Follows a client_call() that returned r. */
static int client_wait(PysbClient *client, int r, Waiting *waiting, json_t **ret_parameters) {
        if (r < 0)
                return r;
        while (!waiting->done)
                client_turn(client, UINT64_MAX);
        if (waiting->error < 0)
                return waiting->error;
        *ret_parameters = waiting->parameters;
        return 0;
}

int client_call_wait_fds(PysbClient *client,
                         const char *method,
                         json_t *parameters,
                         VarlinkFds *fds,
                         json_t **ret_parameters) {
        Waiting waiting = {};
        int r;

        r = client_call(client, method, parameters, fds, false, waiting_on_reply, &waiting);
        return client_wait(client, r, &waiting, ret_parameters);
}

int client_call_wait(PysbClient *client,
                     const char *method,
                     json_t *parameters,
                     json_t **ret_parameters) {
        return client_call_wait_fds(client, method, parameters, NULL, ret_parameters);
}

int client_call_request(PysbClient *client,
                        const char *method,
                        const PysbRequest *request,
                        bool more,
                        ReplyHandler handler,
                        void *userdata) {
        _cleanup_(varlink_fds_done) VarlinkFds fds = {};
        int r;

        if (!request_has_program(request))
                return client_set_error(client, -EINVAL, "The request does not say what to run.");
        r = request_open_fds(request, true, &fds);
        if (r < 0)
                return r;
        return client_call(client, method, json_pack("{sO}", "request", request->json), &fds, more,
                           handler, userdata);
}

int client_take_result(PysbClient *client, const json_t *parameters, PysbResult **ret_result) {
        int r;

        r = result_new(json_object_get(parameters, "result"), ret_result);
        if (r == -EBADMSG)
                client_fail(client, r);
        return r;
}

_public_ int pysb_run(PysbClient *client, const PysbRequest *request, PysbResult **ret_result) {
        _cleanup_(json_decrefp) json_t *reply = NULL;
        Waiting waiting = {};
        int r;

        r = client_call_request(client, SANDBOX_METHOD("Run"), request, false, waiting_on_reply,
                                &waiting);
        r = client_wait(client, r, &waiting, &reply);
        return r < 0 ? r : client_take_result(client, reply, ret_result);
}

_public_ int pysb_submit(PysbClient *client, const PysbRequest *request, char **ret_job) {
        _cleanup_(json_decrefp) json_t *reply = NULL;
        Waiting waiting = {};
        const char *job;
        char *copy;
        int r;

        r = client_call_request(client, SANDBOX_METHOD("Submit"), request, false, waiting_on_reply,
                                &waiting);
        r = client_wait(client, r, &waiting, &reply);
        if (r < 0)
                return r;
        job = json_member_string(reply, "job");
        if (!job) {
                client_fail(client, -EBADMSG);
                return -EBADMSG;
        }
        copy = strdup(job);
        if (!copy)
                return -ENOMEM;
        *ret_job = copy;
        return 0;
}

_public_ int
pysb_check(PysbClient *client, const PysbRequest *request, PysbDocument **ret_document) {
        _cleanup_(json_decrefp) json_t *reply = NULL;
        Waiting waiting = {};
        int r;

        r = client_call_request(client, SANDBOX_METHOD("Check"), request, false, waiting_on_reply,
                                &waiting);
        r = client_wait(client, r, &waiting, &reply);
        return r < 0 ? r : document_new(reply, ret_document);
}

_public_ int
pysb_wait(PysbClient *client, const char *job, uint64_t timeout_usec, PysbResult **ret_result) {
        _cleanup_(json_decrefp) json_t *reply = NULL;
        JsonBuild parameters = JSON_BUILD_INIT;
        int r;

        json_build_string(&parameters, "job", job);
        if (timeout_usec != UINT64_MAX)
                json_build_uint(&parameters, "timeoutUSec", timeout_usec);
        r = client_call_wait(client, SANDBOX_METHOD("Wait"), json_build_take(&parameters), &reply);
        if (r < 0)
                return r;
        if (json_object_get(reply, "result"))
                return client_take_result(client, reply, ret_result);
        return client_set_error(client, -ETIMEDOUT, "The job has not ended yet.");
}

static int
client_cancel(PysbClient *client, const char *job, const uint64_t *grace_usec, const char *reason) {
        _cleanup_(json_decrefp) json_t *reply = NULL;
        JsonBuild parameters = JSON_BUILD_INIT;

        json_build_string(&parameters, "job", job);
        if (grace_usec)
                json_build_uint(&parameters, "graceUSec", *grace_usec);
        json_build_string(&parameters, "reason", reason);
        return client_call_wait(client, SANDBOX_METHOD("Cancel"), json_build_take(&parameters),
                                &reply);
}

_public_ int pysb_cancel(PysbClient *client, const char *job, const char *reason) {
        return client_cancel(client, job, NULL, reason);
}

_public_ int pysb_cancel_with_grace(PysbClient *client,
                                    const char *job,
                                    uint64_t grace_usec,
                                    const char *reason) {
        return client_cancel(client, job, &grace_usec, reason);
}

_public_ int pysb_write_input(
        PysbClient *client, const char *job, const void *data, size_t size, bool end_of_file) {
        _cleanup_(json_decrefp) json_t *reply = NULL;
        JsonBuild parameters = JSON_BUILD_INIT;

        json_build_string(&parameters, "job", job);
        if (size > 0)
                json_build_bytes(&parameters, data, size, 3);
        if (end_of_file)
                json_build_bool(&parameters, "endOfFile", true);
        return client_call_wait(client, SANDBOX_METHOD("WriteInput"), json_build_take(&parameters),
                                &reply);
}

_public_ int pysb_forget(PysbClient *client, const char *job) {
        _cleanup_(json_decrefp) json_t *reply = NULL;
        JsonBuild parameters = JSON_BUILD_INIT;

        json_build_string(&parameters, "job", job);
        return client_call_wait(client, SANDBOX_METHOD("ForgetJob"), json_build_take(&parameters),
                                &reply);
}

_public_ int pysb_call(PysbClient *client,
                       const char *method,
                       const char *parameters_json,
                       char **ret_reply_json) {
        _cleanup_(json_decrefp) json_t *parameters = NULL, *reply = NULL;
        _cleanup_free_ char *full_name = NULL;
        int r;

        if (!strchr(method, '.')) {
                if (asprintf(&full_name, SANDBOX_METHOD("%s"), method) < 0)
                        return -ENOMEM;
                method = full_name;
        }
        if (!parameters_json)
                parameters_json = "{}";
        r = wire_json_parse(parameters_json, strlen(parameters_json), &parameters);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || !json_is_object(parameters))
                return client_set_error(client, -EINVAL, "The parameters are no JSON object.");
        r = client_call_wait(client, method, TAKE_PTR(parameters), &reply);
        return r < 0 ? r : json_to_text(reply, ret_reply_json);
}
