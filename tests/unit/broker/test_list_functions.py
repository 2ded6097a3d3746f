#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a prompt says of functions, from their source."""

import importlib.util
import os
import sys
import tempfile
import unittest

ROOT = os.environ["PYSB_SOURCE_ROOT"]
sys.path.insert(1, os.path.join(ROOT, "tests"))
import tap

spec = importlib.util.spec_from_file_location("list_functions",
                                              os.path.join(ROOT, "daemon/broker/list-functions.py"))
list_functions = importlib.util.module_from_spec(spec)
spec.loader.exec_module(list_functions)

# A definition, and the line that is printed
LINES = [
    ("def f(): pass", "f()"),
    ("def f(a: str, b: int = 3) -> str: pass", "f(a, b=3) -> str"),
    ("def f(path: Path = '/app', *, all: bool = False) -> None: pass", "f(path='/app', *, all=False) -> None"),
    ("def f(*files: Path, **k: str) -> str | None: pass", "f(*files, **k) -> str | None"),
    ("def f(a) -> list[tuple[str, int, str]]: pass", "f(a) -> list[(str, int, str)]"),
    ("def f(a) -> dict[str, list[int]] | tuple[str, ...]: pass", "f(a) -> dict[str, list[int]] | (str, ...)"),
    ("def f(a: Callable[[int], bool]) -> Iterator[dict]: pass", "f(a) -> Iterator[dict]"),
]


class ListFunctions(unittest.TestCase):
    def listed(self, *texts):
        with tempfile.TemporaryDirectory() as directory:
            modules = []
            for number, text in enumerate(texts):
                path = os.path.join(directory, f"m{number}.py")
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
                modules.append(list_functions.read(path))
            return list(list_functions.signatures(modules))

    def test_lines(self):
        """a line has defaults and what is returned, and no types of parameters"""
        for source, line in LINES:
            self.assertEqual(self.listed("__all__ = ['f']\n" + source), [line])

    def test_offered(self):
        """what is offered is listed, in its order, and nothing else"""
        self.assertEqual(self.listed("__all__ = ['b', 'a', 'C']\nclass C: pass\ndef a(): pass\n"
                                     "def b(): pass\ndef c(): pass\n"), ["b()", "a()"])

    def test_elsewhere(self):
        """a module may offer what another one defines, and the package what it gathers"""
        self.assertEqual(self.listed("from ._x import f\n__all__ = ['f']\n", "def f(x): pass\n",
                                     "from . import m0\n__all__ = [*m0.__all__]\n"), ["f(x)"])
        self.assertEqual(self.listed("__all__ = ['f']\ndef f(mine): pass\n", "def f(x): pass\n"), ["f(mine)"])


if __name__ == "__main__":
    tap.run(ListFunctions)
