#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What examining a source costs, for docs/PYTHON_CAPABILITIES.md: the best of several runs, in
microseconds. At `imports` that is all until the program can run; at `strict` the parser's part is shown
beside it. No test."""

import time

import load

SOURCES = {
    2: "import json\nprint(json.dumps({'a': 1}))\n",
    1402: "import json\nimport re\n" + "".join(
        f"def f{i}(a, b):\n    c = a.split(',')\n    for x in c:\n        b += len(x) * {i}\n"
        "    if b > 3 and c:\n        return json.dumps(c)\n    return re.sub('a', 'b', a)\n"
        for i in range(200)),
}
PARSE_ONLY = load.analysis._ast.PyCF_ONLY_AST


def best(function):
    times = []
    for _ in range(9):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return round(min(times) * 1e6)


for lines, source in SOURCES.items():
    print(f"{lines:5} lines: imports {best(lambda: load.analysis.examine(source, 1, 'x', 'exec', set()))}, "
          f"strict {best(lambda: load.analysis.examine(source, 2, 'x', 'exec', set()))}, "
          f"of it the parser {best(lambda: compile(source, 'x', 'exec', PARSE_ONLY))}")
