/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "broker/collect.h"
#include "broker/reply.h"

static CollectSpec *make_spec(bool truncate, bool unchanged) {
        CollectSpec *spec = calloc(1, sizeof(*spec));

        assert_non_null(spec);
        assert_int_equal(
                collect_spec_add_rule(spec, &(CollectRule){ (char *) "*", truncate, unchanged, 0 }),
                0);
        return spec;
}

static Collection make(const CollectSpec *spec, uint64_t files, uint64_t bytes) {
        const Limits limits = {
                .value = { [LIMIT_COLLECT_FILES] = files, [LIMIT_COLLECT_BYTES] = bytes },
        };
        Collection c;

        collection_init(&c, spec, &limits);
        return c;
}

static int add(Collection *c, const char *path, uint64_t size) {
        return collection_add(
                c, &(FilesAnswer){ .size = (uint32_t) strlen(path), .size_bytes = size }, path);
}

/* Reads everything that is asked for, as x. */
static void read_all(Collection *c) {
        uint64_t bytes;
        int r;

        assert_int_equal(collection_listed(c, 0), 0);
        while ((r = collection_next(c, &bytes)) != -ENODATA) {
                if (r == 0)
                        continue;
                assert_int_equal(r, 1);
                while (bytes-- > 0)
                        assert_int_equal(collection_data(c, "x", 1), 0);
                (void) collection_read(c, 0);
        }
}

static void assert_file(const Collection *c, size_t index, const char *path, FileProblem problem) {
        assert_true(index < c->n_done);
        assert_string_equal(c->files[index].path, path);
        assert_int_equal(c->files[index].problem, problem);
        assert_int_equal(c->files[index].has_data, problem == FILE_OK);
}

static void test_limits(void **state) {
        CollectSpec *spec = make_spec(false, false);
        Collection c = make(spec, 2, 10);

        assert_int_equal(add(&c, "c", 1), 0);
        assert_int_equal(add(&c, "a", 10), 0);
        assert_int_equal(add(&c, "b", 1), 0);
        assert_int_equal(add(&c, "d", 1), -EPROTO); /* more than init was asked for */
        read_all(&c);
        assert_int_equal(c.n_done, 3);
        assert_file(&c, 0, "a", FILE_OK);
        assert_file(&c, 1, "b", FILE_TOO_LARGE);
        assert_file(&c, 2, "c", FILE_TOO_MANY);
        collection_done(&c);
        collect_spec_free(spec);
}

static void test_truncate(void **state) {
        CollectSpec *spec = make_spec(true, false);
        Collection c = make(spec, 9, 3);

        assert_int_equal(add(&c, "a", 2), 0);
        assert_int_equal(add(&c, "b", 2), 0);
        assert_int_equal(add(&c, "c", 2), 0);
        read_all(&c);
        assert_false(c.files[0].is_truncated);
        assert_true(c.files[0].has_sha256);
        assert_true(c.files[1].is_truncated && c.files[1].size == 1);
        assert_true(c.files[2].is_truncated && c.files[2].size == 0);
        assert_false(c.files[1].has_sha256);
        collection_done(&c);
        collect_spec_free(spec);
}

static void test_inputs(void **state) {
        for (size_t unchanged = 0; unchanged < 2; unchanged++) {
                CollectSpec *spec = make_spec(false, unchanged);
                Collection c;

                assert_int_equal(collect_spec_add_input(spec, "same", "xx", 2), 0);
                assert_int_equal(collect_spec_add_input(spec, "other", "xy", 2), 0);
                assert_int_equal(collect_spec_add_input(spec, "longer", "x", 1), 0);
                c = make(spec, 2 + unchanged, 4 + 2 * unchanged);
                assert_int_equal(add(&c, "same", 2), 0);
                assert_int_equal(add(&c, "other", 2), 0);
                assert_int_equal(add(&c, "longer", 2), 0);
                read_all(&c);
                assert_int_equal(c.n_done, 2 + unchanged);
                assert_file(&c, 0, "longer", FILE_OK);
                assert_file(&c, 1, "other", FILE_OK);
                if (unchanged)
                        assert_file(&c, 2, "same", FILE_OK);
                collection_done(&c);
                collect_spec_free(spec);
        }
}

/* Init is ours, but what it says is checked all the same. */
static void test_nonsense(void **state) {
        static const FilesAnswer answers[] = {
                { .size = 0 },
                { .size = FILES_PATH_MAX + 1 },
                { .size = 2, .type = _FILES_TYPE_MAX },
                { .size = 2, .rule = 1 },
                { .size = 2, .size_bytes = UINT64_MAX },
                { .size = 3 }, /* there is a NUL in it */
        };
        CollectSpec *spec = make_spec(false, false);
        Collection c = make(spec, 9, 9);
        char path[FILES_PATH_MAX + 1] = "ab";
        uint64_t bytes;

        FOREACH_ARRAY(answer, answers, ELEMENTSOF(answers))
                assert_int_equal(collection_add(&c, answer, path), -EPROTO);
        assert_int_equal(add(&c, "a", 2), 0);
        assert_int_equal(collection_next(&c, &bytes), 1);
        assert_int_equal(bytes, 2);
        assert_int_equal(collection_data(&c, "", 0), 0);
        assert_int_equal(collection_data(&c, "xxx", 3), -EPROTO);
        assert_int_equal(collection_data(&c, "x", 1), 0);
        assert_true(collection_read(&c, 0)); /* shorter than it was */
        assert_file(&c, 0, "a", FILE_CHANGED);
        collection_done(&c);
        collect_spec_free(spec);
}

static void test_lost(void **state) {
        CollectSpec *spec = make_spec(false, false);
        Collection c = make(spec, 9, 9);
        uint64_t bytes;

        assert_int_equal(add(&c, "a", 0), 0);
        assert_int_equal(add(&c, "b\n\\", 0), 0);
        assert_int_equal(add(&c, "c", 0), 0);
        assert_int_equal(collection_next(&c, &bytes), 1);
        assert_true(collection_read(&c, 0));
        assert_int_equal(collection_next(&c, &bytes), 0);
        assert_int_equal(collection_next(&c, &bytes), 1);
        assert_int_equal(collection_lose(&c), 0);
        assert_int_equal(c.n_done, 3);
        assert_file(&c, 0, "a", FILE_OK);
        assert_file(&c, 1, "b\\x0a\\x5c", FILE_ILLEGAL_NAME);
        assert_file(&c, 2, ".", FILE_LOST);
        assert_int_equal(collection_next(&c, &bytes), -ENODATA);
        collection_done(&c);
        collect_spec_free(spec);
}

/* Init has ended its search before its end: what it found comes, and one entry says that it is not all. */
static void test_listed_in_part(void **state) {
        static const struct {
                int error;
                FileProblem problem;
        } rows[] = { { -E2BIG, FILE_SEARCH_LIMIT }, { -ENOENT, FILE_LOST } };

        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows)) {
                CollectSpec *spec = make_spec(false, false);
                Collection c = make(spec, 9, 9);
                uint64_t bytes;

                assert_int_equal(add(&c, "a", 0), 0);
                assert_int_equal(collection_listed(&c, row->error), 0);
                assert_int_equal(collection_next(&c, &bytes), 0);
                assert_int_equal(collection_next(&c, &bytes), 1);
                assert_true(collection_read(&c, 0));
                assert_int_equal(collection_next(&c, &bytes), -ENODATA);
                assert_int_equal(c.n_done, 2);
                assert_file(&c, 0, ".", row->problem);
                assert_file(&c, 1, "a", FILE_OK);
                collection_done(&c);
                collect_spec_free(spec);
        }
}

/* What does not fit into the message goes into the store, up to the limit on both. */
static void test_auto(void **state) {
        CollectSpec *spec = make_spec(false, false);
        Collection c = make(spec, 9, 4 * MIB);

        spec->rules[0].delivery = DELIVERY_AUTO;
        assert_int_equal(add(&c, "a", 1), 0);
        assert_int_equal(add(&c, "b", REPLY_INLINE_BYTES_MAX), 0);
        assert_int_equal(add(&c, "c", REPLY_INLINE_BYTES_MAX + 1), 0);
        assert_int_equal(add(&c, "d", 3 * MIB), 0);
        read_all(&c);
        assert_int_equal(c.n_done, 4);
        for (size_t i = 0; i < 3; i++) {
                assert_file(&c, i, (const char *[]){ "a", "b", "c" }[i], FILE_OK);
                assert_int_equal(c.files[i].is_blob, i == 2);
        }
        assert_file(&c, 3, "d", FILE_TOO_LARGE);
        collection_done(&c);
        collect_spec_free(spec);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_limits), cmocka_unit_test(test_truncate),
                cmocka_unit_test(test_inputs), cmocka_unit_test(test_nonsense),
                cmocka_unit_test(test_lost),   cmocka_unit_test(test_listed_in_part),
                cmocka_unit_test(test_auto),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
