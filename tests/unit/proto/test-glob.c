/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "proto/glob.h"

static uint64_t steps;

static bool matches(const char *pattern, const char *path) {
        GlobPlaces places;
        Glob glob;

        if (glob_parse(pattern, &glob))
                fail_msg("%s is refused", pattern);
        places = glob_start(&glob);
        for (const char *p = path;; p++) {
                size_t n = strcspn(p, "/");

                places = glob_step(&glob, places, p, n, &steps);
                p += n;
                if (*p == '\0')
                        return glob_accepts(&glob, places);
                if (!glob_goes_on(&glob, places))
                        return false;
        }
}

static void test_table(void **state) {
        static const struct {
                const char *pattern, *path;
                bool is_match;
        } rows[] = {
                { "a", "a", true },
                { "a", "b", false },
                { "a", "a/a", false },
                { "*", "a", true },
                { "*", ".a", true },
                { "*", "a/b", false },
                { "*.c", "x.c", true },
                { "*.c", ".c", true },
                { "*.c", "x.cc", false },
                { "a*b*c", "axbbxc", true },
                { "a*b*c", "axbbx", false },
                { "*ab", "aab", true },
                { "*ab*", "xa", false },
                { "*\303\251", "a\303\251\303\251", true },
                { "*a", "\303a", true },
                { "*[b]", "ab", true },
                { "?", "\303\251", true },
                { "??", "\303\251", false },
                { "?", "\377", true },
                { "[abc]", "b", true },
                { "[abc]", "d", false },
                { "[a-c]x", "bx", true },
                { "[!a-c]", "b", false },
                { "[!a-c]", "d", true },
                { "[]]", "]", true },
                { "[!]]", "]", false },
                { "[]-a]", "^", true },
                { "[a-]", "-", true },
                { "[\303\240-\303\266]", "\303\251", true },
                { "[", "[", true },
                { "[a", "[a", true },
                { "[[]1]", "[1]", true },
                { "**", "a", true },
                { "**", "a/b/c", true },
                { "**/a", "a", true },
                { "**/a", "b/c/a", true },
                { "**/a", "a/b", false },
                { "a/**", "a", false },
                { "a/**", "a/b/c", true },
                { "a/**/b", "a/b", true },
                { "a/**/b", "a/x/y/b", true },
                { "a/**/b", "a/x/y/c", false },
                { "**/x/**", "a/x/b", true },
                { "**/x/**", "a/x", false },
                { "a**", "abc", true },
                { "a**", "a/b", false },
                { "*/*", "a/b", true },
                { "*/*", "a", false },
        };

        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows))
                if (matches(row->pattern, row->path) != row->is_match)
                        fail_msg("%s and %s", row->pattern, row->path);
}

static void test_refused(void **state) {
        static const char *const patterns[] = { "", "/a", "a/", "a//b", ".", "a/../b", "./a" };
        char text[GLOB_BYTES_MAX + 2];
        Glob glob;

        FOREACH_ARRAY(pattern, patterns, ELEMENTSOF(patterns))
                assert_non_null(glob_parse(*pattern, &glob));
        memset(text, 'a', sizeof(text));
        text[sizeof(text) - 1] = '\0';
        assert_non_null(glob_parse(text, &glob));
        text[sizeof(text) - 2] = '\0';
        assert_null(glob_parse(text, &glob));
        for (size_t i = 1; i < 2 * GLOB_PARTS_MAX - 1; i += 2)
                text[i] = '/';
        text[2 * GLOB_PARTS_MAX - 1] = '\0';
        assert_null(glob_parse(text, &glob)); /* as many components as there may be */
        memcpy(text + 2 * GLOB_PARTS_MAX - 1, "/a", 3);
        assert_non_null(glob_parse(text, &glob));
}

/* The meaning, without any cleverness: * and ? in a component, ** alone in one. */
static bool is_match(const char *pattern, const char *path) {
        if (strncmp(pattern, "**/", 3) == 0) {
                const char *slash = strchr(path, '/');

                return is_match(pattern + 3, path) || (slash && is_match(pattern, slash + 1));
        }
        if (strcmp(pattern, "**") == 0)
                return true;
        for (; *pattern != '\0' && *pattern != '*'; pattern++, path++)
                if (*pattern == '?' ? *path == '\0' || *path == '/' : *pattern != *path)
                        return false;
                else if (*pattern == '/')
                        return is_match(pattern + 1, path + 1);
        if (*pattern == '\0')
                return *path == '\0';
        return is_match(pattern + 1, path) ||
               (*path != '\0' && *path != '/' && is_match(pattern, path + 1));
}

static void make_path(char *text, const char *const *parts, size_t n_parts, unsigned *seed) {
        size_t n = 1 + (size_t) rand_r(seed) % 4;

        text[0] = '\0';
        for (size_t i = 0; i < n; i++) {
                strncat(text, i > 0 ? "/" : "", 2);
                strncat(text, parts[(size_t) rand_r(seed) % n_parts], 8);
        }
}

static void test_property(void **state) {
        static const char *const globs[] = { "**", "*", "a", "ab", "a*", "*b", "?", "a?", "*a*b" };
        static const char *const names[] = { "a", "b", "ab", "aab", "ba", "abab" };
        unsigned seed = 1;
        size_t n_matches = 0;

        for (size_t i = 0; i < 100000; i++) {
                char pattern[64], path[64];
                bool is;

                make_path(pattern, globs, ELEMENTSOF(globs), &seed);
                make_path(path, names, ELEMENTSOF(names), &seed);
                is = is_match(pattern, path);
                n_matches += is;
                if (matches(pattern, path) != is)
                        fail_msg("%s and %s: %d", pattern, path, is);
        }
        assert_true(n_matches > 10000 && n_matches < 90000);
}

/* What takes others ages: many stars, and a name that they almost match. */
static void test_no_explosion(void **state) {
        char name[256];

        memset(name, 'a', 255);
        name[255] = '\0';
        assert_false(matches("**/**/**/**/**/*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", name));
        assert_false(matches("**/a/**/a/**/a/**/a/**/a/**/b",
                             "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"));
}

/* What a pattern takes is counted: each star, each character that it has tried, each one of a class. */
static void test_steps(void **state) {
        char name[256], pattern[GLOB_BYTES_MAX + 1];

        memset(name, 'a', 255);
        name[255] = '\0';
        memset(pattern, 'a', 128);
        pattern[0] = '*';
        memcpy(pattern + 128, "b", 2);
        steps = 0;
        assert_false(matches(pattern, name));
        assert_in_range(steps, 128 * 128, 2 * 128 * 128);

        memset(pattern, 'b', 1000);
        pattern[0] = '[';
        memcpy(pattern + 999, "]", 2);
        steps = 0;
        assert_false(matches(pattern, name));
        assert_in_range(steps, 1000, 1100);

        steps = 0;
        assert_true(matches("*.csv", "a-name-of-some-length.csv"));
        assert_in_range(steps, 5, 10);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_table),    cmocka_unit_test(test_refused),
                cmocka_unit_test(test_property), cmocka_unit_test(test_no_explosion),
                cmocka_unit_test(test_steps),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
