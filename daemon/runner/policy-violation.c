/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runner/python.h"

#include <string.h>
#include <unistd.h>

#include "basic/macro.h"
#include "basic/utf8.h"
#include "runner/frame.h"
#include "runner/policy.h"

/* Of one job. The broker counts equal ones, but a loop of refusals must not fill its buffers. */
#define VIOLATIONS_MAX 256

#define LAYER_MAX 16U
#define REASON_MAX 16U

typedef struct Payload {
        char data[3 * sizeof(FieldHeader) + LAYER_MAX + VIOLATION_SUBJECT_MAX + REASON_MAX];
        size_t size;
} Payload;

static void payload_add(Payload *p, FieldType type, const char *text, size_t max) {
        size_t size = strnlen(text, max + 1);
        FieldHeader h = { .type = type };

        if (size > max)
                size = max - utf8_incomplete_tail(text, max);
        h.size = (uint32_t) size;
        memcpy(p->data + p->size, &h, sizeof(h));
        memcpy(p->data + p->size + sizeof(h), text, size);
        p->size += sizeof(h) + size;
}

void policy_violation(const char *layer, const char *subject, const char *reason) {
        static unsigned n_sent;
        Payload payload = { .size = 0 };

        if (n_sent >= VIOLATIONS_MAX || !policy.is_locked || getpid() != policy.job_pid)
                return;
        n_sent++;
        payload_add(&payload, FIELD_VIOLATION_LAYER, layer, LAYER_MAX);
        payload_add(&payload, FIELD_VIOLATION_SUBJECT, subject, VIOLATION_SUBJECT_MAX);
        if (reason)
                payload_add(&payload, FIELD_VIOLATION_REASON, reason, REASON_MAX);
        (void) frame_send(RUNNER_FD_CHANNEL, FRAME_VIOLATION, payload.data, payload.size);
}
