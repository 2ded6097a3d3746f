#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rules of style that a machine can check; docs/CODING-STYLE.md has them all."""

import os
import re
import shutil
import subprocess
import sys
import unittest

ROOT = os.environ["PYSB_SOURCE_ROOT"]
sys.path.insert(1, os.path.join(ROOT, "tests"))
import tap

FILE_LINES, FUNCTION_LINES, MAIN_LINES = 600, 60, 40
# Call -> what to use instead
BANNED_CALLS = {
    r"strcpy|strcat|stpcpy|sprintf|vsprintf|gets|strncpy|strncat": "snprintf or basic/buf.h",
    r"atoi|atol|atoll|atof|strtol|strtoul|strtoll|strtoull|strtod|sscanf": "basic/parse.h",
    r"system|popen|tmpnam|tempnam|mktemp": "nothing: no shell, no names that race",
    r"sleep|usleep|nanosleep": "an event",
    r"alloca|strtok|setjmp|longjmp": "nothing",
    r"pthread_create|thrd_create": "the event loop: clone and locks do not go together",
}
PARSE_ONLY = "lib/basic/parse.c"


def listed(*patterns):
    out = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others",
                          "--exclude-standard", "--", *patterns],
                         stdout=subprocess.PIPE, check=True).stdout.decode()
    # What the targets of tests/fuzz are fed with is no text of ours
    return sorted({p for p in out.split("\0") if p and os.path.exists(os.path.join(ROOT, p))
                   and not p.startswith("tests/fuzz/corpus/")})


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def strip(text):
    """Blanks out comments, strings and character constants; the lines stay."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match[0])
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text,
                  flags=re.S)


def functions(text):
    """(name, lines) of the functions of a formatted file: a head in column 0 that ends with ') {'
    on this or a later line, up to the next '}' in column 0."""
    lines, start, name = strip(text).splitlines(), None, None
    for number, line in enumerate(lines):
        if start is None and line.endswith("{") and ")" in line and "=" not in line:
            head = number
            while head > 0 and lines[head][:1] in (" ", ""):
                head -= 1
            match = re.match(r"(?!struct|union|enum|typedef)[A-Za-z_].*?(\w+)\(", lines[head])
            if match:
                start, name = head, match[1]
        elif start is not None and line.startswith("}"):
            yield name, number - start + 1
            start = None


class Style(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.c_files = listed("*.c", "*.h")
        cls.product = [p for p in cls.c_files if not p.startswith("tests/")]

    def test_licence_lines(self):
        """every source file names its licence in the first lines"""
        files = listed("*.c", "*.h", "*.py", "*.sh", "meson.build", "*/meson.build", "dev", ".ci/run",
                       "*.toml", "*.service.in", "*.socket")
        missing = [p for p in files
                   if "SPDX-License-Identifier: LGPL-2.1-or-later" not in read(p)[:400]]
        self.assertFalse([p for p in missing if not p.startswith("examples/")])

    def test_file_length(self):
        """no file is longer than 600 lines"""
        files = self.c_files + listed("*.py", "dev", "tests/vm/*")
        long = {p: n for p in files if (n := read(p).count("\n")) > FILE_LINES}
        self.assertFalse(long)

    def test_function_length(self):
        """no function is longer than 60 lines, no main() longer than 40"""
        long = []
        for path in self.c_files:
            for name, lines in functions(read(path)):
                most = MAIN_LINES if name == "main" and path in self.product else FUNCTION_LINES
                if lines > most and not self.is_table(path, name):
                    long.append(f"{path}: {name}() has {lines} lines")
        self.assertFalse(long)

    @staticmethod
    def is_table(path, name):
        """Two shapes are tables: the list of a test program's cases, and getopt in a main()."""
        if path.startswith("tests/") and name == "main":
            return True
        return name == "main" and "getopt_long(" in read(path)

    def test_functions_are_seen(self):
        """the counter of functions counts"""
        text = ("static int\nf(int a,\n  int b) {\n        return 1;\n}\n"
                "int g(void) {\n" + "        x();\n" * 70 + "}\n")
        self.assertEqual(dict(functions(text))["g"], 72)
        total = sum(1 for path in self.product for _ in functions(read(path)))
        self.assertGreater(total, 200)

    def test_banned_calls(self):
        """no call of the banned list"""
        found = []
        for path in self.product:
            text = strip(read(path))
            for names, instead in BANNED_CALLS.items():
                if path == PARSE_ONLY and instead == "basic/parse.h":
                    continue
                for match in re.finditer(rf"(?<![\w.>])({names})\s*\(", text):
                    line = text.count("\n", 0, match.start()) + 1
                    found.append(f"{path}:{line}: {match[1]}(): use {instead}")
        self.assertFalse(found)

    def test_exit_only_in_main(self):
        """no exit() outside of main()"""
        found = []
        for path in self.product:
            if os.path.basename(path) == "main.c" or path.startswith("examples/"):
                continue
            if re.search(r"(?<![\w_])exit\s*\(", strip(read(path))):
                found.append(path)
        self.assertFalse(found)

    def test_descriptors_are_cloexec(self):
        """every call that makes a descriptor says CLOEXEC"""
        makers = {"open": "O_CLOEXEC", "openat": "O_CLOEXEC", "socket": "SOCK_CLOEXEC",
                  "socketpair": "SOCK_CLOEXEC", "pipe2": "O_CLOEXEC", "accept4": "SOCK_CLOEXEC",
                  "memfd_create": "MFD_CLOEXEC", "epoll_create1": "EPOLL_CLOEXEC",
                  "open_tree": "OPEN_TREE_CLOEXEC", "recvmsg": "MSG_CMSG_CLOEXEC"}
        found = []
        for path in self.product:
            text = strip(read(path))
            for name, flag in makers.items():
                for match in re.finditer(rf"(?<![\w.>]){name}\s*\(([^;]*?)\)\s*[;,)<!=?:&|]", text,
                                         re.S):
                    if flag not in match[1] and not path.startswith("examples/"):
                        line = text.count("\n", 0, match.start()) + 1
                        found.append(f"{path}:{line}: {name} without {flag}")
            for name in ("accept", "pipe", "dup", "creat", "epoll_create", "fopen"):
                for match in re.finditer(rf"(?<![\w.>]){name}\s*\(", text):
                    line = text.count("\n", 0, match.start()) + 1
                    if name != "fopen" or '"re"' not in read(path).splitlines()[line - 1]:
                        found.append(f"{path}:{line}: {name}() leaks into a child")
        self.assertFalse([f for f in found if not self.explained(f)])

    @staticmethod
    def explained(finding):
        """The line says itself why it is right: a comment with the word inherit."""
        path, line = finding.split(":")[:2]
        lines = read(path).splitlines()
        return any("inherit" in text for text in lines[max(0, int(line) - 4):int(line)])

    def test_clang_format(self):
        """clang-format has nothing to change"""
        version = subprocess.run(["clang-format", "--version"], stdout=subprocess.PIPE,
                                 check=False).stdout.decode() if shutil.which("clang-format") else ""
        if " version 14." not in version:
            self.skipTest(f"the format is that of clang-format 14, here is: {version.strip() or 'none'}")
        run = subprocess.run(["clang-format", "--dry-run", "-Werror", *self.c_files], cwd=ROOT,
                             stderr=subprocess.PIPE, check=False)
        self.assertEqual(run.returncode, 0, run.stderr.decode()[:4000])

    def test_shellcheck(self):
        """shellcheck finds nothing in the scripts"""
        if not shutil.which("shellcheck"):
            self.skipTest("shellcheck is not installed")
        scripts = [p for p in listed("dev", ".ci/*", "tests/**", "client/*", "daemon/**", "lib/**")
                   if "." not in os.path.basename(p) and read(p).startswith(("#!/bin/bash", "#!/bin/sh"))]
        self.assertIn("dev", scripts)
        run = subprocess.run(["shellcheck", *scripts], cwd=ROOT, stdout=subprocess.PIPE, check=False)
        self.assertEqual(run.returncode, 0, run.stdout.decode())

    def test_python_of_the_system(self):
        """scripts name Debian's python3, not the first one on PATH"""
        wrong = [p for p in listed("*.py") if read(p).startswith("#!")
                 and read(p).splitlines()[0] != "#!/usr/bin/python3"]
        self.assertFalse(wrong)

    def test_nothing_of_this_machine(self):
        """no path of a developer's machine is in the tree"""
        word = re.compile(r"(?<![\w$}\"])/(work|root)/|pyenv")
        files = [p for p in listed("*") if not p.endswith((".png", "LICENSE"))
                 and not p.startswith("tests/lint/")]
        self.assertFalse([p for p in files if word.search(read(p))])


if __name__ == "__main__":
    tap.run(Style)
