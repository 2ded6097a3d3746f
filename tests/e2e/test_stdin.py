#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""pysbctl --stdin with what comes while the program runs: a terminal, a FIFO, a pipe, a socket."""

import contextlib
import itertools
import os
import pty
import socket
import subprocess
import sys
import threading

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import tap

ECHO = ("import sys\nprint('ready', flush=True)\n"
        "for line in sys.stdin: print('got', line, end='', flush=True)\nprint('end')")
SPIN = "print('ready', flush=True)\nwhile True: pass"
PIPE_BYTES = 65536


class Stdin(harness.OnOneDaemon):
    numbers = itertools.count()

    def start(self, code, *options, stdin=subprocess.DEVNULL, terminal=False, verb="submit"):
        command = self.daemon.command("-c", code, "--stdin", "-", "--timeout", "50s", *options, verb=verb)
        if terminal:
            command = ["setsid", "--ctty", *command]
        process = subprocess.Popen(command, env=self.daemon.tree.environment, stdin=stdin,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def on_terminal(self, code, *options):
        """The program with a terminal of its own, and the terminal's other side."""
        master, slave = pty.openpty()
        process = self.start(code, *options, stdin=slave, terminal=True)
        os.close(slave)
        self.addCleanup(self.close, master)
        harness.read_until(process.stdout, b"ready\n")
        return process, master

    def close(self, fd):
        with contextlib.suppress(OSError):
            os.close(fd)

    def on_fifo(self, code, *options, **keywords):
        """The program with a named FIFO, and a writer of it."""
        path = os.path.join(self.daemon.directory, f"fifo{next(self.numbers)}")
        os.mkfifo(path)
        process = self.start(code, "--stdin", path, *options, **keywords)
        writer = open(path, "wb", buffering=0)
        self.addCleanup(writer.close)
        return process, writer

    def finish(self, process):
        out, err = process.communicate(timeout=harness.PATIENCE)
        return out, process.returncode, err

    def check_dialogue(self, process, write):
        for line in (b"one\n", b"zw\xc3\xb6lf\n"):
            write(line)
            harness.read_until(process.stdout, b"got " + line)

    def test_terminal(self):
        """a program answers each line that is typed; ^D is the end"""
        process, master = self.on_terminal(ECHO)
        self.check_dialogue(process, lambda line: os.write(master, line))
        os.write(master, b"\x04")
        self.assertEqual(self.finish(process)[:2], (b"end\n", 0))

    def test_terminal_interrupt(self):
        """^C is KeyboardInterrupt for the program that waits for a line; its end is told"""
        process, master = self.on_terminal(
            "try:\n    print('ready', flush=True)\n    input()\n"
            "except KeyboardInterrupt:\n    print('interrupted')")
        os.write(master, b"half a line\x03")
        self.assertEqual(self.finish(process)[:2], (b"interrupted\n", 130))

    def test_terminal_interrupt_twice(self):
        """a second ^C kills a program that does not end"""
        process, master = self.on_terminal(
            "import time\ntry:\n    print('ready', flush=True)\n    input()\n"
            "except KeyboardInterrupt:\n    print('no', flush=True)\n    time.sleep(1000)", "-p", "raw")
        os.write(master, b"\x03")
        harness.read_until(process.stdout, b"no\n")
        os.write(master, b"\x03")
        self.assertEqual(self.finish(process)[1], 130)

    def test_terminal_goes(self):
        """a terminal that goes away ends the client, and so the job"""
        process, master = self.on_terminal(SPIN)
        os.close(master)
        self.assertEqual(self.finish(process)[1], 129)

    def test_fifo(self):
        """a FIFO whose writer goes on is a dialogue, too; its last writer's end is the end"""
        process, writer = self.on_fifo(ECHO)
        harness.read_until(process.stdout, b"ready\n")
        self.check_dialogue(process, writer.write)
        writer.close()
        self.assertEqual(self.finish(process)[:2], (b"end\n", 0))

    def test_pipe(self):
        """so is a pipe"""
        process = self.start(ECHO, stdin=subprocess.PIPE)
        harness.read_until(process.stdout, b"ready\n")
        self.check_dialogue(process, lambda line: os.write(process.stdin.fileno(), line))
        self.assertEqual(self.finish(process)[:2], (b"end\n", 0))

    def test_socket(self):
        """and a socket"""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            process = self.start(ECHO, stdin=theirs)
            harness.read_until(process.stdout, b"ready\n")
            self.check_dialogue(process, ours.sendall)
            ours.shutdown(socket.SHUT_WR)
            self.assertEqual(self.finish(process)[:2], (b"end\n", 0))

    def test_device(self):
        """a device that has no end is no more than the program reads"""
        with open("/dev/zero", "rb") as zero:
            process = self.start("import sys; print(sys.stdin.buffer.read(1000000).count(0))", stdin=zero)
            self.assertEqual(self.finish(process)[:2], (b"1000000\n", 0))

    def write_all(self, writer, size, written):
        with contextlib.suppress(BrokenPipeError):
            while written[0] < size:
                written[0] += writer.write(bytes(min(4096, size - written[0])))
            writer.close()

    def test_flow(self):
        """what is written is what is read, whatever its length"""
        size, written = 9_999_999, [0]
        process, writer = self.on_fifo("import sys; print(len(sys.stdin.buffer.read()))", "--memory", "100M")
        self.write_all(writer, size, written)
        self.assertEqual(self.finish(process)[:2], (b"%d\n" % size, 0))

    def test_nobody_reads(self):
        """a program that does not read holds up who writes: the pipes are full and no more is taken"""
        written = [0]
        process, writer = self.on_fifo(SPIN, "--timeout", "1s")
        thread = threading.Thread(target=self.write_all, args=(writer, 64 << 20, written))
        thread.start()
        self.assertEqual(self.finish(process)[1], 124)
        thread.join()
        self.assertLessEqual(written[0], 5 * PIPE_BYTES)

    def test_closed(self):
        """a program that closes its input goes on, and who writes is told"""
        process, writer = self.on_fifo("import os\nos.close(0)\n" + SPIN, "-p", "raw")
        harness.read_until(process.stdout, b"ready\n")
        written = [0]
        self.write_all(writer, 64 << 20, written)
        self.assertLessEqual(written[0], 5 * PIPE_BYTES)
        self.assertIsNone(process.poll())

    def test_tool(self):
        """input, output and tool calls in one program"""
        process, writer = self.on_fifo(
            "import tools\nfor _ in range(3): print(tools.double(n=int(input())), flush=True)",
            "-p", "agent", "--tool", "double=python3 -c 'import json; print(2 * json.load(open(0))[\"n\"])'")
        for number in (1, 20, 300):
            writer.write(b"%d\n" % number)
            harness.read_until(process.stdout, b"%d\n" % (2 * number))
        self.assertEqual(self.finish(process)[1], 0)

    def test_json(self):
        """--json and eval pass it on as it comes, too"""
        for verb, options in (("submit", ("--json",)), ("eval", ())):
            process, writer = self.on_fifo("input() + str(len(input()))", *options, verb=verb)
            writer.write(b"a\n")
            # More than is taken before the program reads
            self.write_all(writer, 6 * PIPE_BYTES, [0])
            out, status, err = self.finish(process)
            self.assertIn(b"a%d" % (6 * PIPE_BYTES), out, err)
            self.assertEqual(status, 0)

    def test_detach(self):
        """who does not stay reads it to its end first"""
        process, writer = self.on_fifo("len(input())", "--detach")
        writer.write(b"x" * (2 * PIPE_BYTES) + b"\n")
        writer.close()
        out, status, _ = self.finish(process)
        self.assertEqual(status, 0)
        run = self.daemon.call("wait", "--json", out.decode().strip())
        self.assertEqual(run.result["resultJson"], str(2 * PIPE_BYTES))

    def test_unreadable(self):
        """what cannot be read is said"""
        for path in ("/", "/nonexistent"):
            run = self.daemon.call("submit", "-c", "1", "--stdin", path)
            self.assertEqual(run.status, 125, run)
            self.assertIn("--stdin: " + path, run.stderr)


if __name__ == "__main__":
    tap.run(Stdin)
