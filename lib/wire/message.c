/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/message.h"

#include <errno.h>
#include <string.h>

#include "basic/buf.h"
#include "wire/json-reserve.h"
#include "wire/json-scan.h"
#include "wire/json-write.h"

void varlink_fds_done(VarlinkFds *fds) {
        for (size_t i = 0; i < fds->n; i++)
                fds->fds[i] = fd_close(fds->fds[i]);
        fds->n = 0;
}

void varlink_call_done(VarlinkCall *call) {
        free(call->method);
        json_decref(call->parameters);
        varlink_fds_done(&call->fds);
        *call = (VarlinkCall){};
}

void varlink_reply_done(VarlinkReply *reply) {
        free(reply->error);
        json_decref(reply->parameters);
        varlink_fds_done(&reply->fds);
        *reply = (VarlinkReply){};
}

int wire_json_parse(const char *text, size_t size, json_t **ret_value) {
        if (json_scan(text, size) < 0)
                return -EBADMSG;
        /* Duplicate keys: two readers of one message must not see different values. NUL is refused
         * too (JSON_ALLOW_NUL is off), so that every string is a C string. */
        return json_reserve_load(text, size, JSON_REJECT_DUPLICATES, ret_value);
}

char *wire_json_text(const json_t *value) {
        Buf buf = {};

        if (!value || json_write(&buf, value) < 0 || buf_append(&buf, "", 1) < 0) {
                buf_done(&buf);
                return NULL;
        }
        return buf.data;
}

/* The object that a message is. */
static int message_parse(const char *text, size_t size, json_t **ret_object) {
        json_t *object = NULL;
        int r;

        r = wire_json_parse(text, size, &object);
        if (r < 0)
                return r;
        if (!json_is_object(object)) {
                json_decref(object);
                return -EPROTO;
        }
        *ret_object = object;
        return 0;
}

/* A flag that is absent or null is false. */
static int message_get_flag(json_t *object, const char *key, bool *ret_flag) {
        json_t *value = json_object_get(object, key);

        if (value && !json_is_null(value) && !json_is_boolean(value))
                return -EPROTO;
        *ret_flag = json_is_true(value);
        return 0;
}

/* A string of our own; *ret_string stays NULL if the key is absent or null. */
static int message_get_string(json_t *object, const char *key, char **ret_string) {
        json_t *value = json_object_get(object, key);

        if (!value || json_is_null(value))
                return 0;
        if (!json_is_string(value))
                return -EPROTO;
        *ret_string = strdup(json_string_value(value));
        return *ret_string ? 0 : -ENOMEM;
}

/* A new reference; absent or null is an empty object. */
static int message_get_parameters(json_t *object, json_t **ret_parameters) {
        json_t *value = json_object_get(object, "parameters");

        if (!value || json_is_null(value))
                value = json_object();
        else if (json_is_object(value))
                json_incref(value);
        else
                return -EPROTO;
        if (!value)
                return -ENOMEM;
        *ret_parameters = value;
        return 0;
}

static int call_fill(json_t *object, VarlinkCall *call) {
        int r;

        r = message_get_string(object, "method", &call->method);
        if (r < 0)
                return r;
        if (!call->method)
                return -EPROTO;
        r = message_get_flag(object, "more", &call->more);
        if (r < 0)
                return r;
        r = message_get_flag(object, "oneway", &call->oneway);
        if (r < 0)
                return r;
        r = message_get_flag(object, "upgrade", &call->upgrade);
        if (r < 0)
                return r;
        /* Several replies and none at all: there is no right answer. */
        if (call->more && call->oneway)
                return -EPROTO;
        /* Other keys are the business of vendors, says the specification. */
        return message_get_parameters(object, &call->parameters);
}

int varlink_call_parse(const char *text, size_t size, VarlinkCall *ret_call) {
        VarlinkCall call = {};
        json_t *object;
        int r;

        r = message_parse(text, size, &object);
        if (r < 0)
                return r;
        r = call_fill(object, &call);
        json_decref(object);
        if (r < 0) {
                varlink_call_done(&call);
                return r;
        }
        *ret_call = call;
        return 0;
}

static int reply_fill(json_t *object, VarlinkReply *reply) {
        int r;

        r = message_get_string(object, "error", &reply->error);
        if (r < 0)
                return r;
        r = message_get_flag(object, "continues", &reply->continues);
        if (r < 0)
                return r;
        /* An error is final. */
        if (reply->error && reply->continues)
                return -EPROTO;
        return message_get_parameters(object, &reply->parameters);
}

int varlink_reply_parse(const char *text, size_t size, VarlinkReply *ret_reply) {
        VarlinkReply reply = {};
        json_t *object;
        int r;

        r = message_parse(text, size, &object);
        if (r < 0)
                return r;
        r = reply_fill(object, &reply);
        json_decref(object);
        if (r < 0) {
                varlink_reply_done(&reply);
                return r;
        }
        *ret_reply = reply;
        return 0;
}

json_t *varlink_call_new(const char *method, json_t *parameters, bool more, bool oneway) {
        json_t *message = json_pack("{s:s, s:o}", "method", method, "parameters", parameters);

        if (message && more && json_object_set_new(message, "more", json_true()) < 0)
                goto fail;
        if (message && oneway && json_object_set_new(message, "oneway", json_true()) < 0)
                goto fail;
        return message;
fail:
        json_decref(message);
        return NULL;
}

json_t *varlink_reply_new(json_t *parameters, bool continues) {
        if (continues)
                return json_pack("{s:o, s:b}", "parameters", parameters, "continues", 1);
        return json_pack("{s:o}", "parameters", parameters);
}

json_t *varlink_error_new(const char *error, json_t *parameters) {
        return json_pack("{s:s, s:o}", "error", error, "parameters", parameters);
}

static json_t *standard_error(const char *error, const char *key, const char *value) {
        return varlink_error_new(error, key ? json_pack("{s:s}", key, value) : json_object());
}

json_t *varlink_error_interface_not_found(const char *interface) {
        return standard_error("org.varlink.service.InterfaceNotFound", "interface", interface);
}

json_t *varlink_error_method_not_found(const char *method) {
        return standard_error("org.varlink.service.MethodNotFound", "method", method);
}

json_t *varlink_error_method_not_implemented(const char *method) {
        return standard_error("org.varlink.service.MethodNotImplemented", "method", method);
}

json_t *varlink_error_invalid_parameter(const char *parameter) {
        return standard_error("org.varlink.service.InvalidParameter", "parameter", parameter);
}

json_t *varlink_error_permission_denied(void) {
        return standard_error("org.varlink.service.PermissionDenied", NULL, NULL);
}

json_t *varlink_error_expected_more(void) {
        return standard_error("org.varlink.service.ExpectedMore", NULL, NULL);
}
