#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""`pysbctl session`: a session as somebody in a shell has it."""

import json
import os
import signal
import subprocess
import sys

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import tap


class Shell(harness.OnOneDaemon):
    def session(self, *arguments, status=0, **keywords):
        run = harness.run(self.command(*arguments), self.daemon.tree.environment, **keywords)
        self.assertEqual(run.status, status, run)
        return run

    def command(self, word, *arguments):
        return self.daemon.command(*arguments, verb=f"session {word}")

    def open(self, *options):
        session = self.session("open", *options).stdout.decode().strip()
        self.assertRegex(session, "^[0-9a-f]{32}$")
        self.addCleanup(lambda: harness.run(self.command("close", session), self.daemon.tree.environment))
        return session

    def start(self, session, code):
        process = subprocess.Popen(self.command("exec", session, "-c", code), env=self.daemon.tree.environment,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        harness.read_until(process.stdout, b"on\n")
        return process

    def test_exec_of_no_cell(self):
        """a cell is code: an expression or a module is refused before anything is sent"""
        for option in "-e", "--module":
            self.assertIn("neither -e nor --module", self.session("exec", "none", option, "x", status=125).stderr)

    def test_exec(self):
        """variables live from one exec to the next, by -c, a file and standard input"""
        session = self.open("-p", "default", "--env", "COLOUR=red", "--idle", "5min")
        self.session("exec", session, "-c", "x = inputs['n']", "--inputs", '{"n": 6}')
        run = self.session("exec", session, "-", stdin=b"print(x * 7)\n")
        self.assertEqual(run.stdout, b"42\n")
        run = self.session("exec", session, "-c", "print('first')\n'a' * 3")
        self.assertEqual((run.stdout, run.stderr), (b"first\n'aaa'\n", ""))
        run = self.session("exec", "--json", session, "-c", "import os\nprint(1)\nos.environ['COLOUR']")
        self.assertEqual((run.result["resultJson"], run.result["stdout"]["text"], run.result["executionCount"]),
                         ('"red"', "1\n", 4))
        run = self.session("exec", "--result", session, "-c", "x + 1")
        self.assertEqual(json.loads(run.stdout), 7)

    def test_outcomes(self):
        """the exit status is the outcome's, and a session that is lost is said to be"""
        session = self.open("-p", "raw", "--timeout", "60s")
        self.session("exec", session, "-c", "1 / 0", status=1)
        self.session("exec", session, "-c", "raise SystemExit(7)", status=7)
        self.session("exec", session, "--timeout", "100ms", "-c", "while True: pass", status=124)
        run = self.session("exec", session, "-c", "import os; os._exit(3)", status=3)
        self.assertIn("lost", run.stderr)
        self.assertIn("lost", self.session("exec", session, "-c", "1", status=125).stderr)

    def test_interrupts(self):
        """^C and `session interrupt` are KeyboardInterrupt, and the variables stay"""
        session = self.open()
        for interrupt in (lambda p: p.send_signal(signal.SIGINT), lambda p: self.session("interrupt", session)):
            process = self.start(session, "x = 5\nprint('on', flush=True)\nwhile True: pass")
            interrupt(process)
            _, stderr = process.communicate(timeout=harness.PATIENCE)
            self.assertIn(b"KeyboardInterrupt", stderr)
            self.assertNotEqual(process.returncode, 0)
            self.assertEqual(self.session("exec", session, "-c", "print(x)").stdout, b"5\n")

    def test_busy(self):
        """one cell at a time, unless --queue waits"""
        session = self.open()
        process = self.start(session, "print('on', flush=True)\nwhile True: pass")
        self.assertIn("runs in the session", self.session("exec", session, "-c", "1", status=125).stderr)
        waiting = subprocess.Popen(self.command("exec", "--queue", session, "-c", "print(9)"),
                                   env=self.daemon.tree.environment, stdout=subprocess.PIPE)
        self.session("interrupt", session)
        process.communicate(timeout=harness.PATIENCE)
        self.assertEqual(waiting.communicate(timeout=harness.PATIENCE)[0], b"9\n")

    def test_list_extend_close(self):
        """list shows it, extend pushes its end back, close ends it"""
        session = self.open("--lifetime", "1min")
        (info,) = json.loads(self.session("list", "--json").stdout)["sessions"]
        self.session("extend", "--lifetime", "2h", "--idle", "1h", session)
        (later,) = json.loads(self.session("list", "--json").stdout)["sessions"]
        self.assertGreater(later["expiresAtUSec"], info["expiresAtUSec"] + 3000_000_000)
        table = self.session("list").stdout.decode()
        for word in ("SESSION", session, "default"):
            self.assertIn(word, table)
        self.session("close", session)
        self.assertNotIn(session, self.session("list").stdout.decode())
        for word in ("close", "interrupt", "restart", "extend"):
            self.assertIn("There is no session", self.session(word, session, status=125).stderr)

    def test_restart(self):
        """restart is a fresh interpreter on the same files, and cancels what runs"""
        session = self.open()
        self.session("exec", session, "-c", "x = 1\nopen('f', 'w').write('kept')")
        process = self.start(session, "print('on', flush=True)\nwhile True: pass")
        self.session("restart", session)
        self.assertIn(b"the session was restarted", process.communicate(timeout=harness.PATIENCE)[1])
        self.assertIn("NameError", self.session("exec", session, "-c", "x", status=1).stderr)
        self.assertEqual(self.session("exec", session, "-c", "print(open('f').read())").stdout, b"kept\n")

    def test_branch(self):
        """branch prints a second session, whose variables diverge"""
        session = self.open()
        self.session("exec", session, "-c", "x = 1")
        branch = self.session("branch", session).stdout.decode().strip()
        self.session("exec", branch, "-c", "x = 2")
        self.assertEqual(self.session("exec", branch, "-c", "print(x)").stdout, b"2\n")
        self.session("close", branch)
        self.assertEqual(self.session("exec", session, "-c", "print(x)").stdout, b"1\n")
        process = self.start(session, "print('on', flush=True)\nwhile True: pass")
        self.assertIn("runs in the session", self.session("branch", session, status=125).stderr)
        self.session("interrupt", session)
        process.communicate(timeout=harness.PATIENCE)

    def test_usage(self):
        """what makes no sense is one sentence and the usage"""
        for arguments, sentence in (
                (["exec"], "Say which session"), (["close"], "Say which session"),
                (["open", "--idle", "soon"], "no time"), (["open", "--embedded"], "stays"),
                (["exec", "x", "--idle", "1s", "-c", "1"], "session open"), (["open", "--queue"], "session exec"),
                (["exec", "x", "--tool", "a=b", "-c", "1"], "none of"), (["close", "--idle", "1s", "x"], "neither"),
                (["extend", "--lifetime", "soon", "x"], "no time"), (["dance"], "Usage")):
            run = self.session(*arguments, status=125)
            self.assertIn(sentence, run.stderr)
            self.assertIn("Usage: pysbctl session", run.stderr)


if __name__ == "__main__":
    tap.run(Shell)
