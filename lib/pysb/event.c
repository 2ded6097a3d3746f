/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "pysb/handles.h"
#include "wire/names.h"

/* The public enum is the wire's, moved by one to make room for UNKNOWN. */
_Static_assert((int) PYSB_EVENT_ACCEPTED == (int) EVENT_ACCEPTED + 1, "accepted");
_Static_assert((int) PYSB_EVENT_QUEUED == (int) EVENT_QUEUED + 1, "queued");
_Static_assert((int) PYSB_EVENT_STARTED == (int) EVENT_STARTED + 1, "started");
_Static_assert((int) PYSB_EVENT_OUTPUT == (int) EVENT_OUTPUT + 1, "output");
_Static_assert((int) PYSB_EVENT_DISPLAY == (int) EVENT_DISPLAY + 1, "display");
_Static_assert((int) PYSB_EVENT_TOOL_CALL == (int) EVENT_TOOL_CALL + 1, "tool_call");
_Static_assert((int) PYSB_EVENT_VIOLATION == (int) EVENT_VIOLATION + 1, "violation");
_Static_assert((int) PYSB_EVENT_FILE == (int) EVENT_FILE + 1, "file");
_Static_assert((int) PYSB_EVENT_USAGE == (int) EVENT_USAGE + 1, "usage");
_Static_assert((int) PYSB_EVENT_HEARTBEAT == (int) EVENT_HEARTBEAT + 1, "heartbeat");
_Static_assert((int) _EVENT_KIND_MAX == PYSB_EVENT_HEARTBEAT, "a kind is missing here");

int event_init(PysbEvent *event, json_t *json) {
        int64_t sequence;

        if (!json_member_string(json, "kind") ||
            json_member_integer(json, "sequence", &sequence) < 0 || sequence < 0)
                return -EBADMSG;
        *event = (PysbEvent){ .json = json };
        return bytes_from_json(json_object_get(json, "output"), &event->output);
}

void event_done(PysbEvent *event) {
        bytes_done(&event->output);
}

_public_ PysbEventKind pysb_event_get_kind(const PysbEvent *event) {
        int kind = wire_name_find(event_kind_names, pysb_event_get_kind_name(event));

        return kind < 0 ? PYSB_EVENT_UNKNOWN : (PysbEventKind) (kind + 1);
}

_public_ const char *pysb_event_get_kind_name(const PysbEvent *event) {
        return json_member_string(event->json, "kind");
}

_public_ uint64_t pysb_event_get_sequence(const PysbEvent *event) {
        int64_t sequence = 0;

        json_member_integer(event->json, "sequence", &sequence);
        return (uint64_t) sequence;
}

_public_ const char *pysb_event_get_job(const PysbEvent *event) {
        return json_member_string(event->json, "job");
}

_public_ int pysb_event_get_output(const PysbEvent *event,
                                   PysbStream *ret_stream,
                                   const char **ret_data,
                                   size_t *ret_size) {
        const char *stream = json_member_string(json_object_get(event->json, "output"), "stream");

        if (!stream || !event->output.data)
                return -ENODATA;
        if (strcmp(stream, "stdout") == 0)
                *ret_stream = PYSB_STREAM_STDOUT;
        else if (strcmp(stream, "stderr") == 0)
                *ret_stream = PYSB_STREAM_STDERR;
        else
                return -ENODATA;
        *ret_data = event->output.data;
        *ret_size = event->output.size;
        return 0;
}

_public_ int pysb_event_to_json(const PysbEvent *event, char **ret_json) {
        return json_to_text(event->json, ret_json);
}
