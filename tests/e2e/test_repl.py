#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""`pysbctl repl`: a session at a prompt, and one that a file types."""

import fcntl
import os
import pty
import select
import signal
import stat
import subprocess
import sys
import tempfile
import termios

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import tap


class Terminal:
    """pysbctl repl on a terminal of its own, with a home of its own."""

    def __init__(self, daemon, home, *options):
        self.master, slave = pty.openpty()
        self.text = b""
        environment = {**daemon.tree.environment, "HOME": home, "TERM": "dumb"}
        self.process = subprocess.Popen(
            daemon.command(*options, verb="repl"), env=environment, stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)

    def expect(self, text):
        """Reads up to this text, and returns what came before it."""
        wanted = text.encode()
        while wanted not in self.text:
            ready, _, _ = select.select([self.master], [], [], harness.PATIENCE)
            try:
                chunk = os.read(self.master, 4096) if ready else b""
            except OSError:  # the other side is closed
                chunk = b""
            if not chunk:
                raise AssertionError(f"no {text!r} in {self.text!r}")
            self.text += chunk
        before, _, self.text = self.text.partition(wanted)
        return before.decode()

    def type(self, text, prompt=">>> "):
        """At a prompt; returns what was printed up to the next one."""
        os.write(self.master, text.encode() + b"\n")
        return self.expect(prompt)

    def end(self):
        os.write(self.master, b"\x04")
        return self.process.wait(harness.PATIENCE)


class Repl(harness.OnOneDaemon):
    def setUp(self):
        home = tempfile.TemporaryDirectory(prefix="pysb-e2e.", dir="/tmp")
        self.addCleanup(home.cleanup)
        self.home = home.name

    def terminal(self, *options):
        return Terminal(self.daemon, self.home, *options)

    def repl(self, text, *options, status=0):
        run = self.daemon.call("repl", *options, stdin=text.encode())
        self.assertEqual(run.status, status, run)
        self.assertEqual(self.sessions(), [])
        return run

    def sessions(self):
        return list(self.client.sessions())


class File(Repl):
    def test_statements(self):
        """one statement after the other, blocks with empty lines in them, values as Python prints them"""
        run = self.repl("x = 6\n\n@staticmethod\ndef f(a):\n\n    # doubled\n    b = a\n\n    return b * 7\n"
                        "print('out')\nf(x)\n'''a\n\nb'''\n(1,\n 2)\nNone\nif not x:\n    pass\nelse:\n"
                        "    print('else')\nfor i in 1, 2: print(i)\n'end'")
        self.assertEqual((run.stdout.decode(), run.stderr),
                         ("out\n42\n'a\\n\\nb'\n(1, 2)\nelse\n1\n2\n'end'\n", ""))

    def test_errors_go_on(self):
        """a traceback names the cell and shows its line; the exit status is the last one's"""
        run = self.repl("x = 1\n1 / 0\n)\nprint(x)\n")
        self.assertEqual(run.stdout, b"1\n")
        self.assertIn('File "<cell 2>", line 1', run.stderr)
        self.assertIn("SyntaxError", run.stderr)
        self.repl("print(1)\n1 / 0\n", status=1)
        self.repl("raise SystemExit(7)\n", status=7)

    def test_no_text(self):
        for line in b"print(1)\0\n", b"print('\xff')\n":
            run = self.daemon.call("repl", stdin=line)
            self.assertEqual((run.status, run.stderr),
                             (125, "pysbctl: A statement must be UTF-8 text without NUL.\n"))

    def test_ends(self):
        """by exit() and quit, and nothing at all is fine"""
        for text in ("", "\n# nothing\n", "1\nexit()\nprint('no')\n", "quit\nprint('no')\n"):
            self.assertNotIn(b"no", self.repl(text).stdout)

    def test_lost(self):
        """a program does not go on without its variables"""
        run = self.repl("import os\nos._exit(3)\nprint('no')\n", "-p", "raw", status=3)
        self.assertEqual(run.stdout, b"")
        self.assertIn("lost", run.stderr)

    def test_tools(self):
        """each cell calls tools, whose commands run here"""
        run = self.repl("import tools\nfor i in 1, 2: print(tools.echo(n=i))\ntools.echo(n=3)\n", "-p", "agent",
                        "--tool", "echo=cat")
        self.assertEqual(run.stdout, b"{'n': 1}\n{'n': 2}\n{'n': 3}\n")

    def test_options(self):
        """limits and files are the session's"""
        with open(os.path.join(self.home, "given"), "w", encoding="utf-8") as file:
            file.write("text")
        run = self.repl("open('given').read()\nwhile True: pass\n'on'\n", "--file", f"{file.name}:given",
                        "--timeout", "100ms")
        self.assertEqual(run.stdout, b"'text'\n'on'\n")
        self.assertIn("wall clock limit of 100 ms", run.stderr)

    def test_embedded(self):
        """a private daemon, which ends with it"""
        tree = self.daemon.tree
        run = harness.run([tree.pysbctl, "repl", "--embedded"], tree.environment, stdin=b"x = 5\nx + 1\n")
        self.assertEqual((run.status, run.stdout, run.stderr), (0, b"6\n", ""))

    def test_interrupt(self):
        """^C ends a program"""
        process = subprocess.Popen(self.daemon.command(verb="repl"), env=self.daemon.tree.environment,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process.stdin.write(b"print('on', flush=True)\nwhile True: pass\n\nprint('no')\n")
        process.stdin.close()
        harness.read_until(process.stdout, b"on\n")
        process.send_signal(signal.SIGINT)
        self.assertEqual((process.stdout.read(), process.wait(harness.PATIENCE)), (b"", 130))
        process.stdout.close()
        harness.poll_until(lambda: not self.sessions(), "the end of the session")

    def test_usage(self):
        """what makes no sense is one sentence and the usage; a refused session is its reason"""
        for arguments, sentence in ((["-c", "1"], "neither a program"), (["x"], "one too many"),
                                    (["--json"], "neither a program"), (["--queue"], "session exec"),
                                    (["--events"], "none of")):
            run = self.repl("", *arguments, status=125)
            self.assertIn(sentence, run.stderr)
            self.assertIn("Usage: pysbctl repl", run.stderr)
        self.assertIn("sessions in the profile eval", self.repl("1\n", "-p", "eval", status=125).stderr)


class Prompt(Repl):
    def test_session(self):
        """prompts, a block that an empty line ends, values, and ^D"""
        with self.terminal() as terminal:
            terminal.expect(">>> ")
            terminal.type("x = 6")
            terminal.type("def f(a):", "... ")
            terminal.type("    return a * 7", "... ")
            terminal.type("")
            self.assertIn("\n42\r\n", terminal.type("f(x)"))
            self.assertIn("ZeroDivisionError", terminal.type("1 / 0"))
            self.assertIn("'ä€'", terminal.type("'ä' + '€'"))
            self.assertEqual(len(self.sessions()), 1)
            self.assertEqual(terminal.end(), 0)
            self.assertEqual(self.sessions(), [])

    def test_interrupts(self):
        """^C is KeyboardInterrupt for a cell, again and again, and takes back what is typed at the prompt"""
        with self.terminal("--timeout", "10min") as terminal:
            terminal.expect(">>> ")
            terminal.type("x = 5")
            for _ in range(2):
                os.write(terminal.master, b"print('o' + 'n', flush=True)\n")
                terminal.expect(">>> ")
                os.write(terminal.master, b"while True: x = x\n\n")
                harness.poll_until(lambda: self.sessions()[0].state == "executing", "the cell")
                os.write(terminal.master, b"\x03")
                self.assertIn("KeyboardInterrupt", terminal.expect(">>> "))
            os.write(terminal.master, b"x = 7 +")
            terminal.expect("7 +")
            os.write(terminal.master, b"\x03")
            terminal.expect(">>> ")
            terminal.type("(", "... ")
            os.write(terminal.master, b"\x03")
            terminal.expect(">>> ")
            self.assertIn("\n5\r\n", terminal.type("x"))
            self.assertEqual(terminal.end(), 0)

    def test_history(self):
        """lines are kept for the next time, for nobody else, and the arrow brings them back"""
        with self.terminal() as terminal:
            terminal.expect(">>> ")
            terminal.type("6 * 7")
            self.assertEqual(terminal.end(), 0)
        path = os.path.join(self.home, ".local/state/pysbctl/history")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with self.terminal() as terminal:
            terminal.expect(">>> ")
            os.write(terminal.master, b"\x1b[A + 1\n")
            terminal.expect("\n43\r\n")
            terminal.expect(">>> ")
            self.assertEqual(terminal.end(), 0)

    def test_lost(self):
        """who has lost the interpreter gets another one, and is told that the variables are gone"""
        with self.terminal("-p", "raw") as terminal:
            terminal.expect(">>> ")
            terminal.type("import os; x = 1")
            self.assertIn("without the variables", terminal.type("os._exit(3)"))
            self.assertIn("NameError", terminal.type("x"))
            (session,) = self.sessions()
            self.client.session(session.session).close()
            self.assertIn("without the variables", terminal.type("1"))
            self.assertIn("\n2\r\n", terminal.type("2"))
            self.assertEqual(terminal.end(), 0)

    def test_end_by_force(self):
        """a session ends with the process that has it at its prompt"""
        for number in signal.SIGTERM, signal.SIGHUP, signal.SIGKILL:
            with self.terminal() as terminal:
                terminal.expect(">>> ")
                terminal.type("1")
                terminal.process.send_signal(number)
                status = terminal.process.wait(harness.PATIENCE)
                self.assertEqual(status, -number if number == signal.SIGKILL else 128 + number)
                harness.poll_until(lambda: not self.sessions(), "the end of the session")


if __name__ == "__main__":
    tap.run(File, Prompt)
