#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The walls around a job of the profile raw, seen from inside by system calls and from outside in
/proc: what the issue calls acceptance 4."""

import fcntl
import os
import platform
import re
import sys
import tempfile
import unittest

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import jobs
import tap
from test_jobs import ORDINARY_USER

NAMESPACES = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup")
WAIT = "import signal, sys; print('ready', flush=True); signal.pause()"
LOCK = """
import fcntl, os, time
fcntl.lockf(os.open("/dev/null", os.O_RDWR), fcntl.LOCK_EX)
print("locked", flush=True)
time.sleep(1000)
"""
HIDDEN_PATHS = ("/etc/shadow", "/etc/hostname", "/root", "/home", "/var", "/sys", "/run", "/boot",
                "/proc/1/root", "/proc/kcore", "/usr/bin/python3", "/usr/bin/sh", "/usr/share/doc")


# What /proc/PID/status says where a process can be switched, and then of one that was
SWITCHED = {"thread vulnerable": "thread force mitigated", "thread mitigated": "thread force mitigated",
            "conditional enabled": "conditional force disabled", "conditional disabled": "conditional force disabled"}
SAFE = {"not vulnerable", "not affected", "globally mitigated", "always disabled", *SWITCHED.values()}


class Strict(unittest.TestCase):
    KEYS = ("Speculation_Store_Bypass", "SpeculationIndirectBranch")

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="pysb-e2e.", dir="/tmp")
        self.addCleanup(directory.cleanup)
        os.chmod(directory.name, 0o755)
        with open(f"{directory.name}/strict.toml", "w", encoding="utf-8") as file:
            file.write('extends = "default"\ndescription = "x"\ngranted = true\nspeculation = "strict"\n')
        tree = harness.build_tree()
        tree.environment["PYSB_OPERATOR_PROFILES"] = directory.name
        self.daemon = harness.Daemon(tree)
        self.addCleanup(self.daemon.stop)

    def states(self, text):
        status = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
        return [status[key] for key in self.KEYS]

    def states_in(self, profile):
        result = self.daemon.submit("print(open('/proc/self/status').read())", "-p", profile).result
        return self.states(result["stdout"]["text"]), result

    def test_strict(self):
        """R-I5 speculation = "strict": off for the program, where the kernel can; else it does not run"""
        with open("/proc/self/status", encoding="utf-8") as file:
            own = self.states(file.read())
        if not {SWITCHED.get(state, state) for state in own} <= SAFE:
            result = self.daemon.submit("print(1)", "-p", "strict").result
            self.assertEqual(result["outcome"], "internal_error", result)
            self.assertIn("speculation: ENXIO", result["message"])
            return
        states, result = self.states_in("strict")
        self.assertEqual(states, [SWITCHED.get(state, state) for state in own], result)

    def test_host(self):
        """what is not asked for is left as the host has it"""
        with open("/proc/self/status", encoding="utf-8") as file:
            own = self.states(file.read())
        self.assertEqual(self.states_in("default")[0], own)


class Inside(unittest.TestCase):
    @classmethod
    def make_tree(cls):
        return harness.build_tree()

    @classmethod
    def setUpClass(cls):
        cls.daemon = harness.Daemon(cls.make_tree())
        cls.job = cls.daemon.start(WAIT, "-p", "raw", "--timeout", "60s", "--env", "NAME=value")
        harness.read_until(cls.job.stdout, b"ready")
        boxed = {p.nested_pid: p for p in cls.daemon.boxed()}
        cls.init = boxed.pop(1)
        cls.process = boxed.popitem()[1]

    @classmethod
    def tearDownClass(cls):
        cls.job.terminate()
        cls.job.communicate(timeout=harness.PATIENCE)
        cls.daemon.stop()

    def run_job(self, code, *arguments, profile="raw"):
        run = self.daemon.submit(code, "-p", profile, "--timeout", "20s", arguments=arguments)
        self.assertIsNotNone(run.result, run)
        self.assertEqual(run.result["outcome"], "success", run)
        return run.result

    def test_capabilities(self):
        """R-PR1 all five capability sets are empty, in init and in the job"""
        for process in (self.init, self.process):
            for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                self.assertEqual(int(process.fields[name], 16), 0, f"{name} of {process.fields}")

    def test_no_new_privileges_and_seccomp(self):
        """R-PR2 no_new_privs and the filter are in force"""
        self.assertEqual(self.process.fields["NoNewPrivs"], "1")
        self.assertEqual(self.process.fields["Seccomp"], "2")

    @unittest.skipUnless(os.getuid() == 0, "only root may look: a job cannot be traced")
    def test_namespaces(self):
        """R-NS1 seven namespaces differ from the host's, and the job shares init's"""
        for kind in NAMESPACES:
            mine = os.readlink(f"/proc/self/ns/{kind}")
            self.assertNotEqual(self.process.namespace(kind), mine, kind)
            self.assertEqual(self.process.namespace(kind), self.init.namespace(kind), kind)

    @unittest.skipUnless(os.getuid() == 0, "an ordinary user has no ids to give")
    def test_host_ids(self):
        """R-PR3 the host's uid and gid of the job are from the reserved range and all the same"""
        self.assertEqual(len(set(self.process.uids + self.process.gids)), 1, self.process.fields)
        # Embedded, the ids are taken behind the service's
        first = 1879048192 + 65536
        self.assertTrue(first <= self.process.uids[0] < first + 65536)
        self.assertEqual(self.process.fields["Groups"], "")

    @unittest.skipUnless(os.getuid() == 0, "an ordinary user has no ids to give")
    def test_two_jobs_have_two_ids(self):
        """R-PR3 two jobs at once have different host uids and different namespaces"""
        other = self.daemon.start(WAIT, "-p", "raw", "--timeout", "60s")
        try:
            harness.read_until(other.stdout, b"ready")
            mine = {self.init.pid, self.process.pid}
            others = [p for p in self.daemon.boxed() if p.pid not in mine]
            self.assertEqual(len(others), 2)
            for process in others:
                self.assertNotIn(self.process.uids[0], process.uids)
                for kind in NAMESPACES:
                    self.assertNotEqual(process.namespace(kind), self.process.namespace(kind))
        finally:
            other.terminate()
            other.communicate(timeout=harness.PATIENCE)

    @unittest.skipUnless(os.getuid() == 0, "only root may look: a job cannot be traced")
    def test_open_descriptors(self):
        """R-D5 only 0, 1, 2 and the channel are open"""
        names = os.listdir(f"/proc/{self.process.pid}/fd")
        self.assertEqual(sorted(map(int, names)), [0, 1, 2, 3])

    def test_program_is_out_of_reach(self):
        """R-FS1 what /proc/self/exe leads to is no file of the host, and cannot be changed"""
        runner = os.path.join(os.path.dirname(self.daemon.tree.pysbd), "pysb-runner")
        before = os.stat(runner)
        result = self.run_job("""
import os
path = "/proc/self/exe"
print(os.readlink(path))
for change in (lambda: os.chmod(path, 0o4777), lambda: os.utime(path, (0, 0)),
               lambda: os.truncate(path, 0), lambda: os.open(path, os.O_WRONLY)):
    try:
        change()
    except OSError:
        pass
""")
        after = os.stat(runner)
        self.assertTrue(result["stdout"]["text"].startswith("/memfd:"), result["stdout"])
        self.assertEqual((before.st_mode, before.st_mtime_ns, before.st_size),
                         (after.st_mode, after.st_mtime_ns, after.st_size))
        self.run_job("print('the next one runs')")

    @unittest.skipUnless(os.getuid() == 0, "an ordinary user has no ids to give")
    def test_two_daemons_have_their_own_ids(self):
        """R-PR3 no daemon of root uses an id that another one uses"""
        other = harness.Daemon(self.daemon.tree)
        job = other.start(WAIT, "-p", "raw", "--timeout", "60s")
        try:
            harness.read_until(job.stdout, b"ready")
            for process in other.boxed():
                self.assertNotIn(self.process.uids[0], process.uids)
        finally:
            job.terminate()
            job.communicate(timeout=harness.PATIENCE)
            other.stop()

    def test_environment(self):
        """R-I1 the environment is a closed list and what the request added"""
        result = self.run_job("import os; print(*sorted(os.environ))")
        allowed = {"PATH", "HOME", "TMPDIR", "LANG", "TZ", "OPENBLAS_NUM_THREADS", "LC_ALL",
                   "LC_CTYPE", "USER", "LOGNAME", "OMP_NUM_THREADS", "PYTHONHASHSEED"}
        self.assertLessEqual(set(result["stdout"]["text"].split()), allowed)

    def test_rlimits(self):
        """R-PR4 hard limits of core, locked memory, queues, priorities and descriptors"""
        limits = {}
        with open(f"/proc/{self.process.pid}/limits", encoding="ascii") as lines:
            for line in lines:
                match = re.match(r"(Max [a-z ]+?)\s{2,}(\S+)\s+(\S+)", line)
                if match:
                    limits[match[1]] = match[3]
        self.assertEqual(limits["Max core file size"], "0")
        self.assertLessEqual(int(limits["Max locked memory"]), 1 << 20)
        self.assertEqual(limits["Max msgqueue size"], "0")
        self.assertEqual(limits["Max realtime priority"], "0")
        self.assertLessEqual(int(limits["Max open files"]), 1024)
        self.assertLessEqual(int(limits["Max pending signals"]), 4096)

    def test_mounts(self):
        """R-FS2 every mount is nosuid, and nodev but for the device nodes; two are writable"""
        writable = []
        with open(f"/proc/{self.process.pid}/mountinfo", encoding="utf-8") as lines:
            for line in lines:
                fields = line.split()
                target, options = fields[4], fields[5].split(",")
                kind = fields[fields.index("-") + 1]
                self.assertIn("nosuid", options, line)
                if not target.startswith("/dev/"):
                    self.assertIn("nodev", options, line)
                if "ro" not in options:
                    writable.append(target)
                    self.assertIn("noexec", options, line)
                    self.assertEqual(kind, "tmpfs", line)
                self.assertNotIn("shared:", line)
                self.assertNotIn("master:", line)
        self.assertEqual(sorted(writable), ["/app", "/tmp"])

    def test_record_locks_stay_inside(self):
        """R-FS3 a lock that a job takes on an inode of all boxes is seen by nobody else"""
        job = self.daemon.start(LOCK, "-p", "default", "--timeout", "60s")
        fd = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        try:
            harness.read_until(job.stdout, b"locked")
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(fd)  # and with it our own lock
            job.terminate()
            job.communicate(timeout=harness.PATIENCE)

    def test_denied_calls(self):
        """R-SC1 calls of the kernel's surface answer EPERM and are named in the result"""
        result = self.run_job(jobs.SYSCALL_PROBE, *map(str, jobs.DENIED_CALLS.values()))
        answers = dict(line.split() for line in result["stdout"]["text"].splitlines())
        self.assertEqual(answers, {str(n): "EPERM" for n in jobs.DENIED_CALLS.values()})
        named = {v["subject"] for v in result["violations"]}
        # The record has room for the first 16 numbers
        self.assertLessEqual(named, set(jobs.DENIED_CALLS))
        self.assertGreaterEqual(len(named), 16)

    def test_denied_calls_are_counted(self):
        """R-SC8 a violation has the name of the call and how often it came"""
        result = self.run_job(jobs.SYSCALL_PROBE, "41", "165", "101", "250", "425", "41")
        counts = {v["subject"]: v["count"] for v in result["violations"]}
        self.assertEqual(counts, {"socket": 2, "mount": 1, "ptrace": 1, "keyctl": 1,
                                  "io_uring_setup": 1})

    def test_absent_calls(self):
        """R-SC5 clone3 and unknown numbers answer ENOSYS, and are no violations"""
        result = self.run_job(jobs.SYSCALL_PROBE, *map(str, jobs.ABSENT_CALLS.values()))
        for line in result["stdout"]["text"].splitlines():
            self.assertTrue(line.endswith(" ENOSYS"), line)
        self.assertFalse(result.get("violations"))

    def test_foreign_abi(self):
        """R-SC4 a call of the x32 ABI kills"""
        code = "import ctypes; ctypes.CDLL(None).syscall(ctypes.c_long(0x40000000 + 39))"
        run = self.daemon.submit(code, "-p", "raw")
        self.assertEqual((run.result["outcome"], run.result["signal"]), ("signaled", 31), run)

    def test_host_files(self):
        """R-FS1 no path of the host is reachable: a canary file is not found anywhere"""
        with tempfile.NamedTemporaryFile(prefix="pysb-canary-", dir="/tmp") as canary, \
                tempfile.NamedTemporaryFile(prefix="pysb-canary-", dir="/var/tmp") as other:
            result = self.run_job(jobs.WALK_PROBE, "pysb-canary-", canary.name, other.name,
                                  self.daemon.address, harness.BUILD, *HIDDEN_PATHS)
        lines = result["stdout"]["text"].splitlines()
        top = set(lines[0].split()[1:])
        self.assertLessEqual(top, jobs.ROOT_NAMES)
        self.assertFalse([line for line in lines if line.startswith(("found", "reached"))])
        users = [line.split()[1:] for line in lines if line.startswith("passwd")]
        self.assertNotIn("root", users[0], "the host's list of users")
        seen = [int(line.split()[1]) for line in lines if line.startswith("seen")]
        self.assertGreater(seen[0], 500, "the walk must have seen the standard library")

    def test_machine_is_x86_64(self):
        """the numbers of these tests are those of this machine"""
        self.assertEqual(platform.machine(), "x86_64")


@unittest.skipUnless(os.getuid() == 0, "needs root, to become another user")
class InsideAsOrdinaryUser(Inside):
    """The same without any privilege from the start; only the ids differ."""

    @classmethod
    def make_tree(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="pysb-e2e.")
        return harness.copied_tree(cls.directory.name, ORDINARY_USER)

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.directory.cleanup()

    def test_host_ids(self):
        """R-PR3 with a single id the job has the caller's own"""
        self.assertEqual(set(self.process.uids + self.process.gids), {ORDINARY_USER})

    test_two_jobs_have_two_ids = None
    test_two_daemons_have_their_own_ids = None


if __name__ == "__main__":
    tap.run(Inside, InsideAsOrdinaryUser, Strict)
