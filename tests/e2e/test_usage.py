#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The figures of a job, and the advice about its limits: programs that do a known amount of things."""

import os
import sys

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import tap
from tools import Case, add_rows
from pysb.types import IsolationLayer

PAGE = 4096
# 100 files and the directory that they are in; 100,000 bytes are 25 pages
FILES = """
import os
os.mkdir("/app/d")
for i in range(100):
    with open(f"/app/d/{i}", "wb") as file:
        file.write(bytes(100_000))
"""
FORKS = """
import os
for _ in range(%d):
    if os.fork() == 0:
        os._exit(0)
    os.wait()
"""
# So much CPU time, as the process itself counts it
SPIN = "import time\nwhile time.process_time() < %g: pass\n"


class Usage(Case):
    """Every figure, right within reason."""

    def usage(self, code, **request):
        result = self.run_job(code, **request)
        self.assertEqual(result.outcome, "success", result)
        return result.usage

    def has_cgroup(self, layer):
        return IsolationLayer(f"cgroup-{layer}", "enforced") in self.client.node().isolation

    def test_nothing(self):
        """a program that does nothing has all figures, most of them 0"""
        usage = self.usage("", profile="default", tools=[])
        for name in ("disk_bytes", "disk_files", "stdout_bytes", "stderr_bytes", "tool_calls", "tool_wait_usec"):
            self.assertEqual(getattr(usage, name), 0, f"{name} in {usage}")
        for name in ("wall_time_usec", "setup_time_usec", "memory_peak_bytes"):
            self.assertGreater(getattr(usage, name), 0, f"{name} in {usage}")
        self.assertGreater(usage.cpu_user_usec + usage.cpu_system_usec, 0, usage)
        self.assertEqual(usage.processes_peak, 1, usage)

    def test_eval(self):
        """in a profile without files nothing can be written, and that is what the figures say"""
        usage = self.usage("1", profile="eval", tools=[])
        self.assertEqual((usage.disk_bytes, usage.disk_files, usage.processes_peak), (0, 0, 1))
        self.assertGreater(usage.memory_peak_bytes, 0)

    def test_cpu_time(self):
        """CPU time is that of all processes"""
        code = SPIN % 0.1 + "import os\nif os.fork() == 0:\n    while time.process_time() < 0.2: pass\n" \
            "    os._exit(0)\nos.wait()"
        usage = self.usage(code)
        spent = usage.cpu_user_usec + usage.cpu_system_usec
        self.assertGreaterEqual(spent, 280_000, usage)
        self.assertLess(spent, 600_000, usage)
        self.assertGreaterEqual(usage.wall_time_usec, 100_000, usage)

    def test_memory(self):
        """the peak of memory is there, also when the memory is not used any more"""
        usage = self.usage("x = b'x' * 30_000_000\ndel x", profile="default")
        self.assertGreaterEqual(usage.memory_peak_bytes, 30_000_000, usage)
        self.assertLess(usage.memory_peak_bytes, 45_000_000, usage)

    def test_disk(self):
        """10 MB in 100 files and a directory are 101 files and 2500 pages"""
        usage = self.usage(FILES, profile="default")
        self.assertEqual((usage.disk_bytes, usage.disk_files), (100 * 25 * PAGE, 101), usage)

    def test_disk_removed(self):
        """what was removed, or belongs to a process that was killed, is gone at the end"""
        code = FILES + "import shutil\nshutil.rmtree('/app/d')\nf = open('/app/f', 'wb')\n" \
            "f.write(bytes(50_000))\nf.flush()\nos.unlink('/app/f')\nif os.fork() == 0:\n" \
            "    while True: pass"
        usage = self.usage(code)
        self.assertEqual((usage.disk_bytes, usage.disk_files), (0, 0), usage)

    def test_disk_of_the_fuller(self):
        """of /app and /tmp the one counts that has more, for each figure"""
        code = "open('/app/f', 'wb').write(bytes(10 * 4096))\n" \
               "for i in range(3): open(f'/tmp/{i}', 'wb').write(b'1')"
        usage = self.usage(code)
        self.assertEqual((usage.disk_bytes, usage.disk_files), (10 * PAGE, 3), usage)

    def test_disk_of_the_request(self):
        """the files of the request are in /app, and count"""
        usage = self.usage("", profile="default", files={"d/e.txt": "x" * 5000})
        self.assertEqual((usage.disk_bytes, usage.disk_files), (2 * PAGE, 2), usage)

    def test_processes(self):
        """three processes at once in raw"""
        code = "import os\nr, w = os.pipe()\nfor _ in range(2):\n    if os.fork() == 0:\n" \
               "        os.read(r, 1)\n        os._exit(0)\nos.write(w, b'12')\nos.wait(); os.wait()"
        usage = self.usage(code)
        if self.has_cgroup("pids"):
            self.assertEqual(usage.processes_peak, 3, usage)
        else:
            self.assertIsNone(usage.processes_peak)

    def test_processes_in_turn(self):
        """one child is two at once; of several that never met nobody says that they did"""
        self.assertEqual(self.usage(FORKS % 1).processes_peak, 2)
        usage = self.usage(FORKS % 5)
        self.assertEqual(usage.processes_peak, 2 if self.has_cgroup("pids") else None, usage)

    def test_thread(self):
        """a thread is one more, also where a program cannot fork"""
        code = "import threading\nt = threading.Thread(target=int)\nt.start()\nt.join()"
        self.assertEqual(self.usage(code, profile="default").processes_peak, 2)

    def test_one_task(self):
        """a program that may have neither processes nor threads is one, whatever it tries"""
        code = "import threading\ntry: threading.Thread(target=int).start()\nexcept RuntimeError: pass"
        usage = self.usage(code, profile="default", limits={"threads": 0})
        self.assertEqual(usage.processes_peak, 1)

    def test_output(self):
        """1000 bytes of output, 3 of errors"""
        usage = self.usage("import sys\nprint('x' * 999)\nsys.stderr.write('err')", profile="default")
        self.assertEqual((usage.stdout_bytes, usage.stderr_bytes), (1000, 3), usage)

    def test_tool_calls(self):
        """five tool calls"""
        usage = self.usage("import tools\nfor i in range(5): tools.add(i)")
        self.assertEqual(usage.tool_calls, 5)
        self.assertGreater(usage.tool_wait_usec, 0)

    def test_wall_time_limit(self):
        """a job that is ended at a limit has its figures, too"""
        code = "open('/app/f', 'wb').write(bytes(5000))\nwhile True: pass"
        result = self.run_job(code, limits={"wall_time_usec": 300_000})
        self.assertEqual(result.outcome, "wall_time_limit", result)
        usage = result.usage
        # Init has 100 ms for its record; without it, on a machine that is that busy, there is no disk
        if usage.disk_bytes is not None:
            self.assertEqual((usage.disk_bytes, usage.disk_files), (2 * PAGE, 1), usage)
        self.assertGreater(usage.cpu_user_usec + usage.cpu_system_usec, 0, usage)

    def test_counters(self):
        """instructions are counted where GetNode says so, and nowhere else"""
        counters = self.client.node().counters
        usage = self.usage("for _ in range(100_000): pass", profile="default")
        if counters == "instructions":
            self.assertGreater(usage.instructions, 1_000_000, usage)
        else:
            self.assertRegex(counters, r"^none \(perf_event_open: E[A-Z]+")
            self.assertIsNone(usage.instructions)

    def test_refused(self):
        """a job that never ran has no figures of a box and no advice"""
        result = self.run_job("x" * 20, profile="default", limits={"source_bytes": 20 - 1})
        self.assertEqual(result.outcome, "rejected")
        self.assertIsNone(result.usage.disk_bytes)
        self.assertIsNone(result.limits)


def write(size):
    return f"open('/app/f', 'wb').write(bytes({size}))"


# What a job does, its limits, and the advice; None is none. Two figures of memory and time vary, so
# rows about them are patterns
ADVICE = {
    "no limit is near": ("print(1)", {}, None),
    "output, 79 %": ("print('x' * 789)", {"output_bytes": 1000}, None),
    "output, 81 %": ("print('x' * 809)", {"output_bytes": 1000},
                     r"output 810 bytes of 1000 bytes \(81 %\): raise limits\.output"),
    "output, reached": ("print('x' * 1000)", {"output_bytes": 1000},
                        r"output 1001 bytes of 1000 bytes \(100 %\): raise limits\.output"),
    "disk, 79 %": (write(79 * PAGE), {"disk_bytes": 100 * PAGE}, None),
    "disk, 81 %": (write(81 * PAGE), {"disk_bytes": 100 * PAGE},
                   r"disk 324 KiB of 400 KiB \(81 %\): raise limits\.disk"),
    "disk, reached": (write(101 * PAGE), {"disk_bytes": 100 * PAGE},
                      r"disk 400 KiB of 400 KiB \(100 %\): raise limits\.disk"),
    "disk, a file that did not fit": ("import os\n" + write(40 * PAGE) + "\ntry: open('/app/g', 'wb').write("
                                      f"bytes({70 * PAGE}))\nfinally: os.unlink('/app/g')",
                                      {"disk_bytes": 100 * PAGE}, r"disk limit of 400 KiB reached: raise limits\.disk"),
    "files, 79 %": ("for i in range(79): open(f'/tmp/{i}', 'w')", {"disk_files": 100}, None),
    "files, reached": ("for i in range(101): open(f'/tmp/{i}', 'w')", {"disk_files": 100},
                       r"files 100 of 100 \(100 %\): raise limits\.disk_files"),
    "memory": ("x = b'x' * 40_000_000", {"memory_bytes": 50 << 20},
               r"memory 4\d(\.\d)? MiB of 50 MiB \(\d\d %\): raise limits\.memory"),
    "memory that it did not get": ("x = bytearray(10**9)", {"memory_bytes": 50 << 20},
                                   r"memory limit of 50 MiB reached: raise limits\.memory"),
    "result": ("import _sandbox\n_sandbox.result('x' * 900)", {"result_bytes": 1000},
               r"result 902 bytes of 1000 bytes \(90 %\): raise limits\.result"),
    "result, too large": ("'x' * 2000", {"result_bytes": 1000},
                          r"result limit of 1000 bytes reached: raise limits\.result"),
    "source": ("#" * 81, {"source_bytes": 100},
               r"source 81 bytes of 100 bytes \(81 %\): raise limits\.source"),
    "CPU time, reached": ("while True: pass", {"cpu_time_usec": 200_000},
                          r"CPU time \d+ ms of 200 ms \(\d+ %\): raise limits\.cpu_time"),
    "wall clock, reached": ("import time\ntime.sleep(100)", {"wall_time_usec": 200_000},
                            r"wall clock \d+ ms of 200 ms \(\d+ %\): raise limits\.wall_time"),
    "two of two processes": (FORKS % 1, {"processes": 2},
                             r"processes 2 of 2 \(100 %\): raise limits\.processes"),
    "tasks, reached": ("import threading\ne = threading.Event()\n"
                       "for i in range(9): threading.Thread(target=e.wait, daemon=True).start()",
                       {"processes": 4},
                       r"process(es 4| limit) of 4 (\(100 %\)|reached): raise limits\.processes"),
    "open files, reached": ("files = [open('/dev/null') for i in range(40)]", {"open_files": 32},
                            r"limit on open files of 32 reached: raise limits\.open_files"),
    "several": ("print('x' * 899)\n" + write(90 * PAGE), {"output_bytes": 1000, "disk_bytes": 100 * PAGE},
                r"disk 360 KiB of 400 KiB \(90 %\), output 900 bytes of 1000 bytes \(90 %\): "
                r"raise limits\.disk, limits\.output"),
}


class Advice(Case):
    """Which limits to raise."""

    def check_row(self, row):
        code, limits, advice = row
        result = self.run_job(code, limits=limits, tools=[])
        if advice is None:
            self.assertIsNone(result.limits)
        else:
            self.assertRegex(result.limits or "", f"^{advice}$")

    def test_tool_calls(self):
        """five of five tool calls, then one too many"""
        advice = r"tool calls 5 of 5 \(100 %\): raise limits\.tool_calls"
        for n in (5, 6):
            result = self.run_job(f"import tools\nfor i in range({n}): tools.add(i)",
                                  limits={"tool_calls": 5})
            self.assertRegex(result.limits or "", f"^{advice}$")
        result = self.run_job("import tools\nfor i in range(3): tools.add(i)", limits={"tool_calls": 5})
        self.assertIsNone(result.limits)

    def test_pysbctl(self):
        """pysbctl: --summary has a second line, show has a field, without either nothing is said"""
        near = ("-p", "raw", "--output-limit", "1000")
        code = "print('x' * 899)"
        line = "pysbctl: limits: output 900 bytes of 1000 bytes (90 %): raise limits.output"
        run = self.daemon.call("submit", "--summary", "-c", code, *near)
        self.assertEqual(run.stderr.splitlines()[1:], [line], run)
        run = self.daemon.call("submit", "-c", code, *near)
        self.assertEqual((run.status, run.stderr), (0, ""), run)
        run = self.daemon.call("submit", "--summary", "-c", "print(1)", *near)
        self.assertEqual(len(run.stderr.splitlines()), 1, run)
        run = self.daemon.call("submit", "--detach", "-c", code, *near)
        job = run.stdout.decode().strip()
        run = self.daemon.call("wait", "--summary", job)
        self.assertEqual(run.stderr.splitlines()[1:], [line], run)
        run = self.daemon.call("show", job)
        self.assertIn("Limits: output 900 bytes of 1000 bytes (90 %): raise limits.output",
                      run.stdout.decode())
        run = self.daemon.call("status")
        self.assertRegex(run.stdout.decode(), r"Counters: (instructions|none \()")


add_rows(Advice, ADVICE, Advice.check_row)

if __name__ == "__main__":
    tap.run(Usage, Advice)
