#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tenants of a service: who somebody is, what he may have, and each refusal."""

import os
import sys
import unittest

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
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
ALICE, MEMBER, FAST, STRANGER = 2001, 2002, 2003, 2004
ENDLESS = {"code": "while True: pass", "limits": {"wallTimeUSec": 60000000}}
MIB = 1 << 20


@unittest.skipIf(service.reason_not_to(), service.reason_not_to())
class Tenants(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = service.Service(TENANTS)

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


@unittest.skipIf(service.reason_not_to(), service.reason_not_to())
class Refusing(unittest.TestCase):
    def test_unknown_uid(self):
        """unknown_uid = "deny": who is in no table may call nothing"""
        daemon = service.Service(TENANTS, 'unknown_uid = "deny"')
        self.addCleanup(daemon.stop)
        with daemon.connect(ALICE) as alice:
            self.assertEqual(alice.call("WhoAmI")["tenant"], "alice")
        for method in ("WhoAmI", "GetNode", "ListProfiles"):
            with daemon.connect(STRANGER) as stranger, self.assertRaises(varlink.Refused) as refused:
                stranger.call(method)
            self.assertEqual((refused.exception.name, refused.exception.parameters),
                             ("TenantDenied", {"tenant": f"uid:{STRANGER}"}))

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
