#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints C source with the replies of GetInterfaceDescription: embed-text.py INTERFACE.varlink …"""
import json
import os
import sys


def literal(text):
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("??", '?""?')


print("/* Made from the .varlink files; change those. */")
print('#include "wire/interfaces.h"')
for path in sys.argv[1:]:
    name = os.path.basename(path).removesuffix(".varlink").replace(".", "_")
    with open(path, encoding="utf-8") as f:
        lines = f.readlines()
    print(f"\nconst char varlink_description_{name}[] =")
    print(f"""        "{literal('{"parameters":{"description":"')}\"""")
    for line in lines:
        print(f"""        "{literal(json.dumps(line)[1:-1])}\"""")
    print(f"""        "{literal('"}}')}";""")
