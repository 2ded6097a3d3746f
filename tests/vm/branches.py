# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sessions that share a box, where a cgroup counts their memory; inside the machine."""

import json
import subprocess
import unittest

from machine import PATIENCE, client, shell


def session(*words):
    run = subprocess.run(client("session", *words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
    return run.stdout.decode().strip(), run.stderr.decode("utf-8", "replace")


class Branches(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        shell("systemctl", "start", "pysbd.socket", "pysbd-manager.socket")

    def execute(self, name, code):
        out, error = session("exec", name, "--json", "-c", code)
        self.assertTrue(out.startswith("{"), out + error)
        return json.loads(out)

    def states(self):
        return {info["session"]: info["state"] for info in json.loads(session("list", "--json")[0])["sessions"]}

    def test_memory_kill_is_that_of_all_in_the_box(self):
        """memory.max kills the box: the cell ends with memory_limit, and each session that shares the box is lost"""
        for greedy in range(2):
            base, error = session("open", "--memory", "64M", "--timeout", "60s")
            self.assertEqual(len(base), 32, error)
            self.assertEqual(self.execute(base, "x = 1")["outcome"], "success")
            branch, error = session("branch", base)
            self.assertEqual(len(branch), 32, error)
            self.assertEqual(self.execute(branch, "x + 1")["resultJson"], "2")
            self.assertEqual(self.states(), {base: "idle", branch: "idle"})
            # Files count, too, and no limit of a process bounds them
            result = self.execute((base, branch)[greedy], "for directory in ('/app', '/tmp'):\n"
                                  "    for i in range(40): open(f'{directory}/{i}', 'wb').write(b'x' * (1 << 20))")
            self.assertEqual((result["outcome"], result["sessionAlive"]), ("memory_limit", False), result)
            self.assertEqual(self.states(), {base: "lost", branch: "lost"})
            session("close", base, branch)
            self.assertEqual(self.states(), {})
