# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes ticks into a program before it is compiled: one at the head of each loop and of each function.
Frozen into the program as `_ticks`.

It is done in the tree, which is the same in all versions of CPython; so is the number that comes out. A
tick is the expression `~MARK`. MARK is a constant, and the counter takes its place in the compiled code
(tick-counter.c): there is no name for it, and none of the program's means anything else. A tick stands
where the code after it stands, so that tracebacks and debuggers see no new line.
"""

import _ast
import _imp
from types import CodeType
from _frozen_importlib import _call_with_frames_removed
from _frozen_importlib_external import SourceLoader

import _tick_counter
from _analysis_strict import walk

APP = '/app/'
INVERT, NOT = _ast.Invert(), _ast.Not()
MARK = _tick_counter.MARK


def places(node):
    return {name: getattr(node, name) for name in _ast.expr._attributes}


def make_tick(where):
    """An expression that is false."""
    return _ast.UnaryOp(INVERT, _ast.Constant(MARK, **where), **where)


def insert_tick(body, i):
    node = body[min(i, len(body) - 1)]
    where = places((getattr(node, 'decorator_list', None) or [node])[0])
    body.insert(i, _ast.Expr(make_tick(where), **where))


def count_loop(loop):
    insert_tick(loop.body, 0)


def count_function(function):
    first = function.body[0]
    has_docstring = (first.__class__ is _ast.Expr and first.value.__class__ is _ast.Constant and
                     first.value.value.__class__ is str)
    insert_tick(function.body, int(has_docstring))


def count_lambda(function):
    body, where = function.body, places(function.body)
    function.body = _ast.IfExp(make_tick(where), _ast.Constant(None, **where), body, **where)


def count_comprehension(generator):
    """Before its conditions, so that all iterations count."""
    where = places(generator.target)
    generator.ifs.insert(0, _ast.UnaryOp(NOT, make_tick(where), **where))


COUNTED = {
    _ast.AsyncFor: count_loop,
    _ast.For: count_loop,
    _ast.While: count_loop,
    _ast.AsyncFunctionDef: count_function,
    _ast.FunctionDef: count_function,
    _ast.Lambda: count_lambda,
    _ast.comprehension: count_comprehension,
}


def has_texts(tree):
    """Whether `from __future__ import annotations` makes texts of annotations: the compiler writes them
    from the tree."""
    return any(node.__class__ is _ast.ImportFrom and node.module == '__future__' and
               any(alias.name == 'annotations' for alias in node.names) for node in tree.body)


def find_annotations(tree):
    for node in walk(tree):
        for field in 'annotation', 'returns':
            if annotation := getattr(node, field, None):
                yield annotation


def write(tree):
    """Into the tree of a module or of an expression."""
    nodes = [(node, count) for node in walk(tree) if (count := COUNTED.get(node.__class__))]
    texts = ()
    if nodes and tree.__class__ is _ast.Module and has_texts(tree):
        texts = {node for annotation in find_annotations(tree) for node in walk(annotation)}
    for node, count in nodes:
        if node not in texts:
            count(node)


def bind(codes):
    """Those that have been compiled from such trees, with all functions in them."""
    stack = list(codes)
    while stack:
        code = stack.pop()
        _tick_counter.bind(code)
        stack += [value for value in code.co_consts if value.__class__ is CodeType]


def get_code(self, fullname):
    """Stands in for the method of importlib, which also reads and writes byte code: what counts has none,
    and what py_compile makes of a file does not count."""
    path = self.get_filename(fullname)
    if not path.startswith(APP):
        return get_plain_code(self, fullname)
    tree = _call_with_frames_removed(compile, self.get_data(path), path, 'exec', _ast.PyCF_ONLY_AST,
                                     dont_inherit=True)
    write(tree)
    code = _call_with_frames_removed(compile, tree, path, 'exec', dont_inherit=True)
    bind([code])
    return code


get_plain_code = SourceLoader.get_code
# A syntax error in a module shows no frame of importlib, nor this one.
_imp._fix_co_filename(get_code.__code__, get_plain_code.__code__.co_filename)


def begin(limit):
    """From here on the program may use so many, its modules included."""
    SourceLoader.get_code = get_code
    _tick_counter.start(limit)
