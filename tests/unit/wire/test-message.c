/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "basic/cleanup.h"
#include "wire/message.h"

static const char *const good_calls[] = {
        "{\"method\":\"a.B\"}",
        " {\"method\" : \"a.B\" , \"parameters\" : { } }\n",
        "{\"method\":\"a.B\",\"parameters\":null}",
        "{\"method\":\"a.B\",\"more\":null,\"oneway\":null,\"upgrade\":null}",
        "{\"method\":\"a.B\",\"more\":false,\"oneway\":true}",
        "{\"method\":\"a.B\",\"more\":true,\"oneway\":false}",
        "{\"method\":\"a.B\",\"x-vendor\":{\"any\":[1,2.5,\"\"]}}",
        "{\"method\":\"\"}",
        "{\"method\":\"a.B\",\"parameters\":{\"i\":9223372036854775807}}",
        "{\"method\":\"a.B\",\"parameters\":{\"i\":-9223372036854775808}}",
        "{\"method\":\"a.B\",\"parameters\":{\"s\":\"\\u00e9\\ud83d\\ude00\xc3\xa9\xf0\x9f\x98\x80\"}}",
        /* The depth that is just allowed: the call, its parameters and 14 more */
        "{\"method\":\"a.B\",\"parameters\":{\"d\":[[[[[[[[[[[[[[]]]]]]]]]]]]]]}}",
};

/* What no reader may interpret in its own way. */
static const char *const bad_json[] = {
        "",
        " ",
        "garbage",
        "{\"method\":\"a.B\"",
        "{\"method\":\"a.B\"}}",
        "{\"method\":\"a.B\"} {}",
        "{\"method\":\"a.B\",}",
        "{'method':'a.B'}",
        "{method:\"a.B\"}",
        "{\"method\":\"a.B\" /* comment */}",
        "{\"method\":\"a.B\",\"method\":\"a.C\"}",
        "{\"method\":\"a.B\",\"parameters\":{\"a\":1,\"a\":1}}",
        "{\"method\":\"a.B\",\"parameters\":{\"a\":1,\"\\u0061\":2}}",
        "{\"method\":\"a.B\",\"parameters\":{\"n\":NaN}}",
        "{\"method\":\"a.B\",\"parameters\":{\"n\":Infinity}}",
        "{\"method\":\"a.B\",\"parameters\":{\"n\":-Infinity}}",
        "{\"method\":\"a.B\",\"parameters\":{\"n\":1e400}}",
        "{\"method\":\"a.B\",\"parameters\":{\"n\":9223372036854775808}}",
        "{\"method\":\"a.B\",\"parameters\":{\"n\":-9223372036854775809}}",
        "{\"method\":\"a.B\",\"parameters\":{\"n\":18446744073709551616}}",
        "{\"method\":\"a.B\",\"parameters\":{\"n\":01}}",
        "{\"method\":\"a.B\",\"parameters\":{\"n\":0x10}}",
        "{\"method\":\"a.B\",\"parameters\":{\"n\":+1}}",
        "{\"method\":\"a.B\",\"parameters\":{\"n\":1.}}",
        "{\"method\":\"a.B\",\"parameters\":{\"s\":\"a\\u0000b\"}}",
        "{\"method\":\"a.B\",\"parameters\":{\"a\\u0000b\":1}}",
        "{\"method\":\"a.B\",\"parameters\":{\"s\":\"\\ud800\"}}",
        "{\"method\":\"a.B\",\"parameters\":{\"s\":\"\\udc00\\ud800\"}}",
        "{\"method\":\"a.B\",\"parameters\":{\"s\":\"\\x41\"}}",
        "{\"method\":\"a.B\",\"parameters\":{\"s\":\"\xff\"}}",
        "{\"method\":\"a.B\",\"parameters\":{\"s\":\"\xc0\x80\"}}",
        "{\"method\":\"a.B\",\"parameters\":{\"s\":\"\xc1\x81\"}}",
        "{\"method\":\"a.B\",\"parameters\":{\"s\":\"\xe0\x80\x80\"}}",
        "{\"method\":\"a.B\",\"parameters\":{\"s\":\"\xed\xa0\x80\"}}",
        "{\"method\":\"a.B\",\"parameters\":{\"s\":\"\xf4\x90\x80\x80\"}}",
        "{\"method\":\"a.B\",\"parameters\":{\"s\":\"\xc3\"}}",
        "{\"method\":\"a.B\",\"parameters\":{\"s\":\"tab\there\"}}",
        "{\"method\":\"a.B\",\"parameters\":{\"s\":\"line\nbreak\"}}",
        "\xef\xbb\xbf{\"method\":\"a.B\"}",
        "{\"method\":\"a.B\",\"parameters\":{\"d\":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}}",
        "1",
        "\"a.B\"",
        "null",
};

/* JSON, but no call. */
static const char *const no_calls[] = {
        "{}",
        "[]",
        "[{\"method\":\"a.B\"}]",
        "{\"method\":null}",
        "{\"method\":1}",
        "{\"parameters\":{}}",
        "{\"method\":\"a.B\",\"parameters\":[]}",
        "{\"method\":\"a.B\",\"parameters\":\"\"}",
        "{\"method\":\"a.B\",\"parameters\":false}",
        "{\"method\":\"a.B\",\"more\":1}",
        "{\"method\":\"a.B\",\"more\":\"true\"}",
        "{\"method\":\"a.B\",\"oneway\":0}",
        "{\"method\":\"a.B\",\"upgrade\":{}}",
        "{\"method\":\"a.B\",\"more\":true,\"oneway\":true}",
};

static void check(const char *text, int expected) {
        _cleanup_(varlink_call_done) VarlinkCall call = {};
        int r = varlink_call_parse(text, strlen(text), &call);

        if (r != expected)
                fail_msg("%d instead of %d: %s", r, expected, text);
        if (r == 0) {
                assert_non_null(call.method);
                assert_true(json_is_object(call.parameters));
        } else
                assert_null(call.method);
}

static void test_calls(void **state) {
        FOREACH_ARRAY(t, good_calls, ELEMENTSOF(good_calls))
                check(*t, 0);
        FOREACH_ARRAY(t, bad_json, ELEMENTSOF(bad_json))
                check(*t, -EBADMSG);
        FOREACH_ARRAY(t, no_calls, ELEMENTSOF(no_calls))
                check(*t, -EPROTO);
}

static void test_call_fields(void **state) {
        static const char text[] = "{\"method\":\"a.b.C\",\"more\":true,\"upgrade\":true,"
                                   "\"parameters\":{\"x\":7}}";
        _cleanup_(varlink_call_done) VarlinkCall call = {};

        assert_int_equal(varlink_call_parse(text, strlen(text), &call), 0);
        assert_string_equal(call.method, "a.b.C");
        assert_true(call.more);
        assert_false(call.oneway);
        assert_true(call.upgrade);
        assert_int_equal(json_integer_value(json_object_get(call.parameters, "x")), 7);
        assert_int_equal(call.fds.n, 0);
}

static void test_nul_in_the_middle(void **state) {
        static const char text[] = "{\"method\":\"a.B\"\0}";
        VarlinkCall call = {};

        assert_int_equal(varlink_call_parse(text, sizeof(text) - 1, &call), -EBADMSG);
}

static int parse_reply(const char *text, VarlinkReply *reply) {
        return varlink_reply_parse(text, strlen(text), reply);
}

static void test_replies(void **state) {
        VarlinkReply reply = {};

        assert_int_equal(parse_reply("{}", &reply), 0);
        assert_null(reply.error);
        assert_false(reply.continues);
        assert_int_equal(json_object_size(reply.parameters), 0);
        varlink_reply_done(&reply);

        assert_int_equal(parse_reply("{\"parameters\":{\"a\":1},\"continues\":true}", &reply), 0);
        assert_true(reply.continues);
        assert_int_equal(json_object_size(reply.parameters), 1);
        varlink_reply_done(&reply);

        assert_int_equal(parse_reply("{\"error\":\"a.E\",\"continues\":false}", &reply), 0);
        assert_string_equal(reply.error, "a.E");
        varlink_reply_done(&reply);

        assert_int_equal(parse_reply("{\"error\":\"a.E\",\"continues\":true}", &reply), -EPROTO);
        assert_int_equal(parse_reply("{\"error\":1}", &reply), -EPROTO);
        assert_int_equal(parse_reply("{\"parameters\":1}", &reply), -EPROTO);
        assert_int_equal(parse_reply("[]", &reply), -EPROTO);
        assert_int_equal(parse_reply("{\"parameters\":{}", &reply), -EBADMSG);
}

static void check_message(json_t *message, const char *expected) {
        _cleanup_free_ char *text = json_dumps(message, JSON_COMPACT | JSON_SORT_KEYS);

        assert_string_equal(text, expected);
        json_decref(message);
}

static void test_builders(void **state) {
        check_message(varlink_call_new("a.B", json_object(), false, false),
                      "{\"method\":\"a.B\",\"parameters\":{}}");
        check_message(varlink_call_new("a.B", json_object(), true, false),
                      "{\"method\":\"a.B\",\"more\":true,\"parameters\":{}}");
        check_message(varlink_call_new("a.B", json_object(), false, true),
                      "{\"method\":\"a.B\",\"oneway\":true,\"parameters\":{}}");
        check_message(varlink_reply_new(json_object(), false), "{\"parameters\":{}}");
        check_message(varlink_reply_new(json_object(), true),
                      "{\"continues\":true,\"parameters\":{}}");
        check_message(varlink_error_invalid_parameter("a.b"),
                      "{\"error\":\"org.varlink.service.InvalidParameter\","
                      "\"parameters\":{\"parameter\":\"a.b\"}}");
        check_message(varlink_error_expected_more(),
                      "{\"error\":\"org.varlink.service.ExpectedMore\",\"parameters\":{}}");
        check_message(varlink_error_permission_denied(),
                      "{\"error\":\"org.varlink.service.PermissionDenied\",\"parameters\":{}}");
}

static void test_builders_pass_failure_on(void **state) {
        assert_null(varlink_call_new("a.B", NULL, false, false));
        assert_null(varlink_reply_new(NULL, true));
        assert_null(varlink_reply_new(NULL, false));
        assert_null(varlink_error_new("a.E", NULL));
}

/* Which allocation of ours fails; jansson's are its own. */
static size_t n_allocations, fails_at = SIZE_MAX;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void *__wrap_malloc(size_t size) {
        return n_allocations++ == fails_at ? NULL : __real_malloc(size);
}

/* Whichever allocation fails there is the whole text or none, also if it was that for a key. */
static void test_text_without_memory(void **state) {
        _cleanup_free_ char *whole = NULL;
        json_t *object = json_object();
        char key[16];
        size_t n;

        for (int i = 0; i < 2000; i++) {
                (void) snprintf(key, sizeof(key), "key %d", i);
                assert_int_equal(json_object_set_new(object, key, json_integer(i)), 0);
        }
        whole = wire_json_text(object);
        assert_non_null(whole);
        n_allocations = 0;
        free(wire_json_text(object));
        n = n_allocations;
        assert_in_range(n, 3, 100);
        for (fails_at = 0; fails_at < n; fails_at++) {
                n_allocations = 0;
                assert_null(wire_json_text(object));
        }
        fails_at = SIZE_MAX;
        json_decref(object);
        assert_null(wire_json_text(NULL)); /* a value that there was no memory for */
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_calls),
                cmocka_unit_test(test_call_fields),
                cmocka_unit_test(test_nul_in_the_middle),
                cmocka_unit_test(test_replies),
                cmocka_unit_test(test_builders),
                cmocka_unit_test(test_builders_pass_failure_on),
                cmocka_unit_test(test_text_without_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
