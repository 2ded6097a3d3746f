#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Python client against the interface text: neither has a type, a field, an error, an outcome or a
method that the other one does not have."""

import ast
import dataclasses
import os
import sys
import typing
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
sys.path[1:1] = [f"{ROOT}/tests", f"{ROOT}/tests/conformance", f"{ROOT}/lib/python"]
import pysb
import schema
import tap
from pysb import _request, errors, types


def read(path):
    with open(f"{ROOT}/{path}", encoding="utf-8") as file:
        return file.read()


SANDBOX = schema.Interface(read("lib/wire/io.pysb.sandbox.varlink"))
MANAGER = schema.Interface(read("lib/wire/io.pysb.manager.varlink"))
SERVICE = schema.Interface(read("lib/wire/org.varlink.service.varlink"))
OWN_NAMES = {"Exception": "ExceptionInfo", "Job": "LiveJob"}
# Given by Python's own types: see _request.py and tools.py
REQUEST_TYPES = {"JobRequest", "FileInput", "Tool", "ToolFailure"}
# How JobOptions says what JSON says otherwise
OPTIONS = {"inputsJson": "inputs", "stdinText": "stdin", "stdinData": "stdin", "stdinFileDescriptor": "stdin"}


def fields_of(cls):
    return {types.camel_case(field.name) for field in dataclasses.fields(cls)}


def wire_type(hint):
    """What the interface must say for a dataclass field."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Union:
        return ("nullable", wire_type(arguments[0]))
    if origin is list:
        return ("array", wire_type(arguments[0]))
    if origin is dict:
        return ("map", wire_type(arguments[1]))
    names = {str: "string", int: "int", bool: "bool", bytes: "string"}
    return names.get(hint) or {v: k for k, v in OWN_NAMES.items()}.get(hint.__name__, hint.__name__)


def plain(kind):
    """An interface's type without its enums, which are strings here."""
    if isinstance(kind, tuple):
        return (kind[0], plain(kind[1]))
    if isinstance(kind, set) or isinstance(SANDBOX.types.get(kind), set):
        return "string"
    return kind


class Tables(unittest.TestCase):
    def assert_fields(self, cls, expected):
        hints = typing.get_type_hints(cls)
        mine = {types.camel_case(f.name): wire_type(hints[f.name]) for f in dataclasses.fields(cls)}
        theirs = {name: plain(kind) for name, kind in expected.items()}
        if hints.get("data") is bytes:
            self.assertIsInstance(cls.text, property)
            mine["data"] = mine["text"] = ("nullable", "string")
        self.assertEqual(mine, theirs, cls.__name__)

    def test_types(self):
        """each struct of the interface is a dataclass with the same fields of the same types"""
        for name, kind in [*SANDBOX.types.items(), *MANAGER.types.items()]:
            if isinstance(kind, dict) and name not in REQUEST_TYPES:
                self.assert_fields(getattr(types, OWN_NAMES.get(name, name)), kind)

    def test_replies(self):
        """the dataclasses of replies have what the methods reply"""
        replies = [name for name in vars(types) if name.endswith("Reply")]
        self.assertGreater(len(replies), 3)
        for name in replies:
            methods = {**MANAGER.methods, **SANDBOX.methods}
            self.assert_fields(getattr(types, name), methods[name[:-len("Reply")]][1])

    def test_options(self):
        """each field of JobRequest is an option"""
        expected = {OPTIONS.get(name, name) for name in SANDBOX.types["JobRequest"]} - {"code"}
        self.assertEqual({types.camel_case(name) for name in pysb.JobOptions.__annotations__}, expected)

    def test_session_options(self):
        """each parameter of OpenSession and Execute is an option, or an argument"""
        for options, method, arguments in ((pysb.SessionOptions, "OpenSession", set()),
                                           (pysb.CellOptions, "Execute", {"session", "code"})):
            expected = {OPTIONS.get(name, name) for name in SANDBOX.methods[method][0]} - arguments
            self.assertEqual({types.camel_case(name) for name in options.__annotations__}, expected)

    def test_tool(self):
        """a tool is sent with all that the interface has for it"""
        tool = pysb.Tool(print, "t", "d", {"type": "object"}, 1)
        self.assertEqual(set(tool.to_wire()), set(SANDBOX.types["Tool"]))

    def test_errors(self):
        """each error of the interfaces has a class, with its parameters as attributes"""
        for interface in (SANDBOX, MANAGER, SERVICE):
            for name, parameters in interface.errors.items():
                values = {key: f"value of {key}" for key in parameters}
                e = errors.protocol_error(f"{interface.name}.{name}", values)
                self.assertEqual((type(e).__name__, type(e).__module__), (name, "pysb.errors"))
                mine = {types.camel_case(a): getattr(e, a) for a in getattr(type(e), "__annotations__", ())
                        if a != "interface"}
                self.assertEqual(mine, {k: v for k, v in values.items() if k != "interface"}, name)
        known = {f"{i.name}.{name}" for i in (SANDBOX, MANAGER, SERVICE) for name in i.errors}
        self.assertEqual(set(errors.PROTOCOL_ERRORS), known)

    def test_outcomes(self):
        """each outcome but success has a class"""
        self.assertEqual(set(errors.OUTCOME_ERRORS), SANDBOX.types["Outcome"] - {"success"})

    def test_methods(self):
        """each method is called by both clients"""
        for interface, calls, clients in ((SANDBOX, "_calls", ("client", "aio")),
                                          (MANAGER, "_manage", ("manager",))):
            tree = ast.parse(read(f"lib/python/pysb/{calls}.py"))
            called = {node.args[0].value for node in ast.walk(tree)
                      if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)
                      and getattr(node.func, "id", "") in ("Call", "_call")}
            self.assertEqual(called, set(interface.methods))
            functions = {node.name for node in tree.body
                         if isinstance(node, ast.FunctionDef) and node.name[0] != "_"}
            for client in clients:
                text = read(f"lib/python/pysb/{client}.py")
                self.assertFalse([f for f in functions if f"{calls}.{f}(" not in text], client)

    def test_both_clients(self):
        """both clients have the same methods with the same parameters, and so have both managers"""
        def methods(name):
            found = {}
            for cls in ast.parse(read(f"lib/python/pysb/{name}.py")).body:
                if isinstance(cls, ast.ClassDef) and cls.name[0] != "_":
                    found[cls.name] = {f.name: ast.unparse(f.args) for f in cls.body if isinstance(
                        f, (ast.FunctionDef, ast.AsyncFunctionDef)) and f.name[0] != "_"}
            return found
        self.assertEqual(methods("client"), methods("aio"))
        managers = methods("manager")
        self.assertEqual(managers["Manager"], managers["AsyncManager"])

    def test_installed(self):
        """meson installs every file of the package"""
        text = read("lib/python/meson.build")
        for name in os.listdir(f"{ROOT}/lib/python/pysb"):
            if name != "__pycache__":
                self.assertIn(f"'pysb/{name}'", text)

    def test_stdin_is_sealed(self):
        """long standard input goes by a memfd that nobody can change"""
        request = _request.job_request("1", {"stdin": b"x" * (_request.INLINE_BYTES + 1)})
        with self.assertRaises(OSError):
            os.write(request.fds[0], b"y")
        self.assertEqual(os.read(request.fds[0], 2), b"xx")
        request.close()


if __name__ == "__main__":
    tap.run(Tables)
