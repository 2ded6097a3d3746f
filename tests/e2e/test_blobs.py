#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The blob store, and files of requests that are more than text: blobs, descriptors, modes."""

import base64
import hashlib
import json
import os
import sys
import tempfile
import unittest

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import service
import tap
import varlink

SHOW = "import json, os\nprint(json.dumps({n: [open(n, 'rb').read().hex(), os.stat(n).st_mode & 0o777] " \
       "for n in sorted(os.listdir())}))"
TENANTS = "[small]\nuids = [7001]\nmax_blob_bytes = \"64K\"\n[other]\nuids = [7002]\n"


def name_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def memfd(data):
    fd = os.memfd_create("test")
    os.write(fd, data)
    return fd


class OnBlobs(harness.OnOneDaemon):
    def setUp(self):
        super().setUp()
        self.connection = varlink.Connection(self.daemon.address)
        self.addCleanup(self.connection.close)

    def ask(self, method, **parameters):
        return self.connection.call(method, **parameters)

    def refused(self, error, method, **parameters):
        with self.assertRaises(varlink.Refused) as raised:
            self.ask(method, **parameters)
        self.assertEqual(raised.exception.name, error)
        return raised.exception.parameters

    def put(self, data):
        return self.ask("PutBlob", data=base64.b64encode(data).decode())["blob"]["blob"]

    def run_job(self, code, **request):
        return self.ask("Run", request={"code": code, **request})["result"]

    def files(self, *files):
        return json.loads(self.run_job(SHOW, files=list(files))["stdout"]["text"])


class Store(OnBlobs):
    def test_put_get_remove(self):
        """bytes have the name of their hash, once, and can be read and removed"""
        before = self.ask("WhoAmI")["blobBytes"]
        for data in (b"", b"text", bytes(range(256))):
            self.assertEqual(self.put(data), name_of(data))
            self.assertEqual(self.put(data), name_of(data))
            reply = self.ask("GetBlob", blob=name_of(data))
            self.assertEqual(reply["sizeBytes"], len(data))
            self.assertTrue(reply["endOfFile"])
            got = reply["text"].encode() if "text" in reply else base64.b64decode(reply["data"])
            self.assertEqual(got, data)
        self.assertGreater(self.ask("WhoAmI")["blobBytes"], before + 260)
        names = [name_of(d) for d in (b"", b"text", bytes(range(256)))]
        self.assertEqual(self.ask("RemoveBlobs", blobs=[*names, *names, "nonsense"]), {"removed": 3})
        self.assertEqual(self.ask("WhoAmI")["blobBytes"], before)

    def test_pieces(self):
        """what is larger than a reply comes in pieces"""
        data = os.urandom(3 << 20)
        fd = memfd(data)
        self.connection.send("PutBlob", {"fileDescriptor": 0}, fds=[fd])
        os.close(fd)
        blob = self.connection.receive()["blob"]
        self.assertEqual((blob["blob"], blob["sizeBytes"]), (name_of(data), len(data)))
        got, end = b"", False
        while not end:
            reply = self.ask("GetBlob", blob=blob["blob"], offset=len(got))
            got += base64.b64decode(reply["data"])
            end = reply["endOfFile"]
        self.assertEqual(got, data)
        reply = self.ask("GetBlob", blob=blob["blob"], offset=len(data) - 3, maxBytes=2)
        self.assertEqual((reply["offset"], reply["endOfFile"]), (len(data) - 3, False))
        self.assertTrue(self.ask("GetBlob", blob=blob["blob"], offset=len(data))["endOfFile"])
        self.ask("RemoveBlobs", blobs=[blob["blob"]])

    def test_refused(self):
        """what is wrong with a call is said"""
        self.assertEqual(self.refused("BlobNotFound", "GetBlob", blob=name_of(b"none")), {"blob": name_of(b"none")})
        self.refused("BlobNotFound", "GetBlob", blob="x" * 1000)
        self.refused("InvalidRequest", "PutBlob")
        self.refused("InvalidRequest", "PutBlob", text="a", data="YQ==")
        self.refused("InvalidRequest", "PutBlob", data="?")
        self.refused("InvalidRequest", "PutBlob", fileDescriptor=0)
        self.refused("InvalidRequest", "GetBlob", blob=self.put(b"abc"), offset=4)
        self.refused("InvalidRequest", "RemoveBlobs", blobs=["x"] * 1001)

    def test_descriptors(self):
        """a descriptor that could block whoever reads it, or cannot be read, is refused"""
        read_end, write_end = os.pipe()
        write_only = os.open(f"/proc/self/fd/{memfd(b'x')}", os.O_WRONLY)
        large = memfd(b"")
        os.ftruncate(large, (16 << 20) + 1)
        for fd, error in ((read_end, "InvalidRequest"), (write_only, "InvalidRequest"), (large, "TooLarge"),
                          (os.open("/", os.O_PATH), "InvalidRequest"),
                          (os.open(__file__, os.O_RDONLY), "InvalidRequest")):
            self.connection.send("PutBlob", {"fileDescriptor": 0}, fds=[fd])
            with self.assertRaises(varlink.Refused) as raised:
                self.connection.receive()
            self.assertEqual(raised.exception.name, error)
            os.close(fd)
        os.close(write_end)


class Files(OnBlobs):
    def test_blob_as_a_file(self):
        """a file of a request may be a blob"""
        blob = self.put(b"\0\1")
        self.assertEqual(self.files({"path": "a", "blob": blob}), {"a": ["0001", 0o644]})
        none = name_of(b"none")
        for method in ("Run", "Submit", "Check"):
            self.assertEqual(self.refused("BlobNotFound", method, request={
                "code": "1", "files": [{"path": "a", "blob": none}]}), {"blob": none})
        self.refused("InvalidRequest", "Run", request={
            "code": "1", "files": [{"path": "a", "blob": blob, "text": ""}]})

    def test_descriptor_as_a_file(self):
        """a file of a request may be a memfd, which is copied when the job is accepted"""
        fd = memfd(b"first")
        self.connection.send("Run", {"request": {
            "code": SHOW, "files": [{"path": "a", "fileDescriptor": 0}]}}, fds=[fd])
        result = self.connection.receive()["result"]
        self.assertIn(b"first".hex(), result["stdout"]["text"])
        os.close(fd)
        self.refused("InvalidRequest", "Run", request={
            "code": "1", "files": [{"path": "a", "fileDescriptor": 0}]})

    def test_modes(self):
        """a file may be executable, and not to be written"""
        got = self.files({"path": "a", "executable": True}, {"path": "b", "readOnly": True},
                         {"path": "c", "executable": True, "readOnly": True}, {"path": "d"})
        self.assertEqual({n: mode for n, (_, mode) in got.items()}, {"a": 0o755, "b": 0o444, "c": 0o555, "d": 0o644})
        result = self.run_job("open('b', 'w')", files=[{"path": "b", "readOnly": True}])
        self.assertEqual(result["exception"]["type"], "PermissionError")

    def test_session(self):
        """the files of a session may be blobs, too"""
        info = self.ask("OpenSession", files=[{"path": "a", "blob": self.put(b"x"), "readOnly": True}])["info"]
        result = self.ask("Execute", session=info["session"], code=SHOW)["result"]
        self.assertIn('"a": ["78", 292]', result["stdout"]["text"])
        self.ask("CloseSession", session=info["session"])


class Collected(OnBlobs):
    def test_into_the_store(self):
        """a rule may put files into the store, where the next job finds them"""
        data = b"x" * (2 << 20)
        result = self.run_job(
            "open('large', 'w').write('x' * (2 << 20))\nopen('small', 'w').write('s')",
            collect=[{"pattern": "large", "delivery": "blob"}, {"pattern": "*"}],
            limits={"collectBytes": 4 << 20})
        large, small = result["files"]
        self.assertEqual(large["blob"], name_of(data))
        self.assertEqual(large["sha256"], name_of(data)[7:])
        self.assertFalse({"text", "data", "problem"} & set(large))
        self.assertEqual(small["text"], "s")
        self.assertEqual(self.ask("GetBlob", blob=large["blob"])["sizeBytes"], len(data))
        result = self.run_job("open('f', 'w').write('next')", collect=[{"pattern": "f", "delivery": "blob"}])
        self.assertEqual(self.files({"path": "in", "blob": result["files"][0]["blob"]})["in"][0], b"next".hex())

    def test_as_events(self):
        """who streams gets the name in the event"""
        self.connection.send("Run", {"request": {"code": "open('f', 'w').write('e')", "collect": [
            {"pattern": "f", "delivery": "blob"}]}}, more=True)
        self.assertEqual(self.connection.next("file")["file"]["blob"], name_of(b"e"))

    def test_head(self):
        """of a file that is too large the head, if the rule says so"""
        result = self.run_job("open('f', 'w').write('x' * 2000)", limits={"collectBytes": 1000},
                              collect=[{"pattern": "f", "delivery": "blob", "truncate": True}])
        self.assertEqual(result["files"][0]["blob"], name_of(b"x" * 1000))
        self.assertTrue(result["files"][0]["truncated"])
        result = self.run_job("open('f', 'w').write('x' * 2000)", limits={"collectBytes": 1000},
                              collect=[{"pattern": "f", "delivery": "blob"}])
        self.assertEqual(result["files"][0]["problem"], "too-large")


@unittest.skipIf(service.reason_not_to(), service.reason_not_to())
class Tenants(unittest.TestCase):
    """Two users of a service, one of them with little room."""

    @classmethod
    def setUpClass(cls):
        cls.service = service.Service(TENANTS)

    @classmethod
    def tearDownClass(cls):
        status = cls.service.stop()
        assert status == 0, f"pysbd exited with {status} at the end"

    def test_each_has_its_own(self):
        """a blob of somebody else is as one that never was, and a full store refuses"""
        with self.service.connect(7001) as small, self.service.connect(7002) as other:
            blob = small.call("PutBlob", text="mine")["blob"]["blob"]
            for name in (blob, name_of(b"never")):
                with self.assertRaises(varlink.Refused) as raised:
                    other.call("GetBlob", blob=name)
                self.assertEqual((raised.exception.name, raised.exception.parameters),
                                 ("BlobNotFound", {"blob": name}))
            self.assertEqual(other.call("RemoveBlobs", blobs=[blob]), {"removed": 0})
            with self.assertRaises(varlink.Refused) as raised:
                small.call("PutBlob", text="x" * 65536)
            self.assertEqual(raised.exception.name, "QuotaExceeded")
            self.assertEqual(raised.exception.parameters["quota"], "blobs")
            self.assertEqual(raised.exception.parameters["maximum"], 65536)
            result = small.call("Run", request={"code": "open('f', 'w').write('x' * 65536)", "collect": [
                {"pattern": "f", "delivery": "blob"}]})["result"]
            self.assertEqual((result["outcome"], result["files"][0]["problem"]), ("success", "quota"))
            other.call("PutBlob", text="x" * 65536)
            self.assertEqual(small.call("GetBlob", blob=blob)["text"], "mine")


class Command(OnBlobs):
    """pysbctl blob."""

    def test_put_get_remove(self):
        """pysbctl blob put prints the name, get the bytes, and remove says what is not there"""
        data = "text\n" * 300000
        name = name_of(data.encode())
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(data)
            file.flush()
            run = self.daemon.call("blob", "put", file.name, "/dev/null")
        self.assertEqual((run.status, run.stdout.decode().split()), (0, [name, name_of(b"")]), run)
        run = self.daemon.call("blob", "get", name)
        self.assertEqual((run.status, run.stdout.decode()), (0, data))
        self.assertEqual(self.daemon.call("blob", "remove", name).status, 0)
        for word in ("remove", "get"):
            run = self.daemon.call("blob", word, name)
            self.assertEqual((run.status, run.stderr), (125, f"pysbctl: There is no blob {name}.\n"), run)
        for words in (["get"], ["put"], ["get", name, name], ["other", name]):
            self.assertEqual(self.daemon.call("blob", *words).status, 125)


if __name__ == "__main__":
    tap.run(Store, Files, Collected, Tenants, Command)
