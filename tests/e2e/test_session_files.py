#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files of a session: put, read, list and remove, between its cells and while one runs."""

import os
import sys
import tempfile

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import tap
import varlink
from pysb import FileInput, errors
from sessions import Case, value

LARGE = bytes(range(256)) * 8192  # 2 MiB, no UTF-8


class Files(Case):
    def open(self, **options):
        return super().open(**{"limits": {"disk_bytes": 8 << 20}, **options})

    def read(self, session, path, **parameters):
        """The whole reply, of which the client hands out the bytes."""
        return self.client.call("ReadFile", {"session": session.id, "path": path, **parameters})

    def names(self, session, pattern=None):
        listed = session.list_files(pattern)
        self.assertTrue(listed.complete)
        return [(entry.path, entry.kind) for entry in listed.entries]

    def test_round_trip(self):
        """what is put a cell reads, what a cell writes is read and listed, and removed"""
        session = self.open()
        session.put_files({"a.txt": "ä", "d/e/f": "deep"})
        self.assertEqual(value(session, "open('a.txt').read() + open('d/e/f').read()"), "ädeep")
        session.execute("open('a.txt', 'w').write('mine')\nimport os\nos.mkdir('empty')\nos.chmod('d/e/f', 0o755)")
        self.assertEqual(session.read_file("a.txt"), b"mine")
        reply = self.read(session, "a.txt")
        self.assertEqual((reply["file"]["text"], reply["file"]["sizeBytes"], reply["offset"], reply["endOfFile"]),
                         ("mine", 4, 0, True))
        self.assertTrue(self.read(session, "d/e/f")["file"]["executable"])
        self.assertEqual(self.names(session), [("a.txt", "file"), ("d", "directory"), ("empty", "directory")])
        self.assertEqual(self.names(session, "**/f"), [("d/e/f", "file")])
        session.put_files({"a.txt": ""})
        self.assertEqual(self.read(session, "a.txt")["file"]["sizeBytes"], 0)
        self.assertEqual(session.remove_files("a.txt", "empty"), 2)
        self.assertEqual((session.remove_files("d", recursive=True), self.names(session)), (3, []))

    def test_right_after_the_beginning(self):
        """the files of the request are there before anybody sees or changes them"""
        for _ in range(10):
            with self.open(files={"a": "x" * 100_000}) as session:
                self.assertEqual(len(session.read_file("a")), 100_000)
            with self.open(files={"a": "x" * 100_000}) as session:
                session.put_files({"a": "other"})
                self.assertEqual(value(session, "open('a').read()"), "other")
            with self.open(files={"a": "x" * 100_000}) as session:
                self.assertEqual((session.remove_files("a"), self.names(session)), (1, []))

    def test_pieces(self):
        """a file that is larger than a message goes by offsets, byte for byte"""
        session = self.open()
        session.execute("open('large', 'wb').write(bytes(range(256)) * 8192)")
        first = self.read(session, "large", maxBytes=1000)
        self.assertEqual((first["endOfFile"], first["file"]["sizeBytes"]), (False, len(LARGE)))
        self.assertEqual(session.read_file("large"), LARGE)
        session.put_files({"copy": LARGE})
        self.assertIs(value(session, "open('large', 'rb').read() == open('copy', 'rb').read()"), True)
        behind = self.read(session, "large", offset=len(LARGE) + 5)
        self.assertEqual((behind["endOfFile"], behind["file"]["text"]), (True, ""))

    def test_blob_and_descriptor(self):
        """bytes come from the blob store, and from memory that the client shares, with their mode"""
        session = self.open()
        blob = self.client.put_blob("kept").blob
        self.addCleanup(self.client.remove_blobs, blob)
        fd = os.memfd_create("test")
        self.addCleanup(os.close, fd)
        os.write(fd, LARGE)
        session.put_files({"of/blob": FileInput(blob=blob, executable=True), "shared": FileInput(file=fd)})
        self.assertEqual(value(session, "import os\nopen('of/blob').read(), bool(os.stat('of/blob').st_mode & 0o100), "
                                        "open('shared', 'rb').read() == bytes(range(256)) * 8192"),
                         ["kept", True, True])
        self.refused(errors.BlobNotFound, session.put_files,
                     {"a": "1", "b": FileInput(blob="sha256:" + "0" * 64)})
        self.assertEqual(self.names(session, "?"), [])
        said = self.refused(errors.InvalidRequest, self.client.call, "PutFiles",
                            {"session": session.id, "files": [{"path": "a", "fileDescriptor": 0}]})
        self.assertEqual(said.field, "files[0].fileDescriptor")

    def test_while_a_cell_runs(self):
        """the cell sees what is put, and what it has written is read"""
        session = self.open()
        cell = self.start(session, "import os, time\nopen('mine', 'w').write('x')\nprint('on', flush=True)\n"
                                   "while not os.path.exists('go'): time.sleep(0.001)\nopen('go').read()")
        self.assertEqual(session.read_file("mine"), b"x")
        session.put_files({"go": "now"})
        self.assertEqual(cell.wait().value, "now")

    def test_all_or_none(self):
        """if one file cannot be put, none is there"""
        session = self.open(limits={"disk_bytes": 1 << 20})
        session.execute("import os\nos.mkdir('d')")
        said = self.refused(errors.InvalidRequest, session.put_files, {"a": "1", "d": "2"})
        self.assertEqual(said.field, "files")
        self.assertEqual(self.names(session), [("d", "directory")])
        said = self.refused(errors.InvalidRequest, session.put_files,
                            {f"d/f{i}": "x" * 400_000 for i in range(3)})
        self.assertIn("diskBytes", said.reason)
        self.assertEqual(self.names(session, "**/f*"), [])
        self.assertEqual(self.names(session), [("d", "directory")])

    def test_nothing_is_followed(self):
        """no symlink, FIFO or directory is read, and each is listed as what it is"""
        session = self.open(profile="raw")
        session.execute("import os\nos.symlink('/etc/passwd', 'link')\nos.symlink('/etc', 'etc')\nos.mkfifo('fifo')\n"
                        "os.mkdir('d')\nopen('d/f', 'w')\nopen('secret', 'w').close()\nos.chmod('secret', 0)\n"
                        "open(b'\\xff\\n', 'w')")
        for path in "link", "etc/passwd", "fifo", "d":
            self.assertEqual(self.refused(errors.InvalidRequest, session.read_file, path).field, "path")
        self.refused(errors.InvalidRequest, session.put_files, {"etc/x": ""})
        self.assertEqual(self.refused(errors.InvalidRequest, session.remove_files, "d").field, "paths[0]")
        kinds = dict(self.names(session))
        self.assertEqual((kinds["link"], kinds["etc"], kinds["fifo"], kinds["d"]),
                         ("symlink", "symlink", "other", "directory"))
        self.assertIn("\\xff\\x0a", kinds)
        session.remove_files("etc", "link", "fifo")
        self.assertTrue(os.path.exists("/etc/passwd"))

    def test_refusals(self):
        """paths, numbers and sessions that make no sense"""
        session = self.open()
        said = self.refused(errors.FileNotFound, session.read_file, "no/such")
        self.assertEqual(said.parameters, {"path": "no/such"})
        session.put_files({"a": "1"})
        said = self.refused(errors.FileNotFound, session.remove_files, "a", "b")
        self.assertEqual(said.parameters, {"path": "b"})
        self.assertEqual(self.names(session), [])
        for method, field, parameters in (
                ("PutFiles", "files[0].path", {"files": [{"path": "../x"}]}),
                ("PutFiles", "files[0].data", {"files": [{"path": "x", "data": "?"}]}),
                ("PutFiles", "files", {"files": [{"path": f"f{i}"} for i in range(65)]}),
                ("ReadFile", "path", {"path": "/etc/passwd"}), ("ReadFile", "maxBytes", {"path": "a", "maxBytes": 0}),
                ("ListFiles", "pattern", {"pattern": ""}), ("ListFiles", "maxEntries", {"maxEntries": 0}),
                ("RemoveFiles", "paths", {"paths": []}), ("RemoveFiles", "paths[0]", {"paths": ["."]})):
            said = self.refused(errors.InvalidRequest, self.client.call, method, {"session": session.id, **parameters})
            self.assertEqual(said.field, field)
        nobody = self.client.session("0" * 32)
        for method, arguments in ((nobody.put_files, ({},)), (nobody.read_file, ("a",)), (nobody.list_files, ()),
                                  (nobody.remove_files, ("a",))):
            self.refused(errors.SessionNotFound, method, *arguments)

    def test_lost(self):
        """a session that has lost its interpreter has no files"""
        session = self.open(profile="raw")
        session.execute("import os\nos._exit(1)")
        self.assertEqual(self.refused(errors.SessionLost, session.list_files).parameters, {"session": session.id})

    def test_many(self):
        """more names than asked for are said to be there"""
        session = self.open()
        session.execute("for i in range(20): open(f'f{i:02}', 'w').close()")
        listed = session.list_files(max_entries=19)
        self.assertEqual((len(listed.entries), listed.complete), (19, False))
        self.assertEqual(self.names(session), [(f"f{i:02}", "file") for i in range(20)])

    def test_client_that_goes_away(self):
        """what was asked for goes on, and nobody is answered"""
        session = self.open()
        for _ in range(20):
            with varlink.Connection(self.daemon.address) as client:
                client.send("PutFiles", {"session": session.id, "files": [{"path": "a", "text": "x" * 100_000}]})
        session.put_files({"b": "1"})
        self.assertEqual(value(session, "1"), 1)

    def test_commands(self):
        """commands: put, get, files and rm"""
        session = self.open()
        with tempfile.TemporaryDirectory(dir="/tmp") as directory:
            for name in "one", "two":
                with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
                    file.write(name)
            call = self.daemon.call
            run = call("session put", session.id, f"{directory}/one", f"{directory}/two:d/2")
            self.assertEqual((run.status, run.stderr), (0, ""))
            self.assertEqual(call("session get", session.id, "d/2", "-").stdout, b"two")
            self.assertEqual(call("session get", session.id, "one", f"{directory}/copy").status, 0)
            with open(f"{directory}/copy", encoding="utf-8") as file:
                self.assertEqual(file.read(), "one")
            table = call("session files", session.id).stdout.decode()
            self.assertRegex(table, r"(?s)KIND.*directory.* d\n.*file .*3 bytes.* one\n")
            self.assertEqual(len(call("session files", "--json", session.id, "d/*").result["entries"]), 1)
            run = call("session rm", session.id, "d")
            self.assertEqual(run.status, 125)
            self.assertIn("recursive", run.stderr)
            self.assertEqual(call("session rm", "-r", session.id, "d", "one").status, 0)
            self.assertIn("There is no file", call("session get", session.id, "one").stderr)
            for arguments in (["put", session.id], ["get", session.id], ["rm", session.id], ["files"],
                              ["get", session.id, "a", "b", "c"], ["put", "--json", session.id, "a"]):
                run = call(f"session {arguments[0]}", *arguments[1:])
                self.assertEqual(run.status, 125)
                self.assertIn("Usage: pysbctl session", run.stderr)


if __name__ == "__main__":
    tap.run(Files)
