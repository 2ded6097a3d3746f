# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads the snippets of docs/PYTHON_CAPABILITIES.md: what is documented is what is tested.

A section `## Snippets: profile `NAME`` has snippets: a heading, a block ```python and what comes of it:
```text (standard output), ```json (the value), ```exception, ```rejected (the rule of the first finding),
```display (a MIME type of each display) and ```violations (what was refused while it ran)."""

import os
import re
from dataclasses import dataclass, field

DOCUMENT = os.path.join(os.path.dirname(__file__), "../../docs/PYTHON_CAPABILITIES.md")


@dataclass
class Snippet:
    title: str
    profile: str
    line: int
    code: str = ""
    expected: dict = field(default_factory=dict)  # kind of block: its text


def read(path=DOCUMENT):
    snippets, profile, kind, lines = [], None, None, []
    with open(path, encoding="utf-8") as document:
        for number, line in enumerate(document, 1):
            if kind is None:
                section = re.match(r"## (?:Snippets: profile `(.+)`)?", line)
                if section:
                    profile = section[1]
                elif line.startswith("#### ") and profile:
                    snippets.append(Snippet(line[5:].strip(), profile, number))
                elif line.startswith("```") and profile:
                    kind, lines = line[3:].strip(), []
            elif line.rstrip() == "```":
                if kind == "python":
                    snippets[-1].code = "".join(lines)
                else:
                    snippets[-1].expected[kind] = "".join(lines)
                kind = None
            else:
                lines.append(line)
    return snippets
