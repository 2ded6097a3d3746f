# SPDX-License-Identifier: LGPL-2.1-or-later
"""Requests of every kind as data: what is run, what becomes of its value. Those of `PLACES` run in a
profile with files, in one without, and in one without a policy."""

from dataclasses import dataclass, field

from jobs import contains


@dataclass(frozen=True)
class Case:
    name: str  # becomes the name of the test
    request: dict | str  # a text is `code`
    outcome: str | tuple = "success"  # one of these
    # Fields of the Result that must be equal; "a.b" goes down; a callable judges. A value that is not
    # named here must not be there
    result: dict = field(default_factory=dict)
    profile: str = "default"
    in_eval: bool = True  # else its strict analysis refuses what the case needs


def file(path, text=None, **more):
    return {"path": path} | ({} if text is None else {"text": text}) | more


def value(json, **more):
    return {"resultJson": json} | {key.replace("_", "."): item for key, item in more.items()}


def output(text):
    return {"stdout.text": text}


def error(kind, message=None, line=None):
    return {"exception.type": kind} | ({} if message is None else {"exception.message": message}) | (
        {} if line is None else {"exception.line": line})


def problem(kind):
    return {"resultProblem.type": kind}


def starts(text):
    return lambda have: have is not None and have.startswith(text)


ADD = "def add(a, b=10):\n    return a + b\n"

PLACES = [
    Case("code", "print(__name__, __file__ if '__file__' in globals() else None)",
         result=output("__main__ None\n"), in_eval=False),
    Case("script", {"scriptPath": "main.py", "files": [file("main.py", (
        "import sys\nprint(sys.argv, __file__, __name__)\n"))], "arguments": ["x"]},
         result=output("['/app/main.py', 'x'] /app/main.py __main__\n")),
    Case("script_in_a_directory", {"scriptPath": "a/b/ä.py", "files": [file("a/b/ä.py", "__file__")]},
         result=value('"/app/a/b/ä.py"')),
    Case("script_error", {"scriptPath": "main.py", "files": [file("main.py", "\n\n1/0")]}, "exception",
         error("ZeroDivisionError", "division by zero", 3)
         | {"exception.traceback": contains('File "/app/main.py", line 3, in <module>\n    1/0\n')}),
    Case("script_syntax_error", {"scriptPath": "m.py", "files": [file("m.py", "x = 1\nif x\n")]},
         "exception", error("SyntaxError", starts("expected ':'"), 2)
         | {"exception.traceback": contains('File "/app/m.py", line 2\n    if x\n')}),
    Case("script_encoding", {"scriptPath": "l.py", "files": [file("l.py", data=(
        "IyBjb2Rpbmc6IGxhdGluLTEKJ+Qn"))]}, result=value('"ä"')),
    Case("script_empty", {"scriptPath": "e.py", "files": [file("e.py")]}),
    Case("module_file", {"module": "tool", "files": [file("tool.py", (
        "import sys\n(__name__, __package__, __spec__.name, sys.argv[0])"))]},
         result=value('["__main__", "", "tool", "/app/tool.py"]'), in_eval=False),
    Case("expression", {"expression": " 6 * 7 "}, result=value("42")),
    Case("expression_none", {"expression": "None"}, result=value("null")),
    Case("expression_inputs", {"expression": "sum(inputs['n'])", "inputsJson": '{"n": [1, 2]}'},
         result=value("3")),
    Case("expression_statement", {"expression": "x = 1"}, "exception", error("SyntaxError")),
    Case("expression_await", {"expression": "await f()", "inputsJson": "{}"}, "exception",
         error("NameError", "name 'f' is not defined", 1)),
    Case("expression_not_encodable", {"expression": "len"}, "exception",
         error("_sandbox.ResultNotEncodable",
               "cannot encode a value of type builtin_function_or_method at $: call it")),
    Case("inputs", {"code": "print(sorted(inputs.items()))", "inputsJson": '{"b": null, "a": [1.5]}'},
         result=output("[('a', [1.5]), ('b', None)]\n")),
    Case("no_inputs", "print('inputs' in globals())", result=output("False\n"), in_eval=False),
    Case("callable", {"code": ADD, "callable": "add", "inputsJson": '{"a": 1}'}, result=value("11")),
    Case("callable_of_a_script", {"scriptPath": "m.py", "files": [file("m.py", ADD)],
                                  "callable": "add", "inputsJson": '{"a": "ä", "b": "x"}'},
         result=value('"äx"')),
    Case("callable_method", {"code": "class A:\n    @staticmethod\n    def f(): return 'in A'",
                             "callable": "A.f"}, result=value('"in A"')),
    Case("keys_twice", {"expression": "{1: 2, '1': 3}"}, "exception",
         error("_sandbox.ResultNotEncodable",
               'the dict at $ has two keys that are "1" as JSON')),
    Case("result_too_long", "'x' * 20_000_000", result=problem("ResultTooLarge")),
    Case("result_without_memory", "x = 'x' * 20_000_000\n{'a': [x, x]}",
         result=problem("ResultTooLarge")),
    Case("callable_none", {"code": "def f(): pass", "callable": "f"}, result=value("null")),
    Case("callable_before_expression", {"code": "def f(): return 1\n2", "callable": "f"},
         result=value("1")),
    Case("callable_async", {"code": "async def f(a): return a", "callable": "f",
                            "inputsJson": '{"a": 5}'}, result=value("5")),
    Case("callable_missing", {"code": ADD + "class B: pass\n_c = add", "callable": "main"}, "exception",
         error("NameError", "the program defines no 'main' to call, but add, B")),
    Case("callable_missing_alone", {"code": "x = 3", "callable": "main"}, "exception",
         error("NameError", "the program defines no 'main' to call")),
    Case("callable_attribute_missing", {"code": "class A: pass", "callable": "A.f"}, "exception",
         error("AttributeError", contains("'f'"))),
    Case("callable_no_function", {"code": "x = 3", "callable": "x"}, "exception",
         error("TypeError", "'x' cannot be called: it is of type int")),
    Case("callable_wrong_arguments", {"code": ADD, "callable": "add", "inputsJson": '{"z": 1}'},
         "exception", error("TypeError", "add() got an unexpected keyword argument 'z'")),
    Case("callable_no_frame_of_ours", {
        "code": "import sys\ndef f():\n    g\n", "callable": "f"}, "exception",
         error("NameError", line=3) | {"exception.traceback": (
             'Traceback (most recent call last):\n  File "<job>", line 3, in f\n    g\n'
             "NameError: name 'g' is not defined\n")}),
    Case("callable_result_too_large", {"code": "def f(): return 'x' * 100", "callable": "f",
                                       "limits": {"resultBytes": 50}}, "exception",
         error("_sandbox.ResultTooLarge",
               "the result has at least 102 bytes of JSON, limits.resultBytes leaves 50")),
    Case("await_at_the_top", "async def f(): return 4\nx = await f()\nx + 1", result=value("5")),
    Case("await_in_the_last_expression", "async def f(): return 4\nawait f()", result=value("4")),
    Case("await_fails", "async def f():\n    1/0\n\nawait f()\n", "exception",
         error("ZeroDivisionError", line=2) | {"exception.traceback": lambda text: (
             text.count("File ") == 2 and "line 4, in <module>" in text and "frozen" not in text)}),
    Case("last_expression", "x = [1]\nx * 2", result=value("[1, 1]")),
    Case("last_expression_not_encodable", "import math\nmath", result={
        "resultProblem.type": "ResultNotEncodable",
        "resultProblem.message": contains("type module at $")}),
    Case("last_expression_too_large", {"code": "'x' * 100", "limits": {"resultBytes": 50}}, result={
        "resultProblem.type": "ResultTooLarge",
        "resultProblem.message": "the result has at least 102 bytes of JSON, limits.resultBytes leaves 50"}),
    Case("variable", "result = (1, None)", result=value("[1, null]")),
    Case("result_call", "import _sandbox\n_sandbox.result(1)\n_sandbox.result(2)\n3", result=value("2")),
    Case("result_call_refused", "import _sandbox\ntry: _sandbox.result(len)\n"
         "except TypeError as error: print(type(error).__name__)", result=output(
             "ResultNotEncodable\n")),
    Case("exit_with_variable", "result = 1\nraise SystemExit", result=value("1")),
    Case("exit_with_status", "result = 1\nraise SystemExit(3)", "exit_nonzero", {"exitCode": 3}),
]

FILES = [
    Case("files", {"code": "import glob, os\nprint(sorted(glob.glob('**', recursive=True)))\n"
                   "print(open('a/b/c.txt').read(), open('bin', 'rb').read(), os.stat('a').st_mode & 7)",
                   "files": [file("a/b/c.txt", "hällo"), file("bin", data="/wA="), file("empty"),
                             file("a/d", "")]},
         result=output("['a', 'a/b', 'a/b/c.txt', 'a/d', 'bin', 'empty']\n"
                       "hällo b'\\xff\\x00' 5\n")),
    Case("files_can_be_changed", {"code": "open('f', 'a').write('!')\nopen('f').read()",
                                  "files": [file("f", "x")]}, result=value('"x!"')),
    Case("import_a_file", {"code": "import lib.part\nlib.part.x", "files": [
        file("lib/__init__.py"), file("lib/part.py", "x = 5")]}, result=value("5")),
    Case("error_in_an_imported_file", {"code": "import lib", "files": [file("lib.py", "\n1/0\n")]},
         "exception", error("ZeroDivisionError", line=1)
         | {"exception.traceback": contains('File "/app/lib.py", line 2, in <module>\n    1/0\n')}),
    Case("syntax_error_in_an_imported_file", {"code": "import lib", "files": [file("lib.py", "x = (")]},
         "exception", error("SyntaxError", "'(' was never closed (lib.py, line 1)")),
    Case("script_imports_a_file", {"scriptPath": "main.py", "files": [
        file("main.py", "import lib\nlib.x"), file("lib.py", "x = 7")]}, result=value("7")),
    Case("module_in_a_package", {"module": "p.q.m", "files": [
        file("p/__init__.py", "print('p')"), file("p/q/__init__.py", "print('p.q')"),
        file("p/q/m.py", "from . import other\nfrom .. import y\nprint(__package__, other.x, y.z)"),
        file("p/q/other.py", "x = 1"), file("p/y.py", "z = 2")]},
         result=output("p\np.q\np.q 1 2\n")),
    Case("package_with_main", {"module": "p", "files": [
        file("p/__init__.py"), file("p/__main__.py", "print(__name__, __package__, __spec__.name)")]},
         result=output("__main__ p p.__main__\n")),
    Case("package_that_fails", {"module": "p.m", "files": [
        file("p/__init__.py", "1/0"), file("p/m.py")]}, "exception",
         error("ZeroDivisionError") | {"exception.traceback": lambda text: (
             "/app/p/__init__.py" in text and "_program" not in text)}),
    Case("module_of_the_library", {"module": "json.tool", "stdinText": '{"a":1}', "arguments": [
        "--compact"]}, result=output('{"a":1}\n')),
    Case("module_that_is_not_there", {"module": "nothing.here"}, "exception",
         error("ModuleNotFoundError", contains("nothing"))),
    Case("module_that_is_nowhere", {"module": "nosuch"}, "exception",
         error("ModuleNotFoundError", "No module named 'nosuch' in this sandbox")
         | {"violations": [{"layer": "import_policy", "subject": "nosuch", "reason": "not-installed",
                            "count": 1}]}),
    Case("module_that_is_denied", {"module": "ctypes.util"}, "exception",
         error("ModuleNotFoundError", "No module named 'ctypes.util' in this sandbox")
         | {"violations": [{"layer": "import_policy", "subject": "ctypes.util",
                            "reason": "not-allowed", "count": 1}]}),
    Case("no_room_for_a_file", {"code": "print(1)", "files": [file("big", "x" * 70000)],
                                "limits": {"diskBytes": 65536}}, "exception",
         error("OSError", "[Errno 28] No space left on device: '/app/big'")),
]

NO_FILES = [
    Case("no_files_are_written", {"code": "1", "files": [file("a", "x")]}, profile="eval",
         result=value("1")),
    Case("no_module_of_the_library", {"module": "json.tool"}, "exception",
         error("ModuleNotFoundError", contains("json.tool")), profile="eval"),
    Case("nothing_may_be_imported", {"code": "try:\n  import json\nexcept ImportError as e:\n  print(e)",
                                     "modules": []},
         result=output("No module named 'json' in this sandbox. Available: none\n")
         | {"violations": [{"layer": "import_policy", "subject": "json", "reason": "not-allowed",
                            "count": 1}],
            "findings": lambda findings: len(findings) == 1}, profile="eval"),
]

INPUTS = [
    Case("inputs_no_json", {"code": "1", "inputsJson": '{"a": }'}, "exception",
         error("_sandbox.InvalidInputs", starts("inputsJson is not valid JSON: Expecting value"))),
    Case("inputs_deep", {"code": "1", "inputsJson": '{"a": ' + "[" * 60000 + "]" * 60000 + "}"},
         "exception", error("_sandbox.InvalidInputs", "inputsJson nests too deeply")),
    Case("inputs_huge_number", {"code": "inputs['a'] > 0", "inputsJson": '{"a": 1e400}'},
         result=value("true")),
    Case("inputs_long_integer", {"code": "1", "inputsJson": '{"a": ' + "9" * 5000 + "}"}, "exception",
         error("_sandbox.InvalidInputs", contains("4300 digits"))),
]
