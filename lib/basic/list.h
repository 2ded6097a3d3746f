/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An intrusive, circular, doubly linked list. An empty head points to itself. */

#include <stdbool.h>

#include "basic/macro.h"

typedef struct List {
        struct List *next, *prev;
} List;

#define LIST_INIT(head) \
        { &(head), &(head) }

static inline void list_init(List *l) {
        l->next = l->prev = l;
}

static inline bool list_is_empty(const List *l) {
        return l->next == l;
}

/* Puts item before where, that is, at the end if where is the head. */
static inline void list_insert_before(List *where, List *item) {
        item->prev = where->prev;
        item->next = where;
        where->prev->next = item;
        where->prev = item;
}

/* Safe on an item that list_init() made and nobody linked. */
static inline void list_remove(List *item) {
        item->prev->next = item->next;
        item->next->prev = item->prev;
        list_init(item);
}

/* The body may remove the current item. */
#define LIST_FOREACH(i, head)                                          \
        for (List *i = (head)->next, *i##_next = i->next; i != (head); \
             i = i##_next, i##_next = i->next)
