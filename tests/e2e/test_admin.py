#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""io.pysb.manager: who may call it, each method and each error, and jobs that go on meanwhile."""

import asyncio
import dataclasses
import os
import pty
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import pysb
import tap
import varlink
from pysb import errors

WAIT_FOR_INPUT = "print('ready', flush=True)\ninput()\nprint('went on')"
FOREVER = "print('ready', flush=True)\nwhile True:\n    pass"
NOBODY = 65534


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
        self.manager = self.daemon.manager()
        self.addCleanup(self.manager.close)
        self.client = self.daemon.client()
        self.addCleanup(self.client.close)

    def stop(self):
        status = self.daemon.stop()
        self.assertEqual(status, 0, "the daemon ended badly")

    def me(self):
        (tenant,) = self.manager.tenants()
        return tenant

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
        status = self.manager.status()
        self.assertEqual((status.running_jobs, status.queued_jobs, status.draining), (1, 0, False))
        self.assertGreater(status.memory_bytes, 0)
        tenant = self.me()
        self.assertEqual((tenant.tenant, tenant.running_jobs), (f"uid:{os.getuid()}", 1))
        self.assertEqual(tenant.memory_bytes, status.memory_bytes)
        (job,) = self.manager.jobs(max_entries=1)
        self.assertEqual((job.state, job.profile), ("running", "default"))
        self.finish(process)
        self.assertEqual(self.manager.jobs(), [])

    def test_top_shows_the_job(self):
        process = self.start(WAIT_FOR_INPUT)
        shown = self.daemon.call("top", "--once")
        self.assertEqual(shown.status, 0, shown)
        self.assertIn(b"running", shown.stdout)
        self.assertIn(b"1 of ", shown.stdout)
        shown = self.daemon.call("top", "--json")
        self.assertEqual(len(shown.result["jobs"]["jobs"]), 1, shown)
        self.finish(process)

    def test_what_jobs_use(self):
        """memory and CPU time of what runs, in ListJobs and in top, per job and per tenant"""
        big = self.start("x = bytearray(b'x') * (48 << 20)\n" + WAIT_FOR_INPUT)
        busy = self.daemon.start("print('ready', flush=True)\nwhile True: pass", "--timeout", "50s")
        self.addCleanup(busy.communicate)
        self.addCleanup(busy.kill)
        harness.read_until(busy.stdout, b"ready\n")
        # CPU time has steps of 10 ms where no cgroup counts it
        harness.poll_until(lambda: self.manager.jobs()[1].cpu_time_usec >= 50000,
                           "the second job to use the CPU")
        first, second = self.manager.jobs()
        self.assertGreater(first.memory_bytes, 48 << 20)
        self.assertLess(first.memory_bytes, 256 << 20)
        self.assertGreater(first.memory_bytes, second.memory_bytes)
        self.assertGreater(second.cpu_time_usec, first.cpu_time_usec)
        shown = self.daemon.call("top", "--once").stdout.decode().splitlines()
        tenant = next(line for line in shown if f"uid:{os.getuid()}" in line)
        of_jobs = [next(line for line in shown if job.job in line) for job in (first, second)]
        for line in (tenant, *of_jobs):
            self.assertRegex(line, r"\d+ % .* MiB ")
        self.assertRegex(of_jobs[0], r" [4-9]\d(\.\d)? MiB ")
        self.finish(big)

    def test_what_cells_use(self):
        """of a cell what it has used itself, of the session's interpreter everything"""
        with self.client.open_session() as session:
            session.execute("import time\nend = time.process_time() + 0.1\nwhile time.process_time() < end: pass")
            cell = session.stream(FOREVER)
            harness.next_event(cell, "output")

            def used():
                return [next(job.cpu_time_usec for job in self.manager.jobs() if (job.job == cell.job) == is_cell)
                        for is_cell in (True, False)]

            harness.poll_until(lambda: used()[0] >= 30_000, "the cell to use the CPU")
            of_cell, of_all = used()
            self.assertGreaterEqual(of_all, of_cell + 50_000)
        cell.close()

    def test_top_again_and_again(self):
        """on a terminal the table is drawn anew, with what has been used since"""
        process = self.daemon.start("print('ready', flush=True)\nwhile True: pass", "--timeout", "50s")
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        harness.read_until(process.stdout, b"ready\n")
        ours, theirs = pty.openpty()
        with open(ours, "rb", buffering=0) as screen:
            top = subprocess.Popen(self.daemon.command(verb="top"), env=self.daemon.tree.environment,
                                   stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
            self.addCleanup(top.wait)
            self.addCleanup(top.kill)
            os.close(theirs)
            for _ in range(3):
                harness.read_until(screen, b"\033[H\033[J")
            harness.read_until(screen, b"running")

    def test_parameters_out_of_range(self):
        for field, call in (("maxEntries", lambda: self.manager.jobs(0)),
                            ("level", lambda: self.manager.set_log_level(8)),
                            ("reason", lambda: self.manager.cancel_all(reason="x" * 257))):
            with self.assertRaises(errors.InvalidRequest) as refused:
                call()
            self.assertEqual(refused.exception.field, field)
        self.assertRaises(errors.InvalidParameter, self.manager.drain, -1)
        self.manager.set_log_level(7)

    def test_both_interfaces_are_described(self):
        reply = self.client.call("org.varlink.service.GetInterfaceDescription", {"interface": "io.pysb.manager"})
        self.assertIn("method Drain", reply["description"])

    @unittest.skipUnless(os.getuid() == 0, "only root can call as somebody else")
    def test_somebody_else_is_refused(self):
        os.chmod(self.daemon.address, 0o666)
        call = f"""
import pysb
try:
    pysb.Manager("unix:{self.daemon.address}").status()
except pysb.errors.PermissionDenied as e:
    print(e.name)"""
        # Where the client lies, only who runs the test may be able to read
        package = shutil.copytree(os.path.dirname(pysb.__file__), f"{self.directory}/python/pysb")
        os.chmod(os.path.dirname(package), 0o755)
        refused = harness.run(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                               "/usr/bin/python3", "-c", call],
                              {**os.environ, "PYTHONPATH": os.path.dirname(package)})
        self.assertEqual(refused.stdout, b"org.varlink.service.PermissionDenied\n", refused)


class Tenants(OnOwnDaemon):
    def test_a_quota_until_the_next_reload(self):
        """SetTenant is at once in force, keeps what it does not name, and ends with Reload"""
        self.client.who_am_i()  # who has never called is no tenant
        before = self.me()
        quota = self.manager.set_tenant(before.tenant, pysb.Quota(max_running_jobs=1))
        self.assertEqual(quota, dataclasses.replace(before.quota, max_running_jobs=1))
        self.assertEqual(self.manager.set_tenant(before.tenant, quota), quota)  # as it is told
        process = self.start(WAIT_FOR_INPUT)
        with self.client.stream("print(1)") as stream:
            self.assertEqual([next(stream).kind, next(stream).kind], ["accepted", "queued"])
            self.assertEqual(self.me().queued_jobs, 1)
            self.manager.reload()
            self.assertEqual(stream.wait().outcome, "success")
        self.assertEqual(self.me().quota, before.quota)
        self.finish(process)

    def test_refused(self):
        with self.assertRaises(errors.TenantNotFound) as refused:
            self.manager.set_tenant("nobody", {})
        self.assertEqual(refused.exception.tenant, "nobody")
        tenant = self.me().tenant
        with self.assertRaises(errors.InvalidRequest) as refused:
            self.manager.set_tenant(tenant, {"weight": 10001})
        self.assertEqual(refused.exception.field, "quota.weight")
        parameters = {"tenant": tenant, "quota": {"wait": 1}}
        self.assertRaises(errors.InvalidParameter, self.client.call, "io.pysb.manager.SetTenant", parameters)

    def test_pages(self):
        reply = self.client.call("io.pysb.manager.ListTenants", {"cursor": f"uid:{os.getuid()}"})
        self.assertEqual(reply["tenants"], [])
        self.assertRaises(errors.InvalidRequest, self.client.call, "io.pysb.manager.ListTenants", {"maxEntries": 0})


class Cancelling(OnOwnDaemon):
    def test_commands(self):
        """pysbctl tenant set and cancel"""
        self.client.who_am_i()
        before, call = self.me(), self.daemon.call
        self.assertEqual(call("tenant set", before.tenant, "max_running=3", "max_memory=2G").status, 0)
        self.assertEqual(self.me().quota,
                         dataclasses.replace(before.quota, max_running_jobs=3, max_memory_bytes=2 << 30))
        process = self.start(FOREVER)
        self.assertEqual(call("tenant cancel", before.tenant).stdout, b"1 jobs are cancelled.\n")
        self.assertIn(b"cancelled", process.communicate(timeout=harness.PATIENCE)[1])
        self.assertEqual(call("tenant cancel", "--all").stdout, b"0 jobs are cancelled.\n")
        for arguments, said in ((["set", before.tenant, "max_runing=3"], "max_runing: there is no such quota"),
                                (["set", before.tenant, "weight=x"], "weight=x: write it like weight=4."),
                                (["set", before.tenant], "an argument is missing"),
                                (["set", before.tenant, "weight=0"], "not from 1 to 10000"),
                                (["cancel"], "say which tenant, or --all"),
                                (["cancel", "--all", before.tenant], "say which tenant, or --all"),
                                (["cancel", "nobody"], "nobody"), ([], "set or cancel?")):
            run = call(" ".join(["tenant", *arguments[:1]]), *arguments[1:])
            self.assertEqual(run.status, 125)
            self.assertIn(said, run.stderr)

    def test_of_a_tenant(self):
        process = self.start(FOREVER)
        with self.assertRaises(errors.TenantNotFound) as refused:
            self.manager.cancel_all("uid:1234567")
        self.assertEqual(refused.exception.tenant, "uid:1234567")
        self.assertEqual(self.manager.cancel_all(f"uid:{os.getuid()}", "for\ttests"), 1)
        _, stderr = process.communicate(timeout=harness.PATIENCE)
        self.assertIn(b"cancelled: for tests", stderr)
        self.assertEqual(self.manager.cancel_all(), 0)

    def test_what_waits_never_starts(self):
        streams = [self.client.stream(FOREVER, limits={"cpu_percent": 5}) for _ in range(24)]
        for stream in streams:
            self.assertEqual(next(stream).kind, "accepted")
        status = self.manager.status()
        self.assertEqual(status.running_jobs + status.queued_jobs, 24)
        self.assertGreater(status.queued_jobs, 0)
        self.assertEqual(self.manager.cancel_all(), 24)
        for stream in streams:
            self.assertEqual(stream.wait().outcome, "cancelled")


class Draining(OnOwnDaemon):
    def test_refuses_and_lets_run(self):
        process = self.start(WAIT_FOR_INPUT)
        drained = self.daemon.call("drain", "--json")
        self.assertEqual((drained.status, drained.result),
                         (1, {"runningJobs": 1, "queuedJobs": 0, "sessions": 0}), drained)
        self.assertTrue(self.client.node().draining)
        with self.assertRaises(errors.ShuttingDown) as refused:
            self.client.run("1")
        self.assertGreater(refused.exception.retry_after_usec, 0)
        self.finish(process)
        self.assertEqual(self.daemon.call("drain", "--wait").status, 0)
        self.assertEqual(self.daemon.call("resume").status, 0)
        self.client.run("print(1)").check()

    def test_progress_until_nothing_is_left(self):
        processes = [self.start(WAIT_FOR_INPUT) for _ in range(2)]
        progress = self.manager.drain_progress()
        for running in (2, 1, 0):
            self.assertEqual(next(progress), pysb.types.DrainReply(running, 0, 0))
            if running > 0:
                self.finish(processes.pop())

    def test_progress_by_the_client(self):
        process = self.start(WAIT_FOR_INPUT)
        progress = self.manager.drain_progress()
        self.assertEqual(next(progress), pysb.types.DrainReply(1, 0, 0))
        self.finish(process)
        self.assertEqual(list(progress), [pysb.types.DrainReply(0, 0, 0)])

        async def all_of_it():
            async with pysb.AsyncManager(f"unix:{self.daemon.address}") as manager:
                return [reply async for reply in manager.drain_progress()]
        self.assertEqual(asyncio.run(all_of_it()), [pysb.types.DrainReply(0, 0, 0)])
        self.manager.resume()

    def test_ends_at_the_timeout_and_at_resume(self):
        process = self.start(WAIT_FOR_INPUT)
        self.assertEqual(self.manager.drain(1000).running_jobs, 1)
        progress = self.manager.drain_progress()
        self.assertEqual(next(progress).running_jobs, 1)
        self.manager.resume()
        self.assertEqual(next(progress).running_jobs, 1)
        self.finish(process)


class Reloading(OnOwnDaemon):
    def test_new_changed_and_removed_profiles(self):
        path = self.write_profile("mine", "[limits]", 'memory = "64M"')
        reloaded = self.daemon.call("reload", "--json")
        self.assertIn("mine", reloaded.result["profiles"], reloaded)
        self.client.run("print(1)", profile="mine").check()
        digest = self.client.profile("mine").digest
        self.write_profile("mine", "[limits]", 'memory = "65M"')
        self.assertEqual(self.client.profile("mine").digest, digest)
        self.manager.reload()
        changed = self.client.profile("mine")
        self.assertNotEqual(changed.digest, digest)
        self.assertEqual(changed.defaults.memory_bytes, 65 << 20)
        os.unlink(path)
        self.assertNotIn("mine", self.manager.reload())
        self.assertRaises(errors.ProfileNotFound, self.client.run, "1", profile="mine")

    def test_a_mistake_changes_nothing(self):
        self.write_profile("good")
        path = self.write_profile("bad", "[limits]", 'memory = "64 parsecs"')
        with open(path, encoding="utf-8") as file:
            line = 1 + file.read().splitlines().index('memory = "64 parsecs"')
        with self.assertRaises(errors.ReloadFailed) as refused:
            self.manager.reload()
        self.assertEqual((refused.exception.file, refused.exception.line), ("bad.toml", line))
        self.assertIn("limits.memory", refused.exception.message)
        failed = self.daemon.call("reload")
        self.assertEqual(failed.status, 125, failed)
        self.assertIn(f"bad.toml:{line}: ", failed.stderr)
        self.assertNotIn("good", [profile.name for profile in self.client.profiles()])
        self.assertEqual(self.manager.status().reloads, 0)
        os.unlink(path)
        self.assertIn("good", self.manager.reload())

    def test_sessions_keep_what_they_were_opened_with(self):
        path = self.write_profile("mine")
        self.manager.reload()
        with self.client.open_session(profile="mine") as session:
            session.execute("x = 6")
            os.unlink(path)
            # More of them than there may be generations: none is kept for the session's sake but its own
            for _ in range(20):
                self.assertNotIn("mine", self.manager.reload())
            self.assertEqual(session.execute("x * 7").value, 42)

    def test_jobs_keep_what_they_were_accepted_with(self):
        path = self.write_profile("mine")
        self.manager.reload()
        running = self.start(WAIT_FOR_INPUT, "-p", "mine")
        places = self.manager.status().max_running_jobs
        others = [self.start(WAIT_FOR_INPUT) for _ in range(places - 1)]
        with self.client.stream("print('waited')", profile="mine") as stream:
            self.assertEqual([next(stream).kind, next(stream).kind], ["accepted", "queued"])
            os.unlink(path)
            self.assertNotIn("mine", self.manager.reload())
            self.finish(others.pop())
            self.assertEqual(stream.wait().outcome, "success")
        self.finish(running)
        for process in others:
            self.finish(process)

    def test_hundred_reloads_leave_nothing(self):
        def figures():
            pids = [self.daemon.process.pid,
                    *(p.pid for p in harness.descendants(self.daemon.process.pid))]
            try:
                return sorted(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)
            except FileNotFoundError:
                return None  # the template of a profile that was is just going

        def settled(expected):
            harness.poll_until(lambda: figures() == expected, f"{expected} descriptors")

        def memory():
            pid = self.daemon.process.pid
            return int(harness.Process(pid).fields["VmRSS"].split()[0])

        self.client.run("print(1)").check()
        before = harness.poll_until(
            lambda: figures() if not self.daemon.boxed() else None, "the end of the box")
        for round_ in range(100):
            self.manager.reload()
            if round_ == 10:
                early = memory()
            if round_ % 25 == 0:
                self.client.run("print(1)").check()
        self.client.run("print(1)").check()
        settled(before)
        bound = 4096 + harness.QUARANTINE_BYTES // 1024
        self.assertLess(memory() - early, bound, "KiB more than after ten reloads")
        self.assertEqual(self.manager.status().reloads, 100)

    def test_many_ask_at_once(self):
        waiters = [varlink.Connection(self.daemon.address) for _ in range(8)]
        for waiter in waiters:  # the answers are waited for later
            self.addCleanup(waiter.close)
            waiter.send("io.pysb.manager.Reload", {})
        self.write_profile("late")
        self.assertIn("late", self.manager.reload())
        for waiter in waiters:
            self.assertIn("default", waiter.receive()["profiles"])


if __name__ == "__main__":
    tap.run(Reading, Tenants, Cancelling, Draining, Reloading)
