#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Write the rows of syscall-names.c: syscall-table.py OUTPUT CC [ARG...]"""

import re
import subprocess
import sys


def main():
    output, *compiler = sys.argv[1:]
    macros = subprocess.run(
        [*compiler, '-E', '-dM', '-x', 'c', '-'],
        input='#include <asm/unistd.h>\n',
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    names = {
        int(number): name
        for name, number in re.findall(r'^#define __NR_(\w+) (\d+)$', macros, re.MULTILINE)
    }
    if len(names) < 300:
        sys.exit('syscall-table.py: <asm/unistd.h> gave only %d numbers' % len(names))
    with open(output, 'w', encoding='ascii') as file:
        for number, name in sorted(names.items()):
            print('[%d] = "%s",' % (number, name), file=file)


if __name__ == '__main__':
    main()
