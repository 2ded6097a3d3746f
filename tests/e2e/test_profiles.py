#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The shipped profiles: as they are, as copies of an operator, and as `pysbctl profile show` prints them
for people and for language models."""

import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[1:1] = [os.path.join(ROOT, "tests"), os.path.dirname(os.path.abspath(__file__))]
import harness
import tap

PROFILES = os.path.join(ROOT, "profiles")
NAMES = sorted(name.removesuffix(".toml") for name in os.listdir(PROFILES)
               if name.endswith(".toml"))
PROMPT_TOKENS = 1500


def key_table():
    """All keys, from the table that the daemon reads profiles with: the man page is made of it, too."""
    text = subprocess.run([f"{harness.BUILD}/profiles/print-keys"], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.split("==\n")[0]
    section = None
    for line in text.splitlines():
        if not line.startswith(" "):
            section = line.removesuffix("*")
            if section == line:
                yield line.removeprefix("profile.")
        elif section.endswith(".") and ", " in line and " to " in line:
            yield section + line.split()[0]


def tokens(text):
    """An estimate that no usual tokenizer reaches: words in pieces of five letters, three digits at
    most, each other character for itself; spaces belong to what follows."""
    return len(re.findall(r"[^\W\d_]{1,5}|\d{1,3}|\n|[^\w\s]|_", text))


class Served(harness.OnOneDaemon):
    def show(self, name, *options):
        run = self.daemon.call("profile show", *options, name)
        self.assertEqual((run.status, run.stderr), (0, ""), run)
        return run.stdout.decode()

    def document(self, name):
        run = self.daemon.call("profile show", "--json", name)
        self.assertIsNotNone(run.result, run)
        return run.result

    def usable(self):
        for name in NAMES:
            if "problem" not in self.document(name)["info"]:
                yield name


class Profiles(Served):
    def check(self, path):
        tree = harness.build_tree()
        return harness.run([tree.pysbd, "--check", path], tree.environment)

    def compile(self, path):
        """The flat lines of a profile as pysb-runner compiles it."""
        return subprocess.run([f"{harness.BUILD}/daemon/pysb-runner", "--compile-profile", path,
                               f"{harness.BUILD}/profiles"], text=True, stdout=subprocess.PIPE,
                              check=True).stdout

    def values(self, path):
        """All that a profile comes to on this machine, but not where it comes from, and not which lists are
        empty. (What a package preloads besides itself may stand elsewhere in the list.)"""
        values = [line.split(": ", 1)[1] for line in self.compile(path).splitlines()]
        return sorted(v for v in values
                      if not v.startswith(("profile.extends ", "profile.digest ")) and not v.endswith(" = []"))

    def test_check(self):
        """all shipped profiles pass --check, where they are and as copies elsewhere"""
        for name in NAMES:
            with tempfile.TemporaryDirectory() as directory:
                copy = os.path.join(directory, name + ".toml")
                with open(f"{PROFILES}/{name}.toml", encoding="utf-8") as source, \
                        open(copy, "w", encoding="utf-8") as target:
                    target.write(source.read())
                for path in (f"{PROFILES}/{name}.toml", copy):
                    run = self.check(path)
                    self.assertEqual((run.status, run.stderr), (0, ""), run)
                    self.assertIn(f"{name}: ok", run.stdout.decode())

    def test_run(self):
        """each loads and runs a program"""
        for name in self.usable():
            run = self.daemon.submit("print(6 * 7)", "-p", name)
            self.assertEqual((run.result["outcome"], run.result["stdout"]["text"]), ("success", "42\n"), name)

    def test_operators_copy(self):
        """copies in a directory of their own, under other names, load and run"""
        with tempfile.TemporaryDirectory() as directory:
            os.chmod(directory, 0o755)
            names = list(self.usable())
            for name in names:
                path = os.path.join(directory, f"my-{name}.toml")
                with open(path, "w", encoding="utf-8") as file:
                    file.write(f'extends = "{name}"\ndescription = "mine"\ngranted = true\n')
                with open(os.path.join(directory, f"my-{name}.profile"), "w", encoding="utf-8") as file:
                    file.write(self.compile(path))
            tree = harness.build_tree()
            tree.environment["PYSB_PROFILE_PATH"] = directory
            daemon = harness.Daemon(tree)
            self.addCleanup(daemon.stop)
            for name in names:
                run = daemon.submit("print(6 * 7)", "-p", f"my-{name}")
                self.assertEqual(run.result["outcome"], "success", run)

    def test_lazy(self):
        """no template is started before a job asks for it"""
        daemon = harness.Daemon(harness.build_tree())
        self.addCleanup(daemon.stop)
        daemon.call("profile list")
        before = len(harness.descendants(daemon.process.pid))
        daemon.submit("print(1)", "-p", "text-processing")
        self.assertEqual(before, 1)  # the broker
        templates = [p for p in harness.descendants(daemon.process.pid) if p.nested_pid is None]
        self.assertEqual(len(templates), before + 1)

    def test_show_keys(self):
        """profile show prints each key of the key table once, with where it comes from"""
        keys = sorted(key_table())
        self.assertIn("limits.memory", keys)
        for name in NAMES:
            lines = re.findall(r"(?m)^(?:# )?([a-z_.]+) = (.*)", self.show(name))
            self.assertEqual(sorted(key for key, _ in lines), keys, name)
            for key, rest in lines:
                self.assertRegex(rest, r"  *# ([\w-]+\.(toml|modules):\d+(, |$))+$|(\[\]|\"\") +# empty$", key)

    def test_show_sources(self):
        """a value is shown as it is written, with the line that it is written in"""
        for name in NAMES:
            for key, value, base, number in re.findall(
                    r"(?m)^([a-z_.]+) = ([^\[\n]*?) +# ([\w-]+)\.toml:(\d+)$", self.show(name)):
                with open(f"{PROFILES}/{base}.toml", encoding="utf-8") as file:
                    line = file.read().splitlines()[int(number) - 1]
                written = tomllib.loads(line)
                self.assertEqual(written, {key.split(".")[-1]: tomllib.loads(f"x = {value}")["x"]}, line)

    def test_show_is_a_profile(self):
        """what profile show prints is the same profile"""
        for name in NAMES:
            with tempfile.TemporaryDirectory() as directory:
                path = os.path.join(directory, name + ".toml")
                with open(path, "w", encoding="utf-8") as file:
                    file.write(self.show(name))
                run = self.check(path)
                self.assertEqual(run.status, 0, run)
                source = f"{PROFILES}/{name}.toml"
                self.assertEqual(self.values(path), self.values(source), name)

    def test_show_usage(self):
        """--prompt is an option of show"""
        run = self.daemon.call("profile", "list", "--prompt")
        self.assertEqual((run.status, run.stdout), (125, b""), run)
        self.assertIn("Usage: ", run.stderr)


class Prompt(Served):
    """What a language model is told."""

    def test_size(self):
        """no prompt has more than 1,500 tokens, estimated so that no tokenizer needs as many"""
        for name in NAMES:
            size = tokens(self.show(name, "--prompt"))
            self.assertLess(size, PROMPT_TOKENS, name)
            print(f"# {name}: at most {size} tokens")

    def test_json(self):
        """it is in the reply of GetProfile, for clients in any language"""
        for name in NAMES:
            self.assertEqual(self.document(name)["prompt"], self.show(name, "--prompt"), name)

    def test_modules(self):
        """all modules of a whitelist are named, but those of a package that is, and no others"""
        for name in NAMES:
            profile = self.document(name)
            line = re.search(r"(?m)^Only these modules can be imported: (.*)\.$", profile["prompt"])
            if profile["importMode"] == "blacklist":
                self.assertIsNone(line, name)
                continue
            wanted = [module for module in profile["modules"]
                      if "." not in module or module.split(".")[0] not in profile["modules"]]
            self.assertEqual(sorted(line[1].split() + profile["packages"]), wanted, name)

    def test_functions(self):
        """the functions of sandbox_utils, all of them, in profiles that have it"""
        for name in self.usable():
            profile = self.document(name)
            named = set(re.findall(r"(?m)^(\w+)\(.*\)(?: -> .*)?$", profile["prompt"]))
            if "sandbox_utils" not in profile["modules"]:
                self.assertEqual(named, set(), name)
                continue
            run = self.daemon.submit("import sandbox_utils\nsandbox_utils.__all__", "-p", name)
            there = set(json.loads(run.result["resultJson"]))
            if "yaml" not in profile["packages"]:
                there = {function for function in there if "yaml" not in function}
            self.assertEqual(named, there, name)

    def test_errors(self):
        """the errors that it names are those that come"""
        for name in ("agent", "default"):
            prompt = self.show(name, "--prompt")
            run = self.daemon.submit("import requests", "-p", name)
            said = "No module named 'requests' in this sandbox"
            self.assertIn(said, prompt)
            self.assertIn(said, run.result["message"])
            limit = re.search(r'"(memory limit of .*? reached)', prompt)[1]
            run = self.daemon.submit("x = [bytearray(1 << 20) for _ in range(1 << 12)]", "-p", name)
            self.assertIn(limit, run.result["message"])
            self.assertIn("raise limits.memory", run.result["message"])

    def test_tools(self):
        """tools as it says they are called, and how one fails"""
        self.assertIn("tools.NAME(key=value)", self.show("agent", "--prompt"))
        run = self.daemon.submit("""
import tools, _sandbox
print(tools.add(a=1))
try:
    tools.fail()
except _sandbox.ToolError as error:
    print(error.type, error.message)
""", "-p", "agent", "--tool", "add=echo 2", "--tool", "fail=echo no >&2; exit 1")
        self.assertEqual(run.result["stdout"]["text"], "2\ntool-failed no\n", run)

    def test_result(self):
        """a value as it says it is returned"""
        for code in ("result = [1]", "x = 1\n[x]"):
            run = self.daemon.submit(code, "-p", "agent")
            self.assertEqual(run.result["resultJson"], "[1]", run)


if __name__ == "__main__":
    tap.run(Profiles, Prompt)
