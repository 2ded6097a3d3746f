# SPDX-License-Identifier: LGPL-2.1-or-later
"""The analysis outside of a sandbox: its modules under the names that they are frozen as, and stand-ins
for the two modules that only pysb-runner has."""

import builtins
import concurrent.futures
import contextlib
import dataclasses
import importlib.util
import json
import os
import random
import sys
import types
import xml.etree.ElementTree

PYTHON = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../../daemon/runner/python")
# What the profile allows in these tests, and what exists besides.
ALLOWED = {"abc", "ast", "asyncio", "collections", "contextlib", "csv", "dataclasses", "datetime",
           "decimal", "enum", "functools", "heapq", "importlib", "io", "itertools", "json", "math",
           "operator", "re", "statistics", "string", "textwrap", "types", "typing", "unicodedata",
           "__future__", "builtins", "codecs", "copy", "inspect", "logging", "pickle", "random", "sys",
           "time", "timeit", "traceback", "warnings",
           "xml", "concurrent", "_sandbox"}
INSTALLED = {"os", "socket", "subprocess", "sys"}

SENT = []  # (frame type, fields) of report()


def explain(name):
    reason = "not-allowed" if name.partition(".")[0] in INSTALLED else "not-installed"
    return f"No module named {name!r} in this sandbox. Available: …", reason


def stand_in(name, **members):
    sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(members)


def load(name):
    spec = importlib.util.spec_from_file_location(f"_{name}", os.path.join(PYTHON, f"{name}.py"))
    module = sys.modules[f"_{name}"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


stand_in("_policy", explain=explain, active=True,
         is_withheld=lambda package, name: False,
         is_allowed=lambda name: name.partition(".")[0] in ALLOWED)
stand_in("_pysb", send=lambda kind, fields: SENT.append((kind, dict(fields))), FINDINGS_MAX=20, FINDING_MESSAGE_MAX=2048,
         FRAME_FINDING=4, FIELD_FINDING_RULE=40, FIELD_FINDING_SEVERITY=41, FIELD_FINDING_MESSAGE=42,
         FIELD_FINDING_LINE=43, FIELD_FINDING_COLUMN=44, FIELD_FINDING_SUBJECT=45,
         FIELD_FINDING_PATH=46, FINDING_PATH_MAX=256,
         FRAME_VIOLATION=6, VIOLATION_SUBJECT_MAX=256, FIELD_VIOLATION_LAYER=48,
         FIELD_VIOLATION_SUBJECT=49, FIELD_VIOLATION_REASON=50)
stand_in("_sandbox", builtins=builtins, json=json, _tools=sys, result=print)
stand_in("_bootstrap", has_no_files=True, module_exists=lambda name: True,
         clip=lambda text, limit: text.encode("utf-8", "backslashreplace")[:limit])
pieces = load("pieces")
rules = load("analysis_rules")
load("analysis_modules")
load("analysis_scopes")
load("analysis_strict")
analysis = load("analysis")
