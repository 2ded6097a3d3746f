/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "pysb/client.h"
#include "wire/build.h"

/* The calls for event loops: each reply becomes one call of the callback. */

static int stream_deliver_result(PysbClient *client, json_t *json) {
        PysbResult *result;
        int r;

        if (client->busy) /* the result is the last reply */
                return -EBADMSG;
        r = result_new(json, &result);
        if (r < 0)
                return r;
        client->callback(client, NULL, result, 0, client->callback_data);
        return 0;
}

static int stream_deliver_event(PysbClient *client, json_t *json) {
        PysbEvent event;
        int r;

        if (!client->busy) /* an event never is */
                return -EBADMSG;
        r = event_init(&event, json);
        if (r < 0)
                return r;
        client->callback(client, &event, NULL, 0, client->callback_data);
        event_done(&event);
        return 0;
}

static void stream_on_reply(PysbClient *client, VarlinkReply *reply, int error, void *userdata) {
        json_t *result;
        int r;

        if (!reply) {
                client->callback(client, NULL, NULL, error, client->callback_data);
                return;
        }
        result = json_object_get(reply->parameters, "result");
        if (result && !json_is_null(result))
                r = stream_deliver_result(client, result);
        else
                r = stream_deliver_event(client, json_object_get(reply->parameters, "event"));
        if (r < 0) {
                client->busy = true; /* so that the callback hears of the failure */
                client_fail(client, r);
        }
}

static int stream_begin(PysbClient *client, PysbCallback callback, void *userdata) {
        if (client->busy)
                return -EBUSY;
        client->callback = callback;
        client->callback_data = userdata;
        return 0;
}

_public_ int
pysb_start(PysbClient *client, const PysbRequest *request, PysbCallback callback, void *userdata) {
        int r;

        r = stream_begin(client, callback, userdata);
        if (r < 0)
                return r;
        return client_call_request(client, SANDBOX_METHOD("Run"), request, true, stream_on_reply,
                                   NULL);
}

_public_ int pysb_start_quiet(PysbClient *client,
                              const PysbRequest *request,
                              PysbCallback callback,
                              void *userdata) {
        int r;

        r = stream_begin(client, callback, userdata);
        if (r < 0)
                return r;
        return client_call_request(client, SANDBOX_METHOD("Run"), request, false, stream_on_reply,
                                   NULL);
}

int client_call_stream(PysbClient *client,
                       const char *method,
                       json_t *parameters,
                       PysbCallback callback,
                       void *userdata) {
        int r;

        r = stream_begin(client, callback, userdata);
        if (r < 0) {
                json_decref(parameters);
                return r;
        }
        return client_call(client, method, parameters, NULL, true, stream_on_reply, NULL);
}

_public_ int pysb_attach(PysbClient *client,
                         const char *job,
                         uint64_t after_sequence,
                         PysbCallback callback,
                         void *userdata) {
        JsonBuild parameters = JSON_BUILD_INIT;

        json_build_string(&parameters, "job", job);
        if (after_sequence > 0)
                json_build_uint(&parameters, "afterSequence", after_sequence);
        return client_call_stream(client, SANDBOX_METHOD("Attach"), json_build_take(&parameters),
                                  callback, userdata);
}
