#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""pysbd --check and --dump-plan, from the build tree: what they accept, and the sentence that they
refuse the rest with. The mistakes themselves are in test_compile.py and test-profile.c."""

import os
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = os.environ["PYSB_SOURCE_ROOT"]
BUILD = os.environ["PYSB_BUILD_ROOT"]
sys.path.insert(1, os.path.join(ROOT, "tests"))
import tap


# A profile to extend (one with a whitelist is slow to compile), what is wrong, and the sentence. @FILE: KEY@ is FILE:LINE of a key there (of a
# limit the maximum, "first" is the default); what comes in place of … is a list.
MISTAKES = [
    ("default", 'netwrok = "none"',
     "mine.toml:4: profile.netwrok: there is no such key; there are extends, description, granted, …"),
    ("default", 'memory = "1G"',
     "mine.toml:4: profile.memory: there is no such key; it stands in [limits]"),
    ("default", '[python]\nmodule = ["json"]',
     "mine.toml:5: python.module: there is no such key; there are policy, host_env, imports, …"),
    ("default", '[python]\nnetwork = "none"',
     "mine.toml:5: python.network: there is no such key; it stands at the top, above all sections"),
    ("default", '[limit]\nmemory = "1M"',
     "mine.toml:5: limit.memory: there is no such key; it stands in [limits]"),
    ("agent", '[policy]\non = true',
     "mine.toml:5: policy.on: there is no such key; the sections are [python], [job], [sessions], …"),
    ("default", "limits.memroy = 1",
     "mine.toml:4: limits.memroy: there is no such limit; there are wall_time, cpu_time, memory, …"),
    ("text-processing", '[limits]\nmemory = "1G"',
     "mine.toml:5: limits.memory: 1 GiB is above maximum.memory, which is 512 MiB "
     "(@text-processing.toml: memory@)"),
    ("agent", "[limits]\nprocesses = 4",
     "mine.toml:5: limits.processes: 4 is above maximum.processes, which is 1 (@default.toml: processes@)"),
    ("eval", "[maximum]\nwall_time = 1",
     "@eval.toml: wall_time first@: limits.wall_time: 5 s is above maximum.wall_time, which is 1 s (mine.toml:5)"),
    ("agent", '[python]\nadd_modules = ["@util"]',
     'mine.toml:5: python.modules: there is no group "@util"; it would be a file groups/util.modules '
     "beside the profile or beside the shipped ones, where there are @code, @data, …"),
    ("agent", '[python]\nadd_modules = ["threads"]',
     'mine.toml:5: python.modules: there is no module threads; the group is "@threads"'),
    ("agent", '[python]\nadd_modules = ["numpy"]',
     "mine.toml:5: python.modules: there is no module numpy; what does not come with Python is named in "
     "packages, too"),
    ("agents", "", 'mine.toml:1: profile.extends: there is no profile "agents"; there are agent, data, …'),
    ("agent.toml", "", 'mine.toml:1: profile.extends: must be the name of a profile, such as "default"'),
    ("eval", '[python]\nadd_modules = ["@utils"]',
     "mine.toml:5: python.modules: sandbox_utils (utils.modules:4) cannot be among the modules while "
     "host_env is false (@eval.toml: host_env@), which takes the host away; leave it out, or set "
     'host_env = true and files = "private"'),
    ("default", '[limits]\nmemory = "128MB"',
     "mine.toml:5: limits.memory: '128MB' is not a size; write a number of bytes, or a string with one of "
     'K, M, G, such as "50M"'),
    ("default", '[limits]\nwall_time = "1m"',
     "mine.toml:5: limits.wall_time: '1m' is no time; write a number of seconds, or a string with one of "
     'us, ms, s, min, h, such as "500ms"'),
    ("default", '[limits]\ncpu = "50%"',
     "mine.toml:5: limits.cpu: '50%' is not a percentage; write a plain number, 100 is one CPU"),
    ("default", 'proc = "none"\nproc = "pids"',
     "mine.toml:5: profile.proc: was already set at line 4; a key may stand only once"),
    ("default", "network = none",
     "mine.toml:4: profile.network: is no TOML: Invalid value; a string stands in quotes, true and false "
     "are in lower case"),
    ("default", "[limits]\nmemory = 64M",
     "mine.toml:5: limits.memory: is no TOML: Expected newline or end of document after a statement; a "
     "string stands in quotes"),
    ("default", '[limits]\nmemory = "64M',
     "mine.toml:5: limits.memory: is no TOML: Illegal character '\\n'; the quote at the end of the line is "
     "missing"),
    ("agent", '[python]\nadd_modules = ["queue"\n[limits]\ncpu = 100',
     "mine.toml:6: python.add_modules: is no TOML: Unclosed array; a bracket, or a comma before this line, "
     "is missing"),
    ("default", 'network = "host"',
     "mine.toml:4: profile.network: 'host' is not one of its values; it must be \"none\" or \"loopback\""),
    ("agent", '[python]\nimports = "blacklist"',
     '@agent.toml: modules@: python.modules: is computed where python.imports is "blacklist" '
     "(mine.toml:5) and cannot be set; write modules = [] if it is inherited"),
    ("eval", '[python]\npackages = ["no_such_x"]',
     'mine.toml:5: python.packages: needs files = "private": packages load parts of themselves later '
     "(profile.files: @eval.toml: files@)"),
    ("eval", "[python]\npolicy = false",
     "@eval.toml: host_env@: python.host_env: must be true where policy is false: it is the policy that "
     "hides the host (python.policy: mine.toml:5)"),
    ("default", 'name = "x"', "mine.toml:4: profile.name: cannot be set"),
]


class Check(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def run_pysbd(self, *arguments):
        environment = {"PYSB_PROFILE_PATH": os.path.join(BUILD, "profiles")}
        environment |= {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}
        return subprocess.run([os.path.join(BUILD, "daemon/pysbd"), *arguments], text=True,
                              env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False)

    def refused(self, message, *arguments):
        run = self.run_pysbd(*arguments)
        self.assertEqual((run.returncode, run.stdout, run.stderr), (1, "", message + "\n"))

    def check(self, text, message):
        self.refused(message, "--check", self.write("mine.toml", text))

    def test_extends(self):
        """a file that extends a shipped profile, by its values and as a plan"""
        path = self.write("mine.toml", 'extends = "default"\ndescription = "x"\ngranted = true\n')
        run = self.run_pysbd("--check", path)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertIn("mine: ok", run.stdout)
        run = self.run_pysbd("--dump-plan", path)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertIn("mine", run.stdout)

    def test_no_file(self):
        """a file that is not there"""
        self.refused("pysbd: /none/x.toml cannot be read: No such file or directory",
                     "--check", "/none/x.toml")
        self.refused("pysbd: /none/x.toml cannot be read: No such file or directory",
                     "--dump-plan", "/none/x.toml")

    def test_missing_key(self):
        """what is missing is missing in the file that is checked"""
        self.check('extends = "default"\n', "pysbd: mine.toml: profile.description: is missing; set "
                                            "it, or extend a profile that does")

    def test_key(self):
        """file, line and key, whoever finds the mistake"""
        head = 'extends = "default"\ndescription = "x"\ngranted = true\n'
        self.check(head + "[limits]\nmemory = 99999999999999999999999\n",
                   "pysbd: mine.toml:5: limits.memory: 99999999999999999999999 is above the highest "
                   "value, 64 GiB")

    def test_modules(self):
        """a module of the host's site-packages is none: a sandbox has the standard library"""
        self.check('python.preload = ["tomllib", "gi"]\n',
                   "mine.toml:1: python.preload: there is no module gi; what does not come with Python is "
                   "named in packages, too")

    def test_missing_package(self):
        """a package that is not installed is no mistake, and is named with what to install"""
        path = self.write("mine.toml", 'extends = "default"\ndescription = "x"\ngranted = true\n'
                          'python.packages = ["atrs"]\n')
        run = self.run_pysbd("--check", path)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertEqual(run.stdout.splitlines()[1:], [
            "mine: no job can run with it yet: python3-atrs is missing: apt-get install python3-atrs"])

    def test_mistakes(self):
        """what operators get wrong: file, line, key, and what would be right"""
        for extends, text, sentence in MISTAKES:
            with self.subTest(text):
                path = self.write("mine.toml", 'extends = "%s"\ndescription = "x"\ngranted = true\n'
                                  "%s\n" % (extends, text))
                run = self.run_pysbd("--check", path)
                self.assertEqual((run.returncode, run.stdout), (1, ""))
                said = run.stderr.removeprefix("pysbd: ").removesuffix("\n")
                if sentence.endswith("…"):
                    said = said[:len(sentence) - 1] + "…"
                self.assertEqual(said, re.sub(r"@(\S+?\.toml): (\w+)( first)?@", self.place, sentence))

    def place(self, match):
        """FILE:LINE of a key in a shipped profile; a limit has two."""
        with open(os.path.join(ROOT, "profiles", match[1]), encoding="utf-8") as file:
            lines = [n for n, line in enumerate(file, 1) if line.startswith(match[2] + " =")]
        return "%s:%d" % (match[1], lines[0 if match[3] else -1])

    def test_no_profile(self):
        """a name with a point in it is not the name in front of the point"""
        for name in ("default.x", "default.toml.x", "none", ".toml.", ""):
            self.refused("pysbd: There is no profile %s." % name, "--dump-plan", name)
        self.assertEqual(self.run_pysbd("--dump-plan", "default").returncode, 0)


if __name__ == "__main__":
    tap.run(Check)
