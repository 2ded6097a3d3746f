#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The blob store, and files of requests that are more than text: blobs, descriptors, modes."""

import dataclasses
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
from pysb import CollectRule, FileInput, errors

SHOW = "import json, os\nprint(json.dumps({n: [open(n, 'rb').read().hex(), os.stat(n).st_mode & 0o777] " \
       "for n in sorted(os.listdir())}))"
BLOB = CollectRule("f", delivery="blob")
TENANTS = "[small]\nuids = [7001]\nmax_blob_bytes = \"64K\"\n[other]\nuids = [7002]\n"


def name_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def memfd(data):
    fd = os.memfd_create("test")
    os.write(fd, data)
    return fd


class OnBlobs(harness.OnOneDaemon):
    def ask(self, method, **parameters):
        return self.client.call(method, parameters)

    def refused(self, error, method, **parameters):
        """What the client would not send."""
        with self.assertRaises(error) as raised:
            self.ask(method, **parameters)
        return raised.exception.parameters

    def put(self, data):
        return self.client.put_blob(data).blob

    def files(self, **files):
        return json.loads(self.client.run(SHOW, files=files).stdout.text)


class Store(OnBlobs):
    def test_put_get_remove(self):
        """bytes have the name of their hash, once, and can be read and removed"""
        before = self.client.who_am_i().blob_bytes
        for data in (b"", b"text", bytes(range(256))):
            self.assertEqual(self.put(data), name_of(data))
            self.assertEqual(self.put(data), name_of(data))
            self.assertEqual(self.client.get_blob(name_of(data)), data)
            self.assertEqual(self.ask("GetBlob", blob=name_of(data))["sizeBytes"], len(data))
        self.assertGreater(self.client.who_am_i().blob_bytes, before + 260)
        names = [name_of(d) for d in (b"", b"text", bytes(range(256)))]
        self.assertEqual(self.client.remove_blobs(*names, *names, "nonsense"), 3)
        self.assertEqual(self.client.who_am_i().blob_bytes, before)

    def test_pieces(self):
        """what is larger than a reply comes in pieces"""
        data = os.urandom(3 << 20)
        blob = self.client.put_blob(data)
        self.assertEqual((blob.blob, blob.size_bytes), (name_of(data), len(data)))
        self.assertEqual(self.client.get_blob(blob.blob), data)
        self.assertFalse(self.ask("GetBlob", blob=blob.blob)["endOfFile"])
        reply = self.ask("GetBlob", blob=blob.blob, offset=len(data) - 3, maxBytes=2)
        self.assertEqual((reply["offset"], reply["endOfFile"]), (len(data) - 3, False))
        self.assertTrue(self.ask("GetBlob", blob=blob.blob, offset=len(data))["endOfFile"])
        self.client.remove_blobs(blob.blob)

    def test_refused(self):
        """what is wrong with a call is said"""
        self.assertEqual(self.refused(errors.BlobNotFound, "GetBlob", blob=name_of(b"none")), {"blob": name_of(b"none")})
        self.refused(errors.BlobNotFound, "GetBlob", blob="x" * 1000)
        self.refused(errors.InvalidRequest, "PutBlob")
        self.refused(errors.InvalidRequest, "PutBlob", text="a", data="YQ==")
        self.refused(errors.InvalidRequest, "PutBlob", data="?")
        self.refused(errors.InvalidRequest, "PutBlob", fileDescriptor=0)
        self.refused(errors.InvalidRequest, "GetBlob", blob=self.put(b"abc"), offset=4)
        self.refused(errors.InvalidRequest, "RemoveBlobs", blobs=["x"] * 1001)

    def test_descriptors(self):
        """a descriptor that could block whoever reads it, or cannot be read, is refused"""
        read_end, write_end = os.pipe()
        write_only = os.open(f"/proc/self/fd/{memfd(b'x')}", os.O_WRONLY)
        large = memfd(b"")
        os.ftruncate(large, (16 << 20) + 1)
        for fd, error in ((read_end, errors.InvalidRequest), (write_only, errors.InvalidRequest),
                          (large, errors.TooLarge), (os.open("/", os.O_PATH), errors.InvalidRequest),
                          (os.open(__file__, os.O_RDONLY), errors.InvalidRequest)):
            with self.assertRaises(error):
                self.client.run("1", files={"a": FileInput(file=fd)})
            os.close(fd)
        os.close(write_end)


class Files(OnBlobs):
    def test_blob_as_a_file(self):
        """a file of a request may be a blob"""
        blob = self.put(b"\0\1")
        self.assertEqual(self.files(a=FileInput(blob=blob)), {"a": ["0001", 0o644]})
        none = name_of(b"none")
        for method in ("Run", "Submit", "Check"):
            self.assertEqual(self.refused(errors.BlobNotFound, method, request={
                "code": "1", "files": [{"path": "a", "blob": none}]}), {"blob": none})
        self.refused(errors.InvalidRequest, "Run", request={
            "code": "1", "files": [{"path": "a", "blob": blob, "text": ""}]})

    def test_descriptor_as_a_file(self):
        """a file of a request may be a memfd, which is copied when the job is accepted"""
        fd = memfd(b"first")
        self.assertEqual(self.files(a=FileInput(file=fd)), {"a": [b"first".hex(), 0o644]})
        os.close(fd)
        self.refused(errors.InvalidRequest, "Run", request={
            "code": "1", "files": [{"path": "a", "fileDescriptor": 0}]})

    def test_modes(self):
        """a file may be executable, and not to be written"""
        got = self.files(a=FileInput(executable=True), b=FileInput(read_only=True),
                         c=FileInput(executable=True, read_only=True), d=FileInput())
        self.assertEqual({n: mode for n, (_, mode) in got.items()}, {"a": 0o755, "b": 0o444, "c": 0o555, "d": 0o644})
        result = self.client.run("open('b', 'w')", files={"b": FileInput(read_only=True)})
        self.assertEqual(result.exception.type, "PermissionError")

    def test_session(self):
        """the files of a session may be blobs, too"""
        with self.client.open_session(files={"a": FileInput(blob=self.put(b"x"), read_only=True)}) as session:
            self.assertIn('"a": ["78", 292]', session.execute(SHOW).stdout.text)


class Collected(OnBlobs):
    def test_into_the_store(self):
        """a rule may put files into the store, where the next job finds them"""
        data = b"x" * (2 << 20)
        large, small = self.client.run(
            "open('large', 'w').write('x' * (2 << 20))\nopen('small', 'w').write('s')",
            collect=[CollectRule("large", delivery="blob"), "*"], limits={"collect_bytes": 4 << 20}).files
        self.assertEqual((large.blob, large.sha256), (name_of(data), name_of(data)[7:]))
        self.assertEqual((large.data, large.problem, small.data), (b"", None, b"s"))
        self.assertEqual(self.client.get_blob(large.blob), data)
        (file,) = self.client.run("open('f', 'w').write('next')", collect=[BLOB]).files
        self.assertEqual(self.files(a=FileInput(blob=file.blob))["a"][0], b"next".hex())

    def test_as_events(self):
        """who streams gets the name in the event"""
        with self.client.stream("open('f', 'w').write('e')", collect=[BLOB]) as events:
            self.assertEqual(harness.next_event(events, "file").file.blob, name_of(b"e"))

    def test_head(self):
        """of a file that is too large the head, if the rule says so"""
        for rule, *expected in ((dataclasses.replace(BLOB, truncate=True), name_of(b"x" * 1000), True, None),
                                (BLOB, None, None, "too-large")):
            (file,) = self.client.run("open('f', 'w').write('x' * 2000)", limits={"collect_bytes": 1000},
                                      collect=[rule]).files
            self.assertEqual([file.blob, file.truncated, file.problem], expected)


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
        with self.service.client_of(7001) as small, self.service.client_of(7002) as other:
            blob = small.put_blob("mine").blob
            for name in (blob, name_of(b"never")):
                with self.assertRaises(errors.BlobNotFound) as raised:
                    other.get_blob(name)
                self.assertEqual(raised.exception.parameters, {"blob": name})
            self.assertEqual(other.remove_blobs(blob), 0)
            with self.assertRaises(errors.QuotaExceeded) as raised:
                small.put_blob("x" * 65536)
            self.assertEqual((raised.exception.quota, raised.exception.maximum), ("blobs", 65536))
            result = small.run("open('f', 'w').write('x' * 65536)", collect=[BLOB])
            self.assertEqual((result.outcome, result.files[0].problem), ("success", "quota"))
            other.put_blob("x" * 65536)
            self.assertEqual(small.get_blob(blob), b"mine")


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
