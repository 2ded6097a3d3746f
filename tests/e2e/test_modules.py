#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""One source of truth for modules: what the compiler computes, what GetProfile prints, what the import
error lists, what the analysis accepts and what can be imported in a job are the same, in every shipped
profile. And the packages of the profile data."""

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[1:1] = [os.path.join(ROOT, "tests"), os.path.dirname(os.path.abspath(__file__))]
import harness
import tap

PROFILES = os.path.join(ROOT, "profiles")
NAMES = sorted(name.removesuffix(".toml") for name in os.listdir(PROFILES)
               if name.endswith(".toml"))


def compiled(name):
    with open(f"{harness.BUILD}/profiles/{name}.profile", encoding="utf-8") as file:
        return file.read()


def flat(name, key):
    """The values of a list, or of a key, in the compiled profile."""
    return re.findall(rf'^\S+: {re.escape(key)} = "?(.*?)"?$', compiled(name), re.M)


def run_runner(*arguments):
    environment = {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}
    return subprocess.run([f"{harness.BUILD}/daemon/pysb-runner", *arguments], text=True,
                          env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)


class Served(unittest.TestCase):
    tree = harness.build_tree

    @classmethod
    def setUpClass(cls):
        cls.daemon = harness.Daemon(cls.tree())

    @classmethod
    def tearDownClass(cls):
        cls.daemon.stop()

    def show(self, name):
        run = self.daemon.call("profile", "show", name, "--json")
        self.assertIsNotNone(run.result, run)
        return run.result

    def whitelists(self):
        for name in NAMES:
            profile = self.show(name)
            if profile["importMode"] == "whitelist" and "problem" not in profile["info"]:
                yield name, profile

    def succeed(self, name, code, *options):
        run = self.daemon.submit(code, "-p", name, *options)
        self.assertEqual(run.result["outcome"], "success", run)
        self.assertNotIn("violations", run.result)
        self.assertEqual(run.result["stderr"]["totalBytes"], 0, run)
        return run.result

    def check(self, name, modules):
        """Names that the analysis refuses to import: at most 20 are reported at once, some twice."""
        refused = set()
        for i in range(0, len(modules), 10):
            code = "".join(f"import {module}\n" for module in modules[i:i + 10])
            with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
                os.chmod(file.name, 0o644)
                file.write(code)
                file.flush()
                run = self.daemon.call("check", "--json", "-p", name, file.name)
            self.assertIsNotNone(run.result, run)
            refused |= {finding["subject"] for finding in run.result["findings"]}
        return refused


class Modules(Served):
    def test_compiled_alike(self):
        """the interpreter of the build and pysb-runner compute the same closure"""
        for name in NAMES:
            run = run_runner("--compile-profile", "--shipped", f"{PROFILES}/{name}.toml")
            self.assertEqual((run.stdout, run.stderr), (compiled(name), ""), name)

    def test_printed(self):
        """GetProfile prints the list of the profile, and no name that begins with an underscore"""
        for name in NAMES:
            profile = self.show(name)
            self.assertEqual(profile["modules"], flat(name, "python.modules"), name)
            self.assertEqual(profile["modules"], sorted(set(profile["modules"])), name)
            lists = [m for m in profile.values() if isinstance(m, list)]
            self.assertFalse([m for names in lists for m in names if m.startswith("_")], name)

    def test_error_lists_them(self):
        """the import error of a whitelist names exactly these"""
        for name, profile in self.whitelists():
            code = "try:\n    import no_such_module_x\nexcept ImportError as error:\n    print(error)\n"
            run = self.daemon.submit(code, "-p", name)
            self.assertEqual(run.result["stdout"]["text"],
                             "No module named 'no_such_module_x' in this sandbox. Available: %s\n"
                             % ", ".join(profile["modules"]))

    def test_analysis_accepts_them(self):
        """the analysis accepts these, and refuses what they need in turn"""
        for name, profile in self.whitelists():
            self.assertEqual(self.check(name, profile["modules"]), set(), name)
            public = tuple(profile["modules"])
            # A part of a public package is public; its parents can be named.
            internal = [m for m in flat(name, "python.internal")
                        if not m.startswith(tuple(p + "." for p in public))
                        and not any(p.startswith(m + ".") for p in public)
                        and m not in ("__future__", "_io")]
            self.assertEqual(self.check(name, internal), set(internal), name)

    def test_import(self):
        """each public module of a whitelist can be imported in a job, and nothing is refused to it"""
        for name, profile in self.whitelists():
            code = "".join(f"import {module}\n" for module in profile["modules"])
            self.succeed(name, code + "print('done')\n")

    def test_lazy(self):
        """what the library imports in a function is there where nothing can be opened"""
        self.succeed("eval", """
import datetime, decimal, random, statistics, json, textwrap, pickle, base64, uuid, hashlib, difflib
import dataclasses, inspect, pprint, urllib.parse, calendar, xml.etree.ElementTree as E, csv, io, string
print(datetime.datetime.strptime("2024-02-29", "%Y-%m-%d"), 'x'.encode('idna'), '\\N{BULLET}')
print(len(pickle.dumps(datetime.date(2020, 1, 1))) > 9, uuid.uuid4().version, int('9' * 4000) % 7)
print(E.fromstring('<a><b/></a>')[0].tag, statistics.NormalDist(0, 1).cdf(0), b'x'.hex(), 'é'.encode('cp1252'))
print(list(csv.reader(io.StringIO('a,b'))), calendar.month(2024, 2)[:3], 'ß'.encode('utf-16')[:2])
print(string.Template('$a').substitute(a=1), difflib.get_close_matches('a', ['ab']), 'ab'.encode('utf-7'))
""")


class Custom(unittest.TestCase):
    """A profile of an operator, which says in one place what is different."""

    def make(self, text):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        os.chmod(directory.name, 0o755)
        path = os.path.join(directory.name, "mine.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write('description = "x"\ngranted = true\n' + text)
        run = run_runner("--compile-profile", path, f"{harness.BUILD}/profiles")
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        for name, lines in (("mine", run.stdout), ("default", compiled("default"))):
            with open(os.path.join(directory.name, name + ".profile"), "w", encoding="utf-8") as file:
                file.write(lines)
        tree = harness.build_tree()
        tree.environment["PYSB_PROFILE_PATH"] = directory.name
        daemon = harness.Daemon(tree)
        self.addCleanup(daemon.stop)
        return daemon

    def test_add_modules(self):
        """one module more than eval has"""
        daemon = self.make('extends = "eval"\n[python]\nadd_modules = ["logging"]\n')
        run = daemon.submit("import logging, json\nlogging.warning('x')", "-p", "mine")
        self.assertEqual((run.result["outcome"], run.result["stderr"]["text"]),
                         ("success", "WARNING:root:x\n"), run)
        run = daemon.submit("import tempfile", "-p", "mine")
        self.assertEqual(run.result["outcome"], "rejected", run)
        self.assertIn(", logging, ", run.result["message"])

    def test_utils_alone(self):
        """sandbox_utils in a whitelist of nothing else, not preloaded: it may import what the program may not"""
        daemon = self.make('extends = "default"\n[python]\nimports = "whitelist"\nmodules = ["@utils"]\n'
                           'deny_modules = []\npreload = []\n')
        code = "from sandbox_utils import echo, find\nimport sandbox_utils.shell\necho('x', 'f')\n" \
               "print(find('*'))\nfind('*', '/etc')\n"
        run = daemon.submit(code, "-p", "mine")
        self.assertEqual(run.result["stdout"]["text"], "[PosixPath('/app/f')]\n", run)
        # (3.13 underlines the call.)
        self.assertEqual(re.sub(r" *~*\^+\n", "", run.result["exception"]["traceback"]),
                         'Traceback (most recent call last):\n  File "<job>", line 5, in <module>\n'
                         "    find('*', '/etc')\nValueError: '/etc' leads outside: paths must be inside /app\n")
        self.assertNotIn("violations", run.result)
        run = daemon.submit("import os", "-p", "mine")
        self.assertIn("Available: sandbox_utils", run.result["message"])

    def test_utils_without_host(self):
        """no profile with host_env = false can list it"""
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "mine.toml")
            with open(path, "w", encoding="utf-8") as file:
                file.write('description = "x"\ngranted = true\nextends = "eval"\n[python]\n'
                           'add_modules = ["@utils"]\n')
            run = run_runner("--compile-profile", path, f"{harness.BUILD}/profiles")
        self.assertRegex(run.stderr, r"^mine.toml:5: python.modules: sandbox_utils \(.*\) cannot be among the "
                         r"modules while host_env is false")

    def test_missing_package(self):
        """a package that is not installed: the profile says what to install, and takes no job"""
        daemon = self.make('extends = "default"\n[python]\npackages = ["no_such_x", "no_such_y"]\n')
        sentence = "python3-no-such-x python3-no-such-y are missing: apt-get install python3-no-such-x " \
                   "python3-no-such-y"
        profiles = json.loads(daemon.call("profile", "list", "--json").stdout)["profiles"]
        self.assertEqual({p["name"]: p.get("problem") for p in profiles},
                         {"default": None, "mine": sentence})
        self.assertIn(sentence, daemon.call("profile", "list").stderr)
        run = daemon.submit("print(1)", "-p", "mine")
        self.assertEqual((run.status, run.stdout), (125, b""), run)
        self.assertIn(sentence, run.stderr)
        self.assertEqual(daemon.submit("print(1)").result["outcome"], "success")


DATA_CASES = {
    "numpy": "import numpy as np\nprint(np.linalg.norm(np.arange(5)), np.fft.fft(np.ones(4))[0].real)\n"
             "print(np.polyfit([0, 1, 2], [0, 1, 2], 1).round(3), np.random.default_rng(1).random() < 1)",
    "pandas": "import io, pandas as pd\ndf = pd.read_csv(io.StringIO('a,b\\n1,x\\n2,y\\n'))\n"
              "print(df.describe(), df.to_json(), df.groupby('b').a.sum(), df.pivot_table(index='b'))\n"
              "print(df.merge(df, on='a'), df.a.rolling(2).mean(), pd.date_range('2020', periods=3))",
    "files": "import pandas as pd\npd.DataFrame({'a': [1]}).to_csv('/app/x.csv')\n"
             "print(pd.read_csv('/app/x.csv'))",
    "savefig": "import io\nfrom matplotlib import pyplot as plt\nplt.bar(['a', 'b'], [1, 2])\n"
               "plt.title('$x^2$ \u00e4')\nplt.savefig('/app/x.png')\nb = io.BytesIO()\n"
               "plt.savefig(b, format='svg')\nplt.savefig(b, format='pdf')\nplt.close()\n"
               "print(open('/app/x.png', 'rb').read(4))",
    "plot": "import pandas as pd, matplotlib.pyplot as plt\npd.DataFrame({'a': [1, 2]}).plot()\nplt.close()\n"
            "fig = plt.figure()\nfig.add_subplot(projection='3d')\nfig.canvas.draw()\nplt.close()\nprint(1)",
    "nothing is left": "import os\nprint(os.listdir('/app'), os.listdir('/tmp'), os.listdir('/proc/self/fd'))",
}


class Data(Served):
    def setUp(self):
        problem = self.show("data")["info"].get("problem")
        if problem:
            self.skipTest(problem)

    def test_import_is_free(self):
        """importing what is loaded opens nothing: after it, as many modules as before"""
        result = self.succeed("data", "import sys\nn = len(sys.modules)\nimport numpy, pandas\n"
                                      "import matplotlib.pyplot\nprint(len(sys.modules) - n)")
        self.assertEqual(result["stdout"]["text"], "0\n")

    def test_nothing_is_left_behind(self):
        """starting the template leaves no file of matplotlib's"""
        self.succeed("data", "print(1)")
        self.assertFalse([n for n in os.listdir("/tmp") if n.startswith(("matplotlib-", "fontlist"))])


def add_data_case(name, code):
    def test(self):
        self.succeed("data", code)
    test.__doc__ = f"{name}: works, with no word on stderr and no violation"
    setattr(Data, "test_case_" + re.sub(r"\W", "_", name), test)


for case in DATA_CASES.items():
    add_data_case(*case)


if __name__ == "__main__":
    tap.run(Modules, Custom, Data)
