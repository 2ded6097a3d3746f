#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""coverage.py BUILD: replays the corpora in a build with clang's counters, and prints for each target how many lines of
the files that it is about were reached; with -v each file."""

import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
# Without their suffix; a directory stands for all of its files that begin so
FILES = {
    "builder": ["daemon/builder/" + name for name in (
        "request", "box", "box-session", "box-start", "box-usage", "spare", "template", "plan-set", "builder", "wall-clock", "slots")],
    "files": ["daemon/cage/" + name for name in ("files", "files-remove", "files-write")] + ["daemon/proto/glob"],
    "frames": ["daemon/broker/" + name for name in ("frame", "said", "tools", "collect")],
    "profile": ["daemon/profile/" + name for name in ("flat", "profile", "profile-values", "store", "config", "tenants")],
    "request": ["daemon/broker/" + name for name in (
        "request", "spec", "spec-program", "spec-session", "spec-tools")] + ["lib/wire/dispatch"],
    "server": ["daemon/broker/" + name for name in (
        "api", "api-acting", "api-blob", "api-check", "api-files", "api-input", "api-job", "api-manager", "api-node",
        "api-run", "api-session", "api-tenants", "api-tool", "blob-store", "collector", "connection", "files-link",
        "input", "job", "reply", "reply-said", "runner-link", "scheduler", "server", "session", "session-branch",
        "session-run", "tool-link")],
    "varlink": ["lib/wire/" + name for name in ("base64", "conn", "conn-socket", "json-scan", "message")],
}


def lines_of(target, directory):
    """{file: (lines, lines that were reached)}, after the corpus of the target."""
    corpus, data = os.path.join(HERE, "corpus", target), os.path.join(directory, f"{target}.data")
    program = os.path.join(directory, f"fuzz-{target}")
    subprocess.run([program, corpus], env={**os.environ, "LLVM_PROFILE_FILE": f"{data}.raw"}, check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(["llvm-profdata", "merge", "-o", data, f"{data}.raw"], check=True)
    report = subprocess.run(["llvm-cov", "export", "-summary-only", f"-instr-profile={data}", program], check=True,
                            stdout=subprocess.PIPE).stdout
    found = {}
    for file in json.loads(report)["data"][0]["files"]:
        for name in FILES[target]:
            if file["filename"].endswith(f"/{name}.c"):
                lines = file["summary"]["lines"]
                found[name] = lines["count"], lines["covered"]
    missing = set(FILES[target]) - set(found)
    assert not missing, f"no counters of {missing}"
    return found


def main(directory, is_verbose):
    print(f"{'target':10} {'inputs':>6} {'bytes':>7} {'lines':>6} {'reached':>8}")
    for target in sorted(FILES):
        found = lines_of(target, directory)
        inputs = list(os.scandir(os.path.join(HERE, "corpus", target)))
        count, covered = (sum(numbers) for numbers in zip(*found.values()))
        print(f"{target:10} {len(inputs):6} {sum(i.stat().st_size for i in inputs):7} {count:6} "
              f"{100 * covered / count:7.1f}%")
        for name, (count, covered) in sorted(found.items()) if is_verbose else []:
            print(f"    {name:40} {count:5} {100 * covered / count:7.1f}%")


main(os.path.join(sys.argv[1], "tests/fuzz"), "-v" in sys.argv[2:])
