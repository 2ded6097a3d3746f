#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Counts test cases for `./dev test`: not programs, but the lines of their TAP output.

    report.py add RESULTS SUITE TESTLOG.json    count one suite of `meson test`, print what failed
    report.py skip RESULTS SUITE REASON         count a suite that cannot run here as one skipped case
    report.py total RESULTS                     print the sums; exit 1 if anything failed
"""

import json
import re
import sys

RESULT_LINE = re.compile(r"(not )?ok\b(?:\s+\d+)?\s*(?:-\s*)?([^#]*)(?:#\s*(skip|todo)\b(.*))?", re.I)
PLAN_LINE = re.compile(r"1\.\.(\d+)(?:\s*#\s*skip\b(.*))?", re.I)


def count_tap(text):
    """Returns (passed, failed, skipped, problems): a missing or wrong plan is a failed case."""
    passed, failed, skipped, planned, problems = 0, 0, 0, None, []
    for line in text.splitlines():
        plan = PLAN_LINE.match(line)
        result = RESULT_LINE.match(line)
        if plan:
            planned = int(plan.group(1))
            if planned == 0 and plan.group(2) is not None:
                skipped += 1
                planned = 1
                problems.append(f"skipped: {plan.group(2).strip()}")
        elif result:
            negative, name, directive, reason = result.groups()
            if directive and directive.lower() == "skip":
                skipped += 1
                problems.append(f"skipped: {name.strip()}: {reason.strip()}")
            elif negative:
                failed += 1
            else:
                passed += 1
        elif line.startswith("Bail out!"):
            failed += 1
            problems.append(line)
    seen = passed + failed + skipped
    if planned is None:
        failed += 1
        problems.append("no TAP plan: the program died or printed something else")
    elif planned != seen or seen == 0:
        failed += 1
        problems.append(f"planned {planned} cases, saw {seen}")
    return passed, failed, skipped, problems


def read_log(path):
    try:
        with open(path, encoding="utf-8") as log:
            return [json.loads(line) for line in log]
    except FileNotFoundError:
        return []


def add(results, suite, log_path):
    total = [0, 0, 0]
    tests = read_log(log_path)
    for test in tests:
        passed, failed, skipped, problems = count_tap(test.get("stdout", ""))
        # A crash after the last case: meson saw an exit status that TAP does not show
        if test["result"] not in ("OK", "SKIP", "EXPECTEDFAIL") and failed == 0:
            failed = 1
            problems.append(f"exit status {test['returncode']} ({test['result']})")
        for problem in problems:
            print(f"{suite}: {test['name']}: {problem}")
        if failed:
            print(f"---- {suite}: {test['name']}: output\n{test.get('stdout', '').rstrip()}")
            print(f"---- stderr\n{test.get('stderr', '').rstrip()[-20000:]}\n----")
        total = [a + b for a, b in zip(total, (passed, failed, skipped))]
    if not tests:
        print(f"{suite}: no test ran, which counts as a failure")
        total[1] = 1
    record(results, suite, total)
    return 0


def record(results, suite, total):
    print(f"{suite}: {total[0]} passed, {total[1]} failed, {total[2]} skipped", flush=True)
    with open(results, "a", encoding="ascii") as out:
        print(*total, file=out)


def skip(results, suite, reason):
    print(f"{suite}: skipped: {reason}")
    record(results, suite, [0, 0, 1])
    return 0


def summarise(results):
    with open(results, encoding="ascii") as lines:
        rows = [[int(n) for n in line.split()] for line in lines]
    passed, failed, skipped = (sum(column) for column in zip(*rows)) if rows else (0, 1, 0)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


def main(argv):
    if len(argv) == 5 and argv[1] == "add":
        return add(*argv[2:])
    if len(argv) == 5 and argv[1] == "skip":
        return skip(*argv[2:])
    if len(argv) == 3 and argv[1] == "total":
        return summarise(argv[2])
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv))
