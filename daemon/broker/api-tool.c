/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* CompleteToolCall: what a client answers to its job. */

#include <string.h>

#include "basic/parse.h"
#include "broker/api.h"
#include "broker/tool-link.h"
#include "wire/build.h"
#include "wire/dispatch.h"

#define ERROR_TYPE_MAX 64
#define ERROR_MESSAGE_MAX 4096

typedef struct FailureRequest {
        const char *type, *message;
} FailureRequest;

typedef struct CompleteParameters {
        const char *job, *call_id, *result_json;
        FailureRequest error;
} CompleteParameters;

static const JsonField failure_fields[] = {
        { "type", json_dispatch_string, offsetof(FailureRequest, type), JSON_REQUIRED },
        { "message", json_dispatch_string, offsetof(FailureRequest, message), JSON_REQUIRED },
        {},
};

static const JsonField complete_fields[] = {
        { "job", json_dispatch_string, offsetof(CompleteParameters, job), JSON_REQUIRED },
        { "callId", json_dispatch_string, offsetof(CompleteParameters, call_id), JSON_REQUIRED },
        { "resultJson", json_dispatch_string, offsetof(CompleteParameters, result_json) },
        { "error", json_dispatch_object, offsetof(CompleteParameters, error), 0, failure_fields },
        {},
};

static bool answer_invalid(Connection *c, const char *field, const char *reason) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string(&b, "field", field);
        json_build_string(&b, "reason", reason);
        connection_error(c, "InvalidRequest", json_build_take(&b));
        return false;
}

/* Whether the text fits; if not, the call is answered. */
static bool check_size(Connection *c, const char *field, const char *text, size_t max) {
        JsonBuild b = JSON_BUILD_INIT;

        if (!text || strlen(text) <= max) {
                json_build_done(&b);
                return true;
        }
        json_build_string(&b, "field", field);
        json_build_uint(&b, "sizeBytes", strlen(text));
        json_build_uint(&b, "maximumBytes", max);
        connection_error(c, "TooLarge", json_build_take(&b));
        return false;
}

static bool check_answer(Connection *c, const CompleteParameters *p) {
        if (!!p->result_json + !!p->error.type != 1)
                return answer_invalid(c, "resultJson", "give exactly one of resultJson and error");
        if (p->result_json && p->result_json[0] == '\0')
                return answer_invalid(c, "resultJson", "empty, which is no JSON text");
        if (p->error.type && p->error.type[0] == '\0')
                return answer_invalid(c, "error.type", "empty");
        return check_size(c, "resultJson", p->result_json, TOOL_VALUE_MAX) &&
               check_size(c, "error.type", p->error.type, ERROR_TYPE_MAX) &&
               check_size(c, "error.message", p->error.message, ERROR_MESSAGE_MAX);
}

static void answer_not_found(Connection *c, const CompleteParameters *p) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string(&b, "job", p->job);
        json_build_string(&b, "callId", p->call_id);
        connection_error(c, "ToolCallNotFound", json_build_take(&b));
}

void api_complete_tool_call(Connection *c) {
        CompleteParameters p = {};
        ToolCall *call = NULL;
        uint64_t id;
        Job *job;

        if (!api_parse(c, complete_fields, &p))
                return;
        job = api_find_job(c, p.job);
        if (!job || !check_answer(c, &p))
                return;
        if (parse_u64(p.call_id, &id) >= 0)
                call = tool_calls_find(&job->tools, id);
        if (!call) {
                answer_not_found(c, &p);
                return;
        }
        tool_link_answer(c->broker, job, call,
                         &(ToolAnswer){
                                 .value = p.result_json,
                                 .error_type = p.error.type,
                                 .error_message = p.error.message,
                         });
        connection_reply(c, varlink_reply_new(json_object(), false));
}
