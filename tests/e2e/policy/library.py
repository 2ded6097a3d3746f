# SPDX-License-Identifier: LGPL-2.1-or-later
# The standard library at work where nothing of the host can be reached: without an error and without
# a violation.
import abc
import ast
import collections
import contextlib
import copy
import csv
import dataclasses
import datetime
import decimal
import enum
import functools
import inspect
import io
import json
import logging
import pathlib
import pickle
import random
import re
import statistics
import string
import sys
import tempfile
import textwrap
import traceback
import types
import typing
import unittest
import uuid
import warnings

Point = collections.namedtuple("Point", "x y", defaults=[0])
assert Point(1) == (1, 0) and collections.Counter("aab").most_common(1) == [("a", 2)]


class Color(enum.Enum):
    RED = enum.auto()
    BLUE = enum.auto()


class Flags(enum.IntFlag):
    A = 1
    B = 2


assert Color["RED"] is Color.RED and Flags.A | Flags.B == 3


@dataclasses.dataclass(order=True, slots=True)
class Item:
    name: str
    tags: list[str] = dataclasses.field(default_factory=list)


assert dataclasses.asdict(Item("a", ["b"])) == {"name": "a", "tags": ["b"]} and Item("a") < Item("b")


class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...


class Named(typing.NamedTuple):
    a: int
    b: str = "x"


T = typing.TypeVar("T")


class Box(typing.Generic[T]):
    def get(self) -> T: ...


assert typing.get_type_hints(Box.get)["return"] is T and Named(1).b == "x"
assert datetime.datetime.strptime("2020-02-29", "%Y-%m-%d").weekday() == 5
assert datetime.date.fromisoformat("2020-02-29").strftime("%d %B") == "29 February"
assert decimal.Decimal("0.1") + decimal.Decimal("0.2") == decimal.Decimal("0.3")
assert statistics.median([3, 1, 2]) == 2 and statistics.stdev([1, 2, 3]) == 1
assert re.sub(r"(\w+) (\w+)", r"\2 \1", "a b") == "b a" and re.compile("x*").sub("-", "axb")
random.seed(1)
assert random.randint(1, 6) and random.sample(range(9), 3) and random.gauss(0, 1)
rows = list(csv.DictReader(io.StringIO("a,b\r\n1,2\r\n")))
assert rows == [{"a": "1", "b": "2"}]
out = io.StringIO()
csv.writer(out).writerow(["x", "y,z"])
assert out.getvalue() == 'x,"y,z"\r\n'
assert io.BytesIO(b"ab").read(1) == b"a"
assert io.BufferedReader(io.BytesIO(b"line\n")).readline() == b"line\n"

path = pathlib.Path("/app") / "x.tar.gz"
assert path.suffixes == [".tar", ".gz"] and path.parent.name == "app" and not path.exists()
assert pathlib.PurePosixPath("a/../b").parts == ("a", "..", "b")
spooled = tempfile.SpooledTemporaryFile(mode="w+")
spooled.write("x")
spooled.seek(0)
assert spooled.read() == "x"
try:
    path.read_text()
except OSError:
    pass
else:
    raise AssertionError("a file was read")

log = logging.getLogger("test")
stream = io.StringIO()
handler = logging.StreamHandler(stream)
handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(funcName)s %(message)s"))
log.addHandler(handler)
log.warning("w %d", 1)
try:
    raise KeyError("k")
except KeyError:
    log.exception("e")
assert stream.getvalue().startswith("WARNING test <module> w 1\nERROR test <module> e\nTraceback")

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    warnings.warn("careful", DeprecationWarning)
assert len(caught) == 1
try:
    {}["x"]
except KeyError:
    assert "KeyError: 'x'" in traceback.format_exc()


def documented(a, b: int = 1, *c, d=2, **e) -> str:
    """Words."""
    return "source"


assert str(inspect.signature(documented)) == "(a, b: int = 1, *c, d=2, **e) -> str"
assert inspect.getdoc(documented) == "Words." and 'return "source"' in inspect.getsource(documented)
assert inspect.stack()[0].function == "<module>" and inspect.getmodule(Item) is sys.modules["__main__"]


@functools.singledispatch
def show(value):
    return "object"


@show.register
def _(value: int):
    return "int"


@functools.lru_cache
def square(n):
    return n * n


assert show(1) == "int" and show("") == "object" and square(3) == 9
assert functools.reduce(lambda a, b: a + b, [1, 2]) == 3 and functools.partial(square, 2)() == 4
for value in (documented, Item("a"), Point(1), Color.RED, datetime.date(2020, 1, 1), len):
    assert pickle.loads(pickle.dumps(value)) == value
assert copy.deepcopy({"a": [Item("x")]}) == {"a": [Item("x")]}
assert json.loads(json.dumps(rows)) == rows
assert ast.literal_eval("[1, (2, 3)]") == [1, (2, 3)]
assert ast.unparse(ast.parse("x = 1")) == "x = 1"
assert string.Template("$a").substitute(a=1) == "1" and "{:>5}".format("a") == "    a"
assert textwrap.dedent("  a\n  b") == "a\nb"
assert eval("1 + 1") == 2 and types.SimpleNamespace(a=1).a == 1
scope = {}
exec("def f(): return 7", scope)
assert scope["f"]() == 7
documented.__defaults__ = (5,)
assert documented.__code__.co_name == "documented"
assert uuid.uuid4() != uuid.uuid4() and uuid.uuid5(uuid.NAMESPACE_DNS, "a").version == 5
assert "é".encode("utf-16").decode("utf-16") == "é" and "ü".encode("idna")


@contextlib.contextmanager
def context():
    yield 1


with context() as one, contextlib.redirect_stdout(io.StringIO()) as redirected:
    print(one)
assert redirected.getvalue() == "1\n"


class Tests(unittest.TestCase):
    def test_one(self):
        with self.assertRaises(ZeroDivisionError):
            1 / 0
        self.assertEqual([1], [1])

    @unittest.skip("why not")
    def test_skipped(self):
        pass


result = unittest.TextTestRunner(stream=io.StringIO()).run(
    unittest.defaultTestLoader.loadTestsFromTestCase(Tests))
assert result.wasSuccessful() and result.testsRun == 2
for module in list(sys.modules.values()):
    assert not getattr(module, "__file__", "") or not module.__file__.startswith("/"), module
print("library ok")
