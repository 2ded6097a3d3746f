# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rules for interface texts that every stock parser takes: each was broken by one that did not.
lint(text) returns a list of complaints."""

import keyword
import re

# A name, a comment, or one of the signs; blanks are skipped
TOKEN = re.compile(r"[ \t\r\n]+|#[^\n]*|->|[A-Za-z][A-Za-z0-9_.]*|[\[\]():,?]")
BASE_TYPES = {"bool", "int", "float", "string", "object"}
# Of Go, Rust, Java and the like, where the name of a parameter becomes a variable
RESERVED = {"final", "type", "func", "fn", "new", "struct", "interface", "package", "match"}


class Lint:
    def __init__(self, text):
        self.problems = []
        self.names = set()
        self.n_methods = 0
        self.tokens = [t for t in self.tokenize(text) if not t.isspace() and t[0] != "#"]
        self.position = 0

    def complain(self, sentence):
        self.problems.append(sentence)

    def tokenize(self, text):
        position = 0
        while position < len(text):
            match = TOKEN.match(text, position)
            if not match:
                raise SyntaxError(f"unexpected {text[position]!r} at {position}")
            yield match[0]
            position = match.end()

    def peek(self):
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def take(self, expected=None):
        token = self.peek()
        if not token or (expected and token != expected):
            raise SyntaxError(f"{expected or 'more'} expected instead of {token!r}")
        self.position += 1
        return token

    def read_interface(self):
        self.take("interface")
        name = self.take()
        # varlink-go 0.4.0
        if not re.fullmatch(r"[a-z]+(\.[a-z0-9]+)+", name):
            self.complain(f"the interface name {name} is not all lower case")
        while self.peek():
            self.read_member(self.take())
        if self.n_methods == 0:
            self.complain("there is no method")

    def read_member(self, kind):
        name = self.take()
        # One namespace for all of them in every binding
        if name in self.names:
            self.complain(f"{name} is defined twice")
        self.names.add(name)
        if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", name):
            self.complain(f"{name} does not start with an upper case letter")
        if kind == "method":
            self.n_methods += 1
            self.read_struct(name, is_method=True)
            self.take("->")
            self.read_struct(name, is_method=True)
        elif kind == "error":
            self.read_struct(name)
        elif kind == "type":
            if self.read_struct(name) == 0:
                self.complain(f"the type {name} is empty")
        else:
            raise SyntaxError(f"type, method or error expected instead of {kind}")

    def read_struct(self, where, is_method=False, is_anonymous=False):
        """Fields or the values of an enum; returns how many there are."""
        self.take("(")
        n = n_values = 0
        while self.peek() != ")":
            name = self.take()
            n += 1
            if self.peek() == ":":
                self.take()
                self.check_field_name(f"{where}.{name}", name, is_method)
                self.read_type(f"{where}.{name}", is_method, is_anonymous)
            else:
                n_values += 1
                if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                    self.complain(f"{where}: the value {name} is not in lower case")
            if self.peek() != ")":
                self.take(",")
        self.take(")")
        # python-varlink 31: an enum of one value is no enum
        if n_values == 1:
            self.complain(f"{where} is an enum of one value")
        if n_values not in (0, n):
            self.complain(f"{where} mixes fields and values")
        return n

    def check_field_name(self, where, name, is_method):
        if not re.fullmatch(r"[a-z][A-Za-z0-9]*", name):
            self.complain(f"{where} is not in camel case")
        if keyword.iskeyword(name) or (is_method and name in RESERVED):
            self.complain(f"{where} is a reserved word in a client's language")

    def read_type(self, where, is_method, is_anonymous):
        containers = ""
        while self.peek() in ("?", "["):
            if self.take() == "?":
                containers += "?"
                continue
            if self.peek() == "string":
                self.take()
            self.take("]")
            containers += "c"
        # sd-varlink 257
        if containers not in ("", "?", "c", "?c"):
            self.complain(f"{where} has a container of containers, or one of nullable values")
        if self.peek() != "(":
            name = self.take()
            # sd-varlink 257
            if is_anonymous and name not in BASE_TYPES:
                self.complain(f"{where} is a named type inside an anonymous struct")
            return
        start = self.position
        n = self.read_struct(where, is_anonymous=True)
        if n == 0:
            # sd-varlink 257
            self.complain(f"{where} is an empty struct")
        elif is_method and ":" in self.tokens[start:self.position]:
            # varlink-go 0.4.0
            self.complain(f"{where} is an anonymous struct in a method")


def check_comments(text):
    for number, line in enumerate(text.splitlines(), 1):
        # varlink-go 0.4.0 swallows the line after a bare "#"
        if re.match(r"\s*#(?! \S)", line):
            yield f"line {number}: a comment is '# ' and text"
        elif "#" in line and not re.match(r"\s*#", line):
            yield f"line {number}: a comment has a line of its own"


def check_documentation(text):
    previous = ""
    for line in text.splitlines():
        if re.match(r"(type|method|interface) ", line) and not previous.startswith("#"):
            yield f"'{line.strip()}' has no comment"
        previous = line


def lint(text):
    problems = [*check_comments(text), *check_documentation(text)]
    try:
        checker = Lint(text)
        checker.read_interface()
        problems += checker.problems
    except SyntaxError as e:
        problems.append(str(e))
    return problems
