# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs of the kind that people and models write. The level strict finds nothing in them."""

ACCEPTED = ['''
from dataclasses import dataclass, field, asdict

@dataclass(frozen=True)
class Point:
    x: float
    y: float = 0.0
    tags: list[str] = field(default_factory=list)

    def __post_init__(self):
        object.__setattr__(self, "x", float(self.x))

print(asdict(Point(1)))
''', '''
import json
class Encoder(json.JSONEncoder):
    def default(self, o):
        if hasattr(o, "__dict__"):
            return {"__class__": type(o).__name__, **o.__dict__}
        return super().default(o)
print(json.dumps({"a": [1, 2]}, cls=Encoder))
''', '''
class Vector:
    __slots__ = ("x", "y")
    def __init__(self, x, y): self.x, self.y = x, y
    def __repr__(self): return f"{self.__class__.__name__}({self.x}, {self.y})"
    def __eq__(self, o): return isinstance(o, type(self)) and (self.x, self.y) == (o.x, o.y)
    def __hash__(self): return hash((self.x, self.y))
    def __add__(self, o): return type(self)(self.x + o.x, self.y + o.y)
    def __iter__(self): return iter((self.x, self.y))
    def __getattribute__(self, name): return super().__init__ and None
''', '''
import re
for m in re.finditer(r"(?P<name>__\\w+__)\\.\\{(\\d+)\\}", "text"):
    print(m.group("name"), re.compile("a").pattern)
''', '''
def fib():
    a, b = 0, 1
    while True:
        yield a
        a, b = b, a + b
from itertools import islice
print(list(islice(fib(), 10)))
''', '''
def area(shape):
    match shape:
        case {"kind": "circle", "r": r}:
            return 3.14 * r ** 2
        case ["rect", w, h] if w > 0:
            return w * h
        case Point(x=0, y=y):
            return y
        case str() | int(real=0):
            return 0
        case _:
            raise ValueError(f"unknown shape {shape!r:>{10}}")
''', '''
import functools
def memo(f):
    cache = {}
    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        key = (args, tuple(sorted(kwargs.items())))
        if key not in cache:
            cache[key] = f(*args, **kwargs)
        return cache[key]
    print(f.__name__, f.__doc__, wrapper.__wrapped__, f.__annotations__, f.__module__)
    return wrapper
''', '''
größe = {naïve: len(naïve) for naïve in ("é", "ü")}
名前 = [x for x in größe if x.isalpha()]
print(f"{größe}: {名前[0]}")
''', '''
import asyncio
async def fetch(n):
    await asyncio.sleep(0)
    return n
async def main():
    return [x async for x in agen()] + await asyncio.gather(*(fetch(i) for i in range(3)))
''', '''
try:
    from typing import TypedDict, Protocol
except ImportError:
    TypedDict = dict
class Movie(TypedDict, total=False):
    name: str
class Sized(Protocol):
    def __len__(self) -> int: ...
print(Movie.__annotations__, Movie.__total__ if hasattr(Movie, "__total__") else 0)
'''.replace("Movie.__total__", "1"), '''
from enum import Enum, auto
class Color(Enum):
    RED = auto()
    @classmethod
    def _missing_(cls, value): return cls.RED
print(Color.__members__, Color["RED"].name)
''', '''
import heapq
def dijkstra(graph, start):
    dist, queue = {start: 0}, [(0, start)]
    while queue:
        d, node = heapq.heappop(queue)
        for other, weight in graph.get(node, {}).items():
            if (new := d + weight) < dist.get(other, float("inf")):
                dist[other] = new
                heapq.heappush(queue, (new, other))
    return dist
''', '''
class Stack:
    def __init__(self): self._items = []
    def __len__(self): return len(self._items)
    def __getitem__(self, i): return self._items[i]
    def __enter__(self): return self
    def __exit__(self, kind, value, tb): return False
    def __class_getitem__(cls, item): return cls
    def __private(self): return self.__hidden
    def __call__(self): return self.__len__()
''', '''
config = {"debug": True}
value = getattr(config, "name", None) or getattr(config, "__len__")()
setattr(Config, "debug", True)
if hasattr(config, name): pass
''', '''
class Visitor:
    def visit(self, node):
        method = getattr(self, f"visit_{type(node).__name__}", self.generic)
        return method(node)
    def other(self, name): return getattr(self, "on_" + name + "_done")()
    def more(self, name): return getattr(self, "get_%s" % name)(), getattr(self, f"_handle_{name}")
    def last(self, name): return getattr(self, "do_{}".format(name), None)
''', '''
def strategy(bars):
    total = 0
    for open, high, low, close in bars:
        total += close - open
    vars = {"a": 1}
    return total, vars["a"]
def outer(compile):
    def inner(): return compile
    return [compile for compile in (1, 2)], inner, lambda eval: eval
def more(rows):
    import re as vars
    with rows as open:
        (locals := open)
    try:
        for exec, *globals in rows: print(exec, globals, locals, vars)
    except ValueError as eval:
        print(eval)
    match rows:
        case {"a": breakpoint, **compile}: return breakpoint, compile, [locals for x in rows if (locals := x)]
    class C:
        def f(self): return open
''', '''
from collections import Counter, defaultdict, namedtuple, OrderedDict, deque
Pair = namedtuple("Pair", "a b")
p = Pair(1, 2)._replace(a=3)
print(p._asdict(), Pair._fields, Counter("hello").most_common(1))
''', '''
from abc import ABC, abstractmethod
class Shape(ABC):
    registry = {}
    def __init_subclass__(cls, **kw):
        super().__init_subclass__(**kw)
        Shape.registry[cls.__name__] = cls
    @abstractmethod
    def area(self): ...
    @property
    def name(self): return type(self).__qualname__
''', '''
try:
    1 / 0
except ZeroDivisionError as error:
    print(type(error).__name__, error.args, error.__cause__)
    raise ValueError("no") from error
finally:
    print("done")
''', '''
import datetime as dt
now = dt.datetime(2024, 1, 1)
print(now.strftime("%Y-%m-%d"), (now + dt.timedelta(days=1)).isoformat(), f"{now:%H:%M}")
''', '''
import math, statistics
data = [1, 2, 3]
print(f"{statistics.mean(data):.2f} {math.sqrt(sum(x * x for x in data)):,.3f}")
''', '''
template = "Dear {name}, you owe {amount:.2f}. {0[key]} {user.name!r} {items[0].price}"
print(template.format(name="A", amount=1))
'''.strip("\n"), '''
if __name__ == "__main__":
    import sys
    sys.exit(0)
''', '''
"""Docstring about __class__ and f_globals and eval."""
__version__ = "1.0"
__all__ = ["main"]
__author__ = "me"
def main(): return __doc__, __version__
''', '''
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from os import PathLike
def f(path: "PathLike") -> "dict[str, int]": ...
''', '''
matrix = [[1 if i == j else 0 for j in range(3)] for i in range(3)]
flat = [x for row in matrix for x in row if x]
print({k: {v for v in range(k)} for k in range(3)}, (lambda *a, **k: (a, k))(1))
''', '''
class Meta(type):
    def __new__(mcs, name, bases, ns, **kw):
        return super().__new__(mcs, name, bases, ns)
    def __call__(cls, *a):
        if not hasattr(cls, "_instance"):
            cls._instance = super().__call__(*a)
        return cls._instance
class Single(metaclass=Meta): pass
''', '''
class Typed:
    def __set_name__(self, owner, name): self.name = "_" + name
    def __get__(self, obj, owner=None): return obj.__dict__[self.name]
    def __set__(self, obj, value): obj.__dict__[self.name] = value
''', '''
import contextlib, io
buffer = io.StringIO()
with contextlib.redirect_stdout(buffer), contextlib.suppress(KeyError):
    print("captured")
''', '''
import csv, io
rows = list(csv.DictReader(io.StringIO("a,b\\n1,2\\n")))
print(rows[0]["a"], *rows, sep="\\n", end="")
''', '''
from decimal import Decimal, getcontext
getcontext().prec = 10
print(Decimal(1) / Decimal(7), int("ff", 16), 0x_ff, 1_000, 1e3, 2j, b"x", ...)
''', '''
import string
print(string.Template("$a").substitute(a=1), "%s %(x)s" % {"x": 1} if 0 else "", "{{}}".format())
''', '''
import json as j
doc = {"__class__": "Point", "x": 1, "f_name": "Ann", "tb_frame": 1}
print(j.loads(j.dumps(doc))["__class__"], doc.get("__type__"))
''', '''
import ast
print(ast.literal_eval("[1, 2]"))
''', '''
def quicksort(xs):
    if len(xs) <= 1: return xs
    pivot, *rest = xs
    return quicksort([x for x in rest if x < pivot]) + [pivot] + quicksort([x for x in rest if x >= pivot])
''', '''
class LRU(dict):
    def __missing__(self, key):
        self[key] = value = key * 2
        return value
    def __setitem__(self, k, v):
        super().__setitem__(k, v)
    def __delitem__(self, k): super().__delitem__(k)
    def __contains__(self, k): return super().__contains__(k)
''', '''
from operator import attrgetter, itemgetter, methodcaller
rows.sort(key=attrgetter("name.first"), reverse=True)
rows.sort(key=itemgetter("__class__"))
names = list(map(methodcaller("upper"), names))
''', '''
class Company:
    co_name: str = "x"
    f_score: float = 0.5
    def get_frame(self): return self.co_name, self.f_score, self.frame, self.code
''', '''
import random, time
rng = random.Random(42)
start = time.perf_counter()
print(rng.choice("abc"), rng.sample(range(10), 3), time.perf_counter() - start < 1)
''', '''
name = input("Your name: ")
print(f"Hello, {name}!", dir(name)[:1], id(name) is not None, memoryview(b"x")[0], help)
''', '''
class Tree:
    def __init__(self, value, left=None, right=None):
        self.value, self.left, self.right = value, left, right
    def __iter__(self):
        if self.left: yield from self.left
        yield self.value
        if self.right: yield from self.right
def counter():
    n = 0
    def step():
        nonlocal n
        n += 1
        return n
    return step
total = 0
def add(x):
    global total
    total += x
''', '''
from typing import Generic, TypeVar
T = TypeVar("T", bound="Base")
class Box(Generic[T]):
    def __init__(self, item: T) -> None: self.item = item
    def __str__(self) -> str: return super().__str__() + str(self.item.__class__.__name__)
print(Box[int].__origin__, Box[int].__args__)
''', '''
# What the modules with refused members are for
import concurrent.futures, copy, dataclasses, enum, functools, inspect, io, json, logging, operator
import pickle, random, sys, timeit, traceback, types, typing, warnings
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from json import decoder
from operator import attrgetter, itemgetter, methodcaller
from timeit import default_timer as timer
import _sandbox
_sandbox.result({"n": 1})
print(sys.version_info, sys.maxsize, sys.path, sys.exc_info()[0], timeit.default_timer(), timer())
print(inspect.signature(print), inspect.signature(print, eval_str=False), inspect.isfunction(print))
print(pickle.dumps(1), copy.deepcopy([1]), io.StringIO("x").read(), json.decoder.JSONDecodeError)
print(isinstance(print, types.FunctionType), types.SimpleNamespace(modules=1).modules)
print(ET.fromstring("<a/>").tag, concurrent.futures.as_completed, logging.getLogger(__name__))
Point = dataclasses.make_dataclass("Point", [("x", "int"), ("y", int)])
print(sorted([Point(1, 2)], key=operator.attrgetter("x", "y")), methodcaller("upper")("a"))
class Registry:
    def __init__(self, modules: "list[str] | None" = None) -> "Registry":
        self.modules, self._modules, self.sys = modules, {}, None
        self.stack = []
    def load(self, kind: typing.Literal["a(b)", "x:y"], text: "dict[str, 'Registry']" = None):
        return self._modules, self.modules, self.stack, self.load(kind), self.__dict__, warnings.warn("x")
    def trace(self): return self.trace()
@functools.singledispatch
def show(x: "object") -> "str": return str(x)
''', '''
def f(loader): return loader.modules, loader.loads, loader.timeit, loader._private
''', '''
from typing import *
from operator import attrgetter as by, methodcaller as call
from dataclasses import *
_cache: Dict[str, List[int]] = {}
@dataclass
class Point:
    __match_args__: ClassVar[tuple] = ("x", "y")
    x: int
class Other(Point):
    __match_args__ = ()
Other.__match_args__ = ("x",)
def f(load, template):
    return load, template, Other.__match_args__, "a" + "b.{0.x}" + load, 1 + 2 + len(_cache)
print(sorted([Point(1)], key=by("x")), call("upper")("a"), isinstance(_cache, dict))
''']
