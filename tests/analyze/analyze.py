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
import typing

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
ASSUME = os.path.join(SOURCE, "tests/analyze/assume.h")
FINDING = re.compile(r"(?P<file>[^:]+):(?P<line>\d+):(?:\d+:)? (?:warning|error|performance|portability): "
                     r"(?P<message>.*) \[(?:-Wanalyzer-)?(?P<check>[^][]+)\]$")
# What is not asked for, each with the reason
TIDY_CHECKS = [
    "-*", "clang-analyzer-*", "bugprone-*",
    "-bugprone-easily-swappable-parameters",  # a matter of taste: most functions with two numbers
    "-bugprone-narrowing-conversions",        # -Wconversion is stricter, and this one does not see casts to char
    "-bugprone-reserved-identifier",          # our enums end with _X_MAX
    "-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling",  # wants Annex K, which glibc has not
]

# What is wrong about any program: tool, message, and why it is not so
WRONG_MESSAGES = [
    ("clang-tidy", r"Potential (memory )?leak", "clang does not know of __attribute__((cleanup)) before 18; gcc does"),
    ("clang-tidy", r"suspicious usage of 'sizeof\(A\*\)'", "an array of pointers has elements of that size"),
]
# What is wrong about this one: tool, file (None is any), check, what stands in the line, and why it is not so
LIST = "gcc 12 forgets what is in a list of ours, or in an array whose index it does not know"
REMOVED = "list_remove() has taken it out of the list"
KEY = "flat_line_next() returns 1 for a line with a key only"
CLEANUP = "what is left is for __attribute__((cleanup))"
WRONG = [
    ("gcc", "daemon/broker/api-files.c", "malloc-leak", "free(op->paths);", LIST),
    ("gcc", "daemon/broker/builder-link.c", "malloc-leak", "sd_event_source_set_io_events", LIST),
    ("gcc", "daemon/broker/builder-link.c", "malloc-leak", "for (typeof((array)[0]) *i = (array)", LIST),
    ("gcc", "daemon/broker/collect.c", "malloc-leak", "if (!file->path)", LIST),
    ("gcc", "daemon/broker/collect.c", "malloc-leak", "file->size_bytes =", LIST),
    ("gcc", "daemon/broker/files-link.c", "null-argument", "memcpy(call->payload", "who says a size has that many bytes"),
    ("gcc", "daemon/broker/spec-program.c", "use-of-uninitialized-value", "sizes[i]", "the loop before has set each"),
    ("gcc", "daemon/builder/box.c", "use-after-free", "= box->ready_usec - ", "who has said that it is ready has a channel"),
    ("gcc", "daemon/builder/box.c", "use-after-free", "box->state != BOX_OVER", "freed are branches only: they have no init"),
    ("gcc", "daemon/profile/flat.c", "null-dereference", "dot[1] == ", "each key of a table has a section"),
    ("gcc", "daemon/profile/profile-values.c", "malloc-leak", "if (!longer[n])", LIST),
    ("gcc", "daemon/profile/profile.c", "use-of-uninitialized-value", "list && list[i]", "calloc() has made it zero"),
    ("clang-tidy", "daemon/broker/builder-link.c", "clang-analyzer-unix.Malloc", "link_send(", REMOVED),
    ("clang-tidy", "daemon/broker/files-link.c", "clang-analyzer-unix.Malloc", "container_of(link->calls.next", REMOVED),
    ("clang-tidy", "daemon/broker/blob-store.c", "bugprone-not-null-terminated-result", '"sha256:"', "snprintf() goes on"),
    ("clang-tidy", "daemon/profile/flat.c", "bugprone-not-null-terminated-result", "line->where, n)", "its end is compared, too"),
    ("clang-tidy", "daemon/profile/flat.c", "clang-analyzer-core.NonNullParamChecker", "key->name", KEY),
    ("clang-tidy", "daemon/profile/flat.c", "clang-analyzer-core.NonNullParamChecker", "line->key", KEY),
    ("clang-tidy", "daemon/profile/profile.c", "clang-analyzer-core.UndefinedBinaryOperatorResult", "value < info->lowest",
     "flat_error() is negative"),
    ("clang-tidy", None, "clang-analyzer-deadcode.DeadStores", "= fd_close(", CLEANUP),
    ("clang-tidy", "lib/pysb/embedded.c", "clang-analyzer-deadcode.DeadStores", "environment = ", CLEANUP),
    ("clang-tidy", "daemon/runner/job.c", "clang-analyzer-deadcode.DeadStores", "owned = Py_NewRef(file);", CLEANUP),
    ("clang-tidy", "daemon/runner/job.c", "clang-analyzer-deadcode.DeadStores", "done = PyObject_CallMethod(", CLEANUP),
    ("clang-tidy", "daemon/runner/report.c", "clang-analyzer-deadcode.DeadStores", "flushed = PyObject_CallMethod(", CLEANUP),
    *(("clang-tidy", f"daemon/cage/{name}.c", "clang-analyzer-security.insecureAPI.vfork", "vfork()", "the child only ends")
      for name in ("branch", "init")),
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


class Finding(typing.NamedTuple):
    unit: str  # what was compiled; a macro stands elsewhere
    file: str
    line: int
    message: str
    check: str

    def __str__(self):
        unit = "" if self.file == self.unit else f"{self.unit}: "
        return f"{unit}{self.file}:{self.line}: {self.message} [{self.check}]"

    def excuse(self, tool):
        """The line of WRONG_MESSAGES or WRONG that says that it is not so, if there is one."""
        for message in WRONG_MESSAGES:
            if message[0] == tool and re.match(message[1], self.message):
                return message
        with open(os.path.join(SOURCE, self.file), encoding="utf-8") as file:
            text = file.read().splitlines()[self.line - 1]
        return next((w for w in WRONG if w[0] == tool and w[1] in (None, self.unit) and w[2] == self.check and
                     w[3] in text), None)


def findings(command, directory, path):
    run = subprocess.run(command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    output = run.stdout.decode(errors="replace")
    found = set()
    for match in filter(None, map(FINDING.match, output.splitlines())):
        place = os.path.realpath(os.path.join(directory, match["file"]))
        found.add(Finding(os.path.relpath(path, SOURCE), os.path.relpath(place, SOURCE), int(match["line"]),
                          match["message"], match["check"]))
    assert run.returncode >= 0 and (run.returncode == 0 or found), (command, run.returncode, output[-300:])
    return found


def run_tool(tool, build, files):
    """Prints what is found and has no excuse, and which excuse there is nothing for; whether there is either."""
    start, found, excuses, failed = time.monotonic(), set(), set(), False
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        runs = [pool.submit(findings, TOOLS[tool](build, path, *how), how[0], path) for path, how in files.items()]
        for run in concurrent.futures.as_completed(runs):
            for finding in sorted(run.result() - found):
                found.add(finding)
                excuse = finding.excuse(tool)
                excuses.add(excuse)
                if not excuse:
                    print(finding, flush=True)
                    failed = True
    for excuse in WRONG_MESSAGES + WRONG:
        if excuse[0] == tool and excuse not in excuses:
            print(f"nothing to excuse: {excuse}")
            failed = True
    print(f"{tool}: {len(files)} files, {len(found)} findings, {len(excuses - {None})} excuses, "
          f"{time.monotonic() - start:.0f} s", flush=True)
    return failed


def main(build, *tools):
    files = compilations(build)
    return any([run_tool(tool, build, files) for tool in tools or TOOLS])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
