#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints the functions of modules as elements of an array of C: list-functions.py MODULE.py…

A function is the line that a language model is told of it, `grep(pattern, files) -> list[(str, int, str)]`:
defaults, but no types of parameters, which their names say. What `__all__` names is listed, in its order;
a name that is no function is left out."""

import ast
import json
import sys


def parameters(arguments):
    """The text between the brackets, without annotations."""
    for argument in ast.walk(arguments):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    return ast.unparse(arguments)


def shown_type(node):
    """A type in few characters: tuple[str, int] is (str, int)."""
    if isinstance(node, ast.BinOp):
        return '%s | %s' % (shown_type(node.left), shown_type(node.right))
    if not isinstance(node, ast.Subscript):
        return ast.unparse(node)
    inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    name, text = ast.unparse(node.value), ', '.join(map(shown_type, inner))
    return '(%s)' % text if name == 'tuple' else '%s[%s]' % (name, text)


def read(path):
    """(what the module offers, its functions by their names)"""
    with open(path, encoding='utf-8') as file:
        tree = ast.parse(file.read(), path)
    names, functions = [], {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', None) == '__all__':
            names = [item.value for item in node.value.elts if isinstance(item, ast.Constant)]
        elif isinstance(node, ast.FunctionDef):
            functions[node.name] = node
    return names, functions


def signatures(modules):
    """A module may offer what another one defines."""
    everywhere = {}
    for _, functions in modules:
        everywhere |= functions
    for names, functions in modules:
        for function in filter(None, [functions.get(name) or everywhere.get(name) for name in names]):
            line = '%s(%s)' % (function.name, parameters(function.args))
            yield line + (' -> ' + shown_type(function.returns) if function.returns else '')


if __name__ == '__main__':
    print('/* Made by list-functions.py. */')
    for signature in signatures([read(path) for path in sys.argv[1:]]):
        print(json.dumps(signature) + ',')
