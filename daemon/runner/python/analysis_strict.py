# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rules of the level strict. Frozen into the program as `_analysis_strict`."""

import _ast
import itertools

import _pysb

from _analysis_modules import Modules, judge_module_member
from _analysis_rules import (ATTRIBUTE_FUNCTIONS, ATTRIBUTE_MAKERS, CLASS_TEXTS, DENIED_BUILTINS,
                             DENIED_NAMES, EVALUATED, FORMAT_ATTRIBUTE, FRAME_ATTRIBUTES,
                             NAMING_FUNCTIONS, NO_TYPES, REFUSE, Finding, judge_attribute)
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


NAMES = {_ast.Attribute, _ast.Name}

# So many are kept at most, to choose the first from.
COLLECTED_MAX = 1000


class Examiner:
    """One walk over one program; a method for each class of nodes that a rule is about."""

    def __init__(self, own):
        self.findings = []
        self.harmless = set()  # nodes that what is around them makes harmless
        self.modules = Modules(own)
        self.members = []  # (node, what it is an attribute of, its name), denied if that is a module
        self.builtins = []  # names that are denied unless they are local variables
        self.aliases = {}  # name in the program -> the one of NAMING_FUNCTIONS that an import gives it
        self.stars = []  # modules of `from module import *`

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
        elif name == '__match_args__':
            self.refuse_match_args(node)

    def refuse_match_args(self, node):
        self.refuse('attribute-computed', '__match_args__ is refused, other than in __match_args__ = '
                    '("a", "b"): it names attributes', node, '__match_args__')

    def see_name(self, node):
        name = node.id
        if name != '__match_args__' or not (id(node) in self.harmless or isinstance(node.ctx, _ast.Load)):
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
        elif name == '__match_args__':
            if id(node) not in self.harmless and not isinstance(node.ctx, _ast.Load):
                self.refuse_match_args(node)
        elif node.value.__class__ in NAMES:
            self.members.append((node, node.value, name))

    def see_call(self, node):
        function = node.func
        name = function.id if isinstance(function, _ast.Name) else getattr(function, 'attr', None)
        for keyword in node.keywords:
            if keyword.arg == 'eval_str' and getattr(keyword.value, 'value', None) is not False:
                self.refuse('builtin-denied', 'eval_str is refused: it evaluates strings', keyword,
                            'eval_str')
            elif keyword.arg == '__match_args__':
                self.refuse_match_args(keyword)
        if name in NAMING_FUNCTIONS:
            self.see_naming_call(node, name)

    def see_naming_call(self, node, name):
        function = node.func
        arguments = node.args[NAMING_FUNCTIONS[name]]
        for argument in arguments:
            self.see_naming(argument)
        if name in ATTRIBUTE_MAKERS:
            if has_star(node.args) or not all(map(is_harmless_name, arguments)):
                self.refuse_computed(name, node)
        elif name in ATTRIBUTE_FUNCTIONS and isinstance(function, _ast.Name):
            self.harmless.add(id(function))
            if is_text(arguments):
                self.members.append((node, node.args[0], arguments[0].value))
            if not arguments or not is_harmless_name(arguments[0]) or has_star(node.args[:2]):
                self.refuse_computed(name, node)
        else:
            for part, text in itertools.chain.from_iterable(map(find_sums, map(find_operands, arguments))):
                self.see_path(text, part)

    def refuse_computed(self, name, node):
        self.refuse('attribute-computed', f'{name}() with a name that is not in the source is refused: '
                    'write the name in quotes, or use a dict', node, name)

    def see_naming(self, node):
        """A string that names attributes, such as "a.b"."""
        if isinstance(node, _ast.Constant) and isinstance(node.value, str):
            self.see_path(node.value, node)

    def see_path(self, text, node):
        for name in text.split('.'):
            self.refuse_in_string(name.strip(), node)

    def refuse_in_string(self, name, node):
        if judge_attribute(name):
            self.refuse('attribute-in-string', f'the attribute {name} is refused, in a string, too', node,
                        name)

    def see_constant(self, node):
        if isinstance(node.value, str):
            self.see_text(node.value, node)

    def see_sum(self, node):
        """Strings that are put together of strings."""
        if isinstance(node.op, _ast.Add) and id(node) not in self.harmless:
            for part, text in find_sums(find_operands(node, self.harmless)):
                self.see_text(text, part)

    def see_text(self, text, node):
        """A format string can read attributes; a key of a class's dict makes one."""
        if text == '__match_args__':
            self.refuse_match_args(node)
        elif '.' in text and (start := text.find('{')) >= 0:
            for match in FORMAT_ATTRIBUTE.finditer(text, start, max(text.rfind('}'), 0)):
                self.refuse_in_string(match[1], node)

    def see_match_class(self, node):
        for name, pattern in zip(node.kwd_attrs, node.kwd_patterns):
            self.refuse_attribute(name, pattern, pattern.col_offset)

    def see_assign(self, node):
        """__match_args__ makes attributes of positional patterns."""
        for target in node.targets if isinstance(node, _ast.Assign) else (node.target,):
            name = getattr(target, 'id', getattr(target, 'attr', None))
            if name == '__match_args__':
                self.harmless.add(id(target))
                if node.value is not None:
                    self.see_match_args(node.value)

    def see_match_args(self, value):
        parts = value.elts if isinstance(value, (_ast.Tuple, _ast.List)) else (value,)
        if parts == (value,) or not all(is_text([part]) for part in parts):
            self.refuse_match_args(value)
        for part in parts:
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
        if annotation := getattr(node, 'annotation', None):
            self.see_annotation(annotation)

    def see_function(self, node):
        self.refuse_name(node.name, node)
        if node.returns:
            self.see_annotation(node.returns)

    def see_annotation(self, node):
        """functools.singledispatch evaluates strings there."""
        parts = list(walk(node))
        if any(isinstance(part, _ast.Subscript) and getattr(part.value, 'id', getattr(
                part.value, 'attr', None)) in NO_TYPES for part in parts):
            return
        for part in parts:
            text = getattr(part, 'value', None)
            if isinstance(part, _ast.Constant) and isinstance(text, str) and EVALUATED.search(text):
                self.refuse('builtin-denied', 'a string that is more than a type is refused as an annotation:'
                            ' it may be evaluated', part, text)

    def see_mapping(self, node):
        if node.rest:
            self.refuse_name(node.rest, node)

    def see_import(self, node):
        for alias in node.names:
            self.modules.add_import(alias)
            self.refuse_name(alias.asname or alias.name, alias)
            if alias.name == 'builtins':
                self.refuse_builtin('builtins', alias)

    def see_import_from(self, node):
        for alias in node.names:
            self.refuse_name(alias.asname or alias.name, alias)
            if judge_attribute(alias.name):
                self.refuse_attribute(alias.name, alias)
            elif node.level == 0 and alias.name == '*':
                self.stars.append(node.module)
            elif node.level == 0:
                if alias.asname and alias.name in NAMING_FUNCTIONS:
                    self.aliases[alias.asname] = alias.name
                self.refuse_member(node.module, alias.name, alias, alias.name)
                self.modules.add_import_from(node.module, alias)

    def refuse_member(self, module, name, node, subject):
        if refused := judge_module_member(self.modules, module, name):
            rule, instead = refused
            self.refuse(rule, f'{module}.{name} is refused: {instead}', node, subject)
            return True
        return False

    def see_stars(self, tree):
        """The names that `from module import *` may have brought."""
        local = find_locals(tree, CHILDREN)
        stars = dict.fromkeys(self.stars)
        judged = {}
        for node in walk(tree):
            if (not isinstance(node, _ast.Name) or not isinstance(node.ctx, _ast.Load) or id(node) in local or
                    node.id[0] == '_' or node.id in DENIED_BUILTINS):
                continue
            name = node.id
            if name not in judged:
                judged[name] = next((module for module in stars
                                     if judge_module_member(self.modules, module, name)), None)
            if judged[name]:
                self.refuse_member(judged[name], name, node, f'{judged[name]}.{name}')
            else:
                self.refuse_attribute(name, node)

    def see_aliases(self, tree):
        for node in walk(tree):
            if isinstance(node, _ast.Call) and isinstance(node.func, _ast.Name):
                if name := self.aliases.get(node.func.id):
                    self.see_naming_call(node, name)

    def finish(self, tree):
        if self.stars:
            self.see_stars(tree)
        if self.aliases:
            self.see_aliases(tree)
        local = find_locals(tree, CHILDREN) if self.builtins else ()
        for node in self.builtins:
            if id(node) not in local:
                self.refuse_builtin(node.id, node)
        known = self.modules.names
        for node, value, name in self.members:
            # Most are of something that is no module
            if value.__class__ is _ast.Name and value.id not in known:
                continue
            for module in self.modules.resolve(value):
                if self.refuse_member(module, name, node, f'{module}.{name}'):
                    break
        return self.first()


def find_operands(node, sums=None):
    """-> the operands of a + b + …, in their order. The id() of each sum among them goes to sums."""
    stack = [node]
    operands = []
    while stack:
        node = stack.pop()
        if isinstance(node, _ast.BinOp) and isinstance(node.op, _ast.Add):
            stack += [node.right, node.left]
            if sums is not None:
                sums.add(id(node))
        else:
            operands.append(node)
    return operands


def find_sums(operands):
    """-> (first operand, text) of neighbours that are strings."""
    for are_texts, parts in itertools.groupby(operands, lambda node: is_text([node])):
        if are_texts and len(parts := list(parts)) > 1:
            yield parts[0], ''.join(part.value for part in parts)


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


def is_text(arguments):
    return (bool(arguments) and isinstance(arguments[0], _ast.Constant) and
            isinstance(arguments[0].value, str))


def has_star(arguments):
    return any(isinstance(argument, _ast.Starred) for argument in arguments)


SEE = {
    _ast.Name: Examiner.see_name,
    _ast.Attribute: Examiner.see_attribute,
    _ast.Call: Examiner.see_call,
    _ast.Constant: Examiner.see_constant,
    _ast.BinOp: Examiner.see_sum,
    _ast.MatchClass: Examiner.see_match_class,
    _ast.MatchAs: Examiner.see_binding,
    _ast.MatchStar: Examiner.see_binding,
    _ast.MatchMapping: Examiner.see_mapping,
    _ast.Assign: Examiner.see_assign,
    _ast.AnnAssign: Examiner.see_assign,
    _ast.Global: Examiner.see_declaration,
    _ast.Nonlocal: Examiner.see_declaration,
    _ast.FunctionDef: Examiner.see_function,
    _ast.AsyncFunctionDef: Examiner.see_function,
    _ast.ClassDef: Examiner.see_binding,
    _ast.ExceptHandler: Examiner.see_binding,
    _ast.arg: Examiner.see_argument,
    _ast.Import: Examiner.see_import,
    _ast.ImportFrom: Examiner.see_import_from,
}


def examine_strictly(tree, own):
    examiner = Examiner(own)
    for node in walk(tree):
        if see := SEE.get(node.__class__):
            see(examiner, node)
    return examiner.finish(tree)
