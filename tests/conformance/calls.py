# SPDX-License-Identifier: LGPL-2.1-or-later
"""A call that succeeds for each method of the interfaces, and one that is refused for each of their errors,
with what must be there before. A new method, or a new error, has its row here: test_calls.py makes each call from C,
from Python and with varlinkctl, and fails where a row is missing."""

import collections
import os
import shutil
import sys
import tempfile

sys.path.insert(2, os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "e2e"))
import harness
import service
import varlink

SANDBOX, MANAGER, VARLINK = "io.pysb.sandbox", "io.pysb.manager", "org.varlink.service"
NOBODY = "0123456789abcdef0123456789abcdef"
ALICE, STRANGER = 2001, 2004
ENDLESS = {"code": "while True: pass", "limits": {"wallTimeUSec": 60000000}}
THREAD = "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()"
TENANTS = f"""
[alice]
uids = [{ALICE}]
profiles = ["default"]
max_running = 1
max_queued = 1
max_memory = "200M"
"""


class World:
    """A daemon, and what a call needs to find in it."""

    def __init__(self, daemon, uid=None):
        self.daemon, self.address, self.uid = daemon, daemon.address, uid
        self.connections = []

    def connect(self):
        if self.uid is None:
            connection = varlink.Connection(self.address)
        else:
            connection = self.daemon.connect(self.uid)
        self.connections.append(connection)
        return connection

    def clean(self):
        """What ran on a connection ends with it."""
        for connection in self.connections:
            connection.close()
        self.connections = []

    def event(self, connection, kind):
        """The next event of that kind, without those before it."""
        while (event := connection.receive()["event"])["kind"] != kind:
            pass
        return event

    def finished(self, **request):
        connection = self.connect()
        job = connection.call("Submit", request={"code": "1", "retainUSec": 60000000, **request})["job"]
        connection.call("Wait", job=job)
        return job

    def running(self, **request):
        connection = self.connect()
        connection.run(**request)
        return self.event(connection, "accepted")["job"]

    def tool_call(self):
        """A program that waits for an answer; what names the call."""
        connection = self.connect()
        connection.run(code="import tools\ntools.t()", profile="agent", tools=[{"name": "t"}])
        job = self.event(connection, "accepted")["job"]
        return {"job": job, "callId": self.event(connection, "tool_call")["toolCall"]["callId"]}

    def session(self, first_cell="1"):
        connection = self.connect()
        session = connection.call("OpenSession", bindToConnection=True)["info"]["session"]
        # On another one: the daemon serves a connection's calls one by one
        self.connect().call("Execute", session=session, code=first_cell)
        return session

    def blob(self):
        return self.connect().call("PutBlob", text="kept")["blob"]["blob"]

    def busy_session(self):
        session, cell = self.session(), self.connect()
        cell.send("Execute", {"session": session, "code": "while True: pass"}, more=True)
        self.event(cell, "started")
        return session


class Private(World):
    """An embedded daemon with both interfaces and profiles of an operator."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="pysb-calls.", dir="/tmp")
        tree = harness.copied_tree(self.directory, None)
        self.operators = os.path.join(self.directory, "operators")
        os.mkdir(self.operators)
        os.chmod(self.operators, 0o755)
        for entry in os.scandir(f"{harness.BUILD}/profiles"):
            if entry.name.endswith(".toml"):  # what an operator's profile extends
                shutil.copy(entry.path, f"{self.directory}/profiles")
        self.write("lacking", '[python]\npackages = ["no_such_x"]')
        tree.environment["PYSB_OPERATOR_PROFILES"] = self.operators
        super().__init__(harness.Daemon(tree))
        os.chmod(self.address, 0o666)

    def write(self, name, text):
        path = os.path.join(self.operators, f"{name}.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'extends = "default"\ndescription = "Of a test"\ngranted = true\n{text}\n')
        os.chmod(path, 0o644)

    def bad_profile(self):
        self.write("bad", '[limits]\nmemory = "64 parsecs"')
        return {}

    def all_lacking(self):
        """No box can be made any more: each template lacks a package."""
        for profile in self.connect().call("ListProfiles")["profiles"]:
            self.write(profile["name"], '[python]\npackages = ["no_such_x"]')
        self.manage("Reload")
        return {}

    def drained(self):
        self.manage("Drain", timeoutUSec=0)
        return {"request": {"code": "1"}}

    def manage(self, method, **parameters):
        connection = self.connect()
        connection.send(f"{MANAGER}.{method}", parameters)
        return connection.receive()

    def clean(self):
        self.manage("Resume")
        written = set(os.listdir(self.operators)) - {"lacking.toml"}
        for name in written:
            os.unlink(os.path.join(self.operators, name))
        if written:
            self.manage("Reload")
        super().clean()

    def stop(self):
        status = self.daemon.stop()
        shutil.rmtree(self.directory)
        return status


class Shared(World):
    """A service in which alice has a place to run and a place to wait, and strangers have none."""

    def __init__(self):
        super().__init__(service.Service(TENANTS, 'unknown_uid = "deny"'), ALICE)

    def full(self):
        connection = self.connect()
        for event in ("started", "queued"):
            connection = self.connect()
            connection.run(**ENDLESS)
            self.event(connection, event)
        return {"request": {"code": "1"}}

    def clean(self):
        super().clean()
        with self.daemon.connect(ALICE) as connection:
            harness.poll_until(lambda: connection.call("WhoAmI")["runningJobs"] == 0, "the end of all jobs")

    def stop(self):
        return self.daemon.stop()


# 'uid' is who calls, where it is not who runs the test; 'world' what kind of a daemon is asked
Row = collections.namedtuple("Row", "name method parameters uid world", defaults=(None, Private))


def me():
    return f"uid:{os.getuid()}"


CODE = {"request": {"code": "1"}}
# The method, and its parameters in a World
METHODS = [Row(f"{interface}.{name}", f"{interface}.{name}", parameters) for interface, rows in {
    SANDBOX: {
        "Attach": lambda w: {"job": w.finished()},
        "Cancel": lambda w: {"job": w.running(**ENDLESS)},
        "Check": lambda w: CODE,
        "CloseSession": lambda w: {"session": w.session()},
        "CompleteToolCall": lambda w: {**w.tool_call(), "resultJson": "1"},
        "Execute": lambda w: {"session": w.session(), "code": "1"},
        "ExtendSession": lambda w: {"session": w.session(), "idleTimeoutUSec": 60000000},
        "ForgetJob": lambda w: {"job": w.finished()},
        "GetBlob": lambda w: {"blob": w.blob()},
        "GetJob": lambda w: {"job": w.finished()},
        "GetNode": lambda w: {},
        "GetProfile": lambda w: {"profile": "eval"},
        "GetSession": lambda w: {"session": w.session()},
        "InterruptSession": lambda w: {"session": w.busy_session()},
        "ListFiles": lambda w: {"session": w.session()},
        "ListJobs": lambda w: {"requestId": w.finished(requestId="listed") and "listed"},
        "ListProfiles": lambda w: {},
        "ListSessions": lambda w: w.session() and {},
        "OpenSession": lambda w: {},
        "BranchSession": lambda w: {"session": w.session()},
        "PutBlob": lambda w: {"text": "x"},
        "PutFiles": lambda w: {"session": w.session(), "files": [{"path": "a", "text": "1"}]},
        "ReadFile": lambda w: {"session": w.session("open('a', 'w').write('x')"), "path": "a"},
        "RemoveBlobs": lambda w: {"blobs": [w.blob()]},
        "RemoveFiles": lambda w: {"session": w.session("open('a', 'w')"), "paths": ["a"]},
        "RestartSession": lambda w: {"session": w.session()},
        "Run": lambda w: CODE,
        "Submit": lambda w: CODE,
        "Wait": lambda w: {"job": w.finished()},
        "WhoAmI": lambda w: {},
        "WriteInput": lambda w: {"job": w.running(code="input()", stdinOpen=True), "text": "x", "endOfFile": True},
    },
    MANAGER: {
        "CancelAll": lambda w: w.running(**ENDLESS) and {"tenant": me(), "reason": "enough"},
        "Drain": lambda w: {"timeoutUSec": 0},
        "GetStatus": lambda w: {},
        "ListJobs": lambda w: w.running(**ENDLESS) and {"maxEntries": 1},
        "ListTenants": lambda w: {},
        "Reload": lambda w: {},
        "Resume": lambda w: w.drained() and {},
        "SelfTest": lambda w: {},
        "SetLogLevel": lambda w: {"level": 6},
        "SetTenant": lambda w: {"tenant": w.finished() and me(), "quota": {"maxQueuedJobs": 100}},
    },
    VARLINK: {
        "GetInfo": lambda w: {},
        "GetInterfaceDescription": lambda w: {"interface": MANAGER},
    },
}.items() for name, parameters in rows.items()]


def request(**fields):
    return lambda w: {"request": {"code": "1", **fields}}


# The error, what is called, and its parameters in a World
ERRORS = [
    Row(f"{SANDBOX}.BlobNotFound", f"{SANDBOX}.GetBlob", lambda w: {"blob": "sha256:" + 2 * NOBODY}),
    Row(f"{SANDBOX}.FileNotFound", f"{SANDBOX}.ReadFile", lambda w: {"session": w.session(), "path": "no-such"}),
    Row(f"{SANDBOX}.InvalidRequest", f"{SANDBOX}.Run", lambda w: {"request": {}}),
    Row(f"{SANDBOX}.JobNotAccepting", f"{SANDBOX}.WriteInput", lambda w: {"job": w.finished(), "text": "x"}),
    Row(f"{SANDBOX}.JobNotFound", f"{SANDBOX}.Wait", lambda w: {"job": NOBODY}),
    Row(f"{SANDBOX}.LimitExceeded", f"{SANDBOX}.Run", request(limits={"memoryBytes": 1 << 50})),
    Row(f"{SANDBOX}.NotSupported", f"{SANDBOX}.Run", request(profile="lacking")),
    Row(f"{SANDBOX}.ProfileDenied", f"{SANDBOX}.Run", request(profile="raw"), ALICE, Shared),
    Row(f"{SANDBOX}.ProfileNotFound", f"{SANDBOX}.GetProfile", lambda w: {"profile": "no-such"}),
    Row(f"{SANDBOX}.QueueFull", f"{SANDBOX}.Run", lambda w: w.full(), ALICE, Shared),
    Row(f"{SANDBOX}.QuotaExceeded", f"{SANDBOX}.Run", request(limits={"memoryBytes": 201 << 20}), ALICE, Shared),
    Row(f"{SANDBOX}.RequestConflict", f"{SANDBOX}.Submit",
        lambda w: {"request": {"code": "2", "requestId": w.finished(requestId="used") and "used"}}),
    Row(f"{SANDBOX}.SessionBusy", f"{SANDBOX}.Execute", lambda w: {"session": w.busy_session(), "code": "1"}),
    Row(f"{SANDBOX}.BranchRefused", f"{SANDBOX}.BranchSession", lambda w: {"session": w.session(THREAD)}),
    Row(f"{SANDBOX}.SessionLost", f"{SANDBOX}.Execute",
        lambda w: {"session": w.session("import os\nos._exit(3)"), "code": "1"}),
    Row(f"{SANDBOX}.SessionNotFound", f"{SANDBOX}.GetSession", lambda w: {"session": NOBODY}),
    Row(f"{SANDBOX}.ShuttingDown", f"{SANDBOX}.Run", lambda w: w.drained()),
    Row(f"{SANDBOX}.TenantDenied", f"{SANDBOX}.WhoAmI", lambda w: {}, STRANGER, Shared),
    Row(f"{SANDBOX}.TooLarge", f"{SANDBOX}.CompleteToolCall",
        lambda w: {**w.tool_call(), "error": {"type": "x" * 65, "message": ""}}),
    Row(f"{SANDBOX}.ToolCallNotFound", f"{SANDBOX}.CompleteToolCall",
        lambda w: {**w.tool_call(), "callId": "nonsense", "resultJson": "1"}),
    Row(f"{MANAGER}.InvalidRequest", f"{MANAGER}.SetLogLevel", lambda w: {"level": 8}),
    Row(f"{MANAGER}.ReloadFailed", f"{MANAGER}.Reload", lambda w: w.bad_profile()),
    Row(f"{MANAGER}.SelfTestFailed", f"{MANAGER}.SelfTest", lambda w: w.all_lacking()),
    Row(f"{MANAGER}.TenantNotFound", f"{MANAGER}.SetTenant", lambda w: {"tenant": "nobody", "quota": {}}),
    Row(f"{VARLINK}.ExpectedMore", f"{SANDBOX}.Attach", lambda w: {"job": w.finished()}),
    Row(f"{VARLINK}.InterfaceNotFound", f"{VARLINK}.GetInterfaceDescription", lambda w: {"interface": "a.b"}),
    Row(f"{VARLINK}.InvalidParameter", f"{SANDBOX}.Run", request(colour=1)),
    Row(f"{VARLINK}.MethodNotFound", f"{SANDBOX}.Nothing", lambda w: {}),
    Row(f"{VARLINK}.PermissionDenied", f"{MANAGER}.GetStatus", lambda w: {}, STRANGER),
]
# The only error that no client can get: none of them has the flag that makes it
UNREACHABLE = {f"{VARLINK}.MethodNotImplemented"}

# The method by the Python client, blocking or not
PYTHON = {
    f"{SANDBOX}.Attach": lambda c, p: c.job(p["job"]).stream(),
    f"{SANDBOX}.Cancel": lambda c, p: c.job(p["job"]).cancel(),
    f"{SANDBOX}.Check": lambda c, p: c.check(p["request"]["code"]),
    f"{SANDBOX}.CloseSession": lambda c, p: c.session(p["session"]).close(),
    f"{SANDBOX}.CompleteToolCall": lambda c, p: c.complete_tool_call(p["job"], p["callId"], 1),
    f"{SANDBOX}.Execute": lambda c, p: c.session(p["session"]).execute(p["code"]),
    f"{SANDBOX}.ExtendSession": lambda c, p: c.session(p["session"]).extend(60000000),
    f"{SANDBOX}.ForgetJob": lambda c, p: c.job(p["job"]).forget(),
    f"{SANDBOX}.GetBlob": lambda c, p: c.get_blob(p["blob"]),
    f"{SANDBOX}.GetJob": lambda c, p: c.job(p["job"]).info(),
    f"{SANDBOX}.GetNode": lambda c, p: c.node(),
    f"{SANDBOX}.GetProfile": lambda c, p: c.profile(p["profile"]),
    f"{SANDBOX}.GetSession": lambda c, p: c.session(p["session"]).info(),
    f"{SANDBOX}.InterruptSession": lambda c, p: c.session(p["session"]).interrupt(),
    f"{SANDBOX}.ListFiles": lambda c, p: c.session(p["session"]).list_files(),
    f"{SANDBOX}.ListJobs": lambda c, p: c.jobs(request_id=p["requestId"]),
    f"{SANDBOX}.ListProfiles": lambda c, p: c.profiles(),
    f"{SANDBOX}.ListSessions": lambda c, p: c.sessions(),
    f"{SANDBOX}.OpenSession": lambda c, p: c.open_session(),
    f"{SANDBOX}.BranchSession": lambda c, p: c.session(p["session"]).branch(),
    f"{SANDBOX}.PutBlob": lambda c, p: c.put_blob(p["text"]),
    f"{SANDBOX}.PutFiles": lambda c, p: c.session(p["session"]).put_files({"a": "1"}),
    f"{SANDBOX}.ReadFile": lambda c, p: c.session(p["session"]).read_file(p["path"]),
    f"{SANDBOX}.RemoveBlobs": lambda c, p: c.remove_blobs(*p["blobs"]),
    f"{SANDBOX}.RemoveFiles": lambda c, p: c.session(p["session"]).remove_files(*p["paths"]),
    f"{SANDBOX}.RestartSession": lambda c, p: c.session(p["session"]).restart(),
    f"{SANDBOX}.Run": lambda c, p: c.run(p["request"]["code"]),
    f"{SANDBOX}.Submit": lambda c, p: c.submit(p["request"]["code"]),
    f"{SANDBOX}.Wait": lambda c, p: c.job(p["job"]).wait(),
    f"{SANDBOX}.WhoAmI": lambda c, p: c.who_am_i(),
    f"{SANDBOX}.WriteInput": lambda c, p: c.job(p["job"]).write_input(p["text"], end_of_file=True),
    f"{MANAGER}.CancelAll": lambda m, p: m.cancel_all(p["tenant"], p["reason"]),
    f"{MANAGER}.Drain": lambda m, p: m.drain(p["timeoutUSec"]),
    f"{MANAGER}.GetStatus": lambda m, p: m.status(),
    f"{MANAGER}.ListJobs": lambda m, p: m.jobs(p["maxEntries"]),
    f"{MANAGER}.ListTenants": lambda m, p: m.tenants(),
    f"{MANAGER}.Reload": lambda m, p: m.reload(),
    f"{MANAGER}.Resume": lambda m, p: m.resume(),
    f"{MANAGER}.SelfTest": lambda m, p: m.self_test(),
    f"{MANAGER}.SetLogLevel": lambda m, p: m.set_log_level(p["level"]),
    f"{MANAGER}.SetTenant": lambda m, p: m.set_tenant(p["tenant"], {"max_queued_jobs": 100}),
    f"{VARLINK}.GetInfo": lambda c, p: c.call(f"{VARLINK}.GetInfo"),
    f"{VARLINK}.GetInterfaceDescription": lambda c, p: c.call(f"{VARLINK}.GetInterfaceDescription", p),
}
