# SPDX-License-Identifier: LGPL-2.1-or-later
"""Talks to a program while it runs, watches what it uses, and cancels it, through the Python client.

It prints:

    What is your name?
    Hello, Ada.
    It has used the CPU.
    It was asked to stop.
    cancelled: seen enough
"""

import sys

import pysb

PROGRAM = """
print('What is your name?', flush=True)
try:
    print(f'Hello, {input()}.', flush=True)
    while True:
        pass
except KeyboardInterrupt:
    print('It was asked to stop.')
"""

with pysb.Client(embedded=sys.argv[1:] == ["embedded"]) as client:
    job = client.submit(PROGRAM, stdin_open=True, usage_interval_usec=100_000)
    cancelled = False
    with job.stream() as events:
        for event in events:
            if event.kind == "output":
                print(event.output.text, end="")
            if event.kind == "output" and event.output.text.endswith("?\n"):
                job.write_input("Ada\n")  # returns when the program's pipe has it
            if event.kind == "usage" and (event.usage.cpu_user_usec or 0) > 0 and not cancelled:
                print("It has used the CPU.")
                # KeyboardInterrupt now, and the end ten seconds later in any case
                job.cancel("seen enough", grace_usec=10_000_000)
                cancelled = True
    print(events.result.message)
