#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""sandbox_utils.shell: ls, cat, touch, mkdir, rm, cp, mv, echo."""

import os
import pathlib
import stat
import time

import load
from load import tap
from sandbox_utils import cat, cp, echo, ls, mkdir, mv, remove_tree, rm, touch


class Ls(load.Rooted):
    def test_names(self):
        """sorted as bytes, hidden ones if asked for"""
        for name in ("b", "a.txt", "Z", ".hidden", "ä", "d/x", "\udcff"):
            self.write(name)
        self.assertEqual(ls("."), ["Z", "a.txt", "b", "d", "ä", "\udcff"])
        self.assertEqual(ls(".", all=True), [".hidden", "Z", "a.txt", "b", "d", "ä", "\udcff"])
        self.assertEqual(ls("d"), ["x"])
        self.assertEqual(ls(pathlib.Path("d")), ["x"])

    def test_long(self):
        """a dict for each"""
        self.write("f", "12345")
        os.chmod(self.path("f"), 0o640)
        os.utime(self.path("f"), (1, 1700000000.5))
        os.mkdir(self.path("g"))
        os.chmod(self.path("g"), 0o755)
        os.symlink("g", self.path("h"))
        os.mkfifo(self.path("i"))
        rows = ls(".", long=True)
        self.assertEqual(rows[0], {"name": "f", "size": 5, "type": "file", "is_dir": False,
                                   "modified": 1700000000.5, "permissions": "-rw-r-----"})
        self.assertEqual([(r["name"], r["type"], r["is_dir"], r["permissions"][0]) for r in rows[1:]],
                         [("g", "directory", True, "d"), ("h", "symlink", False, "l"), ("i", "other", False, "p")])
        self.assertEqual([r["name"] for r in ls("f", long=True)], ["f"])

    def test_misses(self):
        """nothing there is nothing; a file is itself, as it was given"""
        self.write("d/f")
        os.mkdir(self.path("e"))
        for path in ("no", "no/such", "d/f/x", "e"):
            self.assertEqual(ls(path), [])
            self.assertEqual(ls(path, long=True), [])
        self.assertEqual(ls("./d/f"), ["./d/f"])
        os.symlink("d", self.path("l"))
        self.assertEqual(ls("l"), ["f"])
        os.symlink("nowhere", self.path("m"))
        self.assertEqual((ls("m"), ls("m", long=True)[0]["type"]), (["m"], "symlink"))

    def test_escapes(self):
        """names of symlinks are shown, what lies behind them is not"""
        self.refuse_escapes(ls)
        self.assertIn("out", ls("."))
        self.assertEqual([r["type"] for r in ls(".", long=True) if r["name"] == "out"], ["symlink"])


class Cat(load.Rooted):
    def test_contents(self):
        """one behind the other, with all their bytes"""
        self.write("a", "ä\r\n")
        self.write("b", b"no newline\xff")
        self.write("empty")
        self.assertEqual(cat("a"), "ä\r\n")
        self.assertEqual(cat("a", pathlib.Path("b"), "empty", "a"), "ä\r\nno newline\udcffä\r\n")
        self.assertEqual((cat(), cat("empty")), ("", ""))

    def test_split_character(self):
        """the bytes of one character in two files are its bytes again"""
        self.write("a", b"\xc3")
        self.write("b", b"\xa4")
        self.assertEqual(cat("a", "b").encode("utf-8", "surrogateescape"), "ä".encode())

    def test_misses(self):
        """FileNotFoundError and its kin"""
        self.write("f")
        os.mkdir(self.path("d"))
        for paths, kind in ((["no"], FileNotFoundError), (["f", "no"], FileNotFoundError),
                            (["d"], IsADirectoryError), ([["f"]], TypeError)):
            with self.assertRaises(kind):
                cat(*paths)

    def test_escapes(self):
        """refused, alone and behind others"""
        self.write("f")
        self.refuse_escapes(cat)
        with self.assertRaises(ValueError):
            cat("no", "../x")  # before the miss


class Touch(load.Rooted):
    def test_touch(self):
        """makes files, and sets times of files and directories"""
        self.write("f", "content")
        os.mkdir(self.path("d"))
        for name in ("f", "d"):
            os.utime(self.path(name), (1, 1))
        touch("f", "d", "new", pathlib.Path("ä"))
        touch()
        self.assertEqual(self.read("f"), b"content")
        self.assertEqual(self.read("new"), b"")
        for name in ("f", "d", "new", "ä"):
            self.assertGreater(os.stat(self.path(name)).st_mtime, time.time() - 3600)

    def test_misses(self):
        """no directory to make it in"""
        self.write("f")
        for path, kind in (("no/x", FileNotFoundError), ("f/x", NotADirectoryError)):
            with self.assertRaises(kind) as caught:
                touch(path)
            self.assertEqual(caught.exception.filename, path)

    def test_escapes(self):
        """nothing is made or touched outside; nothing happens before"""
        before = os.stat("/etc").st_mtime
        self.refuse_escapes(touch)
        self.assertEqual(os.stat("/etc").st_mtime, before)
        with self.assertRaises(ValueError):
            touch("new", "../x")
        self.assertFalse(os.path.exists(self.path("new")))


class Mkdir(load.Rooted):
    def test_parents(self):
        """those above it, and again"""
        for _ in range(2):
            mkdir("a/b/ä")
            self.assertTrue(os.path.isdir(self.path("a/b/ä")))
        mkdir(".")
        os.symlink("a", self.path("l"))
        mkdir("l/n/m")
        self.assertTrue(os.path.isdir(self.path("a/n/m")))
        os.symlink("gone", self.path("dangling"))
        mkdir("dangling/x")
        self.assertTrue(os.path.isdir(self.path("gone/x")))

    def test_single(self):
        """without parents, as mkdir"""
        self.assertIsNone(mkdir("a", parents=False))
        for path, kind in (("a", FileExistsError), (".", FileExistsError), ("no/x", FileNotFoundError)):
            with self.assertRaises(kind) as caught:
                mkdir(path, parents=False)
            self.assertEqual(caught.exception.filename, path)

    def test_files_in_the_way(self):
        """a file is no directory"""
        self.write("f")
        for path, kind in (("f", FileExistsError), ("f/x", NotADirectoryError), ("f/x/y", NotADirectoryError)):
            with self.assertRaises(kind) as caught:
                mkdir(path)
            self.assertEqual(caught.exception.filename, path)

    def test_escapes(self):
        """nothing is made outside"""
        self.refuse_escapes(mkdir)

    def test_escapes_single(self):
        """neither without parents"""
        self.refuse_escapes(lambda path: mkdir(path, parents=False))


class Rm(load.Rooted):
    def test_dots(self):
        """the directory itself and the one above it go by their names only, as with the tool"""
        self.write("k/f")
        for path in "k/..", "k/.", "k/../", "/app/k/./":
            with self.assertRaisesRegex(ValueError, "is not removed: name the directory itself"):
                rm(path, recursive=True, force=True)
            if ".." in path:
                with self.assertRaisesRegex(ValueError, "is not removed"):
                    remove_tree(path)
        self.assertEqual(cat("k/f"), "")

    def test_remove(self):
        """files, symlinks, and directories if asked for"""
        self.write("d/e/f")
        self.write("g")
        os.symlink("d", self.path("l"))
        self.assertEqual((rm("l"), rm(pathlib.Path("g")), rm("d", recursive=True)), (1, 1, 3))
        self.assertEqual(os.listdir(self.root), [])

    def test_misses(self):
        """an error, unless forced; directories are one in any case"""
        with self.assertRaises(FileNotFoundError) as caught:
            rm("no/such")
        self.assertEqual(caught.exception.filename, "no/such")
        with self.assertRaises(FileNotFoundError):
            rm("no", recursive=True)
        self.assertEqual((rm("no", force=True), rm("no", True, True)), (0, 0))
        os.mkdir(self.path("d"))
        for force in (False, True):
            with self.assertRaises(IsADirectoryError):
                rm("d", force=force)

    def test_escapes(self):
        """nothing outside goes, with all force"""
        self.refuse_escapes(lambda path: rm(path, True, True))

    def test_escapes_plain(self):
        """nor without"""
        self.refuse_escapes(rm)


class Cp(load.Rooted):
    def test_symlink_that_would_lead_out(self):
        """a symlink that is copied is judged where it is, and where it will be"""
        self.write("a/f")
        os.symlink("..", self.path("a/up"))
        os.symlink("../f", self.path("out"))
        for source, target in ("a/up", "up"), ("out", "a/out"):
            with self.assertRaises(ValueError):
                cp(source, target, recursive=True)
            self.assertFalse(os.path.lexists(self.path(target)))

    def test_file(self):
        """to a file, over a file, into a directory"""
        self.write("a", b"1\r\n\xff")
        self.write("old", "longer than that")
        os.mkdir(self.path("d"))
        os.chmod(self.path("a"), 0o750)
        for dst, where in (("b", "b"), ("old", "old"), ("d", "d/a"), ("d/c", "d/c"), (pathlib.Path("d"), "d/a")):
            self.assertIsNone(cp("a", dst))
            self.assertEqual(self.read(where), b"1\r\n\xff")
        self.assertEqual(stat.S_IMODE(os.stat(self.path("b")).st_mode), 0o750)

    def test_symlinks(self):
        """followed by both, or copied themselves with recursive"""
        self.write("a", "1")
        self.write("b", "2")
        os.symlink("a", self.path("l"))
        os.symlink("b", self.path("m"))
        os.mkdir(self.path("d"))
        cp("l", "m")
        self.assertEqual((os.readlink(self.path("m")), self.read("b")), ("b", b"1"))
        cp("l", "d")
        self.assertEqual((os.path.islink(self.path("d/l")), self.read("d/l")), (False, b"1"))
        cp("l", "n", recursive=True)
        self.assertEqual(os.readlink(self.path("n")), "a")
        cp("l", "m", recursive=True)
        self.assertEqual((os.readlink(self.path("m")), self.read("b")), ("a", b"1"))
        with self.assertRaisesRegex(ValueError, "are the same file"):
            cp("l", "a", recursive=True)

    def test_directory(self):
        """new under the name, or into the one that is there"""
        self.write("s/x", "1")
        cp("s", "d", recursive=True)
        cp("s", "d", recursive=True)
        self.assertEqual((self.read("d/x"), self.read("d/s/x")), (b"1", b"1"))
        self.assertEqual(sorted(os.listdir(self.path("d"))), ["s", "x"])

    def test_directory_and_symlinks(self):
        """into the directory that a symlink leads to, but never in the place of a symlink"""
        self.write("s/x", "1")
        os.makedirs(self.path("d/e"))
        os.symlink("d", self.path("to-d"))
        os.symlink("e", self.path("d/s"))
        with self.assertRaises(NotADirectoryError):
            cp("s", "to-d", recursive=True)
        self.assertEqual(os.listdir(self.path("d/e")), [])
        os.unlink(self.path("d/s"))
        cp("s", "to-d", recursive=True)
        self.assertEqual(self.read("d/s/x"), b"1")

    def test_misses(self):
        """what is wrong, by the path that it is wrong with"""
        self.write("f")
        self.write("s/f/x")
        for arguments, kind, path in ((("no", "x"), FileNotFoundError, "no"),
                                      (("f", "no/x"), FileNotFoundError, "no/x"),
                                      (("s", "x"), IsADirectoryError, "s"),
                                      (("s", "no/x", True), FileNotFoundError, "no/x"),
                                      (("f", "s"), IsADirectoryError, "s/f"),
                                      (("s", "f", True), NotADirectoryError, "f"),
                                      (("f/x", "y"), FileNotFoundError, "f/x")):
            with self.assertRaises(kind) as caught:
                cp(*arguments)
            self.assertEqual(caught.exception.filename, path)
        os.mkfifo(self.path("pipe"))
        with self.assertRaisesRegex(ValueError, "'pipe' is no regular file"):
            cp("pipe", "x")
        with self.assertRaisesRegex(ValueError, "'pipe' is no regular file"):
            cp("f", "pipe")

    def test_itself(self):
        """the same file by any name; a directory into itself"""
        self.write("f", "content")
        self.write("d/x")
        os.link(self.path("f"), self.path("hard"))
        os.symlink("f", self.path("soft"))
        for dst in ("f", "./f", ".", "hard", "soft", "d/../f"):
            with self.assertRaisesRegex(ValueError, "are the same file"):
                cp("f", dst)
        self.assertEqual(self.read("f"), b"content")
        for dst in ("d", "d/n", "d/x/.."):
            with self.assertRaisesRegex(ValueError, "or in it"):
                cp("d", dst, recursive=True)

    def test_root(self):
        """of /app, what is in it, but not into itself"""
        with self.assertRaises(ValueError):
            cp(".", "d", recursive=True)

    def test_escapes(self):
        """nothing goes out"""
        self.write("f", "1")
        self.refuse_escapes(lambda path: cp("f", path))

    def test_escapes_recursive(self):
        """nor with recursive"""
        self.write("f/x", "1")
        self.refuse_escapes(lambda path: cp("f", path, recursive=True))

    def test_escapes_from(self):
        """nothing comes in"""
        self.refuse_escapes(lambda path: cp(path, "d"))
        with self.assertRaises(ValueError):
            cp("a", "d", recursive=True)  # a/up leads out
        self.assertFalse(os.path.lexists(self.path("d")))

    def test_escapes_by_name(self):
        """a directory in which the name is a symlink that leads out"""
        self.make_traps()
        self.write("s/evil", "1")
        with self.assertRaises(ValueError):
            cp("s/evil", ".")


class Mv(load.Rooted):
    def test_symlink_that_would_lead_out(self):
        """a symlink is judged at its new place, too"""
        self.write("a/f")
        os.symlink("..", self.path("a/up"))
        with self.assertRaises(ValueError):
            mv("a/up", "up")
        self.assertTrue(os.path.islink(self.path("a/up")))

    def test_move(self):
        """renamed, over a file, into a directory"""
        self.write("a", "1")
        self.write("old", "2")
        os.mkdir(self.path("d"))
        mv("a", "b")
        mv("b", "old")
        mv("old", pathlib.Path("d"))
        mv("d/old", ".")
        self.assertEqual(sorted(os.listdir(self.root)), ["d", "old"])
        self.assertEqual(self.read("old"), b"1")

    def test_directories(self):
        """as a whole; onto an empty one of that name"""
        self.write("s/x/y")
        os.makedirs(self.path("d/s"))
        mv("s", "d")
        self.assertTrue(os.path.exists(self.path("d/s/x/y")))
        mv("d/s", "t")
        self.assertTrue(os.path.exists(self.path("t/x/y")))

    def test_symlinks(self):
        """themselves; one that is a directory is gone into"""
        self.write("f", "1")
        self.write("g", "2")
        os.mkdir(self.path("d"))
        os.symlink("f", self.path("l"))
        os.symlink("d", self.path("m"))
        mv("l", "l2")
        mv("g", "l2")
        mv("f", "m")
        self.assertEqual((self.read("l2"), self.read("d/f")), (b"2", b"1"))
        self.assertFalse(os.path.islink(self.path("l2")))
        os.symlink("l2", self.path("l3"))
        with self.assertRaisesRegex(ValueError, "are the same file"):
            mv("l3", "l2")  # which would be lost

    def test_misses(self):
        """what is wrong"""
        self.write("f")
        self.write("d/x")
        self.write("e/d/y")
        self.write("g/f/y")
        for arguments, kind in ((("no", "x"), FileNotFoundError), (("f", "no/x"), FileNotFoundError),
                                (("d", "f"), NotADirectoryError), (("d", "e"), OSError),
                                (("f", "g"), IsADirectoryError)):
            with self.assertRaises(kind):
                mv(*arguments)

    def test_itself(self):
        """the same by any name; a directory into itself"""
        self.write("d/x/y")
        self.write("f")
        os.link(self.path("f"), self.path("hard"))
        for src, dst in (("f", "f"), ("f", "."), ("f", "hard"), ("d", "."), ("d/x", "d")):
            with self.assertRaisesRegex(ValueError, "are the same file"):
                mv(src, dst)
        for src, dst in (("d", "d"), ("d", "d/x"), ("d", "d/n"), (".", "d"), (".", "n")):
            with self.assertRaisesRegex(ValueError, "or in it"):
                mv(src, dst)
        self.assertTrue(os.path.exists(self.path("d/x/y")))

    def test_escapes(self):
        """nothing goes out"""
        self.write("f", "1")
        self.refuse_escapes(lambda path: mv("f", path))
        self.assertEqual(self.read("f"), b"1")

    def test_escapes_from(self):
        """nothing comes in"""
        self.refuse_escapes(lambda path: mv(path, "d"))


class Echo(load.Rooted):
    def test_half_a_pair(self):
        """a text that no file can have: the file is as it was"""
        echo("precious", "f")
        with self.assertRaises(ValueError):
            echo("\ud800", "f")
        echo("\udcff", "f", append=True)
        with open(self.path("f"), "rb") as file:
            self.assertEqual(file.read(), b"precious\n\xff\n")

    def test_returns(self):
        """the text itself, and prints nothing"""
        self.assertEqual((echo("x"), echo(""), echo("a\\n"), echo(3)), ("x", "", "a\\n", "3"))

    def test_writes(self):
        """with a newline behind it; over what is there, or behind it"""
        self.assertIsNone(echo("a\nb", "f"))
        self.assertEqual(self.read("f"), b"a\nb\n")
        echo("ä\r\udcff", file="f", append=True)
        self.assertEqual(self.read("f"), b"a\nb\n\xc3\xa4\r\xff\n")
        echo("", pathlib.Path("f"))
        self.assertEqual(self.read("f"), b"\n")
        echo("x", "new", append=True)
        self.assertEqual(self.read("new"), b"x\n")

    def test_misses(self):
        """no directory to write in"""
        os.mkdir(self.path("d"))
        for path, kind in (("no/x", FileNotFoundError), ("d", IsADirectoryError)):
            with self.assertRaises(kind):
                echo("x", path)

    def test_escapes(self):
        """nothing is written outside"""
        self.refuse_escapes(lambda path: echo("x", path))

    def test_escapes_append(self):
        """nor behind"""
        self.refuse_escapes(lambda path: echo("x", path, append=True))


if __name__ == "__main__":
    tap.run(Ls, Cat, Touch, Mkdir, Rm, Cp, Mv, Echo)
