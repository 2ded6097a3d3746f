#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""lying_kernel.py LIE COMMAND…: runs a command under a kernel that says that it did what it did not do, by a filter
that answers calls with 0. Wants root."""

import ctypes
import os
import struct
import sys

# The numbers of x86_64, an argument, and what that must be (None is anything but 0)
LIES = {
    "mount_setattr": [(442, None, None)],
    "prlimit64": [(302, 2, None)],  # sets a limit
    "PR_CAPBSET_DROP": [(157, 0, 24)],
    "umount2": [(166, None, None)],
    "close_range": [(436, None, None)],
    "seccomp": [(317, 0, 1)],  # SECCOMP_SET_MODE_FILTER
    "landlock_restrict_self": [(446, None, None)],
    "PR_SET_NO_NEW_PRIVS": [(157, 0, 38), (317, 0, 1), (446, None, None)],  # without which a filter and rules would be refused
}


def instruction(code, true, false, k):
    return struct.pack("=HBBI", code, true, false, k)


def lie(rules):
    """Installs a filter that answers these calls with 0."""
    load, equal, answer = 0x20, 0x15, 0x06
    program = instruction(load, 0, 0, 4)  # the architecture
    program += instruction(equal, 1, 0, 0xC000003E) + instruction(answer, 0, 0, 0x7FFF0000)
    for number, argument, value in rules:
        program += instruction(load, 0, 0, 0)
        if argument is None:
            program += instruction(equal, 0, 1, number)
        else:
            program += instruction(equal, 0, 3, number) + instruction(load, 0, 0, 16 + 8 * argument)
            program += instruction(equal, *((1, 0, 0) if value is None else (0, 1, value)))
        program += instruction(answer, 0, 0, 0x00050000)
    program += instruction(answer, 0, 0, 0x7FFF0000)
    buffer = ctypes.create_string_buffer(program)
    fprog = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    if ctypes.CDLL(None, use_errno=True).prctl(22, 2, fprog, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_SECCOMP")


if __name__ == "__main__":
    lie(LIES[sys.argv[1]])
    os.execvp(sys.argv[2], sys.argv[2:])
