#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""grep, sed, head, tail, wc and diff of sandbox_utils; test_property_text.py has the tools as judges."""

import itertools
import os
import pathlib
import re
import stat
import subprocess
import tempfile
import traceback
import unittest
from unittest import mock

import load
from load import tap
from sandbox_utils import diff, grep, grep_iter, head, sed, sed_file, tail, text, wc

# No tool ends a line at any of these.
NO_ENDS = "\v\f\r\x1c\x85\u2028\u2029"


class Grep(load.Rooted):
    def test_matches(self):
        """(file, line, text) in the order of files and lines"""
        self.write("a", "one\ntwo\nthree")
        self.write("b", "to\n\nten\n")
        self.assertEqual(grep("^t", ["a", "b"]), [("a", 2, "two"), ("a", 3, "three"), ("b", 1, "to"),
                                                  ("b", 3, "ten")])
        self.assertEqual(grep(r"(\w)\1$", "a"), [("a", 3, "three")])
        self.assertEqual(grep("^$", ("b",)), [("b", 2, "")])

    def test_files(self):
        """files are one path or several, of any kind, and in the result as they were given"""
        self.write("a/b", "x\n")
        full = self.path("a/b")
        for files, names in ((full, [full]), (pathlib.Path("a/b"), ["a/b"]), (["a/b", "a/./b"], ["a/b", "a/./b"]),
                             (iter([pathlib.Path(full)]), [full]), ([], [])):
            self.assertEqual(grep("x", files), [(name, 1, "x") for name in names])

    def test_missing(self):
        """what is not there has no matches"""
        self.write("a", "x\n")
        os.symlink("nowhere", self.path("dangling"))
        self.assertEqual(grep("x", ["no", "no/x", "a/x", "dangling", "a"]), [("a", 1, "x")])
        self.assertEqual(grep("x", "no"), [])

    def test_empty(self):
        """an empty file has no line, an empty pattern is in every one"""
        self.write("a", "")
        self.write("b", "\n")
        self.assertEqual(grep("", ["a", "b"]), [("b", 1, "")])
        self.assertEqual(grep("x", ["a", "b"], invert=True), [("b", 1, "")])

    def test_directory(self):
        """a directory stands for the files in it; symlinks there are not followed"""
        self.make_traps()
        self.write("a/b/c", "x\n")
        self.write("a/.d", "x\n")
        os.symlink("b/c", self.path("a/link"))
        os.mkfifo(self.path("a/pipe"))
        self.assertEqual(grep("x", "a"), [("a/.d", 1, "x"), ("a/b/c", 1, "x")])
        self.assertEqual([row[0] for row in grep("x", ".")], ["a/.d", "a/b/c"])

    def test_unreadable(self):
        """in a directory what cannot be read is passed over; what is named itself raises"""
        for name in "a/1", "a/2", "a/3/4", "a/5":
            self.write(name, "x\n")
        inner = os.open

        def denied(name, *arguments, **keywords):
            if name in ("2", "3"):
                raise PermissionError(13, "Permission denied")
            return inner(name, *arguments, **keywords)
        with mock.patch.object(os, "open", denied):
            self.assertEqual(grep("x", "a"), [("a/1", 1, "x"), ("a/5", 1, "x")])
            for path in "a/2", "a/3":
                with self.assertRaisesRegex(PermissionError, f"'{path}'$"):
                    grep("x", path)

    def test_options(self):
        """regex=False, ignore_case, invert"""
        self.write("a", "a.b\naxb\nÉA.B\n")
        for arguments, keywords, numbers in (
                (("a.b",), {}, [1, 2]), (("a.b", "a", False), {}, [1]),
                (("a.b",), {"ignore_case": True}, [1, 2, 3]), (("éa.", "a", False), {"ignore_case": True}, [3]),
                (("a.b",), {"invert": True}, [3]), (("a.b", "a", False), {"invert": True}, [2, 3])):
            pattern, *rest = arguments
            found = grep(pattern, *rest or ["a"], **keywords)
            self.assertEqual([number for _, number, _ in found], numbers, (arguments, keywords))

    def test_lines(self):
        """only \\n ends a line; \\r belongs to it, and what is no UTF-8 stays as it is"""
        self.write("crlf", "ab\r\ncd\r\n")
        self.assertEqual(grep("b", "crlf"), [("crlf", 1, "ab\r")])
        self.assertEqual(grep("b$", "crlf"), [])
        self.write("odd", f"1{NO_ENDS}2\n日本\0\n".encode() + b"3\xff4\n\xe6\x97")
        self.assertEqual(grep("[1-9本]|$", "odd"), [("odd", 1, f"1{NO_ENDS}2"), ("odd", 2, "日本\0"),
                                                   ("odd", 3, "3\udcff4"), ("odd", 4, "\udce6\udc97")])
        self.assertEqual(grep("2\n日", "odd"), [])
        self.assertEqual(grep(r"\s", "odd", invert=True)[-1][1], 4)

    def test_bad_pattern(self):
        """no regular expression: ValueError at once"""
        for pattern in ("(", "*", "[", "a{2,1}", "(?P<x", "\\", "a{99999999999999}", "(" * 5000):
            with self.assertRaisesRegex(ValueError, "is no regular expression: "):
                grep_iter(pattern, "a")
        self.assertEqual(grep("(", self.write("a", "f(\n"), regex=False), [("a", 1, "f(")])
        for pattern in 1, b"a", re.compile("a"), None:
            for regex in True, False:
                with self.assertRaisesRegex(TypeError, "^pattern must be a str, not "):
                    grep_iter(pattern, "a", regex)

    def test_lazy(self):
        """grep_iter takes files and lines when they are asked for"""
        self.write("a", "x\n" * 3)
        asked = []
        found = grep_iter("x", (asked.append(name) or name for name in ("a", "../out")))
        self.assertEqual(asked, [])
        self.assertEqual((next(found), asked), (("a", 1, "x"), ["a"]))
        self.assertEqual([row[1] for row in itertools.islice(found, 2)], [2, 3])
        with self.assertRaises(ValueError):
            next(found)

    def test_pipe(self):
        """a pipe is refused and does not hang"""
        os.mkfifo(self.path("pipe"))
        with self.assertRaisesRegex(ValueError, "no regular file"):
            grep("x", "pipe")


class Sed(load.Rooted):
    def test_lines(self):
        """each line for itself, as sed -E s///g"""
        for pattern, replacement, before, after in (
                ("a", "b", "", ""), ("^", "> ", "", ""), ("^", "> ", "a\nb", "> a\n> b"),
                ("^", "> ", "a\n\n", "> a\n> \n"), ("$", ";", "a\nb\n", "a;\nb;\n"), ("$", ";", "\n", ";\n"),
                ("o", "0", "foo\nbo\n", "f00\nb0\n"), (r"a\nb", "x", "a\nb\n", "a\nb\n"), ("[^a]+", "x", "ab\nb", "ax\nx"),
                (r"\s+", "", "a \n b\n", "a\nb\n"), ("x", "\\n", "axb", "a\nb"), ("(?i)É", "e", "éÉ\n", "ee\n"),
                (r"\r$", "", "a\r\nb\r\n", "a\nb\n"), ("b$", "x", "b\r\n", "b\r\n"), (".", "x", "日\udcff\n", "xx\n"),
                (".+", "x", f"1{NO_ENDS}2", "x")):
            self.assertEqual(sed(pattern, replacement, before), after, (pattern, before))

    def test_replacement(self):
        """groups as re has them; & is a character"""
        for pattern, replacement, after in (
                (r"(\w+) (\w+)", r"\2 \1", "b a"), ("a", "&", "& b"), (r"\w", r"<\g<0>>", "<a> <b>"),
                (r"(?P<x>a)", r"\g<x>\g<x>", "aa b"), ("a|(x)", r"[\1]", "[] b"), (" ", r"\\", "a\\b"),
                ("a", "", " b")):
            self.assertEqual(sed(pattern, replacement, "a b"), after, pattern)

    def test_nothing_behind_a_match(self):
        """what matches nothing right behind a match is not replaced: re would"""
        for pattern, before, after in ((r"\s*$", "a  ", "a;"), ("x*", "abxd", ";a;b;d;"), ("a*", "baac", ";b;c;"),
                                       (r"\b\w*", "ab c", "; ;"), ("a*(?=b)", "aab", ";b"), ("(a*)+", "ba", ";b;"),
                                       ("$|a", "ba", "b;"), ("b|", "ab", ";a;")):
            self.assertEqual(sed(pattern, ";", before), after, pattern)

    def test_may_match_nothing(self):
        """a pattern that takes the fast way never matches nothing"""
        pieces = ["a", "a*", "a+", "a?", ".", "(a|b)", "(a|)", "(?:)", "^", "$", r"\b", r"\B", "(?=a)", "(?<=a)", r"\A",
                  "a{0,2}", "()", r"(a*)\1", "(?!a)", "[ab]*", r"\Z"]
        texts = ["".join(t) for n in range(4) for t in itertools.product("ab ", repeat=n)]
        fast = 0
        for pattern in map("".join, itertools.product(pieces, repeat=2)):
            try:
                expression = re.compile(pattern)
            except re.error:
                continue  # two groups, and a reference to the first one
            if not text._may_match_nothing(expression):
                fast += 1
                for before in texts:
                    self.assertTrue(all(m[0] for m in expression.finditer(before)), (pattern, before))
        self.assertGreater(fast, 50)

    def test_bad(self):
        """no regular expression, no such group: ValueError, even if nothing matches"""
        for pattern, replacement in (("(", "x"), ("a", r"\1"), ("(a)", r"\2"), ("a", r"\g<x>"), ("a", "\\"),
                                     ("a", r"\q"), ("(a)*", r"\2")):
            with self.assertRaisesRegex(ValueError, "is no (regular expression|replacement for this pattern): "):
                sed(pattern, replacement, "")


    def test_types(self):
        """what is no str is named"""
        for number, name in enumerate(("pattern", "replacement", "text")):
            for value in None, b"a", re.compile("a"):
                arguments = ["a", "b", "c"]
                arguments[number] = value
                with self.assertRaisesRegex(TypeError, f"^{name} must be a str, not "):
                    sed(*arguments)


class SedFile(load.Rooted):
    def test_in_place(self):
        """the file itself, with its permissions; the count of replacements"""
        self.write("a", "foo\r\nbar\xff\n".encode("latin-1") + b"o")
        os.chmod(self.path("a"), 0o640)
        self.assertEqual(sed_file("o", "0", "a"), 3)
        self.assertEqual(self.read("a"), b"f00\r\nbar\xff\n0")
        self.assertEqual(sed_file("$", ";", pathlib.Path("a"), self.path("a")), 3)
        self.assertEqual(self.read("a"), b"f00\r;\nbar\xff;\n0;")
        self.assertEqual(stat.S_IMODE(os.stat(self.path("a")).st_mode), 0o640)
        self.assertEqual(os.listdir(self.root), ["a"])

    def test_output(self):
        """another file, new or not; of a symlink its target"""
        self.write("a", "x\n")
        self.assertEqual(sed_file("x", "y", "a", "b"), 1)
        os.chmod(self.path("b"), 0o600)
        os.symlink("b", self.path("link"))
        self.assertEqual(sed_file("x", "z", "a", "link"), 1)
        self.assertEqual((self.read("a"), self.read("b")), (b"x\n", b"z\n"))
        self.assertTrue(os.path.islink(self.path("link")))
        self.assertEqual(stat.S_IMODE(os.stat(self.path("b")).st_mode), 0o600)
        self.write("empty", "")
        self.assertEqual((sed_file("^", "x", "empty", "c"), self.read("c")), (0, b""))

    def test_failures(self):
        """nothing is left behind, and the output is as it was"""
        self.write("a", "x\n")
        self.write("b", "old\n")
        os.mkdir(self.path("d"))
        os.mkfifo(self.path("pipe"))
        for arguments, error in ((("x", "y", "no"), FileNotFoundError), (("x", "y", "a", "no/x"), FileNotFoundError),
                                 (("x", "y", "d"), IsADirectoryError), (("x", "y", "a", "d"), IsADirectoryError),
                                 (("x", "y", "a", "."), IsADirectoryError), (("x", "y", "a", "pipe"), ValueError),
                                 (("x", "y", "pipe", "b"), ValueError), (("(", "y", "a", "b"), ValueError),
                                 (("x", r"\1", "a", "b"), ValueError), (("x", "\ud800", "a", "b"), ValueError)):
            with self.assertRaises(error) as caught:
                sed_file(*arguments)
            if isinstance(caught.exception, OSError):
                self.assertIn(caught.exception.filename, arguments[2:])
            for frame in traceback.extract_tb(caught.exception.__traceback__):
                self.assertNotIn("contextlib", frame.filename)
        with mock.patch.object(os, "rename", side_effect=OSError(28, "No space left on device")):
            with self.assertRaises(OSError):
                sed_file("x", "y", "a", "b")
        self.write(f".sed-{b'x'.hex() * 8}", "somebody's")
        with mock.patch.object(os, "urandom", side_effect=lambda size: b"x" * size):
            with self.assertRaises(FileExistsError):
                sed_file("x", "y", "a", "b")
        os.unlink(self.path(f".sed-{b'x'.hex() * 8}"))
        self.assertEqual((self.read("a"), self.read("b")), (b"x\n", b"old\n"))
        self.assertEqual(sorted(os.listdir(self.root)), ["a", "b", "d", "pipe"])


class HeadTail(load.Rooted):
    def test_counts(self):
        """some lines, all, none; of a last line without an end, too"""
        self.write("a", "".join(f"{n}\n" for n in range(1, 13)))
        self.write("b", "1\n\n3")
        for function, name, count, lines in (
                (head, "a", 2, "1\n2\n"), (tail, "a", 2, "11\n12\n"), (head, "a", -10, "1\n2\n"), (tail, "a", -2, "11\n12\n"),
                (head, "b", 5, "1\n\n3"), (tail, "b", 5, "1\n\n3"), (head, "b", -1, "1\n\n"), (tail, "b", 1, "3"),
                (tail, "b", 2, "\n3"), (head, "a", 0, ""), (tail, "a", 0, ""), (head, "b", -3, ""), (head, "b", -9, ""),
                (head, "b", 10 ** 9, "1\n\n3"), (tail, "b", 10 ** 9, "1\n\n3")):
            self.assertEqual(function(name, count), lines, (function, name, count))
        self.assertEqual((head("a").count("\n"), tail(pathlib.Path("a"))[0]), (10, "3"))

    def test_bytes(self):
        """empty files, CRLF, Unicode, what is no UTF-8"""
        self.write("empty", "")
        self.write("a", "é\r\n日\r\n".encode() + b"\xff" + NO_ENDS.encode())
        for function in (head, tail):
            self.assertEqual([function("empty", n) for n in (0, 1, -1)], ["", "", ""])
            self.assertEqual(function("a"), f"é\r\n日\r\n\udcff{NO_ENDS}")
        self.assertEqual((head("a", 1), tail("a", 1)), ("é\r\n", f"\udcff{NO_ENDS}"))

    def test_lines(self):
        """numbers of any size, and no other types"""
        self.write("a", "1\n2\n")
        for function in head, tail:
            self.assertEqual(function("a", 10 ** 30), "1\n2\n")
            for lines in None, "1", 1.0, True:
                with self.assertRaisesRegex(TypeError, "^lines must be an int, not "):
                    function("a", lines)
        self.assertEqual((head("a", -10 ** 30), tail("a", -10 ** 30)), ("", "1\n2\n"))

    def test_blocks(self):
        """files of several blocks, with ends of lines at the ends of blocks"""
        size = text._BLOCK_BYTES
        for first in (size - 2, size - 1, size, size + 1, 3 * size):
            self.write("a", "x" * first + "\n" + "y" * size + "\n")
            self.assertEqual(tail("a", 1), "y" * size + "\n")
            self.assertEqual(head("a", -1), "x" * first + "\n")
            self.assertEqual((tail("a", 2), head("a", -2)), (self.read("a").decode(), ""))

    def test_errors(self):
        """no such file, a directory, a pipe"""
        os.mkfifo(self.path("pipe"))
        for function in (head, tail, wc):
            for path, error in (("no", FileNotFoundError), ("no/x", FileNotFoundError), (".", IsADirectoryError),
                                ("pipe", ValueError), (3, TypeError), (b"x", TypeError)):
                with self.assertRaises(error):
                    function(path)


class Wc(load.Rooted):
    def test_counts(self):
        """lines, words, chars, bytes"""
        for content, counts in (
                (b"", (0, 0, 0, 0)), (b"a", (0, 1, 1, 1)), (b"\n", (1, 0, 1, 1)), (b"a b\r\nc\r\n", (2, 3, 8, 8)),
                ("é 日本\n".encode(), (1, 2, 5, 10)), ("\U0001f600e\u0301".encode(), (0, 1, 3, 7)),
                (b"a\xffb \xff", (0, 2, 3, 5)), (b"\xe6\x97", (0, 1, 0, 2)), (b"\xe6\x97a", (0, 1, 1, 3)),
                ("a\u00a0b\u2060c\u3000d\u2028e".encode(), (0, 5, 9, 16)), (b"a\x1cb \x1f \x00", (0, 3, 7, 7)),
                ("a\x85b".encode(), (0, 1, 3, 4))):
            self.write("a", content)
            self.assertEqual(wc("a"), dict(zip(("lines", "words", "chars", "bytes"), counts)), content)

    def test_long_line(self):
        """a line, a word and a character over the end of a block"""
        size = text._BLOCK_BYTES
        self.write("a", "x" * (size - 1) + "日" + "y" * size + " " + "z" * 2 * size)
        self.assertEqual(wc("a"), {"lines": 0, "words": 2, "chars": 4 * size + 1, "bytes": 4 * size + 3})


class Diff(load.Rooted):
    def differ(self, before, after):
        self.write("a", before)
        self.write("b", after)
        return diff("a", "b")

    def test_same(self):
        """'' for equal texts, and for a file and itself"""
        for content in ("", "a\n", "a", "é\r\n", b"\xff\0"):
            self.assertEqual(self.differ(content, content), "")
            self.assertEqual(diff("a", self.path("a")), "")

    def test_hunks(self):
        """as diff -u writes them"""
        head_lines = "--- a\n+++ b\n"
        none = "\\ No newline at end of file\n"
        for before, after, hunks in (
                ("", "x\ny\n", "@@ -0,0 +1,2 @@\n+x\n+y\n"), ("x\n", "", "@@ -1 +0,0 @@\n-x\n"),
                ("a\nb\nc\n", "a\nx\nc\n", "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n"),
                ("a", "a\n", f"@@ -1 +1 @@\n-a\n{none}+a\n"), ("a\n", "a\nb", f"@@ -1 +1,2 @@\n a\n+b\n{none}"),
                ("a\nb", "x\nb", f"@@ -1,2 +1,2 @@\n-a\n+x\n b\n{none}"),
                ("a\r\n", "a\n", "@@ -1 +1 @@\n-a\r\n+a\n"), (b"\xff\n", "é\0\n", "@@ -1 +1 @@\n-\udcff\n+é\0\n"),
                (f"1{NO_ENDS}2\n", "x\n", f"@@ -1 +1 @@\n-1{NO_ENDS}2\n+x\n")):
            self.assertEqual(self.differ(before, after), head_lines + hunks)

    def test_context(self):
        """three lines around; six lines between two changes make one hunk, seven make two"""
        lines = [str(n) for n in range(1, 30)]
        for gap, count in ((6, 1), (7, 2)):
            after = lines[:]
            after[9] = after[10 + gap] = "x"
            found = self.differ("\n".join(lines) + "\n", "\n".join(after) + "\n")
            self.assertEqual(found.count("@@ -"), count)
            self.assertIn("@@ -7,", found)

    def test_place(self):
        """of equal places a change has the last one, or the one at another change"""
        for before, after, hunk in (
                ("abc", "abbc", " a\n b\n+b\n c\n"), ("xyxyz", "xyz", " x\n y\n-x\n-y\n z\n"),
                ("ab{}d", "ab{}b{}d", " b\n {\n }\n+b\n+{\n+}\n d\n"),
                ("abcd", "xbbcd", "-a\n+x\n+b\n b\n c\n d\n")):
            found = self.differ("\n".join(before) + "\n", "\n".join(after) + "\n")
            self.assertEqual(found.split(" @@\n")[1], hunk)

    def test_names(self):
        """the names stand there as they were given"""
        self.write("é/a", "x\n")
        self.write("b", "y\n")
        self.assertTrue(diff(pathlib.Path("é/a"), self.path("b")).startswith(f"--- é/a\n+++ {self.path('b')}\n"))

    def test_forged_names(self):
        """a name cannot be a header"""
        self.write("b", "y\n")
        for end in "\n", "\r", "\t":
            name = self.write(f"a{end}+++ c", "x\n")
            for pair in (name, "b"), ("b", name):
                with self.assertRaisesRegex(ValueError, "has a line end or a tab: no header could name it$"):
                    diff(*pair)

    def test_missing(self):
        """no such file, a directory: no diff"""
        self.write("a", "")
        for pair, error in ((("a", "no"), FileNotFoundError), (("no", "a"), FileNotFoundError),
                            ((".", "a"), IsADirectoryError), (("a", "."), IsADirectoryError)):
            with self.assertRaises(error):
                diff(*pair)

    def test_large(self):
        """20,000 lines of which none stays where it is, and as many that are all alike"""
        lines = [f"{n * 7919 % 20011}\n" for n in range(20000)]
        self.assertGreater(len(self.differ("".join(lines), "".join(sorted(lines)))), 20000)
        self.assertEqual(self.differ("x\n" * 20000, "x\n" * 10000).count("\n-x"), 10000)


class Escapes(load.Rooted):
    """Each way out through each function that takes a path."""


def add_escape(name, call):
    def test(self):
        self.write("inside", "x\n")
        self.refuse_escapes(call)
        self.assertEqual(self.read("inside"), b"x\n")
    test.__doc__ = f"no way out by {name}"
    setattr(Escapes, f"test_{name.replace(' ', '_')}", test)


for row in {"grep": lambda path: grep("x", path), "grep list": lambda path: grep("x", ["inside", path]),
            "grep_iter": lambda path: list(grep_iter("x", [path])), "sed_file": lambda path: sed_file("x", "y", path),
            "sed_file input": lambda path: sed_file("x", "y", path, "new"),
            "sed_file output": lambda path: sed_file("x", "y", "inside", path),
            "head": head, "tail": tail, "wc": wc, "diff first": lambda path: diff(path, "inside"),
            "diff second": lambda path: diff("inside", path)}.items():
    add_escape(*row)


class Memory(unittest.TestCase):
    """A file of 100 MB, and 32 MiB of address space beyond what the interpreter has without it."""

    LIMITED = """
import resource, sys
import load
from sandbox_utils import *
load._paths.ROOT = sys.argv[1]
with open("/proc/self/statm") as statm:
    size = int(statm.read().split()[0]) * resource.getpagesize() + (32 << 20)
resource.setrlimit(resource.RLIMIT_AS, (size, size))
print(eval(sys.argv[2]))
"""
    LINE = b"a line of the file, \xc3\xa9 and so on, to be found or not\n"

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.root = os.path.realpath(cls.directory.name)
        cls.count = 100_000_000 // len(cls.LINE) + 1
        with open(f"{cls.root}/lines", "wb") as lines, open(f"{cls.root}/line", "wb") as line:
            for _ in range(cls.count // 1000 + 1):
                lines.write(cls.LINE * 1000)
                line.write(cls.LINE[:-1] * 1000)
            lines.write(b"the last one\n")

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def evaluate(self, expression):
        run = subprocess.run(["/usr/bin/python3", "-B", "-c", self.LIMITED, self.root, expression], cwd=os.path.dirname(load.__file__),
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        return run.stdout.decode().strip() or run.stderr.decode().strip().split("\n")[-1]

    def test_limit(self):
        """the limit is one: who reads the whole file fails"""
        self.assertEqual(self.evaluate("len(open(sys.argv[1] + '/lines').read())"), "MemoryError")

    def test_grep(self):
        """grep and grep_iter stream"""
        lines = (self.count // 1000 + 1) * 1000
        self.assertEqual(self.evaluate("grep('last', 'lines')"), f"[('lines', {lines + 1}, 'the last one')]")
        self.assertEqual(self.evaluate("sum(1 for _ in grep_iter('found', 'lines'))"), str(lines))

    def test_sed_file(self):
        """sed_file streams"""
        lines = (self.count // 1000 + 1) * 1000
        self.assertEqual(self.evaluate("sed_file('é', 'e', 'lines', 'new')"), str(lines))
        self.assertEqual(os.path.getsize(f"{self.root}/new"), os.path.getsize(f"{self.root}/lines") - lines)

    def test_head_tail(self):
        """head and tail take no more than they return"""
        self.assertEqual(self.evaluate("len(head('lines')), len(tail('lines', 2)), len(head('line', -1))"),
                         str((10 * (len(self.LINE) - 1), len(self.LINE) + 12, 0)))

    def test_wc(self):
        """wc streams, also one single line"""
        for name, ends, last in (("lines", 1, 13), ("line", 0, 0)):
            size = os.path.getsize(f"{self.root}/{name}")
            lines = (self.count // 1000 + 1) * 1000
            self.assertRegex(self.evaluate(f"wc('{name}')"), f"'lines': {(lines + 1) * ends}, .*'bytes': {size}}}")


if __name__ == "__main__":
    tap.run(Grep, Sed, SedFile, HeadTail, Wc, Diff, Escapes, Memory)
