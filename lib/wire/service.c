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

static json_t *get_interface_description(const VarlinkService *service, const char *name) {
        const VarlinkInterface *interface = find_interface(service, name, strlen(name));
        JsonBuild b = JSON_BUILD_INIT;

        if (interface)
                json_build_string(&b, "description", interface->text);
        else if (strcmp(name, VARLINK_SERVICE_INTERFACE) == 0)
                json_build_string(&b, "description", varlink_text_org_varlink_service);
        else {
                json_build_done(&b);
                return varlink_error_interface_not_found(name);
        }
        return varlink_reply_new(json_build_take(&b), false);
}

/* org.varlink.service itself; method is without the interface. */
static json_t *answer(const VarlinkService *service, const VarlinkCall *call, const char *method) {
        static const JsonField no_fields[] = { {} };
        static const JsonField description_fields[] = {
                { "interface", json_dispatch_string, 0, JSON_REQUIRED },
                {},
        };
        char path[JSON_PATH_MAX];
        const char *name = NULL;

        if (strcmp(method, "GetInfo") == 0) {
                if (json_dispatch(call->parameters, no_fields, NULL, path) < 0)
                        return varlink_error_invalid_parameter(path);
                return get_info(service);
        }
        if (strcmp(method, "GetInterfaceDescription") == 0) {
                if (json_dispatch(call->parameters, description_fields, &name, path) < 0)
                        return varlink_error_invalid_parameter(path);
                return get_interface_description(service, name);
        }
        return varlink_error_method_not_found(call->method);
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
                            json_t **ret_reply) {
        /* The last point is the end of the interface's name. */
        const char *point = strrchr(call->method, '.');
        size_t size = point ? (size_t) (point - call->method) : strlen(call->method);
        const VarlinkInterface *interface = find_interface(service, call->method, size);
        const VarlinkMethod *method = interface && point ? find_method(interface, point + 1) : NULL;
        json_t *reply;

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
                reply = answer(service, call, point + 1);
        else
                reply = interface_not_found(call->method, size);
        if (!reply)
                return -ENOMEM;
        *ret_reply = reply;
        return VARLINK_ANSWERED;
}
