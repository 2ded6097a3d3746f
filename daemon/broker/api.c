/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/api.h"

#include <stdio.h>

#include "basic/macro.h"
#include "broker/job-store.h"
#include "config.h"
#include "wire/build.h"
#include "wire/dispatch.h"
#include "wire/service.h"

#define HANDLER(f) ((void (*)(void))(f))

static const VarlinkMethod methods[] = {
        { "Run", 0, HANDLER(api_run) },
        { "Submit", 0, HANDLER(api_submit) },
        { "Check", 0, HANDLER(api_check) },
        { "Attach", VARLINK_REQUIRES_MORE, HANDLER(api_attach) },
        { "Wait", 0, HANDLER(api_wait) },
        { "Cancel", 0, HANDLER(api_cancel) },
        { "CompleteToolCall", 0, HANDLER(api_complete_tool_call) },
        { "GetJob", 0, HANDLER(api_get_job) },
        { "ListJobs", 0, HANDLER(api_list_jobs) },
        { "OpenSession", 0, HANDLER(api_open_session) },
        { "Execute", 0, HANDLER(api_execute) },
        { "InterruptSession", 0, HANDLER(api_interrupt_session) },
        { "ExtendSession", 0, HANDLER(api_extend_session) },
        { "CloseSession", 0, HANDLER(api_close_session) },
        { "GetSession", 0, HANDLER(api_get_session) },
        { "ListSessions", 0, HANDLER(api_list_sessions) },
        { "ListProfiles", 0, HANDLER(api_list_profiles) },
        { "GetProfile", 0, HANDLER(api_get_profile) },
        { "GetNode", 0, HANDLER(api_get_node) },
        { "WhoAmI", 0, HANDLER(api_who_am_i) },
        {},
};

static const VarlinkInterface interfaces[] = {
        { PYSB_SANDBOX_INTERFACE, varlink_text_io_pysb_sandbox, methods },
};

static const VarlinkService service = {
        .vendor = "pysb",
        .product = "pysbd",
        .version = PYSB_VERSION,
        .url = "",
        .interfaces = interfaces,
        .n_interfaces = ELEMENTSOF(interfaces),
};

void api_handle(Connection *c) {
        const VarlinkMethod *method = NULL;
        json_t *reply = NULL;
        int r;

        r = varlink_service_resolve(&service, &c->call, &method, &reply);
        if (r == VARLINK_METHOD)
                ((void (*)(Connection *)) method->handler)(c);
        else if (r == VARLINK_ANSWERED)
                connection_reply(c, reply);
        else
                c->is_dead = true;
}

bool api_parse(Connection *c, const JsonField *fields, void *target) {
        char path[JSON_PATH_MAX];

        if (json_dispatch(c->call.parameters, fields, target, path) >= 0)
                return true;
        connection_reply(c, varlink_error_invalid_parameter(path));
        return false;
}

Job *api_find_job(Connection *c, const char *id) {
        Job *job = job_store_find(c->broker, c->uid, id);
        JsonBuild b = JSON_BUILD_INIT;

        if (job) {
                json_build_done(&b);
                return job;
        }
        json_build_string(&b, "job", id);
        connection_error(c, "JobNotFound", json_build_take(&b));
        return NULL;
}

const char *api_tenant(uid_t uid, char buf[static TENANT_MAX]) {
        (void) snprintf(buf, TENANT_MAX, "uid:%u", uid);
        return buf;
}
