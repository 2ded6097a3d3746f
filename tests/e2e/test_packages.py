#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Packages in profiles of an operator: Debian's, and wheels that were vetted. From the wheel to the job;
what is wrong with wheels is in tests/unit/profile/test_wheels.py."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import unittest

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import tap
import wheels

ORDINARY_USER = 65534
RUNNER = f"{harness.BUILD}/daemon/pysb-runner"
HAS_ATTRS = os.path.isdir("/usr/lib/python3/dist-packages/attrs")

SHAPES = {
    "shapes/__init__.py": "import json\nfrom shapes.area import square\n\n\ndef fail():\n    raise ValueError('of shapes')\n",
    "shapes/area.py": "def square(x):\n    return x * x\n",
    # What a program of the whitelist below may not import, a library may.
    "shapes/lazy.py": "def size():\n    import shutil\n    return shutil.get_terminal_size().columns\n",
}
FAST = """
#include <Python.h>
static PyObject *twice(PyObject *self, PyObject *x) { return PyNumber_Add(x, x); }
static PyMethodDef methods[] = { { "twice", twice, METH_O, NULL }, { NULL, NULL, 0, NULL } };
static struct PyModuleDef def = { PyModuleDef_HEAD_INIT, "fast", NULL, -1, methods, NULL, NULL, NULL, NULL };
PyMODINIT_FUNC PyInit_fast(void) { return PyModule_Create(&def); }
"""
TAG = "cp%d%d" % sys.version_info[:2]
NATIVE_TAG = f"{TAG}-{TAG}-linux_{os.uname().machine}"

BLACK = 'extends = "default"\n[python]\nwheels = "WHEELS"\npackages = %s\n'
WHITE = """extends = "default"
[python]
imports = "whitelist"
modules = ["json", "os", "sys"]
preload = []
deny_modules = []
wheels = "WHEELS"
packages = %s
"""


def compile_fast(directory):
    """An extension module for this Python."""
    source, target = os.path.join(directory, "fast.c"), os.path.join(directory, "fast.so")
    with open(source, "w", encoding="ascii") as file:
        file.write(FAST)
    subprocess.run(["cc", "-shared", "-fPIC", f"-I{sysconfig.get_paths()['include']}", "-o", target, source],
                   check=True)
    with open(target, "rb") as file:
        return file.read()


class Packages(unittest.TestCase):
    user = None

    @classmethod
    def setUpClass(cls):
        # Not in /tmp: a box has its own there.
        cls.directory = tempfile.TemporaryDirectory(prefix="pysb-packages.", dir="/var/tmp")
        cls.addClassCleanup(cls.directory.cleanup)
        os.chmod(cls.directory.name, 0o755)
        cls.wheels = os.path.join(cls.directory.name, "wheels")
        made = os.path.join(cls.directory.name, "made")
        os.mkdir(made)
        cls.shapes = wheels.make(made, "shapes", "1.2", SHAPES)
        cls.other = wheels.make(made, "other", "3", {"other.py": "X = 1\n"})
        cls.fast = wheels.make(made, "fast", "1.0", {"fast.so": compile_fast(made)}, about="Tag: x\n",
                               tag=NATIVE_TAG)
        cls.vetting = harness.build_tree()
        for wheel in (cls.shapes, cls.other):
            run = cls.vet(wheel, "--into", cls.wheels)
            assert run.status == 0, run
        run = cls.vet(cls.fast, "--native", "--into", cls.wheels)
        assert run.status == 0, run

    @classmethod
    def vet(cls, *arguments):
        tree = cls.vetting
        return harness.run([tree.pysbctl, "profile", "vet", "--json", *arguments], tree.environment)

    def compile(self, text):
        directory = tempfile.mkdtemp(dir=self.directory.name)
        path = os.path.join(directory, "mine.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write('description = "x"\ngranted = true\n' + text.replace("WHEELS", self.wheels))
        run = subprocess.run([RUNNER, "--compile-profile", path, f"{harness.BUILD}/profiles"], check=False,
                             text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return directory, run

    def serve(self, text):
        """A daemon with one profile, mine."""
        directory, run = self.compile(text)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        if self.user:
            tree = harness.copied_tree(directory, self.user)
            directory = tree.environment["PYSB_PROFILE_PATH"]
        else:
            os.chmod(directory, 0o755)
            tree = harness.build_tree()
            tree.environment["PYSB_PROFILE_PATH"] = directory
        with open(os.path.join(directory, "mine.profile"), "w", encoding="utf-8") as file:
            file.write(run.stdout)
        daemon = harness.Daemon(tree)
        self.addCleanup(daemon.stop)
        return daemon

    def output(self, daemon, code):
        run = daemon.submit(code, "-p", "mine")
        self.assertIsNotNone(run.result, run)
        self.assertEqual(run.result["outcome"], "success", run)
        self.assertNotIn("violations", run.result)
        return run.result["stdout"]["text"]

    def refuse(self, daemon, module):
        """The import of a module is refused before the program runs, and when it asks later."""
        run = daemon.submit(f"import {module}", "-p", "mine")
        self.assertEqual(run.result["outcome"], "rejected", run)
        code = f"name = '{module}'\ntry:\n    __import__(name)\nexcept ModuleNotFoundError as e:\n    print(e)"
        run = daemon.submit(code, "-p", "mine")
        self.assertIn(f"No module named '{module}' in this sandbox", run.result["stdout"]["text"], run)

    @unittest.skipUnless(HAS_ATTRS, "python3-attr is not installed")
    def test_debian(self):
        """packages = ["attrs"]: both modules work, are there before the job, and are shown with their version"""
        daemon = self.serve(BLACK.replace('wheels = "WHEELS"\n', "") % '["attrs"]')
        self.assertEqual(self.output(daemon, """
import sys
print('attr' in sys.modules, 'attrs' in sys.modules)
import attr, attrs
@attrs.define
class Point:
    x: int = attr.field(default=3)
print(Point())
"""), "True True\nPoint(x=3)\n")
        profile = daemon.call("profile", "show", "mine", "--json").result
        self.assertRegex(profile["recommended"][0], r"^attrs \d+[.\d]* \(import attr, attrs\)$")
        self.assertEqual(profile["packages"], ["attr", "attrs"])

    def test_wheel(self):
        """a vetted wheel works: imported before the job, its functions called, its own imports allowed"""
        for text in (BLACK, WHITE):
            daemon = self.serve(text % '["shapes"]')
            self.assertEqual(self.output(daemon, """
import sys
print('shapes' in sys.modules, 'shapes.lazy' in sys.modules)
import shapes, shapes.lazy
print(shapes.square(7), shapes.lazy.size())
"""), "True False\n49 80\n")
            profile = daemon.call("profile", "show", "mine", "--json").result
            self.assertEqual(profile["recommended"], ["shapes 1.2 (import shapes)"])
            self.assertIn("shapes", profile["modules"])
            self.assertIn("shapes", profile["preloadedModules"])

    def test_nothing_else(self):
        """no other package is importable, nor in the box; what is there is read-only"""
        for text in (BLACK, WHITE):
            daemon = self.serve(text % '["shapes"]')
            self.refuse(daemon, "other")
            place = f"{self.wheels}/shapes-1.2"
            self.assertEqual(self.output(daemon, f"""
import os, sys
print(os.listdir({self.wheels!r}), os.path.exists('/usr/lib/python3/dist-packages'))
(mount,) = [line for line in open('/proc/self/mountinfo') if line.split()[4] == {place!r}]
print(mount.split()[5].split(',')[0])
try:
    open({place!r} + '/shapes/new.py', 'w')
except OSError as error:
    print('refused')
print([p for p in sys.path if p.startswith({self.wheels!r})] == [{place!r}])
"""), "['shapes-1.2'] False\nro\nrefused\nTrue\n")

    @unittest.skipUnless(HAS_ATTRS, "python3-attr is not installed")
    def test_unlisted(self):
        """of Debian's packages only what is listed can be imported: not its neighbours, not its siblings"""
        for text in (BLACK, WHITE):
            daemon = self.serve(text % '["attr.validators"]')
            self.assertEqual(self.output(daemon, "import attr.validators as v\nprint(v.le.__name__)"), "le\n")
            self.refuse(daemon, "attr.filters" if "whitelist" in text else "attrs")
            self.refuse(daemon, "pkg_resources" if os.path.isdir("/usr/lib/python3/dist-packages/pkg_resources")
                        else "attrs")

    def test_traceback(self):
        """messages do not say where packages are on the host"""
        daemon = self.serve(WHITE % '["shapes"]')
        run = daemon.submit("import shapes\nshapes.fail()", "-p", "mine")
        traceback = run.result["exception"]["traceback"]
        self.assertIn('File "<packages>/shapes/__init__.py", line 6, in fail', traceback)
        self.assertNotIn(self.wheels, traceback)

    def test_native(self):
        """a compiled wheel works in a profile that says so, and is refused in a pure one with the reason"""
        daemon = self.serve(BLACK % '["fast"]\nnative_packages = true')
        self.assertEqual(self.output(daemon, "import fast\nprint(fast.twice(21), fast.__file__[-8:])"),
                         "42 /fast.so\n")
        _, run = self.compile(BLACK % '["fast"]')
        self.assertEqual((run.returncode, run.stdout), (1, ""))
        self.assertEqual(run.stderr, "mine.toml:6: python.packages: fast 1.0 has native code, such as fast.so, which "
                                     "native_packages = false refuses; leave the package out, or set "
                                     "native_packages = true\n")

    def test_operator(self):
        """a private daemon with a directory of operator's profiles: no other user may write to it"""
        directory, run = self.compile(BLACK % '["shapes"]')
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        os.chmod(directory, 0o755)
        tree = harness.build_tree()
        tree.environment["PYSB_OPERATOR_PROFILES"] = directory
        command = [tree.pysbctl, "submit", "--embedded", "-p", "mine", "-c",
                   "import shapes; print(shapes.__name__)"]
        run = harness.run(command, tree.environment)
        self.assertEqual((run.status, run.stdout), (0, b"shapes\n"), run)
        os.chmod(directory, 0o777)
        run = harness.run(command, tree.environment)
        self.assertEqual((run.status, run.stdout), (125, b""), run)
        self.assertIn("writable by nobody else", run.stderr)

    def test_gone(self):
        """a package that is gone when the daemon starts: the profile says so and takes no job"""
        directory, run = self.compile(BLACK % '["other"]')
        self.assertEqual(run.returncode, 0, run.stderr)
        os.rename(f"{self.wheels}/other-3", f"{self.wheels}/.other")
        self.addCleanup(os.rename, f"{self.wheels}/.other", f"{self.wheels}/other-3")
        with open(os.path.join(directory, "mine.profile"), "w", encoding="utf-8") as file:
            file.write(run.stdout)
        tree = harness.build_tree()
        tree.environment["PYSB_PROFILE_PATH"] = directory
        daemon = harness.Daemon(tree)
        self.addCleanup(daemon.stop)
        run = daemon.submit("print(1)", "-p", "mine")
        self.assertEqual((run.status, run.stdout), (125, b""), run)
        self.assertIn("is missing", run.stderr)


@unittest.skipUnless(os.geteuid() == 0, "needs root, to become an ordinary user")
class OrdinaryUser(Packages):
    """The same by the private daemon of an ordinary user."""

    user = ORDINARY_USER
    test_gone = None


class Vet(Packages):
    """What `pysbctl profile vet` says and does; the cases of packages are not repeated."""

    def test_report(self):
        """the report of a good wheel, for people and for programs"""
        run = self.vet(self.shapes)
        self.assertEqual(run.status, 0, run)
        self.assertTrue(run.result["passed"])
        self.assertIsNone(run.result["directory"])
        report, cost = run.result["report"], run.result["import"]
        self.assertEqual((report["name"], report["version"], report["licence"], report["imports"], report["native"]),
                         ("shapes", "1.2", "MIT", ["shapes"], []))
        self.assertEqual((cost["works"], cost["violations"]), (True, 0))
        self.assertGreater(cost["cpuUSec"], 0)
        tree = self.vetting
        text = harness.run([tree.pysbctl, "profile", "vet", self.shapes], tree.environment).stdout.decode()
        self.assertRegex(text, r"Import: works; [\d.]+ (us|ms) of CPU, [\d.]+ (bytes|KiB|MiB) of memory\n")
        self.assertRegex(text, r"Native code: none\n")
        self.assertRegex(text, r"Passed: yes\n")

    def make(self, files, **keywords):
        directory = tempfile.mkdtemp(dir=self.directory.name)
        return wheels.make(directory, "bad", "1", files, **keywords)

    def failed(self, wheel, *options):
        run = self.vet(wheel, "--into", self.wheels, *options)
        self.assertEqual(run.status, 1, run)
        self.assertFalse(run.result["passed"])
        self.assertNotIn("bad-1", os.listdir(self.wheels))
        self.assertFalse([name for name in os.listdir(self.wheels) if name.startswith(".vet-")])
        return run.result

    def test_fails_in_the_box(self):
        """a wheel whose import fails, exits, forks or asks the net does not pass, and nothing is kept"""
        for source, error in (("import no_such_module_x\n", "ModuleNotFoundError: No module named 'no_such_module_x'"),
                              ("1 / 0\n", "ZeroDivisionError: division by zero"),
                              ("import os\nos._exit(3)\n", "3"),
                              ("import os\nos._exit(0)\n", "it ended the interpreter"),
                              ("raise SystemExit(0)\n", "it ended the interpreter"),
                              ("import threading, time\n"
                               "threading.Thread(target=time.sleep, args=(9,), daemon=True).start()\n",
                               "it started a thread: no template can have one"),
                              ("import socket\nsocket.create_connection(('127.0.0.1', 1))\n", "PermissionError"),
                              ("x = bytearray(1 << 30)\n", "MemoryError")):
            result = self.failed(self.make({"bad.py": source}))
            self.assertIn(error, result["import"]["error"])

    def test_nothing_runs_outside(self):
        """no byte of a wheel runs outside of a box"""
        mark = os.path.join(self.directory.name, "mark")
        os.mkdir(mark)
        os.chmod(mark, 0o777)
        source = f"try:\n    open({mark + '/x'!r}, 'w')\nexcept OSError:\n    pass\n"
        run = self.vet(self.make({"bad.py": source, "setup.py": source, "sitecustomize.py": source}))
        self.assertEqual(os.listdir(mark), [], run)

    def test_refused_before(self):
        """what is wrong with the file itself never gets into a box"""
        result = self.failed(self.make({"json.py": ""}))
        self.assertIsNone(result["import"])
        self.assertIn("its module json has the name", result["report"]["problems"][0])
        result = self.failed(self.fast)
        self.assertIn("it has native code, fast.so; a profile with native_packages = true", result["report"]["problems"][0])

    def test_profile(self):
        """the profile decides: without files there are no packages; one that is not there is named"""
        result = self.failed(self.shapes, "-p", "none_such")
        self.assertIn("there is no profile 'none_such'", result["report"]["problems"][0])
        run = self.vet(self.shapes, "-p", "eval")
        self.assertEqual(run.status, 125, run)
        self.assertIn('needs files = "private"', run.stderr)

    def test_operators_profile(self):
        """a profile of the operator's is one to vet for; the daemon that imports has no other"""
        directory, _ = self.compile('extends = "default"\n[python]\nwheels = "WHEELS"\npackages = ["other"]\n')
        with open(os.path.join(directory, "broken.toml"), "w", encoding="ascii") as file:
            file.write("broken")
        environment = self.vetting.environment | {"PYSB_OPERATOR_PROFILES": directory}
        for name, status in (("mine", 0), ("default", 0), ("none_such", 1)):
            run = harness.run([self.vetting.pysbctl, "profile", "vet", "--json", "-p", name, self.shapes], environment)
            self.assertEqual(run.status, status, run)

    def test_usage(self):
        """what is no call, and a file that is not there"""
        for arguments, sentence in (((), "a wheel is missing"), (("--into", "x", self.shapes), "absolute path"),
                                    (("/none/x-1-py3-none-any.whl",), "Cannot read /none/x-1")):
            run = self.vet(*arguments)
            self.assertEqual(run.status, 125, run)
            self.assertIn(sentence, run.stderr)

    def test_several(self):
        """several wheels: those that pass are kept, one that requires an earlier one as well"""
        into = os.path.join(self.directory.name, "several")
        user = self.make({"user.py": "import shapes\n"}, metadata="Requires-Dist: shapes ~= 1.0\n")
        run = self.vet("--into", into, self.shapes, self.make({"json.py": ""}), user)
        self.assertEqual(run.status, 1, run)
        lines = [json.loads(line) for line in run.stdout.splitlines()]
        self.assertEqual([line["passed"] for line in lines], [True, False, True])
        self.assertEqual(lines[2]["report"]["dependencies"], [f"shapes ~= 1.0: shapes 1.2 of {into}"])
        with open(os.path.join(into, "vetted.json"), encoding="utf-8") as file:
            self.assertEqual(sorted(json.load(file)["packages"]), ["bad", "shapes"])


for name in [name for name in dir(Packages) if name.startswith("test_")]:
    setattr(Vet, name, None)


if __name__ == "__main__":
    tap.run(Packages, OrdinaryUser, Vet)
