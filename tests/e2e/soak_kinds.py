# SPDX-License-Identifier: LGPL-2.1-or-later
"""The kinds of jobs of a soak: each knows how it must end, how often it comes, and how many jobs it is."""

import collections
import itertools
import os

import harness
import pysb

# Of a hundred and some jobs; most are cheap, so that there can be many
Kind = collections.namedtuple("Kind", "name weight run")

# No machine is so busy that a job ends by it but those whose limit it is; eval allows no more
PATIENT = {"wall_time_usec": 60_000_000}
RETAIN_USEC = 10_000_000  # also on a busy machine longer than from the end of a job to the next call
ENDLESS = "print('on', flush=True)\nwhile True: pass"
KIB = 1 << 10


def expect(result, *outcomes, **fields):
    """The result, if it is as it must be."""
    assert result.outcome in outcomes, f"{outcomes}: {result}"
    for name, value in fields.items():
        assert getattr(result, name) == value, f"{name}: {value}: {result}"
    return result


# name: weight, outcome, what is asked for
PLAIN = {
    "nothing": (40, "success", {"code": "1"}),
    "output": (8, "success", {"code": "import sys\nprint('x' * 5000)\nprint('y', file=sys.stderr)"}),
    "value": (8, "success", {"expression": "sum(range(inputs['n']))", "inputs": {"n": 10}, "profile": "eval"}),
    "stdin": (3, "success", {"code": "assert input() == 'line'", "stdin": "line\n"}),
    "exception": (8, "exception", {"code": "def f(): 1/0\nf()"}),
    "exception in eval": (3, "exception", {"code": "{}['key']", "profile": "eval"}),
    "syntax error": (2, "exception", {"code": "x = ("}),
    "rejected": (2, "rejected", {"code": "import ctypes"}),
    "exit": (2, "exit_nonzero", {"code": "import os\nos._exit(3)"}),
    "signal": (2, "signaled", {"code": "import os\nos.kill(os.getpid(), 9)"}),
    "denied calls": (2, "exception", {"code": "import os\nos.fork()"}),
    "wall time": (1, "wall_time_limit", {"code": "while True: pass", "limits": {"wall_time_usec": 20_000}}),
    "CPU time": (1, "cpu_time_limit", {"code": "while True: pass", "limits": {"cpu_time_usec": 10_000}}),
    "memory": (1, "memory_limit", {"code": "bytearray(10 ** 9)", "limits": {"memory_bytes": 50 << 20}}),
    "threads": (1, "exception", {"code": "import threading\nwhile True:\n threading.Thread(target=input).start()",
                                 "limits": {"threads": 2}}),
    "disk": (1, "exception", {"code": "with open('f', 'wb') as f: f.write(bytes(1 << 20))",
                             "limits": {"disk_bytes": 64 * KIB}}),
    "number of files": (1, "exception", {"code": "for n in range(100): open(str(n), 'x').close()",
                                         "limits": {"disk_files": 16}}),
    "size of a file": (1, "exception", {"code": "with open('f', 'wb') as f: f.write(bytes(10))",
                                       "limits": {"file_bytes": 5}}),
    "open files": (1, "exception", {"code": "x = []\nwhile True: x.append(open('/dev/null'))",
                                    "limits": {"open_files": 16}}),
    "output limit": (1, "output_limit", {"code": "while True: print('x' * 1000)", "limits": {"output_bytes": 4096}}),
    "result limit": (1, "exception", {"expression": "'x' * 1000", "limits": {"result_bytes": 100}}),
    "source limit": (1, "rejected", {"code": "1" * 100, "limits": {"source_bytes": 50}}),
    "tick limit": (1, "tick_limit", {"code": "while True: pass", "limits": {"ticks": 100}}),
}


def plain(outcome, options):
    options = {**options, "limits": {**PATIENT, **options.get("limits", {})}}

    def run(client):
        expect(client.run(**options), outcome)
        return 1

    return run


def run_events(client):
    with client.stream("print('out')\nimport _sandbox\n_sandbox.display('<b>x</b>')", limits=PATIENT) as stream:
        kinds = {event.kind for event in stream}
    assert {"started", "output"} <= kinds, kinds
    expect(stream.result, "success")
    return 1


def run_tools(client):
    tools = {"add": lambda a, b: a + b}
    code = "import tools\nprint(sum(tools.add(n, 1) for n in range(3)))"
    result = client.run(code, tools=tools, limits=PATIENT)
    assert expect(result, "success").stdout.text == "6\n", result
    expect(client.run(code, tools=tools, limits={**PATIENT, "tool_calls": 2}), "tool_call_limit")
    return 2


def run_files(client):
    data = os.urandom(1000) * 300  # more than a message has: a memfd
    result = client.run("import os\nos.rename('a', 'b')\nopen('c', 'x').write('new')", collect=["*"],
                        files={"a": data, "d": "text"}, limits={**PATIENT, "source_bytes": 1 << 20})
    found = {file.path: file.data for file in expect(result, "success").files}
    assert found == {"b": data, "c": b"new"}, [(name, len(content)) for name, content in found.items()]
    return 1


def run_blobs(client):
    content = os.urandom(5000)
    blob = client.put_blob(content)
    result = client.run("open('b', 'wb').write(open('a', 'rb').read()[::-1])", limits=PATIENT,
                        files={"a": pysb.FileInput(blob=blob.blob)},
                        collect=[pysb.CollectRule("b", delivery="blob")])
    (file,) = expect(result, "success").files
    assert client.get_blob(file.blob) == content[::-1]
    assert client.remove_blobs(blob.blob, file.blob) == 2
    return 1


def run_submitted(client):
    """Kept for a moment: whoever comes back finds it, with all of its events."""
    options = {"code": "print(input())", "stdin_open": True, "retain_usec": RETAIN_USEC, "limits": PATIENT,
               "request_id": os.urandom(8).hex()}
    job = client.submit(**options)
    assert client.submit(**options).id == job.id
    job.write_input("line\n", end_of_file=True)
    expect(job.result(), "success")
    return 1


def run_forgotten(client):
    job = client.submit("print(1)", limits=PATIENT)
    with job.stream() as stream:
        expect(stream.wait(), "success")
    job.forget()
    return 1


def run_in_time(client):
    """Now or not at all."""
    expect(client.run("1", queue_timeout_usec=0, limits=PATIENT), "success", "expired")
    return 1


def start(client, code=ENDLESS):
    """A job that runs."""
    stream = client.stream(code, limits=PATIENT)
    harness.next_event(stream, "output")
    return stream


def run_cancelled(client):
    for grace in (0, 1_000_000):
        with start(client) as stream:
            client.job(stream.job).cancel(grace_usec=grace)
            expect(stream.wait(), "cancelled")
    return 2


def run_gone(client):
    """Whoever asked has gone: at once, and while it runs."""
    client.stream(ENDLESS, limits=PATIENT).close()
    start(client).close()
    return 2


SESSION = {"limits": {**PATIENT, "memory_bytes": 50 << 20}}


def run_session(client):
    with client.open_session(files={"a": "text"}, **SESSION) as session:
        expect(session.execute("x = open('a').read()"), "success", session_alive=True)
        expect(session.execute("1/0"), "exception", session_alive=True)
        session.put_files({"b": "more"})
        expect(session.execute("x + open('b').read()"), "success", value="textmore")
        assert session.read_file("b") == b"more"
        with session.stream(ENDLESS) as cell:
            harness.next_event(cell, "output")
            session.interrupt()
            expect(cell.wait(), "exception", session_alive=True)
    return 4


def run_branch(client):
    with client.open_session(**SESSION) as session:
        expect(session.execute("x = 1"), "success")
        with session.branch() as branch:
            expect(branch.execute("x += 1\nx"), "success", value=2)
        expect(session.execute("x"), "success", value=1)
    return 3


def run_lost_sessions(client):
    """One whose client has gone, one that ends with its cell, and one that nobody uses any more."""
    with client.open_session(bind_to_connection=True, **SESSION) as session:
        expect(session.execute("1"), "success")
        session._connection.close()
        session._connection = None
    with client.open_session(**SESSION) as session:
        expect(session.execute("import os\nos._exit(1)"), "exit_nonzero", session_alive=False)
    client.open_session(idle_timeout_usec=1_000_000, **SESSION)
    return 2


def if_there_is_room(run):
    """A session has a place for as long as it lives, and is refused where there is none."""

    def attempt(client):
        try:
            return run(client)
        except pysb.errors.QuotaExceeded as refused:
            assert refused.quota in ("running", "sessions"), refused
            return 0

    return attempt


KINDS = [Kind(name, weight, plain(outcome, options)) for name, (weight, outcome, options) in PLAIN.items()] + [
    Kind("events", 3, run_events),
    Kind("tools", 2, run_tools),
    Kind("files", 2, run_files),
    Kind("blobs", 1, run_blobs),
    Kind("submitted", 2, run_submitted),
    Kind("forgotten", 2, run_forgotten),
    Kind("in time", 1, run_in_time),
    Kind("cancelled", 1, run_cancelled),
    Kind("client gone", 1, run_gone),
    Kind("session", 1, if_there_is_room(run_session)),
    Kind("branch", 1, if_there_is_room(run_branch)),
    Kind("lost session", 1, if_there_is_room(run_lost_sessions)),
]


def client_of(address):
    return pysb.Client(f"unix:{address}", timeout=harness.PATIENCE)


def shuffled(order):
    """All of them, each as often as its weight says."""
    deck = list(itertools.chain.from_iterable([kind] * kind.weight for kind in KINDS))
    order.shuffle(deck)
    return deck
