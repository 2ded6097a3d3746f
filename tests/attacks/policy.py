# SPDX-License-Identifier: LGPL-2.1-or-later
"""The interpreter: its policy, which is courtesy, and what must hold without it. These programs have no prelude where
the profile would not let it in."""

from attack import RAW, Attack

EVAL = ("eval-unread",)


def exit_code(code):
    def judge(result):
        assert result.exit_code == code, result
    return judge


def forged(result):
    assert result.exit_code == 7 and result.usage.wall_time_usec > 0, result
    assert result.result_json is None or "forged" not in result.result_json, result


def said_on_stderr(result):
    assert result.exit_code == 1 and "message" in result.stderr.text and "late" in result.stdout.text, result


def no_value(result):
    assert result.result_json is None and result.result_problem, result
    assert "result" in result.result_problem.message or "[" in result.result_problem.message, result.result_problem


ATTACKS = (
    Attack("IP-01a", "R-P1", "policy", "plain imports", """
for name in ("os", "socket", "subprocess", "ctypes", "importlib", "multiprocessing", "shutil", "_posixsubprocess", "nt"):
    try:
        __import__(name)
        print("BAD imported", name)
    except ImportError as e:
        print("OK" if name in str(e) and " _" not in str(e).replace(" _posixsubprocess", "") and "/" not in str(e) else "BAD", e)
""", EVAL, has_prelude=False),
    Attack("IP-02a", "R-P2", "kernel", "by __subclasses__() to a module that has os", """
names = ("_wrap_close", "Popen", "FileLoader", "BuiltinImporter", "_ModuleLock")
for found in [c for c in ().__class__.__base__.__subclasses__() if c.__name__ in names]:
    try:
        scope = found.__init__.__globals__
        print(found.__name__, scope["system"]("id > /app/owned") if "system" in scope else "no system")
    except Exception as e:
        print(found.__name__, type(e).__name__)
try:
    print("BAD", open("/app/owned").read())
except Exception as e:
    print("OK", type(e).__name__)
""", ("eval-unread", "default"), has_prelude=False, bare="silent"),
    Attack("IP-03a", "R-P3", "policy, noexec", "modules and an .so of one's own", """
import sys
with open("/app/json.py", "w") as file:
    file.write("raise SystemExit('shadowed')")
sys.path.insert(0, "/app")
import json
print("OK json from", json.__file__)
with open("/app/evil.so", "wb") as file:
    file.write(b"\\x7fELF" + b"\\0" * 200)
import importlib.machinery
try:
    importlib.machinery.ExtensionFileLoader("evil", "/app/evil.so").load_module()
    print("BAD loaded")
except Exception as e:
    print("OK", type(e).__name__)
""", ("default",), has_prelude=False, bare="silent"),
    Attack("IP-04a", "R-P2", "kernel", "os by modules that have imported it", """
import random
module = getattr(random, "_os", None)
if module:
    for function in (lambda: module.system("id"), lambda: module.listdir("/root"), lambda: module.open("/etc/shadow", 0), lambda: module.fork() or module._exit(0)):
        try:
            value = function()
            print("OK" if value in (-1, 32512, 126 << 8, 127 << 8, 256) else "BAD", value)
        except BaseException as e:
            print("OK", type(e).__name__, e)
else:
    print("OK no os")
""", ("eval-unread", "default"), has_prelude=False),
    Attack("IP-05a", "R-P4", "a channel of its own, facts first", "what looks like a result, on every descriptor", """
import json
fake = json.dumps({"status": "ok", "success": True, "usage": {"cpu_ms": 0}, "result": "forged"})
print(fake)
print("\\0" + fake + "\\0")
OK("before")
for fd in range(3, 256):
    try:
        os.write(fd, fake.encode() + b"\\0")
    except OSError:
        pass
raise SystemExit(7)
""", RAW, {}, ("exit_nonzero",), forged, bare="never"),
    Attack("IP-05k", "R-P4", "a channel of its own, facts first", "a failure that is called a success by well-formed frames is none", """
OK("before")
import random, struct
frames = [struct.pack("<II", n, kind) + b"{}" for n in (0, 2, 8, 10) for kind in range(40)] + [random.randbytes(64) for _ in range(50)]
for frame in frames:
    try:
        os.write(3, frame)
    except OSError:
        break
os._exit(9)
""", RAW, {}, ("exit_nonzero",), exit_code(9), bare="never"),
    Attack("IP-08a", "R-P7", "runner", "SystemExit with a message, and what runs at exit", """
import atexit
atexit.register(print, "late")
print("OK before")
raise SystemExit("message")
""", ("default",), {}, ("exit_nonzero",), said_on_stderr, has_prelude=False, bare="silent"),
    Attack("IP-09a", "R-P8", "policy, seccomp", "no file by any spelling", """
import io
for function in (lambda: open("/app/x", "w"), lambda: io.open("/app/x", "w"), lambda: io.FileIO("/app/x", "w"), lambda: open("/etc/passwd"),
                 lambda: open(0), lambda: open("/proc/self/mem", "rb+")):
    try:
        function()
        print("BAD opened")
    except BaseException as e:
        print("OK", type(e).__name__)
""", EVAL, has_prelude=False),
    Attack("IP-11a", "R-P10", "encoding of values", "values that JSON does not have", """
import math
print("OK before")
result = {"nan": math.nan, "inf": math.inf, "bytes": b"\\xff", "set": {1}, "big": 10 ** 4000, "sur": "\\ud800", (1, 2): 3, "cyc": None}
result["cyc"] = result
result
""", ("default", "eval"), {"display_last_expression": True}, has_prelude=False, bare="silent"),
)
