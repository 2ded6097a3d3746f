/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WriteInput: bytes for the stdin of a job that runs. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/api.h"
#include "broker/request.h"
#include "wire/base64.h"
#include "wire/build.h"
#include "wire/dispatch.h"

typedef struct InputParameters {
        const char *job, *text, *data;
        bool end_of_file;
} InputParameters;

static const JsonField input_fields[] = {
        { "job", json_dispatch_string, offsetof(InputParameters, job), JSON_REQUIRED },
        { "text", json_dispatch_string, offsetof(InputParameters, text) },
        { "data", json_dispatch_string, offsetof(InputParameters, data) },
        { "endOfFile", json_dispatch_bool, offsetof(InputParameters, end_of_file) },
        {},
};

static bool input_take_bytes(Connection *c, const InputParameters *p, Buf *ret_bytes) {
        char *bytes = NULL;
        size_t size = 0;
        int r;

        if ((p->text && p->data) || (!p->text && !p->data && !p->end_of_file)) {
                api_answer_invalid(c, "text",
                                   "give one of text and data, or neither to end the input");
                return false;
        }
        if (p->data) {
                r = base64_decode(p->data, strlen(p->data), &bytes, &size);
                if (r == -EINVAL) {
                        api_answer_invalid(c, "data", "not standard Base64");
                        return false;
                }
        } else {
                size = p->text ? strlen(p->text) : 0;
                bytes = strndup(p->text ?: "", size);
                r = bytes ? 0 : -ENOMEM;
        }
        if (r < 0) {
                c->is_dead = true;
                return false;
        }
        *ret_bytes = BUF_INIT(0);
        ret_bytes->data = bytes;
        ret_bytes->end = ret_bytes->allocated = size;
        return true;
}

void api_write_input(Connection *c) {
        InputParameters p = {};
        Job *job = api_parse(c, input_fields, &p) ? api_find_job(c, p.job) : NULL;

        if (!job || !input_take_bytes(c, &p, &c->input.bytes))
                return;
        c->input_bytes = buf_size(&c->input.bytes);
        c->input.is_last = p.end_of_file;
        connection_follow(c, job, FOLLOW_INPUT);
        input_add(&job->input, &c->input);
}
