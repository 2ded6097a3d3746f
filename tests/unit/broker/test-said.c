/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "broker/frame.h"

#define RESULT_MAX 100

/* A frame by a list of fields, as a job would send it. */
typedef struct TestField {
        uint32_t type;
        const char *data;
        size_t size; /* 0: a string */
} TestField;

#define TEXT(type, text) \
        { type, text, 0 }
#define U32(type, bytes) \
        { type, bytes, 4 }
#define U64(type, bytes) \
        { type, bytes, 8 }
#define EMPTY(type) \
        { type, "", 0 }

static int take_fields(RunnerSaid *said, FrameType type, const TestField *fields, size_t n) {
        FrameBuilder b;
        Buf frame = BUF_INIT(0);
        int r;

        frame_begin(&b, type);
        for (size_t i = 0; i < n && fields[i].type != 0; i++)
                frame_add(&b, (FieldType) fields[i].type, fields[i].data,
                          fields[i].size > 0 ? fields[i].size : strlen(fields[i].data));
        assert_int_equal(frame_end(&b, &frame), 0);
        r = frame_read_all(&frame, RESULT_MAX, said);
        buf_done(&frame);
        return r;
}

#define FIELDS_MAX 8

typedef struct Case {
        const char *name;
        FrameType type;
        TestField fields[FIELDS_MAX];
        bool is_good;
} Case;

#define S64 "ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss"
#define S256 S64 S64 S64 S64
#define S2048 S256 S256 S256 S256 S256 S256 S256 S256
#define RULE TEXT(FIELD_FINDING_RULE, "rule")
#define MESSAGE TEXT(FIELD_FINDING_MESSAGE, "message")
#define LAYER TEXT(FIELD_VIOLATION_LAYER, "import_policy")
#define MIME(mime) TEXT(FIELD_DISPLAY_MIME, mime)
#define DATA TEXT(FIELD_DISPLAY_DATA, "x")

static const Case cases[] = {
        { "finding", FRAME_FINDING, { RULE, MESSAGE }, true },
        { "finding with everything",
          FRAME_FINDING,
          { RULE, MESSAGE, U32(FIELD_FINDING_SEVERITY, "\2\0\0\0"),
            U32(FIELD_FINDING_LINE, "\1\0\0\0"), U32(FIELD_FINDING_COLUMN, "\1\0\0\0"),
            TEXT(FIELD_FINDING_SUBJECT, S256), TEXT(FIELD_FINDING_PATH, S256) },
          true },
        { "finding without a rule", FRAME_FINDING, { MESSAGE } },
        { "finding without a message", FRAME_FINDING, { RULE } },
        { "finding of an unknown severity",
          FRAME_FINDING,
          { RULE, MESSAGE, U32(FIELD_FINDING_SEVERITY, "\3\0\0\0") } },
        { "a long rule", FRAME_FINDING, { TEXT(FIELD_FINDING_RULE, S64 "s"), MESSAGE } },
        { "a long message", FRAME_FINDING, { RULE, TEXT(FIELD_FINDING_MESSAGE, S2048 "s") } },
        { "a long subject",
          FRAME_FINDING,
          { RULE, MESSAGE, TEXT(FIELD_FINDING_SUBJECT, S256 "s") } },
        { "a long path", FRAME_FINDING, { RULE, MESSAGE, TEXT(FIELD_FINDING_PATH, S256 "s") } },
        { "two rules", FRAME_FINDING, { RULE, RULE, MESSAGE } },
        { "a message that is no UTF-8",
          FRAME_FINDING,
          { RULE, TEXT(FIELD_FINDING_MESSAGE, "\xff") } },
        { "a field of another frame", FRAME_FINDING, { RULE, MESSAGE, LAYER } },

        { "violation", FRAME_VIOLATION, { LAYER, TEXT(FIELD_VIOLATION_SUBJECT, "os") }, true },
        { "violation with a reason",
          FRAME_VIOLATION,
          { TEXT(FIELD_VIOLATION_LAYER, "audit_hook"), TEXT(FIELD_VIOLATION_SUBJECT, S256),
            TEXT(FIELD_VIOLATION_REASON, "not-installed") },
          true },
        { "violation of the kernel's",
          FRAME_VIOLATION,
          { TEXT(FIELD_VIOLATION_LAYER, "seccomp"), TEXT(FIELD_VIOLATION_SUBJECT, "os") } },
        { "violation of nothing", FRAME_VIOLATION, { LAYER } },
        { "violation of no layer", FRAME_VIOLATION, { TEXT(FIELD_VIOLATION_SUBJECT, "os") } },
        { "violation for a reason of its own",
          FRAME_VIOLATION,
          { LAYER, TEXT(FIELD_VIOLATION_SUBJECT, "os"), TEXT(FIELD_VIOLATION_REASON, "not") } },

        { "display", FRAME_DISPLAY, { MIME("image/png"), DATA }, true },
        { "display with two types",
          FRAME_DISPLAY,
          { EMPTY(FIELD_DISPLAY_IS_RESULT), MIME("text/html"), TEXT(FIELD_DISPLAY_TEXT, "<b>"),
            MIME("application/vnd.x-y+json"), DATA },
          true },
        { "display of an empty text",
          FRAME_DISPLAY,
          { MIME("text/plain"), EMPTY(FIELD_DISPLAY_TEXT) },
          true },
        { "display of nothing", FRAME_DISPLAY, { EMPTY(FIELD_DISPLAY_IS_RESULT) } },
        { "display without a type", FRAME_DISPLAY, { DATA } },
        { "display without bytes", FRAME_DISPLAY, { MIME("image/png") } },
        { "display that ends with a type",
          FRAME_DISPLAY,
          { MIME("image/png"), DATA, MIME("text/plain") } },
        { "two types in a row", FRAME_DISPLAY, { MIME("image/png"), MIME("text/plain"), DATA } },
        { "the same type twice",
          FRAME_DISPLAY,
          { MIME("image/png"), DATA, MIME("image/png"), DATA } },
        { "no type", FRAME_DISPLAY, { MIME("png"), DATA } },
        { "half a type", FRAME_DISPLAY, { MIME("image/"), DATA } },
        { "the other half", FRAME_DISPLAY, { MIME("/png"), DATA } },
        { "two slashes", FRAME_DISPLAY, { MIME("a/b/c"), DATA } },
        { "a type with parameters", FRAME_DISPLAY, { MIME("text/html; charset=utf-8"), DATA } },
        { "a type with a control character", FRAME_DISPLAY, { MIME("text/\n"), DATA } },
        { "a long type", FRAME_DISPLAY, { MIME("text/" S64), DATA } },
        { "display beyond the limit",
          FRAME_DISPLAY,
          { MIME("a/b"), TEXT(FIELD_DISPLAY_DATA, S256) } },

        { "problem",
          FRAME_RESULT_PROBLEM,
          { TEXT(FIELD_EXCEPTION_TYPE, "ResultTooLarge"), TEXT(FIELD_EXCEPTION_MESSAGE, "no") },
          true },
        { "problem without a type", FRAME_RESULT_PROBLEM, { TEXT(FIELD_EXCEPTION_MESSAGE, "no") } },
        { "problem with a traceback",
          FRAME_RESULT_PROBLEM,
          { TEXT(FIELD_EXCEPTION_TYPE, "E"), TEXT(FIELD_EXCEPTION_TRACEBACK, "no") } },

        { "running", FRAME_RUNNING, {}, true },
        { "running with something in it", FRAME_RUNNING, { RULE } },
        { "a reply to nothing", FRAME_TOOL_REPLY, {} },
};

static void test_table(void **state) {
        FOREACH_ARRAY(c, cases, ELEMENTSOF(cases)) {
                RunnerSaid said = {};
                int r = take_fields(&said, c->type, c->fields, FIELDS_MAX);

                if (r != (c->is_good ? 0 : -EBADMSG))
                        fail_msg("%s: %d", c->name, r);
                said_done(&said);
        }
}

static const TestField finding[] = { RULE, MESSAGE };

/* From RUNNING on the program itself may hold the pen. */
static void test_findings_after_running(void **state) {
        RunnerSaid said = {};

        assert_int_equal(take_fields(&said, FRAME_FINDING, finding, 2), 0);
        assert_int_equal(take_fields(&said, FRAME_RUNNING, NULL, 0), 0);
        assert_true(said.is_running);
        assert_int_equal(take_fields(&said, FRAME_FINDING, finding, 2), -EBADMSG);
        assert_int_equal(take_fields(&said, FRAME_RUNNING, NULL, 0), -EBADMSG);
        assert_int_equal(said.n_findings, 1);
        said_done(&said);
}

/* At most so many, once, and only of a program. */
static void test_ticks(void **state) {
        static const struct {
                TestField fields[3];
                int r;
        } rows[] = {
                { { U64(FIELD_TICKS_COUNT, "\2\1\0\0\0\0\0\0") }, 0 },
                { { U64(FIELD_TICKS_COUNT, "\2\1\0\0\0\0\0\0"), EMPTY(FIELD_TICKS_EXCEEDED) }, 0 },
                { { U64(FIELD_TICKS_COUNT, "\0\x10\xa5\xd4\xe8\0\0\0") }, 0 }, /* TICKS_MAX */
                { { U64(FIELD_TICKS_COUNT, "\1\x10\xa5\xd4\xe8\0\0\0") }, -EBADMSG },
                { { U64(FIELD_TICKS_COUNT, "\xff\xff\xff\xff\xff\xff\xff\xff") }, -EBADMSG },
                { { U32(FIELD_TICKS_COUNT, "\2\1\0\0") }, -EBADMSG },
                { { EMPTY(FIELD_TICKS_EXCEEDED) }, -EBADMSG },
                { { U64(FIELD_TICKS_COUNT, "\2\1\0\0\0\0\0\0"), RULE }, -EBADMSG },
                { {}, -EBADMSG },
        };

        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows)) {
                RunnerSaid said = { .is_running = true };

                assert_int_equal(take_fields(&said, FRAME_TICKS, row->fields, 3), row->r);
                assert_int_equal(said.has_ticks, row->r == 0);
                assert_int_equal(said.ticks_exceeded, row == &rows[1]);
                if (row == &rows[0])
                        assert_int_equal(said.ticks, 0x102);
                assert_int_equal(take_fields(&said, FRAME_TICKS, rows[0].fields, 3),
                                 row->r == 0 ? -EBADMSG : 0);
                said.is_running = said.has_ticks = false;
                assert_int_equal(take_fields(&said, FRAME_TICKS, rows[0].fields, 3), -EBADMSG);
                said_done(&said);
        }
}

static void test_counts(void **state) {
        const TestField display[] = { MIME("a/b"), DATA };
        RunnerSaid said = {};

        for (unsigned i = 0; i < FINDINGS_MAX; i++)
                assert_int_equal(take_fields(&said, FRAME_FINDING, finding, 2), 0);
        assert_int_equal(take_fields(&said, FRAME_FINDING, finding, 2), -EBADMSG);
        for (unsigned i = 0; i < DISPLAYS_MAX; i++)
                assert_int_equal(take_fields(&said, FRAME_DISPLAY, display, 2), 0);
        assert_int_equal(take_fields(&said, FRAME_DISPLAY, display, 2), -EBADMSG);
        assert_int_equal(said.display_bytes, DISPLAYS_MAX);
        said_done(&said);
}

/* A program that tries a million imports costs a counter, and no memory. */
static void test_violations(void **state) {
        TestField fields[] = { LAYER, { FIELD_VIOLATION_SUBJECT, NULL } };
        RunnerSaid said = {};
        char subject[16];

        fields[1].data = subject;
        for (unsigned i = 0; i < 10 * VIOLATIONS_MAX; i++) {
                (void) snprintf(subject, sizeof(subject), "m%u", i % (VIOLATIONS_MAX + 1));
                assert_int_equal(take_fields(&said, FRAME_VIOLATION, fields, 2), 0);
        }
        assert_int_equal(said.n_violations, VIOLATIONS_MAX);
        assert_int_equal(said.violations[0].count, 10);
        assert_string_equal(said.violations[1].subject, "m1");
        said_done(&said);
}

/* The result and the displays share one limit, whoever comes first. */
static void test_budget(void **state) {
        const TestField display[] = { MIME("a/b"), { FIELD_DISPLAY_DATA, S64, 60 } };
        Buf result = BUF_INIT(0);
        FrameHeader h = { .size = 41, .type = FRAME_RESULT };
        RunnerSaid said = {};

        assert_int_equal(take_fields(&said, FRAME_DISPLAY, display, 2), 0);
        assert_int_equal(take_fields(&said, FRAME_DISPLAY, display, 2), -EBADMSG);
        assert_int_equal(buf_append(&result, &h, sizeof(h)), 0);
        assert_int_equal(buf_append(&result, S64, 41), 0);
        assert_int_equal(frame_read_all(&result, RESULT_MAX, &said), -EBADMSG);
        assert_null(said.result);
        assert_int_equal(said.n_displays, 1);
        said_done(&said);
        buf_done(&result);
}

/* Quotes double in a reply; other control characters are nothing that JSON text may have. */
static void test_growth(void **state) {
        static const struct {
                const char *text;
                int r;
        } texts[] = { { "\"\"", 0 }, { "\"\\\"\"", 0 }, { "\1\1", -EBADMSG } };

        FOREACH_ARRAY(c, texts, ELEMENTSOF(texts)) {
                FrameHeader h = { .size = (uint32_t) strlen(c->text), .type = FRAME_RESULT };
                Buf result = BUF_INIT(0);
                RunnerSaid said = {};

                assert_int_equal(buf_append(&result, &h, sizeof(h)), 0);
                assert_int_equal(buf_append(&result, c->text, h.size), 0);
                assert_int_equal(frame_read_all(&result, RESULT_MAX, &said), c->r);
                said_done(&said);
                buf_done(&result);
        }
}

static void test_refusal(void **state) {
        const TestField refuse[] = { RULE, TEXT(FIELD_FINDING_MESSAGE, "no"),
                                     U32(FIELD_FINDING_SEVERITY, "\2\0\0\0") };
        RunnerSaid said = {};

        assert_null(said_refusal(&said));
        assert_int_equal(take_fields(&said, FRAME_FINDING, finding, 2), 0);
        assert_null(said_refusal(&said));
        assert_int_equal(take_fields(&said, FRAME_FINDING, refuse, 3), 0);
        assert_string_equal(said_refusal(&said)->message, "no");
        said_done(&said);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_table),      cmocka_unit_test(test_findings_after_running),
                cmocka_unit_test(test_ticks),      cmocka_unit_test(test_counts),
                cmocka_unit_test(test_violations), cmocka_unit_test(test_budget),
                cmocka_unit_test(test_growth),     cmocka_unit_test(test_refusal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
