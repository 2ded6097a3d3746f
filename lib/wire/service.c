/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/service.h"

#include <errno.h>
#include <string.h>

#include "basic/macro.h"
#include "wire/build.h"
#include "wire/dispatch.h"

static json_t *get_info(const VarlinkService *service) {
        json_t *interfaces = json_array();
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string(&b, "vendor", service->vendor);
        json_build_string(&b, "product", service->product);
        json_build_string(&b, "version", service->version);
        json_build_string(&b, "url", service->url);
        json_build_value(&b, "interfaces", interfaces);
        if (json_array_append_new(interfaces, json_string(VARLINK_SERVICE_INTERFACE)) < 0)
                json_build_done(&b);
        FOREACH_ARRAY(i, service->interfaces, service->n_interfaces)
                if (b.object && json_array_append_new(interfaces, json_string(i->name)) < 0)
                        json_build_done(&b);
        return varlink_reply_new(json_build_take(&b), false);
}

/* A name that is not NUL-terminated. */
static const VarlinkInterface *
find_interface(const VarlinkService *service, const char *name, size_t size) {
        FOREACH_ARRAY(i, service->interfaces, service->n_interfaces)
                if (strlen(i->name) == size && memcmp(i->name, name, size) == 0)
                        return i;
        return NULL;
}

/* The description, or NULL and *ret_error. */
static const char *
get_interface_description(const VarlinkService *service, json_t *parameters, json_t **ret_error) {
        static const JsonField fields[] = {
                { "interface", json_dispatch_string, 0, JSON_REQUIRED },
                {},
        };
        const VarlinkInterface *interface;
        char path[JSON_PATH_MAX];
        const char *name = NULL;

        if (json_dispatch(parameters, fields, &name, path) < 0) {
                *ret_error = varlink_error_invalid_parameter(path);
                return NULL;
        }
        if (strcmp(name, VARLINK_SERVICE_INTERFACE) == 0)
                return varlink_description_org_varlink_service;
        interface = find_interface(service, name, strlen(name));
        if (interface)
                return interface->description;
        *ret_error = varlink_error_interface_not_found(name);
        return NULL;
}

/* org.varlink.service itself; method is without the interface. */
static const char *answer(const VarlinkService *service,
                          const VarlinkCall *call,
                          const char *method,
                          json_t **ret_reply) {
        static const JsonField no_fields[] = { {} };
        char path[JSON_PATH_MAX];

        if (strcmp(method, "GetInterfaceDescription") == 0)
                return get_interface_description(service, call->parameters, ret_reply);
        if (strcmp(method, "GetInfo") != 0)
                *ret_reply = varlink_error_method_not_found(call->method);
        else if (json_dispatch(call->parameters, no_fields, NULL, path) < 0)
                *ret_reply = varlink_error_invalid_parameter(path);
        else
                *ret_reply = get_info(service);
        return NULL;
}

static json_t *interface_not_found(const char *name, size_t size) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string_n(&b, "interface", name, size);
        return varlink_error_new("org.varlink.service.InterfaceNotFound", json_build_take(&b));
}

static const VarlinkMethod *find_method(const VarlinkInterface *interface, const char *name) {
        for (const VarlinkMethod *m = interface->methods; m->name; m++)
                if (strcmp(m->name, name) == 0)
                        return m;
        return NULL;
}

int varlink_service_resolve(const VarlinkService *service,
                            const VarlinkCall *call,
                            const VarlinkMethod **ret_method,
                            json_t **ret_reply,
                            const char **ret_text) {
        /* The last point is the end of the interface's name. */
        const char *point = strrchr(call->method, '.');
        size_t size = point ? (size_t) (point - call->method) : strlen(call->method);
        const VarlinkInterface *interface = find_interface(service, call->method, size);
        const VarlinkMethod *method = interface && point ? find_method(interface, point + 1) : NULL;
        const char *text = NULL;
        json_t *reply = NULL;

        if (call->upgrade) { /* no method here speaks anything but varlink */
                *ret_reply = varlink_error_method_not_implemented(call->method);
                return *ret_reply ? VARLINK_ANSWERED : -ENOMEM;
        }
        if (method && (!(method->flags & VARLINK_REQUIRES_MORE) || call->more)) {
                *ret_method = method;
                return VARLINK_METHOD;
        }
        if (method)
                reply = varlink_error_expected_more();
        else if (interface)
                reply = varlink_error_method_not_found(call->method);
        else if (point && size == strlen(VARLINK_SERVICE_INTERFACE) &&
                 memcmp(call->method, VARLINK_SERVICE_INTERFACE, size) == 0)
                text = answer(service, call, point + 1, &reply);
        else
                reply = interface_not_found(call->method, size);
        if (text) {
                *ret_text = text;
                return VARLINK_DESCRIBED;
        }
        if (!reply)
                return -ENOMEM;
        *ret_reply = reply;
        return VARLINK_ANSWERED;
}
