# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rules of the level strict. Frozen into the program as `_analysis_strict`."""

import _ast
import itertools

import _pysb

from _analysis_rules import (ATTRIBUTE_FUNCTIONS, CLASS_TEXTS, DENIED_BUILTINS, DENIED_MEMBERS,
                             DENIED_NAMES, FORMAT_ATTRIBUTE, FRAME_ATTRIBUTES, MEMBER_NAMES,
                             NAMING_FUNCTIONS, REFUSE, Finding, judge_attribute)
from _analysis_scopes import find_locals

# Fields that never hold a node, and those that hold one without anything to examine.
LEAVES = {'attr', 'conversion', 'ctx', 'id', 'kind', 'level', 'module', 'op', 'ops', 'simple', 'tag',
          'type_comment', 'type_ignores'}


def list_kinds():
    kinds = [_ast.AST]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return kinds


# Node class -> its fields that may hold nodes.
CHILDREN = {kind: tuple(f for f in kind._fields if f not in LEAVES) for kind in list_kinds()}


def walk(tree):
    stack = [tree]
    while stack:
        node = stack.pop()
        yield node
        for field in CHILDREN[node.__class__]:
            value = getattr(node, field)
            if value.__class__ is list:
                stack += [child for child in value if child.__class__ in CHILDREN]
            elif value.__class__ in CHILDREN:
                stack.append(value)


# So many are kept at most, to choose the first from.
COLLECTED_MAX = 1000


class Examiner:
    """One walk over one program; a method for each class of nodes that a rule is about."""

    def __init__(self):
        self.findings = []
        self.harmless = set()  # nodes that what is around them makes harmless
        self.modules = {}  # name in the program -> module
        self.members = []  # attributes that are denied if they are a module's
        self.builtins = []  # names that are denied unless they are local variables

    def refuse(self, rule, message, node, subject, column=None):
        self.findings.append(Finding(rule, REFUSE, message, node.lineno,
                                     node.col_offset if column is None else column, subject))
        if len(self.findings) >= COLLECTED_MAX:  # only the first are told, and the source may be hostile
            self.findings = self.first()

    def first(self):
        return sorted(self.findings, key=lambda f: (f.line, f.column))[:_pysb.FINDINGS_MAX]

    def refuse_attribute(self, name, node, column=None):
        rule = judge_attribute(name)
        if rule == 'dunder-access':
            instead = 'use type(x)' if name == '__class__' else 'it leads behind the interpreter'
            self.refuse(rule, f'the attribute {name} is refused: {instead}', node, name, column)
        elif rule == 'frame-access':
            self.refuse(rule, f'the attribute {name} is refused: frames and code objects are not for '
                        'programs', node, name, column)

    def refuse_builtin(self, name, node):
        instead = DENIED_BUILTINS.get(name, 'it does what a refused builtin does')
        self.refuse('builtin-denied', f'{name} is refused: {instead}', node, name)

    def refuse_name(self, name, node):
        """A name that is bound, declared or read."""
        if name in DENIED_NAMES:
            self.refuse('dunder-access', f'the name {name} is refused: it leads behind the interpreter',
                        node, name)

    def see_name(self, node):
        name = node.id
        self.refuse_name(name, node)
        if name == '__class__':
            if id(node) not in self.harmless:
                self.refuse_attribute(name, node)
        elif isinstance(node.ctx, _ast.Load):
            if name in DENIED_BUILTINS:
                self.builtins.append(node)
            elif name in ATTRIBUTE_FUNCTIONS and id(node) not in self.harmless:
                self.refuse('attribute-computed', f'{name} as a value is refused: call it with a name '
                            'in quotes', node, name)

    def see_attribute(self, node):
        name = node.attr
        if name in CLASS_TEXTS:
            self.harmless.add(id(node.value))
        if id(node) not in self.harmless and judge_attribute(name):
            column = node.end_col_offset - len(name.encode())
            if node.lineno != node.end_lineno:
                node = _ast.Name('', lineno=node.end_lineno, col_offset=column)
            self.refuse_attribute(name, node, column)
        elif name in MEMBER_NAMES and isinstance(node.value, _ast.Name):
            self.members.append(node)

    def see_call(self, node):
        function = node.func
        name = function.id if isinstance(function, _ast.Name) else getattr(function, 'attr', None)
        if name not in NAMING_FUNCTIONS:
            return
        arguments = node.args[NAMING_FUNCTIONS[name]]
        for argument in arguments:
            self.see_naming(argument)
        if name in ATTRIBUTE_FUNCTIONS and isinstance(function, _ast.Name):
            self.harmless.add(id(function))
            if not arguments or not is_harmless_name(arguments[0]) or has_star(node.args[:2]):
                self.refuse('attribute-computed', f'{name}() with a name that is not in the source is '
                            'refused: write the name in quotes, or use a dict', node, name)

    def see_naming(self, node):
        """A string that names attributes, such as "a.b"."""
        if isinstance(node, _ast.Constant) and isinstance(node.value, str):
            for name in node.value.split('.'):
                self.refuse_in_string(name.strip(), node)

    def refuse_in_string(self, name, node):
        if judge_attribute(name):
            self.refuse('attribute-in-string', f'the attribute {name} is refused, in a string, too', node,
                        name)

    def see_constant(self, node):
        """A format string can read attributes."""
        text = node.value
        if isinstance(text, str) and '.' in text and (start := text.find('{')) >= 0:
            for match in FORMAT_ATTRIBUTE.finditer(text, start, max(text.rfind('}'), 0)):
                self.refuse_in_string(match[1], node)

    def see_match_class(self, node):
        for name, pattern in zip(node.kwd_attrs, node.kwd_patterns):
            self.refuse_attribute(name, pattern, pattern.col_offset)

    def see_assign(self, node):
        """__match_args__ makes attributes of positional patterns."""
        for target in node.targets if isinstance(node, _ast.Assign) else (node.target,):
            name = getattr(target, 'id', getattr(target, 'attr', None))
            if name == '__match_args__' and node.value is not None:
                for part in walk(node.value):
                    self.see_naming(part)

    def see_declaration(self, node):
        for name in node.names:
            self.refuse_name(name, node)

    def see_binding(self, node):
        if node.name.__class__ is str:
            self.refuse_name(node.name, node)

    def see_argument(self, node):
        if node.arg:
            self.refuse_name(node.arg, node)

    def see_mapping(self, node):
        if node.rest:
            self.refuse_name(node.rest, node)

    def see_import(self, node):
        for alias in node.names:
            self.modules[alias.asname or alias.name] = alias.name
            self.refuse_name(alias.asname or alias.name, alias)
            if alias.name == 'builtins':
                self.refuse_builtin('builtins', alias)

    def see_import_from(self, node):
        for alias in node.names:
            self.refuse_name(alias.asname or alias.name, alias)
            if alias.name in DENIED_MEMBERS.get(node.module, ()):
                self.refuse_builtin(alias.name, alias)
            else:
                self.refuse_attribute(alias.name, alias)

    def finish(self, tree):
        local = find_locals(tree, CHILDREN) if self.builtins else ()
        for node in self.builtins:
            if id(node) not in local:
                self.refuse_builtin(node.id, node)
        for node in self.members:
            module = self.modules.get(node.value.id)
            if node.attr in DENIED_MEMBERS.get(module, ()):
                self.refuse_builtin(f'{module}.{node.attr}', node)
        return self.first()


def find_prefix(node):
    """-> what a text made by f"", +, % or .format() begins with, in a Constant; else the node itself."""
    while True:
        if isinstance(node, _ast.JoinedStr) and node.values:
            node = node.values[0]
        elif isinstance(node, _ast.BinOp) and isinstance(node.op, (_ast.Add, _ast.Mod)):
            node = node.left
        elif (isinstance(node, _ast.Call) and isinstance(node.func, _ast.Attribute) and
              node.func.attr == 'format'):
            node = node.func.value
        else:
            return node


def is_harmless_name(node):
    """Whether the name of an attribute is in the source, or so much of its beginning that it cannot become
    one of those that are refused. (A refused name that is there whole is refused elsewhere.)"""
    prefix = find_prefix(node)
    if not isinstance(prefix, _ast.Constant) or not isinstance(prefix.value, str):
        return False
    if prefix is node:
        return True
    start = prefix.value.partition('%')[0].partition('{')[0]
    return not start.startswith('__') and not any(map(str.startswith, FRAME_ATTRIBUTES,
                                                      itertools.repeat(start)))


def has_star(arguments):
    return any(isinstance(argument, _ast.Starred) for argument in arguments)


SEE = {
    _ast.Name: Examiner.see_name,
    _ast.Attribute: Examiner.see_attribute,
    _ast.Call: Examiner.see_call,
    _ast.Constant: Examiner.see_constant,
    _ast.MatchClass: Examiner.see_match_class,
    _ast.MatchAs: Examiner.see_binding,
    _ast.MatchStar: Examiner.see_binding,
    _ast.MatchMapping: Examiner.see_mapping,
    _ast.Assign: Examiner.see_assign,
    _ast.AnnAssign: Examiner.see_assign,
    _ast.Global: Examiner.see_declaration,
    _ast.Nonlocal: Examiner.see_declaration,
    _ast.FunctionDef: Examiner.see_binding,
    _ast.AsyncFunctionDef: Examiner.see_binding,
    _ast.ClassDef: Examiner.see_binding,
    _ast.ExceptHandler: Examiner.see_binding,
    _ast.arg: Examiner.see_argument,
    _ast.Import: Examiner.see_import,
    _ast.ImportFrom: Examiner.see_import_from,
}


def examine_strictly(tree):
    examiner = Examiner()
    for node in walk(tree):
        if see := SEE.get(node.__class__):
            see(examiner, node)
    return examiner.finish(tree)
