#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""grep, sed, head, tail, wc and diff of sandbox_utils in boxes: each once in every profile that has them,
and those that stream with a file that does not fit into the memory that is left to them."""

import os
import sys

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import tap

EACH = r"""
from sandbox_utils import diff, grep, grep_iter, head, sed, sed_file, tail, wc
with open("/app/a", "w") as file:
    file.write("one\r\ntwo\nthré")
print(grep("^t", "/app/a"))
print(list(grep_iter("E", ["a", "no"], ignore_case=True)))
print(grep("T", ".", regex=False, ignore_case=True, invert=True))
print([sed(r"(\w+)", r"<\1>", "a b\nc\n")])
print(sed_file("t(.)", r"\1t", "a", "b"), sed_file("$", ";", "b"), open("/app/b", "rb").read())
print([head("a", 1), tail("a", 1)], wc("a"))
print(diff("a", "b"))
"""
PRINTED = """[('/app/a', 2, 'two'), ('/app/a', 3, 'thré')]
[('a', 1, 'one\\r')]
[('a', 1, 'one\\r')]
['<a> <b>\\n<c>\\n']
2 3 b'one\\r;\\nwto;\\nhtr\\xc3\\xa9;'
['one\\r\\n', 'thré'] {'lines': 2, 'words': 3, 'chars': 13, 'bytes': 14}
--- a
+++ b
@@ -1,3 +1,3 @@
-one\r
-two
-thré
\\ No newline at end of file
+one\r;
+wto;
+htré;
\\ No newline at end of file

"""
# How much address space is left is set by the program itself: what a job's own limit counts, and whether
# files in /app are part of it, depends on the host.
STREAMS = r"""
import resource
from sandbox_utils import grep, grep_iter, head, sed_file, tail, wc
with open("/app/big", "wb") as file:
    for _ in range(1000):
        file.write(b"one line of very many, 50 bytes with its end, yes\n" * 2000)
    file.write(b"last\n")
with open("/proc/self/statm") as statm:
    size = int(statm.read().split()[0]) * resource.getpagesize() + (32 << 20)
resource.setrlimit(resource.RLIMIT_AS, (size, size))
try:
    open("/app/big").read()
except MemoryError:
    print("it does not fit")
print(grep("^last", "big"), sum(1 for _ in grep_iter("yes", "big")))
print(sed_file("yes|last", "no", "big"), len(head("big", 1)), tail("big", 1), wc("big"))
"""
STREAMED = """it does not fit
[('big', 2000001, 'last')] 2000000
2000001 49 no
 {'lines': 2000001, 'words': 22000001, 'chars': 98000003, 'bytes': 98000003}
"""
ESCAPES = r"""
import os
from sandbox_utils import *
open("/app/a", "w").write("x\n")
os.symlink("/etc", "/app/out")
os.symlink("out", "/app/chain")
for path in ("../etc/passwd", "/etc/passwd", "out/passwd", "chain/passwd", "/app-evil/x", "/app/../etc/passwd", "x\0"):
    for call in (lambda: grep("", path), lambda: list(grep_iter("", [path])), lambda: sed_file("", "", path),
                 lambda: sed_file("x", "y", "a", path), lambda: head(path), lambda: tail(path), lambda: wc(path),
                 lambda: diff(path, "a"), lambda: diff("a", path)):
        try:
            print(call())
        except ValueError:
            pass
print(grep("x", "."))
"""


class UtilsText(harness.OnOneDaemon):
    def check(self, code, printed, *options):
        run = self.daemon.submit(code, *options)
        self.assertIsNotNone(run.result, run)
        self.assertEqual((run.result["outcome"], run.result["stderr"].get("text")), ("success", ""), run)
        self.assertEqual(run.result["stdout"]["text"], printed)
        self.assertNotIn("violations", run.result)

    def test_each(self):
        """each function works in default, data and raw"""
        for profile in ("default", "data", "raw"):
            with self.subTest(profile=profile):
                self.check(EACH, PRINTED, "-p", profile)

    def test_streams(self):
        """a file of 100 MB needs less than 32 MiB"""
        self.check(STREAMS, STREAMED, "--memory", "512M", "--disk", "256M", "--timeout", "1min")

    def test_escapes(self):
        """nothing outside of /app is found or written"""
        self.check(ESCAPES, "[('a', 1, 'x')]\n")

    def test_error(self):
        """an error stands in the program's line"""
        run = self.daemon.submit("from sandbox_utils import grep\n\ngrep('(', 'a')\n")
        error = run.result["exception"]
        self.assertEqual((error["type"], error["line"]), ("ValueError", 3), run)
        self.assertNotIn("sandbox_utils", error["traceback"])

    def test_slow_pattern(self):
        """a pattern that would take for ever ends with the job's CPU time"""
        code = "from sandbox_utils import sed\nsed('(a|a)*$', '', 'a' * 60 + 'b')"
        run = self.daemon.submit(code, "--cpu-time", "200ms")
        self.assertEqual(run.result["outcome"], "cpu_time_limit", run)


if __name__ == "__main__":
    tap.run(UtilsText)
