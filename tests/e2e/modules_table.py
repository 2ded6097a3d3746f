#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints the table of modules of docs/PYTHON_CAPABILITIES.md from the compiled profiles.

    modules_table.py BUILD/profiles

It has the whitelists; what a blacklist leaves depends on the version of Python."""

import json
import os
import sys
import textwrap

PROFILES = ("eval", "text-processing", "file-operations", "agent", "data", "data-analysis")


def read(path):
    """{key: [values]} of the flat lines of one profile."""
    values = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            key, _, value = line.split(": ", 1)[1].partition(" = ")
            values.setdefault(key, []).append(json.loads(value))
    return values


def rows(directory):
    lists = {name: read(os.path.join(directory, f"{name}.profile"))["python.modules"]
             for name in PROFILES}
    common = sorted(set.intersection(*map(set, lists.values())))
    yield "all of them", common
    for name in PROFILES:
        yield f"`{name}`, too", sorted(set(lists[name]) - set(common))


def table(directory):
    text = ""
    for who, modules in rows(directory):
        if modules:
            text += f"{who.capitalize()}:\n\n" + textwrap.fill(
                ", ".join(f"`{m}`" for m in modules), 105, break_on_hyphens=False) + "\n\n"
    return text


if __name__ == "__main__":
    print(table(sys.argv[1]), end="")
