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
"""
GATEWAY = f'gateway_group = "{service.GATEWAY_NAME}"'
ALICE, MEMBER, FAST, STRANGER, WEB = 2001, 2002, 2003, 2004, 2005
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
    tap.run(Tenants, Refusing, Burst)
