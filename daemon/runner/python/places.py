# SPDX-License-Identifier: LGPL-2.1-or-later
"""TOML files with the line of each value, and values as they stand in flat lines."""

import os
import re
import tomllib

# With all of it escaped, a value this long fits in a line that daemon/profile reads.
VALUE_MAX_BYTES = 1536
# How TOML writes the name of a key: bare, or in quotes; with points in between.
PART = r'(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|\'[^\']*\')'
# What tomllib says of frequent mistakes, and what it means.
HINTS = {
    'Invalid value': 'a string stands in quotes, true and false are in lower case',
    "Illegal character '\\n'": 'the quote at the end of the line is missing',
    'Unclosed array': 'a bracket, or a comma before this line, is missing',
    'Expected newline or end of document after a statement': 'a string stands in quotes',
}
PATH = r'(%s(?:\s*\.\s*%s)*)' % (PART, PART)


class ProfileError(Exception):
    """A mistake in a file: where it is, and a sentence."""

    def __init__(self, where, sentence):
        super().__init__('%s: %s' % (where, sentence))


class Value:
    """A value and the place where it was written; a list may hold values with places of their own."""

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


def shown_part(part):
    """A part of a key in messages: what is no bare key in TOML is quoted."""
    return part if re.fullmatch('[A-Za-z0-9_-]+', part) else ascii(part)


def shown_key(key, top):
    """The name of a key, as it stands in messages and in flat lines."""
    parts = [shown_part(part) for part in key]
    return '.'.join([top] + parts if len(key) == 1 else parts)


def syntax_error(name, text, top, error):
    """What is to be said of text that is no TOML."""
    # "Expected '=' after a key (at line 3, column 5)"
    match = re.fullmatch(r'(.*) \(at (?:line (\d+), .*|end of document)\)', str(error))
    if not match:
        return ProfileError(name, 'is no TOML: %s' % error)
    sentence = match[1] + ('; ' + HINTS[match[1]] if match[1] in HINTS else '')
    line = int(match[2] or text.rstrip('\n').count('\n') + 1)
    where = '%s:%d' % (name, line)
    places = Places(text)
    key = places.keys.get(line)
    if not key:
        return ProfileError(where, 'is no TOML: %s' % sentence)
    is_section = text.split('\n')[line - 1].lstrip().startswith('[') and len(key) == 1
    shown = shown_part(key[0]) if is_section else shown_key(key, top)
    first = places.first[key]
    if first < line and match[1].startswith(('Cannot overwrite', 'Cannot declare')):
        return ProfileError(
            where, '%s: was already set at line %d; a key may stand only once' % (shown, first)
        )
    return ProfileError(where, '%s: is no TOML: %s' % (shown, sentence))


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
        raise ProfileError(where, '%s: must be an integer, or a string: of a time such as "1.5s", of a size "50M"' % key)
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


def read_values(path, top, nested=()):
    """All keys of one file, as {"section.key": Value}; keys above all sections belong to `top`. A key in
    `nested` is a table itself, whose keys are "section.key.NAME"."""
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
        found = {(section, key): value for key, value in table.items()} if is_section else {(section,): table}
        for full in [full for full in found if full[-1] in nested and isinstance(found[full], dict)]:
            found.update({full + (name,): value for name, value in found.pop(full).items()})
        for full, value in found.items():
            where = places.where(name, full)
            shown = shown_key(full, top)
            check_key(full, shown, where)
            check_value(value, shown, where)
            values[shown] = Value(value, where)
    return values


def flat_lines(values):
    """(where, "key = value") of every value, in an order that does not depend on the files."""
    for key in sorted(values):
        value = values[key]
        if value.value == []:
            yield value.where, key + ' = []'  # so that a key that there is not is one also without elements
        for item in value.value if isinstance(value.value, list) else [value]:
            item = item if isinstance(item, Value) else Value(item, value.where)
            yield item.where, '%s = %s' % (key, flat_text(item.value, item.where, key))
