# SPDX-License-Identifier: LGPL-2.1-or-later
"""Requests as data: what Run answers to each, field by field; and what it refuses."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Request:
    name: str  # becomes the name of the test
    request: dict
    outcome: str = "success"
    # Fields of the Result that must be equal; "a.b" goes down, a number is an index; a callable judges
    result: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Refusal:
    name: str
    request: dict
    error: str
    parameters: dict


def has(*words):
    """The text has all of them."""
    return lambda text: text is not None and all(word in text for word in words)


def files(**texts):
    return [{"path": f"{name}.py", "text": text} for name, text in texts.items()]


ADD = "def add(a, b=1):\n    print('adding')\n    return a + b\n"
HUGE_NEST = "(" * 150 + ")" * 150

# What a program can do to its own channel: it has the descriptor, and the raw profile does not ask
FORGE = """import os, struct
def field(type, data):
    return struct.pack("<II", len(data), type) + data
def frame(type, *fields):
    payload = b"".join(fields)
    try:
        os.write(3, struct.pack("<II", len(payload), type) + payload)
    except BrokenPipeError:
        pass  # nobody listens any more, which is the point
RESULT, FINDING, RUNNING, VIOLATION, DISPLAY, PROBLEM = 3, 4, 5, 6, 7, 8
finding = field(40, b"forged"), field(41, b"\\2\\0\\0\\0"), field(42, b"forged")
def violation(subject):
    return field(48, b"import_policy"), field(49, subject)
def display(mime, data):
    return field(57, mime), field(59, data)
"""


def forged(name, code, outcome="success", **result):
    return Request(f"forged_{name}", {"profile": "raw", "code": FORGE + code}, outcome, result)


REQUESTS = [
    # What runs
    Request("code", {"code": "print(__name__)"}, result={"stdout.text": "__main__\n"}),
    Request("empty_code", {"code": ""}, result={"resultJson": None}),
    Request("expression", {"expression": "sum(range(10))"}, result={"resultJson": "45"}),
    Request("expression_none", {"expression": "None"}, result={"resultJson": "null"}),
    Request("script", {"scriptPath": "main.py", "arguments": ["x"],
                       "files": files(main="import sys\nprint(sys.argv)")},
            result={"stdout.text": "['/app/main.py', 'x']\n"}),
    Request("script_imports_its_neighbour",
            {"scriptPath": "main.py", "files": files(main="import lib\nlib.x", lib="x = [1]")},
            result={"resultJson": "[1]"}),
    Request("module", {"module": "pkg.tool",
                       "files": [{"path": "pkg/__init__.py"},
                                 {"path": "pkg/tool.py", "text": "print(__name__)"}]},
            result={"stdout.text": "__main__\n"}),
    Request("script_without_files", {"profile": "eval", "scriptPath": "m.py",
                                     "files": files(m="6 * 7")}, result={"resultJson": "42"}),

    # Inputs and callables
    Request("callable", {"code": ADD, "callable": "add", "inputsJson": '{"a": 2, "b": 3}'},
            result={"resultJson": "5", "stdout.text": "adding\n"}),
    Request("callable_without_inputs", {"code": "def f():\n    return 'x'", "callable": "f"},
            result={"resultJson": '"x"'}),
    Request("callable_missing", {"code": ADD, "callable": "sub"}, "exception",
            {"exception.message": has("sub")}),
    Request("callable_wrong_inputs", {"code": ADD, "callable": "add", "inputsJson": '{"c": 2}'},
            "exception", {"exception.type": "TypeError"}),
    Request("inputs", {"code": "inputs['n'] * 2", "inputsJson": ' {"n": 21}\n'},
            result={"resultJson": "42"}),
    Request("inputs_unicode", {"code": "inputs", "inputsJson": '{"\u00e4": "\U0001f600"}'},
            result={"resultJson": has("\U0001f600")}),
    Request("inputs_no_json", {"code": "print('ran')", "inputsJson": "{x}"}, "exception",
            {"stdout.text": ""}),

    # Files
    Request("file_text", {"code": "print(open('a/b.txt').read())",
                          "files": [{"path": "a/b.txt", "text": "\u00e4"}]},
            result={"stdout.text": "\u00e4\n"}),
    Request("file_data", {"code": "print(open('/app/b', 'rb').read())",
                          "files": [{"path": "b", "data": "AP8="}]},
            result={"stdout.text": "b'\\x00\\xff'\n"}),
    Request("file_empty", {"code": "import os\nos.path.getsize('e')", "files": [{"path": "e"}]},
            result={"resultJson": "0"}),
    Request("files_64", {"code": "import os\nlen(os.listdir())",
                         "files": [{"path": f"f{n}"} for n in range(64)]},
            result={"resultJson": "64"}),
    Request("files_count_as_source", {"code": "1", "limits": {"sourceBytes": 10},
                                      "files": [{"path": "f", "text": "x" * 10}]},
            "rejected", {"message": has("11 bytes", "limits.source"), "exitCode": None,
                         "findings.0.rule": "source-too-large"}),

    # Values that JSON has none for
    Request("problem", {"code": "import threading\nresult = threading.Lock()"},
            result={"resultProblem.type": "ResultNotEncodable", "resultProblem.message": has("lock"),
                    "resultJson": None}),
    Request("problem_too_large", {"code": "'x' * 2000", "limits": {"resultBytes": 1000}},
            result={"resultProblem.type": "ResultTooLarge"}),
    Request("asked_for", {"expression": "open"}, "exception",
            {"exception.type": has("ResultNotEncodable")}),

    # Displays
    Request("display_never", {"code": "'x'", "displayLastExpression": False},
            result={"displays": None, "resultJson": '"x"'}),
    Request("display_always", {"code": "'x'", "displayLastExpression": True},
            result={"displays.0.isResult": True, "displays.0.text.text/plain": has("x")}),
    Request("display_rich",
            {"code": "class A:\n    def _repr_html_(self):\n        return '<b>'\nA()"},
            result={"displays.0.text.text/html": "<b>"}),

    # Modules and analysis
    Request("narrowed", {"profile": "eval", "modules": ["json"], "code": "import json\nimport re"},
            "rejected", {"findings.0.rule": "import-not-allowed", "findings.0.line": 2,
                         "findings.0.subject": "re",
                         "message": has("line 2: ModuleNotFoundError: ", "Available: json"),
                         "violations.0.layer": "import_policy", "violations.0.subject": "re",
                         "violations.0.reason": "not-allowed",
                         "exitCode": 126}),
    Request("narrowed_to_nothing", {"profile": "eval", "modules": [], "code": "import json"},
            "rejected"),
    Request("violation",
            {"code": "try:\n    __import__('ctypes')\nexcept ImportError:\n    pass"},
            result={"violations.0.layer": "import_policy", "violations.0.subject": "ctypes",
                    "violations.0.reason": "not-allowed"}),
    Request("strict", {"code": "print('ran')\neval('1')", "analysis": "strict"}, "rejected",
            {"findings.0.rule": "builtin-denied", "findings.0.severity": "refuse",
             "findings.0.line": 2, "stdout.text": "", "message": has("line 2: ")}),
    Request("strict_allows", {"code": "print('ran')", "analysis": "strict"},
            result={"findings": None, "stdout.text": "ran\n"}),
    # The job's word about itself is worth what the kernel leaves of it
    forged("rejection", "frame(FINDING, *finding)\nos._exit(126)", "exit_nonzero", findings=None),
    forged("second_running", "frame(RUNNING)\nframe(RESULT, b'1')", resultJson=None),
    forged("violations", "for n in range(100):\n    frame(VIOLATION, *violation(b'm%d' % n))",
           **{"violations.63.subject": "m63", "violations.64": None}),
    forged("violation_of_the_kernel", "frame(VIOLATION, field(48, b'seccomp'), field(49, b'x'))",
           violations=None),
    forged("flood_of_one", "for n in range(10000):\n    frame(VIOLATION, *violation(b'm'))",
           **{"violations.0.count": 10000, "violations.1": None}),
    forged("display_no_mime", "frame(DISPLAY, *display(b'x', b'1'))", displays=None),
    forged("displays", "for n in range(40):\n    frame(DISPLAY, *display(b'a/b', b'%d' % n))",
           **{"displays.31.data.a/b": "MzE=", "displays.32": None}),
    forged("display_larger_than_the_result",
           "frame(DISPLAY, *display(b'a/b', b'x' * 300000))", displays=None),
    forged("text_that_is_none", "frame(DISPLAY, *display(b'text/plain', b'\\xff'))",
           **{"displays.0.data.text/plain": "/w==", "displays.0.text": None}),
    forged("problem_and_value", "frame(PROBLEM, field(16, b'T'), field(17, b'm'))\n"
           "frame(RESULT, b'1')", resultProblem=None, resultJson="1"),
    forged("half_a_frame", "os.write(3, b'\\xff\\0\\0\\0\\3')"),
    Request("own_exit_126", {"code": "import sys\nsys.exit(126)"}, "exit_nonzero",
            {"exitCode": 126, "findings": None}),
]

REFUSALS = [
    Refusal("nothing", {}, "InvalidRequest", {"field": "code"}),
    Refusal("two_programs", {"code": "1", "expression": "1"}, "InvalidRequest", {"field": "code"}),
    Refusal("script_without_its_file", {"scriptPath": "a.py", "files": []}, "InvalidRequest",
            {"field": "scriptPath"}),
    Refusal("module_no_name", {"module": "a b"}, "InvalidRequest", {"field": "module"}),
    Refusal("callable_of_an_expression", {"expression": "1", "callable": "f"}, "InvalidRequest",
            {"field": "callable"}),
    Refusal("inputs_no_object", {"code": "1", "inputsJson": "[1]"}, "InvalidRequest",
            {"field": "inputsJson"}),
    Refusal("file_outside", {"code": "1", "files": [{"path": "../etc/passwd"}]}, "InvalidRequest",
            {"field": "files[0].path"}),
    Refusal("file_twice", {"code": "1", "files": [{"path": "a"}, {"path": "a"}]}, "InvalidRequest",
            {"field": "files[1].path"}),
    Refusal("file_text_and_data", {"code": "1", "files": [{"path": "a", "text": "", "data": ""}]},
            "InvalidRequest", {"field": "files[0].data"}),
    Refusal("files_65", {"code": "1", "files": [{"path": f"f{n}"} for n in range(65)]},
            "InvalidRequest", {"field": "files"}),
    Refusal("file_wrong_type", {"code": "1", "files": [{"path": 5}]},
            "org.varlink.service.InvalidParameter", {"parameter": "request.files[0].path"}),
    Refusal("widened", {"code": "1", "profile": "eval", "modules": ["json", "os"]},
            "InvalidRequest", {"field": "modules[1]"}),
    Refusal("internal_module", {"code": "1", "profile": "eval", "modules": ["_json"]},
            "InvalidRequest", {"field": "modules[0]"}),
    Refusal("narrowing_of_nothing", {"code": "1", "profile": "raw", "modules": ["json"]},
            "InvalidRequest", {"field": "modules"}),
    Refusal("loosened", {"code": "1", "profile": "eval", "analysis": "imports"}, "InvalidRequest",
            {"field": "analysis"}),
    Refusal("analysis_of_no_level", {"code": "1", "analysis": "lax"},
            "org.varlink.service.InvalidParameter", {"parameter": "request.analysis"}),
]

# Check: what it accepts, and the rule of the first finding
CHECKS = [
    ("fine", {"code": "print(1)"}, True, None),
    ("does_not_run", {"code": "while True:\n    pass"}, True, None),
    ("syntax", {"code": "x = (1"}, False, "syntax-error"),
    ("strict", {"code": "eval('1')", "analysis": "strict"}, False, "builtin-denied"),
    ("import", {"code": "import os", "profile": "eval"}, False, "import-not-allowed"),
    ("expression", {"expression": "1 +"}, False, "syntax-error"),
    ("script", {"scriptPath": "m.py", "files": files(m="x = (1")}, False, "syntax-error"),
    ("too_large", {"code": "1234", "limits": {"sourceBytes": 3}}, False, "source-too-large"),
    ("nested", {"code": HUGE_NEST * 2000, "profile": "raw"}, False, None),
]

# pysbctl eval: options, its exit status, and what its line must say
EVALS = [
    ("success", ("-c", ADD, "--callable", "add", "--inputs", '{"a": 2}'), 0,
     {"success": True, "output": "adding\n", "error": None, "result": 3}),
    ("exception", ("-c", "def f():\n    return 1 / 0", "--callable", "f"), 1,
     {"success": False, "output": "", "error": "ZeroDivisionError: division by zero",
      "result": None}),
    ("rejected", ("-c", "import os"), 126,
     {"success": False, "error": has("line 1", "json, re, typing"), "result": None,
      "findings.0.rule": "import-not-allowed"}),
    ("limit", ("-c", "while True: pass", "--timeout", "300ms"), 124,
     {"success": False, "error": has("wall clock limit of 300 ms")}),
    ("memory", ("-c", "x = 'a' * 2**30"), 137,
     {"success": False, "error": has("memory limit of 50 MiB reached", "limits.memory")}),
    *[(f"refused_{name}", (*options, "-c", "pass"), 125,
       {"success": False, "output": "", "error": has(*words), "executionTimeMs": 0, "result": None})
      for name, options, words in (
          ("array", ("--inputs", "[1]"), ("inputsJson", "{")),
          ("half_an_object", ("--inputs", '{"x":'), ("inputsJson",)),
          ("modules", ("--modules", "json,os"), ("modules[1]", "os")),
          ("memory", ("--memory", "1G"), ("memoryBytes", "at most")),
          ("profile", ("--profile", "nope"), ("nope",)))],
    ("source_too_large", ("-c", "x = 5", "--source-limit", "3"), 126,
     {"success": False, "error": has("source limit"), "result": None}),
    ("exit", ("-c", "raise SystemExit(3)"), 3, {"success": False, "error": "exited with code 3"}),
    ("big_integer", ("-c", "2 ** 70"), 0, {"result": 2 ** 70}),
    ("more_modules", ("-c", "import math\nmath.pi", "--modules", "math"), 0,
     {"result": 3.141592653589793}),
    ("not_json", ("-c", "result = print"), 0,
     {"success": True, "result": None, "resultProblem.type": "ResultNotEncodable"}),
    ("binary_output", ("-c", r"print('\udcff'.encode('utf-8', 'replace'), 'a\0b')"), 0,
     {"output": "b'?' a\0b\n"}),
]
