# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs, and what counting them has to come to."""

# Name -> (program, its ticks)
COUNTS = {
    "nothing": ("x = 1", 0),
    "for": ("for x in range(5): pass", 5),
    "for over nothing": ("for x in []: pass", 0),
    "for with break": ("for x in range(5):\n    if x == 2: break", 3),
    "for with continue": ("for x in range(5):\n    continue", 5),
    "for with else": ("for x in range(3): pass\nelse: y = 1", 3),
    "for in for": ("for x in range(3):\n    for y in range(4): pass", 3 + 12),
    "for over a text": ("for x in 'abc': pass", 3),
    "for with a star": ("for x in *[1, 2], *(3,): pass", 3),
    "for with targets": ("a = {}\nfor i, (a[0], *b) in [(1, (2, 3))]: pass", 1),
    "while": ("n = 5\nwhile n: n -= 1", 5),
    "while that never runs": ("while 0: pass\nwhile False: pass", 0),
    "while with else": ("n = 2\nwhile n: n -= 1\nelse: n = 7", 2),
    "while true": ("n = 5\nwhile True:\n    n -= 1\n    if not n: break", 5),
    "one line": ("n = 2\nwhile n: n -= 1; m = 1", 2),
    "a function that is not called": ("def f(): pass", 0),
    "a function": ("def f(): pass\nf(); f()", 2),
    "a function with a docstring": ("def f():\n    'doc'\nf()", 1),
    "recursion": ("def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\nfib(10)", 177),
    "a nested function": ("def f():\n    def g(): pass\n    g()\nf()", 2),
    "a method": ("class A:\n    def f(self): pass\nA().f()", 1),
    "special methods": ("class A:\n    def __init__(self): pass\n    def __eq__(self, o): return 1\n"
                        "    @property\n    def p(self): return 1\nA() == 1, A().p", 4),
    "a class is no function": ("class A:\n    for x in range(3): pass", 3),
    "a decorator": ("def d(f): return f\n@d\ndef g(): pass\n@d\nclass A: pass", 2),
    "a decorated first statement": ("def d(f): return f\ndef f():\n    @d\n    def g(): pass\nf()", 2),
    "a default": ("def f(x=[i for i in range(3)]): pass\nf()", 4),
    "lambda": ("f = lambda x: x\nf(1); f(2)", 2),
    "lambda in lambda": ("(lambda: lambda: 1)()()", 2),
    "lambda as a key": ("sorted([3, 1, 2], key=lambda x: -x)", 3),
    "lambda that yields": ("list((lambda: (yield))())", 1),
    "a generator counts when it begins": ("def g(): yield 1\ng()", 0),
    "a generator": ("def g():\n    yield 1\n    yield 2\nlist(g())", 1),
    "a generator in a loop": ("def g():\n    yield 1\n    yield 2\nfor x in g(): pass", 3),
    "yield from": ("def g(): yield 1\ndef h(): yield from g()\nlist(h())", 2),
    "a list": ("[x for x in range(4)]", 4),
    "a set": ("{x for x in range(4)}", 4),
    "a dict": ("{x: x for x in range(4)}", 4),
    "a generator expression": ("list(x for x in range(4))", 4),
    "a generator expression that nobody reads": ("(x for x in range(4))", 0),
    "a comprehension with conditions": ("[x for x in range(4) if x if x > 1]", 4),
    "a comprehension of two": ("[x for x in range(3) for y in range(4)]", 3 + 12),
    "a comprehension in another": ("[[y for y in range(2)] for x in range(3)]", 3 + 6),
    "a comprehension with an assignment": ("[y for x in range(3) if (y := x)]", 3),
    "a comprehension over one": ("[y for x in range(3) for y in [x * x]]", 3 + 3),
    "a comprehension in a class": ("class A:\n    x = [i for i in range(3)]", 3),
    "an f-string": ("f'{[x for x in range(3)]} {(lambda: 1)():>{(lambda: 9)()}}'", 5),
    "match": ("match [1, 2]:\n    case [x, y] if all(v for v in (x, y)):\n"
              "        for z in range(2): pass", 4),
    "with, try": ("try:\n    for x in range(2): 1 / 0\nexcept* ZeroDivisionError:\n"
                  "    for x in range(2): pass\nelse:\n    pass\nfinally:\n    for x in range(3): pass",
                  1 + 2 + 3),
    "async": ("async def f(): return 1\n"
              "async def main():\n    return await f() + await f()\n"
              "try: main().send(None)\nexcept StopIteration as e: print(e.value)", 3),
    "async for": ("async def g():\n    yield 1\n    yield 2\n"
                  "async def main():\n    async for x in g(): pass\n"
                  "try: main().send(None)\nexcept StopIteration: pass", 2 + 2),
    "an async comprehension": ("async def g():\n    yield 1\n    yield 2\n"
                               "async def main():\n    return [x async for x in g() if x > 1]\n"
                               "try: main().send(None)\nexcept StopIteration as e: print(e.value)", 2 + 2),
    "async for with else": ("async def g():\n    yield 1\n"
                            "async def main():\n    async for x in g(): break\n    else: pass\n"
                            "try: main().send(None)\nexcept StopIteration: pass", 2 + 1),
    "the library is not counted": ("import textwrap\ntextwrap.wrap('a b c d ' * 50, 10)", 0),
    "but what it calls is": ("import functools\nfunctools.reduce(lambda x, y: x + y, range(5))", 4),
    "exec is not counted": ("exec('for x in range(9): pass')", 0),
    "C is not counted": ("sum(range(1000)), sorted(range(1000))", 0),
    "__future__": ("'doc'\nfrom __future__ import annotations\ndef f(x: [i for i in ()]) -> int: pass\n"
                   "f(1)", 1),
    "annotations": ("def f(x: [i for i in range(2)]) -> (lambda: 1)(): pass\n"
                    "y: [i for i in range(3)] = 1\nf(1)", 2 + 1 + 3 + 1),
    "an assertion": ("assert all(x for x in (1, 2))", 2),
    "a finaliser": ("class A:\n    def __del__(self): pass\nA()\nNone", 1),
    "an exception in a loop": ("try:\n    for x in range(5): 1 / x\nexcept ZeroDivisionError: pass", 1),
    "an iterator that fails": ("def g():\n    yield 1\n    1 / 0\ntry:\n    for x in g(): pass\n"
                               "except ZeroDivisionError: pass", 2),
}

# Programs that tell what they are, and must not tell anything else if they are counted.
SAME = [
    "for x in 5: pass",
    "for x, y in [(1,)]: pass",
    "[x for x in 5]",
    "list(x for x in None)",
    "[x for x in (1,) for y in x]",
    "def f():\n    for x in 5:\n        pass\nf()",
    "def f():\n    'doc'\n    1 / 0\nf()",
    "def f():\n    'doc'\nprint(f.__doc__)",
    "def f(): 'doc'\nprint(f.__doc__, f())",
    "def f():\n    b'doc'\nprint(f.__doc__)",
    "def f():\n    f'doc'\nprint(f.__doc__)",
    "class A:\n    'doc'\n    def f(self):\n        '''doc\n        two'''\nprint(A.__doc__, A.f.__doc__)",
    "f = lambda: 1 / 0\nf()",
    "f = lambda: 'no doc'\nprint(f.__doc__, f())",
    "f = lambda x, *, y=1: (x,\n    y, z)\nf(1)",
    "print(locals().keys(), dir(), sorted(globals()))",
    "def f(a):\n    for b in range(1): c = 1\n    print(locals(), dir(), f.__code__.co_varnames,\n"
    "          f.__code__.co_names, f.__code__.co_freevars)\nf(1)",
    "def f():\n    global g\n    for g in range(3): pass\nf()\nprint(g)",
    "def f():\n    x = 1\n    def g():\n        nonlocal x\n        while x < 5: x += 1\n    g()\n    return x\n"
    "print(f())",
    "def f():\n    fs = [lambda: i for i in range(3)]\n    return [g() for g in fs]\nprint(f())",
    "class A:\n    x = 5\n    y = [x for x in range(3)]\n    z = [i for i in range(x)]\nprint(A.y, A.z)",
    "def f():\n    if any((last := x) > 1 for x in range(5)): return last\nprint(f())",
    "'doc'\nfrom __future__ import annotations\n"
    "def f(x: [i for i in y], *a: lambda: 1) -> {i: j for i, j in k}: pass\nclass A:\n"
    "    x: [i for i in y] = 1\nprint(__doc__, f.__annotations__, A.__annotations__)",
    "def g():\n    try:\n        while True:\n            x = yield\n            print(x)\n"
    "    finally:\n        print('end')\nh = g()\nnext(h)\nh.send(1)\nh.close()",
    "def g():\n    yield 1\n    return 2\ndef h():\n    print((yield from g()))\nprint(list(h()))",
    "def g():\n    for x in range(3):\n        try: yield x\n        except ValueError as e: print(repr(e))\n"
    "h = g()\nprint(next(h), h.throw(ValueError(1)), next(h))\nnext(h)",
    "for x in range(3):\n    pass\nelse:\n    print('else')\nprint(x)",
    "for x in range(3):\n    if x: break\nelse:\n    print('else')\nprint(x)",
    "match {'a': [1, 2]}:\n    case {'a': [x, *y]} if [z for z in y]: print(x, y)\n    case _: print('no')",
    "def f(n): return f(n - 1)\ntry: f(1)\nexcept RecursionError as e: print(e)",
    "import inspect\ndef f():\n    for x in range(3):\n        yield x\nprint(inspect.getsource(f))\n"
    "print(f.__code__.co_firstlineno, inspect.isgeneratorfunction(f))",
    "import sys\ndef f():\n    while True:\n        return sys._getframe().f_lineno\nprint(f())",
    "def f():\n    for x in (1,\n              0):\n        y = (1 /\n             x)\nf()",
    "x = [1 / y\n     for y in (1, 0)\n     if y < 2]",
    "def f():\n    @g\n    def h(): pass\nf()",
    "class A:\n    def __iter__(self): raise ValueError('no')\nfor x in A(): pass",
    "class A:\n    def __iter__(self): return self\n    def __next__(self): raise ValueError('no')\n"
    "for x in A():\n    pass",
    "class A:\n    def __iter__(self): return 1\n[x for x in A()]",
    "async def f():\n    async for x in 1: pass\nf().send(None)",
    "async def f():\n    return [x async for x in 1]\nf().send(None)",
    "async def f(): pass\nf().send(None)",
    "return 1",
    "break",
    "def f():\n    for x in y: pass\n    global x",
    "[(yield) for x in 1]",
    "[x := 1 for x in 1]",
    "[1 for x in (y := 2)]",
    "class A:\n    [y := 1 for x in 1]",
    "def f(): nonlocal x",
    "def f():\n    await g()",
    "x = 1\nx is 1",
    "def f(x):\n    while x:\n        x -= 1\n        yield x\n    else:\n        yield 'end'\nprint([*f(3)])",
    "import gc, weakref\nclass A: pass\ndef f():\n    a = A()\n    r = weakref.ref(a)\n    for x in [a]: pass\n"
    "    del a, x\n    return r()\nprint(f())",
    "print([{x for x in y} for y in ([1, 1], [2])], {x: 1 for x in 'ab'})",
    "print((lambda *a, **k: (a, k))(1, b=2), (lambda: (yield))().__class__)",
    "print(type((x for x in ())).__name__, (x for x in ()).__qualname__)",
    "with open('/nowhere') as f:\n    for line in f: pass",
    "try:\n    for x in [1]:\n        try: continue\n        finally: print('f')\nfinally: print('g')",
]

# These lines are all that sys.settrace() sees, counted or not.
TRACED = [
    "def f():\n    'doc'\n    for x in range(2):\n        y = 1\n        z = 2\n    return x\nf()",
    "def f(n):\n    while n:\n        n -= 1\n        m = n\n    return n\nf(3)",
    "def f():\n    return [x for x in range(2)\n            if x]\nf()",
    "def f():\n    g = lambda: (\n        1)\n    return g()\nf()",
    "def f():\n    for x in range(2):\n        if x:\n            continue\n        y = [\n            x]\nf()",
    "def d(f):\n    return f\ndef f():\n    @d\n    def g():\n        pass\n    return g()\nf()",
    "def f():\n    yield 1\n    yield 2\nlist(f())",
]
