#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs in the machine of ./vm, as root: installs the built tree and tests what needs systemd as
pid 1 and cgroup v2. Everything is some ten times slower here: no timing is judged."""

import grp
import json
import os
import random
import shutil
import stat
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[1:1] = [HERE, os.path.dirname(HERE)]
import accidents
import branches
import doctor
import restart
import tap
import wheels
from cgroups import JOBS, PRESSURE, box_processes, holders, leaf, leaves, read, status_fields
from machine import (CLIENT, DROPINS, LONG, PATIENCE, RAW, WAIT, Running, client, install, journal, main_pid, poll_until,
                     properties, shell, submit)
from manager import MANAGER_SOCKET, manage

SOCKET = "/run/pysb/io.pysb.sandbox"
NAMESPACES = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup")
FIRST_ID, IDS = 1879048192, 65536
PROFILES = os.path.join(HERE, "../attacks/profiles")


class Service(unittest.TestCase):
    """The installed service, started by its socket."""

    @classmethod
    def setUpClass(cls):
        shell("systemctl", "start", "pysbd.socket", "pysbd-manager.socket")

    def setUp(self):
        self.running = []

    def tearDown(self):
        for job in self.running:
            job.end()
        poll_until(lambda: not leaves(), "the end of all cgroups of jobs")

    def run_job(self, *arguments):
        job = Running(*arguments)
        self.running.append(job)
        return job

    def check(self, answer, outcome, status):
        result, code, error = answer
        self.assertIsNotNone(result, error)
        self.assertEqual((result["outcome"], code), (outcome, status), result)
        return result

    def test_00_socket_activation(self):
        """the first call of a client starts the service, and is answered"""
        self.assertEqual(properties("ActiveState")["ActiveState"], "inactive")
        result = self.check(submit("print(6*7)", profile="default"), "success", 0)
        self.assertEqual(result["stdout"]["text"], "42\n")
        self.assertEqual(properties("ActiveState")["ActiveState"], "active")

    def test_layers(self):
        """nothing is degraded, and the cgroup's three layers are in force"""
        result = self.check(submit("print(1)"), "success", 0)
        self.assertFalse(result["degraded"])
        for layer in ("cgroup-memory", "cgroup-cpu", "cgroup-pids", "uid-range", "seccomp", "landlock"):
            self.assertIn(layer, result["isolation"])
        usage = result["usage"]
        self.assertGreater(usage["memoryPeakBytes"], 0)
        self.assertGreater(usage["cpuUserUSec"] + usage["cpuSystemUSec"], 0)
        self.assertGreater(usage["processesPeak"], 0)

    def test_shipped_profiles(self):
        """default, eval and loopback run under the unit's own hardening"""
        for profile in ("default", "eval", "loopback"):
            result = self.check(submit("print(1)", profile=profile), "success", 0)
            self.assertEqual(result["stdout"]["text"], "1\n")
        code = ("import socket\ns = socket.create_server(('127.0.0.1', 0))\n"
                "c = socket.create_connection(s.getsockname())\nprint('connected')")
        result = self.check(submit(code, profile="loopback"), "success", 0)
        self.assertEqual(result["stdout"]["text"], "connected\n")

    def test_raw_is_not_granted(self):
        """raw is refused to a tenant whom nobody granted it"""
        result, status, error = submit("print(1)", profile="raw")
        self.assertEqual((result, status), (None, 125), error)

    def test_memory_max_kills(self):
        """memory beyond memory.max that no rlimit sees is killed and typed memory_limit"""
        # Each process stays below RLIMIT_AS; together they are above the cgroup's limit
        code = ("import os, mmap\nfor _ in range(5):\n    if os.fork() == 0: break\n"
                "m = mmap.mmap(-1, 30 << 20)\nfor i in range(0, 30 << 20, 4096): m[i] = 1\n"
                "import signal; signal.pause()")
        result = self.check(submit(code, "--memory", "64M", "--timeout", LONG),
                            "memory_limit", 137)
        self.assertIn("64 MiB", result["message"])
        self.assertGreaterEqual(result["usage"]["memoryPeakBytes"], 60 << 20)

    def test_memory_of_tmpfs_counts(self):
        """files in /app count as the job's memory"""
        code = ("f = open('/app/f', 'wb')\nfor _ in range(60): f.write(bytes(1 << 20)); f.flush()\n"
                "f = open('/tmp/f', 'wb')\nfor _ in range(60): f.write(bytes(1 << 20)); f.flush()")
        self.check(submit(code, "--memory", "40M", "--disk", "64M", "--timeout", LONG),
                   "memory_limit", 137)

    def test_usage(self):
        """three processes of 20 MiB each, 10 MB in 100 files: the figures are those of all together"""
        code = ("import mmap, os, signal\nr, w = os.pipe()\n"
                "def use():\n    m = mmap.mmap(-1, 20 << 20)\n"
                "    for i in range(0, 20 << 20, 4096): m[i] = 1\n    return m\n"
                "for _ in range(2):\n    if os.fork() == 0:\n"
                "        m = use()\n        os.write(w, b'.')\n        signal.pause()\n"
                "m = use()\nos.read(r, 1)\nos.read(r, 1)\n"
                "for i in range(100): open(f'/app/{i}', 'wb').write(bytes(100_000))")
        usage = self.check(submit(code, "--timeout", LONG), "success", 0)["usage"]
        self.assertEqual(usage["processesPeak"], 3, usage)
        self.assertEqual((usage["diskBytes"], usage["diskFiles"]), (100 * 25 * 4096, 100), usage)
        # 20 MiB each, and the files
        self.assertGreaterEqual(usage["memoryPeakBytes"], 69 << 20, usage)
        self.assertLess(usage["memoryPeakBytes"], 100 << 20, usage)

    def test_advice(self):
        """processes at the limit, and the CPU share that held a job back, are advised about"""
        code = "import os\nif os.fork() == 0: os._exit(0)\nos.wait()"
        result = self.check(submit(code, "--processes", "2"), "success", 0)
        self.assertEqual(result["limits"], "processes 2 of 2 (100 %): raise limits.processes")
        code = "import time\nwhile time.process_time() < 0.5: pass"
        result = self.check(submit(code, "--cpus", "0.2", "--timeout", LONG), "success", 0)
        self.assertRegex(result["limits"], r"held back for .* by the CPU share of 20 %: .*limits\.cpu")

    def test_counters(self):
        """GetNode says why there are no counters: the unit, then the sysctl, then this machine"""
        paranoid = "/proc/sys/kernel/perf_event_paranoid"
        before, dropin = read(paranoid), f"{DROPINS}/counters.conf"

        def restart(level):
            with open(paranoid, "w", encoding="ascii") as file:
                file.write(level)
            shell("systemctl", "daemon-reload")
            shell("systemctl", "restart", "pysbd.service")
            return json.loads(shell(*client("status", "--json")))["node"]["counters"]
        try:
            self.assertIn("EPERM", restart("2"))
            with open(dropin, "w", encoding="ascii") as file:
                file.write("[Service]\nSystemCallFilter=perf_event_open\n")
            # More than 2 is Debian's own, and refuses also what stays in user mode
            self.assertRegex(restart("3"), "EACCES.*kernel.perf_event_paranoid=2")
            self.assertRegex(restart("2"), "no PMU|^instructions$")
            self.check(submit("print(1)"), "success", 0)
        finally:
            shell("rm", "-f", dropin)
            restart(before)

    def test_memory_error(self):
        """one large allocation is a MemoryError that the program sees first"""
        code = "try: bytearray(10**9)\nexcept MemoryError: print('clean')"
        result = self.check(submit(code, "--memory", "50M", "--timeout", LONG), "success", 0)
        self.assertEqual(result["stdout"]["text"], "clean\n")

    def test_memory_piecemeal(self):
        """memory that grows slowly is a MemoryError, too, and not a kill, within memory.max"""
        code = "x = []\nwhile True: x.append(bytearray(100000))"
        result = self.check(submit(code, "--memory", "50M", "--timeout", LONG), "memory_limit", 137)
        self.assertEqual(result["exception"]["type"], "MemoryError")

    def test_cpu_max_throttles(self):
        """RS-10a R-L7 half a CPU is throttled, and the result says for how long"""
        code = "import time\nend = time.process_time() + 0.6\nwhile time.process_time() < end: pass"
        result = self.check(submit(code, "--cpus", "0.3", "--timeout", LONG, "--cpu-time", "30s"),
                            "success", 0)
        self.assertGreater(result["usage"]["cpuThrottledUSec"], 0)

    def test_cpu_time_of_all_processes(self):
        """CPU time counts over all processes of a job"""
        code = "import os\nfor _ in range(3): os.fork()\nwhile True: pass"
        self.check(submit(code, "--cpu-time", "2s", "--timeout", LONG), "cpu_time_limit", 124)

    def test_pids_max_holds(self):
        """a fork bomb stops at pids.max, which the message names"""
        code = ("import os, signal\nn = 1\ntry:\n    while True:\n"
                "        if os.fork() == 0: signal.pause()\n        n += 1\n"
                "except OSError as e: print(n, e.errno); raise")
        result = self.check(submit(code, "--timeout", LONG), "exception", 1)
        count, errno = map(int, result["stdout"]["text"].split())
        self.assertEqual(count, 32)
        self.assertEqual(errno, 11)
        self.assertIn("process", result["message"])

    def test_limits_are_in_the_leaf(self):
        """RS-11a R-L2 the leaf of a running job has the job's limits, swap off and group kill"""
        job = self.run_job(WAIT, "--memory", "48M", "--cpus", "0.5")
        path = leaf(job)
        self.assertTrue(path.startswith(JOBS + "/"), path)
        used = next(j for j in manage("ListJobs")["jobs"] if j["state"] == "running")
        self.assertLess(abs(used["memoryBytes"] - int(read(f"{path}/memory.current"))), 2 << 20, used)
        self.assertGreater(used["cpuTimeUSec"], 0)
        self.assertEqual(read(f"{path}/memory.swap.max").strip(), "0")
        self.assertEqual(read(f"{path}/memory.oom.group").strip(), "1")
        self.assertGreaterEqual(int(read(f"{path}/memory.max")), 48 << 20)
        self.assertLess(int(read(f"{path}/memory.max")), 64 << 20)
        quota, period = map(int, read(f"{path}/cpu.max").split())
        self.assertAlmostEqual(quota / period, 0.5)
        self.assertLessEqual(int(read(f"{path}/pids.max")), 256)

    def test_pressure_is_watched(self):
        """the builder has a trigger on the pressure of the daemon's own cgroup, and nobody else has it"""
        self.check(submit("print(1)"), "success", 0)
        if not os.path.exists(PRESSURE):
            self.skipTest("this kernel has no pressure stall information")
        self.assertEqual(holders(main_pid(), PRESSURE), [main_pid()])

    def test_cgroup_is_gone(self):
        """the leaf of a job is removed with it"""
        job = Running()
        self.assertEqual(len(leaves()), 1)
        job.end()
        poll_until(lambda: not leaves(), "the end of the job's cgroup")

    def test_ids_and_namespaces(self):
        """two jobs at once have host ids of the range, differing, and seven namespaces each"""
        one, two = self.run_job(), self.run_job()
        seen = []
        for job in (one, two):
            for pid in (job.init, job.pid):
                fields = status_fields(pid)
                ids = set(fields["Uid"].split()) | set(fields["Gid"].split())
                self.assertEqual(len(ids), 1, fields)
                self.assertEqual(fields["Groups"].strip(), "")
                for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                    self.assertEqual(int(fields[name], 16), 0, name)
            seen.append(int(ids.pop()))
        self.assertNotEqual(*seen)
        for uid in seen:
            self.assertTrue(FIRST_ID <= uid < FIRST_ID + IDS)
        for kind in NAMESPACES:
            links = {os.readlink(f"/proc/{pid}/ns/{kind}")
                     for pid in (one.pid, two.pid, main_pid(), "self")}
            self.assertGreaterEqual(len(links), 3, kind)

    def test_privileges_of_the_daemon(self):
        """the builder is pysbd with two capabilities, broker and templates have none"""
        self.check(submit("print(1)"), "success", 0)
        pid = main_pid()
        fields = status_fields(pid)
        uids = {name: shell("id", "-u", name).strip() for name in ("pysbd", "pysbd-broker")}
        self.assertEqual(set(fields["Uid"].split()), {uids["pysbd"]})
        self.assertEqual(int(fields["CapEff"], 16), 1 << 6 | 1 << 7)
        self.assertEqual(int(fields["CapBnd"], 16), 1 << 6 | 1 << 7)
        self.assertEqual(int(fields["CapAmb"], 16), 0, "nothing that a program inherits")
        self.assertEqual(fields["NoNewPrivs"].strip(), "1")
        children = {}
        for child in map(int, read(f"/proc/{pid}/task/{pid}/children").split()):
            name = os.path.basename(read(f"/proc/{child}/cmdline").split("\0")[0])
            children.setdefault(name, status_fields(child))
        self.assertEqual(set(children), {"pysbd-broker", "pysb-runner"})
        self.assertEqual(set(children["pysbd-broker"]["Uid"].split()), {uids["pysbd-broker"]})
        self.assertEqual(children["pysbd-broker"]["Seccomp"].strip(), "2")
        self.assertGreater(int(children["pysbd-broker"]["Seccomp_filters"]),
                           int(fields["Seccomp_filters"]), "a filter of its own")
        for name in children:
            for capabilities in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                self.assertEqual(int(children[name][capabilities], 16), 0, (name, capabilities))

    def test_violations(self):
        """denied calls are refused and named under the unit's own filter, too"""
        # An address family that the unit itself refuses would never reach the box's filter
        code = ("import ctypes\nlibc = ctypes.CDLL(None)\nprint(libc.socket(2, 1, 0))\n"
                "for n in (165, 250): print(libc.syscall(n, -1, -1, -1, -1, -1, -1))")
        result = self.check(submit(code), "success", 0)
        self.assertEqual(result["stdout"]["text"], "-1\n-1\n-1\n")
        self.assertLessEqual({"socket", "mount", "keyctl"},
                             {v["subject"] for v in result["violations"]})

    def test_foreign_user(self):
        """PC-07a R-A1 the socket's mode: a user outside of the group pysb cannot connect"""
        shell("useradd", "stranger")
        run = subprocess.run(["setpriv", "--reuid=stranger", "--regid=stranger", "--clear-groups", "pysbctl", "status"],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        self.assertNotEqual(run.returncode, 0)
        self.assertEqual(run.stdout, b"")

    def test_tenants_do_not_see_each_other(self):
        """another user of the group gets the same answer for a job as for none"""
        shell("useradd", "-G", "pysb", "other")
        job = subprocess.run(client("submit", "--detach", "-c", "print(1)"), check=True,
                             stdout=subprocess.PIPE).stdout.decode().strip()
        answers = []
        for name in (job, "0" * 32):
            run = subprocess.run(["setpriv", "--reuid=other", "--regid=other", "--init-groups",
                                  "pysbctl", "show", name], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, check=False)
            self.assertNotEqual(run.returncode, 0)
            answers.append((run.returncode, run.stderr.decode().replace(name, "JOB")))
        self.assertEqual(*answers)
        self.assertEqual(subprocess.run(client("wait", job), stdout=subprocess.DEVNULL,
                                        check=False).returncode, 0)

    def test_restart(self):
        """a restart with jobs running leaves no process and no cgroup, and serves"""
        self.orphans_after(lambda: shell("systemctl", "restart", "pysbd.service"))

    def orphans_after(self, accident):
        jobs = [Running("import os; os.fork(); os.fork()\n" + WAIT) for _ in range(2)]
        pids = box_processes()
        self.assertGreaterEqual(len(pids), 10)
        accident()
        for job in jobs:
            job.process.communicate(timeout=PATIENCE)
            self.assertNotEqual(job.process.returncode, 0)
        poll_until(lambda: not [p for p in pids if os.path.exists(f"/proc/{p}")],
                   "the end of the boxes")
        result = poll_until(lambda: submit("print('again')")[0], "the service to be back")
        self.assertEqual(result["stdout"]["text"], "again\n")

    def test_any_process_killed(self):
        """DR-01a R-R1 kill -9 of any process at any moment: no process, cgroup, namespace or mount is left, and it serves"""
        print(f"# PYSB_KILL_SEED={restart.SEED}", flush=True)
        self.check(submit("print(1)"), "success", 0)
        poll_until(lambda: not leaves(), "rest")
        rng, before = random.Random(restart.SEED), restart.traces()
        for n in range(restart.KILLS):
            victim = ("builder", "broker", "template", "init")[n % 4]
            killed, statuses, old = restart.kill_one(rng, victim, rng.randrange(3))
            self.assertNotIn(0, statuses, killed)
            if killed in ("builder", "broker"):
                poll_until(lambda: not old & set(restart.processes()), f"the end of all after kill -9 of the {killed}")
            shell("systemctl", "reset-failed", "pysbd.service", "pysbd.socket", check=False)
            result = poll_until(lambda: submit("print('again')")[0], f"the service after kill -9 of the {killed}")
            self.assertEqual(result["stdout"]["text"], "again\n")
            poll_until(lambda: restart.traces() == before, f"{before} leaves, namespaces and mounts: {restart.traces()}")

    def test_stubborn_job_and_stop(self):
        """systemctl stop with a job that ignores signals: it is cancelled, and the stop is no timeout"""
        stubborn = Running("import signal\nsignal.signal(2, signal.SIG_IGN)\nsignal.signal(15, signal.SIG_IGN)\n"
                           "print('ready', flush=True)\nwhile True: pass")
        shell("systemctl", "stop", "pysbd.service")
        self.assertEqual(properties("Result")["Result"], "success")  # and not 'timeout'
        self.assertIn(b"cancelled", stubborn.process.communicate(timeout=PATIENCE)[1])
        self.assertEqual(restart.processes(), {})
        self.check(submit("print(1)"), "success", 0)

    def test_administrators(self):
        """two sockets with their groups; who is in pysb-admin may, who is not may not"""
        for path, group in ((SOCKET, "pysb"), (MANAGER_SOCKET, "pysb-admin")):
            found = os.stat(path)
            self.assertEqual((stat.S_IMODE(found.st_mode), found.st_uid, grp.getgrgid(found.st_gid).gr_name),
                             (0o660, 0, group))
        shell("useradd", "-G", "pysb-admin", "boss")
        resume = ["pysbctl", "resume"]
        boss = ["setpriv", "--reuid=boss", "--regid=boss", "--init-groups"]
        shell(*boss, *resume)
        refused = subprocess.run(client("resume"), stderr=subprocess.PIPE, check=False)
        self.assertNotEqual(refused.returncode, 0)
        # The daemon looks, too, and not only the socket's mode
        os.chmod(MANAGER_SOCKET, 0o666)
        try:
            shell(*boss, *resume)
            refused = subprocess.run(client("resume"), stderr=subprocess.PIPE, check=False)
            self.assertIn(b"does not allow this", refused.stderr)
        finally:
            os.chmod(MANAGER_SOCKET, 0o660)

    def test_reload(self):
        """systemctl reload: profiles, pysbd.toml and tenants.toml are new, and a job goes on"""
        files = {
            "/etc/pysb/profiles/reloaded.toml": 'extends = "default"\ndescription = "x"\ngranted = true\n',
            "/etc/pysb/pysbd.toml": "max_queued_jobs = 7\n",
            "/etc/pysb/tenants.toml": f'[team]\nuids = ["{CLIENT}"]\nmax_running = 3\nweight = 50\ncpu_weight = 300\n'
                                      f'profiles = ["reloaded", "{RAW}", "default"]\n',
        }
        job = self.run_job()
        pid = main_pid()
        try:
            for path, text in files.items():
                with open(path, "w", encoding="ascii") as file:
                    file.write(text)
            shell("systemctl", "reload", "pysbd.service")
            self.assertEqual(manage("GetStatus")["maxQueuedJobs"], 7)
            tenants = {t["tenant"]: t for t in manage("ListTenants")["tenants"]}
            self.assertEqual(tenants["team"]["quota"]["weight"], 50)
            self.assertEqual(tenants["team"]["quota"]["maxRunningJobs"], 3)
            # Who was there before is who he was, until his connection ends
            self.assertEqual(sum(t["runningJobs"] for t in tenants.values()), 1, tenants)
            self.check(submit("print(1)", profile="reloaded"), "success", 0)
            self.assertEqual([read(f"{leaf(j)}/cpu.weight").strip() for j in (job, self.run_job())], ["100", "300"])
            with open("/etc/pysb/tenants.toml", "a", encoding="ascii") as file:
                file.write('[second]\nuids = ["no-such-user"]\n')
            failed = subprocess.run(["systemctl", "reload", "pysbd.service"], stderr=subprocess.PIPE, check=False)
            self.assertNotEqual(failed.returncode, 0)
            self.assertEqual(manage("GetStatus")["reloads"], 1)
        finally:
            for path in files:
                os.unlink(path)
        shell("systemctl", "reload", "pysbd.service")
        self.assertNotIn("team", {t["tenant"] for t in manage("ListTenants")["tenants"]
                                  if t["runningJobs"] == 0 and t["connections"] == 0})
        self.assertEqual((main_pid(), os.path.exists(f"/proc/{job.pid}")), (pid, True))

    def test_stop_cancels(self):
        """DR-02a R-R2 systemctl stop while a job runs: its client gets `cancelled`; the next call starts the service"""
        job = Running()
        shell("systemctl", "stop", "pysbd.service")
        _, said = job.process.communicate(timeout=PATIENCE)
        self.assertIn(b"cancelled", said)
        self.assertEqual(properties("Result")["Result"], "success")
        self.check(submit("print(1)"), "success", 0)

    def test_packages(self):
        """a start with many profiles of the operator; wheels that were vetted into /etc/pysb/wheels and /var/lib/pysb/wheels work
        under the unit"""
        os.mkdir("/var/lib/pysb")
        for name in os.listdir(PROFILES):
            shutil.copy(os.path.join(PROFILES, name), "/etc/pysb/profiles")
            self.addCleanup(os.unlink, f"/etc/pysb/profiles/{name}")
        for place, name in (("/etc/pysb/wheels", "round"), ("/var/lib/pysb/wheels", "square")):
            wheel = wheels.make("/root", name, "1.0", {f"{name}.py": "def area(x):\n    return x * x\n"})
            shell("pysbctl", "profile", "vet", "--into", place, wheel)
            profile = f"/etc/pysb/profiles/{name}.toml"
            with open(profile, "w", encoding="ascii") as file:
                file.write(f'extends = "default"\ndescription = "x"\ngranted = true\n[python]\n'
                           f'wheels = "{place}"\npackages = ["{name}"]\n')
            self.addCleanup(os.unlink, profile)
        shell("systemctl", "restart", "pysbd.service")
        for name in ("round", "square"):
            result = self.check(submit(f"import {name}\nprint({name}.area(3))", profile=name), "success", 0)
            self.assertEqual(result["stdout"]["text"], "9\n")
        self.check(submit("1", profile="attack-eval-cage"), "success", 0)

    def test_journal_fields(self):
        """a finished job is one journal entry with its fields"""
        result = self.check(submit("print(1)"), "success", 0)
        shell("journalctl", "--sync")
        text = shell("journalctl", "-b", "-o", "json", f"PYSB_JOB={result['job']}")
        entries = [json.loads(line) for line in text.splitlines()]
        self.assertTrue(entries, "no entry")
        self.assertTrue(any(e.get("PYSB_OUTCOME") == "success" and e.get("PYSB_PROFILE") == RAW
                            and e.get("PYSB_TENANT") for e in entries), entries)

    def test_unknown_key_refuses(self):
        """an operator's mistake is refused by file, line and key, and fixed without a trace"""
        path = "/etc/pysb/profiles/broken.toml"
        with open(path, "w", encoding="ascii") as file:
            file.write('extends = "default"\ndescription = "broken"\n[limits]\nmemry = "5M"\n')
        try:
            run = subprocess.run(["/usr/libexec/pysb/pysbd", "--check"], stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, check=False)
        finally:
            os.unlink(path)
        self.assertNotEqual(run.returncode, 0)
        self.assertRegex(run.stdout.decode(), r"broken\.toml:4: .*memry")

    def test_zz_idle_exit(self):
        """without work the service ends by itself, in order, and the next call starts it again"""
        with open("/etc/pysb/pysbd.toml", "w", encoding="ascii") as file:
            file.write('idle_exit = "1s"\n')
        try:
            shell("systemctl", "restart", "pysbd.service")
            poll_until(lambda: properties("ActiveState")["ActiveState"] == "inactive",
                       "the service to end by itself")
            self.assertEqual(properties("Result")["Result"], "success")
            self.check(submit("print(1)"), "success", 0)
        finally:
            os.unlink("/etc/pysb/pysbd.toml")
        shell("systemctl", "stop", "pysbd.service")

    def test_zzz_stop_keeps_the_socket(self):
        """stopping the service leaves the socket, which starts it again"""
        self.check(submit("print(1)"), "success", 0)
        shell("systemctl", "stop", "pysbd.service")
        self.assertTrue(os.path.exists(SOCKET))
        self.check(submit("print(1)"), "success", 0)


class WithoutMemoryController(unittest.TestCase):
    """The machine was booted with cgroup_disable=memory."""

    def test_refuses(self):
        """the service refuses to serve and says why and what to do"""
        self.assertNotIn("memory", read("/sys/fs/cgroup/cgroup.controllers").split())
        shell("systemctl", "start", "pysbd.service", check=False)
        self.assertNotEqual(properties("ActiveState")["ActiveState"], "active")
        shell("journalctl", "--sync")
        text = shell("journalctl", "-b", "-u", "pysbd.service", "-o", "cat")
        for word in ("memory", "cgroup", "allow_degraded"):
            self.assertIn(word, text)
        shell("systemctl", "stop", "pysbd.socket", "pysbd.service")
        shell("systemctl", "reset-failed", check=False)

    def test_serves_degraded_if_allowed(self):
        """with allow_degraded it serves, says so in every result, and the limits still hold"""
        with open("/etc/pysb/pysbd.toml", "w", encoding="ascii") as file:
            file.write("allow_degraded = true\n")
        shell("systemctl", "start", "pysbd.socket")
        result, status, error = submit("print(1)")
        self.assertEqual(status, 0, error)
        self.assertTrue(result["degraded"])
        self.assertNotIn("cgroup-memory", result["isolation"])
        result, status, _ = submit("x = bytearray(10**9)", "--memory", "50M")
        self.assertEqual((result["outcome"], status), ("memory_limit", 137))


if __name__ == "__main__":
    install()
    name = sys.argv.pop(1)
    tests = {"service": [Service], "accidents": [accidents.Accidents, branches.Branches],
             "no-memory": [WithoutMemoryController]}.get(name, [])
    tap.run(*doctor.BOOTS.get(name, []), *tests, after_failure=journal)
