/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "peer.h"

#include "basic/macro.h"
#include "client/python-lines.h"

enum {
        EMPTY = 1,
        OPEN = 2,
        BLOCK = 4,
        BLANK = 8
};

static void test_scan(void **state) {
        static const struct {
                const char *text;
                int is;
        } rows[] = {
                { "", EMPTY | BLANK },
                { "\n", EMPTY | BLANK },
                { "# x: (\n", EMPTY },
                { "x\n", 0 },
                { "x = {1: 2}\n", 0 },
                { "f(\n", OPEN },
                { "f(\n1)\n", 0 },
                { "f(  # )\n", OPEN },
                { "f(')'\n", OPEN },
                { "f('(')\n", 0 },
                { "'\\'('\n", 0 },
                { "r'\\'\n", 0 }, /* a mistake, and no reason to go on */
                { "'x\n", 0 },
                { "'x\\\n", OPEN },
                { "'x\\\ny'\n", 0 },
                { "'''x\n", OPEN },
                { "'''x\n\n", OPEN | BLANK },
                { "'''x\n'y''\n''' + \"\"\n", 0 },
                { "\"\"\"x\n'''\n\"\"\"\n", 0 },
                { "'' ''\n", 0 },
                { "x = 1 + \\\n", OPEN },
                { "x = 1 + \\\n2\n", 0 },
                { "x[1:\n", OPEN },
                { "))\n", 0 },
                { "def f():\n", BLOCK },
                { "def f():  # comment\n", BLOCK },
                { "x[1:\n2]\n", 0 },
                { "def f(\n", OPEN | BLOCK },
                { "def f():\n    return 1\n", BLOCK },
                { "def f():\n    return 1\n\n", BLOCK | BLANK },
                { "def f():\n    return 1\n   \n", BLOCK | BLANK },
                { "if x: y\n", BLOCK },
                { "match x:\n", BLOCK },
                { "match = 3\n", 0 },
                { "if_ = 3\n", 0 },
                { "iffy(3)\n", 0 },
                { "@d\n", OPEN | BLOCK },
                { "@d\n# why\n", OPEN | BLOCK },
                { "@d\ndef f(): pass\n", BLOCK },
                { "lambda: 0\n", 0 },
                { "x\ny\n", 0 },
        };

        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows)) {
                PythonLines l = python_lines_scan(row->text, strlen(row->text));
                int is = (l.is_empty ? EMPTY : 0) | (l.is_open ? OPEN : 0) |
                         (l.is_block ? BLOCK : 0) | (l.ends_in_blank ? BLANK : 0);

                if (is != row->is)
                        fail_msg("'%s' is %#x, not %#x", row->text, is, row->is);
        }
}

/* No text reads behind its end: a sanitizer sees it. */
static void test_prefixes(void **state) {
        static const char text[] = "@d\ndef f(x='''\\''''):  # [\n    return x[\\\n'(':]\nif\n";

        for (size_t size = 0; size < sizeof(text); size++) {
                char *copy = malloc(size + 1);

                assert_non_null(copy);
                memcpy(copy, text, size);
                (void) python_lines_scan(copy, size);
                (void) python_line_continues(copy, size);
                free(copy);
        }
}

static void test_continues(void **state) {
        static const char *const yes[] = { "\n",        "    x\n",     "\tx\n",
                                           "# x\n",     "else:\n",     "else :\n",
                                           "elif x:\n", "except E:\n", "finally:\n" };
        static const char *const no[] = { "x\n", "elsewhere()\n", "def f():\n", ")\n",
                                          "else_ = 1\n" };

        FOREACH_ARRAY(line, yes, ELEMENTSOF(yes))
                assert_true(python_line_continues(*line, strlen(*line)));
        FOREACH_ARRAY(line, no, ELEMENTSOF(no))
                assert_false(python_line_continues(*line, strlen(*line)));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_scan),
                cmocka_unit_test(test_prefixes),
                cmocka_unit_test(test_continues),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
