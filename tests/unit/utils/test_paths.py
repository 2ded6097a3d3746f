#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The validator of paths of sandbox_utils, and what goes down to files."""

import os
import pathlib
import stat

import load
from load import _paths, tap


class Validate(load.Rooted):
    def lead(self, path, below):
        self.assertEqual(_paths.validate(path), "/".join(filter(None, (self.root, below))), path)

    def test_inside(self):
        """what is in /app, absolute and relative, there and not there"""
        self.write("a/b.txt")
        for path, below in (("a/b.txt", "a/b.txt"), ("/a//./b.txt/"[1:], "a/b.txt"), (".", ""), ("a/..", ""),
                            ("a/b.txt/..", "a"), ("no", "no"), ("no/such/x", "no/such/x"),
                            ("no/../a", "a"), ("a/b.txt/x", "a/b.txt/x"), ("ä/\u3000", "ä/\u3000"),
                            ("\udcff", "\udcff"), ("n" * 255, "n" * 255), ("...", "..."), ("~", "~")):
            self.lead(path, below)
        for path, below in (("", ""), ("/", ""), ("/a", "a"), ("//a/", "a"), ("/a/../no", "no")):
            self.lead(self.root + path, below)
        self.lead(pathlib.Path("a/b.txt"), "a/b.txt")
        self.lead(pathlib.Path(self.root), "")

    def test_symlinks_inside(self):
        """symlinks that stay inside are resolved"""
        self.write("a/b/c")
        for target, name in (("a", "l"), ("../a/b", "a/m"), (self.root + "/a/b", "abs"), ("l/m", "n"),
                             ("../../../app/a", "a/b/far"), ("gone/x", "dangling"), (".", "self")):
            os.symlink(target, self.path(name))
        for path, below in (("l", "a"), ("l/b/c", "a/b/c"), ("l/m/c", "a/b/c"), ("abs/c", "a/b/c"),
                            ("n/c", "a/b/c"), ("l/..", ""), ("abs/..", "a"), ("n/../b", "a/b"),
                            ("dangling", "gone/x"), ("dangling/y", "gone/x/y"), ("no/../l", "a"),
                            ("self/self/self/a", "a"), ("no/no/../../l/no", "a/no")):
            self.lead(path, below)
        with self.assertRaises(ValueError):
            _paths.validate("a/b/far")  # it comes back, but it leads out

    def test_escapes(self):
        """what leads out, in a circle or can be no name: ValueError, which tells nothing"""
        self.refuse_escapes(_paths.validate)

    def test_components(self):
        """/app-evil is not below /app"""
        self.make_traps()
        for path in ("-evil", "-evil/secret", "evil", ".", "x/y"):
            with self.assertRaisesRegex(ValueError, "leads outside: paths must be inside /app"):
                _paths.validate(self.root + path)

    def test_links_maximum(self):
        """40 symlinks are followed, as by the kernel, and no more"""
        os.mkdir(self.path("d"))
        os.symlink("d", self.path("l1"))
        for i in range(2, 42):
            os.symlink(f"l{i - 1}", self.path(f"l{i}"))
        self.lead("l40", "d")
        os.stat(self.path("l40"))
        with self.assertRaisesRegex(ValueError, "too many symlinks"):
            _paths.validate("l41")
        with self.assertRaises(OSError):
            os.stat(self.path("l41"))

    def test_types(self):
        """bytes, numbers and None are TypeErrors"""
        class Bytes:
            def __fspath__(self):
                return b"x"
        os.PathLike.register(Bytes)
        for path in (b"x", 3, None, ["x"], Bytes()):
            with self.assertRaisesRegex(TypeError, "must be a str or a pathlib.Path, not "):
                _paths.validate(path)

    def test_long_names(self):
        """255 bytes, not characters; also of what is not there yet"""
        self.lead("no/" + "n" * 255, "no/" + "n" * 255)
        for name in ("n" * 256, "ä" * 128, "\udcff" * 256):
            for path in (name, "no/" + name, name + "/x", "no/" + name + "/.."):
                with self.assertRaisesRegex(ValueError, "has a name that is too long: at most 255 bytes"):
                    _paths.validate(path)

    def test_two_faced(self):
        """a str that says another thing each time is what it is"""
        class Two(str):
            def startswith(self, prefix):
                return False

            def split(self, separator):
                return ["a"]
        with self.assertRaises(ValueError):
            _paths.validate(Two("/etc/passwd"))

    def test_messages(self):
        """they show the path as given, cut, and what would be right"""
        for path, text in (("../x", "'../x' leads outside: paths must be inside /app"),
                           ("", "'' is no path: the directory itself is '.' or '/app'"),
                           ("a\0b", r"'a\x00b' has a NUL character: no path can have one")):
            with self.assertRaises(ValueError) as caught:
                _paths.validate(path)
            self.assertEqual(str(caught.exception), text)
        with self.assertRaises(ValueError) as caught:
            _paths.validate("x" * 10_000_000)
        self.assertLess(len(str(caught.exception)), 300)

    def test_linear(self):
        """a long path takes system calls in proportion"""
        depth = 500
        fd = os.open(self.root, os.O_RDONLY)
        for _ in range(depth):
            os.mkdir("d", dir_fd=fd)
            below = os.open("d", os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = below
        os.close(fd)
        calls = []
        before = os.open

        def counting(*arguments, **keywords):
            calls.append(arguments)
            return before(*arguments, **keywords)
        os.open = counting
        try:
            self.lead("d/" * depth, "/".join(["d"] * depth))
            self.lead("d/" * depth + "../" * 400 + "d/" * 10, "/".join(["d"] * 110))
        finally:
            os.open = before
        self.assertLess(len(calls), 2 * depth + 500)


class Files(load.Rooted):
    def test_bytes_are_kept(self):
        """what is read and written again is the same: no UTF-8, CRLF, NUL, BOM"""
        content = b"\xef\xbb\xbfa\r\nb\rc\n\xff\xfe\x00\xc3\xa4\xed\xa0\x80"
        self.write("x", content)
        with _paths.open_file("x") as file:
            text = file.read()
        with _paths.open_file("y", "w") as file:
            file.write(text)
        self.assertEqual(self.read("y"), content)
        with _paths.open_file("x", "rb") as file:
            self.assertEqual(file.read(), content)

    def test_modes(self):
        """as open(): a, x, r+, and what is wrong"""
        for mode, word in (("w", "a"), ("a", "b"), ("r+", "c")):
            with _paths.open_file("x", mode) as file:
                file.write(word)
        self.assertEqual(self.read("x"), b"cb")
        self.assertEqual(stat.S_IMODE(os.stat(self.path("x")).st_mode) & 0o111, 0)
        for mode, kind in (("x", FileExistsError), ("q", ValueError)):
            with self.assertRaises(kind):
                _paths.open_file("x", mode)

    def test_errors_name_the_path(self):
        """FileNotFoundError and its kin say which path, as it was given"""
        self.write("f")
        os.mkdir(self.path("d"))
        os.symlink("no/x", self.path("l"))
        for path, kind in (("no", FileNotFoundError), ("no/such", FileNotFoundError), ("d", IsADirectoryError),
                           ("l", FileNotFoundError), ("f/x", NotADirectoryError), (".", IsADirectoryError)):
            with self.assertRaises(kind) as caught:
                _paths.open_file(path)
            self.assertEqual(caught.exception.filename, path)
            self.assertNotIn(self.root, str(caught.exception))

    def test_symlink_inside(self):
        """files are opened behind symlinks that stay inside"""
        self.write("a/x", "1")
        os.symlink("a", self.path("l"))
        os.symlink(self.root + "/l/x", self.path("m"))
        for path in ("l/x", "m"):
            with _paths.open_file(path) as file:
                self.assertEqual(file.read(), "1")

    def test_escapes(self):
        """nothing outside is opened, for reading or writing"""
        self.refuse_escapes(_paths.open_file)

    def test_escapes_writing(self):
        """nothing outside is made"""
        self.refuse_escapes(lambda path: _paths.open_file(path, "w"))

    def test_no_waiting(self):
        """pipes and devices are refused at once"""
        os.mkfifo(self.path("pipe"))
        for mode in ("r", "w", "a", "r+", "rb"):
            with self.assertRaisesRegex(ValueError, "'pipe' is no regular file"):
                _paths.open_file("pipe", mode)
        _paths.ROOT = "/"
        with self.assertRaisesRegex(ValueError, "'/dev/null' is no regular file"):
            _paths.open_file("/dev/null")

    def test_nothing_stays_open(self):
        """no descriptor is left behind, whatever happened"""
        self.write("d/x")
        os.mkfifo(self.path("pipe"))
        before = os.listdir("/proc/self/fd")
        for path in (*self.escapes(), "d", "no/x", "pipe", "d/x/y"):
            for mode in ("r", "r+"):
                with self.assertRaises((ValueError, OSError)):
                    _paths.open_file(path, mode)
        _paths.open_file("d/x").close()
        self.assertEqual(os.listdir("/proc/self/fd"), before)


class At(load.Rooted):
    def test_names(self):
        """the directory and the name in it"""
        self.write("d/x")
        os.symlink("d/x", self.path("l"))
        for path, follow, directory, name in (("d/x", True, "d", "x"), ("no", True, "", "no"),
                                              ("l", True, "d", "x"), ("l", False, "", "l"),
                                              (".", True, "", "."), ("d", False, "", "d")):
            with _paths.at(path, follow) as (fd, found):
                self.assertEqual(found, name)
                self.assertTrue(os.path.samestat(os.fstat(fd), os.stat(self.path(directory))))

    def test_escapes(self):
        """with and without following"""
        def enter(path):
            with _paths.at(path, False):
                pass
        self.refuse_escapes(enter)

    def test_errors(self):
        """errors in the block have the path, and no more"""
        with self.assertRaises(FileNotFoundError) as caught:
            with _paths.at("d/../x") as (fd, name):
                os.unlink(name, dir_fd=fd)
        self.assertEqual(caught.exception.filename, "d/../x")

    def test_race_directory(self):
        """a directory that becomes a symlink after the check: ValueError"""
        os.mkdir(self.path("d"))
        self.write("d/secret", "inside")
        self.make_traps()
        resolve = _paths.resolve

        def swap(*arguments):
            names = resolve(*arguments)
            if os.path.isdir(self.path("d")):
                os.rename(self.path("d"), self.path("was"))
                os.symlink(self.root + "-evil", self.path("d"))
            return names
        self.addCleanup(setattr, _paths, "resolve", resolve)
        _paths.resolve = swap
        with self.assertRaisesRegex(ValueError, "'d/secret' was changed"):
            _paths.open_file("d/secret")

    def test_race_file(self):
        """a file that becomes a symlink after the check: ValueError"""
        self.write("f", "inside")
        self.make_traps()
        resolve = _paths.resolve

        def swap(*arguments):
            names = resolve(*arguments)
            os.unlink(self.path("f"))
            os.symlink(self.root + "-evil/secret", self.path("f"))
            return names
        self.addCleanup(setattr, _paths, "resolve", resolve)
        for mode in ("r", "w"):
            self.write("g")
            os.rename(self.path("g"), self.path("f"))
            _paths.resolve = swap
            with self.assertRaisesRegex(ValueError, "'f' was changed"):
                _paths.open_file("f", mode)
            _paths.resolve = resolve


if __name__ == "__main__":
    tap.run(Validate, Files, At)
