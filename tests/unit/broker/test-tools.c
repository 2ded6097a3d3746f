/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The state of tool calls: what a job may send, when calls are over, what counts as waiting. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "basic/buf.h"
#include "basic/macro.h"
#include "broker/tools.h"

static Tool tools[] = {
        { .name = "quick", .timeout_usec = 100 },
        { .name = "patient", .timeout_usec = UINT64_MAX },
};
static const ToolList list = { .tools = tools, .n = ELEMENTSOF(tools) };

static ToolCallFrame frame(uint64_t id, const char *name) {
        return (ToolCallFrame){
                .id = id,
                .name = name,
                .name_size = strlen(name),
                .arguments = "{}",
                .arguments_size = 2,
        };
}

static int open_call(ToolCalls *c, uint64_t id, const char *name, uint64_t now, ToolCall **ret) {
        ToolCallFrame f = frame(id, name);

        return tool_calls_open(c, &list, 20, &f, now, ret);
}

static void add_field(Buf *b, uint32_t type, const void *data, size_t size) {
        FieldHeader h = { .size = (uint32_t) size, .type = type };

        assert_int_equal(buf_append(b, &h, sizeof(h)) | buf_append(b, data, size), 0);
}

static void test_parse(void **state) {
        Buf b = BUF_INIT(0);
        ToolCallFrame f;
        uint64_t id = 7;

        add_field(&b, FIELD_CALL_ID, &id, sizeof(id));
        add_field(&b, FIELD_TOOL_NAME, "name", 4);
        assert_int_equal(tool_call_parse(buf_data(&b), buf_size(&b), &f), -EBADMSG);
        add_field(&b, FIELD_TOOL_ARGUMENTS, "{\"a\":1}", 7);
        assert_int_equal(tool_call_parse(buf_data(&b), buf_size(&b), &f), 0);
        assert_int_equal(f.id, 7);
        assert_memory_equal(f.name, "name", f.name_size);
        assert_memory_equal(f.arguments, "{\"a\":1}", f.arguments_size);
        for (size_t size = 0; size < buf_size(&b); size++)
                assert_int_equal(tool_call_parse(buf_data(&b), size, &f), -EBADMSG);
        add_field(&b, FIELD_TOOL_NAME, "name", 4); /* twice */
        assert_int_equal(tool_call_parse(buf_data(&b), buf_size(&b), &f), -EBADMSG);
        buf_done(&b);
}

static void test_numbers(void **state) {
        ToolCalls c = { .wait_max_usec = 1000 };
        ToolCall *call;

        assert_int_equal(open_call(&c, 5, "patient", 10, &call), 0);
        assert_int_equal(open_call(&c, 5, "patient", 10, &call), -EBADMSG);
        assert_int_equal(open_call(&c, 4, "patient", 10, &call), -EBADMSG);
        assert_int_equal(open_call(&c, 6, "nobody", 10, &call), TOOL_UNKNOWN);
        for (uint64_t id = 7; c.n_open < TOOL_CALLS_IN_FLIGHT_MAX; id++)
                assert_int_equal(open_call(&c, id, "patient", 10, &call), 0);
        assert_int_equal(open_call(&c, 100, "patient", 10, &call), -EBADMSG);
        assert_null(tool_calls_find(&c, 6));
        call = tool_calls_find(&c, 7);
        assert_non_null(call);
        tool_calls_close(&c, call, 20);
        assert_null(tool_calls_find(&c, 7));
        assert_int_equal(open_call(&c, 100, "patient", 20, &call), 0);
        tool_calls_done(&c);
}

static void test_limit(void **state) {
        ToolCalls c = { .wait_max_usec = 1000 };
        ToolCallFrame f = frame(1, "quick");
        ToolCall *call;

        assert_int_equal(tool_calls_open(&c, &list, 0, &f, 10, &call), TOOL_UNKNOWN);
        f.id = 2;
        assert_int_equal(tool_calls_open(&c, &list, 1, &f, 10, &call), 0);
        f.id = 3;
        assert_int_equal(tool_calls_open(&c, &list, 1, &f, 10, &call), TOOL_LIMIT);
        assert_true(c.is_exceeded);
        assert_int_equal(c.n_calls, 1);
        tool_calls_done(&c);
}

/* The tool's own time-out, or the end of all waiting. */
static void test_deadlines(void **state) {
        ToolCalls c = { .wait_max_usec = 1000 };
        ToolCall *call;

        assert_int_equal(open_call(&c, 1, "quick", 5000, &call), 0);
        assert_int_equal(call->deadline_usec, 5100);
        assert_int_equal(open_call(&c, 2, "patient", 5050, &call), 0);
        assert_int_equal(call->deadline_usec, 6000);
        assert_null(tool_calls_expired(&c, 5099));
        assert_int_equal(tool_calls_next(&c), 5100);
        call = tool_calls_expired(&c, 5100);
        assert_int_equal(call->id, 1);
        tool_calls_close(&c, call, 5100);
        assert_int_equal(tool_calls_waited(&c, 5100), 100);
        tool_calls_close(&c, tool_calls_find(&c, 2), 5400);
        assert_int_equal(tool_calls_waited(&c, 9000), 400);
        /* What was used up is gone. */
        assert_int_equal(open_call(&c, 3, "patient", 10000, &call), 0);
        assert_int_equal(call->deadline_usec, 10600);
        tool_calls_close(&c, call, 10600);
        assert_int_equal(open_call(&c, 4, "patient", 20000, &call), 0);
        assert_int_equal(call->deadline_usec, 20000);
        tool_calls_done(&c);
}

static void test_tell(void **state) {
        ToolCalls c = { .wait_max_usec = UINT64_MAX / 2 };
        uint64_t waited, now = 1000000;
        ToolCall *call;
        bool is_waiting;

        /* Short waits are told when they come to something together. */
        for (uint64_t id = 1; id <= 9; id++, now += 1000) {
                assert_int_equal(open_call(&c, id, "patient", now, &call), 0);
                assert_false(tool_calls_tell(&c, now, false, &waited, &is_waiting));
                tool_calls_close(&c, call, now + 1000);
                assert_false(tool_calls_tell(&c, now + 1000, false, &waited, &is_waiting));
        }
        assert_int_equal(open_call(&c, 10, "patient", now, &call), 0);
        assert_int_equal(tool_calls_next(&c), now + 1000);
        assert_true(tool_calls_tell(&c, now + 1000, false, &waited, &is_waiting));
        assert_int_equal(waited, TOOL_WAIT_TELL_USEC);
        assert_true(is_waiting);
        /* A long one is told when it begins to be one, and when it ends. */
        assert_false(tool_calls_tell(&c, now + 50000, false, &waited, &is_waiting));
        tool_calls_close(&c, call, now + 50000);
        assert_true(tool_calls_tell(&c, now + 50000, false, &waited, &is_waiting));
        assert_int_equal(waited, 59000);
        assert_false(is_waiting);
        assert_false(tool_calls_tell(&c, now + 60000, true, &waited, &is_waiting));
        /* Near the limit each one is told. */
        assert_int_equal(open_call(&c, 11, "patient", now + 60000, &call), 0);
        assert_true(tool_calls_tell(&c, now + 60000, true, &waited, &is_waiting));
        assert_true(is_waiting);
        tool_calls_done(&c);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parse), cmocka_unit_test(test_numbers),
                cmocka_unit_test(test_limit), cmocka_unit_test(test_deadlines),
                cmocka_unit_test(test_tell),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
