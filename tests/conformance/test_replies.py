#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon against its interface text: every method is served, every field of a request is taken, and
every reply, event and error is what the text says."""

import os
import sys
import unittest

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(2, os.path.join(sys.path[1], "e2e"))
import harness
import schema
import tap
import varlink

ROOT = os.path.dirname(sys.path[1])
with open(f"{ROOT}/lib/wire/io.pysb.sandbox.varlink", encoding="utf-8") as file:
    INTERFACE = schema.Interface(file.read())

# All that one request can have; the ways to say what to run exclude each other
EVERYTHING = {
    "collect": [{"pattern": "**", "truncate": True, "unchanged": True}],
    "scriptPath": "m.py", "callable": "f", "inputsJson": '{"n": 1}', "arguments": ["a"],
    "environment": {"K": "v"}, "stdinText": "in", "profile": "default",
    "files": [{"path": "m.py", "text": "def f(n): return n"}, {"path": "b", "data": "AA=="}],
    "modules": ["json"], "analysis": "strict", "displayLastExpression": True,
    "tools": [{"name": "t", "description": "d", "parametersSchemaJson": "{}",
               "timeoutUSec": 1000000}],
    "priority": 9, "tenant": f"uid:{os.getuid()}", "requestId": "everything", "queueTimeoutUSec": 60000000, "labels": {"l": "v"}, "detach": True, "retainUSec": 60000000,
    "seed": 7, "usageIntervalUSec": 100000, "heartbeatUSec": 1000000,
}
OTHERS = [{"code": "1", "stdinData": "AA=="}, {"module": "this"}, {"expression": "1"},
          {"code": "1", "stdinOpen": True}]

# Programs whose results have, together, every field that a result can have here
RESULTS = [
    {"code": "open('a', 'w')", "collect": [{"pattern": "*"}]},
    {"code": "1 / 0"},
    {"code": "import os; os.abort()", "profile": "raw"},
    {"code": "print(1); eval('1')", "analysis": "strict"},
    {"code": "import sys; print(1, file=sys.stderr); result = sys"},
    {"code": "try:\n    __import__('ctypes')\nexcept ImportError:\n    pass"},
    {"code": "class A:\n    def _repr_html_(self):\n        return '<b>'\nA()"},
    {"code": "class A:\n    def _repr_png_(self):\n        return b'png'\nA()"},
    {"code": "while True: pass", "limits": {"wallTimeUSec": 100000}},
    {"code": "12", "limits": {"sourceBytes": 1}},
    {"code": "import os\nos.write(1, b'\\xff')\n[1]", "profile": "raw"},
    {"expression": "{'a': 1}"},
]


class Replies(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = harness.Daemon(harness.build_tree())

    @classmethod
    def tearDownClass(cls):
        status = cls.daemon.stop()
        assert status == 0, f"pysbd exited with {status} at the end"

    def setUp(self):
        self.connection = varlink.Connection(self.daemon.address)

    def tearDown(self):
        self.connection.close()

    def judge(self, method, reply):
        self.assertEqual(INTERFACE.problems(INTERFACE.methods[method][1], reply, method), [], reply)
        return reply

    def ask(self, method, **parameters):
        return self.judge(method, self.connection.call(method, **parameters))

    def stream(self, method, **parameters):
        self.connection.send(method, parameters, more=True)
        replies = []
        while not replies or "result" not in replies[-1]:
            replies.append(self.judge(method, self.connection.receive()))
        return replies

    def test_methods(self):
        """every method of the interface text is served"""
        for method in INTERFACE.methods:
            with varlink.Connection(self.daemon.address) as connection:
                connection.send(method, {"nonsense": True}, more=method == "Attach")
                with self.assertRaises(varlink.Refused) as refused:
                    connection.receive()
            self.assertEqual(refused.exception.name, "org.varlink.service.InvalidParameter", method)

    def test_request_fields(self):
        """every field of JobRequest, FileInput and Tool is taken"""
        limits = self.ask("GetProfile", profile="default")["defaults"]
        requests = [EVERYTHING | {"limits": limits}] + OTHERS
        given = {name for request in requests for name in request}
        # A descriptor is not sent by this client
        self.assertEqual(given, set(INTERFACE.types["JobRequest"]) - {"stdinFileDescriptor"})
        self.assertEqual(set(limits), set(INTERFACE.types["Limits"]))
        for request in requests:
            self.assertEqual(INTERFACE.problems("JobRequest", request, "request"), [])
            self.ask("Check", request=request)
            self.ask("Run", request=request)

    def test_results(self):
        """every field of Result occurs, and is what the text says"""
        seen = set()
        for request in RESULTS:
            seen |= set(self.ask("Run", request=request)["result"])
            self.stream("Run", request=request)
        session = self.ask("OpenSession")["info"]["session"]
        seen |= set(self.ask("Execute", session=session, code="1")["result"])
        self.ask("CloseSession", session=session)
        # Seen where a job has run, all of them
        self.assertEqual(seen, set(INTERFACE.types["Result"]))

    def test_events(self):
        """every event of a streamed job is what the text says"""
        request = {"code": "import _sandbox\nprint(1)\n_sandbox.display('text/html', '<b>')\n"
                           "try:\n    __import__('ctypes')\nexcept ImportError:\n    while True: pass",
                   "usageIntervalUSec": 100000, "heartbeatUSec": 1000000,
                   "limits": {"wallTimeUSec": 500000}}
        kinds = [r["event"]["kind"] for r in self.stream("Run", request=request)[:-1]]
        for kind in ("accepted", "started", "output", "display", "violation", "usage"):
            self.assertIn(kind, kinds)

    def test_jobs(self):
        """Submit, Wait, GetJob, ListJobs, Attach and Cancel answer as the text says"""
        job = self.ask("Submit", request={"code": "print(1)", "labels": {"a": "b"}})["job"]
        self.ask("Wait", job=job)
        self.ask("GetJob", job=job)
        self.assertEqual(len(self.ask("ListJobs", labels={"a": "b"})["jobs"]), 1)
        self.stream("Attach", job=job)
        self.ask("Cancel", job=job, graceUSec=1, reason="r")
        self.ask("ForgetJob", job=job)
        job = self.ask("Submit", request={"code": "input()", "stdinOpen": True})["job"]
        self.ask("WriteInput", job=job, text="x", endOfFile=True)
        self.ask("Wait", job=job)

    def test_sessions(self):
        """OpenSession and all that is asked of a session answer as the text says, each parameter is taken"""
        limits = self.ask("GetProfile", profile="default")["defaults"]
        everything = {"profile": "default", "limits": limits, "labels": {"l": "v"}, "seed": 7,
                      "files": EVERYTHING["files"], "environment": {"K": "v"}, "modules": ["json"],
                      "tools": EVERYTHING["tools"], "idleTimeoutUSec": 60000000,
                      "lifetimeUSec": 60000000, "bindToConnection": True, "tenant": EVERYTHING["tenant"]}
        self.assertEqual(set(everything), set(INTERFACE.methods["OpenSession"][0]))
        info = self.ask("OpenSession", **everything)["info"]
        cell = {"session": info["session"], "code": "print(1)", "inputsJson": "{}", "queue": True,
                "limits": {"wallTimeUSec": 1000000}, "displayLastExpression": False,
                "analysis": "strict", "detach": True, "retainUSec": 60000000,
                "usageIntervalUSec": 100000, "heartbeatUSec": 1000000, "requestId": "cell"}
        self.assertEqual(set(cell), set(INTERFACE.methods["Execute"][0]))
        result = self.ask("Execute", **cell)["result"]
        self.stream("Execute", **cell)  # the same one
        self.ask("Execute", **cell | {"requestId": "next cell"})
        self.ask("GetJob", job=result["job"])
        self.assertEqual(len(self.ask("ListJobs", session=info["session"])["jobs"]), 2)
        self.ask("GetSession", session=info["session"])
        self.ask("ListSessions", labels={"l": "v"}, maxEntries=1, tenant=EVERYTHING["tenant"])
        self.ask("PutFiles", session=info["session"], files=[{"path": "d/f", "text": "1"}])
        self.ask("ReadFile", session=info["session"], path="d/f", offset=0, maxBytes=1)
        self.ask("ListFiles", session=info["session"], pattern="**", maxEntries=10)
        self.ask("RemoveFiles", session=info["session"], paths=["d"], recursive=True)
        self.ask("InterruptSession", session=info["session"])
        self.ask("RestartSession", session=info["session"])
        branch = self.ask("BranchSession", session=info["session"], labels={"l": "v"})["info"]["session"]
        self.ask("CloseSession", session=branch)
        self.ask("ExtendSession", session=info["session"], idleTimeoutUSec=1000000, lifetimeUSec=1000000)
        self.ask("CloseSession", session=info["session"])

    def test_blobs(self):
        """PutBlob, GetBlob and RemoveBlobs answer as the text says, each parameter is taken"""
        blob = self.ask("PutBlob", data="AAE=")["blob"]["blob"]
        everything = {"blob": blob, "offset": 1, "maxBytes": 1, "tenant": self.ask("WhoAmI")["tenant"]}
        self.assertEqual(set(everything), set(INTERFACE.methods["GetBlob"][0]))
        self.ask("GetBlob", **everything)
        file = {"path": "a", "executable": True, "readOnly": True}
        request = {"code": "open('b', 'w')", "files": [file | {"blob": blob}],
                   "collect": [{"pattern": "b", "delivery": "blob"}, {"pattern": "a", "unchanged": True, "delivery": "auto"}]}
        self.assertEqual(INTERFACE.problems("JobRequest", request, "request"), [])
        self.assertIn("blob", self.ask("Run", request=request)["result"]["files"][1])
        self.ask("RemoveBlobs", blobs=[blob])

    def test_node(self):
        """GetNode, WhoAmI, ListProfiles and GetProfile answer as the text says"""
        self.ask("GetNode")
        self.ask("WhoAmI")
        self.ask("WhoAmI", tenant=EVERYTHING["tenant"])
        for profile in self.ask("ListProfiles")["profiles"]:
            self.ask("GetProfile", profile=profile["name"])

    def test_check(self):
        """Check answers as the text says, whatever comes of it"""
        for request in RESULTS:
            self.ask("Check", request=request)

    def test_errors(self):
        """errors have the parameters that the text names"""
        code = {"code": "1"}
        wrong = [
            ("GetJob", {"job": "x"}), ("GetProfile", {"profile": "x"}), ("Run", {"request": {}}),
            ("Run", {"request": {**code, "limits": {"memoryBytes": 1 << 50}}}),
            ("Run", {"request": {**code, "arguments": ["x" * 200000]}}),
            ("WriteInput", {"job": self.ask("Submit", request=code)["job"], "text": "x"}),
            ("Submit", {"request": {**code, "tenant": "nobody"}}),
            ("CompleteToolCall", {"job": "x", "callId": "1", "resultJson": "1"}),
        ]
        seen = set()
        for method, parameters in wrong:
            with self.assertRaises(varlink.Refused) as refused:
                self.connection.call(method, **parameters)
            error = refused.exception
            seen.add(error.name)
            self.assertEqual(INTERFACE.problems(INTERFACE.errors[error.name], error.parameters,
                                                error.name), [])
        self.assertEqual(seen, {"JobNotFound", "ProfileNotFound", "InvalidRequest", "LimitExceeded",
                                "TooLarge", "JobNotAccepting", "TenantDenied"})


class Schema(unittest.TestCase):
    def test_it_bites(self):
        """the schema finds what is missing, unknown, and of another type"""
        text = "interface a.b\ntype T (a: int, b: ?[]string, c: (x, y))\nmethod M() -> ()"
        interface = schema.Interface(text)
        self.assertEqual(interface.problems("T", {"a": 1, "b": ["s"], "c": "x"}, "t"), [])
        for document, word in (({"c": "x"}, "missing"), ({"a": 1, "c": "x", "d": 1}, "not in"),
                               ({"a": True, "c": "x"}, "no int"), ({"a": 1, "c": "z"}, "none of"),
                               ({"a": 1, "b": [1], "c": "x"}, "no string"), ([], "no object")):
            self.assertIn(word, interface.problems("T", document, "t")[0], document)


if __name__ == "__main__":
    tap.run(Schema, Replies)
