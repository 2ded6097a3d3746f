#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""pysbctl as a user meets it: ways to give a program, streams, cancelling, verbs, errors."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import tap


class Embedded(unittest.TestCase):
    """`pysbctl submit --embedded`: a daemon for one call."""

    def setUp(self):
        self.tree = harness.build_tree()

    def submit(self, *options, stdin=b""):
        command = [self.tree.pysbctl, "submit", "--embedded", *options]
        return harness.run(command, self.tree.environment, stdin=stdin)

    def test_acceptance_2(self):
        """printf 'print(6*7)' | pysbctl submit --embedded --json - gives 42 and figures"""
        run = self.submit("--json", "-", stdin=b"print(6*7)")
        self.assertEqual((run.status, run.result["outcome"]), (0, "success"), run)
        self.assertEqual(run.result["stdout"]["text"], "42\n")
        usage = run.result["usage"]
        for figure in ("wallTimeUSec", "setupTimeUSec", "memoryPeakBytes", "processesPeak"):
            if figure in usage or figure != "processesPeak":
                self.assertGreater(usage[figure], 0, f"{figure} in {usage}")
        self.assertGreater(usage["cpuUserUSec"] + usage["cpuSystemUSec"], 0, usage)

    def test_summary(self):
        """--summary is one line: outcome, times, memory, layers"""
        run = self.submit("--summary", "-c", "print('hello')")
        self.assertEqual((run.status, run.stdout), (0, b"hello\n"), run)
        lines = run.stderr.splitlines()
        self.assertEqual(len(lines), 1, run)
        for word in ("success", "wall", "CPU", "memory", "seccomp"):
            self.assertIn(word, lines[0])

    def test_large_file(self):
        """a large FILE works like a small one"""
        with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
            file.write("# " + "x" * 250_000 + "\nprint('end')\n")
            file.flush()
            run = self.submit(file.name)
        self.assertEqual((run.status, run.stdout), (0, b"end\n"), run)

    def test_piped_file(self):
        """a FILE that is a pipe works like a regular one"""
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "fifo")
            os.mkfifo(path)

            def write():
                with open(path, "w", encoding="utf-8") as fifo:
                    fifo.write("#" * 100_000 + "\nprint('piped')\n")
            writer = threading.Thread(target=write, daemon=True)
            writer.start()
            run = self.submit(path)
            self.assertEqual((run.status, run.stdout), (0, b"piped\n"), run)

    def test_too_large_source(self):
        """a program larger than sourceBytes is rejected before running, with exit status 126"""
        run = self.submit("--json", "-", stdin=b"#" * (1 << 20) + b"\nprint(1)")
        self.assertEqual(run.status, 126, run)

    def test_bad_files(self):
        """a file that cannot be read, wherever it is named, is one sentence and exit status 125; a FIFO can be"""
        for file, why in {"/nonexistent/a": "No such file or directory", "/tmp": "Is a directory",
                          "/proc/self/mem": "Input/output error",
                          "/dev/zero": "larger than it may be (%d MiB)"}.items():
            for options in [file], ["--file", f"{file}:a", "-c", "1"], ["--inputs", f"@{file}", "-c", "1"]:
                run = self.submit(*options)
                too_large = options == ["/dev/zero"]  # as every program that is
                error = why.replace("%d", "16" if "--file" in options else "4")
                self.assertEqual((run.status, run.stderr), (126 if too_large else 125, f"pysbctl: {file}: {error}.\n"))
        run = self.submit("--file", "/dev/stdin:a", "-c", "print(open('a').read())", stdin=b"piped")
        self.assertEqual((run.status, run.stdout), (0, b"piped\n"), run)

    def test_stdin_file(self):
        """--stdin FILE is the program's standard input"""
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"x" * 200_000 + b"\nlast\n")
            file.flush()
            run = self.submit("--stdin", file.name, "-c",
                              "import sys; d = sys.stdin.read(); print(len(d), d[-5:-1])")
        self.assertEqual((run.status, run.stdout), (0, b"200006 last\n"), run)

    def test_binary_stdout(self):
        """bytes that are not text reach pysbctl's stdout as they are"""
        run = self.submit("-c", "import os; os.write(1, bytes(range(256)))")
        self.assertEqual(run.stdout, bytes(range(256)))

    def test_streams_apart(self):
        """stdout and stderr arrive apart"""
        run = self.submit("-c", "import sys; print('out'); print('err', file=sys.stderr)")
        self.assertEqual((run.stdout, run.stderr), (b"out\n", "err\n"))

    def test_unknown_profile(self):
        """an unknown profile is refused by name with exit status 125"""
        run = self.submit("-p", "nonsense", "-c", "1")
        self.assertEqual(run.status, 125, run)
        self.assertIn("nonsense", run.stderr)

    def test_limit_above_maximum(self):
        """a limit above the profile's maximum is refused by name, never clamped"""
        run = self.submit("--memory", "900G", "-c", "1")
        self.assertEqual(run.status, 125, run)
        self.assertIn("memory", run.stderr)

    def test_reserved_environment(self):
        """names that change the interpreter are refused"""
        for name in ("PYTHONPATH", "LD_PRELOAD", "LD_LIBRARY_PATH", "GLIBC_TUNABLES"):
            run = self.submit("--env", f"{name}=/app", "-c", "1")
            self.assertEqual(run.status, 125, run)
            self.assertIn(name, run.stderr)

    def test_no_daemon(self):
        """without a daemon: one sentence that says what to do, exit status 125"""
        run = harness.run([self.tree.pysbctl, "submit", "--address", "unix:/nonexistent/socket",
                           "-c", "1"], self.tree.environment)
        self.assertEqual((run.status, run.stdout), (125, b""), run)
        self.assertEqual(len(run.stderr.splitlines()), 1, run)
        self.assertIn("--embedded", run.stderr)

    def test_nothing_left(self):
        """when pysbctl has ended, so has its daemon"""
        marker = f"PYSB_TEST_MARKER={os.getpid()}"
        environment = dict(self.tree.environment, **dict([marker.split("=")]))
        run = harness.run([self.tree.pysbctl, "submit", "--embedded", "-c", "print(1)"], environment)
        self.assertEqual(run.stdout, b"1\n", run)
        harness.poll_until(lambda: not with_environment(marker), "the end of all programs")


def with_environment(marker):
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                with open(f"/proc/{name}/environ", "rb") as environment:
                    if marker.encode() in environment.read().split(b"\0"):
                        found.append(int(name))
            except OSError:
                pass
    return found


class Serving(harness.OnOneDaemon):
    """Verbs against a daemon that listens."""

    def json(self, verb, *arguments):
        run = self.daemon.call(verb, "--json", *arguments)
        self.assertEqual(run.status, 0, run)
        return json.loads(run.stdout)

    def detach(self, code, *options):
        run = self.daemon.call("submit", "--detach", "-c", code, *options)
        self.assertEqual(run.status, 0, run)
        return run.stdout.decode().strip()

    def test_request_id(self):
        """--request-id: the same request makes one job, a different one is refused"""
        first = self.detach("print(1)", "--request-id", "order 7", "--priority", "9")
        self.assertEqual(self.detach("print(1)", "--request-id", "order 7", "--priority", "9"), first)
        info = self.json("show", first)["info"]
        self.assertEqual((info["requestId"], info["priority"]), ("order 7", 9))
        run = self.daemon.call("submit", "--detach", "-c", "print(2)", "--request-id", "order 7")
        self.assertEqual(run.status, 125, run)
        self.assertIn(first, run.stderr)
        run = self.daemon.call("submit", "-c", "1", "--priority", "10")
        self.assertEqual(run.status, 125, run)
        self.assertIn("--priority", run.stderr)

    def test_streams_live(self):
        """output arrives while the program runs"""
        process = self.daemon.start("import time; print('first', flush=True); time.sleep(1000)",
                                    "--timeout", "60s")
        harness.read_until(process.stdout, b"first\n")
        self.assertIsNone(process.poll())
        process.terminate()
        process.communicate(timeout=harness.PATIENCE)

    def test_interrupt_cancels(self):
        """SIGINT to pysbctl kills every process of the job and exits with 130"""
        process = self.daemon.start(
            "import os, time; os.fork(); os.fork(); print('ready', flush=True); time.sleep(1000)",
            "-p", "raw", "--timeout", "60s")
        harness.read_until(process.stdout, b"ready")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=harness.PATIENCE)
        self.assertEqual(process.returncode, 130)
        harness.poll_until(lambda: not self.daemon.boxed(), "the end of the job's processes")

    def test_killed_client_cancels(self):
        """a client that is killed takes its job along"""
        process = self.daemon.start("print('ready', flush=True)\nwhile True: pass",
                                    "--timeout", "60s")
        harness.read_until(process.stdout, b"ready")
        process.kill()
        process.communicate(timeout=harness.PATIENCE)
        harness.poll_until(lambda: not self.daemon.boxed(), "the end of the job's processes")

    def test_detach_wait(self):
        """submit --detach prints an identifier, wait gives its result and exit status"""
        job = self.detach("import sys; print('out'); sys.exit(5)")
        self.assertRegex(job, "^[0-9a-f]{32}$")
        run = self.daemon.call("wait", "--json", job)
        self.assertEqual(run.status, 5, run)
        self.assertEqual(run.result["stdout"]["text"], "out\n")

    def test_attach(self):
        """attach shows a job's output from its beginning, also after its end"""
        job = self.detach("print('one'); print('two')")
        self.daemon.call("wait", job)
        run = self.daemon.call("attach", job)
        self.assertEqual((run.status, run.stdout), (0, b"one\ntwo\n"), run)

    def test_cancel(self):
        """cancel ends a detached job, which says so"""
        job = self.detach("import time; time.sleep(1000)", "--timeout", "60s")
        self.assertEqual(self.daemon.call("cancel", job).status, 0)
        run = self.daemon.call("wait", "--json", job)
        self.assertEqual(run.result["outcome"], "cancelled", run)

    def test_cancel_with_a_reason(self):
        """cancel --reason TEXT is in the message of the result"""
        job = self.detach("import time; time.sleep(1000)", "--timeout", "60s")
        self.assertEqual(self.daemon.call("cancel", "--reason", "wrong file", job).status, 0)
        self.assertIn("cancelled: wrong file", self.daemon.call("wait", job).stderr)

    def test_label(self):
        """--label is what show prints"""
        job = self.detach("1", "--label", "order=7", "--label", "for=me")
        self.assertEqual(self.json("show", job)["info"]["labels"], {"order": "7", "for": "me"})
        run = self.daemon.call("submit", "--label", "order", "-c", "1")
        self.assertEqual(run.status, 125, run)
        self.assertIn("NAME=VALUE", run.stderr)

    def test_queue_timeout(self):
        """--queue-timeout 0 takes a place or gives up"""
        places = self.client.node().max_running_jobs
        jobs = [self.detach("import time; time.sleep(1000)", "--timeout", "60s") for _ in range(places)]
        run = self.daemon.call("submit", "--queue-timeout", "0", "-c", "1")
        self.assertIn("no place became free in time", run.stderr, run)
        self.assertEqual(self.daemon.call("cancel", "--grace", "0", *jobs).status, 0)

    def test_help(self):
        """`VERB --help` is the usage of each verb, and no error"""
        listed = self.daemon.call("help").stdout.decode()
        verbs = [line.split()[0] for line in listed.splitlines() if line.startswith("  ") and line[2].isalpha()]
        self.assertIn("session", verbs)
        tree = self.daemon.tree
        for words in (*([verb] for verb in verbs), ["session", "open"], ["tenant", "set"]):
            run = harness.run([tree.pysbctl, *words, "--help"], tree.environment)
            self.assertEqual((run.status, run.stderr), (0, ""), words)
            self.assertTrue(run.stdout.startswith(f"Usage: pysbctl {words[0]} ".encode()), run)

    def test_list_and_show(self):
        """list and show name a job, its state and its profile"""
        job = self.detach("print(1)", "-p", "eval")
        self.daemon.call("wait", job)
        run = self.daemon.call("list")
        self.assertIn(job, run.stdout.decode(), run)
        run = self.daemon.call("show", job)
        self.assertEqual(run.status, 0, run)
        for word in (job, "eval", "finished", "success"):
            self.assertIn(word, run.stdout.decode())

    def test_unknown_job(self):
        """a job that does not exist is one sentence and not a success"""
        run = self.daemon.call("wait", "0" * 32)
        self.assertNotEqual(run.status, 0, run)
        self.assertEqual(len(run.stderr.splitlines()), 1, run)

    def test_profiles(self):
        """profile list and show know the shipped profiles"""
        names = {"agent", "data", "data-analysis", "default", "eval", "file-operations", "loopback",
                 "raw", "text-processing"}
        listed = self.daemon.call("profile list")
        for name in names:
            self.assertIn(name, listed.stdout.decode(), listed)
            shown = self.daemon.call("profile show", name)
            self.assertEqual(shown.status, 0, shown)
            self.assertIn(name, shown.stdout.decode())

    def test_status(self):
        """status names the layers"""
        run = self.daemon.call("status")
        self.assertEqual(run.status, 0, run)
        for word in ("seccomp", "user-namespace", "no-new-privileges"):
            self.assertIn(word, run.stdout.decode())

    def test_events(self):
        """--events prints one JSON document per event, in order"""
        run = self.daemon.call("submit", "--events", "-c", "print('x')")
        events = [json.loads(line) for line in run.stdout.splitlines()]
        kinds = [e["kind"] for e in events if "kind" in e]
        self.assertEqual(kinds[0], "accepted", run)
        self.assertIn("started", kinds)
        self.assertIn("output", kinds)
        sequences = [e["sequence"] for e in events if "sequence" in e]
        self.assertEqual(sequences, sorted(set(sequences)))

    def test_many_at_once(self):
        """many clients at once each get their own answer"""
        processes = [self.daemon.start(f"print({n})") for n in range(24)]
        for number, process in enumerate(processes):
            out, err = process.communicate(timeout=harness.PATIENCE)
            self.assertEqual((process.returncode, out), (0, f"{number}\n".encode()), err)

    def test_slow_reader(self):
        """a client that does not read holds its job back and loses nothing"""
        process = self.daemon.start("for n in range(200_000): print(n)", "--timeout", "30s",
                                    "--output-limit", "8M")
        alive = self.daemon.submit("print(1)")
        self.assertEqual(alive.status, 0, alive)
        out, err = process.communicate(timeout=harness.PATIENCE)
        self.assertEqual(process.returncode, 0, err)
        self.assertEqual(out, "".join(f"{n}\n" for n in range(200_000)).encode())

    def test_terminate_with_jobs(self):
        """SIGTERM to the daemon ends running jobs with a result and leaves nothing"""
        daemon = harness.Daemon(harness.build_tree())
        process = daemon.start("print('ready', flush=True)\nwhile True: pass", "--timeout", "60s")
        harness.read_until(process.stdout, b"ready")
        boxed = [p.pid for p in daemon.boxed()]
        self.assertEqual(daemon.stop(), 0)
        process.communicate(timeout=harness.PATIENCE)
        self.assertNotEqual(process.returncode, 0)
        self.assertFalse([pid for pid in boxed if harness.is_alive(pid)])

    def test_killed_daemon(self):
        """kill -9 of the builder ends broker, templates and boxes, and the client hears of it"""
        daemon = harness.Daemon(harness.build_tree())
        process = daemon.start("print('ready', flush=True)\nwhile True: pass", "--timeout", "60s")
        harness.read_until(process.stdout, b"ready")
        family = [p.pid for p in harness.descendants(daemon.process.pid)]
        self.assertGreaterEqual(len(family), 4)
        daemon.process.kill()
        daemon.stop()
        _, err = process.communicate(timeout=harness.PATIENCE)
        self.assertNotEqual(process.returncode, 0)
        self.assertTrue(err)
        harness.poll_until(lambda: not any(map(harness.is_alive, family)),
                           "the end of the daemon's family")


if __name__ == "__main__":
    tap.run(Embedded, Serving)
