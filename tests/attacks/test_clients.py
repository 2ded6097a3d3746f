#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients that attack the daemon: what they send, how much of it, and for whom they give themselves out."""

import itertools
import json
import os
import random
import select
import signal
import socket
import sys
import unittest

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(1, os.path.join(HERE, "../conformance"))
sys.path.insert(1, HERE)
import attack
import clients
import flood
import harness
import schema
import service
import tap
import varlink
from pysb import errors
from clients import ALICE, BOB, VARLINK

SANDBOX = "io.pysb.sandbox"
NOBODY_S = "0123456789abcdef0123456789abcdef"
MIB = 1 << 20
SLEEP = "print('ready', flush=True)\nimport time\ntime.sleep(50)"
EDGES = (None, True, -1, 0, 2**31, 2**32, 2**53, 2**63 - 1, 2**64, -2**63, 1.5, 1e30, "", "64", "9" * 400, [], {}, [[]], "\0", "x" * 5000, ["x"], {"a": 1})
# What would end this test, or take its time
NOT_CALLED = {"CloseSession"}
SEED = int(os.environ.get("PYSB_ATTACK_SEED", "20251128"))
MUTATIONS = int(os.environ.get("PYSB_ATTACK_MUTATIONS", "20000"))
# Names of variables that change a program before any policy is there, or are no names
ENVIRONMENT = ("LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "LD_DEBUG", "GLIBC_TUNABLES", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME",
               "PYTHONINSPECT", "PYTHONMALLOC", "PYTHONDEBUG", "PYTHONHASHSEED", "MALLOC_CONF", "MALLOC_ARENA_MAX", "GCONV_PATH", "LOCPATH",
               "TZDIR", "NLSPATH", "OPENSSL_CONF", "HOSTALIASES", "A=B", "", "A B", "1A", "A\n", "\u00e4", "A-B", "x" * 70000)
PROFILES = ("unconfined", "raw", "../../etc/passwd", "/etc/pysbd/profiles/default", "DEFAULT", "", "default/", "./default", "default.toml", "%s",
            "x" * 300, "default\n")


def message(method, parameters=None, **more):
    name = method if "." in method else f"{SANDBOX}.{method}"
    return json.dumps({"method": name, "parameters": parameters or {}, **more}).encode() + b"\0"


@unittest.skipUnless(os.getuid() == 0, "only root can be several users")
class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = clients.make()
        cls.broker = clients.Broker(cls.daemon)
        with cls.daemon.connect(BOB) as connection:
            connection.send(f"{VARLINK}.GetInterfaceDescription", {"interface": SANDBOX})
            cls.interface = schema.Interface(connection.receive()["description"])

    @classmethod
    def tearDownClass(cls):
        assert cls.daemon.stop() == 0

    def setUp(self):
        self.descriptors = self.broker.descriptors()
        self.opened = []

    def tearDown(self):
        for connection in self.opened:
            connection.close()
        with flood.connect_again(self.daemon, ALICE) as connection:
            for session in connection.call("ListSessions")["sessions"]:
                connection.call("CloseSession", session=session["session"])
        flood.cancel_all(self.daemon, ALICE)
        self.assertTrue(self.broker.is_alive(), "the broker has ended")
        harness.poll_until(lambda: not self.daemon.boxed(), "the end of all processes of boxes")
        with self.daemon.connect(BOB) as connection:
            result = connection.call("Run", request={"code": "print(1)"})["result"]
            self.assertEqual(result["outcome"], "success", result)
        harness.poll_until(lambda: self.broker.descriptors() <= self.descriptors, "the descriptors to be closed")

    def connect(self, uid=ALICE):
        connection = self.daemon.connect(uid)
        self.opened.append(connection)
        return connection

    def refused(self, connection, method, **parameters):
        with self.assertRaises(varlink.Refused) as caught:
            connection.call(method, **parameters)
        return caught.exception

    def test_slow_loris(self):
        """PC-01a R-D6 read timeout: a message byte by byte is closed before it is whole; silent connections wait"""
        with clients.pinging(self.daemon) as bob:
            silent = [self.connect() for _ in range(64)]
            sock = self.connect().socket
            sock.settimeout(1)
            for byte in message("GetNode", {"x": "y" * 2000}):
                try:
                    sock.send(bytes([byte]))
                    if not sock.recv(1):
                        break
                except socket.timeout:
                    bob.call("GetNode")
                except OSError:
                    break
            else:
                self.fail("it was not closed")
            silent[0].call("GetNode")

    def test_endless_message(self):
        """PC-02a R-D6 size limit: a message without an end is closed at the limit, and memory stays"""
        before = self.broker.resident_bytes()
        with clients.pinging(self.daemon):
            for first in (b"", b'{"method":"', b'{"method":"io.pysb.sandbox.Run","parameters":{"request":{"code":"'):
                sock, sent = self.connect().socket, 0
                try:
                    sock.sendall(first)
                    while sent < 64 * MIB:
                        sent += sock.send(b"a" * 65536)
                    self.fail("it takes all")
                except OSError:
                    pass
                self.assertLess(sent, 6 * MIB)  # 4 MiB and what the socket holds
        self.assertLess(self.broker.resident_bytes() - before, 3 * 5 * MIB + harness.QUARANTINE_BYTES)

    def test_nesting(self):
        """PC-03a R-D7 the decoder: levels, values, numbers, names and texts that are none"""
        deep = [b"[" * 100000, b'{"a":' * 100000, b"[" * 65 + b"]" * 65, b'{"method":"x","parameters":' + b'{"a":' * 64 + b"1" + b"}" * 65,
                b"[" * MIB, b'{"method":"x","parameters":{"a":[' + b"1," * 70000 + b"1]}}", b'{"method":"x","method":"y"}', b"\xff\xfe", b"{}" * 3,
                b'{"method":"\\ud800"}', b'{"method":"x","parameters":{"a":1e999}}', b'{"method":"x","parameters":{"a":NaN}}', b'{"method":1}',
                b'{"method":"x","parameters":[]}', b"null", b"", b"\n", b'{"method":"io.pysb.sandbox.GetNode","parameters":{"a":1,"a":2}}',
                b'{"method":"x","parameters":{"a":' + b"9" * 100000 + b"}}", b'{"method":"x"} trailing', b"\xef\xbb\xbf{}"]
        with clients.pinging(self.daemon) as bob:
            for text in deep:
                sock = self.connect().socket
                try:
                    sock.sendall(text + b"\0")
                    sock.settimeout(harness.PATIENCE)
                    answer = sock.recv(1 << 16)
                except OSError:
                    answer = b""
                self.assertTrue(not answer or b'"error"' in answer, (text[:40], answer))
                bob.call("GetNode")

    def edges_of(self, method, fields, prefix=()):
        """(path, parameters) with one wrong value each, down into the structs of the interface."""
        for name, kind in fields.items():
            for value in EDGES:
                parameters = value
                for key in reversed((*prefix, name)):
                    parameters = {key: parameters}
                yield ".".join((*prefix, name)), parameters
            while isinstance(kind, tuple):
                kind = kind[1]
            inner = kind if isinstance(kind, dict) else self.interface.types.get(kind)
            if isinstance(inner, dict) and len(prefix) < 2:
                yield from self.edges_of(method, inner, (*prefix, name))

    def test_every_parameter(self):
        """PC-04a R-D7 validation: each parameter of each method with values of wrong types and at the edges"""
        n = 0
        for method, (fields, _) in self.interface.methods.items():
            for path, parameters in itertools.islice(self.edges_of(method, fields), 0, None, attack.STEP):
                if method in NOT_CALLED:
                    continue
                n += 1
                top = parameters
                if "request" in fields and isinstance(top.get("request"), dict) and "code" not in top["request"]:
                    top = {"request": {"code": "1", "limits": {"wallTimeUSec": 1000000}, **top["request"]}}
                with self.daemon.connect(ALICE) as connection:
                    try:
                        connection.socket.sendall(message(method, top))  # the client would not send all of it
                        reply = connection.receive()
                    except varlink.Refused as e:
                        self.assertNotIn("nternal", e.name)
                        if e.name.endswith("InvalidParameter"):
                            self.assertIn(e.parameters["parameter"].split(".")[0].split("[")[0], {*fields, ""}, (method, path, e))
                        continue
                    except (errors.PysbError, OSError) as e:
                        text = json.dumps(top)
                        self.assertTrue("\\u0000" in text or "18446744073709551616" in text or "9223372036854775807" in text or
                                        "-9223372036854775808" in text or "9007199254740992" in text or "1e+30" in text, (method, path, top, e))
                        continue
                    self.assertIsInstance(reply, dict)
        self.assertGreater(n, 1000 // attack.STEP)

    def test_many_connections(self):
        """PC-05a R-D6 connections of one user: no more than his maximum, and the others have theirs"""
        held = []
        with clients.pinging(self.daemon) as bob:
            maximum = 128
            try:
                for _ in range(1000):
                    held.append(self.daemon.connect(ALICE).socket)
                bob.call("GetNode")
                self.assertLessEqual(self.broker.descriptors() - self.descriptors, maximum + 16)
                alive = 0
                for sock in held:
                    try:
                        sock.sendall(message("GetNode"))
                        alive += b'"error"' not in sock.recv(1 << 16) != b""
                    except OSError:
                        pass
                self.assertLessEqual(alive, maximum)
                self.assertGreater(alive, 0)
            finally:
                for sock in held:
                    sock.close()
        harness.poll_until(lambda: self.broker.descriptors() <= self.descriptors, "the descriptors to be closed")

    def test_descriptors(self):
        """PC-06a R-D5 SCM_RIGHTS: descriptors that no method wants are closed at once"""
        with clients.pinging(self.daemon):
            for n in (1, 4, 253):
                for _ in range(50):
                    sock = self.connect().socket
                    try:
                        clients.send_descriptors(sock, message("GetNode"), n)
                        sock.settimeout(harness.PATIENCE)
                        answer = sock.recv(1 << 16)
                    except OSError:
                        answer = b""
                    self.assertIn(b"\0" if answer else b"", answer)
                    sock.close()
        harness.poll_until(lambda: self.broker.descriptors() <= self.descriptors, "the descriptors to be closed")

    def test_descriptors_in_the_middle(self):
        """PC-06k R-D5 SCM_RIGHTS: descriptors with a later byte, without a message, and the daemon's own socket"""
        with clients.pinging(self.daemon):
            for _ in range(30):
                connection = self.connect()
                try:
                    text = message("GetNode")
                    connection.socket.sendall(text[:10])
                    clients.send_descriptors(connection.socket, text[10:20], 200)
                    socket.send_fds(connection.socket, [text[20:]], [connection.socket.fileno()])
                    is_answered = bool(connection.receive())
                except (OSError, errors.PysbError, varlink.Refused):
                    is_answered = False
                self.assertIn(is_answered, (True, False))
                connection.close()
                lone = self.connect().socket
                clients.send_descriptors(lone, b"{", 253)
                lone.close()
        harness.poll_until(lambda: self.broker.descriptors() <= self.descriptors, "the descriptors to be closed")

    def test_identity_stays(self):
        """PC-08a R-A1 SO_PEERCRED: a connection that somebody else uses is still its maker's"""
        connection = self.connect(ALICE)
        with service.identity(BOB):
            self.assertEqual(connection.call("WhoAmI")["uid"], ALICE)
        read_end, write_end = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.setgid(BOB)
            os.setuid(BOB)
            os.write(write_end, str(connection.call("WhoAmI")["uid"]).encode())
            os._exit(0)
        os.waitpid(pid, 0)
        self.assertEqual(int(os.read(read_end, 20)), ALICE)
        os.close(read_end)
        os.close(write_end)

    def test_a_thousand_submissions(self):
        """PC-09a R-A2 quotas: of a thousand submissions at once what is above the quota is refused, and nothing stays counted"""
        connection, n = self.connect(), 1000
        code = "import time\ntime.sleep(0.05)"
        ids, refused = [], []
        with clients.pinging(self.daemon) as bob:
            for begin in range(0, n, 50):  # not more than the socket holds, of answers that nobody reads
                for _ in range(50):
                    connection.send("Submit", {"request": {"code": code}})
                for _ in range(50):
                    try:
                        ids.append(connection.receive()["job"])
                    except varlink.Refused as e:
                        refused.append(e.name)
                if begin == 0:
                    result = bob.call("Run", request={"code": "print(1)"})["result"]
                    self.assertEqual(result["outcome"], "success")
            self.assertEqual(len(ids) + len(refused), n)
            self.assertLessEqual(set(refused), {"QuotaExceeded", "QueueFull"})
            who = connection.call("WhoAmI")
            self.assertLessEqual(who["runningJobs"], who.get("maxRunningJobs", 16))
            for job in ids:
                connection.call("Cancel", job=job, graceUSec=0)
            harness.poll_until(lambda: not any(connection.call("WhoAmI")[k] for k in ("runningJobs", "queuedJobs")), "all to be over")
        self.assertEqual(connection.call("Run", request={"code": "1"})["result"]["outcome"], "success")

    def test_client_goes(self):
        """PC-10a R-D8 the client's life: who goes at once, or is killed while he reads, takes his job along"""
        for more in (False, True):
            for _ in range(10):
                connection = self.connect()
                connection.send("Run", {"request": {"code": "while 1: print(1)"}}, more=more)
                connection.close()
        reader = os.fork()
        if reader == 0:
            with self.daemon.connect(ALICE) as connection:
                connection.send("Run", {"request": {"code": "while 1: print(1)"}}, more=True)
                connection.receive()
                signal.pause()
        with clients.pinging(self.daemon):
            harness.poll_until(lambda: self.daemon.boxed(), "the job of the reader")
            os.kill(reader, signal.SIGKILL)
            os.waitpid(reader, 0)
            harness.poll_until(lambda: not self.daemon.boxed(), "the end of the jobs")
        connection = self.connect()
        harness.poll_until(lambda: connection.call("WhoAmI")["runningJobs"] == 0, "nothing to be counted")

    def test_cancel(self):
        """PC-11a R-D8 states of a job: cancelled twice, when it is over, when there is none, while it waits, while it starts"""
        connection = self.connect()
        self.assertEqual(self.refused(connection, "Cancel", job="0" * 32).name, "JobNotFound")
        running = [connection.call("Submit", request={"code": SLEEP})["job"] for _ in range(40)]
        for job in running:  # some run, some start, some wait
            for _ in range(3):
                connection.call("Cancel", job=job, graceUSec=0)
        for job in running:
            result = connection.call("Wait", job=job)["result"]
            self.assertEqual(result["outcome"], "cancelled")
            connection.call("Cancel", job=job)
            self.assertEqual(connection.call("Wait", job=job)["result"]["outcome"], "cancelled")
        over = connection.call("Submit", request={"code": "1"})["job"]
        before = connection.call("Wait", job=over)["result"]
        connection.call("Cancel", job=over)
        self.assertEqual(connection.call("Wait", job=over)["result"], before)

    def test_environment(self):
        """PC-12a R-D9 variables: names that change a program before any policy, names that are none, and too much"""
        connection = self.connect()
        for name in ENVIRONMENT:
            error = self.refused(connection, "Run", request={"code": "1", "environment": {name: "/app/x"}})
            self.assertIn(error.name, ("InvalidRequest", "TooLarge"), name[:20])
        for environment in ({f"V{n}": "x" for n in range(65)}, {"V": "x" * (33 << 10)}):
            self.assertIn(self.refused(connection, "Run", request={"code": "1", "environment": environment}).name, ("InvalidRequest", "TooLarge"))
        result = connection.call("Run", request={"code": "import os\nprint(os.environ['GOOD'])", "environment": {"GOOD": "LD_PRELOAD=/x"}})["result"]
        self.assertEqual(result["stdout"]["text"], "LD_PRELOAD=/x\n")
        harness.poll_until(lambda: not self.daemon.boxed(), "the end of the box")
        for pid in (self.daemon.process.pid, self.broker.pid, *(p.pid for p in self.daemon.templates())):
            with open(f"/proc/{pid}/environ", "rb") as file:
                self.assertNotIn(b"GOOD", file.read())

    def test_profiles(self):
        """PC-13a R-A2 profiles: a name that was not granted or is none, a profile of one's own, a path"""
        connection = self.connect()
        for name in PROFILES:
            for method, parameters in (("Run", {"request": {"code": "1", "profile": name}}), ("GetProfile", {"profile": name}),
                                       ("OpenSession", {"profile": name}), ("Check", {"request": {"code": "1", "profile": name}})):
                if method == "GetProfile" and name == "raw":
                    continue  # may be looked at
                error = self.refused(connection, method, **parameters)
                self.assertIn(error.name, ("ProfileDenied", "ProfileNotFound", "InvalidRequest"), (method, name))
        self.assertIn("InvalidParameter", self.refused(connection, "Run", request={"code": "1", "profile": {"seccomp": "off"}}).name)

    def test_control_characters(self):
        """PC-14a R-D10 escaping: what a client names things by makes no second line in a log or a list"""
        evil = "a\n<0>kernel: fake\x1b[2J%n%s\u202e\r"
        connection = self.connect()
        try:
            job = connection.call("Submit", request={"code": evil, "labels": {"name": evil}, "requestId": "r1"})["job"]
            connection.call("Wait", job=job)
        except varlink.Refused as e:
            self.assertEqual(e.name, "InvalidRequest")
        for request in ({"code": "1", "requestId": evil}, {"code": "1", "profile": evil}, {"code": "1", "scriptPath": evil}, {"code": "1", "tenant": evil},
                        {"code": "1", "files": [{"path": evil, "text": ""}]}, {"code": f"raise ValueError({evil!r})"}, {"code": "1", "modules": [evil]}):
            try:
                connection.call("Run", request=request)
            except varlink.Refused:
                pass
        log = self.daemon.read_log()
        self.assertNotIn("\x1b", log)
        self.assertFalse([line for line in log.splitlines() if line.startswith("<0>")], log)

    def test_mutations(self):
        """PC-15a R-D11 random traffic: mutated messages, in pieces, with descriptors and cut off"""
        rng = random.Random(SEED)
        print(f"# PYSB_ATTACK_SEED={SEED} PYSB_ATTACK_MUTATIONS={MUTATIONS}", flush=True)
        seeds = [message(m, {k: rng.choice(EDGES[:-3]) for k in fields}) for m, (fields, _) in self.interface.methods.items() if m not in NOT_CALLED]
        seeds += [message("Run", {"request": {"code": "1", "limits": {"wallTimeUSec": 1000000}}}), message("GetNode"), message("WhoAmI")]
        before = self.broker.resident_bytes()
        with clients.pinging(self.daemon) as bob:
            connection = None
            for n in range(MUTATIONS):
                if connection is None:
                    connection = self.daemon.connect(ALICE)
                    connection.socket.setblocking(False)
                try:
                    self.send_mutated(connection.socket, rng, bytearray(rng.choice(seeds)))
                    select.select([connection.socket], [], [], 0)
                    while connection.socket.recv(1 << 16):
                        pass
                    is_over = True
                except BlockingIOError:
                    is_over = rng.random() < 0.05
                except OSError:
                    is_over = True
                if is_over:
                    connection.close()
                    connection = None
                if n % 1000 == 0:
                    bob.call("GetNode")
            if connection:
                connection.close()
        self.assertLess(self.broker.resident_bytes() - before, 64 * MIB + harness.QUARANTINE_BYTES)
        harness.poll_until(lambda: self.broker.descriptors() <= self.descriptors, "the descriptors to be closed")

    @staticmethod
    def send_mutated(sock, rng, text):
        for _ in range(rng.randrange(4)):
            at = rng.randrange(len(text))
            kind = rng.randrange(5)
            if kind == 0:
                text[at] = rng.randrange(256)
            elif kind == 1:
                del text[at:at + rng.randrange(8)]
            elif kind == 2:
                text[at:at] = bytes(rng.choice(b'{}[]",:0919\\\0ue-+.') for _ in range(rng.randrange(6)))
            elif kind == 3:
                text[at:at] = text[at:at + rng.randrange(40)]
            else:
                text[at:at + 1] = rng.choice((b"null", b"1e9", b"-1", b'"\\u0000"', b"[[[[", b"18446744073709551616"))
            if not text:
                return
        if rng.random() < 0.05:
            clients.send_descriptors(sock, bytes(text), rng.randrange(1, 20))
        elif rng.random() < 0.3:
            at = rng.randrange(len(text))
            sock.send(text[:at])
            sock.send(text[at:])
        else:
            sock.send(text)

    def test_broker_reads_no_files(self):
        """PC-08k R-A1 the broker's filter: nothing of a client's can be looked up in /proc, because it opens no file"""
        from test_observed import ALLOW, HEADER, Traced, evaluate, numbers
        if not os.path.exists(HEADER):
            self.skipTest("the names of the calls are in the headers of the C library")
        known = numbers()
        with Traced(self.broker.pid) as traced:
            program = traced.newest_filter()
        for name in ("open", "openat", "openat2", "creat", "execve", "execveat", "fork", "vfork", "clone", "clone3", "ptrace", "mount", "socket", "connect",
                     "stat", "lstat", "statx", "readlink", "readlinkat", "unlink", "unlinkat", "rename", "chmod", "chown", "kill", "tgkill", "pidfd_open",
                     "pidfd_getfd", "setns", "unshare", "bpf", "keyctl", "process_vm_readv"):
            self.assertNotEqual(evaluate(program, known[name]), ALLOW, name)

    def test_jobs_of_others(self):
        """IL-06a R-T1 each verb: another user's job, session, blob or call is as one that never was, and is untouched"""
        alice, bob = self.connect(ALICE), self.connect(BOB)
        job = alice.call("Submit", request={"code": SLEEP, "stdinOpen": True})["job"]
        session = alice.call("OpenSession")["info"]["session"]
        blob = alice.call("PutBlob", text="secret")["blob"]["blob"]
        fillers = {"data": "", "text": "", "path": "x", "callId": "1", "code": "1", "files": [], "paths": ["x"], "resultJson": "1", "offset": 0}
        n = 0
        for method, (fields, _) in self.interface.methods.items():
            for key, real, unreal in (("job", job, NOBODY_S), ("session", session, NOBODY_S), ("blob", blob, "0" * len(blob))):
                if key not in fields:
                    continue
                answers = []
                for value in (real, unreal):
                    parameters = {name: fillers[name] for name, kind in fields.items()
                                  if name in fillers and not (isinstance(kind, tuple) and kind[0] == "nullable" and name != "resultJson")}
                    try:
                        answer = bob.call(method, **{**parameters, key: value})
                    except varlink.Refused as e:
                        answer = (e.name, e.parameters)
                    answers.append(str(answer).replace(value, "ID"))
                self.assertEqual(*answers, method)
                n += 1
        self.assertGreater(n, 15)
        self.assertEqual(bob.call("RemoveBlobs", blobs=[blob]), bob.call("RemoveBlobs", blobs=["0" * len(blob)]))
        self.assertNotIn(job, str(bob.call("ListJobs")))
        self.assertNotIn(session, str(bob.call("ListSessions")))
        self.assertNotIn(job, str(bob.call("GetNode")))
        self.assertEqual(alice.call("GetJob", job=job)["info"]["state"], "running")
        self.assertEqual(alice.call("GetBlob", blob=blob)["text"], "secret")


@unittest.skipIf(attack.IS_SERVICE, "the service of this machine has a tenant for everybody")
@unittest.skipUnless(os.getuid() == 0, "only root can be several users")
class Strangers(unittest.TestCase):
    def test_strangers(self):
        """PC-07a R-A1 SO_PEERCRED: who is no tenant is refused before a byte of his is read, and does not fill the log"""
        daemon = service.Service(f"[alice]\nuids = [{ALICE}]\n", 'unknown_uid = "deny"')
        self.addCleanup(daemon.stop)
        broker = clients.Broker(daemon)
        before = broker.descriptors()
        huge = message("Submit", {"request": {"code": "#" * (4 * MIB - 200)}})
        for uid in (65534, 2999) * 20:
            for text in (message("GetNode"), message("Submit", {"request": []}), b"garbage\0", huge):
                with daemon.connect(uid).socket as sock:
                    try:
                        sock.sendall(text)
                    except BrokenPipeError:
                        pass  # it is closed: the answer is there
                    answer = json.loads(sock.recv(1 << 16).rstrip(b"\0"))
                    self.assertEqual(answer, {"error": f"{SANDBOX}.TenantDenied", "parameters": {"tenant": f"uid:{uid}"}})
        self.assertEqual(daemon.read_log().count("no tenants"), 1)
        self.assertLessEqual(broker.descriptors(), before)
        self.assertEqual(daemon.connect(ALICE).call("Run", request={"code": "1"})["result"]["outcome"], "success")


if __name__ == "__main__":
    tap.run(Clients, Strangers)
