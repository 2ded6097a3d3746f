# SPDX-License-Identifier: LGPL-2.1-or-later
"""The foreign clients: fetched once, or a reason why they cannot be had."""

import os
import subprocess

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
BUILD = os.environ["PYSB_BUILD_ROOT"]

_fetch = subprocess.run(
    [f"{SOURCE}/tests/conformance/fetch-clients"],
    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
_last_line = (_fetch.stdout.splitlines() or ["fetch-clients printed nothing"])[-1]

# None if they are there
UNAVAILABLE = None if _fetch.returncode == 0 else _last_line
if _fetch.returncode not in (0, 77):
    raise SystemExit(f"fetch-clients failed with status {_fetch.returncode}: {_last_line}")
VARLINKCTL = f"{_last_line}/varlinkctl"
PYTHON_PATH = f"{_last_line}/python"


def run(command, timeout=60, **keywords):
    """Both streams as text, and the status; never raises for a status."""
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, errors="replace", timeout=timeout, check=False, **keywords)


def foreign_environment():
    """The sanitizers are for our programs, and a home must not matter."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}


def varlinkctl(*arguments):
    return run([VARLINKCTL, *arguments], env=foreign_environment())


def python_varlink(*arguments):
    """Debian's interpreter with the foreign library; arguments as python3 takes them."""
    return run(["/usr/bin/python3", *arguments],
               env={**foreign_environment(), "PYTHONPATH": PYTHON_PATH})
