#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The engine that has no namespaces: who may use it, how its jobs end, and what they leave."""

import os
import re
import shutil
import sys
import tempfile
import unittest

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import service
import tap
from pysb import errors
from test_jobs import ORDINARY_USER

PROFILE = """extends = "{extends}"
description = "x"
granted = true
engine = "process"
proc = "none"
[sessions]
branches = 0
"""
LAYERS = {"capabilities", "no-new-privileges", "seccomp", "landlock", "rlimits"}
DEEP = """
import os
for _ in range(200):
    os.mkdir("d" * 200)
    os.chdir("d" * 200)
    open("f", "w").close()
os.umask(0o777)
os.mkdir("closed")
"""


def write_profiles(directory):
    for name, extends in (("process", "default"), ("process-eval", "eval")):
        with open(f"{directory}/{name}.toml", "w", encoding="utf-8") as file:
            file.write(PROFILE.format(extends=extends))


class Embedded(unittest.TestCase):
    user = None

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="pysb-e2e.", dir="/tmp")
        os.chmod(cls.directory, 0o755)
        tree = harness.copied_tree(cls.directory, cls.user)
        for entry in os.scandir(f"{harness.BUILD}/profiles"):
            if entry.name.endswith(".toml"):
                shutil.copy(entry.path, f"{cls.directory}/profiles")
        shutil.copytree(f"{harness.BUILD}/profiles/groups", f"{cls.directory}/profiles/groups")
        os.mkdir(f"{cls.directory}/operators", 0o755)
        write_profiles(f"{cls.directory}/operators")
        tree.environment["PYSB_OPERATOR_PROFILES"] = f"{cls.directory}/operators"
        cls.daemon = harness.Daemon(tree)
        cls.client = cls.daemon.client()

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        assert cls.daemon.stop() == 0
        shutil.rmtree(cls.directory)

    def run_job(self, code, profile="process", **options):
        return self.client.run(code, profile=profile, **options)

    def assert_nothing_left(self, path):
        harness.poll_until(lambda: not os.path.exists(path), f"the end of {path}")

    def path_of(self, result):
        path = result.stdout.text.splitlines()[0]
        self.assertRegex(path, "^/tmp/pysb-[0-9a-f]{16}$")
        return path

    def test_result(self):
        """the result says which engine and which layers a job had; so does the profile"""
        for profile in ("process", "process-eval"):
            result = self.run_job("print(6 * 7)", profile)
            self.assertEqual((result.outcome, result.stdout.text, result.engine), ("success", "42\n", "process"), result.describe())
            self.assertEqual(set(result.isolation) - {"uid-range"}, LAYERS)
            self.assertTrue(result.degraded)
            self.assertEqual(self.client.profile(profile).info.engine, "process")
        self.assertEqual(self.run_job("1", "default").engine, "namespace")

    def test_files(self):
        """files of the request, of the job and of `collect` are in a directory of its own, which goes with it"""
        result = self.run_job("import os, area\nprint(os.getcwd())\nopen('a.csv', 'w').write(str(area.of(2, 3)))\n"
                              "from sandbox_utils import ls\nprint(sorted(map(str, ls('/app'))))",
                              files={"area.py": "def of(x, y): return x * y"}, collect=["*.csv"])
        self.assertEqual(result.outcome, "success", result.describe())
        self.assertEqual(result.files[0].data, b"6")
        self.assert_nothing_left(self.path_of(result))

    def test_deep(self):
        """nothing is left of a tree that is deeper than any path, and closed"""
        result = self.run_job("import os\nprint(os.getcwd(), flush=True)" + DEEP)
        self.assertEqual(result.outcome, "success", result.describe())
        self.assert_nothing_left(self.path_of(result))

    def test_ends(self):
        """each end is what it would be elsewhere, and takes its directory with it"""
        for code, outcome, options in (("import os; os._exit(3)", "exit_nonzero", {}),
                                       ("1/0", "exception", {}),
                                       ("import signal; signal.pause()", "wall_time_limit", {"limits": {"wall_time_usec": 200_000}}),
                                       ("while True: pass", "cpu_time_limit",
                                        {"limits": {"cpu_time_usec": 300_000, "wall_time_usec": 60_000_000}}),
                                       ("while True: print('x' * 9999)", "output_limit", {})):
            with self.subTest(code):
                result = self.run_job(f"import os; print(os.getcwd(), flush=True)\n{code}", **options)
                self.assertEqual(result.outcome, outcome, result.describe())
                self.assert_nothing_left(self.path_of(result))

    def test_denied(self):
        """no process, no signal, no file of the host, no mode of a file, no datagrams; and the result names the calls"""
        result = self.run_job("""
import os, socket
def refused(function, *arguments):
    try:
        function(*arguments)
    except PermissionError:
        return
    print("not refused:", function, arguments)
refused(os.fork)
refused(os.kill, os.getppid(), 0)
refused(os.kill, os.getpid(), 0)
refused(os.listdir, "/")
refused(open, "/etc/passwd")
refused(open, "/tmp/x", "w")
refused(open, "/proc/self/status")
refused(os.truncate, "/etc/passwd", 0)
refused(os.chmod, ".", 0o777)
refused(os.utime, ".")
refused(socket.socketpair, socket.AF_UNIX, socket.SOCK_DGRAM)
socket.socketpair()
""")
        self.assertEqual((result.outcome, result.stdout.text), ("success", ""), result.describe())
        self.assertIn("fork", {v.subject for v in result.violations})

    def test_session(self):
        """a session of one process: cells, a restart, no branches"""
        with self.client.open_session(profile="process") as session:
            self.assertEqual(session.execute("x = 6; open('f', 'w').close()").outcome, "success")
            self.assertEqual(session.execute("x * 7").value, 42)
            session.restart()
            self.assertEqual(session.execute("import os; os.path.exists('f')").value, True)

    def test_killed_daemon(self):
        """the daemon is killed: the job ends, and its directory goes"""
        daemon = harness.Daemon(self.daemon.tree)
        job = daemon.start("import os, signal; print(os.getcwd(), flush=True); signal.pause()", "-p", "process", "--timeout", "60s")
        line = job.stdout.readline().decode().strip()
        self.assertTrue(os.path.exists(line), line)
        processes = harness.descendants(daemon.process.pid)
        daemon.process.kill()
        daemon.process.wait()
        job.communicate(timeout=harness.PATIENCE)
        self.assert_nothing_left(line)
        harness.poll_until(lambda: not any(harness.is_alive(p.pid) for p in processes), "the end of all processes")
        shutil.rmtree(daemon.directory, ignore_errors=True)


class EmbeddedUser(Embedded):
    user = ORDINARY_USER

    def test_without_namespaces(self):
        """where no namespace can be made the one engine says so in a sentence, and the other one works"""
        tree = self.daemon.tree
        script = ('echo 0 >/proc/sys/user/max_user_namespaces; for p in default process; do '
                  'setpriv --ambient-caps=-all --inh-caps=-all "$0" submit --embedded -p $p -c "print(1)"; done')
        run = harness.run(["unshare", "--user", f"--map-user={self.user}", f"--map-group={self.user}", "--keep-caps",
                           "sh", "-c", script, tree.pysbctl], tree.environment)
        self.assertIn("this machine gives no namespaces (ENOSPC); `pysbctl doctor` says what it lacks", run.stderr)
        self.assertEqual(run.stdout, b"1\n", run)


class Server(service.Service):
    """With the profiles above in /etc/pysb."""

    INSTALL = 'cp -r "$1" /etc/pysb/profiles; cp -r "$2"/*.toml "$2"/groups /usr/share/pysb/profiles; shift 2; exec "$@"'

    def command_line(self):
        profiles = f"{self.directory}/profiles"
        os.mkdir(profiles, 0o755)
        write_profiles(profiles)
        command = super().command_line()
        where = command.index("setpriv")
        return [*command[:where], "sh", "-c", self.INSTALL, "sh", profiles, f"{harness.BUILD}/profiles", *command[where:]]


@unittest.skipIf(service.reason_not_to(), service.reason_not_to())
class Service(unittest.TestCase):
    def serve(self, settings):
        instance = Server(daemon=settings)
        self.addCleanup(instance.stop)
        return instance

    def refused(self, client, profile, engine):
        with self.assertRaises(errors.NotSupported) as caught:
            client.run("1", profile=profile)
        self.assertIn(f'its engine is "{engine}", which is not allowed here: add it to engines in pysbd.toml', caught.exception.detail)
        self.assertIn(f'its engine is "{engine}"', client.profile(profile).info.problem)

    def test_default(self):
        """who has not allowed it refuses its profiles, with the one sentence"""
        with self.serve("").client() as client:
            self.refused(client, "process", "process")
            self.assertEqual(client.run("print(1)").engine, "namespace")

    def test_both(self):
        """where both are allowed each is tried at the start, and a job has an id of the range"""
        server = self.serve('engines = ["namespace", "process"]')
        stopped = r"Self-test: a sandbox stopped all of (\d+) probes"
        alone = self.serve("")
        self.assertEqual(*(int(re.search(stopped, s.read_log())[1]) - more for s, more in ((server, 2), (alone, 0))))
        with server.client() as client:
            self.assertEqual(client.run("print(1)").engine, "namespace")
            for _ in range(3):
                result = client.run("import os; print(os.getuid())", profile="process")
                self.assertIn(int(result.stdout.text), server.boxes)
                self.assertIn("uid-range", result.isolation)

    def test_only(self):
        """where it alone is allowed nothing is made of namespaces, and nothing falls back"""
        with self.serve('engines = ["process"]').client() as client:
            self.refused(client, "default", "namespace")
            self.assertEqual(client.run("print(1)", profile="process").stdout.text, "1\n")
            states = {layer.layer: layer.state for layer in client.node().isolation}
            self.assertEqual(states["pid-namespace"], "missing")


if __name__ == "__main__":
    tap.run(Embedded, EmbeddedUser, Service)
