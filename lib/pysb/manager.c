/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "pysb/client.h"
#include "pysb/pysb-manager.h"
#include "wire/build.h"
#include "wire/message.h"

/* Administration: the methods of io.pysb.manager, whose replies are documents. */

#define MANAGER_METHOD(name) "io.pysb.manager." name

/* Steals parameters; ret_document may be NULL. */
static int manager_call(PysbClient *client,
                        const char *method,
                        json_t *parameters,
                        PysbDocument **ret_document) {
        _cleanup_(json_decrefp) json_t *reply = NULL;
        int r;

        r = client_call_wait(client, method, parameters, &reply);
        return r < 0 || !ret_document ? r : document_new(reply, ret_document);
}

_public_ int pysb_manager_reload(PysbClient *client, PysbDocument **ret_document) {
        return manager_call(client, MANAGER_METHOD("Reload"), json_object(), ret_document);
}

_public_ int
pysb_manager_drain(PysbClient *client, uint64_t timeout_usec, PysbDocument **ret_document) {
        JsonBuild b = JSON_BUILD_INIT;

        if (timeout_usec != UINT64_MAX)
                json_build_uint(&b, "timeoutUSec", timeout_usec);
        return manager_call(client, MANAGER_METHOD("Drain"), json_build_take(&b), ret_document);
}

_public_ int pysb_manager_self_test(PysbClient *client, PysbDocument **ret_document) {
        return manager_call(client, MANAGER_METHOD("SelfTest"), json_object(), ret_document);
}

_public_ int pysb_manager_resume(PysbClient *client) {
        return manager_call(client, MANAGER_METHOD("Resume"), json_object(), NULL);
}

_public_ int pysb_manager_get_status(PysbClient *client, PysbDocument **ret_document) {
        return manager_call(client, MANAGER_METHOD("GetStatus"), json_object(), ret_document);
}

_public_ int
pysb_manager_list_tenants(PysbClient *client, const char *cursor, PysbDocument **ret_document) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string(&b, "cursor", cursor);
        return manager_call(client, MANAGER_METHOD("ListTenants"), json_build_take(&b),
                            ret_document);
}

_public_ int pysb_manager_set_tenant(PysbClient *client,
                                     const char *tenant,
                                     const char *quota_json,
                                     PysbDocument **ret_document) {
        json_t *quota;
        JsonBuild b = JSON_BUILD_INIT;
        int r;

        r = wire_json_parse(quota_json, strlen(quota_json), &quota);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return client_set_error(client, -EINVAL, "The quota is no JSON object.");
        json_build_string(&b, "tenant", tenant);
        json_build_value(&b, "quota", quota);
        return manager_call(client, MANAGER_METHOD("SetTenant"), json_build_take(&b), ret_document);
}

_public_ int pysb_manager_list_jobs(PysbClient *client, PysbDocument **ret_document) {
        return manager_call(client, MANAGER_METHOD("ListJobs"), json_object(), ret_document);
}

_public_ int pysb_manager_cancel_all(PysbClient *client,
                                     const char *tenant,
                                     const char *reason,
                                     PysbDocument **ret_document) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string(&b, "tenant", tenant);
        json_build_string(&b, "reason", reason);
        return manager_call(client, MANAGER_METHOD("CancelAll"), json_build_take(&b), ret_document);
}

_public_ int pysb_manager_set_log_level(PysbClient *client, int level) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_int(&b, "level", level);
        return manager_call(client, MANAGER_METHOD("SetLogLevel"), json_build_take(&b), NULL);
}
