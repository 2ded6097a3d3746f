#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Stock varlink clients against a running pysbd: systemd's varlinkctl 257 and python-varlink 31."""

import json
import os
import sys
import unittest

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(2, os.path.join(sys.path[1], "e2e"))
import clients
import harness
import tap

INTERFACE = "io.pysb.sandbox"


def request(code, **fields):
    return json.dumps({"request": {"code": code, **fields}})


def documents(text):
    """JSON documents one after the other, with blanks between them."""
    decoder, position, found = json.JSONDecoder(), 0, []
    text = text.replace("\x1e", " ").strip()
    while position < len(text):
        document, position = decoder.raw_decode(text, position)
        found.append(document)
        while position < len(text) and text[position].isspace():
            position += 1
    return found


def output_of(replies):
    return "".join(r["event"]["output"]["text"] for r in replies
                   if r.get("event", {}).get("kind") == "output")


class Served(unittest.TestCase):
    """With a daemon that listens, as the e2e suite starts it."""

    def setUp(self):
        self.daemon = harness.Daemon(harness.build_tree())
        self.address = f"unix:{self.daemon.address}"

    def tearDown(self):
        self.assertEqual(self.daemon.stop(), 0)

    def assert_streamed(self, replies):
        kinds = [r["event"]["kind"] for r in replies[:-1]]
        self.assertEqual(kinds[0], "accepted")
        self.assertIn("started", kinds)
        self.assertEqual(output_of(replies), "42\n")
        self.assertEqual([r["event"]["sequence"] for r in replies[:-1]],
                         list(range(1, len(replies))))
        self.assertEqual(replies[-1]["result"]["outcome"], "success")
        self.assertGreater(replies[-1]["result"]["usage"]["wallTimeUSec"], 0)


@unittest.skipIf(clients.UNAVAILABLE, clients.UNAVAILABLE)
class Varlinkctl(Served):
    def ctl(self, *arguments, status=0):
        finished = clients.varlinkctl(*arguments)
        self.assertEqual(finished.returncode == 0, status == 0,
                         f"{finished.stdout}{finished.stderr}{self.daemon.read_log()}")
        return finished

    def call(self, method, parameters="{}", *options):
        finished = self.ctl("--json=short", *options, "call", self.address,
                            f"{INTERFACE}.{method}", parameters)
        return documents(finished.stdout)

    def test_info(self):
        """varlinkctl info lists the interfaces and the product"""
        (info,) = documents(self.ctl("--json=short", "info", self.address).stdout)
        self.assertCountEqual(info["interfaces"], [INTERFACE, "io.pysb.manager", "org.varlink.service"])
        self.assertEqual(info["product"], "pysbd")
        self.assertIn(INTERFACE, self.ctl("list-interfaces", self.address).stdout)

    def test_introspect(self):
        """varlinkctl introspect parses the descriptions, and they are the files"""
        for name in (INTERFACE, "io.pysb.manager", "org.varlink.service"):
            shown = self.ctl("introspect", self.address, name).stdout
            self.assertIn(f"interface {name}", shown)
            # It prints what it has parsed; the text itself is what we compile in
            (reply,) = documents(self.ctl(
                "--json=short", "call", self.address,
                "org.varlink.service.GetInterfaceDescription",
                json.dumps({"interface": name})).stdout)
            with open(f"{clients.SOURCE}/lib/wire/{name}.varlink", encoding="utf-8") as f:
                self.assertEqual(reply["description"], f.read())

    def test_methods(self):
        """varlinkctl list-methods finds the methods of the interface"""
        listed = self.ctl("list-methods", self.address, INTERFACE).stdout.split()
        for method in ("Run", "Submit", "Check", "CompleteToolCall", "Attach", "Wait", "Cancel", "GetJob", "ListJobs",
                       "ListProfiles", "GetProfile", "WhoAmI", "GetNode"):
            self.assertIn(f"{INTERFACE}.{method}", listed)

    def test_run(self):
        """varlinkctl call Run gives the result with its output"""
        (reply,) = self.call("Run", request("print(6*7)"))
        self.assertEqual(reply["result"]["outcome"], "success")
        self.assertEqual(reply["result"]["stdout"]["text"], "42\n")

    def test_check(self):
        """varlinkctl call Check examines a program and does not run it"""
        (reply,) = self.call("Check", request("while True: eval('1')", analysis="strict"))
        self.assertFalse(reply["accepted"])
        self.assertEqual(reply["findings"][0]["rule"], "builtin-denied")

    def test_run_more(self):
        """varlinkctl --more call Run streams events and then the result"""
        self.assert_streamed(self.call("Run", request("print(6*7)"), "--more"))

    def test_bytes_and_exception(self):
        """output that is no text comes as Base64, an exception with its type"""
        (reply,) = self.call("Run", request(
            "import os\nos.write(1, b'\\xff\\x00')\nraise KeyError('k')"))
        result = reply["result"]
        self.assertEqual(result["outcome"], "exception")
        self.assertEqual(result["stdout"]["data"], "/wA=")
        self.assertEqual(result["exception"]["type"], "KeyError")

    def test_submit_wait(self):
        """varlinkctl submits a job, waits for it, lists it and attaches to it afterwards"""
        (submitted,) = self.call("Submit", request("print(6*7)", retainUSec=60000000,
                                                   labels={"a": "b"}))
        job = json.dumps({"job": submitted["job"]})
        (waited,) = self.call("Wait", job)
        self.assertEqual(waited["state"], "finished")
        self.assertEqual(waited["result"]["stdout"]["text"], "42\n")
        (listed,) = self.call("ListJobs", json.dumps({"labels": {"a": "b"}}))
        self.assertEqual([j["job"] for j in listed["jobs"]], [submitted["job"]])
        (info,) = self.call("GetJob", job)
        self.assertEqual(info["info"]["state"], "finished")
        self.assert_streamed(self.call("Attach", job, "--more"))
        (cancelled,) = self.call("Cancel", job)
        self.assertEqual(cancelled["state"], "finished")

    def test_node(self):
        """varlinkctl call GetNode, WhoAmI, ListProfiles and GetProfile"""
        (node,) = self.call("GetNode")
        self.assertGreater(node["maxMessageBytes"], 0)
        self.assertTrue(any(i["layer"] == "seccomp" and i["state"] == "enforced"
                            for i in node["isolation"]))
        (me,) = self.call("WhoAmI")
        self.assertEqual(me["uid"], os.getuid())
        self.assertEqual(me["tenant"], f"uid:{os.getuid()}")
        (listed,) = self.call("ListProfiles")
        names = [p["name"] for p in listed["profiles"]]
        self.assertIn("default", names)
        for name in names:
            (profile,) = self.call("GetProfile", json.dumps({"profile": name}))
            self.assertEqual(profile["info"]["name"], name)
            self.assertEqual(len(profile["digest"]), 64)

    def test_oneway(self):
        """varlinkctl --oneway gets no reply, and the daemon goes on"""
        self.ctl("--oneway", "call", self.address, f"{INTERFACE}.GetNode", "{}")
        self.call("GetNode")


PYTHON_RUN = """
import json, sys, varlink
with varlink.Client(address=sys.argv[1]) as client, client.open("io.pysb.sandbox") as sandbox:
    request = {"code": "print(6*7)"}
    replies = list(sandbox.Run(request, _more=True)) if sys.argv[2] == "more" \\
        else [sandbox.Run(request)]
    print(json.dumps(replies))
"""

PYTHON_ERROR = """
import sys, varlink
with varlink.Client(address=sys.argv[1]) as client, client.open("io.pysb.sandbox") as sandbox:
    try:
        sandbox.Wait("no-such")
    except varlink.VarlinkError as e:
        print(e.error(), e.parameters()["job"])
"""


@unittest.skipIf(clients.UNAVAILABLE, clients.UNAVAILABLE)
class PythonVarlink(Served):
    def python(self, *arguments):
        finished = clients.python_varlink(*arguments)
        self.assertEqual(finished.returncode, 0,
                         f"{finished.stdout}{finished.stderr}{self.daemon.read_log()}")
        return finished.stdout

    def test_info(self):
        """python-varlink's command line shows the service and its interface"""
        self.assertIn(INTERFACE, self.python("-m", "varlink.cli", "info", self.address))
        self.assertIn("method Run(", self.python("-m", "varlink.cli", "help",
                                                 f"{self.address}/{INTERFACE}"))

    def test_command_line(self):
        """python-varlink's command line runs a job, with and without more"""
        method = f"{self.address}/{INTERFACE}.Run"
        (reply,) = documents(self.python("-m", "varlink.cli", "call", method,
                                         request("print(6*7)")))
        self.assertEqual(reply["result"]["stdout"]["text"], "42\n")
        self.assert_streamed(documents(self.python("-m", "varlink.cli", "call", "-m", method,
                                                   request("print(6*7)"))))

    def test_library(self):
        """python-varlink's library, which checks every type of a reply, runs a job"""
        (reply,) = json.loads(self.python("-c", PYTHON_RUN, self.address, "once"))
        self.assertEqual(reply["result"]["stdout"]["text"], "42\n")
        replies = json.loads(self.python("-c", PYTHON_RUN, self.address, "more"))
        self.assertEqual(replies[-1]["result"]["outcome"], "success")
        self.assertEqual(output_of([{k: v for k, v in r.items() if v} for r in replies]), "42\n")

    def test_error(self):
        """python-varlink sees our errors with their parameters"""
        self.assertEqual(self.python("-c", PYTHON_ERROR, self.address).split(),
                         [f"{INTERFACE}.JobNotFound", "no-such"])


if __name__ == "__main__":
    tap.run(Varlinkctl, PythonVarlink)
