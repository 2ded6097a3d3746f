/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/macro.h"
#include "basic/utf8.h"
#include "pysb/client.h"
#include "wire/build.h"

/* Tools: functions of the client that a program calls. */

static json_t *tool_new(const char *name,
                        const char *description,
                        const char *parameters_schema_json,
                        uint64_t timeout_usec) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string(&b, "name", name);
        json_build_string(&b, "description", description);
        json_build_string(&b, "parametersSchemaJson", parameters_schema_json);
        if (timeout_usec != UINT64_MAX)
                json_build_uint(&b, "timeoutUSec", timeout_usec);
        return json_build_take(&b);
}

_public_ int pysb_request_add_tool(PysbRequest *request,
                                   const char *name,
                                   const char *description,
                                   const char *parameters_schema_json,
                                   uint64_t timeout_usec) {
        const char *const texts[] = { name, description, parameters_schema_json };
        json_t *tools = json_object_get(request->json, "tools"), *tool;

        FOREACH_ARRAY(text, texts, ELEMENTSOF(texts))
                if (*text && !utf8_is_valid(*text, strlen(*text)))
                        return -EILSEQ;
        if (timeout_usec != UINT64_MAX && timeout_usec > INT64_MAX)
                return -ERANGE;
        if (!tools) {
                tools = json_array();
                if (!tools || json_object_set_new(request->json, "tools", tools) < 0)
                        return -ENOMEM;
        }
        tool = tool_new(name, description, parameters_schema_json, timeout_usec);
        if (!tool || json_array_append_new(tools, tool) < 0)
                return -ENOMEM;
        return 0;
}

_public_ int pysb_event_get_tool_call(const PysbEvent *event,
                                      const char **ret_call_id,
                                      const char **ret_name,
                                      const char **ret_arguments_json) {
        const json_t *call = json_object_get(event->json, "toolCall");
        const char *id = json_member_string(call, "callId");
        const char *name = json_member_string(call, "name");
        const char *arguments = json_member_string(call, "argumentsJson");

        if (!id || !name || !arguments)
                return -ENODATA;
        *ret_call_id = id;
        *ret_name = name;
        *ret_arguments_json = arguments;
        return 0;
}

_public_ int pysb_complete_tool_call(PysbClient *client,
                                     const char *job,
                                     const char *call_id,
                                     const char *result_json,
                                     const char *error_type,
                                     const char *error_message) {
        _cleanup_(json_decrefp) json_t *reply = NULL;
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string(&b, "job", job);
        json_build_string(&b, "callId", call_id);
        json_build_string(&b, "resultJson", result_json);
        if (error_type) {
                JsonBuild error = JSON_BUILD_INIT;

                json_build_string(&error, "type", error_type);
                json_build_string(&error, "message", error_message ?: "");
                json_build_value(&b, "error", json_build_take(&error));
        }
        return client_call_wait(client, SANDBOX_METHOD("CompleteToolCall"), json_build_take(&b),
                                &reply);
}

/* What pysb_run_tools() knows while it waits. */
typedef struct ToolRun {
        PysbClient *sibling;
        PysbTool tool;
        PysbCallback callback;
        void *userdata;
        char *job;
        bool done;
        int error; /* the first one: of an answer, else of the run */
} ToolRun;

/* What the daemon says to an answer: 0 if it took it, or if the tool was too late, because the program has gone
 * on, or has ended. */
static int tool_run_complete(ToolRun *run,
                             const char *call_id,
                             const char *result,
                             const char *error_name,
                             const char *message) {
        const char *refusal;
        int r;

        r = pysb_complete_tool_call(run->sibling, run->job, call_id, error_name ? NULL : result,
                                    error_name, message);
        if (r != -EREMOTEIO)
                return r;
        refusal = pysb_client_get_error_name(run->sibling);
        if (refusal && strcmp(refusal, SANDBOX_METHOD("ToolCallNotFound")) == 0)
                return 0;
        return refusal && strcmp(refusal, SANDBOX_METHOD("TooLarge")) == 0 ? -EMSGSIZE : r;
}

static int
tool_run_answer(ToolRun *run, const char *call_id, const char *name, const char *arguments) {
        _cleanup_free_ char *result = NULL;
        const char *error_name = NULL;
        int r;

        r = run->tool(name, arguments, &result, run->userdata);
        if (r < 0)
                error_name = strerrorname_np(-r) ?: "EIO";
        else if (!result)
                error_name = "EINVAL";
        r = tool_run_complete(run, call_id, result, error_name, r < 0 ? strerror(-r) : NULL);
        /* The program hears of what is too large for it, or it would wait for ever. */
        return r != -EMSGSIZE ? r
                              : tool_run_complete(run, call_id, NULL, strerrorname_np(EMSGSIZE),
                                                  strerror(EMSGSIZE));
}

static void tool_run_on_event(
        PysbClient *client, const PysbEvent *event, PysbResult *result, int error, void *userdata) {
        const char *call_id, *name, *arguments;
        ToolRun *run = userdata;
        int r = 0;

        if (!event) {
                run->done = true;
                r = error;
        } else if (pysb_event_get_job(event)) {
                free(run->job);
                run->job = strdup(pysb_event_get_job(event));
                r = run->job ? 0 : -ENOMEM;
        } else if (pysb_event_get_tool_call(event, &call_id, &name, &arguments) == 0) {
                r = run->job ? tool_run_answer(run, call_id, name, arguments) : -EBADMSG;
        }
        if (r < 0 && run->error == 0)
                run->error = r;
        if (event && pysb_event_get_kind(event) == PYSB_EVENT_TOOL_CALL)
                return;
        if (run->callback)
                run->callback(client, event, result, error, run->userdata);
        else
                pysb_result_free(result);
}

_public_ int pysb_run_tools(PysbClient *client,
                            PysbClient *sibling,
                            const PysbRequest *request,
                            PysbTool tool,
                            PysbCallback callback,
                            void *userdata) {
        ToolRun run = {
                .sibling = sibling, .tool = tool, .callback = callback, .userdata = userdata
        };
        int r;

        r = pysb_start(client, request, tool_run_on_event, &run);
        if (r < 0)
                return r;
        while (!run.done)
                client_turn(client, UINT64_MAX);
        free(run.job);
        return run.error;
}
