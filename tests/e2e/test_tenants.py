#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tenants of a service: who somebody is, what he may have, and each refusal."""

import os
import sys
import unittest

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import service
import tap
import varlink
from pysb import errors

TENANTS = f"""
[alice]
uids = [2001]
profiles = ["default", "raw"]
max_running = 1
max_queued = 1
max_connections = 3
max_sessions = 0

[crew]
groups = ["crew"]
max_memory = "100M"

max_sessions = 1

[fast]
uids = [2003]
submits_per_second = 1
submit_burst = 2

[small]
uids = [2006]
profiles = ["default", "eval"]
default_profile = "eval"
[small.maximum]
memory = "64M"
wall_time = "5s"
tool_calls = 0

[kept]
uids = [2007]
max_running = 1
max_bytes = "8M"
"""
# What is refused, by file, line and key
MISTAKES = [
    ("tenants", "[a]\nuids = [1]\nweight = 0", "tenants.toml:3: tenant.weight: 0 is out of range"),
    ("tenants", "[a]\nuids = [1]\ncpu_weight = 10001", "tenants.toml:3: tenant.cpu_weight: 10001 is out"),
    ("tenants", "[a]\nuids = ['nobody-there']", "tenants.toml:2: a.uids: there is no 'nobody-there'"),
    ("tenants", "[a]\ngroups = [-1]", "tenants.toml:2: tenant.groups: must be an integer"),
    ("tenants", "[default]\nprofiles = [1]", "tenants.toml:2: tenant.profiles: must be a string"),
    ("tenants", "[default]\ndefault_profile = ''", "tenants.toml:2: tenant.default_profile: must be"),
    ("tenants", "[default]\ndefault_profile = 'no'", "tenants.toml:2: tenant.default_profile: there is no profile no"),
    ("tenants", "[a]\nuids = [1]\nprofiles = [\n'eval',\n'evil']",
     "tenants.toml:3: tenant.profiles: there is no profile evil"),
    ("pysbd", "default_profile = 'evil'", "pysbd.toml:1: daemon.default_profile: there is no profile evil"),
    ("tenants", "[default]\nmax_running = 0", "tenants.toml:2: tenant.max_running: 0 is out of range"),
    ("tenants", "[default]\nmax_queued = 65537", "tenants.toml:2: tenant.max_queued: 65537 is out"),
    ("tenants", "[default]\nmax_connections = 0", "tenants.toml:2: tenant.max_connections: 0 is out"),
    ("tenants", "[default]\nmax_sessions = 4097", "tenants.toml:2: tenant.max_sessions: 4097 is out"),
    ("tenants", "[default]\nmax_memory = '1X'", "tenants.toml:2: tenant.max_memory: '1X' is no size"),
    ("tenants", "[default]\nmax_bytes = '1M'", "tenants.toml:2: tenant.max_bytes: 1048576 is out of"),
    ("tenants", "[default]\nsubmits_per_second = true", "tenants.toml:2: tenant.submits_per_second: must"),
    ("tenants", "[default]\nsubmit_burst = 0", "tenants.toml:2: tenant.submit_burst: 0 is out of range"),
    ("tenants", "[default.maximum]\nmemory = '1K'", "tenants.toml:2: tenant.maximum.memory: 1K is below"),
    ("tenants", "[default.maximum]\nram = 1", "tenants.toml:2: tenant.maximum.ram: there is no such limit"),
    ("tenants", "[default]\nwieght = 1", "tenants.toml:2: tenant.wieght: there is no such key"),
    ("tenants", "[default]\nuids = [1]", "tenants.toml:2: [default] is of all others"),
    ("tenants", "[a]\nuids = [1]\n[b]\nuids = [1]", "tenants.toml:4: tenant.uids: uid 1 is in [a] and in [b]"),
    ("pysbd", "unknown_uid = 'ask'", "pysbd.toml:1: daemon.unknown_uid: 'ask' is not one"),
    ("pysbd", "gateway_group = 'nobody-there'", "pysbd.toml:1: daemon.gateway_group: there is no"),
    ("pysbd", "max_memory = 'all'", "pysbd.toml:1: daemon.max_memory: 'all' is no size"),
]
GATEWAY = f'gateway_group = "{service.GATEWAY_NAME}"'
ALICE, MEMBER, FAST, STRANGER, WEB, SMALL, KEPT = 2001, 2002, 2003, 2004, 2005, 2006, 2007
ENDLESS = {"code": "while True: pass", "limits": {"wall_time_usec": 60_000_000}}
MIB = 1 << 20


class Case(unittest.TestCase):
    def connect(self, uid, groups=(), daemon=None):
        client = (daemon or self.service).client_of(uid, groups)
        self.addCleanup(client.close)
        return client

    def refused(self, error, function, *arguments, **options):
        with self.assertRaises(error) as refused:
            function(*arguments, **options)
        return refused.exception

    def submit(self, client, code=None, **options):
        job = client.submit(code, **options)
        self.addCleanup(job.cancel, grace_usec=0)
        return job


@unittest.skipIf(service.reason_not_to(), service.reason_not_to())
class Tenants(Case):
    @classmethod
    def setUpClass(cls):
        cls.service = service.Service(TENANTS, GATEWAY)

    @classmethod
    def tearDownClass(cls):
        status = cls.service.stop()
        assert status == 0, f"pysbd exited with {status} at the end"

    def test_check(self):
        """pysbd --check accepts the two files"""
        run = self.service.check()
        self.assertEqual(run.status, 0, run)
        self.assertIn(b"default: ok", run.stdout)

    def test_mistakes(self):
        """pysbd --check names file, line and key of a mistake"""
        for name, text, said in MISTAKES:
            run = self.service.check(**{"tenants": "", "pysbd": "", name: text})
            self.assertEqual(run.status, 1, run)
            self.assertIn(said, run.stderr)

    def test_maxima(self):
        """a tenant's maxima hold where the profile allows more, also for what a request does not name"""
        small = self.connect(SMALL)
        maximum = small.profile("default").maximum
        self.assertEqual((maximum.memory_bytes, maximum.wall_time_usec), (64 * MIB, 5_000_000))
        self.assertGreater(self.connect(STRANGER).profile("default").maximum.memory_bytes, 64 * MIB)
        limits = small.check("1", profile="default").limits
        self.assertEqual((limits.memory_bytes, limits.wall_time_usec, limits.tool_calls),
                         (64 * MIB, 5_000_000, 0))
        above = {"limits": {"memory_bytes": 64 * MIB + 1}, "profile": "default"}
        for method, arguments in ((small.submit, ("1",)), (small.open_session, ())):
            said = self.refused(errors.LimitExceeded, method, *arguments, **above)
            self.assertEqual(said.parameters, {"limit": "memoryBytes", "requested": 64 * MIB + 1,
                                               "maximum": 64 * MIB})
        small.run("1", profile="default").check()
        # What it runs without asking for a profile
        self.assertEqual([p.name for p in small.profiles() if p.is_default], ["eval"])
        self.assertEqual(self.submit(small, expression="1").info().profile, "eval")

    def test_bytes(self):
        """max_bytes: programs and input that wait are refused beyond it, and the oldest results are forgotten"""
        kept = self.connect(KEPT)
        first = kept.submit(**ENDLESS)
        # Within the message: the client would give so much as a memfd
        program = {"request": {"code": "1", "stdinText": "x" * (3 * MIB)}}
        waiting = [kept.job(kept.call("Submit", program)["job"]) for _ in range(2)]
        said = self.refused(errors.QueueFull, kept.call, "Submit", program)
        self.assertEqual((said.scope, said.queued), ("tenant", 2))
        self.assertGreater(said.retry_after_usec, 0)
        first.cancel(grace_usec=0)
        for job in waiting:
            job.result().check()
        printed = {"code": "print('x' * 900000)", "limits": {"output_bytes": MIB}, "retain_usec": 60_000_000}
        once = kept.submit(**printed, request_id="once")
        jobs = [kept.submit(**printed) for _ in range(12)]
        jobs[-1].wait()
        kept.submit("1")
        left = [info.job for info in kept.jobs()]
        self.assertIn(jobs[-1].id, left)
        self.assertNotIn(jobs[0].id, left)
        # That a request has run is not forgotten with what it made
        self.assertEqual(kept.submit(**printed, request_id="once").id, once.id)
        result = kept.run(**printed, request_id="once").check()
        self.assertEqual((result.job, result.result_problem.type, result.stdout.text, result.stdout.total_bytes),
                         (once.id, "ResultDropped", "", 900001))

    def test_who(self):
        """by uid, by a supplementary group, by the own group, or a tenant of one's own"""
        for uid, groups, tenant in ((ALICE, (), "alice"), (STRANGER, (), f"uid:{STRANGER}"),
                                    (MEMBER, (service.GROUP,), "crew"), (service.GROUP, (), "crew"),
                                    (ALICE, (service.GROUP,), "alice")):
            me = self.connect(uid, groups).who_am_i()
            self.assertEqual((me.uid, me.tenant), (uid, tenant))

    def test_runs(self):
        """each of them runs a program"""
        for uid, groups in ((ALICE, ()), (MEMBER, (service.GROUP,)), (STRANGER, ())):
            self.connect(uid, groups).run("print(1)", limits={"memory_bytes": 50 * MIB}).check()

    def test_profile_denied(self):
        """a profile is whose table names it"""
        self.connect(ALICE).run("1", profile="raw").check()
        for uid, profile in ((ALICE, "eval"), (STRANGER, "raw")):
            said = self.refused(errors.ProfileDenied, self.connect(uid).submit, "1", profile=profile)
            self.assertEqual(said.parameters, {"profile": profile})

    def test_queue_full(self):
        """max_running jobs run, max_queued wait, the next is told when to come again"""
        alice = self.connect(ALICE)
        first = self.submit(alice, **ENDLESS)
        # The client leaves out the position
        second = alice.call("Submit", {"request": {"code": "while True: pass"}})
        self.addCleanup(alice.job(second["job"]).cancel, grace_usec=0)
        self.assertEqual(second["position"], 0)
        said = self.refused(errors.QueueFull, alice.submit, "1")
        self.assertEqual((said.scope, said.queued), ("tenant", 1))
        self.assertGreaterEqual(said.retry_after_usec, 10_000)
        me = alice.who_am_i()
        self.assertEqual((me.running_jobs, me.max_running_jobs, me.queued_jobs, me.max_queued_jobs),
                         (1, 1, 1, 1))
        # Nobody else waits for them
        self.connect(STRANGER).run("1").check()
        self.assertNotEqual(first.id, second["job"])

    def test_sessions(self):
        """a session above max_sessions is refused, and closing one makes room"""
        small = {"limits": {"memory_bytes": 50 * MIB}}
        for uid, groups, maximum in ((ALICE, (), 0), (MEMBER, (service.GROUP,), 1)):
            client = self.connect(uid, groups)
            opened = [client.open_session(**small) for _ in range(maximum)]
            said = self.refused(errors.QuotaExceeded, client.open_session, **small)
            self.assertEqual((said.scope, said.quota, said.used, said.maximum),
                             ("tenant", "sessions", maximum, maximum))
            me = client.who_am_i()
            self.assertEqual((me.sessions, me.max_sessions), (maximum, maximum))
            for session in opened:
                session.close()
                client.open_session(**small).close()

    def test_connections(self):
        """a connection above max_connections is told so, and closed"""
        for _ in range(3):
            self.connect(ALICE).who_am_i()
        with service.identity(ALICE), self.service.client() as client:
            with self.assertRaises(errors.QuotaExceeded) as refused:
                client.who_am_i()
        self.assertEqual((refused.exception.quota, refused.exception.used, refused.exception.maximum),
                         ("connections", 3, 3))
        self.connect(STRANGER).who_am_i()

    def test_memory(self):
        """a limit above max_memory never fits; those that do not fit together wait"""
        member = self.connect(MEMBER, (service.GROUP,))
        said = self.refused(errors.QuotaExceeded, member.submit, "1",
                            limits={"memory_bytes": 100 * MIB + 1})
        self.assertEqual(said.parameters, {"scope": "tenant", "quota": "memory", "used": 0, "maximum": 100 * MIB})
        request = {"code": "while True: pass",
                   "limits": {"memory_bytes": 60 * MIB, "wall_time_usec": 60_000_000}}
        self.submit(member, **request)
        self.assertEqual(self.submit(member, **request).info().state, "queued")

    def test_submits(self):
        """submits_per_second, with submit_burst of them at once"""
        fast = self.connect(FAST)
        with self.assertRaises(errors.QuotaExceeded) as refused:
            for _ in range(1000):
                fast.submit("1")
        said = refused.exception
        self.assertEqual((said.quota, said.maximum), ("submits", 2))
        self.assertLessEqual(said.retry_after_usec, 1_000_000)

    def test_foreign_job(self):
        """another tenant's job is not there"""
        job = self.connect(ALICE).job(self.submit(self.connect(STRANGER), "1").id)
        for method in (job.info, job.wait, job.cancel, job.forget):
            self.assertEqual(self.refused(errors.JobNotFound, method).parameters, {"job": job.id})

    def web(self):
        return self.connect(WEB, (service.GATEWAY,))

    def test_gateway(self):
        """a member of the gateway group runs jobs for others, and reaches them; nobody else does"""
        web = self.web()
        me = web.who_am_i()
        self.assertEqual((me.tenant, me.gateway), (f"uid:{WEB}", True))
        for name in ("alice", "customer:1@example.org", f"uid:{STRANGER}"):
            self.assertEqual(web.run(expression="7", tenant=name).value, 7)
            job = self.submit(web, "1", tenant=name)
            job.result().check()
            info = job.info()
            self.assertEqual((info.job, info.tenant), (job.id, name))
            self.assertIn(info, list(web.jobs(tenant=name)))
            self.assertEqual(web.who_am_i(name).tenant, name)
            member = self.connect(MEMBER, (service.GROUP,))
            self.refused(errors.JobNotFound, member.job(job.id).info)
        self.assertEqual(list(web.jobs()), [])
        self.assertEqual(list(web.jobs(tenant="nobody")), [])
        # The user of that name sees what was run for him
        self.assertEqual(self.connect(STRANGER).job(job.id).info().tenant, f"uid:{STRANGER}")

    def test_gateway_quotas(self):
        """who is named pays: another's quota is another's, and the gateway's own is untouched"""
        web = self.web()
        first, second = (self.submit(web, tenant="alice", **ENDLESS) for _ in range(2))
        self.assertNotEqual(first.info().state, "queued")
        self.assertEqual(second.info().state, "queued")
        said = self.refused(errors.QueueFull, web.submit, "1", tenant="alice")
        self.assertEqual((said.scope, said.queued), ("tenant", 1))
        self.refused(errors.QueueFull, self.connect(ALICE).submit, "1")
        me = web.who_am_i("alice")
        self.assertEqual((me.running_jobs, me.queued_jobs), (1, 1))
        self.assertEqual(web.who_am_i().running_jobs, 0)
        # Its profiles, too
        self.refused(errors.ProfileDenied, web.submit, "1", tenant="alice", profile="eval")

    def test_gateway_request_id(self):
        """a requestId is a tenant's own"""
        web = self.web()
        jobs = {web.submit("1", tenant=name, request_id="r").id for name in ("a", "b", "a")}
        self.assertEqual(len(jobs), 2)

    def test_gateway_session(self):
        """a session for somebody"""
        web = self.web()
        with web.open_session(tenant="somebody") as session:
            self.assertEqual(session.info().tenant, "somebody")
            self.assertEqual(session.execute("6 * 7").value, 42)
            self.assertEqual([info.session for info in web.sessions(tenant="somebody")], [session.id])
            self.assertEqual(web.who_am_i("somebody").sessions, 1)
            self.refused(errors.SessionNotFound, self.connect(STRANGER).session(session.id).info)

    def test_gateway_blob(self):
        """pysbctl blob --tenant: the blobs are the other's"""
        def blob(*words):
            return harness.run(["setpriv", f"--reuid={WEB}", f"--regid={WEB}", f"--groups={service.GATEWAY}",
                                self.service.tree.pysbctl, "blob", "--address", f"unix:{self.service.address}",
                                *words], self.service.tree.environment)
        put = blob("--tenant", "somebody", "put", "/etc/hostname")
        self.assertEqual(put.status, 0, put)
        name = put.stdout.decode().strip()
        with open("/etc/hostname", "rb") as file:
            self.assertEqual(self.web().get_blob(name, tenant="somebody"), file.read())
        self.assertEqual(blob("get", name).status, 125)
        self.assertEqual(blob("--tenant", "somebody", "get", name).status, 0)
        self.assertEqual(blob("--tenant", "somebody", "remove", name).status, 0)

    def test_no_gateway(self):
        """who is no gateway acts for himself only, whether the other exists or not"""
        stranger = self.connect(STRANGER)
        self.assertFalse(stranger.who_am_i().gateway)
        for name in ("alice", "nobody", "default", "", "a b"):
            for method, arguments in ((stranger.run, ("1",)), (stranger.submit, ("1",)),
                                      (stranger.check, ("1",)), (stranger.open_session, ()),
                                      (lambda tenant: list(stranger.jobs(tenant=tenant)), ()),
                                      (lambda tenant: list(stranger.sessions(tenant=tenant)), ()),
                                      (stranger.who_am_i, ())):
                said = self.refused(errors.TenantDenied, method, *arguments, tenant=name)
                self.assertEqual(said.parameters, {"tenant": name})
        stranger.run(expression="1", tenant=f"uid:{STRANGER}").check()

    def test_gateway_names(self):
        """what is no name of a tenant"""
        for name in ("", "a b", "a\n", "x" * 64, "\u00e4"):
            self.assertEqual(self.refused(errors.InvalidRequest, self.web().who_am_i, name).field, "tenant")
        self.assertEqual(self.web().who_am_i("x" * 63).tenant, "x" * 63)

    def test_pysbctl(self):
        """pysbctl submit --tenant; of root, who can read what is built"""
        for groups, said in (((service.GATEWAY,), b"7\n"), ((), b"")):
            with service.identity(0, groups):
                run = harness.run([self.service.tree.pysbctl, "submit", "--address",
                                   f"unix:{self.service.address}", "--tenant", "alice", "-c", "print(7)"],
                                  self.service.tree.environment)
            self.assertEqual(run.stdout, said, run)
        self.assertIn("may not act for the tenant alice", run.stderr)

    def test_pysbctl_lists(self):
        """pysbctl list, session list and status with --tenant are about that tenant"""
        def ask(*arguments, groups=(service.GATEWAY,)):
            with service.identity(0, groups):
                return harness.run([self.service.tree.pysbctl, *arguments, "--address",
                                    f"unix:{self.service.address}", "--tenant", "somebody"],
                                   self.service.tree.environment)

        with self.web().open_session(tenant="somebody") as session:
            self.assertIn(session.id.encode(), ask("session", "list").stdout)
            self.assertIn(session.id.encode(), ask("session", "list", "--json").stdout)
        self.assertRegex(ask("status").stdout, rb"Tenant: somebody\n")
        self.assertEqual(ask("list").stdout.splitlines()[0].split()[0], b"JOB")
        self.assertEqual(ask("list", "--json").status, 0)
        for verb in (("list",), ("session", "list"), ("status",)):
            run = ask(*verb, groups=())
            self.assertEqual(run.status, 125)
            self.assertIn("may not act for the tenant somebody", run.stderr)


@unittest.skipIf(service.reason_not_to(), service.reason_not_to())
class Refusing(Case):
    def test_unknown_uid(self):
        """unknown_uid = "deny": who is in no table may call nothing"""
        daemon = service.Service(TENANTS, f'unknown_uid = "deny"\n{GATEWAY}')
        self.addCleanup(daemon.stop)
        self.assertEqual(self.connect(ALICE, daemon=daemon).who_am_i().tenant, "alice")
        for method in ("who_am_i", "node", "profiles"):
            stranger = self.connect(STRANGER, daemon=daemon)
            with service.identity(STRANGER):  # for each attempt
                said = self.refused(errors.TenantDenied, getattr(stranger, method))
            self.assertEqual(said.parameters, {"tenant": f"uid:{STRANGER}"})

        # A gateway needs no table of its own, and whom it names does
        web = self.connect(WEB, (service.GATEWAY,), daemon)
        self.assertTrue(web.who_am_i("alice").gateway)
        for name, denied in ((None, f"uid:{WEB}"), ("nobody", "nobody")):
            self.assertEqual(self.refused(errors.TenantDenied, web.who_am_i, name).tenant, denied)

    def test_bad_table(self):
        """a mistake in tenants.toml is refused by its line"""
        with self.assertRaisesRegex(AssertionError, r"tenants\.toml:2: tenant\.weight"):
            service.Service("[alice]\nweight = 0\n")
        with self.assertRaisesRegex(AssertionError, r"tenants\.toml:2: tenant\.profiles: there is no profile evil"):
            service.Service("[default]\nprofiles = ['evil']\n")


@unittest.skipIf(service.reason_not_to(), service.reason_not_to())
class Node(Case):
    def test_queue_full(self):
        """where the node's queue is full, nobody could submit, and it is said so"""
        daemon = service.Service("", "max_running_jobs = 1\nmax_queued_jobs = 2")
        self.addCleanup(daemon.stop)
        one, two, three = (self.connect(uid, daemon=daemon) for uid in (3001, 3002, 3003))
        for client in (one, one, two):
            client.submit(**ENDLESS)
        said = self.refused(errors.QueueFull, three.submit, "1")
        self.assertEqual((said.scope, said.queued), ("node", 2))
        self.assertGreaterEqual(said.retry_after_usec, 10_000)

    def test_reserve(self):
        """with no table at all one tenant takes three quarters, and whoever comes finds a place"""
        daemon = service.Service("", "max_running_jobs = 8")
        self.addCleanup(daemon.stop)
        one, two = (self.connect(uid, daemon=daemon) for uid in (3001, 3002))
        sessions = [one.open_session() for _ in range(3)]
        said = self.refused(errors.QuotaExceeded, one.open_session)
        self.assertEqual((said.scope, said.quota, said.used, said.maximum), ("node", "sessions", 3, 3))
        jobs = [one.submit(**ENDLESS) for _ in range(8)]
        self.assertEqual([job.info().state == "queued" for job in jobs], [False] * 3 + [True] * 5)
        for _ in range(3):
            two.run("1").check()
        two.open_session().close()
        self.assertEqual([job.info().state == "queued" for job in jobs], [False] * 3 + [True] * 5)
        for job in jobs[::-1]:
            job.cancel(grace_usec=0)
        for session in sessions:
            session.close()

    def test_memory(self):
        """max_memory of the node: what never fits is refused, what does not fit now waits"""
        daemon = service.Service("", 'max_memory = "100M"')
        self.addCleanup(daemon.stop)
        one, two = (self.connect(uid, daemon=daemon) for uid in (3001, 3002))
        said = self.refused(errors.QuotaExceeded, one.submit, "1", limits={"memory_bytes": 100 * MIB + 1})
        self.assertEqual(said.parameters, {"scope": "node", "quota": "memory", "used": 0, "maximum": 100 * MIB})
        request = ENDLESS | {"limits": {"memory_bytes": 60 * MIB, "wall_time_usec": 60_000_000}}
        first, second = (client.submit(**request) for client in (one, two))
        self.assertEqual(second.info().state, "queued")
        first.cancel(grace_usec=0)
        first.wait()
        self.assertNotEqual(second.info().state, "queued")


@unittest.skipIf(service.reason_not_to(), service.reason_not_to())
class Burst(unittest.TestCase):
    def test_burst(self):
        """512 submissions of 4 users over 128 connections each: no client gets an error"""
        daemon = service.Service("", "max_queued_jobs = 1024")
        self.addCleanup(daemon.stop)
        connections = []  # a client would want as many threads
        for uid in range(3001, 3005):
            with service.identity(uid):
                connections += [varlink.Connection(daemon.address) for _ in range(128)]
        for number, connection in enumerate(connections):
            connection.send("Run", {"request": {"expression": str(number)}})
        for number, connection in enumerate(connections):
            result = connection.receive()["result"]
            self.assertEqual((result["outcome"], result["resultJson"]), ("success", str(number)))
            connection.close()


if __name__ == "__main__":
    tap.run(Tenants, Refusing, Node, Burst)
