#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""sandbox_utils.files: find, tree, walk, copy_tree, remove_tree."""

import os
import pathlib

import load
from load import tap
from sandbox_utils import copy_tree, find, remove_tree, tree, walk


class Trees(load.Rooted):
    def make(self):
        """A tree with all kinds of names."""
        for name in ("a/x.py", "a/b/y.py", "a/b/.hidden.py", "a/b/c/ä.txt", "Z", "a.py", "a-b/x.py"):
            self.write(name, name)
        os.mkdir(self.path("empty"))
        os.symlink("a/b", self.path("link"))
        os.symlink("nowhere", self.path("dangling"))

    def found(self, paths):
        paths = list(paths)
        self.assertLessEqual(set(map(type, paths)), {pathlib.PosixPath})
        return [str(path) for path in paths]


class Find(Trees):
    def test_names(self):
        """names, with wildcards: sorted, hidden ones, directories and symlinks included"""
        self.make()
        for pattern, names in (("*.py", "a/b/.hidden.py a/b/y.py a/x.py a-b/x.py a.py"), ("a*", "a a-b a.py"),
                               ("[!a-z]*", "Z a/b/.hidden.py a/b/c/ä.txt"), ("?", "Z a a/b a/b/c"),
                               ("link", "link"), ("dangling", "dangling"), ("ä.*", "a/b/c/ä.txt"), ("A*", ""),
                               ("", ""), ("nothing", "")):
            self.assertEqual(self.found(find(pattern, ".")), names.split(), pattern)

    def test_paths_as_given(self):
        """relative, absolute, a Path, a symlink: the result begins as the path does"""
        self.make()
        self.assertEqual(self.found(find("x.py", "a")), ["a/x.py"])
        self.assertEqual(self.found(find("x.py", self.path("a"))), [self.path("a/x.py")])
        self.assertEqual(self.found(find("y.py", pathlib.Path("link"))), ["link/y.py"])
        self.assertEqual(self.found(find("y*", "a/../link/")), ["a/../link/y.py"])

    def test_not_recursive(self):
        """only what is directly in the directory"""
        self.make()
        self.assertEqual(self.found(find("*", "a", recursive=False)), ["a/b", "a/x.py"])

    def test_patterns_with_slash(self):
        """they are for the path below the directory"""
        self.make()
        for pattern, names in (("**/x.py", "a/x.py a-b/x.py"), ("a/*.py", "a/x.py"), ("*/x.py", "a/x.py a-b/x.py"),
                               ("a/**/*.py", "a/b/.hidden.py a/b/y.py a/x.py"), ("./a.py", "a.py"),
                               ("**/b/**", "a/b a/b/.hidden.py a/b/c a/b/c/ä.txt a/b/y.py"), ("link/*", ""),
                               ("**/**/**/y.py", "a/b/y.py"), ("b/y.py", "")):
            for recursive in (True, False):
                self.assertEqual(self.found(find(pattern, ".", recursive)), names.split(), pattern)

    def test_slow_patterns(self):
        """wildcards by the dozen take as long as others"""
        self.write("/".join("a" * 60))
        self.assertEqual(find("**/a/" * 60 + "b", "."), [])
        self.write("a" * 250)
        self.assertEqual(find("*a" * 100 + "b", "."), [])

    def test_misses(self):
        """what is not there is an empty list, a file is itself"""
        self.make()
        self.assertEqual(find("*", "no"), [])
        self.assertEqual(find("*", "no/such"), [])
        self.assertEqual(find("*", "a.py/x"), [])
        self.assertEqual(find("*", "dangling"), [])
        self.assertEqual(find("*", "empty"), [])
        self.assertEqual(self.found(find("*.py", "a/x.py")), ["a/x.py"])
        self.assertEqual(find("*.txt", "a/x.py"), [])

    def test_escapes(self):
        """neither by the path nor by the pattern"""
        self.refuse_escapes(lambda path: find("*", path))
        for pattern in ("/etc/*", "../*", "a/../../*"):
            with self.assertRaisesRegex(ValueError, "must be relative to the path"):
                find(pattern, ".")
        with self.assertRaises(TypeError):
            find(None, ".")

    def test_does_not_follow(self):
        """what lies behind symlinks that lead out is not found"""
        self.make_traps()
        self.assertEqual(find("secret", "."), [])
        self.assertEqual(find("passwd", "."), [])
        self.assertEqual(self.found(find("out", ".")), ["out"])

    def test_default_path(self):
        """without a path it is /app"""
        self.assertEqual(find.__defaults__, ("/app", True))
        self.assertEqual(walk.__defaults__, ("/app", None))
        self.assertEqual(tree.__defaults__, ("/app", None))


class Walk(Trees):
    def test_order(self):
        """directories before what is in them, sorted as bytes"""
        self.make()
        self.assertEqual(self.found(walk(".")),
                         "Z a a/b a/b/.hidden.py a/b/c a/b/c/ä.txt a/b/y.py a/x.py a-b a-b/x.py a.py dangling "
                         "empty link".split())

    def test_bytes_order(self):
        """names that are no UTF-8 among others, as in LC_ALL=C"""
        names = ["\udcff", "\U0001f600", "\uffff", "z", "é"]
        for name in names:
            self.write(name)
        self.assertEqual(self.found(walk(".")), sorted(names, key=os.fsencode))

    def test_filter(self):
        """only what the function likes; it does not keep from going down"""
        self.make()
        seen = []
        self.assertEqual(self.found(walk("a", lambda path: seen.append(path) or path.suffix == ".py")),
                         ["a/b/.hidden.py", "a/b/y.py", "a/x.py"])
        self.assertEqual(len(seen), 6)

    def test_lazy(self):
        """one after the other; what vanishes meanwhile is no error"""
        self.make()
        paths = walk(".")
        self.assertEqual([str(next(paths)) for _ in range(3)], ["Z", "a", "a/b"])
        os.rename(self.path("a/b"), self.path("bb"))
        self.assertEqual(str(next(paths)), "a/x.py")

    def test_misses(self):
        """nothing there, or a file: nothing comes"""
        self.make()
        for path in ("no", "a.py", "empty", "dangling"):
            self.assertEqual(list(walk(path)), [])

    def test_escapes(self):
        """refused at the call, not later"""
        self.refuse_escapes(walk)
        self.assertEqual([p for p in self.found(walk(".")) if p.startswith(("out/", "evil/", "a/up/"))], [])

    def test_directory_becomes_symlink(self):
        """between finding a directory and reading it: ValueError"""
        self.write("d/inside")
        self.make_traps()
        paths = walk("d/..")
        while str(next(paths)) != "d/../d":
            pass
        os.rename(self.path("d"), self.path("e"))
        os.symlink("/etc", self.path("d"))
        with self.assertRaisesRegex(ValueError, "was changed by somebody"):
            list(paths)

    def test_deep(self):
        """as deep as the file system allows, with few descriptors"""
        fd = os.open(self.root, os.O_RDONLY)
        for _ in range(600):
            os.mkdir("d", dir_fd=fd)
            below = os.open("d", os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = below
        os.close(fd)
        self.assertEqual(sum(1 for _ in walk(".")), 600)
        self.assertEqual(len(find("d", ".")), 600)
        self.assertEqual(remove_tree("d"), 600)


class Tree(Trees):
    def test_drawing(self):
        """a tree with everything"""
        self.make()
        self.assertEqual(tree("."), """.
├── Z
├── a/
│   ├── b/
│   │   ├── .hidden.py
│   │   ├── c/
│   │   │   └── ä.txt
│   │   └── y.py
│   └── x.py
├── a-b/
│   └── x.py
├── a.py
├── dangling -> nowhere
├── empty/
└── link -> a/b

5 directories, 9 files""")

    def test_depth(self):
        """so many levels, at least one"""
        self.make()
        self.assertEqual(tree("a", max_depth=1), "a\n├── b/\n└── x.py\n\n1 directory, 1 file")
        self.assertEqual(tree("a", 2).count("\n"), 7)
        self.assertEqual(tree("a", 100), tree("a"))
        for depth in (0, -1):
            with self.assertRaisesRegex(ValueError, "max_depth must be at least 1"):
                tree("a", depth)

    def test_misses(self):
        """nothing there, or nothing in it"""
        self.make()
        for path in ("no", "empty", "a.py"):
            self.assertEqual(tree(path), path + "\n\n0 directories, 0 files")

    def test_control_characters(self):
        """a name cannot fake another line"""
        self.write("a\n└── b\x1b[0m")
        self.assertEqual(tree("."), ".\n└── a?└── b?[0m\n\n0 directories, 1 file")

    def test_escapes(self):
        """refused; symlinks that lead out are drawn and not followed"""
        self.refuse_escapes(tree)
        self.assertIn("└── out -> /etc\n", tree("."))
        self.assertNotIn("secret", tree("."))


class CopyTree(Trees):
    def contents(self, name):
        """{path below: content, symlink or None of a directory}"""
        found = {}
        for path in walk(name):
            full = self.path(path)
            found[str(path.relative_to(name))] = (
                "-> " + os.readlink(full) if os.path.islink(full) else
                None if os.path.isdir(full) else self.read(path))
        return found

    def test_copy(self):
        """everything in it: counted without directories"""
        self.make()
        self.write("a/crlf", b"1\r\n\xff\0")
        os.symlink("b/y.py", self.path("a/l"))
        self.assertEqual(copy_tree("a", "new/place"), 6)
        self.assertEqual(self.contents("new/place"), self.contents("a"))
        self.assertEqual(copy_tree("empty", "empty2"), 0)
        self.assertTrue(os.path.isdir(self.path("empty2")))

    def test_overwrite(self):
        """what is there stays, or is overwritten and keeps its mode; symlinks are replaced"""
        self.write("s/x", "new")
        self.write("s/l", "new")
        os.symlink("x", self.path("s/f"))
        self.write("d/x", "older and longer")
        self.write("d/stays", "1")
        self.write("d/f", "1")
        self.write("other", "untouched")
        os.symlink("../other", self.path("d/l"))
        os.chmod(self.path("d/x"), 0o600)
        os.chmod(self.path("s/l"), 0o755)
        self.assertEqual(copy_tree("s", "d"), 3)
        self.assertEqual(self.contents("d"), {"x": b"new", "l": b"new", "f": "-> x", "stays": b"1"})
        self.assertEqual(self.read("other"), b"untouched")
        self.assertEqual(os.stat(self.path("d/x")).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(self.path("d/l")).st_mode & 0o777, 0o755)

    def test_itself(self):
        """not into itself, by whatever name"""
        self.make()
        os.symlink("..", self.path("a/b/up"))
        for dst in ("a", "a/n", "a/b/c", "link", "link/n", "a/b/up/n", ".//a/n", self.path("a/n")):
            with self.assertRaisesRegex(ValueError, " is 'a' or in it"):
                copy_tree("a", dst)
        with self.assertRaises(ValueError):
            copy_tree(".", "elsewhere")
        self.assertEqual(find("n", "."), [])
        self.assertEqual(copy_tree("a", "a-b"), 5)

    def test_symlinks_out(self):
        """a symlink that leads out, now or from its new place: ValueError before anything is copied"""
        for target in ("/etc", "../../..", "gone/../../../x"):
            self.write("s/x")
            os.symlink(target, self.path("s/out"))
            with self.assertRaisesRegex(ValueError, "'s/out' leads outside"):
                copy_tree("s", "d")
            self.assertFalse(os.path.exists(self.path("d")))
            remove_tree("s")
        self.write("a/b/c")
        os.symlink("../../x", self.path("a/b/l"))  # /app/x: inside
        self.assertEqual(copy_tree("a/b", "a/d"), 2)
        with self.assertRaisesRegex(ValueError, "'a/b/l' leads outside"):
            copy_tree("a/b", "e")

    def test_kinds(self):
        """files where directories are, and the reverse; pipes"""
        self.write("s/x")
        self.write("d/x/y")
        with self.assertRaises(IsADirectoryError) as caught:
            copy_tree("s", "d")
        self.assertEqual(caught.exception.filename, "d/x")
        with self.assertRaises(NotADirectoryError):
            copy_tree("d", "s")
        os.mkfifo(self.path("s/pipe"))
        with self.assertRaisesRegex(ValueError, "'s/pipe' is no file, directory or symlink"):
            copy_tree("s", "e")
        self.assertFalse(os.path.exists(self.path("e")))

    def test_hard_link(self):
        """a hard link to the original is not emptied"""
        self.write("s/x", "content")
        os.mkdir(self.path("d"))
        os.link(self.path("s/x"), self.path("d/x"))
        with self.assertRaisesRegex(ValueError, "'s/x' and 'd/x' are the same file"):
            copy_tree("s", "d")
        self.assertEqual(self.read("s/x"), b"content")

    def test_misses(self):
        """no source, or a file"""
        self.write("f")
        with self.assertRaises(FileNotFoundError) as caught:
            copy_tree("no", "d")
        self.assertEqual(caught.exception.filename, "no")
        with self.assertRaises(NotADirectoryError):
            copy_tree("f", "d")
        os.mkdir(self.path("s"))
        with self.assertRaises(NotADirectoryError):
            copy_tree("s", "f")
        self.assertEqual(os.listdir(self.path("s")), [])

    def test_large(self):
        """a file larger than a block"""
        content = bytes(range(256)) * 3000
        self.write("s/x", content)
        copy_tree("s", "d")
        self.assertEqual(self.read("d/x"), content)

    def test_escapes(self):
        """neither from outside nor to outside"""
        self.write("s/x")
        self.refuse_escapes(lambda path: copy_tree("s", path))

    def test_escapes_from(self):
        """nothing comes from outside"""
        self.refuse_escapes(lambda path: copy_tree(path, "d"))
        self.assertFalse(os.path.exists(self.path("d")))


class RemoveTree(Trees):
    def test_directory(self):
        """all of it, counted with directories; symlinks are not followed"""
        self.make()
        os.symlink("../a.py", self.path("a/l"))
        os.symlink("../a-b", self.path("a/m"))
        self.assertEqual(remove_tree("a"), 9)
        self.assertEqual(sorted(os.listdir(self.root)), ["Z", "a-b", "a.py", "dangling", "empty", "link"])
        self.assertEqual(os.listdir(self.path("a-b")), ["x.py"])

    def test_pattern(self):
        """only files and symlinks that match; directories stay"""
        self.make()
        os.mkdir(self.path("a/b/dir.py"))
        os.symlink("x.py", self.path("a/l.py"))
        self.assertEqual(remove_tree("a", "*.py"), 4)
        self.assertEqual([str(p) for p in walk("a")], ["a/b", "a/b/c", "a/b/c/ä.txt", "a/b/dir.py"])
        self.assertEqual(remove_tree(".", "a/b/**/*.txt"), 1)
        self.assertEqual(remove_tree(".", "*.nothing"), 0)
        self.assertEqual(remove_tree("a.py", "*.txt"), 0)
        self.assertEqual(remove_tree("a.py", "*.py"), 1)

    def test_single(self):
        """a file, a symlink: itself"""
        self.make()
        for path in ("a.py", "link", "dangling", "empty"):
            self.assertEqual(remove_tree(path), 1, path)
            self.assertFalse(os.path.lexists(self.path(path)))
        self.assertTrue(os.path.isdir(self.path("a/b")))

    def test_root(self):
        """of /app, what is in it"""
        self.make()
        self.assertEqual(remove_tree("."), 14)
        self.assertEqual(os.listdir(self.root), [])
        self.assertEqual(remove_tree(self.root), 0)

    def test_misses(self):
        """nothing there: 0"""
        self.assertEqual(remove_tree("no"), 0)
        self.assertEqual(remove_tree("no/such"), 0)
        self.assertEqual(remove_tree("no", "*"), 0)

    def test_escapes(self):
        """nothing outside goes; what leads out goes with its directory"""
        self.refuse_escapes(remove_tree)
        for pattern in ("../*", "/etc/*"):
            with self.assertRaises(ValueError):
                remove_tree("a", pattern)
        self.assertEqual(remove_tree("a"), 2)
        self.assertEqual(remove_tree(".", "out"), 1)
        remove_tree(".")
        self.assertEqual(os.listdir(self.root + "-evil"), ["secret"])


if __name__ == "__main__":
    tap.run(Find, Walk, Tree, CopyTree, RemoveTree)
