#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""coverage.py BUILD DATA [-v]: how many lines of the builder its tests have run, by clang's counters: a line is one of a
function, that is neither blank nor a comment. With -v each one that did not run. Fails below the share that is due."""

import collections
import glob
import os
import subprocess
import sys

SOURCE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
DIRECTORIES = ["daemon/builder", "daemon/launch"]
# Of daemon/builder, which has its capabilities while boxes are served: percent
DUE = 95


def code_lines(text):
    """Numbers of the lines that are neither blank nor a comment; comments are formatted, so that one starts its line."""
    numbers, is_comment = set(), False
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        is_comment = is_comment or line.startswith("/*")
        if line and not is_comment:
            numbers.add(number)
        is_comment = is_comment and not line.endswith("*/")
    return numbers


def counts(program, data):
    """{path: {line: how often it ran}}, of all processes together."""
    raws, profile = glob.glob(f"{data}/*.raw"), f"{data}/all.profile"
    if not raws:
        sys.exit(f"coverage: nothing has run that counts: {data} is empty")
    with open(f"{data}/list", "w", encoding="utf-8") as file:
        file.write("\n".join(raws))
    # Who is killed while it writes leaves half a file
    subprocess.run(["llvm-profdata", "merge", "--failure-mode=all", "-sparse", "-f", f"{data}/list", "-o", profile],
                   check=True, stderr=subprocess.DEVNULL)
    lcov = subprocess.run(["llvm-cov", "export", "-format=lcov", f"-instr-profile={profile}", program], check=True,
                          stdout=subprocess.PIPE).stdout.decode()
    found, lines = {}, {}
    for line in lcov.splitlines():
        if line.startswith("SF:"):
            lines = found[os.path.realpath(os.path.join(os.path.dirname(program), "..", line[3:]))] = {}
        elif line.startswith("DA:"):
            number, count = line[3:].split(",")[:2]
            lines[int(number)] = int(count)
    return found


def main(build, data, *options):
    total = collections.Counter()
    found = counts(f"{build}/daemon/pysbd", data)
    for directory in DIRECTORIES:
        for path in sorted(p for p in found if p.startswith(f"{SOURCE}/{directory}/") and p.endswith(".c")):
            with open(path, encoding="utf-8") as file:
                text = file.read()
            lines = {n: found[path][n] for n in code_lines(text) if n in found[path]}
            missed = sorted(n for n, count in lines.items() if count == 0)
            total[directory, "all"] += len(lines)
            total[directory, "run"] += len(lines) - len(missed)
            name = os.path.relpath(path, SOURCE)
            print(f"{name:36} {100 - 100 * len(missed) / len(lines):6.1f} % of {len(lines)}")
            for n in missed if "-v" in options else []:
                print(f"{name}:{n}: {text.splitlines()[n - 1].strip()}")
    for directory in DIRECTORIES:
        share = 100 * total[directory, "run"] / total[directory, "all"]
        print(f"{directory + ' in all':36} {share:6.1f} % of {total[directory, 'all']}")
    return 100 * total[DIRECTORIES[0], "run"] < DUE * total[DIRECTORIES[0], "all"]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
