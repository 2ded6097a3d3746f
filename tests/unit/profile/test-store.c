/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "basic/macro.h"
#include "good-profile.h"
#include "profile/profile.h"

/* The good profile under a mark and with a name. */
static void print_profile(FILE *f, const char *mark, const char *name) {
        fprintf(f, "== %s\nx.toml:1: profile.name = \"%s\"\n", mark, name);
        for (size_t i = 1; i < ELEMENTSOF(good_profile); i++)
                fprintf(f, "%s\n", good_profile[i]);
}

static int parse(const char *const *marks, const char *const *names, size_t n, ProfileStore **ret) {
        _cleanup_free_ char *text = NULL, *error = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        int r;

        for (size_t i = 0; i < n; i++)
                print_profile(f, marks[i], names[i]);
        fclose(f);
        r = profile_store_parse(text, size, ret, &error);
        assert_true((r < 0) == (error != NULL));
        return r;
}

static void test_good(void **state) {
        static const char *const names[] = { "beta", "alpha", "gamma" };
        _cleanup_(profile_store_unrefp) ProfileStore *store = NULL;

        assert_int_equal(parse(names, names, 3, &store), 0);
        /* The order of the text is the numbering of the wire. */
        assert_int_equal(store->n_profiles, 3);
        assert_int_equal(profile_store_find(store, "beta"), 0);
        assert_int_equal(profile_store_find(store, "alpha"), 1);
        assert_int_equal(profile_store_find(store, "gamma"), 2);
        assert_int_equal(profile_store_find(store, "delta"), -ENOENT);
        assert_int_equal(profile_store_find(store, ""), -ENOENT);
}

static void test_empty(void **state) {
        _cleanup_(profile_store_unrefp) ProfileStore *store = NULL;

        assert_int_equal(parse(NULL, NULL, 0, &store), 0);
        assert_int_equal(store->n_profiles, 0);
}

static void test_bad(void **state) {
        static const char *const twice[] = { "a", "a" };
        static const char *const other[] = { "b", "c" };
        static const char *const longer[] = { "a", "aa" };
        ProfileStore *store = NULL;

        assert_int_equal(parse(twice, twice, 2, &store), -EINVAL);
        assert_int_equal(parse(other, twice, 1, &store), -EINVAL);
        assert_int_equal(parse(longer, twice, 2, &store), -EINVAL);
        assert_null(store);
}

static void test_bad_text(void **state) {
        static const char *const texts[] = {
                "p.toml:1: profile.name = \"p\"\n", /* before any mark */
                "== p",
                "== p\n",
                "== ",
                "==",
                "\n== p\n",
        };

        FOREACH_ARRAY(text, texts, ELEMENTSOF(texts)) {
                _cleanup_free_ char *error = NULL;
                ProfileStore *store;

                assert_int_equal(profile_store_parse(*text, strlen(*text), &store, &error),
                                 -EINVAL);
                assert_non_null(error);
        }
}

static void test_too_many(void **state) {
        _cleanup_free_ char *text = NULL, *error = NULL;
        ProfileStore *store;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        for (unsigned i = 0; i < PROFILES_MAX + 1; i++) {
                char name[16];

                snprintf(name, sizeof(name), "p%u", i);
                print_profile(f, name, name);
        }
        fclose(f);
        assert_int_equal(profile_store_parse(text, size, &store, &error), -EINVAL);
        assert_non_null(strstr(error, "more than 64"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),     cmocka_unit_test(test_empty),
                cmocka_unit_test(test_bad),      cmocka_unit_test(test_bad_text),
                cmocka_unit_test(test_too_many),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
