#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files that a job hands back: rules, contents, every problem, and jobs that make it hard."""

import base64
import hashlib
import os
import re
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import tap
import varlink
from pysb import errors


def write(path, text="x"):
    return f"import os\nos.makedirs(os.path.dirname({path!r}) or '.', exist_ok=True)\n" \
           f"open({path!r}, 'w').write({text!r})\n"


class OnFiles(harness.OnOneDaemon):
    def tearDown(self):
        harness.poll_until(lambda: not self.daemon.boxed(), "the end of all processes of boxes")

    def ask(self, code, *patterns, **request):
        rules = [p if isinstance(p, dict) else {"pattern": p} for p in patterns]
        return self.client.call("Run", {"request": {"code": code, "collect": rules, **request}})["result"]

    def collect(self, code, *patterns, **request):
        """Path to FileOutput."""
        result = self.ask(code, *patterns, **request)
        self.assertIn("files", result)
        paths = [file["path"] for file in result["files"]]
        self.assertEqual(paths, sorted(set(paths)), "in order, each once")
        return {file["path"]: file for file in result["files"]}

    def refused(self, error, collect, **options):
        with self.assertRaises(error) as caught:
            self.client.run("1", collect=collect, **options)
        return caught.exception


class Collect(OnFiles):
    def test_content(self):
        """text and bytes come back as they were, with size, SHA-256, mode and time"""
        before = time.time()
        files = self.collect("import os\nopen('a.txt', 'w').write('hé\\n')\n"
                             "open('b.bin', 'wb').write(bytes(range(256)) * 1000)\n"
                             "os.chmod('b.bin', 0o755)\nopen('empty', 'w')", "*")
        blob = bytes(range(256)) * 1000
        self.assertEqual(files["a.txt"]["text"], "hé\n")
        self.assertEqual(base64.b64decode(files["b.bin"]["data"]), blob)
        self.assertEqual(files["b.bin"]["sha256"], hashlib.sha256(blob).hexdigest())
        self.assertEqual([f["executable"] for f in files.values()], [False, True, False])
        self.assertEqual([f["sizeBytes"] for f in files.values()], [4, 256000, 0])
        self.assertEqual(files["empty"]["text"], "")
        self.assertFalse([f for f in files.values() if "problem" in f or "truncated" in f])
        for file in files.values():
            self.assertTrue(before - 60 < file["modifiedAtUSec"] / 1e6 < time.time() + 60, file)

    def test_patterns(self):
        """* ? [] and ** match as the interface says"""
        tree = ["a.txt", "b.txt", ".hidden", "d/a.txt", "d/e/a.txt", "d/e/f/b.md", "x[1]"]
        code = "".join(write(path) for path in tree)
        for pattern, expected in {
            "*.txt": ["a.txt", "b.txt"],
            "*": [".hidden", "a.txt", "b.txt", "x[1]"],
            "?.txt": ["a.txt", "b.txt"],
            "[!a].txt": ["b.txt"],
            "[a-b].txt": ["a.txt", "b.txt"],
            "**/a.txt": ["a.txt", "d/a.txt", "d/e/a.txt"],
            "d/**": ["d/a.txt", "d/e/a.txt", "d/e/f/b.md"],
            "d/*/a.txt": ["d/e/a.txt"],
            "**/f/*": ["d/e/f/b.md"],
            "**": sorted(tree),
            "x[[]1]": ["x[1]"],
            "d": [],
            "nothing/**": [],
        }.items():
            with self.subTest(pattern):
                self.assertEqual(list(self.collect(code, pattern)), expected)

    def test_first_rule(self):
        """the first rule that matches is the one for a file"""
        files = self.collect("open('a', 'w').write('0123456789')\nopen('b', 'w').write('0123456789')",
                             {"pattern": "a", "truncate": True}, {"pattern": "*"},
                             limits={"collectBytes": 4})
        self.assertEqual((files["a"]["text"], files["a"]["truncated"]), ("0123", True))
        self.assertNotIn("sha256", files["a"])
        self.assertEqual(files["b"]["problem"], "too-large")

    def test_unchanged(self):
        """files of the request come back when they changed, or when the rule wants them"""
        inputs = [{"path": "same", "text": "one"}, {"path": "other", "text": "one"},
                  {"path": "gone", "text": "one"}]
        code = "import os\nopen('other', 'w').write('two')\nos.remove('gone')\n" \
               "open('same', 'w').write('one')"
        self.assertEqual(list(self.collect(code, "*", files=inputs)), ["other"])
        files = self.collect(code, {"pattern": "*", "unchanged": True}, files=inputs)
        self.assertEqual([f["text"] for f in files.values()], ["two", "one"])
        few = {"collectFiles": 1, "collectBytes": 3}
        self.assertEqual(list(self.collect(code, "*", files=inputs, limits=few)), ["other"])

    def test_too_many(self):
        """one file more than the limit is named, what follows is not"""
        code = "for n in range(9): open(f'f{n}', 'w').write('x')"
        files = self.collect(code, "*", limits={"collectFiles": 9})
        self.assertFalse([f for f in files.values() if "problem" in f])
        files = self.collect(code, "*", limits={"collectFiles": 3})
        self.assertEqual(len(files), 4)
        self.assertEqual([f.get("problem") for f in files.values()], [None] * 3 + ["too-many"])

    def test_search_limit(self):
        """names and patterns that take long to compare end the search, which the files say"""
        patterns = [f"*{'a' * 120}{n}" for n in range(64)]
        result = self.client.run("for n in range(300): open('a' * 250 + f'{n:03}', 'w')", collect=patterns)
        # On a machine that is busy with other things ten seconds are over before
        self.assertIn([(f.path, f.problem) for f in result.files], ([(".", "search-limit")], [(".", "lost")]))
        self.assertEqual(self.client.run("open('a' * 254, 'w')", collect=patterns).files, [])

    def test_problems(self):
        """links, FIFOs, sockets, modes, bad names: each says why there is no content"""
        files = self.collect(
            "import os, socket\nos.symlink('/etc/shadow', 'link')\nos.symlink('d', 'dlink')\n"
            "os.mkdir('d')\nopen('d/f', 'w')\nopen('secret', 'w')\nos.chmod('secret', 0)\n"
            "os.mkdir('closed')\nopen('closed/f', 'w')\nos.chmod('closed', 0)\n"
            "open('a\\nb', 'w').write('x')\nopen(b'c\\xff', 'w')\nos.mkfifo('fifo')\n"
            "open('big', 'wb').truncate(60 << 20)", "**", profile="raw")
        self.assertEqual({path: f.get("problem") for path, f in files.items()}, {
            "link": "not-regular", "dlink": "not-regular", "fifo": "not-regular", "d/f": None,
            "secret": "unreadable", "closed": "unreadable", "big": "too-large",
            "a\\x0ab": "illegal-name", "c\\xff": "illegal-name"})
        self.assertFalse([f for f in files.values() if "problem" in f and ("text" in f or "data" in f)])

    def test_every_end(self):
        """files come back from a job that was killed, raised, or exited"""
        for end, outcome in {
            "raise ValueError": "exception",
            "import os; os._exit(3)": "exit_nonzero",
            "import os; os.abort()": "signaled",
            "while True: pass": "wall_time_limit",
            "bytearray(1 << 30)": "memory_limit",
        }.items():
            with self.subTest(end):
                result = self.ask(write("a", "here") + end, "a", limits={"wallTimeUSec": 500000})
                self.assertEqual(result["outcome"], outcome)
                self.assertEqual([f.get("text") for f in result["files"]], ["here"])

    def test_events(self):
        """who streams gets files as events before the result, and not again in it"""
        with varlink.Connection(self.daemon.address) as connection:
            connection.run(code=write("a", "1") + write("b", "2"), collect=[{"pattern": "*"}])
            *events, last = connection.replies()
        self.assertEqual([r["event"]["file"]["text"] for r in events if r["event"]["kind"] == "file"], ["1", "2"])
        self.assertNotIn("files", last["result"])

    def test_without_rules(self):
        """a job without rules hands back nothing, and one whose files do not match an empty list"""
        self.assertNotIn("files", self.ask(write("a")))
        self.assertEqual(self.ask(write("a"), "b")["files"], [])

    def test_refused(self):
        """patterns that cannot match, too many rules, a profile without files"""
        for pattern in ("", "/a", "../a", "a/../b", "a//b", "a/", "./a", "/".join("x" * 40)):
            with self.subTest(pattern):
                error = self.refused(errors.InvalidRequest, ["ok", pattern])
                self.assertEqual(error.field, "collect[1].pattern")
        self.assertEqual(self.refused(errors.InvalidRequest, ["a"] * 65).field, "collect")
        self.assertEqual(self.refused(errors.InvalidRequest, ["a"], profile="eval").field, "collect")
        error = self.refused(errors.LimitExceeded, ["a"], limits={"collect_files": 257})
        self.assertEqual(error.maximum, 256)


HOSTILE = """
import os
os.mkdir('many')
fd = os.open('many', os.O_RDONLY)
for n in range(MANY):
    os.close(os.open(f'n{n}', os.O_CREAT | os.O_WRONLY, dir_fd=fd))
os.symlink('/etc/shadow', 'shadow')
os.mkfifo('fifo')
open('sparse', 'wb').truncate(1 << 40)
open('out.txt', 'w').write('result')
at = os.getcwd()
for n in range(1000):
    os.mkdir('deep'); os.chdir('deep')
print('made')
"""


class Hostile(OnFiles):
    """In raw, with as many files as the acceptance asks for."""

    @classmethod
    def setUpClass(cls):
        tree = harness.build_tree()
        cls.profiles = tempfile.mkdtemp(prefix="pysb-e2e.", dir="/tmp")
        shutil.copytree(f"{harness.BUILD}/profiles", cls.profiles, dirs_exist_ok=True,
                        ignore=lambda _, names: [n for n in names if not n.endswith(".profile")])
        with open(f"{cls.profiles}/raw.profile", "r+", encoding="utf-8") as file:
            text, n = re.subn(r"(maximum\.disk_files = )\d+", r"\g<1>200000", file.read())
            assert n == 1
            file.seek(0)
            file.truncate()
            file.write(text)
        tree.environment["PYSB_PROFILE_PATH"] = cls.profiles
        cls.daemon = harness.Daemon(tree)
        cls.client = cls.daemon.client()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        shutil.rmtree(cls.profiles)

    def broker(self):
        def find():  # until its exec() it has the builder's name
            return [p.pid for p in harness.descendants(self.daemon.process.pid)
                    if p.fields["Name"].startswith("pysbd-broker")]
        return harness.poll_until(find, "the broker")[0]

    def cpu_usec(self):
        """Of the broker, by the scheduler's own count."""
        with open(f"/proc/{self.broker()}/schedstat", encoding="ascii") as stat:
            return int(stat.read().split()[0]) // 1000

    def test_tree(self):
        """10^5 files, a sparse one of 1 TiB, 1,000 directories, links: at most a second of the broker's time"""
        limits = {"diskFiles": 200000, "wallTimeUSec": 50000000, "memoryBytes": 1 << 30,
                  "diskBytes": 512 << 20, "fileBytes": 1 << 40}
        before = self.cpu_usec()
        files = self.collect(HOSTILE.replace("MANY", "100000"), "*", "deep/**/x", "many/n99999",
                             profile="raw", limits=limits)
        used = self.cpu_usec() - before
        print(f"# {used} us of CPU time in the broker", flush=True)
        self.assertLess(used, 1000000)
        self.assertEqual({path[:8]: f.get("problem") for path, f in files.items()}, {
            "shadow": "not-regular", "fifo": "not-regular", "sparse": "too-large", "out.txt": None,
            "many/n99": None, "deep/dee": "too-deep"})
        self.assertEqual(files["out.txt"]["text"], "result")

    def test_full(self):
        """a job that filled its memory and its disk still hands back what it wrote"""
        files = self.collect(
            "import os\nopen('a', 'w').write('kept')\ntry:\n open('fill', 'wb').write(bytes(100 << 20))\n"
            "except OSError: pass\nx = bytearray(1 << 30)", "a", profile="raw")
        self.assertEqual(files["a"]["text"], "kept")

    def test_nobody_waits(self):
        """while a tree is collected, another job is run from its start to its end"""
        code = "import os\nfor n in range(30000): os.close(os.open(f'n{n}', os.O_CREAT))\n"
        with self.client.stream(code + "print('made')", profile="raw", collect=["**/" * 20 + "*nothing*"],
                                limits={"disk_files": 65536, "wall_time_usec": 50_000_000}) as stream:
            harness.next_event(stream, "output")
            self.assertEqual(self.client.run("print(1)").stdout.text, "1\n")
            self.assertEqual(stream.wait().outcome, "success")

    def test_silent_broker(self):
        """a broker that does not go on costs the box its life, and the files say so"""
        with self.client.stream(write("a") + "print('made', flush=True)\nwhile True: pass",
                                collect=["**"], limits={"wall_time_usec": 3_000_000}) as stream:
            harness.next_event(stream, "output")
            broker = self.broker()
            os.kill(broker, signal.SIGSTOP)
            try:
                harness.poll_until(lambda: not self.daemon.boxed(), "the end of the box")
            finally:
                os.kill(broker, signal.SIGCONT)
            file = harness.next_event(stream, "file").file
            self.assertEqual((file.path, file.problem), (".", "lost"))
            self.assertEqual(stream.wait().outcome, "wall_time_limit")

    def test_client_goes_away(self):
        """a client that goes away ends the collecting, and the box with it"""
        code = "import os\nfor n in range(100000): os.close(os.open(f'n{n}', os.O_CREAT))\n"
        with self.client.stream(code + "print('made')", profile="raw", collect=["**"],
                                limits={"disk_files": 200_000, "wall_time_usec": 50_000_000,
                                        "memory_bytes": 1 << 30}) as stream:
            harness.next_event(stream, "output")
        harness.poll_until(lambda: not self.daemon.boxed(), "the end of the box")
        self.assertEqual(self.ask("print(1)")["outcome"], "success")


class Client(OnFiles):
    """pysbctl submit --collect --output-dir."""

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="pysb-e2e.", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.directory)
        self.out = f"{self.directory}/out"

    def submit(self, code, *options):
        return self.daemon.call("submit", "--collect", "**", *options, "-c", code)

    def read(self, name):
        with open(f"{self.out}/{name}", encoding="utf-8") as file:
            return file.read()

    def test_written(self):
        """files come into the directory, which is made, with their mode"""
        run = self.submit(write("a/b/c", "deep") + write("run", "#!") + "os.chmod('run', 0o755)",
                          "--output-dir", self.out)
        self.assertEqual((run.status, run.stderr), (0, ""), run)
        self.assertEqual((self.read("a/b/c"), self.read("run")), ("deep", "#!"))
        self.assertTrue(os.access(f"{self.out}/run", os.X_OK))
        self.assertFalse(os.stat(f"{self.out}/a/b/c").st_mode & 0o111)

    def test_json(self):
        """--json has the files in the result, and writes them, too"""
        run = self.submit(write("a", "text"), "--json", "--output-dir", self.out)
        self.assertEqual([f["text"] for f in run.result["files"]], ["text"])
        self.assertEqual(self.read("a"), "text")

    def test_large(self):
        """files that fit into no message go in and come out, the small ones beside them, within the limits"""
        data = os.urandom(5 << 20)
        with open(f"{self.directory}/big", "wb") as file:
            file.write(data)
        code = "data = open('big', 'rb').read()\nopen('out', 'wb').write(data[::-1])\nopen('small', 'w').write('x')"
        run = self.submit(code, "--file", f"{self.directory}/big:big", "--source-limit", "6M", "--collect-limit", "6M",
                          "--output-dir", self.out)
        self.assertEqual((run.status, run.stderr), (0, ""), run)
        with open(f"{self.out}/out", "rb") as file:
            self.assertEqual(file.read(), data[::-1])
        self.assertEqual(self.read("small"), "x")
        run = self.submit(code, "--file", f"{self.directory}/big:big", "--source-limit", "6M", "--json",
                          "--collect-limit", "6M")
        self.assertEqual([sorted(f.keys() & {"blob", "text"}) for f in run.result["files"]], [["blob"], ["text"]])

    def test_large_into_a_session(self):
        """the same by session put and get"""
        data = os.urandom(5 << 20)
        with open(f"{self.directory}/big", "wb") as file:
            file.write(data)
        with self.daemon.client() as client, client.open_session() as session:
            for word, *names in (("put", f"{self.directory}/big:big"), ("get", "big", f"{self.directory}/back")):
                run = self.daemon.call(f"session {word}", session.id, *names)
                self.assertEqual((run.status, run.stderr), (0, ""), run)
        with open(f"{self.directory}/back", "rb") as file:
            self.assertEqual(file.read(), data)

    def test_stays_inside(self):
        """nothing is written through a symlink, nor over what is there; it is said, and the status is 1"""
        os.makedirs(f"{self.out}")
        os.makedirs(f"{self.directory}/elsewhere")
        os.symlink("../elsewhere", f"{self.out}/link")
        os.symlink("../elsewhere/new", f"{self.out}/name")
        with open(f"{self.out}/there", "w", encoding="utf-8") as file:
            file.write("mine")
        run = self.submit("".join(write(path) for path in ("link/f", "name", "there", "other")),
                          "--output-dir", self.out)
        self.assertEqual(run.status, 1, run)
        self.assertEqual(len(run.stderr.splitlines()), 3, run)
        self.assertEqual(os.listdir(f"{self.directory}/elsewhere"), [])
        self.assertEqual((self.read("there"), self.read("other")), ("mine", "x"))

    def test_problem(self):
        """what has no content is one line, and the status is 1"""
        run = self.submit("import os\nos.symlink('/etc/shadow', 'link')", "--output-dir", self.out)
        self.assertEqual((run.status, run.stderr),
                         (1, "pysbctl: link is not handed back: not-regular.\n"))
        self.assertEqual(os.listdir(self.out), [])

    def test_usage(self):
        """--output-dir wants --collect; without it the files are only counted; eval takes none"""
        run = self.submit(write("a"))
        self.assertEqual((run.status, run.stderr), (
            0, "pysbctl: The program hands back 1 file; --output-dir DIR writes them there.\n"))
        run = self.daemon.call("submit", "--output-dir", self.out, "-c", "1")
        self.assertEqual(run.status, 125, run)
        self.assertFalse(os.path.exists(self.out))

    def test_detached(self):
        """the files of a job that went on by itself come by wait and by attach"""
        code = write("a/b", "kept") + "open('big', 'w').write('x' * 5_000_000)"
        job = self.submit(code, "--collect-limit", "6M", "--detach").stdout.decode().strip()
        for verb in "wait", "attach":
            run = self.daemon.call(verb, job)
            self.assertEqual((run.status, run.stderr), (
                0, "pysbctl: The program hands back 2 files; --output-dir DIR writes them there.\n"), verb)
            run = self.daemon.call(verb, "--output-dir", self.out, job)
            self.assertEqual((run.status, run.stderr), (0, ""), verb)
            self.assertEqual((self.read("a/b"), len(self.read("big"))), ("kept", 5_000_000), verb)
            run = self.daemon.call(verb, "--output-dir", self.out, job)
            self.assertEqual(run.status, 1, verb)
            self.assertIn("a/b: exists already", run.stderr)
            shutil.rmtree(self.out)

    def test_given(self):
        """--file keeps the executable bit, and takes a name with a colon that exists"""
        for name, mode in ("run:it", 0o755), ("run", 0o644):
            with open(f"{self.directory}/{name}", "w", encoding="utf-8") as file:
                file.write(name)
            os.chmod(file.name, mode)
        code = "import os\nfor n in 'run:it', 'x', 'y': print(open(n).read(), os.stat(n).st_mode & 0o111 != 0)"
        run = self.daemon.call("submit", "--file", f"{self.directory}/run:it", "--file", f"{self.directory}/run:x",
                               "--file", f"{self.directory}/run:it:y", "-c", code)
        self.assertEqual((run.stdout, run.stderr), (b"run:it True\nrun False\nrun:it True\n", ""))


if __name__ == "__main__":
    tap.run(Collect, Hostile, Client)
