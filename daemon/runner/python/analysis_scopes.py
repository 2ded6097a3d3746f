# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which names are local variables of a function. Frozen into the program as `_analysis_scopes`.

A local variable never means the builtin of the same name, not even while it is unbound. A variable
of a module or a class does: `if 0: eval = 1` changes nothing about eval.
"""

import _ast

FUNCTIONS = (_ast.FunctionDef, _ast.AsyncFunctionDef, _ast.Lambda)
COMPREHENSIONS = (_ast.ListComp, _ast.SetComp, _ast.DictComp, _ast.GeneratorExp)


class Scope:
    def __init__(self, parent=None, is_function=False, is_comprehension=False):
        self.parent = parent
        self.is_function = is_function
        self.is_comprehension = is_comprehension
        self.bound = set()
        self.declared_global = set()
        self.declared_nonlocal = set()

    def bind(self, name):
        if name.__class__ is str:
            self.bound.add(name)

    def has_local(self, name):
        """Whether name, read in this scope, is a local variable of a function."""
        scope = self
        while scope:
            if name in scope.declared_global:
                return False
            if name in scope.bound and name not in scope.declared_nonlocal:
                if scope.is_function:
                    return True
                if scope is self:
                    return False
            scope = scope.parent
        return False


class Scopes:
    """One walk that gives each name that is read its scope, and each scope its names."""

    def __init__(self, children):
        self.children = children
        self.stack = []
        self.reads = []  # (node, scope)

    def push(self, scope, *nodes):
        for node in nodes:
            if node.__class__ is list:
                self.push(scope, *node)
            elif node.__class__ in self.children:
                self.stack.append((node, scope))

    def enter_function(self, node, scope):
        inner = Scope(scope, is_function=True)
        scope.bind(getattr(node, 'name', None))
        self.push(scope, getattr(node, 'decorator_list', None), getattr(node, 'returns', None),
                  getattr(node, 'type_params', None), node.args.defaults, node.args.kw_defaults)
        for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs,
                         node.args.vararg, node.args.kwarg):
            if argument:
                inner.bind(argument.arg)
                self.push(scope, argument.annotation)
        self.push(inner, node.body)

    def enter_class(self, node, scope):
        scope.bind(node.name)
        self.push(scope, node.decorator_list, node.bases, node.keywords,
                  getattr(node, 'type_params', None))
        self.push(Scope(scope), node.body)

    def enter_comprehension(self, node, scope):
        """What the first `in` is about is evaluated outside."""
        inner = Scope(scope, is_function=True, is_comprehension=True)
        first, *others = node.generators
        self.push(scope, first.iter)
        self.push(inner, first.target, first.ifs, others)
        self.push(inner, *(getattr(node, f, None) for f in ('elt', 'key', 'value')))

    def see(self, node, scope):
        """Bindings other than those of functions and classes."""
        if isinstance(node, _ast.Name):
            if isinstance(node.ctx, _ast.Load):
                self.reads.append((node, scope))
            else:
                scope.bind(node.id)
        elif isinstance(node, _ast.Global):
            scope.declared_global.update(node.names)
        elif isinstance(node, _ast.Nonlocal):
            scope.declared_nonlocal.update(node.names)
        elif isinstance(node, (_ast.ExceptHandler, _ast.MatchAs, _ast.MatchStar)):
            scope.bind(node.name)
        elif isinstance(node, _ast.MatchMapping):
            scope.bind(node.rest)
        elif isinstance(node, _ast.alias):
            scope.bind((node.asname or node.name).partition('.')[0])

    def enter(self, node, scope):
        if isinstance(node, FUNCTIONS):
            self.enter_function(node, scope)
        elif isinstance(node, _ast.ClassDef):
            self.enter_class(node, scope)
        elif isinstance(node, COMPREHENSIONS):
            self.enter_comprehension(node, scope)
        elif isinstance(node, _ast.NamedExpr):
            outer = scope
            while outer.is_comprehension:
                outer = outer.parent
            outer.bind(node.target.id)
            self.push(scope, node.value)
        else:
            self.see(node, scope)
            self.push(scope, *(getattr(node, field) for field in self.children[node.__class__]))


def find_locals(tree, children):
    """-> the id() of each node that reads a local variable of a function."""
    scopes = Scopes(children)
    scopes.push(Scope(), tree)
    while scopes.stack:
        scopes.enter(*scopes.stack.pop())
    return {id(node) for node, scope in scopes.reads if scope.has_local(node.id)}
