# SPDX-License-Identifier: LGPL-2.1-or-later
"""Looks at a program before it runs. Frozen into the program as `_analysis`.

It runs in the job's own process, under its limits: whoever can make a parser explode explodes
himself. It tells honest programs early what cannot work; it is not what holds dishonest ones, that
is the kernel. Nothing here recurses: the source decides how deep its tree is.
"""

import _ast
import io

import _policy
import _pysb
from _analysis_rules import DENIED_MEMBERS, NOTE, REFUSE, Finding
from _analysis_strict import CHILDREN, examine_strictly, walk
from _bootstrap import clip

OFF, IMPORTS, STRICT = range(3)

# Enough to choose the first of them from; a bound for hostile sources.
COLLECTED_MAX = 1000

# Statement class -> its fields that hold statements.
BODIES = {
    kind: fields for kind in CHILDREN
    if issubclass(kind, (_ast.stmt, _ast.mod, _ast.excepthandler, _ast.match_case)) and
    kind is not _ast.Expression and
    (fields := tuple(f for f in kind._fields if f in {'body', 'handlers', 'orelse', 'finalbody',
                                                      'cases'}))
}

# CPython 3.13.5 writes beyond an array if blocks and inlined comprehensions nest deeper than this
# within one function. Blocks alone it counts, and so do we only where comprehensions nest.
BLOCKS_MAX = 20
BLOCKS = (_ast.For, _ast.AsyncFor, _ast.While, _ast.With, _ast.AsyncWith, _ast.Try, _ast.TryStar,
          _ast.ListComp, _ast.SetComp, _ast.DictComp)

# Handlers for these catch what a refused import raises.
IMPORT_ERRORS = {'ImportError', 'ModuleNotFoundError', 'Exception', 'BaseException'}

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


class Imports:
    """The imports of one program, against the list that the importer has."""

    def __init__(self, own):
        self.own = own
        self.found = []  # (node, name)
        self.guarded = {}  # line -> severity

    def see(self, node):
        if isinstance(node, _ast.Import):
            self.found += [(alias, alias.name) for alias in node.names]
        elif isinstance(node, _ast.ImportFrom):
            if node.level == 0:  # else it is one of the job's own
                self.found.append((node, node.module))
        elif guarded := find_guarded(node):
            body, severity = guarded
            for line in range(body[0].lineno, body[-1].end_lineno + 1):
                self.guarded.setdefault(line, severity)

    def see_call(self, node):
        """__import__("x") and import_module("x")."""
        if (isinstance(node, _ast.Call) and node.args and
                name_of(node.func) in {'__import__', 'import_module'} and
                isinstance(node.args[0], _ast.Constant) and isinstance(node.args[0].value, str) and
                node.args[0].value[:1] not in {'', '.'}):
            self.found.append((node, node.args[0].value))

    def judge(self):
        for node, name in self.found:
            if name.partition('.')[0] in self.own or _policy.is_allowed(name):
                continue
            severity = self.guarded.get(node.lineno, REFUSE)
            if severity is None:
                continue
            message, reason = _policy.explain(name)
            if severity == NOTE:
                message = f"the module {name!r} is not available; the program handles that"
            yield Finding(f'import-{reason}', severity, message, node.lineno, node.col_offset, name)


def examine_imports(source, tree, own):
    imports = Imports(own)
    for node in find_statements(tree):
        imports.see(node)
    if '__import__' in source or 'import_module' in source:
        for node in walk(tree):
            imports.see_call(node)
    return imports.judge()


def examine_nesting(tree):
    stack = [(tree, 0)]
    while stack:
        node, depth = stack.pop()
        kind = node.__class__
        if kind in BLOCKS:
            depth += 1
            if depth > BLOCKS_MAX:
                yield Finding('code-too-complex', REFUSE,
                              f'loops, try, with and comprehensions nest deeper than {BLOCKS_MAX}; '
                              'use functions', node.lineno, node.col_offset, '')
                return
        elif kind in (_ast.FunctionDef, _ast.AsyncFunctionDef, _ast.Lambda, _ast.GeneratorExp):
            depth = 0
        for field in CHILDREN[kind]:
            value = getattr(node, field)
            for child in value if value.__class__ is list else (value,):
                if child.__class__ in CHILDREN:
                    stack.append((child, depth))


def describe_failure(error):
    """What compile() raised: a finding if the program is too much for it, else None."""
    text = str(error)
    if isinstance(error, SyntaxError) and ('too many nested' in text or 'too many levels' in text or
                                           'too many statically' in text or 'too deep' in text):
        return Finding('code-too-complex', REFUSE, text, error.lineno or 0, error.offset or 0, '')
    if isinstance(error, (MemoryError, RecursionError, SystemError)):
        return Finding('code-too-complex', REFUSE, TOO_COMPLEX, 0, 0, '')
    return None


def describe_syntax_error(error):
    return Finding('syntax-error', REFUSE, f'{type(error).__name__}: {error.msg}', error.lineno or 0,
                   error.offset or 0, '')


def choose(findings, source):
    """At most FINDINGS_MAX, in the order of the source. A refusal is never lost to a note."""
    findings.sort(key=lambda f: (-f.severity, f.line, f.column))
    chosen = findings[:_pysb.FINDINGS_MAX]
    lines = list(io.StringIO(source, newline=None)) if chosen else ()
    return sorted((place(f, lines) for f in chosen), key=lambda f: (f.line, f.column))


def place(finding, lines):
    """The tree counts bytes from 0; people count characters from 1."""
    if 0 < finding.line <= len(lines):
        line = lines[finding.line - 1].encode('utf-8', 'surrogatepass')
        column = len(line[:finding.column].decode('utf-8', 'ignore')) + 1
        return finding._replace(column=column)
    return finding


def collect(source, level, tree, own):
    findings = []
    passes = []
    # Nesting needs brackets and loops: most programs have too few of both.
    if source.count('for') > 1 and source.count('[') + source.count('{') > 1:
        passes.append(examine_nesting(tree))
    passes.append(examine_imports(source, tree, own))
    if level == STRICT:
        passes.append(examine_strictly(tree))
    for examination in passes:
        for finding in examination:
            findings.append(finding)
            if len(findings) >= COLLECTED_MAX:
                break
    return choose(findings, source)


def analyse(source, level, name, mode='exec', own=()):
    """-> (findings, tree). The tree is None if there was no need to parse.

    own: the names of the modules that the job brings along. A syntax error is left to who compiles,
    so that it is an exception with a traceback.
    """
    if level == OFF or (level == IMPORTS and 'import' not in source and source.count('for') <= 20):
        return (), None
    try:
        tree = compile(source, name, mode, _ast.PyCF_ONLY_AST, True)
        return collect(source, level, tree, own), tree
    except (SyntaxError, ValueError, MemoryError, RecursionError, SystemError) as error:
        finding = describe_failure(error)
        return (finding,) if finding else (), None


def is_refused(findings):
    return any(f.severity == REFUSE for f in findings)


def report(findings):
    """Sends them. Returns whether the program is refused."""
    for rule, severity, message, line, column, subject in findings:
        fields = [(_pysb.FIELD_FINDING_RULE, rule.encode()),
                  (_pysb.FIELD_FINDING_SEVERITY, severity.to_bytes(4, 'little')),
                  (_pysb.FIELD_FINDING_MESSAGE, clip(message, 512))]
        if line > 0:
            fields.append((_pysb.FIELD_FINDING_LINE, line.to_bytes(4, 'little')))
        if line > 0 and column > 0:
            fields.append((_pysb.FIELD_FINDING_COLUMN, column.to_bytes(4, 'little')))
        if subject:
            fields.append((_pysb.FIELD_FINDING_SUBJECT, clip(subject, 256)))
        _pysb.send(_pysb.FRAME_FINDING, fields)
    return is_refused(findings)
