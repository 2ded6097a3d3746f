#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The compiler of profiles: what it resolves, where it says that a value comes from, and what it
refuses."""

import hashlib
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.environ["PYSB_SOURCE_ROOT"]
sys.path.insert(1, os.path.join(ROOT, "tests"))
import tap

COMPILER = os.path.join(ROOT, "daemon/runner/python/compile_profile.py")


class Compile(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return path

    def run_compiler(self, *arguments):
        return subprocess.run(["/usr/bin/python3", "-I", "-S", COMPILER, *arguments], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)

    def compile(self, *arguments):
        run = self.run_compiler(*arguments)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        return run.stdout.splitlines()

    def refused(self, text, sentence, name="p.toml"):
        run = self.run_compiler(self.write(name, text))
        self.assertEqual((run.returncode, run.stdout), (1, ""), text)
        self.assertEqual(run.stderr.count("\n"), 1, run.stderr)
        self.assertIn(sentence, run.stderr)

    def test_lines(self):
        """every key becomes a line that says where it was written"""
        path = self.write("p.toml", '# comment\ngranted = true\n\n[limits]\nmemory = "50M"\n'
                                    "cpu   =   100 # [maximum]\n[python]\npreload = [\n"
                                    '  "os.path", # x = 1 ]\n  "json",\n]\npolicy = false\n')
        lines = self.compile(path)
        digest = lines.pop()
        self.assertEqual(lines, [
            "p.toml:6: limits.cpu = 100",
            'p.toml:5: limits.memory = "50M"',
            "p.toml:2: profile.granted = true",
            'p.toml:1: profile.name = "p"',
            "p.toml:12: python.policy = false",
            'p.toml:8: python.preload = "os.path"',
            'p.toml:8: python.preload = "json"',
        ])
        values = "".join(line.split(": ", 1)[1] + "\n" for line in lines)
        self.assertEqual(digest, 'p.toml:1: profile.digest = "%s"'
                         % hashlib.sha256(values.encode()).hexdigest())

    def test_digest(self):
        """the digest changes with a value, and with nothing else"""
        def digest(text, name="p.toml"):
            return self.compile(self.write(name, text))[-1]

        one = digest("granted = true\n[limits]\ncpu = 1\n")
        self.assertEqual(one, digest("# x\n\ngranted=true\n[limits]\n\ncpu=1\n"))
        self.assertNotEqual(one, digest("granted = true\n[limits]\ncpu = 2\n"))
        self.assertNotEqual(one, digest("granted = false\n[limits]\ncpu = 1\n"))

    def test_extends(self):
        """values are inherited with their places; lists are replaced; the identity is not inherited"""
        self.write("base.toml", 'description = "b"\ngranted = true\nproc = "none"\n[python]\n'
                                'preload = ["re", "io"]\npolicy = true\n[limits]\ncpu = 1\nmemory = 2\n')
        path = self.write("p.toml", 'extends = "base"\n[limits]\ncpu = 3\n[python]\npreload = ["csv"]\n')
        self.assertEqual(self.compile(path)[:-1], [
            "p.toml:3: limits.cpu = 3",
            "base.toml:9: limits.memory = 2",
            'p.toml:1: profile.name = "p"',
            'base.toml:3: profile.proc = "none"',
            "base.toml:6: python.policy = true",
            'p.toml:5: python.preload = "csv"',
            'p.toml:1: profile.extends = "base"',
        ])

    def test_extends_chain(self):
        """all that a profile extends is named, its own first, and is no part of the digest"""
        self.write("a.toml", "granted = true\n")
        self.write("b.toml", 'extends = "a"\nproc = "none"\n')
        lines = self.compile(self.write("p.toml", 'extends = "b"\ngranted = true\n'))
        self.assertEqual(lines[-3:-1], ['p.toml:1: profile.extends = "b"', 'b.toml:1: profile.extends = "a"'])
        self.assertEqual(lines[-1], self.compile(self.write("p.toml", 'granted = true\nproc = "none"\n'))[-1])

    def test_extends_search(self):
        """the base is looked up beside the file, then in the directories; one's own name is skipped"""
        self.write("shipped/default.toml", "[limits]\ncpu = 1\n")
        self.write("shipped/other.toml", "[limits]\ncpu = 2\n")
        shipped = os.path.join(self.directory, "shipped")
        mine = self.write("etc/default.toml", 'extends = "default"\n[limits]\nmemory = 1\n')
        self.assertIn("default.toml:2: limits.cpu = 1", self.compile(mine, shipped))
        other = self.write("etc/x.toml", 'extends = "other"\n')
        self.assertIn("other.toml:2: limits.cpu = 2", self.compile(other, shipped))
        self.write("etc/other.toml", "[limits]\ncpu = 7\n")
        self.assertIn("other.toml:2: limits.cpu = 7", self.compile(other, shipped))
        # x -> default (mine) -> default (shipped)
        chain = self.write("etc/y.toml", 'extends = "default"\n')
        self.assertIn("default.toml:2: limits.cpu = 1", self.compile(chain, shipped))
        self.assertIn("default.toml:3: limits.memory = 1", self.compile(chain, shipped))

    def test_extends_refused(self):
        """a missing base, a cycle, a name that is a path"""
        self.refused('\nextends = "none"\n', 'p.toml:2: profile.extends: there is no profile "none"')
        self.refused('extends = "p"\n', "p.toml:1: profile.extends: the profile extends itself")
        self.refused('extends = "../p"\n', "must be the name of a profile")
        self.refused("extends = 1\n", "must be the name of a profile")
        self.write("a.toml", 'extends = "p"\n')
        self.refused('extends = "a"\n', "a.toml:1: profile.extends: the profiles extend each other")

    def test_refused(self):
        """mistakes are named by file, line and key"""
        self.refused("a = \n", "p.toml:1: profile.a: is no TOML: Invalid value")
        self.refused("[limits]\ncpu = 1%\n", "p.toml:2: limits.cpu: is no TOML: Expected newline")
        self.refused('a = "x', "p.toml:1: profile.a: is no TOML")
        self.refused("a\n", "p.toml:1: is no TOML: Expected")
        self.refused('["\\u0000"\n', r"p.toml:1: '\x00': is no TOML: Expected ']'")
        self.refused(b'a = "\xff"\n', "p.toml: is not UTF-8")
        self.refused("[limits]\ncpu = 1.5\n", "p.toml:2: limits.cpu: must be an integer, or a string: of a time")
        self.refused("[limits]\nmemory = 1.5\n", 'of a size "50M"')
        self.refused("a = 2020-01-01\n", "p.toml:1: profile.a: is a date")
        self.refused("a = [[1]]\n", "p.toml:1: profile.a: is a list in a list")
        self.refused('[x]\na = ["b", "\\u001b[1m"]\n', "p.toml:2: x.a: has a character in it")
        self.refused('a = "x\\ny"\n', "p.toml:1: profile.a: has a character in it")
        self.refused("[limits]\nx = { a = 1 }\n", "p.toml:2: limits.x: is a table")
        self.refused("\n[a.b]\nc = 1\n", "p.toml:2: a.b: is a table where a value belongs")
        self.refused("\n[[limits]]\nc = 1\n", "p.toml:2: profile.limits: is a table")
        self.refused("a = [" + 5000 * "[", "p.toml: is nested too deeply")
        self.refused("[profile]\na = 1\n", "p.toml:1: profile: there is no such section")
        self.refused('name = "x"\n', "p.toml:1: profile.name: cannot be set")
        self.refused('digest = "x"\n', "p.toml:1: profile.digest: cannot be set")
        self.refused("", "must end in .toml", name="p.conf")

    def test_twice(self):
        """a key or a section that stands twice is named, and where it stands first"""
        self.refused("a = 1\n\na = 2\n", "p.toml:3: profile.a: was already set at line 1")
        self.refused("[limits]\ncpu = 1\n\nmemory = 1\ncpu = 2\n",
                     "p.toml:5: limits.cpu: was already set at line 2; a key may stand only once")
        self.refused("[python]\npreload = [\n'x',\n]\npreload = [\n'y',\n]\n",
                     "p.toml:7: python.preload: was already set at line 2")
        self.refused("[limits]\ncpu = 1\n[limits]\n", "p.toml:3: limits: was already set at line 1")
        self.refused("limits.cpu = 1\n'limits' . \"cpu\" = 1\n",
                     "p.toml:2: limits.cpu: was already set at line 1")

    def test_spellings(self):
        """the other ways in which TOML says the same are the same"""
        for text in ("[limits]\ncpu = 1\n", "\nlimits.cpu = 1\n", "\nlimits = { cpu = 1 }\n",
                     "\n'limits' . cpu = 1\n", "[ limits ] # x\n\"cpu\" = 1\n",
                     "['limits']\n\"c\\u0070u\" = 1\n", "\nlimits = { x = [\n1], cpu = 1 }\n"):
            self.assertIn("p.toml:2: limits.cpu = 1", self.compile(self.write("p.toml", text)))

    def test_odd_keys(self):
        """a quoted key can hold anything; one that would forge a line is refused"""
        self.refused('\n"a b" = 1\n', "p.toml:2: profile.'a b': is no name of a key")
        self.refused('"a\\nx.toml:1: b" = 1\n', "p.toml:1: profile.'a\\nx.toml:1: b': is no name")
        self.refused("[limits]\n'' = 1\n", "p.toml:2: limits.'': is no name of a key")
        self.refused("['a = b']\nc = 1\n", "p.toml:2: 'a = b'.c: is no name of a key")
        self.refused("%s = 1\n" % (70 * "a"), "is no name of a key")

    def test_long(self):
        """a value that is too long is named, with what is allowed"""
        self.refused('\ndescription = "%s"\n' % (5000 * "x"),
                     "p.toml:2: profile.description: has 5000 bytes, at most 1536 are allowed")
        self.refused('description = "%s"\n' % (1000 * "\N{SNOWMAN}"), "has 3000 bytes")
        self.refused("[limits]\ncpu = %s\n" % (5000 * "9"), "p.toml:2: limits.cpu: has 5000 bytes")
        # As long as it gets: all of it escaped, and it fits in a line of daemon/profile.
        name = "%s.toml" % (250 * "p")
        path = self.write(name, "description = '%s'\n" % (1536 * '"'))
        self.assertLess(max(len(line) for line in self.compile(path)), 4096)

    def test_preload(self):
        """a module that is not there is named; nothing is imported to find out"""
        for name in ("no_such_module_x", "os.no", "collections.no", "json.tool.no", "gi"):
            self.refused('[python]\npolicy = true\npreload = ["os", "%s"]\n' % name,
                         "p.toml:3: python.preload: there is no module %s" % name)
        self.compile(self.write("p.toml", '[python]\npreload = ["os.path", "collections.abc", "zlib",'
                                          '"xml.etree.ElementTree", "_strptime", "sys", "this"]\n'))
        # What is no name of a module is for daemon/profile to say.
        self.compile(self.write("p.toml", '[python]\npreload = ["../x", 1, "", "."]\n'))

    def modules(self, lines, key="modules"):
        prefix = "python.%s = " % key
        return [line.split(": ", 1)[1].removeprefix(prefix).strip('"')
                for line in lines if prefix in line]

    def test_groups(self):
        """groups become sorted names, once each, with the line of the group; own groups come first"""
        self.write("groups/one.modules", "# comment\n\njson # x\nre\nno_such_module_x?\nabc?\n")
        self.write("shipped/groups/one.modules", "csv\n")
        self.write("shipped/groups/two.modules", "math\nre\n")
        path = self.write("p.toml", '[python]\nimports = "whitelist"\nmodules = ["math", "@one", "@two"]\n')
        lines = self.compile(path, os.path.join(self.directory, "shipped"))
        self.assertEqual([line for line in lines if "python.modules" in line], [
            'one.modules:6: python.modules = "abc"',
            'one.modules:3: python.modules = "json"',
            'p.toml:3: python.modules = "math"',
            'one.modules:4: python.modules = "re"',
        ])

    def test_groups_refused(self):
        """an unknown group or module is named with the place where it stands"""
        head = '[python]\nimports = "whitelist"\nmodules = '
        self.write("groups/bad.modules", "\nno_such_module_x\n")
        self.write("groups/worse.modules", "json, re\n")
        for modules, sentence in (
                ('["@none"]', 'p.toml:3: python.modules: there is no group "@none"; it would be a file'),
                ('["@../x"]', 'p.toml:3: python.modules: "@../x" is no name of a group'),
                ('["@bad"]', "bad.modules:2: python.modules: there is no module no_such_module_x"),
                ('["@worse"]', "worse.modules:1: 'json, re' is no name of a module"),
                ('["nix"]', "p.toml:3: python.modules: there is no module nix"),
                ('"json"', "p.toml:3: python.modules: must be a list"),
                ('[]', "p.toml:3: python.modules: a whitelist needs at least one module")):
            self.refused(head + modules + "\n", sentence)
        self.refused('[python]\nimports = "whitelist"\n', "p.toml:2: python.modules: a whitelist needs")

    def test_computed(self):
        """what is computed cannot be set"""
        for key in ("internal", "package_debs", "package_paths", "recommended"):
            self.refused("[python]\n%s = []\n" % key, "p.toml:2: python.%s: cannot be set" % key)
        self.refused('[python]\nimports = "blacklist"\nmodules = ["json"]\n',
                     'p.toml:3: python.modules: is computed where python.imports is "blacklist"')
        self.compile(self.write("p.toml", '[python]\nimports = "blacklist"\nmodules = []\n'))

    def test_add_modules(self):
        """what is added goes behind what is inherited, over several profiles"""
        self.write("groups/g.modules", "re\n")
        self.write("a.toml", '[python]\nimports = "whitelist"\nmodules = ["json"]\n')
        self.write("b.toml", 'extends = "a"\n[python]\nadd_modules = ["@g"]\n')
        path = self.write("p.toml", 'extends = "b"\n[python]\nadd_modules = ["csv", "json"]\n')
        lines = self.compile(path)
        self.assertEqual([line for line in lines if "modules" in line], [
            'p.toml:3: python.modules = "csv"',
            'a.toml:3: python.modules = "json"',
            'g.modules:1: python.modules = "re"',
        ])
        self.refused('extends = "b"\n[python]\nadd_modules = "csv"\n',
                     "p.toml:3: python.add_modules: must be a list")

    def test_whitelist_without(self):
        """deny_modules takes names out of a whitelist"""
        path = self.write("p.toml", '[python]\nimports = "whitelist"\nmodules = ["json", "re"]\n'
                                    'deny_modules = ["re", "os"]\n')
        lines = self.compile(path)
        self.assertEqual(self.modules(lines), ["json"])
        self.assertNotIn("deny_modules", "".join(lines))

    def test_closure(self):
        """what the modules import at once and later, and not what nobody may drag in"""
        def closure(*names):
            path = self.write("p.toml", '[python]\nimports = "whitelist"\nmodules = [%s]\n'
                              % ", ".join('"%s"' % name for name in names))
            lines = self.compile(path)
            return self.modules(lines, "internal")

        internal = closure("json")
        self.assertLessEqual({"json.decoder", "re", "encodings.idna", "__future__"}, set(internal))
        self.assertFalse({"json", "hashlib", "tomllib", "__main__", "_compile_profile", "_closure",
                          "closure", "uuid"} & set(internal))
        self.assertEqual(internal, sorted(set(internal)))
        internal = closure("uuid", "tempfile")
        self.assertIn("shutil", internal)  # at once, by tempfile
        self.assertFalse({"subprocess", "socket", "ctypes"} & set(internal))  # uuid.getnode() and others
        internal = closure("datetime")
        self.assertIn("_strptime", internal)

    def test_closure_failure(self):
        """a module that cannot be imported is named, with the reason"""
        self.refused('[python]\nimports = "whitelist"\nmodules = ["json.tool", "encodings.mbcs"]\n',
                     "p.toml:3: python.modules: encodings.mbcs cannot be imported: ")

    def test_blacklist(self):
        """the standard library without what is denied, underscores and what is not for programs"""
        path = self.write("p.toml", '[python]\nimports = "blacklist"\ndeny_modules = ["json"]\n'
                                    'packages = ["numpy"]\n')
        modules = self.modules(self.compile(path))
        self.assertLessEqual({"csv", "os", "numpy"}, set(modules))
        self.assertFalse({"json", "test", "idlelib", "antigravity", "msvcrt"} & set(modules))
        self.assertFalse([name for name in modules if name.startswith("_")])

    def test_packages(self):
        """packages are not looked for: they may be installed later"""
        path = self.write("p.toml", '[python]\nimports = "whitelist"\nmodules = ["json"]\n'
                                    'packages = ["no_such_package_x"]\npreload = ["no_such_package_x.y"]\n')
        self.assertEqual(self.modules(self.compile(path)), ["json", "no_such_package_x"])

    def test_hidden_keys(self):
        """what looks like a key inside of a string or a list is none"""
        path = self.write("p.toml", 'a = """x \\\nb = 1 \\\n"""\nlist = [\n  "c = 1",\n  "[d]",\n]\n'
                                    "b = 2\n")
        lines = self.compile(path)
        self.assertIn("p.toml:8: profile.b = 2", lines)
        self.assertIn("p.toml:4: profile.list = \"[d]\"", lines)

    def test_quotes(self):
        """quotes and backslashes survive"""
        path = self.write("p.toml", "a = 'x \"y\" \\ z'\nb = \"\N{SNOWMAN}\"\n")
        self.assertIn('p.toml:1: profile.a = "x \\"y\\" \\\\ z"', self.compile(path))
        self.assertIn('p.toml:2: profile.b = "\N{SNOWMAN}"', self.compile(path))

    def test_config(self):
        """the daemon's settings have no name and no digest"""
        path = self.write("pysbd.toml", "allow_degraded = true\n[ids]\nfirst = 100000\n")
        self.assertEqual(self.compile("--config", path), [
            "pysbd.toml:1: daemon.allow_degraded = true",
            "pysbd.toml:3: ids.first = 100000",
        ])

    def test_tenants(self):
        """a tenant is a table; names of users and groups become numbers"""
        path = self.write("tenants.toml", '[a]\nuids = ["root", 7]\ngroups = ["root"]\n[default]\nweight = 5\n')
        self.assertEqual(self.compile("--tenants", path), [
            "== a",
            "tenants.toml:2: tenant.uids = 0",
            "tenants.toml:2: tenant.uids = 7",
            "tenants.toml:3: tenant.groups = 0",
            "== default",
            "tenants.toml:5: tenant.weight = 5",
        ])
        for group, number in (('"root"', 0), ('7', 7)):
            path = self.write("pysbd.toml", 'gateway_group = %s\n' % group)
            self.assertEqual(self.compile("--config", path), ["pysbd.toml:1: daemon.gateway_group = %d" % number])
        path = self.write("pysbd.toml", 'gateway_group = "no such group"\n')
        self.assertEqual(self.run_compiler("--config", path).stderr,
                         "pysbd.toml:1: daemon.gateway_group: there is no 'no such group' here\n")
        path = self.write("tenants.toml", '[a]\nweight = 5\n[a.maximum]\nmemory = "1M"\nwall_time = 3\n')
        self.assertEqual(self.compile("--tenants", path), [
            "== a", "tenants.toml:2: tenant.weight = 5", 'tenants.toml:4: tenant.maximum.memory = "1M"',
            "tenants.toml:5: tenant.maximum.wall_time = 3"])
        for text in ('[a.minimum]\nmemory = 1\n', '[a.maximum.maximum]\nx = 1\n', '[a]\nweight = {x = 1}\n'):
            path = self.write("tenants.toml", text)
            self.assertRegex(self.run_compiler("--tenants", path).stderr,
                             r"^tenants\.toml:[12]: a\.[a-z.]+: is a table where a value belongs\n$")
        path = self.write("tenants.toml", '[a]\nuids = ["no such user"]\n')
        self.assertEqual(self.run_compiler("--tenants", path).stderr,
                         "tenants.toml:2: a.uids: there is no 'no such user' here\n")
        path = self.write("tenants.toml", 'weight = 5\n')
        self.assertEqual(self.run_compiler("--tenants", path).stderr,
                         "tenants.toml:1: weight: stands above the table of a tenant\n")

    def test_usage(self):
        """a call that makes no sense is refused, and so is a file that is not there"""
        self.assertEqual(self.run_compiler().returncode, 2)
        self.assertEqual(self.run_compiler("--what").returncode, 2)
        run = self.run_compiler(os.path.join(self.directory, "none.toml"))
        self.assertEqual((run.returncode, run.stderr),
                         (1, "none.toml: cannot be read: No such file or directory\n"))

    def test_shipped(self):
        """raw differs from default in the policy and the processes, and in who it is"""
        def values(name):
            lines = self.compile(os.path.join(ROOT, "profiles", name + ".toml"))
            return {line.split(": ", 1)[1] for line in lines
                    if not line.split(": ")[1].startswith(("profile.digest", "profile.name",
                                                           "profile.extends"))}

        self.assertEqual({line.split(" ")[0] for line in values("default") ^ values("raw")},
                         {"python.policy", "python.analysis", "limits.processes", "maximum.processes",
                          "profile.description", "profile.granted"})
        self.assertEqual({line.split(" ")[0] for line in values("default") ^ values("loopback")},
                         {"profile.network", "profile.description"})


if __name__ == "__main__":
    tap.run(Compile)
