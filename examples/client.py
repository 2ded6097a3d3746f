# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs programs through the Python client: a value, a tool, a limit.

It prints:

    42
    Oslo: 4 degrees
    wall_time_limit
"""

import sys

import pysb


def temperature(city: str) -> int:
    """Degrees in a city, now."""
    return len(city)


with pysb.Client(embedded=sys.argv[1:] == ["embedded"]) as client:
    print(client.run("6 * 7").value)

    program = "import tools\nprint('Oslo:', tools.temperature(city='Oslo'), 'degrees')"
    result = client.run(program, profile="agent", tools=[temperature]).check()
    if result.stdout:
        print(result.stdout.text, end="")

    try:
        client.run("while True: pass", limits={"wall_time_usec": 100_000}).check()
    except pysb.errors.WallTimeLimit as e:
        print(e.result.outcome)
