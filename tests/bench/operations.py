#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures what typical operations cost a job, and prints the table of docs/PYTHON_CAPABILITIES.md.

    operations.py [--runs N]

Each operation runs in each profile that can do it, in boxes of its own. CPU time is what the operation alone
takes, by the program's own clock, median of N jobs: in the column of milliseconds that of the first profile
that can do it, in the others its share of the profile's limits.cpu_time. Ticks and memory are those of a whole
job that does it once, preparations included; of memory, the most that it took in any profile."""

import argparse
import json
import os
import statistics
import sys
from dataclasses import dataclass

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../e2e"))
import harness

# The columns of the table: what a share of the CPU time is a share of.
PROFILES = ("default", "text-processing", "file-operations", "data", "data-analysis", "agent", "eval")
# What an operation may cost: a share of limits.cpu_time, and bytes.
SHARE_MAX = 0.02
MEMORY_MAX = 128 << 20

# Clocks of CPU time may be coarse: so long, in seconds, is measured.
CPU_SECONDS = 0.2

MEASURED = """
import time
n, before = 0, time.process_time()
while (used := time.process_time() - before) < {seconds}:
    value, n = ({expression}), n + 1
[value, round(used / n * 1e6)]
"""


@dataclass
class Operation:
    """value is what the expression has to come to: an operation that does nothing is fast."""
    name: str
    setup: str
    expression: str
    value: object
    profiles: tuple = PROFILES[:-1]

    def program(self):
        return f"{self.setup.strip()}\n[{self.expression}]"

    def measured_program(self):
        return self.setup.strip() + MEASURED.format(expression=self.expression, seconds=CPU_SECONDS)


def using(names):
    return f"from sandbox_utils import {names}\n"


LINES = '"".join(f"{i:06} the quick brown fox jumps over the lazy dog ERROR\\n" for i in range(19000))'
LOG = f"""
with open("/app/log", "w") as file:
    file.write({LINES})
"""
ROWS = '"".join(f"{i},name {i},{i % 7},{i / 4}\\n" for i in range(10000))'
TABLE = f"""
with open("/app/table.csv", "w") as file:
    file.write("id,name,group,value\\n" + {ROWS})
"""
OBJECT = """
import json
text = json.dumps([{"id": i, "name": f"name {i}", "values": [i, i / 2, None]} for i in range(19000)])
"""
DIRECTORIES = """
import os
for i in range(20):
    for j in range(24):
        os.makedirs(f"/app/d{i}/d{j}")
"""
FILES = """
import pathlib
for i in range(10):
    pathlib.Path(f"/app/tree/d{i}").mkdir(parents=True)
    for j in range(10):
        pathlib.Path(f"/app/tree/d{i}/f{j}.txt").write_text("content\\n" * 100)
"""
YAML = """
text = "".join(f"- name: name {i}\\n  size: {i}\\n" for i in range(200))
"""
XML = """
text = "<r>" + "".join(f'<e id="{i}">text {i}</e>' for i in range(10000)) + "</r>"
"""
PANDAS = """
import io
import pandas
text = "id,group,value\\n" + "".join(f"{i},{i % 7},{i / 4}\\n" for i in range(10000))
"""
WITH_YAML = ("data-analysis", "agent")

OPERATIONS = (
    Operation("find 100 files among 110", using("find") + FILES, 'len(find("*.txt", "/app"))', 100),
    Operation("tree of 500 directories", using("tree") + DIRECTORIES, 'tree("/app").count("\\n") >= 500', True),
    Operation("copy_tree of 100 files", using("copy_tree") + FILES, 'copy_tree("/app/tree", "/app/copy")',
              100),
    Operation("grep 1 MB, every line matches", using("grep") + LOG, 'len(grep("ERROR$", "/app/log"))', 19000),
    Operation("wc 1 MB", using("wc") + LOG, 'wc("/app/log")["words"]', 209000),
    Operation("sed 1 MB", using("sed") + LOG + 'text = open("/app/log").read()\n',
              'sed("quick", "slow", text).count("slow")', 19000),
    Operation("tail of 1 MB", using("tail") + LOG, 'tail("/app/log", lines=10).count("\\n")', 10),
    Operation("csv_to_json, 10 000 rows", using("csv_to_json") + TABLE,
              'csv_to_json("/app/table.csv").count("name ")', 10000),
    Operation("json: parse and write 1 MB", OBJECT, "len(json.dumps(json.loads(text))) == len(text)", True,
              PROFILES),
    Operation("yaml_to_json, 200 entries", using("yaml_to_json") + YAML, 'yaml_to_json(text).count("size")', 200, WITH_YAML),
    Operation("xml_to_dict, 10 000 elements", using("xml_to_dict") + XML, 'len(xml_to_dict(text)["r"]["e"])', 10000),
    Operation("group_by and sort_by, 10 000 items",
              using("group_by, sort_by") + "items = [(i * 7919) % 10007 for i in range(10000)]\n",
              "len(group_by(sort_by(items, lambda i: i), lambda i: i % 10))", 10),
    Operation("pandas: read_csv and groupby, 10 000 rows", PANDAS,
              'len(pandas.read_csv(io.StringIO(text)).groupby("group").value.mean())', 7, ("data", "data-analysis")),
)


def run(daemon, operation, profile, program, *options):
    """-> the value behind that of the operation, and what the job used; raises if it did not do what it should."""
    job = daemon.submit(program, "-p", profile, *options)
    if not job.result or job.result["outcome"] != "success":
        raise AssertionError(f"{operation.name} in {profile}: {job}")
    value, *rest = json.loads(job.result["resultJson"])
    if value != operation.value:
        raise AssertionError(f"{operation.name} in {profile}: {value!r} is not {operation.value!r}")
    return rest, job.result["usage"]


def count(daemon, operation, profile, *options):
    """(ticks, bytes of memory) of a job that does the operation once."""
    _, usage = run(daemon, operation, profile, operation.program(), "--ticks", "1000000000", *options)
    return usage["ticks"], usage["memoryPeakBytes"]


def measure(daemon, operation, profile, runs):
    """CPU time of the operation in microseconds, the median of several jobs."""
    program = operation.measured_program()
    return statistics.median(run(daemon, operation, profile, program)[0][0] for _ in range(runs))


def cpu_limit(daemon, profile):
    shown = daemon.call("profile show", profile, "--json")
    return json.loads(shown.stdout)["defaults"]["cpuTimeUSec"]


def rows(daemon, runs):
    limits = {profile: cpu_limit(daemon, profile) for profile in PROFILES}
    yield ["operation", "CPU ms", "ticks", "memory MiB", *(f"`{p}`" for p in PROFILES)]
    yield ["---"] + ["--:"] * (3 + len(PROFILES))
    for operation in OPERATIONS:
        counted = {p: count(daemon, operation, p) for p in operation.profiles}
        ticks = {ticks for ticks, _ in counted.values()}
        if len(ticks) != 1:
            raise AssertionError(f"{operation.name}: the ticks differ: {counted}")
        memory = max(memory_bytes for _, memory_bytes in counted.values())
        cpu_usec = {p: measure(daemon, operation, p, runs) for p in operation.profiles}
        shares = []
        for profile in PROFILES:
            share = cpu_usec[profile] / limits[profile] if profile in cpu_usec else None
            mark = " (!)" if share is not None and share > SHARE_MAX else ""
            shares.append("" if share is None else f"{100 * share:.2f} %{mark}")
        yield [operation.name, f"{cpu_usec[operation.profiles[0]] / 1000:.1f}", str(ticks.pop()),
               f"{memory / (1 << 20):.0f}" + (" (!)" if memory > MEMORY_MAX else ""), *shares]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    daemon = harness.Daemon(harness.build_tree())
    try:
        for row in rows(daemon, arguments.runs):
            print("| " + " | ".join(row) + " |", flush=True)
    finally:
        daemon.stop()


if __name__ == "__main__":
    main()
