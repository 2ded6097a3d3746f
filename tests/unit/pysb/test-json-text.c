/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "peer.h"

#include <stdlib.h>

#include "basic/macro.h"
#include "client/json-text.h"

typedef struct Case {
        const char *text;
        const char *compact; /* NULL: refused */
} Case;

static const Case cases[] = {
        { "null", "null" },
        { " true\n", "true" },
        { "[ 1 , -2.5e+10 ,\t\"a b\" ]", "[1,-2.5e+10,\"a b\"]" },
        { "{ \"a\" : { } , \"b\" : [ ] }", "{\"a\":{},\"b\":[]}" },
        { "1208925819614629174706176", "1208925819614629174706176" },
        { "\"\\u00e4\\n\\\"\"", "\"\\u00e4\\n\\\"\"" },
        { "0", "0" },
        { "-0.0", "-0.0" },

        { "" },
        { " " },
        { "nul" },
        { "nulll" },
        { "NaN" },
        { "01" },
        { "1." },
        { ".5" },
        { "1e" },
        { "-" },
        { "+1" },
        { "[1" },
        { "[1,]" },
        { "[1 2]" },
        { "{\"a\"}" },
        { "{a:1}" },
        { "{\"a\":1,}" },
        { "\"a" },
        { "\"\\x\"" },
        { "\"\\u12g4\"" },
        { "\"\\" },
        { "\"\n\"" },
        /* What would leave the place that it is put into. */
        { "1,\"success\":true" },
        { "null}\n{" },
        { "1 2" },
};

static void test_table(void **state) {
        FOREACH_ARRAY(c, cases, ELEMENTSOF(cases)) {
                char *compact = NULL;
                int r = json_text_compact(c->text, &compact);

                if (r != (c->compact ? 0 : -EBADMSG) ||
                    (c->compact && strcmp(c->compact, compact) != 0))
                        fail_msg("%s: %d, %s", c->text, r, compact ? compact : "");
                free(compact);
        }
}

/* A value that nests a million deep takes no stack. */
static void test_depth(void **state) {
        char *deep = malloc(1000001), *compact;

        assert_non_null(deep);
        memset(deep, '[', 1000000);
        deep[1000000] = '\0';
        assert_int_equal(json_text_compact(deep, &compact), -EBADMSG);
        free(deep);
}

static void test_string(void **state) {
        static const char bytes[] = "a\"\\\n\0\xc3\xa4\xff\xf0\x9f\x98\x80\xc3";
        char *got = NULL;
        size_t size;
        FILE *out = open_memstream(&got, &size);

        assert_non_null(out);
        json_text_print_string(out, bytes, sizeof(bytes) - 1);
        (void) fclose(out);
        assert_string_equal(got, "\"a\\\"\\\\\\n\\u0000\xc3\xa4\\ufffd"
                                 "\xf0\x9f\x98\x80\\ufffd\"");
        free(got);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_table),
                cmocka_unit_test(test_depth),
                cmocka_unit_test(test_string),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
