/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "basic/buf.h"
#include "basic/macro.h"

static void test_queue(void **state) {
        Buf b = BUF_INIT(0);

        assert_int_equal(buf_size(&b), 0);
        assert_int_equal(buf_append(&b, NULL, 0), 0);
        assert_int_equal(buf_append(&b, "hello", 5), 0);
        assert_int_equal(buf_append(&b, " world", 6), 0);
        assert_int_equal(buf_size(&b), 11);
        assert_memory_equal(buf_data(&b), "hello world", 11);
        buf_consume(&b, 6);
        assert_memory_equal(buf_data(&b), "world", 5);
        buf_consume(&b, 5);
        assert_int_equal(buf_size(&b), 0);
        buf_done(&b);
}

static void test_bound(void **state) {
        Buf b = BUF_INIT(10);

        assert_int_equal(buf_append(&b, "12345678", 8), 0);
        assert_int_equal(buf_append(&b, "9ab", 3), -ENOBUFS);
        assert_int_equal(buf_size(&b), 8);
        assert_int_equal(buf_append(&b, "9a", 2), 0);
        assert_null(buf_reserve(&b, 1));
        assert_int_equal(errno, ENOBUFS);
        buf_consume(&b, 1);
        assert_non_null(buf_reserve(&b, 1));
        errno = 0;
        assert_null(buf_reserve(&b, SIZE_MAX));
        assert_int_equal(errno, ENOBUFS);
        buf_done(&b);
        /* The bound survives. */
        assert_int_equal(buf_append(&b, "123456789ab", 11), -ENOBUFS);
        buf_done(&b);
}

/* Reads and writes of all sizes against a counter: no byte is lost, doubled or moved. */
static void test_order(void **state) {
        unsigned char chunk[97], in = 0, out = 0;
        Buf b = BUF_INIT(4096);

        for (size_t round = 0; round < 20000; round++) {
                size_t n = round * 31 % sizeof(chunk), m;

                for (size_t i = 0; i < n; i++)
                        chunk[i] = in++;
                if (buf_append(&b, chunk, n) < 0)
                        in = (unsigned char) (in - n);
                assert_true(buf_size(&b) <= 4096);
                m = MIN(buf_size(&b), round * 17 % 101);
                for (size_t i = 0; i < m; i++)
                        assert_int_equal((unsigned char) buf_data(&b)[i], out++);
                buf_consume(&b, m);
        }
        buf_done(&b);
}

static void test_reserve_and_commit(void **state) {
        Buf b = BUF_INIT(0);
        char *p = buf_reserve(&b, 100);

        assert_non_null(p);
        assert_int_equal(buf_size(&b), 0);
        memcpy(p, "abc", 3);
        buf_commit(&b, 3);
        assert_int_equal(buf_size(&b), 3);
        assert_memory_equal(buf_data(&b), "abc", 3);
        buf_done(&b);
}

static void test_shrink(void **state) {
        static char large[MIB];
        Buf b = BUF_INIT(0);

        assert_int_equal(buf_append(&b, large, sizeof(large)), 0);
        buf_shrink(&b);
        assert_true(b.allocated >= sizeof(large));
        buf_consume(&b, sizeof(large));
        buf_shrink(&b);
        assert_int_equal(b.allocated, 0);
        assert_int_equal(buf_append(&b, "abc", 3), 0);
        buf_consume(&b, 3);
        buf_shrink(&b);
        assert_true(b.allocated > 0);
        buf_done(&b);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_queue),  cmocka_unit_test(test_bound),
                cmocka_unit_test(test_order),  cmocka_unit_test(test_reserve_and_commit),
                cmocka_unit_test(test_shrink),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
