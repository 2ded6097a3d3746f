# SPDX-License-Identifier: LGPL-2.1-or-later
"""An interface text as a schema: whether a document is what a type says, to the letter. Clients ignore
what they do not know; a test of the daemon must not."""

import re

TOKEN = re.compile(r"->|[A-Za-z][A-Za-z0-9_.]*|[\[\]():,?]")
BASE = {"bool": bool, "int": int, "float": (int, float), "string": str, "object": (dict, list)}


class Interface:
    """types, methods as (input, output), errors: each a dict of fields, or a set of enum values."""

    def __init__(self, text):
        self.tokens = TOKEN.findall(re.sub(r"#[^\n]*", "", text))
        self.position = 0
        self.types, self.methods, self.errors = {}, {}, {}
        self.take("interface")
        self.name = self.take()
        while self.position < len(self.tokens):
            self.read_member(self.take(), self.take())

    def take(self, expected=None):
        token = self.tokens[self.position]
        assert expected in (None, token), f"{expected} expected instead of {token}"
        self.position += 1
        return token

    def takes(self, token):
        if self.tokens[self.position] != token:
            return False
        self.position += 1
        return True

    def read_member(self, kind, name):
        body = self.read_struct()
        if kind == "method":
            self.take("->")
            self.methods[name] = (body, self.read_struct())
        else:
            {"type": self.types, "error": self.errors}[kind][name] = body

    def read_struct(self):
        fields, values = {}, set()
        self.take("(")
        while not self.takes(")"):
            name = self.take()
            if self.takes(":"):
                fields[name] = self.read_type()
            else:
                values.add(name)
            self.takes(",")
        return values or fields

    def read_type(self):
        if self.takes("?"):
            return ("nullable", self.read_type())
        if self.takes("["):
            container = "map" if self.takes("string") else "array"
            self.take("]")
            return (container, self.read_type())
        return self.read_struct() if self.tokens[self.position] == "(" else self.take()

    def problems(self, kind, value, where):
        """Sentences about what is not as the type says."""
        if isinstance(kind, dict):
            return self.problems_of_struct(kind, value, where)
        if isinstance(kind, set):
            return [] if value in kind else [f"{where}: {value!r} is none of {sorted(kind)}"]
        if isinstance(kind, tuple):
            return self.problems_of_container(*kind, value, where)
        if kind in self.types:
            return self.problems(self.types[kind], value, where)
        good = isinstance(value, BASE[kind]) and (kind == "bool") == isinstance(value, bool)
        return [] if good else [f"{where}: {value!r} is no {kind}"]

    def problems_of_container(self, container, kind, value, where):
        if container == "nullable":
            return [] if value is None else self.problems(kind, value, where)
        if not isinstance(value, list if container == "array" else dict):
            return [f"{where}: {value!r} is no {container}"]
        items = enumerate(value) if container == "array" else value.items()
        return [p for key, item in items for p in self.problems(kind, item, f"{where}[{key}]")]

    def problems_of_struct(self, fields, value, where):
        if not isinstance(value, dict):
            return [f"{where}: {value!r} is no object"]
        found = [f"{where}.{name} is not in the interface" for name in value if name not in fields]
        for name, kind in fields.items():
            is_nullable = isinstance(kind, tuple) and kind[0] == "nullable"
            if name in value:
                found += self.problems(kind, value[name], f"{where}.{name}")
            elif not is_nullable:
                found.append(f"{where}.{name} is missing")
        return found
