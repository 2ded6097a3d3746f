# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rows, and any other items: grouping, filtering, sorting, cutting in pieces.

Every function takes any iterable, a generator too, and reads it once. A key is a function of an item
or, for rows that are dicts (or anything with item[name]), the name of a field as text, or a tuple of
such names for several fields. A text is never callable, so the two cannot be mixed up. A row without
the field is a KeyError that names it.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from operator import itemgetter

__all__ = ['chunk', 'filter_by', 'group_by', 'map_items', 'sort_by', 'unique']

Key = Callable | str | tuple[str, ...]

# What marks the frozen form of a list and of a dict in unique(): nothing else is equal to them.
_LIST, _DICT = object(), object()


def _key_function(key: Key, argument: str) -> Callable:
    """The function that a key stands for."""
    if callable(key):
        return key
    if isinstance(key, str):
        return itemgetter(key)
    if isinstance(key, tuple) and key and all(isinstance(name, str) for name in key):
        return itemgetter(*key) if len(key) > 1 else lambda item: (item[key[0]],)
    raise TypeError('%s must be a function, the name of a field or a tuple of such names, not %r'
                    % (argument, key))


def _check_callable(function: Callable, argument: str) -> None:
    if not callable(function):
        raise TypeError('%s must be a function, not %r' % (argument, function))


def group_by(items: Iterable, key_func: Key) -> dict[object, list]:
    """The items by key: {key: [item, ...]}, keys and items in the order in which they were first seen.

    group_by(rows, 'city'), group_by(rows, ('city', 'year')), group_by(words, len). Unlike
    itertools.groupby() it needs no sorted input. TypeError for a key that cannot be hashed.
    Memory: all items.
    """
    key = _key_function(key_func, 'key_func')
    groups = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def filter_by(items: Iterable, predicate: Callable[[object], object]) -> list:
    """A list of the items for which predicate(item) is true, in their order.

    TypeError for a predicate that is no function. Memory: the result.
    """
    _check_callable(predicate, 'predicate')
    return [item for item in items if predicate(item)]


def map_items(items: Iterable, transform: Callable[[object], object]) -> list:
    """A list of transform(item) of each item, in their order.

    TypeError for a transform that is no function. Memory: the result.
    """
    _check_callable(transform, 'transform')
    return [transform(item) for item in items]


def sort_by(items: Iterable, key_func: Key, reverse: bool = False) -> list:
    """A sorted list of the items. Items with equal keys keep their order, with reverse=True, too.

    TypeError for keys that cannot be compared with each other, such as None and a number. Memory: all
    items and their keys.
    """
    return sorted(items, key=_key_function(key_func, 'key_func'), reverse=reverse)


def _freeze(value: object) -> object:
    """Something with a hash that is equal to the same of another value exactly if the values are.

    TypeError where there is no such thing.
    """
    kind = type(value)
    if kind is list:
        return _LIST, tuple([_freeze(item) for item in value])
    if kind is tuple:
        return tuple([_freeze(item) for item in value])
    if kind is dict:
        return _DICT, frozenset([(name, _freeze(item)) for name, item in value.items()])
    if kind is set:
        return frozenset(value)
    hash(value)
    return value


def unique(items: Iterable, key: Key | None = None) -> list:
    """A list of the items without repetitions: of those with equal keys the first one, in their order.

    Without a key the item itself counts, by ==: 1, 1.0 and True are one. Items need no hash: lists,
    dicts and sets cost about what text does; others without a hash are compared with all items that
    are kept, one by one. TypeError for a key that is neither a function nor names of fields, RecursionError
    for lists and dicts that contain themselves. Memory: the kept items and their keys.
    """
    function = None if key is None else _key_function(key, 'key')
    kept, keys = [], []
    frozen, others = set(), []  # others: keys without a hash
    for item in items:
        value = item if function is None else function(item)
        try:
            form = _freeze(value)
            if form in frozen or (others and value in others):
                continue
            frozen.add(form)
        except TypeError:
            if value in keys:
                continue
            others.append(value)
        keys.append(value)
        kept.append(item)
    return kept


def chunk(items: Iterable, size: int) -> Iterator[list]:
    """The items in lists of `size`, the last one may be shorter; lazily, so that items may be endless.

    ValueError for a size below 1, TypeError for one that is no int, both at the call. Memory: one list.
    """
    if not isinstance(size, int) or isinstance(size, bool):
        raise TypeError('size must be an int, not %r' % (size,))
    if size < 1:
        raise ValueError('size must be at least 1, not %d' % size)
    return _chunks(iter(items), size)


def _chunks(items: Iterator, size: int) -> Iterator[list]:
    while part := list(islice(items, min(size, 1 << 62))):
        yield part
