/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "basic/fd.h"
#include "basic/utf8.h"
#include "pysb/handles.h"

_public_ int pysb_request_new(PysbRequest **ret_request) {
        PysbRequest *request;

        request = calloc(1, sizeof(*request));
        if (!request)
                return -ENOMEM;
        request->stdin_fd = -EBADF;
        request->json = json_object();
        if (!request->json) {
                free(request);
                return -ENOMEM;
        }
        *ret_request = request;
        return 0;
}

_public_ PysbRequest *pysb_request_free(PysbRequest *request) {
        if (!request)
                return NULL;
        json_decref(request->json);
        fd_close(request->stdin_fd);
        varlink_fds_done(&request->files);
        free(request);
        return NULL;
}

int object_set(json_t *object, const char *name, json_t *value) {
        if (!value || json_object_set_new(object, name, value) < 0)
                return -ENOMEM;
        return 0;
}

static int string_new(const char *text, size_t size, json_t **ret_value) {
        json_t *value;

        /* JSON strings of the interface carry neither broken UTF-8 nor NUL */
        if (!utf8_is_valid(text, size))
                return -EILSEQ;
        value = json_stringn_nocheck(text, size);
        if (!value)
                return -ENOMEM;
        *ret_value = value;
        return 0;
}

int object_set_string(json_t *object, const char *name, const char *text, size_t size) {
        json_t *value;
        int r;

        r = string_new(text, size, &value);
        return r < 0 ? r : object_set(object, name, value);
}

static int object_set_u64(json_t *object, const char *name, uint64_t number) {
        if (number > INT64_MAX)
                return -ERANGE;
        return object_set(object, name, json_integer((json_int_t) number));
}

json_t *object_get_container(json_t *object, const char *name, json_t *(*make)(void) ) {
        if (!json_object_get(object, name))
                json_object_set_new(object, name, make());
        return json_object_get(object, name);
}

static int
request_set_pair(PysbRequest *request, const char *field, const char *name, const char *value) {
        json_t *map;

        if (!name || !value)
                return -EINVAL;
        if (!utf8_is_valid(name, strlen(name)))
                return -EILSEQ;
        map = object_get_container(request->json, field, json_object);
        if (!map)
                return -ENOMEM;
        return object_set_string(map, name, value, strlen(value));
}

_public_ int pysb_request_set_profile(PysbRequest *request, const char *profile) {
        if (profile)
                return object_set_string(request->json, "profile", profile, strlen(profile));
        json_object_del(request->json, "profile");
        return 0;
}

_public_ int pysb_request_add_argument(PysbRequest *request, const char *argument) {
        json_t *arguments, *value;
        int r;

        arguments = object_get_container(request->json, "arguments", json_array);
        if (!arguments)
                return -ENOMEM;
        r = string_new(argument, strlen(argument), &value);
        if (r < 0)
                return r;
        return json_array_append_new(arguments, value) < 0 ? -ENOMEM : 0;
}

_public_ int
pysb_request_set_environment(PysbRequest *request, const char *name, const char *value) {
        return request_set_pair(request, "environment", name, value);
}

_public_ int pysb_request_set_label(PysbRequest *request, const char *name, const char *value) {
        return request_set_pair(request, "labels", name, value);
}

_public_ int pysb_request_set_limit(PysbRequest *request, const char *limit, uint64_t value) {
        json_t *limits;

        if (!utf8_is_valid(limit, strlen(limit)))
                return -EILSEQ;
        limits = object_get_container(request->json, "limits", json_object);
        return limits ? object_set_u64(limits, limit, value) : -ENOMEM;
}

_public_ int pysb_request_set_queue_timeout(PysbRequest *request, uint64_t timeout_usec) {
        return object_set_u64(request->json, "queueTimeoutUSec", timeout_usec);
}

_public_ int pysb_request_set_priority(PysbRequest *request, unsigned priority) {
        return object_set_u64(request->json, "priority", priority);
}

_public_ int pysb_request_set_tenant(PysbRequest *request, const char *tenant) {
        return object_set_string(request->json, "tenant", tenant, strlen(tenant));
}

_public_ int pysb_request_set_request_id(PysbRequest *request, const char *id) {
        return object_set_string(request->json, "requestId", id, strlen(id));
}

_public_ int pysb_request_set_detach(PysbRequest *request, bool detach) {
        return object_set(request->json, "detach", json_boolean(detach));
}

_public_ int pysb_request_set_queue(PysbRequest *request, bool queue) {
        return object_set(request->json, "queue", json_boolean(queue));
}

_public_ int pysb_request_set_bind_to_connection(PysbRequest *request, bool bind) {
        return object_set(request->json, "bindToConnection", json_boolean(bind));
}

_public_ int pysb_request_set_retain(PysbRequest *request, uint64_t retain_usec) {
        return object_set_u64(request->json, "retainUSec", retain_usec);
}

_public_ int pysb_request_set_usage_interval(PysbRequest *request, uint64_t interval_usec) {
        return object_set_u64(request->json, "usageIntervalUSec", interval_usec);
}

_public_ int pysb_request_set_heartbeat(PysbRequest *request, uint64_t silence_usec) {
        return object_set_u64(request->json, "heartbeatUSec", silence_usec);
}

_public_ int pysb_request_set_seed(PysbRequest *request, int64_t seed) {
        return object_set(request->json, "seed", json_integer(seed));
}

_public_ int pysb_request_to_json(const PysbRequest *request, char **ret_json) {
        return json_to_text(request->json, ret_json);
}
