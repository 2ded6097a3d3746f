#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Packages of profiles: what the compiler finds and refuses, and what `pysb-runner --vet` says of wheels
that nobody should trust. Whether they work is in tests/e2e/test_packages.py."""

import fcntl
import json
import os
import re
import select
import stat
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile

ROOT = os.environ["PYSB_SOURCE_ROOT"]
BUILD = os.environ["PYSB_BUILD_ROOT"]
sys.path[1:1] = [os.path.join(ROOT, "tests"), os.path.join(ROOT, "daemon/runner/python")]
import requirements
import tap
import wheels

RUNNER = os.path.join(BUILD, "daemon/pysb-runner")
HEAD = 'extends = "default"\ndescription = "x"\ngranted = true\n'
PURE = {"shapes/__init__.py": "X = 1\n", "shapes/area.py": "Y = 2\n"}
TAG = "cp%d%d" % sys.version_info[:2]


def run_runner(*arguments, stdin=None):
    environment = {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}
    return subprocess.run([RUNNER, *arguments], text=True, env=environment, check=False,
                          stdin=stdin or subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


class Case(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(dir="/var/tmp")
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.wheels = os.path.join(directory.name, "wheels")

    def examine(self, path, native="", into=""):
        with open(path, "rb") as file:
            run = run_runner("--vet", "examine", "1.0", "default", f"{BUILD}/profiles", into, native, path,
                             stdin=file)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        report = json.loads(run.stdout)
        if report["staging"] and not into:
            self.assertEqual(run_runner("--vet", "drop", report["staging"]).returncode, 0)
        return report

    def make(self, files=PURE, name="shapes", version="1.0", **keywords):
        return wheels.make(self.directory, name, version, files, **keywords)

    def add(self, *arguments, native="", **keywords):
        """Vets a wheel without the box, and keeps it."""
        report = self.examine(self.make(*arguments, **keywords), native, self.wheels)
        self.assertEqual(report["problems"], [])
        run = run_runner("--vet", "keep", report["staging"], self.wheels)
        self.assertEqual((run.returncode, run.stderr), (0, ""))

    def compile(self, text):
        path = os.path.join(self.directory, "mine.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(HEAD + text.replace("WHEELS", self.wheels))
        return run_runner("--compile-profile", path, f"{BUILD}/profiles")

    def values(self, text, key):
        run = self.compile(text)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        return re.findall(rf'^\S+: python\.{key} = "(.*)"$', run.stdout, re.M)

    def refused(self, text, sentence):
        run = self.compile(text)
        self.assertEqual((run.returncode, run.stdout), (1, ""))
        self.assertIn(sentence.replace("WHEELS", self.wheels), run.stderr)
        self.assertEqual(run.stderr.count("\n"), 1, run.stderr)


class Requirements(unittest.TestCase):
    def test_markers(self):
        """markers as they are here; what cannot be read counts as true"""
        for marker, holds in (
                ("python_version < '3.8'", False), ("python_version >= '3.8' and extra == 'x'", False),
                ("'3.8' <= python_version", True), ("'3.99' < python_version", False),
                ("sys_platform == 'linux' or os_name == 'nt'", True), ("sys_platform in 'linux darwin'", True),
                ("sys_platform not in 'linux'", False), ("implementation_name == 'pypy'", False),
                ("(python_version ~= '3.8') and platform_system != 'Windows'", True), ("nonsense ((", True),
                ("f(1)", True), ("python_version", True), ("(" * 5000, True)):
            self.assertEqual(requirements.marker_holds(marker), holds, marker)

    def test_versions(self):
        """versions by their numbers"""
        for version, specifiers, matches in (
                ("1.2", ">=1.0,<2", True), ("2.0", "==2", True), ("1.9.3", "~=1.9", True), ("2.0", "~=1.9", False),
                ("1.9.9", "~=1.9.2", True), ("1.10", "~=1.9.2", False), ("1.5.1", "!=1.5.*", False),
                ("1.5.1", "==1.5.*", True), ("3.11.2", ">=3.8,!=3.9.*", True), ("1.0rc1", ">=1", True),
                ("1.10", ">1.9", True), ("1", "bogus", False), ("1", "", True)):
            self.assertEqual(requirements.version_matches(version, specifiers), matches, (version, specifiers))

    def test_requirements(self):
        """Requires-Dist and requires.txt, without extras"""
        for text, found in (("attrs", ["attrs"]), ("attrs (>=1,<2)", ["attrs >=1,<2"]),
                            ("requests[a,b] >=2; python_version<'3'", []), ("foo @ https://x/y.zip", ["foo"]),
                            ("foo[bar]>=1 ; python_version >= '3'", ["foo >=1"]), ("-r x", []), ("", [])):
            self.assertEqual([str(r) for r in requirements.read_requirements([text])], found, text)
        text = "a\n\n[x]\nb\n[:python_version<'3']\nc\n[y:python_version>'3']\nd\n"
        self.assertEqual([str(r) for r in requirements.read_requirements(requirements.egg_requirements(text))], ["a"])


class Resolution(Case):
    def test_debian(self):
        """Debian's packages by their distribution's name and by a module's"""
        if not os.path.isdir("/usr/lib/python3/dist-packages/attrs"):
            self.skipTest("python3-attr is not installed")
        self.assertEqual(self.values('python.packages = ["attrs"]\n', "packages"), ["attr", "attrs"])
        self.assertEqual(self.values('python.packages = ["ATTRS"]\n', "packages"), ["attr", "attrs"])
        self.assertEqual(self.values('python.packages = ["attr"]\n', "packages"), ["attr"])
        (line,) = self.values('python.packages = ["attr", "attrs"]\n', "recommended")
        self.assertRegex(line, r"^attrs \d+\.\d+\.\d+ \(import attr, attrs\)$")
        self.assertEqual(self.values('python.packages = ["attr"]\n', "package_paths"),
                         ["/usr/lib/python3/dist-packages"])

    def test_missing(self):
        """what is nowhere stays for the daemon to name; what can be no module is refused here"""
        text = 'python.packages = ["no_such_x"]\n'
        self.assertEqual(self.values(text, "packages"), ["no_such_x"])
        self.assertEqual(self.values(text, "recommended"), ["no_such_x (import no_such_x)"])
        self.refused('python.packages = ["no-such-x"]\n',
                     "mine.toml:4: python.packages: there is no package 'no-such-x' here; install Debian's")

    def test_standard(self):
        """modules of the standard library are no packages"""
        for name in ("json", "os.path", "xml.dom"):
            self.refused(f'python.packages = ["{name}"]\n', f"mine.toml:4: python.packages: {name} comes with Python")

    def test_shipped(self):
        """a shipped profile does not depend on the machine that builds it"""
        run = run_runner("--compile-profile", "--shipped", os.path.join(ROOT, "profiles/data.toml"))
        self.assertIn(': python.recommended = "numpy (import numpy)"\n', run.stdout)
        self.assertIn(': python.package_paths = "/usr/lib/python3/dist-packages"\n', run.stdout)

    def test_native(self):
        """native code is refused with the package, the file and what to do"""
        if not os.path.isdir("/usr/lib/python3/dist-packages/yaml"):
            self.skipTest("python3-yaml is not installed")
        self.refused('[python]\npackages = ["PyYAML"]\n', "mine.toml:5: python.packages: PyYAML ")
        self.refused('[python]\npackages = ["yaml"]\n', "has native code, such as yaml/_yaml.cpython-")
        self.refused('[python]\npackages = ["yaml"]\n', "or set native_packages = true")
        text = '[python]\npackages = ["PyYAML"]\nnative_packages = true\n'
        self.assertEqual(self.values(text, "packages"), ["yaml"])  # and not _yaml

    def test_preload(self):
        """packages are imported before any job, behind what the profile preloads, once"""
        self.add()
        text = '[python]\nwheels = "WHEELS"\npackages = ["shapes"]\npreload = ["json"]\n'
        self.assertEqual(self.values(text, "preload"), ["json", "shapes"])
        text = text.replace('"json"', '"shapes.area", "json"')
        self.assertEqual(self.values(text, "preload"), ["shapes.area", "json"])

    def test_wheels(self):
        """a wheel comes before Debian's package, by either name, with the directory of its own"""
        self.add({"attr/__init__.py": "X = 1\n", "_attr.py": "\n"}, name="attrs", version="99")
        text = '[python]\nwheels = "WHEELS"\npackages = ["%s"]\n'
        for name in ("attrs", "attr"):
            self.assertEqual(self.values(text % name, "packages"), ["attr"])
            self.assertEqual(self.values(text % name, "package_paths"), [f"{self.wheels}/attrs-99"])
            self.assertEqual(self.values(text % name, "recommended"), ["attrs 99 (import attr)"])

    def test_replaced(self):
        """a newer version replaces the older one, which stays for daemons that run until the next comes"""
        text = '[python]\nwheels = "WHEELS"\npackages = ["shapes"]\n'
        for version in ("1.0", "1.1", "1.1", "2.0", "1.0"):
            self.add(version=version)
            self.assertEqual(self.values(text, "recommended"), [f"shapes {version} (import shapes)"])
        there = {name for name in os.listdir(self.wheels) if not name.startswith(".")}
        self.assertEqual(there, {"vetted.json", "shapes-2.0", "shapes-1.0"})

    def test_dependencies(self):
        """what a wheel requires is mounted, but not listed; what is missing is refused"""
        self.add()
        self.add({"user.py": "import shapes\n"}, name="user",
                 metadata="Requires-Dist: shapes (>=1.0)\nRequires-Dist: none; python_version < '3'\n"
                          "Requires-Dist: none; extra == 'x'\n")
        text = '[python]\nwheels = "WHEELS"\npackages = ["user"]\n'
        self.assertEqual(self.values(text, "package_paths"),
                         [f"{self.wheels}/shapes-1.0", f"{self.wheels}/user-1.0"])
        self.assertEqual(self.values(text, "packages"), ["user"])
        self.add(version="0.9")
        self.refused(text, "mine.toml:6: python.packages: user 1.0 needs shapes >=1.0, but shapes 0.9 is there")

    def test_directory_refused(self):
        """a directory of wheels that was not made by vetting, or that others can change"""
        text = '[python]\nwheels = "WHEELS"\npackages = ["shapes"]\n'
        where = "mine.toml:5: python.wheels: "
        self.refused(text, where + "WHEELS: No such file")
        os.mkdir(self.wheels)
        self.refused(text, where + "WHEELS/vetted.json is missing: a directory of wheels is made by `pysbctl")
        self.add()
        self.assertEqual(self.values(text, "packages"), ["shapes"])
        for path in ("", "/vetted.json"):
            os.chmod(self.wheels + path, 0o777)
            self.refused(text, f"{where}WHEELS{path} must belong to root and be writable by nobody else")
            os.chmod(self.wheels + path, 0o755)
        path = f"{self.wheels}/shapes-1.0/shapes/area.py"
        os.chmod(path, 0o666)
        self.refused(text, f"mine.toml:6: python.packages: {path} must belong to root")
        os.unlink(path)
        os.symlink("/etc/passwd", path)
        self.refused(text, f"{path} is a symbolic link")
        os.unlink(path)
        os.mkdir(f"{self.wheels}/other-1.0")
        self.refused(text, where + "WHEELS/other-1.0 is not in vetted.json: remove it")
        os.rmdir(f"{self.wheels}/other-1.0")
        for content in ("", "[]", "{", '{"format": 2, "packages": {}}', '{"format": 1, "packages": {"a": 1}}',
                        '{"format": 1, "packages": {"a": {"name": "a"}}}'):
            with open(f"{self.wheels}/vetted.json", "w", encoding="utf-8") as file:
                file.write(content)
            self.refused(text, where + "WHEELS/vetted.json cannot be read: ")

    def test_native_wheel(self):
        """a wheel with an .so is refused in a pure profile with the reason"""
        self.add({"fast.so": b"\x7fELF", "shapes/__init__.py": ""}, native="native", about="Tag: x\n",
                 tag=f"{TAG}-{TAG}-linux_{os.uname().machine}")
        text = '[python]\nwheels = "WHEELS"\npackages = ["shapes"]\n'
        self.refused(text, "mine.toml:6: python.packages: shapes 1.0 has native code, such as fast.so, which "
                           "native_packages = false refuses; leave the package out, or set native_packages = true")
        self.assertEqual(self.values(text + "native_packages = true\n", "packages"), ["fast", "shapes"])

    def test_native_hidden(self):
        """native code under another name is what vetting found, not what its name says"""
        self.add(PURE | {"shapes/data.bin": b"\x7fELF"}, native="native", about="Tag: x\n")
        text = '[python]\nwheels = "WHEELS"\npackages = ["shapes"]\n'
        self.refused(text, "shapes 1.0 has native code, such as shapes/data.bin, which native_packages = false")
        self.assertEqual(self.values(text + "native_packages = true\n", "packages"), ["shapes"])


class Hostile(Case):
    def problems(self, *arguments, native="", **keywords):
        report = self.examine(self.make(*arguments, **keywords), native)
        self.assertIsNone(report["staging"])
        return "\n".join(report["problems"])

    def test_good(self):
        """what is known of a good one"""
        report = self.examine(self.make(
            PURE | {"shapes-1.0.data/scripts/run": "#!/bin/sh\n", "shapes-1.0.data/purelib/more.py": "",
                    "shapes/_private.py": "", "deep/er/x.py": "", "_hidden.py": ""},
            metadata="License-Expression: MIT OR Apache-2.0\nRequires-Python: >=3.8,!=3.9.*\n\nLicense: no\n"))
        self.assertEqual(report["problems"], [])
        self.assertEqual(report["imports"], ["deep.er.x", "more", "shapes"])
        self.assertEqual((report["name"], report["version"], report["licence"], report["native"]),
                         ("shapes", "1.0", "MIT OR Apache-2.0", []))
        self.assertEqual(report["ignored"], ["shapes-1.0.data/scripts/run"])

    def test_licence(self):
        """an unknown licence is said to be unknown"""
        for metadata, licence in (("", "unknown"), ("License: UNKNOWN\n", "unknown"),
                                  ("Classifier: License :: OSI Approved :: BSD License\n", "BSD License"),
                                  ("License: a\n  b\n", "a b")):
            self.assertEqual(self.examine(self.make(metadata=metadata))["licence"], licence)

    def test_unpacked(self):
        """modes, byte code and nothing but the files"""
        self.add()
        place = f"{self.wheels}/shapes-1.0"
        modes = {os.path.relpath(os.path.join(d, name), place): stat.S_IMODE(os.lstat(os.path.join(d, name)).st_mode)
                 for d, names, files in os.walk(place) for name in names + files}
        self.assertEqual({path for path, mode in modes.items() if mode == 0o755},
                         {"shapes", "shapes/__pycache__", "shapes-1.0.dist-info"})
        self.assertEqual(set(modes.values()), {0o755, 0o644})
        self.assertTrue(any(path.startswith("shapes/__pycache__/area.cpython-") for path in modes))

    def test_stale(self):
        """what an interrupted call has left goes a day later, and what may be in use stays"""
        self.add()
        for name in (".vet-old", ".vet-new", ".other"):
            os.makedirs(f"{self.wheels}/{name}/wheels")
        for name in (".vet-old", ".other"):
            os.utime(f"{self.wheels}/{name}", (0, 0))
        self.add()
        self.assertEqual(set(os.listdir(self.wheels)),
                         {".lock", ".other", ".vet-new", "shapes-1.0", "vetted.json"})

    def test_names(self):
        """paths that lead out, absolute ones, and what is no name"""
        for name, wrong in (("../x.py", 'leads out of the package by ".."'), ("/etc/x.py", "has an absolute path"),
                            ("shapes/../../x.py", "leads out"), ("a//b.py", "has no proper name"),
                            ("a\\b.py", "has no proper name"), ("a\x1b[1m.py", "has no proper name"),
                            ("x" * 300 + ".py", "has a name that is too long")):
            self.assertIn(wrong, self.problems(extra=[(name, b"")]))
        self.assertNotIn("\x1b", self.problems(extra=[("a\x1b[1m.py", b"")]))

    def test_kinds(self):
        """links, devices and fifos"""
        for kind, wrong in ((stat.S_IFLNK, "is a symbolic link"), (stat.S_IFIFO, "is neither a file"),
                            (stat.S_IFCHR, "is neither a file")):
            info = zipfile.ZipInfo("shapes/link.py")
            info.external_attr = (kind | 0o777) << 16
            self.assertIn(f"shapes/link.py {wrong}", self.problems(extra=[(info, b"/etc/passwd")]))

    def test_duplicates(self):
        """the same name twice, directly and by .data; a file that is a directory"""
        with self.assertWarns(UserWarning):
            path = self.make(extra=[("shapes/area.py", b"evil")])
        self.assertIn("shapes/area.py is in it twice", "".join(self.examine(path)["problems"]))
        self.assertIn("shapes/area.py is in it twice",
                      self.problems(PURE | {"shapes-1.0.data/purelib/shapes/area.py": "evil"}))
        self.assertIn("a.py/b.py is in a directory that is a file",
                      self.problems(PURE | {"a.py": "", "a.py/b.py": ""}))

    def test_record(self):
        """checksums that do not match, files that are not listed or not there"""
        for change, wrong in (
                (lambda lines: [re.sub("sha256=.", "sha256=_", line) for line in lines], "is not what RECORD says"),
                (lambda lines: lines[1:], "shapes/__init__.py is not in RECORD"),
                (lambda lines: lines + ["none.py,sha256=x,1"], "none.py is in RECORD and not in the wheel"),
                (lambda lines: lines + [lines[0]], "RECORD has shapes/__init__.py twice"),
                (lambda lines: [line.replace("sha256=", "md5=") for line in lines], "has no SHA-2 checksum")):
            self.assertIn(wrong, self.problems(record=change))

    def test_runs_elsewhere(self):
        """what runs outside of a box, and byte code that nobody can read"""
        self.assertIn("x.pth would run at the start", self.problems(PURE | {"x.pth": "import os\n"}))
        self.assertIn("x.PTH would run at the start", self.problems(PURE | {"x.PTH": "import os\n"}))
        self.assertIn("is byte code", self.problems(PURE | {"shapes/x.pyc": b"\0"}))

    def test_shadows(self):
        """modules of the standard library and of pysb"""
        for name in ("json", "_thread", "sandbox_utils", "tools", "_sandbox", "_policy", "_compile_profile",
                     "_tick_counter", "_pysb"):
            self.assertIn(f"its module {name} has the name of one of Python's",
                          self.problems(PURE | {f"{name}.py": ""}))
        self.assertIn("nothing in it that can be imported", self.problems({"_only.py": "", "data.txt": ""}))

    def test_stands_in(self):
        """a module that a Debian package has, too, is named and not refused"""
        self.assertEqual(self.examine(self.make())["standsInFor"], [])
        if not os.path.isdir("/usr/lib/python3/dist-packages/yaml"):
            self.skipTest("python3-yaml is not installed")
        report = self.examine(self.make(PURE | {"yaml/__init__.py": ""}))
        self.assertEqual((report["problems"], report["standsInFor"]), ([], ["Debian's yaml"]))

    def test_not_ascii(self):
        """names of modules that no profile can list"""
        self.assertIn(r"its module \xfcber: a profile takes ASCII names of modules only",
                      self.problems({"über.py": ""}))

    def test_tags(self):
        """another Python, another machine, another C library"""
        for tag in ("py2-none-any", "cp27-none-any", f"{TAG}-{TAG}-win_amd64", "py3-none-musllinux_1_1_x86_64",
                    f"{TAG}-{TAG}-manylinux_2_99_{os.uname().machine}", f"{TAG}-none-linux_other", "py399-none-any"):
            self.assertIn(f"it is for {tag}, and this is", self.problems(tag=tag, native="native"))
        for tag in ("py2.py3-none-any", f"{TAG}-{TAG}-manylinux2014_{os.uname().machine}",
                    f"cp37-abi3-manylinux_2_5_{os.uname().machine}"):
            self.assertEqual(self.examine(self.make(tag=tag, about="Tag: x\n"))["problems"], [])
        self.assertIn("it requires Python <3", self.problems(metadata="Requires-Python: <3\n"))

    def test_native(self):
        """native code by name and by content, also where the wheel says that there is none"""
        for files in ({"a.so": b"x"}, {"a.cpython-311-x86_64-linux-gnu.so": b"x"}, {"shapes.libs/libx.so.6": b""},
                      {"shapes/data.txt": b"\x7fELF..."}):
            name = next(iter(files))
            problems = self.problems(PURE | files)
            self.assertIn(f"it has native code, {name}; a profile with native_packages = true takes it", problems)
            self.assertIn(f"it says that it is pure Python, and has {name}", problems)
            self.assertEqual(self.examine(self.make(PURE | files, about="Tag: x\n"), "native")["problems"], [])

    def test_identity(self):
        """file name, directory and METADATA agree"""
        path = self.make()
        other = path.replace("shapes-1.0", "shapes-1.1")
        os.rename(path, other)
        self.assertIn("are not of one package", "".join(self.examine(other)["problems"]))
        self.assertIn("has 2 directories", self.problems(PURE | {"x-1.dist-info/METADATA": ""}))
        with open(os.path.join(self.directory, "x.whl"), "wb"):
            pass
        self.assertIn("the name of a wheel is", "".join(self.examine(f"{self.directory}/x.whl")["problems"]))

    def test_bombs(self):
        """what would be too large unpacked is not unpacked, whatever the archive says of its size"""
        path = self.make(PURE | {"shapes/zero.bin": b"\0" * (1 << 20)})
        with open(path, "rb") as file:
            data = bytearray(file.read())
        entry = data.index(b"PK\1\2", data.index(b"PK\1\2"))
        while not data[entry + 46:].startswith(b"shapes/zero.bin"):
            entry = data.index(b"PK\1\2", entry + 4)
        struct.pack_into("<I", data, entry + 24, 0xf0000000)
        with open(path, "wb") as file:
            file.write(data)
        self.assertIn("unpacked it would have 40", "".join(self.examine(path)["problems"]))
        # Less than there is: the rest is not read, and the checksums tell.
        struct.pack_into("<I", data, entry + 24, 10)
        with open(path, "wb") as file:
            file.write(data)
        self.assertNotEqual(self.examine(path)["problems"], [])
        self.assertIn("it has 20004 files", self.problems({f"f{n}.txt": b"" for n in range(20001)}))

    def test_damaged(self):
        """cut off, overwritten, no archive at all: a sentence and no traceback"""
        path = self.make()
        with open(path, "rb") as file:
            whole = file.read()
        for data in (b"", b"PK", whole[:100], whole[:-10], whole[:60] + b"\xff" * 40 + whole[100:], b"x" * 1000,
                     whole.replace(b"shapes/area.py", b"shapes/arex.py", 1)):
            with open(path, "wb") as file:
                file.write(data)
            report = self.examine(path)
            self.assertTrue(report["problems"], len(data))
            self.assertNotIn("Traceback", report["problems"][0])

    def test_dependencies(self):
        """what is required, and whether it is there"""
        report = self.examine(self.make(metadata="Requires-Dist: no-such-x >=2\nRequires-Dist: y; extra == 'z'\n"))
        self.assertEqual(report["dependencies"], ["no-such-x >=2: missing"])
        self.assertIn("shapes 1.0 needs no-such-x >=2, which neither", report["problems"][0])

    def test_bad_requirement(self):
        """a requirement that cannot be read is not passed over"""
        self.assertIn("METADATA requires '-bad name-', which cannot be read",
                      self.problems(metadata="Requires-Dist: -bad name-\n"))

    def test_no_file(self):
        """a pipe or a device is no wheel"""
        with open("/dev/zero", "rb") as file:
            run = run_runner("--vet", "examine", "1.0", "default", f"{BUILD}/profiles", "", "",
                             "shapes-1.0-py3-none-any.whl", stdin=file)
        self.assertEqual(json.loads(run.stdout)["problems"], ["it is no regular file"])

    def test_privileges(self):
        """who reads wheels has no capability, cannot get one, and has bounds"""
        report = self.examine(self.make(), into=self.wheels)
        with open(f"{self.wheels}/.lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # it waits for it, and can be looked at
            process = subprocess.Popen([RUNNER, "--vet", "keep", report["staging"], self.wheels])
            wanted = f"FLOCK  ADVISORY  WRITE {process.pid} "
            deadline = time.monotonic() + 60
            while wanted not in open("/proc/locks", encoding="ascii").read():
                self.assertLess(time.monotonic(), deadline, "keep does not wait for the lock")
                self.assertIsNone(process.poll())
                select.select([], [], [], 0.01)
            with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
                fields = dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)
            with open(f"/proc/{process.pid}/limits", encoding="ascii") as file:
                limits = file.read()
        self.assertEqual(process.wait(60), 0)
        self.assertEqual({fields[f"Cap{kind}"] for kind in ("Eff", "Prm", "Inh", "Amb")}, {"0" * 16})
        self.assertEqual(fields["NoNewPrivs"], "1")
        if os.environ.get("PYSB_SANITIZED") != "1":
            self.assertRegex(limits, r"Max address space +2147483648 ")


if __name__ == "__main__":
    tap.run(Requirements, Resolution, Hostile)
