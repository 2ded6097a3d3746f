/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>

#include "basic/list.h"

typedef struct Item {
        int number;
        List link;
} Item;

static void assert_numbers(List *head, const int *numbers, size_t n) {
        size_t i = 0;

        LIST_FOREACH(l, head) {
                assert_true(i < n);
                assert_int_equal(container_of(l, Item, link)->number, numbers[i++]);
        }
        assert_int_equal(i, n);
}

static void test_list(void **state) {
        Item items[3] = { { .number = 0 }, { .number = 1 }, { .number = 2 } };
        List head = LIST_INIT(head);

        assert_true(list_is_empty(&head));
        list_insert_before(&head, &items[0].link);
        list_insert_before(&head, &items[2].link);
        list_insert_before(&items[2].link, &items[1].link);
        assert_numbers(&head, (int[]){ 0, 1, 2 }, 3);
        list_remove(&items[1].link);
        assert_numbers(&head, (int[]){ 0, 2 }, 2);
        /* Twice does no harm. */
        list_remove(&items[1].link);
        assert_numbers(&head, (int[]){ 0, 2 }, 2);
        list_insert_before(head.next, &items[1].link);
        assert_numbers(&head, (int[]){ 1, 0, 2 }, 3);
}

static void test_remove_while_walking(void **state) {
        Item items[4] = { { .number = 0 }, { .number = 1 }, { .number = 2 }, { .number = 3 } };
        List head = LIST_INIT(head);

        FOREACH_ARRAY(i, items, ELEMENTSOF(items))
                list_insert_before(&head, &i->link);
        LIST_FOREACH(l, &head)
                if (container_of(l, Item, link)->number % 2 == 0)
                        list_remove(l);
        assert_numbers(&head, (int[]){ 1, 3 }, 2);
        LIST_FOREACH(l, &head)
                list_remove(l);
        assert_true(list_is_empty(&head));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_list),
                cmocka_unit_test(test_remove_while_walking),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
