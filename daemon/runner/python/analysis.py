# SPDX-License-Identifier: LGPL-2.1-or-later
"""Looks at a program before it runs. Frozen into the program as `_analysis`.

It runs in the job's own process, under its limits: whoever can make a parser explode explodes
himself. It tells honest programs early what cannot work; it is not what holds dishonest ones, that
is the kernel. Nothing here recurses: the source decides how deep its tree is.
"""

import _ast
import io
import itertools
import re
import sys

import _bootstrap
import _policy
import _pysb
from _analysis_rules import NOTE, REFUSE, Finding
from _analysis_strict import CHILDREN, examine_strictly, walk
from _bootstrap import clip
from _pieces import find_imports, try_compile

OFF, IMPORTS, STRICT = range(3)

# The list of modules of a profile may be longer.
MESSAGE_MAX = _pysb.FINDING_MESSAGE_MAX - 8

# Statement class -> its fields that hold statements.
BODIES = {
    kind: fields for kind in CHILDREN
    if issubclass(kind, (_ast.stmt, _ast.mod, _ast.excepthandler, _ast.match_case)) and
    kind is not _ast.Expression and
    (fields := tuple(f for f in kind._fields if f in {'body', 'handlers', 'orelse', 'finalbody',
                                                      'cases'}))
}

# CPython 3.13.5 writes beyond an array of 22 if blocks, awaits and comprehensions nest deeper within
# one function. It counts the blocks, but not the comprehensions, which it puts into the function.
NESTING_MAX = 16
BLOCKS = (_ast.For, _ast.AsyncFor, _ast.While, _ast.With, _ast.AsyncWith, _ast.Try, _ast.TryStar,
          _ast.ExceptHandler)
COMPREHENSIONS = (_ast.ListComp, _ast.SetComp, _ast.DictComp)
FUNCTIONS = (_ast.FunctionDef, _ast.AsyncFunctionDef, _ast.Lambda)
NESTING_WORDS = ('for', 'while', 'with', 'try', 'except')

# Nothing nests across a line that starts with one of these: they start a statement and stand in no
# brackets. (A string may have such a line, which only matters to who looks for trouble.)
OUTERMOST = re.compile(r'^(?=@|(?:def|class|while|with|try|import|from)\b|for .*:$)', re.MULTILINE)

# Handlers for these catch what a refused import raises.
IMPORT_ERRORS = {'ImportError', 'ModuleNotFoundError', 'Exception', 'BaseException'}

# There whether or not they are loaded yet.
ALWAYS = {'__main__', '_sandbox'}

# How a program brings modules that are not among its files yet.
BRINGS = re.compile(r'\.(?:py|pth|zip)\b|sys\.(?:path|modules|meta_path)|ModuleType')

# Parts of messages of SyntaxError, about brackets, indentation, loops and f-strings.
NESTING_ERRORS = ('too many levels', 'too many nested', 'too many statically', 'nested too deeply')

TOO_COMPLEX = ('the program cannot be compiled: it is nested too deeply, or needs more memory than the '
               'job has; use less nesting, or split it')


def find_statements(tree):
    """All statements, handlers and cases, no expression: an import is a statement."""
    stack = [tree]
    while stack:
        node = stack.pop()
        yield node
        for field in BODIES.get(node.__class__, ()):
            stack += getattr(node, field)


def name_of(node):
    """The last part of a name, as in `typing.TYPE_CHECKING`."""
    return node.id if isinstance(node, _ast.Name) else getattr(node, 'attr', None)


def catches_import_error(kind):
    """kind is what stands behind `except`, or an argument of suppress()."""
    kinds = kind.elts if isinstance(kind, _ast.Tuple) else (kind,)
    return any(k is None or name_of(k) in IMPORT_ERRORS for k in kinds)


def find_guarded(node):
    """-> (statements, severity of an import among them that cannot work), or None."""
    if isinstance(node, (_ast.Try, _ast.TryStar)):
        if any(catches_import_error(handler.type) for handler in node.handlers):
            return node.body, NOTE
    elif isinstance(node, _ast.With):
        for call in (item.context_expr for item in node.items):
            if (isinstance(call, _ast.Call) and name_of(call.func) == 'suppress' and
                    any(map(catches_import_error, call.args))):
                return node.body, NOTE
    elif isinstance(node, _ast.If) and name_of(node.test) == 'TYPE_CHECKING':
        return node.body, None
    return None


def is_available(name, own):
    """As the importer sees it: no file of a job stands in for a module of the library."""
    first = name.partition('.')[0]
    return (first in own and first not in sys.stdlib_module_names or
            _policy.is_allowed(name) and
            (name in ALWAYS or not _policy.active or _bootstrap.module_exists(name)))


def position(node):
    return node.lineno, node.col_offset


class Imports:
    """The imports of one program, against the list that the importer has."""

    def __init__(self, source, own):
        self.own = own
        self.found = []  # (node, name)
        self.guarded = {}  # line -> severity
        self.conditional = set()  # lines
        self.may_bring = not _bootstrap.has_no_files and BRINGS.search(source) is not None

    def see(self, node):
        if isinstance(node, _ast.Import):
            self.found += [(alias, alias.name) for alias in node.names]
        elif isinstance(node, _ast.ImportFrom):
            if node.level == 0:  # else it is one of the job's own
                self.found.append((node, node.module))
                self.found += [(node, name) for name in self.find_withheld(node)]
        elif guarded := find_guarded(node):
            body, severity = guarded
            for line in range(body[0].lineno, body[-1].end_lineno + 1):
                self.guarded.setdefault(line, severity)
        elif isinstance(node, (_ast.If, _ast.FunctionDef, _ast.AsyncFunctionDef)):
            self.conditional.update(range(node.lineno, node.end_lineno + 1))

    def find_withheld(self, node):
        for alias in node.names:
            if _policy.is_withheld(node.module, alias.name):
                yield f'{node.module}.{alias.name}'

    def see_call(self, node):
        """__import__("x") and import_module("x")."""
        if (isinstance(node, _ast.Call) and node.args and
                name_of(node.func) in {'__import__', 'import_module'} and
                isinstance(node.args[0], _ast.Constant) and isinstance(node.args[0].value, str) and
                node.args[0].value[:1] not in {'', '.'}):
            self.found.append((node, node.args[0].value))

    def judge(self):
        """The first of each severity: a message is long."""
        room = {NOTE: _pysb.FINDINGS_MAX, REFUSE: _pysb.FINDINGS_MAX, None: 0}
        for node, name in sorted(self.found, key=lambda found: position(found[0])):
            severity = self.guarded.get(node.lineno, REFUSE)
            if room[severity] == 0 or is_available(name, self.own):
                continue
            room[severity] -= 1
            message, reason = _policy.explain(name)
            if len(message) > MESSAGE_MAX:
                message = message[:MESSAGE_MAX].rpartition(', ')[0] + ', …'
            if severity == REFUSE and reason == 'not-installed' and not _bootstrap.has_no_files:
                if self.may_bring:
                    severity = NOTE
                    message = f'there is no module {name!r}, unless the program makes it first'
                elif node.lineno in self.conditional and _policy.is_allowed(name):
                    severity = NOTE
                    message = f'there is no module {name!r}, should the program get here'
            elif severity == NOTE:
                message = f"the module {name!r} is not available; the program handles that"
            yield Finding(f'import-{reason}', severity, message, node.lineno, node.col_offset, name)


def examine_imports(source, tree, own):
    imports = Imports(source, own)
    for node in find_statements(tree):
        imports.see(node)
    if '__import__' in source or 'import_module' in source:
        for node in walk(tree):
            imports.see_call(node)
    return imports.judge()


def can_nest(source):
    """Whether there are words enough; most short programs have too few."""
    return 'for' in source and 2 * sum(map(source.count, NESTING_WORDS)) > NESTING_MAX


def needs_tree(source):
    """Whether something may nest so deeply that the program must not be compiled yet."""
    return can_nest(source) and any(map(can_nest, OUTERMOST.split(source)))


def has_good_imports(source, codes, own):
    """By what has been compiled. False if there is more to it, too, such as __import__() or statements
    that the compiler has left out: the tree has them all."""
    names = list(find_imports(codes))
    return (len(names) >= source.count('import') and '__import__' not in source and
            'import_module' not in source and all(is_available(name, own) for name in names))


def examine_nesting(tree):
    stack = [(tree, 0)]
    while stack:
        node, depth = stack.pop()
        kind = node.__class__
        if kind in BLOCKS:
            depth += 1
        elif kind in COMPREHENSIONS:
            depth += 2 if any(generator.is_async for generator in node.generators) else 1
            if depth > NESTING_MAX:
                yield Finding('code-too-complex', REFUSE,
                              f'comprehensions nest deeper than {NESTING_MAX}, blocks around them '
                              'included; use functions', node.lineno, node.col_offset, '')
                return
        for field in CHILDREN[kind]:
            value = getattr(node, field)
            # Defaults and decorators of a function are outside of it.
            inner = 0 if kind in FUNCTIONS and field == 'body' else depth
            if value.__class__ is list:
                stack += [(child, inner) for child in value if child.__class__ in CHILDREN]
            elif value.__class__ in CHILDREN:
                stack.append((value, inner))


def describe_failure(error):
    """What compile() raised: a finding if the program is too much for it, else None."""
    if isinstance(error, SyntaxError) and any(text in error.msg for text in NESTING_ERRORS):
        return Finding('code-too-complex', REFUSE, error.msg, error.lineno or 0, error.offset or 0, '')
    if isinstance(error, (MemoryError, RecursionError, SystemError)):
        return Finding('code-too-complex', REFUSE, TOO_COMPLEX, 0, 0, '')
    return None


def describe_syntax_error(error):
    return Finding('syntax-error', REFUSE, f'{type(error).__name__}: {error.msg}', error.lineno or 0,
                   error.offset or 0, '')


def place(findings, source):
    """The tree counts bytes from 0; people count characters from 1."""
    lines = list(io.StringIO(source, newline=None)) if findings else ()
    for finding in findings:
        if 0 < finding.line <= len(lines):
            line = lines[finding.line - 1].encode('utf-8', 'surrogatepass')
            column = len(line[:finding.column].decode('utf-8', 'ignore')) + 1
            finding = finding._replace(column=column)
        yield finding


def choose(findings):
    """At most FINDINGS_MAX, the first; a refusal is never lost to a note, and after notes there is room
    for what the compiler may say."""
    refusals = list(itertools.islice((f for f in findings if f.severity == REFUSE), _pysb.FINDINGS_MAX))
    room = {True: len(refusals), False: _pysb.FINDINGS_MAX - max(len(refusals), 1)}
    chosen = []
    for finding in findings:
        if room[finding.severity == REFUSE] > 0:
            room[finding.severity == REFUSE] -= 1
            chosen.append(finding)
    return chosen


# So many calls are named.
CALLS_MAX = 8


def find_names(tree, module):
    """-> names of the program that stand for this module, or for something of it, and for what."""
    names = {}
    for node in find_statements(tree):
        if isinstance(node, _ast.Import):
            names |= {alias.asname or alias.name: module for alias in node.names if alias.name == module}
        elif isinstance(node, _ast.ImportFrom) and node.level == 0 and node.module == module:
            names |= {alias.asname or alias.name: f'{module}.{alias.name}' for alias in node.names}
    return names


def find_calls(tree, module):
    """-> what the program calls of a module that it cannot have: why it wants it."""
    names = find_names(tree, module)
    calls = {}  # as keys
    for node in walk(tree) if names else ():
        if not isinstance(node, _ast.Call):
            continue
        function = node.func
        if isinstance(function, _ast.Name) and '.' in names.get(function.id, ''):
            calls[names[function.id]] = None
        elif (isinstance(function, _ast.Attribute) and isinstance(function.value, _ast.Name) and
              function.value.id in names):
            calls[f'{names[function.value.id]}.{function.attr}'] = None
        if len(calls) == CALLS_MAX:
            break
    return tuple(calls)


def add_calls(tree, findings):
    return [finding._replace(calls=find_calls(tree, finding.subject))
            if finding.severity == REFUSE and finding.rule.startswith('import-not-') else finding
            for finding in findings]


def collect(source, level, tree, own):
    findings = add_calls(tree, examine_imports(source, tree, own))
    if can_nest(source):
        findings += examine_nesting(tree)
    if level == STRICT:
        findings += examine_strictly(tree, own)
    # One for each place and subject, the most severe.
    findings.sort(key=lambda f: (f.line, f.column, -f.severity))
    findings = list({(f.line, f.column, f.subject): f for f in reversed(findings)}.values())[::-1]
    return list(place(sorted(findings, key=lambda f: (f.line, f.column)), source))


def examine(source, level, name, mode, own):
    """-> (findings, tree, code objects), the latter two None if there was no need or no way."""
    codes = None
    if level == OFF or (level == IMPORTS and not needs_tree(source)):
        codes = try_compile(source, name, mode)
        if (level == OFF or 'import' not in source or
                (codes is not None and has_good_imports(source, codes, own))):
            return [], None, codes
    try:
        tree = compile(source, name, mode, _ast.PyCF_ONLY_AST, True)
        return collect(source, level, tree, own), tree, codes
    except (SyntaxError, ValueError, MemoryError, RecursionError, SystemError) as error:
        finding = describe_failure(error)
        return [finding] if finding else [], None, codes


def analyse(source, level, name, mode='exec', own=(), files=()):
    """-> (findings, tree of the program or None, its code objects or None).

    own: names of the modules that the job brings along. files: (path, source) of them. A syntax error
    is left to who compiles, so that it is an exception with a traceback.
    """
    findings, tree, codes = examine(source, level, name, mode, own)
    for path, text in files if level != OFF else ():
        findings += [finding._replace(path=path)
                     for finding in examine(text, level, path, 'exec', own)[0]]
    return choose(findings) if findings else findings, tree, codes


def is_refused(findings):
    return any(f.severity == REFUSE for f in findings)


def report(findings):
    """Sends them. Returns whether the program is refused."""
    for rule, severity, message, line, column, subject, path, calls in findings:
        fields = [(_pysb.FIELD_FINDING_RULE, rule.encode()),
                  (_pysb.FIELD_FINDING_SEVERITY, severity.to_bytes(4, 'little')),
                  (_pysb.FIELD_FINDING_MESSAGE, clip(message, _pysb.FINDING_MESSAGE_MAX))]
        if path:
            fields.append((_pysb.FIELD_FINDING_PATH, clip(path, _pysb.FINDING_PATH_MAX)))
        if line > 0:
            fields.append((_pysb.FIELD_FINDING_LINE, line.to_bytes(4, 'little')))
        if line > 0 and column > 0:
            fields.append((_pysb.FIELD_FINDING_COLUMN, column.to_bytes(4, 'little')))
        if subject:
            fields.append((_pysb.FIELD_FINDING_SUBJECT, clip(subject, 256)))
        _pysb.send(_pysb.FRAME_FINDING, fields)
        if severity == REFUSE and rule.startswith('import-not-'):
            # The same as if the program had run and tried; and what for.
            for name in (subject, *calls):
                _pysb.send(_pysb.FRAME_VIOLATION,
                           [(_pysb.FIELD_VIOLATION_LAYER, b'import_policy'),
                            (_pysb.FIELD_VIOLATION_SUBJECT, clip(name, _pysb.VIOLATION_SUBJECT_MAX)),
                            (_pysb.FIELD_VIOLATION_REASON, rule.removeprefix('import-').encode())])
    return is_refused(findings)
