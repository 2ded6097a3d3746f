# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs compiled without a tree, which costs more than all else that a job needs. Frozen into the
program as `_pieces`.

A program is cut before its last statement, whose value is the program's. Of what starts in the first
column, the last line starts a statement if the lines above it are a program of their own: a string, a
bracket, a decorator or a backslash that is open there is an error, and no statement but a compound one
goes on there, with a word that starts no statement. Whenever there is doubt, and for every error and
warning, the answer is None: then the caller makes the tree.
"""

import __future__
import _ast
import re
import types
import warnings
from opcode import opmap

IMPORT_NAME, EXTENDED_ARG = opmap['IMPORT_NAME'], opmap['EXTENDED_ARG']
TOP_LEVEL_AWAIT = _ast.PyCF_ALLOW_TOP_LEVEL_AWAIT

# No statement starts with these. (A form feed may precede one: see cut().)
NO_START = ' \t\r\n#)]}'

# What no expression starts with; unless a semicolon follows, it is the whole of the last statement.
STATEMENT = re.compile(r'(?:async|def|class|if|for|while|with|try|import|from|raise|assert|del)\b|@|'
                       r'(?![\w., ]*\blambda\b)[^\W\d][\w., ]*(?:[-+*/%@&|^]|//|\*\*|<<|>>)?=(?!=)')

# Statements that depend on what stands above them in more than their values.
DEPENDENT = re.compile('global|__future__')

WARNINGS_ARE_ERRORS = [('error', None, Warning, None, 0)]


def cut(source):
    """-> where the last statement seems to start, -1 if that is not clear."""
    if '\f' in source or source.count('\r') != source.count('\r\n'):
        return -1
    end = len(source)
    while end >= 0:
        start = source.rfind('\n', 0, end) + 1
        if start < len(source) and source[start] not in NO_START:
            return start
        end = start - 1
    return -1


def split_tree(tree, compile_code):
    """Code objects to be run one after the other: the last one has the value of the program."""
    body = tree.body
    if not body or type(body[-1]) is not _ast.Expr:
        return [compile_code(tree, 'exec')]
    last = _ast.Expression(body.pop().value)
    return [compile_code(tree, 'exec'), compile_code(last, 'eval')]


def compile_pieces(source, name, mode):
    if mode == 'eval':
        return [compile(source, name, mode, TOP_LEVEL_AWAIT, True, 0)]
    start = cut(source)
    tail = source[max(start, 0):]
    if start < 0 or (start > 0 and DEPENDENT.search(tail)):
        return None
    features = 0

    def compile_code(text, mode):
        flags = TOP_LEVEL_AWAIT | (features if mode == 'exec' else 0)
        return compile(text, name, mode, flags, True, 0)

    codes = []
    if start > 0:
        codes.append(compile_code(source[:start], 'exec'))
        if codes[0].co_flags & __future__.barry_as_FLUFL.compiler_flag:
            return None
        # The only other one that is not in force anyway.
        features = codes[0].co_flags & __future__.annotations.compiler_flag
        tail = '\n' * source.count('\n', 0, start) + tail  # for the numbers of the lines
    if ';' not in tail and STATEMENT.match(source, start):
        return [*codes, compile_code(tail, 'exec')]
    try:
        return [*codes, compile_code(tail, 'eval')]
    except SyntaxError:
        tree = compile(tail, name, 'exec', TOP_LEVEL_AWAIT | _ast.PyCF_ONLY_AST, True)
        return codes + split_tree(tree, compile_code)


def try_compile(source, name, mode):
    """-> code objects as of split_tree(), or None: there is an error, a warning, or doubt."""
    filters, warnings.filters = warnings.filters, WARNINGS_ARE_ERRORS
    try:
        return compile_pieces(source, name, mode)
    except (SyntaxError, ValueError, MemoryError, RecursionError, SystemError, Warning):
        return None
    finally:
        warnings.filters = filters


def find_imports(codes):
    """The names of all modules in the import statements of code objects, once for each statement."""
    stack = list(codes)
    while stack:
        code = stack.pop()
        stack += [value for value in code.co_consts if value.__class__ is types.CodeType]
        text = code.co_code
        operations = text[::2]
        i = operations.find(IMPORT_NAME)
        while i >= 0:
            number, start = text[2 * i + 1], i
            while operations[start - 1] == EXTENDED_ARG:
                start -= 1
                number += text[2 * start + 1] << 8 * (i - start)
            yield code.co_names[number]
            i = operations.find(IMPORT_NAME, i + 1)
