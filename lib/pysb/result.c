/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>

#include "pysb/handles.h"
#include "wire/names.h"

/* The public enum is the wire's, moved by one to make room for UNKNOWN. */
#define OUTCOME_IS_SAME(name) \
        _Static_assert((int) PYSB_OUTCOME_##name == (int) OUTCOME_##name + 1, #name)

OUTCOME_IS_SAME(SUCCESS);
OUTCOME_IS_SAME(EXCEPTION);
OUTCOME_IS_SAME(EXIT_NONZERO);
OUTCOME_IS_SAME(SIGNALED);
OUTCOME_IS_SAME(WALL_TIME_LIMIT);
OUTCOME_IS_SAME(CPU_TIME_LIMIT);
OUTCOME_IS_SAME(MEMORY_LIMIT);
OUTCOME_IS_SAME(OUTPUT_LIMIT);
OUTCOME_IS_SAME(TOOL_CALL_LIMIT);
OUTCOME_IS_SAME(TICK_LIMIT);
OUTCOME_IS_SAME(REJECTED);
OUTCOME_IS_SAME(CANCELLED);
OUTCOME_IS_SAME(EXPIRED);
OUTCOME_IS_SAME(LOST);
OUTCOME_IS_SAME(INTERNAL_ERROR);
_Static_assert((int) _OUTCOME_MAX == PYSB_OUTCOME_INTERNAL_ERROR, "an outcome is missing here");

int result_new(json_t *json, PysbResult **ret_result) {
        _cleanup_(pysb_result_freep) PysbResult *result = NULL;
        int r;

        if (!json_member_string(json, "job") || !json_member_string(json, "outcome") ||
            !json_is_object(json_object_get(json, "usage")))
                return -EBADMSG;
        result = calloc(1, sizeof(*result));
        if (!result)
                return -ENOMEM;
        result->json = json_incref(json);
        r = bytes_from_json(json_object_get(json, "stdout"), &result->out);
        if (r < 0)
                return r;
        r = bytes_from_json(json_object_get(json, "stderr"), &result->err);
        if (r < 0)
                return r;
        *ret_result = TAKE_PTR(result);
        return 0;
}

_public_ PysbResult *pysb_result_free(PysbResult *result) {
        if (!result)
                return NULL;
        json_decref(result->json);
        bytes_done(&result->out);
        bytes_done(&result->err);
        free(result);
        return NULL;
}

_public_ const char *pysb_result_get_job(const PysbResult *result) {
        return json_member_string(result->json, "job");
}

_public_ PysbOutcome pysb_result_get_outcome(const PysbResult *result) {
        int outcome = wire_name_find(outcome_names, pysb_result_get_outcome_name(result));

        return outcome < 0 ? PYSB_OUTCOME_UNKNOWN : (PysbOutcome) (outcome + 1);
}

_public_ const char *pysb_result_get_outcome_name(const PysbResult *result) {
        return json_member_string(result->json, "outcome");
}

static int result_get_int(const PysbResult *result, const char *name, int *ret_value) {
        int64_t value;

        if (json_member_integer(result->json, name, &value) < 0 || value < INT_MIN ||
            value > INT_MAX)
                return -ENODATA;
        *ret_value = (int) value;
        return 0;
}

_public_ int pysb_result_get_exit_code(const PysbResult *result, int *ret_exit_code) {
        return result_get_int(result, "exitCode", ret_exit_code);
}

_public_ int pysb_result_get_signal(const PysbResult *result, int *ret_signal) {
        return result_get_int(result, "signal", ret_signal);
}

_public_ const char *pysb_result_get_signal_name(const PysbResult *result) {
        return json_member_string(result->json, "signalName");
}

_public_ const char *pysb_result_get_message(const PysbResult *result) {
        return json_member_string(result->json, "message");
}

static const char *exception_member(const PysbResult *result, const char *name) {
        return json_member_string(json_object_get(result->json, "exception"), name);
}

_public_ const char *pysb_result_get_exception_type(const PysbResult *result) {
        return exception_member(result, "type");
}

_public_ const char *pysb_result_get_exception_message(const PysbResult *result) {
        return exception_member(result, "message");
}

_public_ const char *pysb_result_get_exception_traceback(const PysbResult *result) {
        return exception_member(result, "traceback");
}

_public_ const char *pysb_result_get_result_json(const PysbResult *result) {
        return json_member_string(result->json, "resultJson");
}

_public_ const char *pysb_result_get_problem_type(const PysbResult *result) {
        return json_member_string(json_object_get(result->json, "resultProblem"), "type");
}

_public_ const char *pysb_result_get_problem_message(const PysbResult *result) {
        return json_member_string(json_object_get(result->json, "resultProblem"), "message");
}

_public_ const char *
pysb_result_get_output(const PysbResult *result, PysbStream stream, size_t *ret_size) {
        const Bytes *bytes = stream == PYSB_STREAM_STDERR ? &result->err : &result->out;

        *ret_size = bytes->size;
        return bytes->data;
}

_public_ bool pysb_result_is_truncated(const PysbResult *result, PysbStream stream) {
        const char *name = stream == PYSB_STREAM_STDERR ? "stderr" : "stdout";

        return json_is_true(json_object_get(json_object_get(result->json, name), "truncated"));
}

_public_ int
pysb_result_get_usage(const PysbResult *result, const char *name, uint64_t *ret_value) {
        int64_t value;

        if (json_member_integer(json_object_get(result->json, "usage"), name, &value) < 0 ||
            value < 0)
                return -ENODATA;
        *ret_value = (uint64_t) value;
        return 0;
}

_public_ const char *pysb_result_get_limits(const PysbResult *result) {
        return json_member_string(result->json, "limits");
}

_public_ const char *pysb_result_get_engine(const PysbResult *result) {
        return json_member_string(result->json, "engine");
}

_public_ const char *pysb_result_get_layer(const PysbResult *result, size_t index) {
        return json_string_value(json_array_get(json_object_get(result->json, "isolation"), index));
}

_public_ bool pysb_result_is_degraded(const PysbResult *result) {
        return json_is_true(json_object_get(result->json, "degraded"));
}

_public_ int pysb_result_get_document(const PysbResult *result, PysbDocument **ret_document) {
        return document_new(result->json, ret_document);
}

_public_ int pysb_result_to_json(const PysbResult *result, char **ret_json) {
        return json_to_text(result->json, ret_json);
}
