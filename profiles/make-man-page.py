#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fill the key tables into the man page: make-man-page.py PAGE.in PRINT_KEYS"""

import subprocess
import sys


def escape(text):
    """Text as roff takes it."""
    text = text.replace('\\', '\\e').replace('-', '\\-')
    return '\\&' + text if text[0] in ".'" else text


def key_list(table):
    """A key is a line at the margin, what is indented below belongs to it: prose, then rows of
    limits, which have two spaces or more behind their name."""
    for line in table.splitlines():
        text = line.strip()
        if not line.startswith(' '):
            section, _, key = text.rpartition('.')
            # "profile." and "daemon." mean the top of the file.
            shown = key if section in ('', 'profile', 'daemon') else '[%s] %s' % (section, key)
            yield '.TP\n.B ' + escape(shown)
        elif ', ' in text and ' to ' in text and not text.endswith(('.', ':')):
            yield '.br\n' + escape(' '.join(text.split()))
        else:
            yield escape(text)


def main():
    """Write the page to standard output."""
    page, program = sys.argv[1:]
    tables = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    profile, config, tenant = tables.split('==\n')
    with open(page, encoding='utf-8') as file:
        text = file.read()
    # It has a table, which man must know from the first line.
    text = '\'\\" t\n' + text.replace('@PROFILE_KEYS@', '\n'.join(key_list(profile)))
    text = text.replace('@DAEMON_KEYS@', '\n'.join(key_list(config)))
    sys.stdout.write(text.replace('@TENANT_KEYS@', '\n'.join(key_list(tenant))))


if __name__ == '__main__':
    main()
