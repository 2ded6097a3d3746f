#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""analyze.py BUILD [TOOL…]: the static analysers over every C file of the product: gcc, cppcheck, clang-tidy, which brings
the checks of scan-build along. Prints what they find; fails if there is anything."""

import concurrent.futures
import json
import os
import re
import shlex
import subprocess
import sys
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
ASSUME = os.path.join(SOURCE, "tests/analyze/assume.h")
FINDING = re.compile(r": (warning|error|performance|portability): ")
# What is not asked for, each with the reason
TIDY_CHECKS = [
    "-*", "clang-analyzer-*", "bugprone-*",
    "-bugprone-easily-swappable-parameters",  # a matter of taste: most functions with two numbers
    "-bugprone-narrowing-conversions",        # -Wconversion is stricter, and this one does not see casts to char
    "-bugprone-reserved-identifier",          # our enums end with _X_MAX
    "-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling",  # wants Annex K, which glibc has not
    # clang does not know of __attribute__((cleanup)) before 18; gcc does, and finds leaks
    "-clang-analyzer-unix.Malloc", "-clang-analyzer-deadcode.DeadStores",
]


def compilations(build):
    """{file: (directory, arguments)}: how each C file of the product is compiled, without what is for its output."""
    with open(f"{build}/compile_commands.json", encoding="utf-8") as file:
        commands = json.load(file)
    found = {}
    for entry in commands:
        path = os.path.realpath(os.path.join(entry["directory"], entry["file"]))
        if not path.startswith((f"{SOURCE}/lib/", f"{SOURCE}/client/", f"{SOURCE}/daemon/")):
            continue
        words, arguments = iter(shlex.split(entry["command"])), []
        for word in words:
            if word in ("-MQ", "-MF", "-o", "-c"):
                next(words)
            elif word not in ("-MD", "-Werror") and "FORTIFY" not in word and "diagnostics" not in word:
                arguments.append(word)
        found[path] = entry["directory"], arguments
    return found


def gcc(build, path, directory, arguments):
    # Inlined, what a destructor reads looks uninitialised to gcc 12; between functions it follows calls by itself
    return [*arguments, "-fanalyzer", "-fno-inline", "-fdiagnostics-path-format=none", "-include", ASSUME,
            "-fno-diagnostics-show-caret", "-c", path, "-o", "/dev/null"]


def clang_tidy(build, path, directory, arguments):
    return ["clang-tidy", "-p", build, "--quiet", f"--checks={','.join(TIDY_CHECKS)}", "--extra-arg=-include",
            f"--extra-arg={ASSUME}", "--extra-arg=-Wno-unknown-warning-option", path]


def cppcheck(build, path, directory, arguments):
    places = [os.path.realpath(os.path.join(directory, a[2:])) for a in arguments if a.startswith("-I")]
    return ["cppcheck", "--quiet", "--std=c11", "--enable=warning,performance,portability", "--library=posix,gnu,python",
            "--template={file}:{line}: {severity}: {message} [{id}]", "-D_GNU_SOURCE", "-D__x86_64__",
            "-D__attribute__(x)=", "-Djson_array_foreach(a,i,v)=for (i = 0; (v = json_array_get(a, i)); i++)",
            "-Djson_object_foreach(o,k,v)=for (k = json_object_iter_key(o); (v = json_object_get(o, k));)",
            *(f"-I{place}" for place in places if place.startswith((SOURCE, build))), path]


TOOLS = {"gcc": gcc, "cppcheck": cppcheck, "clang-tidy": clang_tidy}


def findings(command, directory):
    run = subprocess.run(command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    output = run.stdout.decode(errors="replace")
    found = {re.sub(r"^.*?(?=(?:lib|client|daemon)/\w+)", "", line) for line in output.splitlines() if FINDING.search(line)}
    if run.returncode < 0 or (run.returncode and not found):
        found.add(f"{command[0]} ended with {run.returncode}: {output[-300:]}")
    return found


def main(build, *tools):
    files, failed = compilations(build), False
    for tool in tools or TOOLS:
        start, found = time.monotonic(), set()
        with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            runs = [pool.submit(findings, TOOLS[tool](build, path, *how), how[0]) for path, how in files.items()]
            for run in concurrent.futures.as_completed(runs):
                for line in sorted(run.result() - found):
                    print(line, flush=True)
                found |= run.result()
        print(f"{tool}: {len(found)} findings in {len(files)} files, {time.monotonic() - start:.0f} s", flush=True)
        failed = failed or bool(found)
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
