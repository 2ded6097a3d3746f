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
        { "WriteInput", 0, HANDLER(api_write_input) },
        { "GetJob", 0, HANDLER(api_get_job) },
        { "ListJobs", 0, HANDLER(api_list_jobs) },
        { "ForgetJob", 0, HANDLER(api_forget_job) },
        { "OpenSession", 0, HANDLER(api_open_session) },
        { "Execute", 0, HANDLER(api_execute) },
        { "InterruptSession", 0, HANDLER(api_interrupt_session) },
        { "ExtendSession", 0, HANDLER(api_extend_session) },
        { "RestartSession", 0, HANDLER(api_restart_session) },
        { "BranchSession", 0, HANDLER(api_branch_session) },
        { "CloseSession", 0, HANDLER(api_close_session) },
        { "GetSession", 0, HANDLER(api_get_session) },
        { "ListSessions", 0, HANDLER(api_list_sessions) },
        { "PutFiles", 0, HANDLER(api_put_files) },
        { "ReadFile", 0, HANDLER(api_read_file) },
        { "ListFiles", 0, HANDLER(api_list_files) },
        { "RemoveFiles", 0, HANDLER(api_remove_files) },
        { "PutBlob", 0, HANDLER(api_put_blob) },
        { "GetBlob", 0, HANDLER(api_get_blob) },
        { "RemoveBlobs", 0, HANDLER(api_remove_blobs) },
        { "ListProfiles", 0, HANDLER(api_list_profiles) },
        { "GetProfile", 0, HANDLER(api_get_profile) },
        { "GetNode", 0, HANDLER(api_get_node) },
        { "WhoAmI", 0, HANDLER(api_who_am_i) },
        {},
};

/* For administrators only: a flag of ours beside those of wire/service.h. */
#define API_ADMINISTRATOR (1U << 8)

static const VarlinkMethod manager_methods[] = {
        { "Reload", API_ADMINISTRATOR, HANDLER(api_manager_reload) },
        { "Drain", API_ADMINISTRATOR, HANDLER(api_manager_drain) },
        { "SelfTest", API_ADMINISTRATOR, HANDLER(api_manager_self_test) },
        { "Resume", API_ADMINISTRATOR, HANDLER(api_manager_resume) },
        { "GetStatus", API_ADMINISTRATOR, HANDLER(api_manager_get_status) },
        { "ListTenants", API_ADMINISTRATOR, HANDLER(api_manager_list_tenants) },
        { "SetTenant", API_ADMINISTRATOR, HANDLER(api_manager_set_tenant) },
        { "ListJobs", API_ADMINISTRATOR, HANDLER(api_manager_list_jobs) },
        { "CancelAll", API_ADMINISTRATOR, HANDLER(api_manager_cancel_all) },
        { "SetLogLevel", API_ADMINISTRATOR, HANDLER(api_manager_set_log_level) },
        {},
};

/* A service has a socket for each; the one socket of a private daemon has both. */
static const VarlinkInterface interfaces[] = {
        { PYSB_MANAGER_INTERFACE, varlink_description_io_pysb_manager, manager_methods },
        { PYSB_SANDBOX_INTERFACE, varlink_description_io_pysb_sandbox, methods },
};

#define SERVICE(interfaces_, n_interfaces_)                                               \
        {                                                                                 \
                .vendor = "pysb", .product = "pysbd", .version = PYSB_VERSION, .url = "", \
                .interfaces = (interfaces_), .n_interfaces = (n_interfaces_)              \
        }

static const VarlinkService manager_service = SERVICE(interfaces, 1);
static const VarlinkService sandbox_service = SERVICE(interfaces + 1, 1);
static const VarlinkService both_services = SERVICE(interfaces, 2);

static const VarlinkService *api_service(const Connection *c) {
        if (c->broker->embedded)
                return &both_services;
        return c->is_manager ? &manager_service : &sandbox_service;
}

void api_handle(Connection *c) {
        const VarlinkMethod *method = NULL;
        const char *text = NULL;
        json_t *reply = NULL;
        int r;

        r = varlink_service_resolve(api_service(c), &c->call, &method, &reply, &text);
        if (r == VARLINK_METHOD && (method->flags & API_ADMINISTRATOR)) {
                if (api_is_administrator(c))
                        ((void (*)(Connection *)) method->handler)(c);
                else
                        connection_reply(c, varlink_error_permission_denied());
        } else if (r == VARLINK_METHOD && c->tenant->policy->is_denied && !c->is_gateway)
                api_answer_denied(c, c->tenant->name);
        else if (r == VARLINK_METHOD)
                ((void (*)(Connection *)) method->handler)(c);
        else if (r == VARLINK_ANSWERED)
                connection_reply(c, reply);
        else if (r == VARLINK_DESCRIBED)
                connection_reply_text(c, text);
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

const char *api_default_profile(const Tenant *tenant, const DaemonConfig *config) {
        return tenant->policy->default_profile ?: config->default_profile;
}

Job *api_find_job(Connection *c, const char *id) {
        Job *job = job_store_find(c->broker, api_reach(c), id);
        JsonBuild b = JSON_BUILD_INIT;

        if (job) {
                json_build_done(&b);
                return job;
        }
        json_build_string(&b, "job", id);
        connection_error(c, "JobNotFound", json_build_take(&b));
        return NULL;
}
