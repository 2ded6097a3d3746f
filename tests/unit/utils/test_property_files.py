#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""sandbox_utils against find, ls, cat, cp, mv, rm, mkdir and touch (LC_ALL=C), on generated trees.

What looks is compared by its output. What changes something runs on one of two equal trees and the tool on
the other one, which must be equal afterwards; where the tool fails, the function must raise. 1,000 cases
each; PYSB_PROPERTY_SEED makes the same cases again.
"""

import os
import random
import shlex
import shutil
import subprocess
import tempfile
import unittest

import load  # noqa: F401  finds sandbox_utils
from load import _paths, tap
from sandbox_utils import cat, copy_tree, cp, find, ls, mkdir, mv, remove_tree, rm, touch, tree, walk

SEED = int(os.environ.get("PYSB_PROPERTY_SEED") or random.SystemRandom().randrange(10 ** 9))
CASES = 1000
TREES = 50  # for what only looks: so many cases in each

NAMES = ["a", "b", "c", "A", "aa", "ab", "a.b", ".a", "..b", "b c", "a-b", "-", "-r", "*", "[a]", "a'b", "$a", "\\",
         "~", "ä", "日本", "\u3000", "\U0001f600", "e\u0301", "\udcff", "a\nb", "a\tb", "x" * 255]
CONTENTS = [b"", b"a\n", b"a", b"\r\n", b"\xff\x00", "ä\u2028\n".encode(), b"line\n" * 3, b"long" * 20000]


class Property(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(f"{SEED} {self._testMethodName}")
        self.base = os.path.realpath(tempfile.mkdtemp())
        self.addCleanup(subprocess.run, ["rm", "-rf", self.base], check=True)
        # One bash for all calls: what costs is the start of programs.
        self.bash = subprocess.Popen(["bash", "--norc"], cwd=self.base, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(self.bash.communicate)
        self.addCleanup(setattr, _paths, "ROOT", _paths.ROOT)

    def tool(self, *words):
        """Runs it in the directory `tool`. -> (whether it succeeded, standard output)"""
        line = " ".join(shlex.quote(word) for word in words)
        self.bash.stdin.write(os.fsencode(f"(cd tool && {line}) >out </dev/null; echo $?\n"))
        self.bash.stdin.flush()
        is_ok = self.bash.stdout.readline() == b"0\n"
        with open(os.path.join(self.base, "out"), "rb") as file:
            return is_ok, file.read()

    def make(self, entries=12, nowhere=("nowhere",)):
        """A generated tree, twice: in `tool`, and in `ours`, which is /app. -> paths of all that is in it"""
        for name in ("tool", "ours"):
            shutil.rmtree(os.path.join(self.base, name), ignore_errors=True)
            os.mkdir(os.path.join(self.base, name))
        _paths.ROOT = os.path.join(self.base, "ours")
        directories, paths = [""], []
        for _ in range(self.random.randrange(entries + 1)):
            path = os.path.join(self.random.choice(directories), self.random.choice(NAMES))
            if path in paths or len(os.fsencode(path)) > 1000:
                continue
            kind = self.random.choice("ddfffl" if paths else "ddfff")
            # Inside, and in no circle: to what is there already, or to nothing.
            target = self.random.choice([*paths, *nowhere] or [""])
            target = os.path.relpath("/" + target, "/" + os.path.dirname(path))
            content, mode = self.random.choice(CONTENTS), self.random.choice((0o644, 0o600, 0o755))
            for top in ("tool", "ours"):
                full = os.path.join(self.base, top, path)
                if kind == "d":
                    os.mkdir(full)
                elif kind == "l":
                    os.symlink(target, full)
                else:
                    with open(full, "wb") as file:
                        file.write(content)
                    os.chmod(full, mode)
            paths.append(path)
            if kind == "d":
                directories.append(path)
        return paths

    def snapshot(self, top):
        """All that is in a directory: names, kinds, modes of files, contents and targets."""
        found = {}
        for where, directories, files in os.walk(os.path.join(self.base, top)):
            for name in (*directories, *files):
                full = os.path.join(where, name)
                if os.path.islink(full):
                    what = "-> " + os.readlink(full)
                elif os.path.isdir(full):
                    what = None
                else:
                    with open(full, "rb") as file:
                        what = os.stat(full).st_mode, hash(file.read())
                found[os.path.relpath(full, os.path.join(self.base, top))] = what
        return found

    def some_path(self, paths):
        """Mostly of something that is there."""
        path = self.random.choice(paths) if paths and self.random.random() < 0.8 else ""
        if not path or self.random.random() < 0.2:
            path = os.path.join(path, self.random.choice(NAMES))
        return path

    def compare_change(self, words, call):
        """Runs the tool and the function, and compares the trees."""
        before = self.snapshot("ours")
        ok, _ = self.tool(*words)
        try:
            call()
            is_ours_ok = True
        except (OSError, ValueError) as error:
            is_ours_ok = error
        if "leads outside" in str(is_ours_ok):
            return False  # a symlink, from its new place: tools have nothing against it
        if ok and "are the same file" in str(is_ours_ok) and self.snapshot("tool") == before:
            return False  # cp -r of a symlink to itself, in another directory by name: success without a change
        note = f"seed {SEED}: {words!r} on {before!r}: {is_ours_ok!r}"
        self.assertEqual(ok, is_ours_ok is True, note)
        if ok:
            self.assertEqual(self.snapshot("tool"), self.snapshot("ours"), note)
        return ok

    def change(self, case, at_least=100, **what):
        """Runs cases; enough of them must have been ones where something is done."""
        done = 0
        for _ in range(CASES):
            done += self.compare_change(*case(self.make(**what)))
        self.assertGreater(done, at_least)


class Looking(Property):
    def lines(self, output, end=b"\0"):
        self.assertTrue(output.endswith(end) or not output)
        return [os.fsdecode(line) for line in output.split(end)[:-1]]

    def look(self, case):
        for _ in range(TREES):
            paths = self.make(entries=40)
            for _ in range(CASES // TREES):
                case(paths)

    def test_find(self):
        """find PATH -mindepth 1 -name PATTERN"""
        pieces = ["*", "?", "a", "b", ".", "c", "[ab]", "[!a]", "[a-z]", "[]a]", "-", "ä", "**"]
        has_found = []

        def case(paths):
            pattern = "".join(self.random.choices(pieces, k=self.random.randrange(1, 4)))
            path = self.random.choice(["", *(p for p in paths if not self.islink(p))])
            depth = self.random.choice(([], ["-maxdepth", "1"]))
            is_file = os.path.isfile(os.path.join(self.base, "ours", path))
            _, output = self.tool("find", "./" + path, *depth,
                                  *([] if is_file else ["-mindepth", "1"]), "-name", pattern, "-print0")
            theirs = sorted((os.path.normpath(line) for line in self.lines(output)),
                            key=lambda p: [os.fsencode(name) for name in p.split("/")])
            ours = [str(p) for p in find(pattern, path or ".", not depth)]
            if "?" in pattern or "[" in pattern:
                # What one of them stands for is a byte there, and a character here.
                ours, theirs = ([p for p in found if p.isascii()] for found in (ours, theirs))
            self.assertEqual(ours, theirs, f"seed {SEED}: {pattern!r} in {path!r} of {paths!r}")
            has_found.append(bool(theirs))
        self.look(case)
        self.assertGreater(sum(has_found), 50)

    def islink(self, path):
        return os.path.islink(os.path.join(self.base, "ours", path))

    def test_walk(self):
        """find PATH -mindepth 1, sorted by names"""
        def case(paths):
            path = self.random.choice(["", *(p for p in paths if not self.islink(p))])
            _, output = self.tool("find", "./" + path, "-mindepth", "1", "-print0")
            self.assertEqual([str(p) for p in walk(path or ".")],
                             sorted((os.path.normpath(line) for line in self.lines(output)),
                                    key=lambda p: [os.fsencode(name) for name in p.split("/")]))
        self.look(case)

    def test_tree(self):
        """the drawing, read again, has what find finds; its last line counts it"""
        def case(paths):
            depth = self.random.choice((None, 1, 2, 3))
            *lines, empty, last = tree(".", depth).split("\n")[1:]
            names, drawn = [], []
            for line in lines:
                # Four characters for each level.
                level, shown = next((i // 4, line[i + 4:]) for i in range(0, len(line), 4) if line[i] in "├└")
                names[level:] = [shown]
                drawn.append("".join(names))
            limit = [] if depth is None else ["-maxdepth", str(depth)]
            _, output = self.tool("find", ".", *limit, "-mindepth", "1", "-type", "l", "-printf", "%P -> %l\\0", "-o",
                                  "-mindepth", "1", "-type", "d", "-printf", "%P/\\0", "-o",
                                  "-mindepth", "1", "-printf", "%P\\0")
            theirs = [line.translate({9: "?", 10: "?"}) for line in self.lines(output)]
            self.assertEqual((sorted(drawn), empty), (sorted(theirs), ""))
            n_directories = sum(line.endswith("/") for line in theirs)
            n_files = len(theirs) - n_directories
            self.assertEqual(last, f"{n_directories} director{'y' if n_directories == 1 else 'ies'}, "
                                   f"{n_files} file{'' if n_files == 1 else 's'}")
        self.look(case)

    def test_ls(self):
        """ls, ls -A and ls -l, one name a line"""
        def case(paths):
            path, every = self.some_path(["", *paths]), self.random.choice(([], ["-A"]))
            ok, output = self.tool("ls", "-1", "--zero", *every, "--", path or ".")
            self.assertEqual(ls(path or ".", bool(every)), self.lines(output), path)
            rows = ls(path or ".", bool(every), long=True)
            if ok:
                _, output = self.tool("find", "-H", path and "./" + path or ".", "-maxdepth", "1",
                                      "-printf", "%M %s %f\\0")
                described = {line.split(" ", 2)[2]: line for line in self.lines(output)}
                for row in rows:
                    line = f"{row['permissions']} {row['size']} {os.path.basename(row['name'])}"
                    self.assertEqual(line, described[os.path.basename(row["name"])])
                    self.assertEqual(row["is_dir"], line[0] == "d")
        self.look(case)

    def test_cat(self):
        """cat of some files, byte by byte"""
        failed = []

        def case(paths):
            files = [self.some_path(paths) for _ in range(self.random.randrange(1, 4))]
            ok, output = self.tool("cat", *("./" + file for file in files))
            failed.append(not ok)
            try:
                self.assertEqual(cat(*files).encode("utf-8", "surrogateescape"), output)
                self.assertTrue(ok)
            except OSError:
                self.assertFalse(ok)
        self.look(case)
        self.assertLess(sum(failed), 950)


class Changing(Property):
    def test_cp(self):
        """cp and cp -r"""
        def case(paths):
            recursive = self.random.choice((False, True))
            src = self.some_path(paths)
            dst = self.some_path(paths)
            return ["cp", *(["-r"] if recursive else []), "--", src, dst], lambda: cp(src, dst, recursive)
        self.change(case, nowhere=())  # cp does not write through symlinks to nothing

    def has_links(self, path):
        full = os.path.join(self.base, "ours", path)
        return any(os.path.islink(os.path.join(where, name)) for where, directories, files in os.walk(full)
                   for name in (*directories, *files))

    def test_copy_tree(self):
        """cp -r SRC/. DST, where DST exists"""
        def case(paths):
            directories = [p for p in paths if os.path.isdir(os.path.join(self.base, "ours", p))]
            # cp writes to where symlinks in DST lead; copy_tree() replaces them.
            plain = [d for d in directories if not self.has_links(d)]
            src, dst = self.random.choice(["nothing", *directories]), self.random.choice(["nothing", *plain])
            return ["sh", "-c", 'test -e "$1" || mkdir "$1"; cp -r "./$0/." "./$1"', src, dst], lambda: copy_tree(src, dst)
        self.change(case)

    def test_mv(self):
        """mv"""
        def case(paths):
            src, dst = self.some_path(paths), self.some_path(paths)
            return ["mv", "--", src, dst], lambda: mv(src, dst)
        self.change(case)

    def test_rm(self):
        """rm, -r, -f"""
        def case(paths):
            recursive, force = (self.random.choice((False, True)) for _ in range(2))
            path = self.some_path(paths)
            options = [option for option, is_set in (("-r", recursive), ("-f", force)) if is_set]
            return ["rm", *options, "--", path], lambda: rm(path, recursive, force)
        self.change(case)

    def test_remove_tree(self):
        """rm -rf; with a pattern, find -name PATTERN ! -type d -delete"""
        def case(paths):
            path = self.some_path(paths)
            pattern = self.random.choice((None, "a*", "*", "*b", "ä*"))
            words = ["rm", "-rf", "--", path] if pattern is None else \
                ["sh", "-c", 'test ! -e "./$0" -a ! -L "./$0" || find "./$0" -name "$1" ! -type d -delete', path, pattern]
            return words, lambda: remove_tree(path, pattern)
        self.change(case)

    def test_mkdir(self):
        """mkdir and mkdir -p"""
        def case(paths):
            parents = self.random.choice((True, False))
            path = os.path.join(self.some_path(paths), *self.random.choices(NAMES, k=self.random.randrange(3)))
            return ["mkdir", *(["-p"] if parents else []), "--", path], lambda: mkdir(path, parents)
        self.change(case, nowhere=())  # where those lead, mkdir() makes a directory

    def test_touch(self):
        """touch"""
        def case(paths):
            files = [self.some_path(paths) for _ in range(self.random.randrange(1, 3))]
            return ["touch", *("./" + file for file in files)], lambda: touch(*files)
        self.change(case)


if __name__ == "__main__":
    print(f"# PYSB_PROPERTY_SEED={SEED}", flush=True)
    tap.run(Looking, Changing)
