#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Turn a profile, or the daemon's own settings, from TOML into flat lines.

    compile_profile.py FILE [DIRECTORY...]    a profile; `extends` is looked up beside it, then there
    compile_profile.py --config FILE          pysbd.toml

A flat line is `FILE:LINE: section.key = VALUE`: where the value was written, and what it is. Only
the syntax, `extends` and whether modules to preload exist are dealt with here. Which keys there are
and what they may say is known to one key table, in C (daemon/profile), and checked there.

Errors are one line on stderr, `FILE:LINE: KEY: sentence`; the exit status is then 1.
"""

import hashlib
import importlib.machinery
import json
import os
import re
import sys
import tomllib

# What says which profile this is; a profile that extends another one must say it for itself.
IDENTITY_KEYS = ('profile.description', 'profile.granted')
# What the compiler itself writes.
RESERVED_KEYS = ('profile.name', 'profile.digest')
# With all of it escaped, a value this long fits in a line that daemon/profile reads.
VALUE_MAX_BYTES = 1536
# How TOML writes the name of a key: bare, or in quotes; with points in between.
PART = r'(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|\'[^\']*\')'
PATH = r'(%s(?:\s*\.\s*%s)*)' % (PART, PART)


class ProfileError(Exception):
    """A mistake in a file: where it is, and a sentence."""

    def __init__(self, where, sentence):
        super().__init__('%s: %s' % (where, sentence))


class Value:
    """A value and the place where it was written."""

    def __init__(self, value, where):
        self.value = value
        self.where = where


def split_path(text):
    """("limits", "cpu") of what is written as `limits . "cpu"`; None if TOML does not take it."""
    parts = re.findall(PART, text)
    try:
        return tuple(tomllib.loads('x = ' + p)['x'] if p[0] in '"\'' else p for p in parts)
    except tomllib.TOMLDecodeError:
        return None


class Places:
    """Which line sets which key: keys are tuples such as ("limits", "cpu"), or ("limits",).

    Whether the text is TOML is for tomllib to say; this scan only has to keep out of strings and
    arrays that span lines.
    """

    def __init__(self, text):
        self.first = {}  # line of the key
        self.keys = {}  # key of the line, and of all lines of a value that spans several
        section = key = ()
        value = None  # so far, of a key whose value has not ended
        for number, line in enumerate(text.split('\n'), 1):
            if value is None:
                header = re.match(r'\s*\[\[?\s*' + PATH, line)
                setting = re.match(r'\s*' + PATH + r'\s*=\s*(.*)', line)
                if header:
                    section = key = split_path(header[1]) or ()
                elif setting:
                    key = section + (split_path(setting[1]) or ())
                    value = setting[2]
                else:
                    continue
            else:
                value += '\n' + line
            self.keys[number] = key
            for end in range(len(key)):
                self.first.setdefault(key[:end + 1], number)
            if value is not None and has_ended(value):
                value = None

    def where(self, name, key):
        """FILE:LINE of a key; one in braces is where the table begins that it is in."""
        while key and key not in self.first:
            key = key[:-1]
        if not key:
            raise ProfileError(name, 'has a key that is not written as KEY = VALUE below [SECTION]')
        return '%s:%d' % (name, self.first[key])


def has_ended(value):
    """Whether a value ends on the line where its text ends; strings and comments do not count."""
    for quotes in ('"""', "'''"):
        if value.startswith(quotes):
            return value.count(quotes) > 1
    bare = re.sub(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'|#.*', '', value)
    return bare.count('[') <= bare.count(']')


def shown_key(key, top):
    """The name of a key, as it stands in messages and in flat lines."""
    parts = [part if re.fullmatch('[A-Za-z0-9_-]+', part) else ascii(part) for part in key]
    return '.'.join([top] + parts if len(key) == 1 else parts)


def syntax_error(name, text, top, error):
    """What is to be said of text that is no TOML."""
    # "Expected '=' after a key (at line 3, column 5)"
    match = re.fullmatch(r'(.*) \(at (?:line (\d+), .*|end of document)\)', str(error))
    if not match:
        return ProfileError(name, 'is no TOML: %s' % error)
    line = int(match[2] or text.rstrip('\n').count('\n') + 1)
    where = '%s:%d' % (name, line)
    places = Places(text)
    key = places.keys.get(line)
    if not key:
        return ProfileError(where, 'is no TOML: %s' % match[1])
    is_section = text.split('\n')[line - 1].lstrip().startswith('[') and len(key) == 1
    shown = key[0] if is_section else shown_key(key, top)
    first = places.first[key]
    if first < line and match[1].startswith(('Cannot overwrite', 'Cannot declare')):
        return ProfileError(
            where, '%s: was already set at line %d; a key may stand only once' % (shown, first)
        )
    return ProfileError(where, '%s: is no TOML: %s' % (shown, match[1]))


def parse_file(path, top):
    """Read a TOML file; returns its tables and where its keys stand."""
    name = os.path.basename(path)
    try:
        with open(path, 'rb') as file:
            data = file.read()
    except OSError as error:
        raise ProfileError(name, 'cannot be read: %s' % error.strerror) from None
    try:
        text = data.decode('utf-8').replace('\r\n', '\n')
        return tomllib.loads(text), Places(text)
    except UnicodeDecodeError:
        raise ProfileError(name, 'is not UTF-8 text') from None
    except RecursionError:
        raise ProfileError(name, 'is nested too deeply') from None
    except tomllib.TOMLDecodeError as error:
        raise syntax_error(name, text, top, error) from None


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


def check_key(key, shown, where):
    """Refuse what would not survive as the key of a flat line."""
    if not all(re.fullmatch('[A-Za-z0-9_-]{1,64}', part) for part in key):
        raise ProfileError(where, '%s: is no name of a key' % shown)


def check_value(value, shown, where):
    """Refuse what has no place in a flat line."""
    for item in value if isinstance(value, list) else [value]:
        flat_text(item, where, shown)
        size = len(str(item).encode())
        if size > VALUE_MAX_BYTES:
            raise ProfileError(
                where,
                '%s: has %d bytes, at most %d are allowed' % (shown, size, VALUE_MAX_BYTES),
            )


def read_values(path, top):
    """All keys of one file, as {"section.key": Value}; keys above all sections belong to `top`."""
    tables, places = parse_file(path, top)
    name = os.path.basename(path)
    values = {}
    for section, table in tables.items():
        is_section = isinstance(table, dict)
        if is_section and section == top:
            raise ProfileError(
                places.where(name, (section,)),
                '%s: there is no such section; its keys stand at the top' % section,
            )
        for key, value in table.items() if is_section else [(None, table)]:
            full = (section, key) if is_section else (section,)
            where = places.where(name, full)
            shown = shown_key(full, top)
            check_key(full, shown, where)
            check_value(value, shown, where)
            values[shown] = Value(value, where)
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


def module_exists(name):
    """Whether the module can be found; importing it, or its package, would run its code."""
    if name in sys.modules:  # os.path is nowhere else
        return True
    search, found = None, ''
    for part in name.split('.'):
        found += '.' + part if found else part
        spec = None
        for finder in sys.meta_path if search is None else [importlib.machinery.PathFinder]:
            spec = spec or finder.find_spec(found, search)
        if not spec:
            return False
        # Empty where it is no package: there is nothing below it.
        search = spec.submodule_search_locations or []
    return True


def check_preload(values):
    """Refuse modules that are not there: no job of the profile would start."""
    preload = values.get('python.preload')
    for name in preload.value if preload and isinstance(preload.value, list) else []:
        # All else is no name of a module, as the key table will say.
        if isinstance(name, str) and re.fullmatch(r'\w+(\.\w+)*', name):
            if not module_exists(name):
                raise ProfileError(preload.where, 'python.preload: there is no module %s' % name)


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
    check_preload(values)
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
    # A number of any length is read, to be refused with its line and key.
    sys.set_int_max_str_digits(0)
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
