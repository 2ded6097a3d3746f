# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs in the machine of tests/vm, as root: takes away one layer of the boxes after the other, and sees that the self-test
refuses to serve, and that attacks get through. Here and nowhere else: a program without its layers can change the machine."""

import os
import re
import shutil
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.realpath(__file__))
os.environ.update(PYSB_ATTACK_SERVICE="1", PYSB_BUILD_ROOT="/")  # nothing is built here
sys.path[1:1] = [os.path.join(HERE, "../attacks"), os.path.join(HERE, "../vm"), os.path.dirname(HERE)]
import machine
import tap
import target
from test_observed import Observed
from test_programs import Programs

SWITCH = "/run/pysb-layer-switch"
REFUSED = 78
MESSAGE_MAX = 300
PROFILES = "/usr/share/pysb/profiles"

# The switch -> the attacks on what the layer is for
LAYERS = {
    "user-namespace": ("PR_03k_raw", "ids", "namespaces"),
    "mount-namespace": ("FS_01a_raw", "FS_01k_raw", "namespaces"),
    "pid-namespace": ("PN_01a_raw", "PN_01k_raw", "IL_04k_raw"),
    "network-namespace": ("NW_01k_raw", "namespaces"),
    "ipc-namespace": ("namespaces", "ipc_objects"),
    "uts-namespace": ("IL_04a_raw", "IL_04k_raw", "namespaces"),
    "cgroup-namespace": ("PN_09k_raw", "namespaces"),
    "uid-range": ("ids", "daemon_of_the_job_is_gone"),
    "read-only-root": ("FS_06k_raw", "FS_08a_raw", "IL_10a_raw"),
    "capabilities": ("PR_01a_raw", "PR_01k_raw", "PR_02k_raw"),
    "no-new-privileges": ("PR_02a_raw", "PR_02k_raw"),
    "seccomp": ("PN_05a_raw", "PR_02a_raw", "SC_01a_raw", "SC_05a_raw"),
    "landlock": ("FS_05l_raw", "FS_05m_raw"),
    "rlimits": ("PR_04a_raw", "RS_07a_raw"),
    "cgroup-memory": ("cgroup", "RS_02l_raw"),
}
TITLES = {"read-only-root": "flags of mounts", "cgroup-memory": "cgroup", "landlock": "Landlock"}
FAILED_PROBE = re.compile(r"Self-test (\S+): .* That is for the layer (\S+) to stop")


def keep_one_profile():
    """attack-raw, by the name of default: each one more would cost each start of the service another template."""
    with open(f"{PROFILES}/{machine.RAW}.profile", encoding="utf-8") as file:
        text = file.read()
    shutil.rmtree(PROFILES)
    os.mkdir(PROFILES)
    with open(f"{PROFILES}/default.profile", "w", encoding="utf-8") as file:
        file.write(text.replace(f'profile.name = "{machine.RAW}"', 'profile.name = "default"'))
    target.profile_of = lambda mode: "default"


def start(switch):
    """The service, with a layer off; its exit status (0: it serves) and what it said."""
    machine.shell("systemctl", "stop", "pysbd.service")
    with open(SWITCH, "w", encoding="ascii") as file:
        file.write(switch)
    if not switch:
        os.unlink(SWITCH)
    subprocess.run(["systemctl", "start", "pysbd.service"], check=False, stderr=subprocess.DEVNULL)
    main = machine.properties("ExecMainPID", "ExecMainStatus", "ActiveState")
    machine.shell("journalctl", "--sync")
    said = machine.shell("journalctl", "-b", "-o", "cat", f"_PID={main['ExecMainPID']}")
    status = int(main["ExecMainStatus"])
    if (main["ActiveState"] == "active") != (status == 0):
        raise AssertionError(f"{main}\n{said}")
    return status, said


def tests_of(names):
    for name in names:
        kind = Programs if name.split("_")[0].isupper() else Observed
        yield kind(f"test_{name}")


def identifier(test):
    """The attack, and where it was run from."""
    text = test.shortDescription()
    return text.split()[0] + ("" if isinstance(test, Programs) else " (outside)")


class Mutation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        Programs.canaries, Programs.has_landlock = target.Canaries(), True
        os.mkdir("/app", 0o1777)  # without a mount namespace a job is in that of the machine
        os.chmod("/app", 0o1777)

    def run_attacks(self, names):
        """Which of them have found a hole."""
        red = []
        service = target.make()
        client = service.client()
        self.addCleanup(client.close)
        for kind in (Programs, Observed):  # their own setUpClass wants all layers
            kind.target, kind.client = service, client
        for test in tests_of(names):
            result = unittest.TestResult()
            test.run(result)
            self.assertEqual((result.testsRun, result.skipped), (1, []))
            self.assertFalse(result.errors, "".join(text for _, text in result.errors))
            for _, text in result.failures:
                print("#   " + text.splitlines()[-1][:MESSAGE_MAX], flush=True)
            if result.failures:
                red.append(identifier(test))
            # Not because nothing works any more
            plain = client.run("print(6 * 7)", profile=target.profile_of("raw"))
            self.assertEqual((plain.outcome, plain.stdout.text), ("success", "42\n"), plain.describe())
        return red

    def test_all_layers(self):
        """with all layers the service serves, and no attack gets through"""
        self.assertEqual(start("")[0], 0)
        names = sorted({name for names in LAYERS.values() for name in names})
        self.assertEqual(self.run_attacks(names), [])

    def take_away(self, layer):
        status, said = start(layer)
        probes = FAILED_PROBE.findall(said)
        self.assertEqual(status, REFUSED, said)
        self.assertIn(layer, {stops for _, stops in probes}, said)
        self.assertEqual(start(f"{layer} serve")[0], 0)
        red = self.run_attacks(LAYERS[layer])
        print(f"# | {TITLES.get(layer, layer)} | {', '.join(red)} | {', '.join(probe for probe, _ in probes)} |", flush=True)
        self.assertGreaterEqual(len(set(red)), 2)


def add(layer):
    def test(self):
        self.take_away(layer)
    test.__doc__ = f"without {TITLES.get(layer, layer)} the self-test refuses to serve, and two attacks get through"
    setattr(Mutation, f"test_without_{layer.replace('-', '_')}", test)


for each in LAYERS:
    add(each)

if __name__ == "__main__":
    machine.install()
    keep_one_profile()
    shutil.copy(os.path.join(HERE, "pysbd.service"), "/etc/systemd/system")
    machine.shell("systemctl", "daemon-reload")
    machine.shell("systemctl", "start", "pysbd.socket", "pysbd-manager.socket")
    tap.run(Mutation, after_failure=machine.journal)
