#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""sandbox_utils, while somebody swaps what a path goes through for a symlink that leads out.

The swap comes after the first system call of a function, in the next run after the second one, and so on
until there are no more, so that checking twice, or opening well once, does not help who opens by a path.
"""

import importlib.util
import os
import shutil

import load
from load import sandbox_utils as u, tap

HOOKED = ("close", "fstat", "lstat", "mkdir", "open", "readlink", "rename", "replace", "rmdir", "scandir", "stat",
          "symlink", "unlink", "utime")
CALLS_MAX = 500
SECRET = "SECRET" * 100

TEXT = "a,b\n1,2\n"
JSON = '[{"a": "1"}]'

# These take no path.
PURE = {*u.data.__all__, "sed", "json_to_yaml", "xml_to_dict", "yaml_to_json"}

# Function and what it does; the second name that is swapped, besides `d`; what is in d/file; the call.
TABLE = (
    ("cat", "d/file", TEXT, lambda: u.cat("d/file")),
    ("copy_tree", "d/sub", TEXT, lambda: u.copy_tree("d", "copy")),
    ("copy_tree to", "d/sub", TEXT, lambda: u.copy_tree("s", "d")),
    ("copy_tree over", "d/sub/file", TEXT, lambda: u.copy_tree("s", "d")),
    ("cp", "d/file", TEXT, lambda: u.cp("d/file", "copy")),
    ("cp to", "d/new", TEXT, lambda: u.cp("f", "d/new")),
    ("cp over", "d/file", TEXT, lambda: u.cp("f", "d/file")),
    ("cp into", "d/f", TEXT, lambda: u.cp("f", "d")),
    ("cp -r", "d/sub", TEXT, lambda: u.cp("d", "copy", recursive=True)),
    ("cp -r to", "d/new", TEXT, lambda: u.cp("s", "d/new", recursive=True)),
    ("csv_to_json", "d/file", TEXT, lambda: u.csv_to_json("d/file")),
    ("csv_to_json from", "d/file", TEXT, lambda: u.csv_to_json("d/file", "copy")),
    ("csv_to_json to", "d/file", TEXT, lambda: u.csv_to_json("f", "d/file")),
    ("csv_to_jsonl", "d/file", TEXT, lambda: u.csv_to_jsonl("d/file")),
    ("csv_to_jsonl from", "d/file", TEXT, lambda: u.csv_to_jsonl("d/file", "copy")),
    ("csv_to_jsonl to", "d/new", TEXT, lambda: u.csv_to_jsonl("f", "d/new")),
    ("diff", "d/file", TEXT, lambda: u.diff("d/file", "f")),
    ("diff with", "d/file", TEXT, lambda: u.diff("f", "d/file")),
    ("echo", "d/file", TEXT, lambda: u.echo("x", "d/file")),
    ("echo new", "d/new", TEXT, lambda: u.echo("x", "d/new")),
    ("echo append", "d/file", TEXT, lambda: u.echo("x", "d/file", append=True)),
    ("find", "d/sub", TEXT, lambda: u.find("*", "d")),
    ("grep", "d/file", TEXT, lambda: u.grep("", "d/file")),
    ("grep -r", "d/sub", TEXT, lambda: u.grep("", "d")),
    ("grep_iter", "d/file", TEXT, lambda: list(u.grep_iter("", ["d/file"]))),
    ("grep_iter -r", "d/file", TEXT, lambda: list(u.grep_iter("", "d"))),
    ("head", "d/file", TEXT, lambda: u.head("d/file")),
    ("head -", "d/file", TEXT, lambda: u.head("d/file", -1)),
    ("iter_csv", "d/file", TEXT, lambda: list(u.iter_csv("d/file"))),
    ("iter_json", "d/file", JSON, lambda: list(u.iter_json("d/file"))),
    ("iter_jsonl", "d/file", JSON, lambda: list(u.iter_jsonl("d/file"))),
    ("iter_xml", "d/file", "<a><b>1</b></a>", lambda: list(u.iter_xml("d/file", "b"))),
    ("iter_yaml", "d/file", JSON, lambda: list(u.iter_yaml("d/file"))),
    ("json_to_csv", "d/file", JSON, lambda: u.json_to_csv("d/file")),
    ("json_to_csv from", "d/file", JSON, lambda: u.json_to_csv("d/file", "copy")),
    ("json_to_csv to", "d/file", JSON, lambda: u.json_to_csv("f", "d/file")),
    ("ls", "d/sub", TEXT, lambda: u.ls("d/sub")),
    ("ls -l", "d/file", TEXT, lambda: u.ls("d", all=True, long=True)),
    ("ls file", "d/file", TEXT, lambda: u.ls("d/file", long=True)),
    ("mkdir", "d/new", TEXT, lambda: u.mkdir("d/new/x")),
    ("mkdir one", "d/new", TEXT, lambda: u.mkdir("d/new", parents=False)),
    ("mv", "d/file", TEXT, lambda: u.mv("d/file", "copy")),
    ("mv directory", "d/sub", TEXT, lambda: u.mv("d/sub", "copy")),
    ("mv to", "d/new", TEXT, lambda: u.mv("f", "d/new")),
    ("mv over", "d/file", TEXT, lambda: u.mv("f", "d/file")),
    ("mv into", "d/f", TEXT, lambda: u.mv("f", "d")),
    ("remove_tree", "d/sub", TEXT, lambda: u.remove_tree("d")),
    ("remove_tree pattern", "d/sub", TEXT, lambda: u.remove_tree("d", "*")),
    ("rm", "d/file", TEXT, lambda: u.rm("d/file")),
    ("rm -r", "d/sub", TEXT, lambda: u.rm("d/sub", recursive=True)),
    ("sed_file", "d/file", TEXT, lambda: u.sed_file("b", "c", "d/file")),
    ("sed_file from", "d/file", TEXT, lambda: u.sed_file("b", "c", "d/file", "copy")),
    ("sed_file to", "d/new", TEXT, lambda: u.sed_file("b", "c", "f", "d/new")),
    ("tail", "d/file", TEXT, lambda: u.tail("d/file")),
    ("touch", "d/file", TEXT, lambda: u.touch("d/file")),
    ("touch new", "d/new", TEXT, lambda: u.touch("d/new")),
    ("tree", "d/sub", TEXT, lambda: u.tree("d")),
    ("walk", "d/sub", TEXT, lambda: list(u.walk("d"))),
    ("wc", "d/file", TEXT, lambda: SECRET if u.wc("d/file")["bytes"] > len(SECRET) else ""),
)


class Race(load.Rooted):
    def setUp(self):
        super().setUp()
        self.outside = os.path.join(os.path.dirname(self.root), "outside")
        self.real = {name: getattr(os, name) for name in HOOKED}
        for name, function in self.real.items():
            self.addCleanup(setattr, os, name, function)

    def make(self, content):
        """The same names inside and outside; there, everything is secret."""
        for top in (self.root, self.outside):
            shutil.rmtree(top, ignore_errors=True)
            os.mkdir(top)
        secret = content.replace("1", SECRET)
        for name in ("file", "sub/file", SECRET[:6], "sub/" + SECRET[:6]):
            path = self.write(os.path.join(self.outside, name), secret)
            os.utime(path, (1, 1))
        for name in ("d/file", "d/sub/file", "f", "s/f", "s/sub/file"):
            self.write(name, content)

    def outsiders(self):
        """All that is outside, with what there is to change about it."""
        found = {}
        for where, _, files in os.walk(self.outside):
            for path in (where, *(os.path.join(where, name) for name in files)):
                status = os.lstat(path)
                found[path] = status.st_mode, status.st_size, status.st_mtime_ns, status.st_nlink
        return found

    def insiders(self):
        """Names and contents of all that is inside, as one text."""
        found = []
        for where, directories, files in os.walk(self.root):
            found += [*directories, *files]
            found += [str(self.read(path)) for name in files
                      if not os.path.islink(path := os.path.join(where, name))]
        return "\n".join(found)

    def swap(self, name):
        path = self.path(name)
        if os.path.lexists(path):
            self.real["rename"](path, path + ".was")
        # A function may have removed the directory by now.
        if os.path.isdir(os.path.dirname(path)):
            self.real["symlink"](self.outside + name.removeprefix("d"), path)

    def run_swapped(self, call, name, number):
        """Calls it, and swaps after this system call. -> result, whether there were so many"""
        calls = 0

        def hook(function):
            def hooked(*arguments, **keywords):
                nonlocal calls
                try:
                    return function(*arguments, **keywords)
                finally:
                    calls += 1
                    if calls == number:
                        self.swap(name)
            return hooked
        for each, function in self.real.items():
            setattr(os, each, hook(function))
        try:
            result = call()
        except (ValueError, OSError) as error:
            result = error
        finally:
            for each, function in self.real.items():
                setattr(os, each, function)
        return result, calls >= number

    def test_table(self):
        """each function that takes a path is in the table"""
        self.assertEqual({what.split()[0] for what, *_ in TABLE}, set(u.__all__) - PURE)

    def test_works(self):
        """without a swap each call succeeds, so that the runs below go all the way"""
        for what, _, content, call in self.table():
            with self.subTest(what=what):
                self.make(content)
                call()

    def table(self):
        has_yaml = importlib.util.find_spec("yaml") is not None
        return [row for row in TABLE if has_yaml or row[0] != "iter_yaml"]

    def race(self, name=None):
        for what, last, content, call in self.table():
            for number in range(1, CALLS_MAX):
                self.make(content)
                before = self.outsiders()
                result, is_swapped = self.run_swapped(call, name or last, number)
                note = f"{what}, swapped after system call {number}: {result!r:.200}"
                self.assertNotIn(SECRET[:6], str(result), note)
                self.assertEqual(self.outsiders(), before, note)
                self.assertNotIn(SECRET[:6], self.insiders(), note)
                if not is_swapped:
                    self.assertGreater(number, 3, note)
                    break
            else:
                self.fail(f"{what}: system calls without end")

    def test_directory(self):
        """the directory on the way becomes a symlink: nothing comes from outside, nothing changes there"""
        self.race("d")

    def test_last(self):
        """the last component does, or one below it"""
        self.race()


if __name__ == "__main__":
    tap.run(Race)
