#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""seeds.py BUILD DIRECTORY: writes the first inputs of each target into DIRECTORY/TARGET, and the words that they are
made of into DIRECTORY/TARGET.dict. They come from the rows of the conformance and end-to-end tests, from the interface
texts and from the compiled profiles, so that a new method, field or key is known here without being told."""

import json
import os
import re
import struct
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
BUILD, TO = sys.argv[1:3]
os.environ.setdefault("PYSB_BUILD_ROOT", BUILD)
sys.path[1:1] = [os.path.join(ROOT, "tests"), os.path.join(ROOT, "tests/conformance"), os.path.join(ROOT, "tests/e2e"),
                 os.path.join(ROOT, "lib/python")]
import calls
import requests_data

INTERFACES = ["io.pysb.sandbox", "io.pysb.manager", "org.varlink.service"]
RUN, SUBMIT, CHECK, SESSION, EXECUTE = range(5)  # fuzz-request.c
GRANTED = 0x80


class World:
    """Stands for the worlds of calls.py: what they would have made has a name that the target replaces."""

    def finished(self, **request):
        return "@job"

    def running(self, **request):
        return "@job"

    def session(self, first_cell=None):
        return "@session"

    busy_session = session

    def blob(self):
        return "@blob"

    def tool_call(self):
        return {"job": "@job", "callId": "1"}

    def __getattr__(self, name):
        """What prepares a daemon, and gives the parameters of a call that is wrong there."""
        return lambda: {"request": {"code": "1"}} if name in ("full", "drained") else {}


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def rows():
    """(method, parameters) of every row of the conformance tests, and of every request of those end to end."""
    for row in calls.METHODS + calls.ERRORS:
        yield row.method, row.parameters(World())
    for row in requests_data.REQUESTS + requests_data.REFUSALS:
        yield "io.pysb.sandbox.Run", {"request": row.request}


def call(method, parameters, **flags):
    return compact({"method": method, "parameters": parameters, **flags})


def interface(name):
    with open(os.path.join(ROOT, "lib/wire", f"{name}.varlink"), encoding="utf-8") as file:
        return re.sub(r"#.*", "", file.read())


def words_of_interfaces():
    for name in INTERFACES:
        text = interface(name)
        yield from (f"{name}.{word}" for word in re.findall(r"^(?:method|error) (\w+)", text, re.M))
        yield from re.findall(r"[a-zA-Z]\w+", text)


def profiles():
    directory = os.path.join(BUILD, "profiles")
    for name in sorted(os.listdir(directory)):
        if name.endswith(".profile"):
            with open(os.path.join(directory, name), encoding="utf-8") as file:
                yield name.removesuffix(".profile"), file.read()


def shortened(lines):
    """One line of each key that is a list: what a profile of 100 modules says, others say in 2."""
    seen = {}
    for line in lines.splitlines():
        key = line.split(": ", 1)[1].split(" = ")[0]
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= 2:
            yield line + "\n"


CONFIG = """d:1: daemon.allow_degraded = true
d:2: daemon.max_running_jobs = 4
d:3: ids.first = 70000
d:4: ids.count = 100
d:5: daemon.max_memory = "4G"
d:6: daemon.idle_exit = "10min"
d:7: daemon.unknown_uid = "deny"
d:8: daemon.default_profile = "eval"
d:9: daemon.gateway_group = 1000
d:10: daemon.max_connections = 100
d:11: daemon.max_connections_per_user = 10
d:12: daemon.max_queued_jobs = 100
== alice
t:1: tenant.uids = 2001
t:2: tenant.groups = 100
t:3: tenant.profiles = "default"
t:4: tenant.max_running = 1
t:5: tenant.max_memory = "200M"
t:6: tenant.weight = 50
t:7: tenant.submits_per_second = 5
t:8: tenant.submit_burst = 9
t:9: tenant.maximum.memory = "64M"
t:10: tenant.default_profile = "default"
t:11: tenant.cpu_weight = 7
t:12: tenant.max_bytes = "16M"
t:13: tenant.max_sessions = 3
== default
t:14: tenant.max_queued = 2
t:15: tenant.max_connections = 5
"""


# What the rows of other tests do not say
REQUEST = {
    "code": "1", "callable": "f", "inputsJson": "{\"a\":1}", "arguments": ["a"], "environment": {"A": "1"},
    "stdinText": "x", "profile": "default", "limits": {"memoryBytes": 1 << 25, "ticks": 5, "toolCalls": 2},
    "files": [{"path": "a/b.py", "text": "1"}, {"path": "c", "data": "AAAA", "readOnly": True},
              {"path": "d", "blob": "kept"}, {"path": "e", "fileDescriptor": 0, "executable": True}],
    "collect": [{"pattern": "**/*.[a-z]?", "truncate": True}, {"pattern": "*", "unchanged": True, "delivery": "blob"}],
    "modules": ["json", "xml.dom"], "tools": [
        {"name": "add", "description": "d", "parametersSchemaJson": "{}", "timeoutUSec": 1000}, {"name": "count"}],
    "analysis": "strict", "displayLastExpression": True, "requestId": "r1", "priority": 3, "queueTimeoutUSec": 1000,
    "labels": {"a": "b"}, "retainUSec": 1000, "usageIntervalUSec": 200000, "heartbeatUSec": 2000000, "seed": -5}
PROGRAMS = [{"module": "json.tool"}, {"module": "a.b"}, {"scriptPath": "a/b.py"}, {"expression": "inputs"}, {}]


def field(kind, data):
    return bytes([kind, len(data)]) + data


def frame(kind, *fields):
    return bytes([kind, len(fields)]) + b"".join(fields)


U32, U64 = (lambda n: struct.pack("<I", n)), (lambda n: struct.pack("<Q", n))
# By fuzz-frames.c: the type, the number of fields, and each field's type and size
FRAMES = {
    "exception": frame(2, field(16, b"ValueError"), field(17, b"no"), field(18, b"Traceback"), field(19, U32(3)),
                       field(20, b"")),
    "result": bytes([3, 1]) + b'{"a": 1}',
    "finding": frame(4, field(40, b"import-not-allowed"), field(41, U32(2)), field(42, b"No module"), field(43, U32(1)),
                     field(44, U32(8)), field(45, b"socket"), field(46, b"a.py")),
    "running": frame(5),
    "violation": frame(6, field(48, b"import_policy"), field(49, b"os"), field(50, b"not-allowed")),
    "audit": frame(6, field(48, b"audit_hook"), field(49, b"open")),
    "display": frame(7, field(56, b""), field(57, b"text/plain"), field(58, b"x"), field(57, b"image/png"),
                     field(59, b"\x89PNG")),
    "problem": frame(8, field(16, b"TypeError"), field(17, b"not JSON")),
    "tool": frame(9, field(64, U64(1)), field(65, b"add"), field(66, b'{"a":1}')),
    "ticks": frame(11, field(72, U64(1000)), field(73, b"")),
    "cell": frame(12),
}


def raw(built):
    """The bytes of the channel for a built frame."""
    kind, count, rest, payload = built[0], built[1], built[2:], b""
    if kind == 3:
        return struct.pack("<II", len(rest), kind) + rest
    for _ in range(count):
        payload += struct.pack("<II", rest[1], rest[0]) + rest[2:2 + rest[1]]
        rest = rest[2 + rest[1]:]
    return struct.pack("<II", len(payload), kind) + payload


def entry(path, kind, rule, size):
    return b"\1" + bytes([len(path)]) + path + bytes([kind, rule, 0, size])


def seeds_frames():
    for name, built in FRAMES.items():
        yield b"\1" + built
        yield b"\0" + raw(built)
    yield b"\1" + b"".join(FRAMES.values())
    yield b"\2" + entry(b"a", 0, 0, 3) + entry(b"b/c", 0, 1, 9) + entry(b"d", 2, 2, 0) + b"\0\3abc\0\x09123456789\0"


def seeds_profile():
    yield b"\1" + CONFIG.encode()
    for name, lines in profiles():
        yield b"\0" + f"== {name}\n".encode() + "".join(shortened(lines)).encode()


def seeds_request():
    for method, parameters in rows():
        kinds = {"Run": [RUN, RUN | GRANTED], "Submit": [SUBMIT], "Check": [CHECK], "OpenSession": [SESSION],
                 "Execute": [EXECUTE]}.get(method.rpartition(".")[2], [])
        for kind in kinds:
            yield bytes([kind]) + compact(parameters)
    yield bytes([RUN | GRANTED]) + compact({"request": REQUEST})
    for program in PROGRAMS:
        request = {**REQUEST, **program, "callable": None}
        yield bytes([CHECK]) + compact({"request": {**request, "code": program.get("code")}})
    cell = {key: REQUEST[key] for key in ("code", "inputsJson", "arguments", "stdinText", "labels", "priority",
                                          "usageIntervalUSec", "heartbeatUSec")}
    yield bytes([EXECUTE]) + compact({"session": "s", **cell, "limits": {"wallTimeUSec": 20000}, "queue": True})
    yield bytes([SESSION]) + compact({"profile": "default", "limits": {"memoryBytes": 1 << 25}, "files": [
        {"path": "a", "text": "1"}], "idleTimeoutUSec": 1000000, "lifetimeUSec": 9000000, "labels": {"a": "b"}})


def seeds_varlink():
    for method, parameters in rows():
        message = call(method, parameters)
        if len(message) < 400:
            yield b"\x18\xff\0" + message + b"\0"
            yield b"\x58\xff\0" + 4 * (message + b"\0")
            yield b"\0\x0d\1" + call(method, parameters, more=True) + b"\0" + message + b"\0"
    yield b"\x20\0\0aGVsbG8gd29ybGQ="
    yield b"\1\x20\0" + compact({"parameters": {"a": [1, None, True, 1.5, "x"]}, "continues": True}) + b"\0" + compact(
        {"error": "org.varlink.service.MethodNotFound", "parameters": {"method": "x"}}) + b"\0"


def script(*steps):
    """By fuzz-server.c."""
    return b"\xff".join(step if isinstance(step, bytes) else step.encode() for step in steps)


def client(number, method, parameters, **flags):
    method = method if "." in method else f"io.pysb.sandbox.{method}"
    return b"m" + bytes([number]) + call(method, parameters, **flags)


def fields(kind, *pairs):
    """A frame of the first box."""
    return b"F\0" + bytes([kind]) + b"\xfe".join(bytes([f]) + data for f, data in pairs)


def cell(status):
    return b"F\0\x0c" + U32(status)


def exits(status=0, how=0):
    return bytes([ord("E"), 0, status, how])


def answer(kind, payload=b"", type=0, rule=0, error=0, size=0):
    return b"A\0" + bytes([kind, type, rule, error, size]) + payload


ENTRY, DATA, END = range(3)
SAID = [
    (4, [(40, b"import-not-allowed"), (41, U32(1)), (42, b"No module"), (43, U32(1)), (44, U32(8)), (45, b"socket")]),
    (4, [(40, b"builtin-denied"), (41, U32(2)), (42, b"eval"), (46, b"a.py")]),
    (6, [(48, b"import_policy"), (49, b"os"), (50, b"not-allowed")]),
    (6, [(48, b"audit_hook"), (49, b"open")]),
    (7, [(56, b""), (57, b"text/plain"), (58, b"x"), (57, b"image/png"), (59, b"PNG")]),
    (8, [(16, b"TypeError"), (17, b"not JSON")]),
    (11, [(72, U64(1000)), (73, b"")]),
    (2, [(16, b"ValueError"), (17, b"no"), (18, b"Traceback"), (19, U32(3)), (20, b"")]),
]
SUBMIT_JOB = client(0, "Submit", {"request": {"code": "1", "retainUSec": 60000000}})
OPEN = client(0, "OpenSession", {})
RUNNING = fields(5)


def seeds_server():
    run = {"code": "1", "limits": {"wallTimeUSec": 1000000}}
    yield script(client(0, "Run", {"request": run}), RUNNING, b"O\0hello\n", b"F\0\3" + b'{"a":1}', exits())
    yield script(client(0, "Run", {"request": run}, more=True), RUNNING, b"S\0oops", fields(
        2, (16, b"ValueError"), (17, b"no"), (18, b"Traceback")), exits(1))
    yield script(client(0, "Run", {"request": {**run, "tools": [{"name": "add"}]}}, more=True), RUNNING, fields(
        9, (64, U64(1)), (65, b"add"), (66, b"{}")), client(1, "CompleteToolCall", {
            "job": "@job", "callId": "@call", "resultJson": "1"}), exits())
    yield script(client(0, "Run", {"request": {**run, "collect": [{"pattern": "*", "delivery": "blob"}]}}), RUNNING,
                 exits(), answer(ENTRY, b"a.txt", size=3), answer(END), answer(DATA, b"abc"), answer(END, size=3))
    yield script(client(0, "Run", {"request": {**run, "stdinOpen": True}}, more=True), client(
        1, "WriteInput", {"job": "@job", "text": "x", "endOfFile": True}), b"t\x14", b"x\0", b"t\x18")
    yield script(OPEN, client(0, "Execute", {"session": "@session", "code": "1"}, more=True), RUNNING, b"O\0x", cell(
        3), cell(0), client(0, "BranchSession", {"session": "@session"}), cell(4),
        client(0, "RestartSession", {"session": "@session"}), client(0, "CloseSession", {"session": "@session"}))
    yield script(OPEN, client(1, "PutFiles", {"session": "@session", "files": [{"path": "a", "text": "1"}]}),
                 answer(END), answer(END), client(1, "ReadFile", {"session": "@session", "path": "a"}),
                 answer(DATA, b"1"), answer(END, size=1), client(1, "ListFiles", {"session": "@session"}),
                 answer(ENTRY, b"a", size=1), answer(END), client(0, "RemoveFiles", {
                     "session": "@session", "paths": ["a"]}), answer(END, size=1))
    yield script(b"f\0\0\0" + call("io.pysb.sandbox.Run", {"request": {"code": "1", "files": [
        {"path": "a", "fileDescriptor": 0}], "stdinFileDescriptor": 1}}), exits())
    yield script(b"f\0\2\7" + call("io.pysb.sandbox.PutBlob", {"fileDescriptor": 0}), client(0, "GetBlob", {"blob": "@blob"}))
    yield script(b"r\0" + call("io.pysb.sandbox.GetNode", {})[:20], b"r\0" + call(
        "io.pysb.sandbox.GetNode", {})[20:] + b"\0", b"h\0", b"t\x1a")
    yield script(*[client(i % 2, "Submit", {"request": {"code": "1"}}) for i in range(6)], client(
        2, "io.pysb.manager.Drain", {"timeoutUSec": 5}), b"t\x03", client(2, "io.pysb.manager.Resume", {}), client(
            0, "Cancel", {"job": "@job"}), exits())
    said = [fields(kind, *[(built[0], built[1]) for built in frame]) for kind, frame in SAID]
    yield script(client(0, "Run", {"request": run}, more=True), *said[:2], RUNNING, *said[2:], exits(1))
    yield script(client(0, "Run", {"request": run}), *said[:2], RUNNING, *said[2:], exits(1))
    yield script(client(0, "Check", {"request": {"code": "1"}}), *said[:2], exits(126))
    yield script(b"x\0", b"n\0", client(0, "GetNode", {}), *[b"n\1"] * 4, client(1, "WhoAmI", {}))
    for method, parameters in rows():
        number = 2 if ".manager." in method else 0
        message = client(number, method, parameters)
        if len(message) > 1000:
            continue
        if "@session" in str(parameters):
            yield script(OPEN, message, answer(END), b"t\x1c")
        elif "@" in str(parameters):
            yield script(SUBMIT_JOB, client(0, "PutBlob", {"text": "x"}), exits(), message)
        else:
            yield script(message, exits())


def words_server():
    yield from words_of_interfaces()
    yield from ["@job", "@session", "@blob", "@call"]


START, KILL, TOOL_WAIT, INTERRUPT, RELOAD, FORGET, CELL, IDLE, RESTART, USAGE, BRANCH, SELF_TEST = range(12)
AS_SESSION, WITH_FILES = 2, 16


def ask(verb, flags=0, box=0, *more):
    """By fuzz-builder.c: what an honest broker says."""
    return bytes([0, verb, flags, box, *more])


def seeds_builder():
    start, session = ask(START), ask(START, AS_SESSION)
    reports = b"".join(bytes([3, 0, kind, 2, 1, 1, 0, 0, 0, 0]) for kind in range(6))
    steps = {
        "job": start + ask(TOOL_WAIT, 4, 0, 2) + ask(TOOL_WAIT, 0, 0, 3) + ask(USAGE) + ask(KILL),
        "files": ask(START, WITH_FILES) + reports,
        "session": session + ask(CELL) + ask(INTERRUPT, 32) + ask(IDLE) + ask(RESTART) + ask(BRANCH) + ask(KILL),
        "branches": session + 3 * ask(BRANCH) + ask(CELL) + reports + bytes([7, 0]),
        "reload": start + ask(RELOAD) + ask(START, 1, 1) + ask(FORGET, 0, 0, 2) + ask(KILL) + ask(KILL, 0, 1),
        "timers": session + ask(CELL) + bytes([5, 0, 0, 5, 0, 0]) + start + bytes([6, 4, 20, 5, 0, 1, 5, 0, 0]),
        "many": b"".join(ask(START, 0, box) for box in range(6)) + bytes([4, 0, 3, 0]),
        "self_test": ask(SELF_TEST) + start + reports + ask(SELF_TEST),
        "changed": bytes([2, START, 2, 4, 3, 1, 16, 0x80, 255, 255, 255, 255]),
    }
    for flags in range(8):
        for seed in steps.values():
            yield bytes([flags]) + seed


def seeds_files():
    """By fuzz-files.c."""
    LIST, READ, STAGE, COMMIT, DROP, REMOVE = range(6)
    DIRECTORIES, EXECUTABLE, READ_ONLY, RECURSIVE = 1, 2, 4, 8

    def ask(verb, payload=b"", flags=0, offset=0, most=9, wrong=0):
        return bytes([1, verb, flags, offset, most, wrong, len(payload)]) + payload

    def change(how, name):
        return bytes([0, 8 * (len(name) - 1) + how]) + name

    put = ask(STAGE, b"d/a\0hello") + ask(STAGE, b"d/a\0 more", 0, 5) + ask(STAGE, b"b\0x", EXECUTABLE | READ_ONLY)
    yield put + ask(COMMIT) + ask(LIST, b"**\0*\0", DIRECTORIES) + ask(READ, b"d/a") + ask(READ, b"d/a", 0, 3, 2)
    yield put + ask(DROP) + ask(LIST, b"*\0")
    yield put + ask(COMMIT) + ask(REMOVE, b"b") + ask(REMOVE, b"d") + ask(REMOVE, b"d", RECURSIVE) + ask(LIST, b"**\0")
    yield put + change(4, b"d/.pysb-put-0") + ask(COMMIT)
    yield put + ask(STAGE, b"b\0x", 0, 9) + ask(COMMIT)
    for path in (b"..", b"../beside", b"d/../../beside", b"/etc/passwd", b"", b"l/beside", b"l"):
        yield change(0, b"l") + ask(STAGE, path + b"\0x") + ask(COMMIT) + ask(READ, path) + ask(REMOVE, path, RECURSIVE)
    yield change(1, b"l") + ask(READ, b"l") + ask(STAGE, b"l\0x") + ask(COMMIT) + ask(READ, b"l")
    yield b"".join(change(how, b"abcdefgh"[how:how + 1]) for how in range(8)) + ask(LIST, b"?\0[a-c]\0", DIRECTORIES)
    yield change(7, b"f") + change(6, b"f") + ask(READ, b"f", 0, 0, 255) + ask(READ, b"f", wrong=3)
    yield change(2, b"d") + change(2, b"d/d") + change(2, b"d/d/d") + ask(LIST, b"d/**/d\0") + change(5, b"d/d") + ask(
        LIST, b"**\0", DIRECTORIES)
    for wrong in (1, 2, 3, 128):
        yield ask(LIST, b"*\0", wrong=wrong) + ask(READ, b"a", wrong=wrong) + ask(6)


def words_profile():
    for _, lines in profiles():
        yield from re.findall(r"^[^:]*:\d+: (\S+ = )", lines, re.M)
        yield from re.findall(r'"[^"]{1,20}"', lines)
    yield from re.findall(r": (\S+ = )", CONFIG)


TARGETS = {
    "builder": (seeds_builder, lambda: []),
    "files": (seeds_files, lambda: ["**", "../", "beside", "/", ".pysb-put-0"]),
    "frames": (seeds_frames, lambda: []),
    "profile": (seeds_profile, words_profile),
    "server": (seeds_server, words_server),
    "request": (seeds_request, words_of_interfaces),
    "varlink": (seeds_varlink, lambda: ["method", "parameters", "more", "oneway", "upgrade", "continues", "error"]),
}


def quoted(word):
    return "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else f"\\x{b:02x}"
                   for c in word for b in c.encode()[:1])


def main():
    for name, (seeds, words) in TARGETS.items():
        os.makedirs(os.path.join(TO, name), exist_ok=True)
        for number, seed in enumerate(seeds()):
            with open(os.path.join(TO, name, f"seed-{number:03}"), "wb") as file:
                file.write(seed)
        with open(os.path.join(TO, f"{name}.dict"), "w", encoding="ascii") as file:
            for word in sorted(set(words())):
                file.write(f'"{quoted(word)}"\n')


main()
