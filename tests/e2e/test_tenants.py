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
    ("tenants", "[default]\nuids = [1]", "tenants.toml: [default] is of all others"),
    ("pysbd", "unknown_uid = 'ask'", "pysbd.toml:1: daemon.unknown_uid: 'ask' is not one"),
    ("pysbd", "gateway_group = 'nobody-there'", "pysbd.toml:1: daemon.gateway_group: there is no"),
    ("pysbd", "max_memory = 'all'", "pysbd.toml:1: daemon.max_memory: 'all' is no size"),
]
GATEWAY = f'gateway_group = "{service.GATEWAY_NAME}"'
ALICE, MEMBER, FAST, STRANGER, WEB, SMALL, KEPT = 2001, 2002, 2003, 2004, 2005, 2006, 2007
ENDLESS = {"code": "while True: pass", "limits": {"wallTimeUSec": 60000000}}
MIB = 1 << 20


@unittest.skipIf(service.reason_not_to(), service.reason_not_to())
class Tenants(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = service.Service(TENANTS, GATEWAY)

    @classmethod
    def tearDownClass(cls):
        status = cls.service.stop()
        assert status == 0, f"pysbd exited with {status} at the end"

    def connect(self, uid, groups=()):
        connection = self.service.connect(uid, groups)
        self.addCleanup(connection.close)
        return connection

    def refused(self, connection, name, method, **parameters):
        with self.assertRaises(varlink.Refused) as refused:
            connection.call(method, **parameters)
        self.assertEqual(refused.exception.name, name, refused.exception)
        return refused.exception.parameters

    def submit(self, connection, **request):
        job = connection.call("Submit", request=request)["job"]
        self.addCleanup(connection.call, "Cancel", job=job, graceUSec=0)
        return job

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
        small, profile = self.connect(SMALL), {"profile": "default"}
        maximum = small.call("GetProfile", **profile)["maximum"]
        self.assertEqual((maximum["memoryBytes"], maximum["wallTimeUSec"]), (64 * MIB, 5000000))
        self.assertGreater(self.connect(STRANGER).call("GetProfile", **profile)["maximum"]["memoryBytes"],
                           64 * MIB)
        limits = small.call("Check", request={"code": "1", **profile})["limits"]
        self.assertEqual((limits["memoryBytes"], limits["wallTimeUSec"], limits["toolCalls"]),
                         (64 * MIB, 5000000, 0))
        for method, parameters in (
                ("Submit", {"request": {"code": "1", "limits": {"memoryBytes": 64 * MIB + 1}, **profile}}),
                ("OpenSession", {"limits": {"memoryBytes": 64 * MIB + 1}, **profile})):
            self.assertEqual(self.refused(small, "LimitExceeded", method, **parameters),
                             {"limit": "memoryBytes", "requested": 64 * MIB + 1, "maximum": 64 * MIB})
        result = small.call("Run", request={"code": "1", **profile})["result"]
        self.assertEqual(result["outcome"], "success", result)
        # What it runs without asking for a profile
        self.assertEqual([p["name"] for p in small.call("ListProfiles")["profiles"] if p["isDefault"]], ["eval"])
        job = self.submit(small, expression="1")
        self.assertEqual(small.call("GetJob", job=job)["info"]["profile"], "eval")

    def test_bytes(self):
        """max_bytes: programs and input that wait are refused beyond it, and the oldest results are forgotten"""
        kept = self.connect(KEPT)
        first = kept.call("Submit", request=ENDLESS)["job"]
        program = {"code": "1", "stdinText": "x" * (3 * MIB)}
        waiting = [kept.call("Submit", request=program)["job"] for _ in range(2)]
        said = self.refused(kept, "QueueFull", "Submit", request=program)
        self.assertEqual((said["scope"], said["queued"]), ("tenant", 2))
        self.assertGreater(said["retryAfterUSec"], 0)
        kept.call("Cancel", job=first, graceUSec=0)
        for job in waiting:
            self.assertEqual(kept.call("Wait", job=job)["result"]["outcome"], "success")
        printed = {"code": "print('x' * 900000)", "limits": {"outputBytes": MIB}, "retainUSec": 60000000}
        jobs = [kept.call("Submit", request=printed)["job"] for _ in range(12)]
        kept.call("Wait", job=jobs[-1])
        kept.call("Submit", request={"code": "1"})
        left = [job["job"] for job in kept.call("ListJobs")["jobs"]]
        self.assertIn(jobs[-1], left)
        self.assertNotIn(jobs[0], left)

    def test_who(self):
        """by uid, by a supplementary group, by the own group, or a tenant of one's own"""
        for uid, groups, tenant in ((ALICE, (), "alice"), (STRANGER, (), f"uid:{STRANGER}"),
                                    (MEMBER, (service.GROUP,), "crew"), (service.GROUP, (), "crew"),
                                    (ALICE, (service.GROUP,), "alice")):
            me = self.connect(uid, groups).call("WhoAmI")
            self.assertEqual((me["uid"], me["tenant"]), (uid, tenant))

    def test_runs(self):
        """each of them runs a program"""
        for uid, groups in ((ALICE, ()), (MEMBER, (service.GROUP,)), (STRANGER, ())):
            request = {"code": "print(1)", "limits": {"memoryBytes": 50 * MIB}}
            result = self.connect(uid, groups).call("Run", request=request)["result"]
            self.assertEqual(result["outcome"], "success", result)

    def test_profile_denied(self):
        """a profile is whose table names it"""
        result = self.connect(ALICE).call("Run", request={"code": "1", "profile": "raw"})["result"]
        self.assertEqual(result["outcome"], "success", result)
        for uid, profile in ((ALICE, "eval"), (STRANGER, "raw")):
            said = self.refused(self.connect(uid), "ProfileDenied", "Submit",
                                request={"code": "1", "profile": profile})
            self.assertEqual(said, {"profile": profile})

    def test_queue_full(self):
        """max_running jobs run, max_queued wait, the next is told when to come again"""
        alice = self.connect(ALICE)
        first = self.submit(alice, **ENDLESS)
        second = alice.call("Submit", request=ENDLESS)
        self.addCleanup(alice.call, "Cancel", job=second["job"], graceUSec=0)
        self.assertEqual(second["position"], 0)
        said = self.refused(alice, "QueueFull", "Submit", request={"code": "1"})
        self.assertEqual((said["scope"], said["queued"]), ("tenant", 1))
        self.assertGreaterEqual(said["retryAfterUSec"], 10000)
        me = alice.call("WhoAmI")
        self.assertEqual((me["runningJobs"], me["maxRunningJobs"], me["queuedJobs"],
                          me["maxQueuedJobs"]), (1, 1, 1, 1))
        # Nobody else waits for them
        result = self.connect(STRANGER).call("Run", request={"code": "1"})["result"]
        self.assertEqual(result["outcome"], "success", result)
        self.assertNotEqual(first, second["job"])

    def test_sessions(self):
        """a session above max_sessions is refused, and closing one makes room"""
        small = {"limits": {"memoryBytes": 50 * MIB}}
        for uid, groups, maximum in ((ALICE, (), 0), (MEMBER, (service.GROUP,), 1)):
            connection = self.connect(uid, groups)
            opened = [connection.call("OpenSession", **small)["info"]["session"] for _ in range(maximum)]
            said = self.refused(connection, "QuotaExceeded", "OpenSession", **small)
            self.assertEqual((said["quota"], said["used"], said["maximum"]), ("sessions", maximum, maximum))
            me = connection.call("WhoAmI")
            self.assertEqual((me["sessions"], me["maxSessions"]), (maximum, maximum))
            for session in opened:
                connection.call("CloseSession", session=session)
                connection.call("OpenSession", bindToConnection=True, **small)

    def test_connections(self):
        """a connection above max_connections is closed"""
        for _ in range(3):
            self.connect(ALICE).call("WhoAmI")
        with self.assertRaises(ConnectionError):
            self.connect(ALICE).call("WhoAmI")
        self.connect(STRANGER).call("WhoAmI")

    def test_memory(self):
        """a limit above max_memory never fits; those that do not fit together wait"""
        member = self.connect(MEMBER, (service.GROUP,))
        said = self.refused(member, "QuotaExceeded", "Submit",
                            request={"code": "1", "limits": {"memoryBytes": 100 * MIB + 1}})
        self.assertEqual(said, {"quota": "memory", "used": 0, "maximum": 100 * MIB})
        request = {"code": "while True: pass",
                   "limits": {"memoryBytes": 60 * MIB, "wallTimeUSec": 60000000}}
        self.submit(member, **request)
        second = self.submit(member, **request)
        self.assertEqual(member.call("GetJob", job=second)["info"]["state"], "queued")

    def test_submits(self):
        """submits_per_second, with submit_burst of them at once"""
        fast = self.connect(FAST)
        with self.assertRaises(varlink.Refused) as refused:
            for _ in range(1000):
                fast.call("Submit", request={"code": "1"})
        self.assertEqual(refused.exception.name, "QuotaExceeded")
        said = refused.exception.parameters
        self.assertEqual((said["quota"], said["maximum"]), ("submits", 2))
        self.assertLessEqual(said["retryAfterUSec"], 1000000)

    def test_foreign_job(self):
        """another tenant's job is not there"""
        job = self.submit(self.connect(STRANGER), code="1")
        alice = self.connect(ALICE)
        for method in ("GetJob", "Wait", "Cancel", "ForgetJob"):
            said = self.refused(alice, "JobNotFound", method, job=job)
            self.assertEqual(said, {"job": job})


    def web(self):
        return self.connect(WEB, (service.GATEWAY,))

    def test_gateway(self):
        """a member of the gateway group runs jobs for others, and reaches them; nobody else does"""
        web = self.web()
        self.assertEqual([web.call("WhoAmI")[key] for key in ("tenant", "gateway")], [f"uid:{WEB}", True])
        for name in ("alice", "customer:1@example.org", f"uid:{STRANGER}"):
            result = web.call("Run", request={"expression": "7", "tenant": name})["result"]
            self.assertEqual(result["resultJson"], "7", result)
            job = self.submit(web, code="1", tenant=name)
            self.assertEqual(web.call("Wait", job=job)["result"]["outcome"], "success")
            info = web.call("GetJob", job=job)["info"]
            self.assertEqual((info["job"], info["tenant"]), (job, name))
            self.assertIn(info, web.call("ListJobs", tenant=name)["jobs"])
            self.assertEqual(web.call("WhoAmI", tenant=name)["tenant"], name)
            self.refused(self.connect(MEMBER, (service.GROUP,)), "JobNotFound", "GetJob", job=job)
        self.assertEqual(web.call("ListJobs")["jobs"], [])
        self.assertEqual(web.call("ListJobs", tenant="nobody")["jobs"], [])
        # The user of that name sees what was run for him
        stranger = self.connect(STRANGER)
        self.assertEqual(stranger.call("GetJob", job=job)["info"]["tenant"], f"uid:{STRANGER}")

    def test_gateway_quotas(self):
        """who is named pays: another's quota is another's, and the gateway's own is untouched"""
        web = self.web()
        first, second = (self.submit(web, tenant="alice", **ENDLESS) for _ in range(2))
        self.assertNotEqual(web.call("GetJob", job=first)["info"]["state"], "queued")
        self.assertEqual(web.call("GetJob", job=second)["info"]["state"], "queued")
        said = self.refused(web, "QueueFull", "Submit", request={"code": "1", "tenant": "alice"})
        self.assertEqual((said["scope"], said["queued"]), ("tenant", 1))
        self.refused(self.connect(ALICE), "QueueFull", "Submit", request={"code": "1"})
        me = web.call("WhoAmI", tenant="alice")
        self.assertEqual((me["runningJobs"], me["queuedJobs"]), (1, 1))
        self.assertEqual(web.call("WhoAmI")["runningJobs"], 0)
        # Its profiles, too
        self.refused(web, "ProfileDenied", "Submit", request={"code": "1", "tenant": "alice", "profile": "eval"})

    def test_gateway_request_id(self):
        """a requestId is a tenant's own"""
        web = self.web()
        jobs = {web.call("Submit", request={"code": "1", "tenant": name, "requestId": "r"})["job"]
                for name in ("a", "b", "a")}
        self.assertEqual(len(jobs), 2)

    def test_gateway_session(self):
        """a session for somebody"""
        web = self.web()
        info = web.call("OpenSession", tenant="somebody")["info"]
        self.addCleanup(web.call, "CloseSession", session=info["session"])
        self.assertEqual(info["tenant"], "somebody")
        result = web.call("Execute", session=info["session"], code="6 * 7")["result"]
        self.assertEqual((result["outcome"], result["resultJson"]), ("success", "42"))
        listed = web.call("ListSessions", tenant="somebody")["sessions"]
        self.assertEqual([s["session"] for s in listed], [info["session"]])
        self.assertEqual(web.call("WhoAmI", tenant="somebody")["sessions"], 1)
        self.refused(self.connect(STRANGER), "SessionNotFound", "GetSession", session=info["session"])

    def test_no_gateway(self):
        """who is no gateway acts for himself only, whether the other exists or not"""
        stranger = self.connect(STRANGER)
        self.assertFalse(stranger.call("WhoAmI")["gateway"])
        for name in ("alice", "nobody", "default", "", "a b"):
            for method, parameters in (("Run", {"request": {"code": "1", "tenant": name}}),
                                       ("Submit", {"request": {"code": "1", "tenant": name}}),
                                       ("Check", {"request": {"code": "1", "tenant": name}}),
                                       ("OpenSession", {"tenant": name}), ("ListJobs", {"tenant": name}),
                                       ("ListSessions", {"tenant": name}), ("WhoAmI", {"tenant": name})):
                said = self.refused(stranger, "TenantDenied", method, **parameters)
                self.assertEqual(said, {"tenant": name})
        own = stranger.call("Run", request={"expression": "1", "tenant": f"uid:{STRANGER}"})["result"]
        self.assertEqual(own["outcome"], "success", own)

    def test_gateway_names(self):
        """what is no name of a tenant"""
        for name in ("", "a b", "a\n", "x" * 64, "\u00e4"):
            said = self.refused(self.web(), "InvalidRequest", "WhoAmI", tenant=name)
            self.assertEqual(said["field"], "tenant")
        self.assertEqual(self.web().call("WhoAmI", tenant="x" * 63)["tenant"], "x" * 63)

    def test_pysbctl(self):
        """pysbctl submit --tenant; of root, who can read what is built"""
        for groups, said in (((service.GATEWAY,), b"7\n"), ((), b"")):
            with service.identity(0, groups):
                run = harness.run([self.service.tree.pysbctl, "submit", "--address",
                                   f"unix:{self.service.address}", "--tenant", "alice", "-c", "print(7)"],
                                  self.service.tree.environment)
            self.assertEqual(run.stdout, said, run)
        self.assertIn("may not act for the tenant alice", run.stderr)


@unittest.skipIf(service.reason_not_to(), service.reason_not_to())
class Refusing(unittest.TestCase):
    def test_unknown_uid(self):
        """unknown_uid = "deny": who is in no table may call nothing"""
        daemon = service.Service(TENANTS, f'unknown_uid = "deny"\n{GATEWAY}')
        self.addCleanup(daemon.stop)
        with daemon.connect(ALICE) as alice:
            self.assertEqual(alice.call("WhoAmI")["tenant"], "alice")
        for method in ("WhoAmI", "GetNode", "ListProfiles"):
            with daemon.connect(STRANGER) as stranger, self.assertRaises(varlink.Refused) as refused:
                stranger.call(method)
            self.assertEqual((refused.exception.name, refused.exception.parameters),
                             ("TenantDenied", {"tenant": f"uid:{STRANGER}"}))

        # A gateway needs no table of its own, and whom it names does
        with daemon.connect(WEB, (service.GATEWAY,)) as web:
            self.assertTrue(web.call("WhoAmI", tenant="alice")["gateway"])
            for parameters in ({}, {"tenant": "nobody"}):
                with self.assertRaises(varlink.Refused) as refused:
                    web.call("WhoAmI", **parameters)
                self.assertEqual(refused.exception.parameters,
                                 {"tenant": parameters.get("tenant", f"uid:{WEB}")})

    def test_bad_table(self):
        """a mistake in tenants.toml is refused by its line"""
        with self.assertRaisesRegex(AssertionError, r"tenants\.toml:2: tenant\.weight"):
            service.Service("[alice]\nweight = 0\n")


@unittest.skipIf(service.reason_not_to(), service.reason_not_to())
class Node(unittest.TestCase):
    def connect(self, daemon, uid):
        connection = daemon.connect(uid)
        self.addCleanup(connection.close)
        return connection

    def refused(self, connection, name, **request):
        with self.assertRaises(varlink.Refused) as refused:
            connection.call("Submit", request=request)
        self.assertEqual(refused.exception.name, name)
        return refused.exception.parameters

    def test_queue_full(self):
        """where the node's queue is full, nobody could submit, and it is said so"""
        daemon = service.Service("", "max_running_jobs = 1\nmax_queued_jobs = 2")
        self.addCleanup(daemon.stop)
        one, two, three = (self.connect(daemon, uid) for uid in (3001, 3002, 3003))
        for connection in (one, one, two):
            connection.call("Submit", request=ENDLESS)
        said = self.refused(three, "QueueFull", code="1")
        self.assertEqual((said["scope"], said["queued"]), ("node", 2))
        self.assertGreaterEqual(said["retryAfterUSec"], 10000)

    def test_memory(self):
        """max_memory of the node: what never fits is refused, what does not fit now waits"""
        daemon = service.Service("", 'max_memory = "100M"')
        self.addCleanup(daemon.stop)
        one, two = (self.connect(daemon, uid) for uid in (3001, 3002))
        said = self.refused(one, "QuotaExceeded", code="1", limits={"memoryBytes": 100 * MIB + 1})
        self.assertEqual(said, {"quota": "memory", "used": 0, "maximum": 100 * MIB})
        request = ENDLESS | {"limits": {"memoryBytes": 60 * MIB, "wallTimeUSec": 60000000}}
        first = one.call("Submit", request=request)["job"]
        second = two.call("Submit", request=request)["job"]
        self.assertEqual(two.call("GetJob", job=second)["info"]["state"], "queued")
        one.call("Cancel", job=first, graceUSec=0)
        one.call("Wait", job=first)
        self.assertNotEqual(two.call("GetJob", job=second)["info"]["state"], "queued")


@unittest.skipIf(service.reason_not_to(), service.reason_not_to())
class Burst(unittest.TestCase):
    def test_burst(self):
        """512 submissions of 4 users over 128 connections each: no client gets an error"""
        daemon = service.Service("", "max_queued_jobs = 1024")
        self.addCleanup(daemon.stop)
        connections = []
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
