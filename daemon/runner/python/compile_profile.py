#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Turn a profile, or the daemon's own settings, from TOML into flat lines.

    compile_profile.py FILE [DIRECTORY...]    a profile; `extends` is looked up beside it, then there
    compile_profile.py --config FILE          pysbd.toml

A flat line is `FILE:LINE: section.key = VALUE`: where the value was written, and what it is. Only
the syntax and `extends` are dealt with here. Which keys there are and what they may say is known to
one key table, in C (daemon/profile), and checked there.

Errors are one line on stderr, `FILE:LINE: KEY: sentence`; the exit status is then 1.
"""

import hashlib
import json
import os
import re
import sys
import tomllib

# What says which profile this is; a profile that extends another one must say it for itself.
IDENTITY_KEYS = ('profile.description', 'profile.granted')
# What the compiler itself writes.
RESERVED_KEYS = ('profile.name', 'profile.digest')


class ProfileError(Exception):
    """A mistake in a file: where it is, and a sentence."""

    def __init__(self, where, sentence):
        super().__init__('%s: %s' % (where, sentence))


class Value:
    """A value and the place where it was written."""

    def __init__(self, value, where):
        self.value = value
        self.where = where


def find_lines(text):
    """Map every key, as (section, key), to the line where it is set.

    tomllib has accepted the text, so this scan need not validate; it only has to keep out of strings
    and arrays that span lines.
    """
    lines = {}
    section = ''
    closing = None  # what ends the value that a former line began
    for number, line in enumerate(text.split('\n'), 1):
        if closing:
            if closing in line:
                closing = None
            continue
        line = line.strip()
        if line.startswith('['):
            section = line.strip('[').partition(']')[0].strip()
            lines.setdefault((section, None), number)
            continue
        match = re.match(r'([A-Za-z0-9_-]+)\s*=\s*(.*)', line)
        if not match:
            continue
        lines.setdefault((section, match[1]), number)
        value = match[2]
        if value.startswith('['):
            closing = None if ends_array(value) else ']'
        for quotes in ('"""', "'''"):
            if value.startswith(quotes) and value.count(quotes) == 1:
                closing = quotes
    return lines


def ends_array(value):
    """Whether an array that starts on this line ends on it; strings and comments do not count."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'|#.*', '', value)
    return bare.count('[') <= bare.count(']')


def parse_file(path):
    """Read a TOML file; returns its tables and where its keys stand."""
    name = os.path.basename(path)
    try:
        with open(path, 'rb') as file:
            data = file.read()
    except OSError as error:
        raise ProfileError(name, 'cannot be read: %s' % error.strerror) from None
    try:
        text = data.decode('utf-8').replace('\r\n', '\n')
        return tomllib.loads(text), find_lines(text)
    except UnicodeDecodeError:
        raise ProfileError(name, 'is not UTF-8 text') from None
    except tomllib.TOMLDecodeError as error:
        # "Expected '=' after a key (at line 3, column 5)"
        match = re.fullmatch(r'(.*) \(at (?:line (\d+), .*|end of document)\)', str(error))
        if not match:
            raise ProfileError(name, 'is no TOML: %s' % error) from None
        line = match[2] or str(text.rstrip('\n').count('\n') + 1)
        raise ProfileError('%s:%s' % (name, line), 'is no TOML: %s' % match[1]) from None


def flat_text(value, where, key):
    """The text of one value behind the equals sign."""
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        if not value.isprintable():
            raise ProfileError(where, '%s: has a character in it that cannot be printed' % key)
        # No escapes but \" and \\: nothing else is left to escape in printable text.
        return '"%s"' % value.replace('\\', '\\\\').replace('"', '\\"')
    if isinstance(value, float):
        raise ProfileError(where, '%s: must be an integer, or a string such as "1.5s"' % key)
    if isinstance(value, dict):
        raise ProfileError(where, '%s: is a table where a value belongs' % key)
    if isinstance(value, list):
        raise ProfileError(where, '%s: is a list in a list' % key)
    raise ProfileError(where, '%s: is a date, which no key takes' % key)


def read_values(path, top):
    """All keys of one file, as {"section.key": Value}; keys above all sections belong to `top`."""
    tables, lines = parse_file(path)
    name = os.path.basename(path)
    values = {}

    def place(section, key):
        """Line of a key; one that the scan did not find is written in a form that we do not take."""
        line = lines.get((section, key))
        shown = '.'.join(part for part in (section, key) if part)
        if line is None:
            raise ProfileError(name, '%s: write it as KEY = VALUE below [SECTION]' % shown)
        return '%s:%d' % (name, line)

    for key, value in tables.items():
        if not isinstance(value, dict):
            values['%s.%s' % (top, key)] = Value(value, place('', key))
            continue
        where = place(key, None)
        if key == top:
            raise ProfileError(where, '%s: there is no such section; its keys stand at the top' % key)
        for inner, inner_value in value.items():
            values['%s.%s' % (key, inner)] = Value(inner_value, place(key, inner))
    for key, value in values.items():
        for item in value.value if isinstance(value.value, list) else [value.value]:
            flat_text(item, value.where, key)
    return values


def resolve(path, directories, chain=()):
    """Values of a profile with those of the profiles that it extends."""
    values = read_values(path, 'profile')
    extends = values.pop('profile.extends', None)
    for key in RESERVED_KEYS:
        if key in values:
            raise ProfileError(values[key].where, '%s: cannot be set' % key)
    if extends is None:
        return values
    if not isinstance(extends.value, str) or not re.fullmatch('[a-z][a-z0-9_-]*', extends.value):
        raise ProfileError(extends.where, 'profile.extends: must be the name of a profile')
    chain += (os.path.realpath(path),)
    for directory in directories:
        base = os.path.join(directory, extends.value + '.toml')
        # A profile may extend the one of the same name that it replaces.
        if os.path.exists(base) and os.path.realpath(base) != chain[-1]:
            break
    else:
        if extends.value == os.path.basename(path)[:-len('.toml')]:
            raise ProfileError(extends.where, 'profile.extends: the profile extends itself')
        raise ProfileError(
            extends.where, 'profile.extends: there is no profile "%s"' % extends.value
        )
    if os.path.realpath(base) in chain:
        raise ProfileError(extends.where, 'profile.extends: the profiles extend each other')
    inherited = resolve(base, directories, chain)
    for key in IDENTITY_KEYS:
        inherited.pop(key, None)
    return inherited | values


def flat_lines(values):
    """(where, "key = value") of every value, in an order that does not depend on the files."""
    for key in sorted(values):
        value, where = values[key].value, values[key].where
        for item in value if isinstance(value, list) else [value]:
            yield where, '%s = %s' % (key, flat_text(item, where, key))


def compile_profile(path, directories=()):
    """The flat lines of a profile."""
    name = os.path.basename(path)
    if not name.endswith('.toml'):
        raise ProfileError(name, 'the name of a profile must end in .toml')
    values = resolve(path, [os.path.dirname(path) or '.', *directories])
    values['profile.name'] = Value(name[:-len('.toml')], name + ':1')
    lines = list(flat_lines(values))
    digest = hashlib.sha256(''.join(line + '\n' for _, line in lines).encode()).hexdigest()
    lines.append((name + ':1', 'profile.digest = %s' % json.dumps(digest)))
    return ''.join('%s: %s\n' % line for line in lines)


def compile_config(path):
    """The flat lines of pysbd.toml."""
    return ''.join('%s: %s\n' % line for line in flat_lines(read_values(path, 'daemon')))


def main(arguments):
    """Exit status of the program."""
    try:
        if len(arguments) == 2 and arguments[0] == '--config':
            text = compile_config(arguments[1])
        elif arguments and not arguments[0].startswith('-'):
            text = compile_profile(arguments[0], arguments[1:])
        else:
            print('usage: [--config] FILE [DIRECTORY...]', file=sys.stderr)
            return 2
    except ProfileError as error:
        print(error, file=sys.stderr)
        return 1
    sys.stdout.write(text)
    sys.stdout.flush()
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
