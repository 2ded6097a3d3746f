#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures how fast pysb is, each figure as a ratio to something else in the same run. Wants a quiet machine and root.

    bench.py [--quick] [--json FILE] [--record] [NAME…]

--quick runs everything, a little, and judges nothing; --record writes the table and the chart of docs/PERFORMANCE.md."""

import argparse
import json
import os
import sys

sys.path.insert(1, os.path.dirname(os.path.realpath(__file__)))
import account
import emulated
import growth
import host
import latency
import record
from frame import Figure, Missing

ROWS = {
    "submit": latency.submit, "rate": latency.rate, "numpy": latency.numpy, "embedded": latency.embedded,
    "cpu": latency.cpu, "stdout": latency.stdout, "memory": growth.memory, "sessions": growth.sessions,
    "jobs": growth.jobs, "account": account.account,
    "service": emulated.service,
}


def show(found, is_quick):
    if isinstance(found, Missing):
        print(f"{found.name:44} not measured: {found.reason}", flush=True)
        return
    name, value, ratio, against, target, verdict, note = found.cells()
    verdict = "" if is_quick else verdict
    against = f"{ratio:>9} {against}" if ratio else ""
    print(f"{name:44} {value:>12} {against:48} {target:>7} {verdict:6} {note}".rstrip(), flush=True)


def measure(names, is_quick):
    """All that the rows find, printed as it comes."""
    found = []
    for name in names:
        print(f"\n{name}: {ROWS[name].__doc__}", flush=True)
        for one in ROWS[name](is_quick):
            show(one, is_quick)
            found.append(one)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("names", metavar="NAME", nargs="*", help=" ".join(ROWS))
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(ROWS):
        parser.error(f"no row {unknown.pop()}: there are {' '.join(ROWS)}")
    if arguments.record and (arguments.quick or arguments.names):
        parser.error("what is recorded is all of it")
    facts = host.facts()
    print(", ".join(f"{name} {value}" for name, value in facts.items() if name != "mitigations"))
    found = measure(arguments.names or ROWS, arguments.quick)
    document = record.document(facts, found)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1, ensure_ascii=False)
            file.write("\n")
    if arguments.record:
        record.publish(facts, found)
    if arguments.quick:
        return 0
    missed = [f.name for f in found if isinstance(f, Figure) and f.is_met() is False]
    print(f"\n{len(missed)} targets missed" + (": " + ", ".join(missed) if missed else ""))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
