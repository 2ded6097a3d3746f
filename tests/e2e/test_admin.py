#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""io.pysb.manager: who may call it, each method and each error, and jobs that go on meanwhile."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import tap
import varlink

WAIT_FOR_INPUT = "print('ready', flush=True)\ninput()\nprint('went on')"
FOREVER = "print('ready', flush=True)\nwhile True:\n    pass"
NOBODY = 65534


class Manager(varlink.Connection):
    def ask(self, method, more=False, **parameters):
        self.send(f"io.pysb.manager.{method}", parameters, more)

    def call(self, method, **parameters):
        self.ask(method, **parameters)
        return self.receive()

    def refused(self, method, **parameters):
        """The error's name and parameters."""
        try:
            reply = self.call(method, **parameters)
        except varlink.Refused as refusal:
            return refusal.name.removeprefix("io.pysb.manager."), refusal.parameters
        raise AssertionError(f"{method} was not refused: {reply}")


class OnOwnDaemon(unittest.TestCase):
    """A daemon with a directory for profiles of its operator, that its own user can read."""

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="pysb-admin.", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.directory)
        self.tree = harness.copied_tree(self.directory, None)
        for entry in os.scandir(f"{harness.BUILD}/profiles"):
            if entry.name.endswith(".toml"):  # what an operator's profile extends
                shutil.copy(entry.path, f"{self.directory}/profiles")
        self.operators = os.path.join(self.directory, "operators")
        os.mkdir(self.operators)
        os.chmod(self.operators, 0o755)
        self.tree.environment["PYSB_OPERATOR_PROFILES"] = self.operators
        self.daemon = harness.Daemon(self.tree)
        self.addCleanup(self.stop)
        self.manager = self.connect()
        self.addCleanup(self.manager.close)
        self.manager.call("GetStatus")  # by now a signal is one to stop in order

    def stop(self):
        status = self.daemon.stop()
        self.assertEqual(status, 0, "the daemon ended badly")

    def connect(self):
        return Manager(self.daemon.address)

    def write_profile(self, name, *lines):
        path = os.path.join(self.operators, f"{name}.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(('extends = "default"', 'description = "Of a test"',
                                  "granted = true", *lines)) + "\n")
        os.chmod(path, 0o644)
        return path

    def start(self, code, *options):
        """A job that has printed its line, with its standard input open."""
        process = self.daemon.start(code, "--stdin", "-", *options, stdin=subprocess.PIPE)
        self.addCleanup(process.communicate)
        harness.read_until(process.stdout, b"ready\n")
        return process

    def finish(self, process):
        stdout, stderr = process.communicate(b"\n", harness.PATIENCE)
        self.assertEqual((process.returncode, stdout), (0, b"went on\n"), stderr)


class Reading(OnOwnDaemon):
    def test_status_tenants_and_jobs(self):
        process = self.start(WAIT_FOR_INPUT)
        status = self.manager.call("GetStatus")
        self.assertEqual((status["runningJobs"], status["queuedJobs"], status["draining"]),
                         (1, 0, False))
        self.assertGreater(status["memoryBytes"], 0)
        (tenant,) = self.manager.call("ListTenants")["tenants"]
        self.assertEqual((tenant["tenant"], tenant["runningJobs"]), (f"uid:{os.getuid()}", 1))
        self.assertEqual(tenant["memoryBytes"], status["memoryBytes"])
        jobs = self.manager.call("ListJobs", maxEntries=1)
        self.assertEqual((jobs["jobs"][0]["state"], jobs["jobs"][0]["profile"], jobs["truncated"]),
                         ("running", "default", False))
        self.finish(process)
        self.assertEqual(self.manager.call("ListJobs")["jobs"], [])

    def test_top_shows_the_job(self):
        process = self.start(WAIT_FOR_INPUT)
        shown = self.daemon.call("top", "--once")
        self.assertEqual(shown.status, 0, shown)
        self.assertIn(b"running", shown.stdout)
        self.assertIn(b"1 of ", shown.stdout)
        shown = self.daemon.call("top", "--json")
        self.assertEqual(len(shown.result["jobs"]["jobs"]), 1, shown)
        self.finish(process)

    def test_parameters_out_of_range(self):
        self.assertEqual(self.manager.refused("ListJobs", maxEntries=0)[0], "InvalidRequest")
        self.assertEqual(self.manager.refused("SetLogLevel", level=8)[1]["field"], "level")
        self.assertEqual(self.manager.refused("CancelAll", reason="x" * 257)[1]["field"], "reason")
        self.assertEqual(self.manager.refused("Drain", timeoutUSec=-1)[0],
                         "org.varlink.service.InvalidParameter")
        self.assertEqual(self.manager.call("SetLogLevel", level=7), {})

    def test_both_interfaces_are_described(self):
        self.manager.send("org.varlink.service.GetInterfaceDescription", {"interface": "io.pysb.manager"})
        self.assertIn("method Drain", self.manager.receive()["description"])

    @unittest.skipUnless(os.getuid() == 0, "only root can call as somebody else")
    def test_somebody_else_is_refused(self):
        os.chmod(self.daemon.address, 0o666)
        call = f"""
import json, socket
s = socket.socket(socket.AF_UNIX); s.connect({self.daemon.address!r})
s.sendall(b'{{"method":"io.pysb.manager.GetStatus"}}' + bytes(1))
print(json.loads(s.recv(65536)[:-1])["error"])"""
        refused = harness.run(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}",
                               "--clear-groups", "/usr/bin/python3", "-c", call], os.environ)
        self.assertEqual(refused.stdout, b"org.varlink.service.PermissionDenied\n", refused)


class Tenants(OnOwnDaemon):
    def test_a_quota_until_the_next_reload(self):
        """SetTenant is at once in force, keeps what it does not name, and ends with Reload"""
        me = f"uid:{os.getuid()}"
        before = self.manager.call("ListTenants")["tenants"][0]["quota"]
        with varlink.Connection(self.daemon.address) as client:
            quota = self.manager.call("SetTenant", tenant=me, quota={"maxRunningJobs": 1})["quota"]
            self.assertEqual(quota, {**before, "maxRunningJobs": 1})
            process = self.start(WAIT_FOR_INPUT)
            client.run(code="print(1)")
            client.next("queued")
            self.assertEqual(self.manager.call("ListTenants")["tenants"][0]["queuedJobs"], 1)
            self.manager.call("Reload")
            self.assertEqual(client.result()["outcome"], "success")
            self.assertEqual(self.manager.call("ListTenants")["tenants"][0]["quota"], before)
            self.finish(process)

    def test_refused(self):
        self.assertEqual(self.manager.refused("SetTenant", tenant="nobody", quota={}),
                         ("TenantNotFound", {"tenant": "nobody"}))
        me = f"uid:{os.getuid()}"
        self.assertEqual(self.manager.refused("SetTenant", tenant=me, quota={"weight": 10001})[1]["field"],
                         "quota.weight")
        self.assertEqual(self.manager.refused("SetTenant", tenant=me, quota={"wait": 1})[0],
                         "org.varlink.service.InvalidParameter")

    def test_pages(self):
        me = f"uid:{os.getuid()}"
        self.assertEqual(self.manager.call("ListTenants", cursor=me)["tenants"], [])
        self.assertEqual(self.manager.refused("ListTenants", maxEntries=0)[0], "InvalidRequest")


class Cancelling(OnOwnDaemon):
    def test_of_a_tenant(self):
        process = self.start(FOREVER)
        self.assertEqual(
            self.manager.refused("CancelAll", tenant="uid:1234567"),
            ("TenantNotFound", {"tenant": "uid:1234567"}))
        reply = self.manager.call("CancelAll", tenant=f"uid:{os.getuid()}", reason="for\ttests")
        self.assertEqual(reply, {"jobs": 1})
        _, stderr = process.communicate(timeout=harness.PATIENCE)
        self.assertIn(b"cancelled: for tests", stderr)
        self.assertEqual(self.manager.call("CancelAll"), {"jobs": 0})

    def test_what_waits_never_starts(self):
        connections = [varlink.Connection(self.daemon.address) for _ in range(24)]
        for connection in connections:
            self.addCleanup(connection.close)
            connection.run(code=FOREVER, limits={"cpuPercent": 5})
            connection.next("accepted")
        status = self.manager.call("GetStatus")
        self.assertEqual(status["runningJobs"] + status["queuedJobs"], 24)
        self.assertGreater(status["queuedJobs"], 0)
        self.assertEqual(self.manager.call("CancelAll"), {"jobs": 24})
        for connection in connections:
            self.assertEqual(connection.result()["outcome"], "cancelled")


class Draining(OnOwnDaemon):
    def test_refuses_and_lets_run(self):
        process = self.start(WAIT_FOR_INPUT)
        drained = self.daemon.call("drain", "--json")
        self.assertEqual((drained.status, drained.result),
                         (1, {"runningJobs": 1, "queuedJobs": 0}), drained)
        with varlink.Connection(self.daemon.address) as client:
            self.assertTrue(client.call("GetNode")["draining"])
            client.send("Run", {"request": {"code": "1"}})
            with self.assertRaises(varlink.Refused) as refused:
                client.receive()
            self.assertEqual(refused.exception.name, "ShuttingDown")
            self.assertGreater(refused.exception.parameters["retryAfterUSec"], 0)
        self.finish(process)
        self.assertEqual(self.daemon.call("drain", "--wait").status, 0)
        self.assertEqual(self.daemon.call("resume").status, 0)
        self.assertEqual(self.daemon.submit("print(1)").status, 0)

    def test_progress_until_nothing_is_left(self):
        processes = [self.start(WAIT_FOR_INPUT) for _ in range(2)]
        with self.connect() as waiter:
            waiter.ask("Drain", more=True)
            for running in (2, 1, 0):
                self.assertEqual(waiter.receive(), {"runningJobs": running, "queuedJobs": 0})
                if running > 0:
                    self.finish(processes.pop())

    def test_ends_at_the_timeout_and_at_resume(self):
        process = self.start(WAIT_FOR_INPUT)
        self.assertEqual(self.manager.call("Drain", timeoutUSec=1000)["runningJobs"], 1)
        with self.connect() as waiter:
            waiter.ask("Drain", more=True)
            self.assertEqual(waiter.receive()["runningJobs"], 1)
            self.manager.call("Resume")
            self.assertEqual(waiter.receive()["runningJobs"], 1)
        self.finish(process)


class Reloading(OnOwnDaemon):
    def test_new_changed_and_removed_profiles(self):
        path = self.write_profile("mine", "[limits]", 'memory = "64M"')
        reloaded = self.daemon.call("reload", "--json")
        self.assertIn("mine", reloaded.result["profiles"], reloaded)
        self.assertEqual(self.daemon.submit("print(1)", "-p", "mine").status, 0)
        with varlink.Connection(self.daemon.address) as client:
            digest = client.call("GetProfile", profile="mine")["digest"]
            self.write_profile("mine", "[limits]", 'memory = "65M"')
            self.assertEqual(client.call("GetProfile", profile="mine")["digest"], digest)
            self.manager.call("Reload")
            changed = client.call("GetProfile", profile="mine")
            self.assertNotEqual(changed["digest"], digest)
            self.assertEqual(changed["defaults"]["memoryBytes"], 65 << 20)
            os.unlink(path)
            self.assertNotIn("mine", self.manager.call("Reload")["profiles"])
            client.send("Run", {"request": {"code": "1", "profile": "mine"}})
            with self.assertRaises(varlink.Refused) as refused:
                client.receive()
            self.assertEqual(refused.exception.name, "ProfileNotFound")

    def test_a_mistake_changes_nothing(self):
        self.write_profile("good")
        path = self.write_profile("bad", "[limits]", 'memory = "64 parsecs"')
        with open(path, encoding="utf-8") as file:
            line = 1 + file.read().splitlines().index('memory = "64 parsecs"')
        name, problem = self.manager.refused("Reload")
        self.assertEqual((name, problem.get("file"), problem.get("line")),
                         ("ReloadFailed", "bad.toml", line), problem)
        self.assertIn("limits.memory", problem["message"])
        failed = self.daemon.call("reload")
        self.assertEqual(failed.status, 125, failed)
        self.assertIn(f"bad.toml:{line}: ", failed.stderr)
        with varlink.Connection(self.daemon.address) as client:
            names = [p["name"] for p in client.call("ListProfiles")["profiles"]]
        self.assertNotIn("good", names)
        self.assertEqual(self.manager.call("GetStatus")["reloads"], 0)
        os.unlink(path)
        self.assertIn("good", self.manager.call("Reload")["profiles"])

    def test_sessions_keep_what_they_were_opened_with(self):
        path = self.write_profile("mine")
        self.manager.call("Reload")
        with varlink.Connection(self.daemon.address) as client:
            session = client.call("OpenSession", profile="mine")["info"]["session"]
            client.call("Execute", session=session, code="x = 6")
            os.unlink(path)
            # More of them than there may be generations: none is kept for the session's sake but its own
            for _ in range(20):
                self.assertNotIn("mine", self.manager.call("Reload")["profiles"])
            result = client.call("Execute", session=session, code="x * 7")["result"]
            self.assertEqual(result["resultJson"], "42")
            client.call("CloseSession", session=session)

    def test_jobs_keep_what_they_were_accepted_with(self):
        path = self.write_profile("mine")
        self.manager.call("Reload")
        running = self.start(WAIT_FOR_INPUT, "-p", "mine")
        places = self.manager.call("GetStatus")["maxRunningJobs"]
        others = [self.start(WAIT_FOR_INPUT) for _ in range(places - 1)]
        with varlink.Connection(self.daemon.address) as client:
            client.run(code="print('waited')", profile="mine")
            client.next("queued")
            os.unlink(path)
            self.assertNotIn("mine", self.manager.call("Reload")["profiles"])
            self.finish(others.pop())
            self.assertEqual(client.result()["outcome"], "success")
        self.finish(running)
        for process in others:
            self.finish(process)

    def test_hundred_reloads_leave_nothing(self):
        def figures():
            pids = [self.daemon.process.pid,
                    *(p.pid for p in harness.descendants(self.daemon.process.pid))]
            return sorted(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)

        def settled(expected):
            harness.poll_until(lambda: figures() == expected, f"{expected} descriptors")

        def memory():
            pid = self.daemon.process.pid
            return int(harness.Process(pid).fields["VmRSS"].split()[0])

        self.assertEqual(self.daemon.submit("print(1)").status, 0)
        before = harness.poll_until(
            lambda: figures() if not self.daemon.boxed() else None, "the end of the box")
        for round_ in range(100):
            self.manager.call("Reload")
            if round_ == 10:
                early = memory()
            if round_ % 25 == 0:
                self.assertEqual(self.daemon.submit("print(1)").status, 0)
        self.assertEqual(self.daemon.submit("print(1)").status, 0)
        settled(before)
        self.assertLess(memory() - early, 4096, "KiB more than after ten reloads")
        self.assertEqual(self.manager.call("GetStatus")["reloads"], 100)

    def test_many_ask_at_once(self):
        waiters = [self.connect() for _ in range(8)]
        for waiter in waiters:
            self.addCleanup(waiter.close)
            waiter.ask("Reload")
        self.write_profile("late")
        self.assertIn("late", self.manager.call("Reload")["profiles"])
        for waiter in waiters:
            self.assertIn("default", waiter.receive()["profiles"])


if __name__ == "__main__":
    tap.run(Reading, Tenants, Cancelling, Draining, Reloading)
