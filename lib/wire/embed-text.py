#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints C source with interface texts: embed-text.py INTERFACE.varlink …"""
import os
import sys


def literal(line):
    # Octal escapes end after three digits, so that no byte joins the next one.
    return "".join(
        chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\{b:03o}" for b in line
    )


print("/* Made from the .varlink files; change those. */")
print('#include "wire/interfaces.h"')
for path in sys.argv[1:]:
    name = os.path.basename(path).removesuffix(".varlink").replace(".", "_")
    print(f"\nconst char varlink_text_{name}[] =")
    with open(path, "rb") as f:
        for line in f:
            print(f'        "{literal(line)}"')
    print("        ;")
