# SPDX-License-Identifier: LGPL-2.1-or-later
"""What `pysbctl doctor` says in the machine of ./vm, as it is and booted with less."""

import json
import subprocess
import unittest

STATUSES = ("pass", "degraded", "fail")
SOCKETS = ("pysbd.socket", "pysbd-manager.socket")


def doctor(*before):
    """Its checks by name, and all that it says."""
    run = subprocess.run([*before, "pysbctl", "doctor", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         stdin=subprocess.DEVNULL, check=False)
    document = json.loads(run.stdout)
    if run.returncode != STATUSES.index(document["status"]):
        raise AssertionError(f"exit status {run.returncode}: {document['status']}\n{run.stderr.decode()}")
    return {check["name"]: check for check in document["checks"]}, document


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=True).stdout.decode()


class Boot(unittest.TestCase):
    """A boot of its own."""

    @classmethod
    def setUpClass(cls):
        output("systemctl", "start", *SOCKETS)
        subprocess.run(["systemctl", "start", "pysbd.service"], check=False, stderr=subprocess.DEVNULL)

    @classmethod
    def tearDownClass(cls):
        output("systemctl", "stop", *SOCKETS, "pysbd.service")
        output("systemctl", "reset-failed")


class WholeMachine(Boot):
    """A machine with everything, and its service."""

    def test_doctor(self):
        """doctor passes: for root by the service's own self-test, for a client by that of a daemon of his own"""
        checks, document = doctor()
        self.assertEqual(document["status"], "pass", checks)
        self.assertRegex(checks["self-test"]["found"], "^41 probes stopped, 0 .* 2 skipped, in a sandbox of the service$")
        self.assertEqual(checks["service"]["found"], "it answers")
        checks, document = doctor("setpriv", "--reuid=tester", "--regid=tester", "--init-groups")
        self.assertEqual(document["status"], "pass", checks)
        self.assertIn("in a sandbox of a private daemon", checks["self-test"]["found"])

    def test_at_start(self):
        """the service says that it has tried its boxes before it serves"""
        output("systemctl", "restart", "pysbd.service")
        pid = output("systemctl", "show", "--value", "-pMainPID", "pysbd.service").strip()
        output("journalctl", "--sync")
        self.assertIn("a sandbox stopped all of 41 probes", output("journalctl", "-b", "-o", "cat", f"_PID={pid}"))


class Lacking(Boot):
    """What is not named here passes."""

    degraded = {}  # name of a check -> part of what was found
    failed = {}
    fixes = {}  # the same for what is to be done

    def test_doctor(self):
        """doctor names what this boot lacks, and nothing else"""
        checks, document = doctor()
        for status, expected in (("degraded", self.degraded), ("fail", self.failed)):
            found = {name: check["found"] for name, check in checks.items() if check["status"] == status}
            self.assertEqual(set(found), set(expected), found)
            for name, text in expected.items():
                self.assertIn(text, found[name])
        for name, text in self.fixes.items():
            self.assertIn(text, checks[name]["fix"])
        if "self-test" not in self.failed:
            self.assertNotIn("failed", {probe["outcome"] for probe in document["selfTest"]["probes"]})


class WithoutMemory(Lacking):
    """cgroup_disable=memory: the service refuses to serve."""

    degraded = {"cgroup": "without the controllers memory", "layers": "cgroup-memory"}
    failed = {"service": "it does not serve"}
    fixes = {"cgroup": "cgroup_disable="}


class CgroupV1(Lacking):
    """systemd.unified_cgroup_hierarchy=0: the service refuses to serve, and jobs of a private daemon are degraded."""

    degraded = {"cgroup": "cgroup v1", "layers": "cgroup-memory, cgroup-cpu, cgroup-pids"}
    failed = {"service": "it does not serve"}
    fixes = {"cgroup": "systemd.unified_cgroup_hierarchy", "service": "journalctl"}


class WithoutLandlock(Lacking):
    """lsm= without it: the service serves."""

    degraded = {"landlock": "none", "layers": "landlock"}
    fixes = {"landlock": "lsm="}


class WithoutUserNamespaces(Lacking):
    """sysctl.user.max_user_namespaces=0: nothing works."""

    degraded = {"layers": "cgroup-memory"}
    failed = {"user-namespaces": "user.max_user_namespaces is 0", "service": "it does not serve",
              "self-test": "the sandbox could not be made"}
    fixes = {"user-namespaces": "user.max_user_namespaces = 65536"}


# What runs first in each of the suite's boots
BOOTS = {"service": [WholeMachine], "no-memory": [WithoutMemory], "cgroup-v1": [CgroupV1], "no-landlock": [WithoutLandlock],
         "no-user-namespaces": [WithoutUserNamespaces]}
