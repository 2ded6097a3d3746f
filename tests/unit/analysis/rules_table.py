#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints the table of rules of docs/PYTHON_CAPABILITIES.md from the one that the analysis uses."""

from load import rules


def capitalized(text):
    return text[:1].upper() + text[1:]


def render():
    lines = ["| Rule | Level | What is refused | What to write instead |", "|---|---|---|---|"]
    for name, rule in rules.RULES.items():
        what, instead = (text.replace("__", "\\_\\_") for text in (rule.what, rule.instead))
        lines.append(f"| `{name}` | {rule.level} | {capitalized(what)} | {capitalized(instead)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(render())
