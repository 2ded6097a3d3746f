# SPDX-License-Identifier: LGPL-2.1-or-later
"""Exceptions of every kind as data: each is typed, none shows a frame that is not the program's."""

from jobs import contains
from programs import Case, error, output, starts


def traceback(*lines):
    """The whole of it."""
    return {"exception.traceback": "".join(f"{line}\n" for line in lines)}


def stderr(*words):
    return {"stderr.text": lambda text: all(word in text for word in words)
            and "frozen" not in text}


LIBRARY_FRAMES = """
import collections, json, re
class Bad:
    def __repr__(self): raise ValueError("from the program")
def f(*_):
    json.dumps(collections.OrderedDict(x=collections.deque([re.sub("a", lambda m: [].x, "a")])))
f()
"""

CHAIN = """
def f():
    try:
        {}["key"]
    except KeyError as error:
        raise ValueError("second") from error
try:
    f()
except ValueError:
    raise RuntimeError("third")
"""

CYCLE = """
a, b = ValueError("a"), KeyError("b")
a.__cause__, b.__cause__ = b, a
raise a
"""

GROUP = """
def f(): raise KeyError("k")
errors = []
for g in f, lambda: 1/0:
    try: g()
    except Exception as error: errors.append(error)
raise ExceptionGroup("both", errors)
"""

FORGED_NAME = """
class E(Exception):
    __module__ = {}
E.__qualname__ = {}
raise E
"""

UNCAUGHT = [
    Case("module_that_is_no_text", FORGED_NAME.format("property(repr)", "'E'"), "exception",
         {"exception.type": "E"}),
    Case("name_with_control_characters", FORGED_NAME.format("'m\\n'", "'E\\x1b'"), "exception",
         {"exception.type": "m\\n.E\\x1b"}),
    Case("chain", CHAIN, "exception", error("RuntimeError", "third", 10)
         | {"exception.traceback": lambda text: text.count("Traceback (most") == 3}),
    Case("cause_in_a_circle", CYCLE, "exception", error("ValueError", "a", 4)),
    Case("group", GROUP, "exception", error("ExceptionGroup", "both (2 sub-exceptions)", 7)
         | {"exception.traceback": contains("    | KeyError: 'k'\n")}),
    Case("library_frames", LIBRARY_FRAMES, "exception", error("AttributeError", line=6)
         | {"exception.traceback": lambda text: "/usr/lib" not in text
            and 'File "<stdlib>/re/' in text}),
    Case("base_exception", "class Stop(BaseException): pass\nraise Stop('x')", "exception",
         error("Stop", "x", 2)),
    Case("nested_class", "class A:\n class B(Exception): pass\nraise A.B", "exception",
         error("A.B", "", 3)),
    Case("exception_of_the_library", "import json\njson.loads('x')", "exception",
         error("json.decoder.JSONDecodeError", starts("Expecting value"), 2)),
    Case("str_raises", "class Bad(Exception):\n def __str__(self): raise SystemExit(0)\nraise Bad",
         "exception", error("Bad", "<exception str() failed>", 3)),
    Case("str_is_no_text", "class Bad(Exception):\n def __str__(self): return 5\nraise Bad",
         "exception", error("Bad", "<exception str() failed>", 3)),
    Case("str_is_huge", "raise ValueError('x' * 10**6)", "exception",
         error("ValueError", "x" * 4096, 1) | {"stderr.totalBytes": lambda size: size > 10**6}),
    Case("str_with_surrogate_and_nul", "raise ValueError('a\\udc80\\0b')", "exception",
         error("ValueError", "a\\udc80\\x00b", 1)),
    Case("traceback_attribute_raises", "class Bad(Exception):\n"
         " @property\n def __traceback__(self): raise KeyError\nraise Bad('x')", "exception",
         error("Bad", "x")),
    Case("notes_that_are_no_list", "error = ValueError('x')\nerror.__notes__ = 5\nraise error",
         "exception", error("ValueError", "x", 3)),
    Case("keyboard_interrupt", "raise KeyboardInterrupt('x')", "exception",
         error("KeyboardInterrupt", "x", 1)),
    Case("stop_iteration", "next(iter([]))", "exception", error("StopIteration", "", 1)),
    Case("generator_exit", "raise GeneratorExit", "exception", error("GeneratorExit", "", 1)),
    Case("long_integer", "print(10**5000)", "exception", error("ValueError", contains("4300"), 1)),
    Case("recursion", "def f(n): return f(n + 1)\nf(0)", "exception",
         error("RecursionError", starts("maximum recursion depth exceeded"), 1)
         | {"exception.traceback": contains("Previous line repeated")}),
    Case("recursion_without_a_limit", {
        "code": "import sys\nsys.setrecursionlimit(10**9)\ndef f(): return f()\nf()",
        "limits": {"memoryBytes": 50 << 20, "wallTimeUSec": 60 * 10**6}},
         ("exception", "memory_limit", "signaled"), {
            # CPython 3.13 crashes when it finds no memory for a frame
            "exception.type": lambda kind: kind in ("SystemError", "MemoryError", None)}),
    Case("memory_error_of_the_program", "raise MemoryError('mine')", "memory_limit",
         error("MemoryError", "mine", 1)),
    Case("raise_from_nothing", "raise", "exception",
         error("RuntimeError", "No active exception to reraise", 1)),
    Case("no_exception", "raise 5", "exception", error("TypeError", starts("exceptions must"), 1)),
    Case("assertion", "x = 3\nassert x == 4, f'x is {x}'", "exception",
         error("AssertionError", "x is 3", 2)),
    Case("excepthook", "import sys\ndef hook(*a): print('hook', a[0].__name__)\n"
         "sys.excepthook = hook\n1/0", "exception",
         error("ZeroDivisionError", line=4) | output("hook ZeroDivisionError\n")
         | {"stderr.text": ""}),
    Case("excepthook_that_fails", "import sys\ndef hook(*a): {}['k']\nsys.excepthook = hook\n1/0",
         "exception", error("ZeroDivisionError", line=4)
         | stderr("Error in sys.excepthook", "KeyError: 'k'", "Original exception")),
    Case("import_error", "from collections import nothing", "exception",
         error("ImportError", starts("cannot import name 'nothing' from 'collections'"), 1)
         | {"exception.message": lambda text: "/usr" not in text}),
]

SYNTAX = [
    Case("syntax_error", "x = 1\nif x\n", "exception", error("SyntaxError", starts("expected"), 2)
         | traceback('  File "<job>", line 2', "    if x", "        ^",
                     "SyntaxError: expected ':'")),
    Case("indentation_error", "if 1:\nx = 2", "exception",
         error("IndentationError", starts("expected an indented block"), 2)),
    Case("tab_error", "if 1:\n\tx = 2\n        y = 3", "exception", error("TabError", line=3)),
    Case("return_outside", "x = 1\nreturn x", "exception",
         error("SyntaxError", "'return' outside function (<job>, line 2)", 2)
         | {"exception.traceback": contains("    return x\n")}),
    Case("unclosed_string", "x = '''abc\n", "exception",
         error("SyntaxError", starts("unterminated triple-quoted"), 1)),
    Case("evaluated_by_the_program", "\neval('1 +')", "exception",
         error("SyntaxError", "invalid syntax (<string>, line 1)", 2), in_eval=False),
    Case("raised_by_the_program", "raise SyntaxError('mine', ('f', 'no number', None, 5))",
         "exception", error("SyntaxError", contains("mine"))),
    Case("syntax_warning", "x = 5\nprint(x is 5)", result={
        "stdout.text": "True\n", "stderr.text": starts("<job>:2: SyntaxWarning: ")}),
]

EXITS = [
    Case("exit_none", "raise SystemExit", result={"exitCode": 0}),
    Case("exit_true", "raise SystemExit(True)", "exit_nonzero", {"exitCode": 1}),
    Case("exit_text", "raise SystemExit('bye')", "exit_nonzero",
         {"exitCode": 1, "stderr.text": "bye\n"}),
    Case("exit_tuple", "raise SystemExit(1, 2)", "exit_nonzero",
         {"exitCode": 1, "stderr.text": "(1, 2)\n"}),
    Case("exit_float", "raise SystemExit(0.0)", "exit_nonzero",
         {"exitCode": 1, "stderr.text": "0.0\n"}),
    Case("exit_256", "raise SystemExit(256)", result={"exitCode": 0}),
    Case("exit_huge", "raise SystemExit(10**30)", "exit_nonzero", {"exitCode": 255}),
    Case("exit_subclass", "class Quit(SystemExit): pass\nraise Quit(4)", "exit_nonzero",
         {"exitCode": 4}),
    Case("exit_with_a_broken_code", "class Quit(SystemExit):\n @property\n"
         " def code(self): raise KeyError\nraise Quit('x')", "exit_nonzero",
         {"exitCode": 1, "stderr.text": "x\n"}),
    Case("exit_with_what_cannot_be_printed", "class A:\n def __str__(self): 1/0\n"
         "raise SystemExit(A())", "exit_nonzero", {"exitCode": 1}),
    Case("exit_in_excepthook", "import sys\ndef hook(*a): raise SystemExit(6)\n"
         "sys.excepthook = hook\n1/0", "exit_nonzero", {"exitCode": 6}),
]

# What does not end the program is told on standard error only
ASIDE = [
    Case("atexit_fails", "import atexit\n@atexit.register\ndef f(): 1/0", result=stderr(
        'File "<job>", line 3, in f', "ZeroDivisionError: division by zero"), in_eval=False),
    Case("destructor_fails", "class A:\n def __del__(self): 1/0\na = A()\ndel a\nprint('on')",
         result=output("on\n") | stderr("Exception ignored in", 'File "<job>", line 2, in __del__',
                                        "ZeroDivisionError")),
]


# Not where there are no threads
THREADS = [
    Case("thread_fails", "import threading\ndef f(): 1/0\nt = threading.Thread(target=f)\n"
         "t.start(); t.join()\nprint('on')",
         result=output("on\n") | stderr("Exception in thread", 'File "<job>", line 2, in f',
                                        "ZeroDivisionError")),
]
