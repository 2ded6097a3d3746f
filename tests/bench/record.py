# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is kept of a run: a document for programs, and table and chart of docs/PERFORMANCE.md."""

import dataclasses
import math
import os
from xml.sax.saxutils import escape

from frame import TESTS, Figure

DOCS = os.path.join(os.path.dirname(TESTS), "docs")
BEGIN, END = "<!-- ./dev bench --record writes what follows -->\n", "<!-- and ends here -->\n"

ROW, LEFT, WIDTH, SCALE = 26, 250, 800, 430  # of the chart, in pixels
TITLE = "Milliseconds from call to result of one isolated Python program, p50 (logarithmic)"


def fields(found):
    kept = {name: value for name, value in dataclasses.asdict(found).items() if value not in (None, "", False)}
    if isinstance(found, Figure) and found.is_met() is not None:
        kept["met"] = found.is_met()
    return kept


def document(facts, found):
    return {"machine": facts, "figures": [fields(one) for one in found]}


def table(facts, found):
    yield f"{facts['cpu']}, {facts['cpus']} CPUs, {facts['virtualisation']}, kernel {facts['kernel']}, Debian {facts['debian']}, " \
          f"Python {facts['python']}, load {facts['load'][0]} at the start, {facts['date']}. Mitigations: " + \
          "; ".join(f"{name}: {text.removeprefix('Mitigation: ')}" for name, text in facts["mitigations"].items()) + "."
    if float(facts["load"][0]) > facts["cpus"]:
        yield "\nIt was not quiet: what is said of the targets is said of a busy machine."
    yield ""
    yield "| figure | value | ratio | to | target | |"
    yield "|---|--:|--:|---|--:|---|"
    for one in found:
        if isinstance(one, Figure):
            *cells, note = one.cells()
            yield f"| {' | '.join(cells)}{f' ({note})' if note else ''} |"
    for one in found:
        if not isinstance(one, Figure):
            yield f"\nNot measured: {one.name}, {one.reason}."


def bars(found):
    """(name, milliseconds) of what starts an interpreter."""
    for one in found:
        if isinstance(one, Figure) and one.in_chart:
            yield one.name, one.value


def chart(found):
    rows = sorted(bars(found), key=lambda row: row[1])
    lowest = math.log10(rows[0][1]) - 0.5
    stretch = SCALE / (math.log10(rows[-1][1]) - lowest)
    height = ROW * (len(rows) + 2)
    yield f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="13">'
    yield f'<rect width="{WIDTH}" height="{height}" fill="white"/>'
    yield f'<text x="10" y="18" font-weight="bold">{TITLE}</text>'
    for i, (name, value) in enumerate(rows, 1):
        y, length = i * ROW + 6, (math.log10(value) - lowest) * stretch
        colour = "#c2410c" if name.startswith("submit") else "#94a3b8"
        label = name.replace("submit, p50", "pysb")
        yield f'<text x="{LEFT - 8}" y="{y + 15}" text-anchor="end">{escape(label)}</text>'
        yield f'<rect x="{LEFT}" y="{y}" width="{length:.0f}" height="{ROW - 6}" fill="{colour}"/>'
        yield f'<text x="{LEFT + length + 6:.0f}" y="{y + 15}">{value:.3g}</text>'
    yield "</svg>"


def publish(facts, found):
    path = os.path.join(DOCS, "PERFORMANCE.md")
    with open(path, encoding="utf-8") as file:
        before, rest = file.read().split(BEGIN)
    text = "\n".join(table(facts, found))
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{before}{BEGIN}\n{text}\n\n{END}{rest.split(END)[1]}")
    with open(os.path.join(DOCS, "performance.svg"), "w", encoding="utf-8") as file:
        file.write("\n".join(chart(found)) + "\n")
