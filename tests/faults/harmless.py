# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which calls may fail before a program runs, without a wall of it missing. All others may not: then it must not run."""

# Of the processes of a box, until it is caged. What is not in here is a step of the confinement, or one of its pieces.
BOX = {
    # It closes whatever it says, and later close_range() closes what is not to be there
    ("init", "close"),
    ("job", "close"),
    # Figures: memory that the job has not used itself
    ("job", "getrusage"),
    # What the job does not block would come to it
    ("job", "rt_sigprocmask"),
    # What signals do to it
    ("job", "rt_sigaction"),
    # Its name
    ("job", "prctl"),
    # What seeds the program's random numbers, and not its cage: CPython takes time and process id instead
    ("job", "getrandom"),
    # A counter of instructions, which not every machine has
    ("job", "perf_event_open"),
}

# Of the daemon's processes: what gives up rights, seals, or writes the maps of a box.
CONFINING = {
    "start": {
        # Its seccomp() are libseccomp's, which asks what there is: it has no filter itself
        "builder": {"setgroups", "setresuid", "setresgid", "capset", "prctl", "clone3"},
        "broker": {"setgroups", "setresuid", "setresgid", "capset", "prctl", "seccomp", "close_range", "dup2",
                   "execveat"},
        "template": {"setgroups", "setresuid", "setresgid", "capset", "prctl", "seccomp", "close_range", "dup2",
                     "execveat", "clone3"},
    },
    "serve": {"builder": {"write"}, "broker": set(), "template": {"clone3"}},
}

# libcap, when it is loaded, looks for the highest capability by asking for some that there are not: those may fail, and
# what comes of the others is looked at later. The first two of broker and template are before that; the first one of an init
# and the last one here of a template give it a name.
PROBES_AND_NAMES = {"init": range(1, 2), "builder": range(1, 7), "broker": range(3, 9), "template": range(3, 10)}

# Carried out again at once, so in the end nothing has failed
AGAIN = {("builder", "write"), ("init", "recvfrom"), ("init", "write"), ("init", "sendmsg"), ("init", "poll"),
         ("init", "read"), ("job", "write"), ("job", "recvmsg")}


def is_harmless(case, uncaged):
    """uncaged: the call was before the job's process, as init sees it, and the job's own cage were complete."""
    if case.error == "EINTR" and (case.kind, case.call) in AGAIN:
        return True
    if case.call == "prctl" and case.occurrence in PROBES_AND_NAMES.get(case.kind, ()):
        return True
    if case.kind in ("init", "job"):
        return not uncaged or (case.kind, case.call) in BOX
    return case.call not in CONFINING[case.phase][case.kind]
