# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an attack is, as data. A program prints lines that begin with OK or BAD; one BAD line is a hole. Each is
harmless where nothing holds it back: bad pointers, bad descriptors, knobs that are opened and never written. Those
that are not are said to be so.

Identifiers are those of the threat model; letters from k on are further routes to the same requirement."""

import os
from dataclasses import dataclass, field
from typing import Callable, Optional, Tuple

HERE = os.path.dirname(os.path.realpath(__file__))

# Modes: a profile as it is shipped, or its cage: the same sandbox with the policy of the interpreter taken off, so
# that no ImportError hides a hole. raw is the cage of default, and can fork. eval-unread is eval without the analysis
# of sources, so that the rest of its policy is met.
RAW = ("raw",)
POLICY = ("default", "eval", "eval-unread")
CAGES = ("raw", "default-cage", "eval-cage", "loopback-cage")
KERNEL = CAGES + ("default",)

PASSED = ("success",)
# What a program dies of where it lacks something that raw has
LACKS = ("AttributeError", "BlockingIOError", "FileNotFoundError", "ImportError", "ModuleNotFoundError", "NameError", "OSError",
         "PermissionError", "RuntimeError")


@dataclass(frozen=True)
class Attack:
    identifier: str
    requirement: str
    layer: str  # what must stop it
    title: str
    program: str
    modes: Tuple[str, ...] = KERNEL
    options: dict = field(default_factory=dict)  # of the request
    outcomes: Tuple[str, ...] = PASSED  # in raw; elsewhere a program may also die of what it lacks
    judge: Optional[Callable] = None  # gets the Result, and raises
    runs: int = 1  # one after the other
    has_prelude: bool = True
    # Without a sandbox, as an ordinary user or as root of his own namespaces: "caught" prints BAD; "silent" does not,
    # because the kernel itself refuses it to him; "never" would harm
    bare: str = "caught"

    def run_modes(self):
        """Inside the machine two cages are left out that differ from raw, which runs there, in nothing of the machine's."""
        also = ("default-cage", "loopback-cage") if IS_SERVICE and "raw" in self.modes else ()
        return [mode for mode in self.modes if mode not in also]

    def __str__(self):
        return f"{self.identifier} {self.requirement} {self.layer}: {self.title}"


def read(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return file.read()


# Inside the machine of tests/vm: there is a real service, with its private /dev and its cgroup
IS_SERVICE = os.environ.get("PYSB_ATTACK_SERVICE") == "1"
# Where everything is ten times as slow: of a thousand cases of one kind each so many-th, not a divisor of their periods
STEP = 5 if IS_SERVICE else 1
PRELUDE, PRELUDE_CALLS = read("prelude.py"), read("prelude_calls.py")


def needs_calls(attack):
    """Whether the program makes system calls itself, by ctypes."""
    return any(word in attack.program for word in ("call(", "denied(", "ctypes"))


def source(attack, mode):
    """The whole program. Where the policy is on there is no ctypes, and its import would be refused before anything
    runs."""
    if not attack.has_prelude:
        return attack.program
    calls = PRELUDE_CALLS if needs_calls(attack) and mode not in POLICY else ""
    return PRELUDE + f"MODE, IS_SERVICE = {mode!r}, {IS_SERVICE}\n" + calls + attack.program


def verdicts(text):
    """The lines that count, of a program's output: (OK lines, BAD lines)."""
    lines = text.splitlines()
    return [x for x in lines if x.startswith("OK")], [x for x in lines if x.startswith("BAD")]
