/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "broker/request.h"
#include "profile/limits.h"

static int parse(const char *text, JobRequest *ret_request, char *path) {
        json_t *p = json_loads(text, 0, NULL);
        int r;

        assert_non_null(p);
        r = job_request_parse(p, ret_request, path);
        json_decref(p);
        return r;
}

/* The names of the interface and those of the limits table are the same, each in its place. */
static void test_limit_names(void **state) {
        for (LimitId id = 0; id < _LIMIT_MAX; id++) {
                char text[128], path[JSON_PATH_MAX];
                JobRequest q;

                (void) snprintf(text, sizeof(text),
                                "{\"request\":{\"code\":\"\",\"limits\":{\"%s\":%d}}}",
                                limit_infos[id].field, 1000 + (int) id);
                assert_int_equal(parse(text, &q, path), 0);
                for (LimitId other = 0; other < _LIMIT_MAX; other++)
                        assert_int_equal(q.limits.value[other].is_set, other == id);
                assert_int_equal(q.limits.value[id].value, 1000 + id);
        }
}

typedef struct Bad {
        const char *text, *path;
} Bad;

static const Bad bad[] = {
        { "{}", "request" },
        { "{\"request\":5}", "request" },
        { "{\"request\":{\"code\":5}}", "request.code" },
        { "{\"request\":{\"analysis\":\"lax\"}}", "request.analysis" },
        { "{\"request\":{\"displayLastExpression\":1}}", "request.displayLastExpression" },
        { "{\"request\":{\"modules\":[\"a\",1]}}", "request.modules[1]" },
        { "{\"request\":{\"files\":{}}}", "request.files" },
        { "{\"request\":{\"files\":[1]}}", "request.files[0]" },
        { "{\"request\":{\"files\":[{\"path\":\"a\"},{}]}}", "request.files[1].path" },
        { "{\"request\":{\"files\":[{\"path\":\"a\",\"text\":1}]}}", "request.files[0].text" },
        { "{\"request\":{\"files\":[{\"path\":\"a\",\"mode\":1}]}}", "request.files[0].mode" },
        { "{\"request\":{\"code\":\"\"},\"x\":1}", "x" },
        { "{\"request\":{\"code\":\"\",\"cod\":\"\"}}", "request.cod" },
        { "{\"request\":{\"code\":\"\",\"detach\":1}}", "request.detach" },
        { "{\"request\":{\"code\":\"\",\"seed\":1.5}}", "request.seed" },
        { "{\"request\":{\"code\":\"\",\"retainUSec\":-1}}", "request.retainUSec" },
        { "{\"request\":{\"code\":\"\",\"arguments\":[\"a\",5]}}", "request.arguments[1]" },
        { "{\"request\":{\"code\":\"\",\"limits\":{\"x\":1}}}", "request.limits.x" },
        { "{\"request\":{\"code\":\"\",\"limits\":{\"processes\":-1}}}",
          "request.limits.processes" },
};

static void test_bad(void **state) {
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                char path[JSON_PATH_MAX];
                JobRequest q;

                assert_int_equal(parse(bad[i].text, &q, path), -EINVAL);
                assert_string_equal(path, bad[i].path);
        }
}

/* null is the same as absent, everywhere. */
static void test_nulls(void **state) {
        static const char text[] =
                "{\"request\":{\"code\":\"x\",\"arguments\":null,\"environment\":null,"
                "\"stdinText\":null,\"stdinData\":null,\"stdinFileDescriptor\":null,"
                "\"profile\":null,\"limits\":null,\"queueTimeoutUSec\":null,\"labels\":null,"
                "\"detach\":null,\"retainUSec\":null,\"seed\":null,\"scriptPath\":null,"
                "\"module\":null,\"expression\":null,\"callable\":null,\"inputsJson\":null,"
                "\"files\":null,\"modules\":null,\"analysis\":null,"
                "\"displayLastExpression\":null}}";
        char path[JSON_PATH_MAX];
        JobRequest q;

        assert_int_equal(parse(text, &q, path), 0);
        assert_null(q.arguments);
        assert_null(q.profile);
        assert_false(q.stdin_fd.is_set);
        assert_false(q.seed.is_set);
        assert_false(q.detach);
        assert_null(q.expression);
        assert_int_equal(q.files.n, 0);
        assert_false(q.analysis.is_set);
        assert_false(q.display_last_expression.is_set);
}

static void test_program(void **state) {
        static const char text[] =
                "{\"request\":{\"scriptPath\":\"a.py\",\"callable\":\"f\","
                "\"inputsJson\":\"{}\",\"files\":[{\"path\":\"a.py\",\"text\":\"pass\"},"
                "{\"path\":\"b\",\"data\":\"AA==\",\"text\":null}],"
                "\"analysis\":\"strict\",\"displayLastExpression\":false}}";
        char path[JSON_PATH_MAX];
        json_t *p = json_loads(text, 0, NULL);
        JobRequest q;

        assert_int_equal(job_request_parse(p, &q, path), 0);
        assert_null(q.code);
        assert_string_equal(q.script_path, "a.py");
        assert_string_equal(q.callable, "f");
        assert_string_equal(q.inputs_json, "{}");
        assert_int_equal(q.files.n, 2);
        assert_string_equal(q.files.files[0].text, "pass");
        assert_string_equal(q.files.files[1].data, "AA==");
        assert_null(q.files.files[1].text);
        assert_int_equal(q.analysis.value, ANALYSIS_STRICT);
        assert_true(q.display_last_expression.is_set);
        assert_false(q.display_last_expression.value);
        json_decref(p);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_limit_names),
                cmocka_unit_test(test_bad),
                cmocka_unit_test(test_nulls),
                cmocka_unit_test(test_program),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
