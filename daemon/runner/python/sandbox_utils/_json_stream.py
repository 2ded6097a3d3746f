# SPDX-License-Identifier: LGPL-2.1-or-later
"""JSON from files, element by element."""

import io
import json
import math
import re
from collections.abc import Callable, Iterator

from . import _paths, _streams

# No token of JSON that is cut off is found faulty farther from the end: -Infinity, half of a pair \u.
MARGIN = 16


class NotFinite(ValueError):
    """A number that JSON does not have, or that no float can be; its argument is its text."""

    def __str__(self) -> str:
        return '%.50s is no number of JSON, or too large' % self.args


def refuse_constant(text: str) -> None:
    raise NotFinite(text)


def finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise NotFinite(text)
    return number


def unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen = set()
        key = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise ValueError('the key %.50r is there twice' % key)
    return found


# The decoder of the library accepts what would lose data, or be no JSON when it is written.
decoder = json.JSONDecoder(parse_constant=refuse_constant, parse_float=finite, object_pairs_hook=unique_keys)
decode = decoder.raw_decode
skip_space = re.compile(r'[ \t\n\r]*').match


class ArrayReader:
    """The elements of one top-level array, whose text comes in pieces."""

    def __init__(self, name: str, read: Callable[[int], str]) -> None:
        self.name, self.read = name, read
        self.buffer = ''
        self.position = 0  # in the buffer: all before it is done
        self.start = 0  # where the last element begins
        self.line = self.column = 1  # of the first character in the buffer

    def locate(self, position: int) -> tuple[int, int]:
        """(line, column) of a position in the buffer."""
        newline = self.buffer.rfind('\n', 0, position)
        if newline < 0:
            return self.line, self.column + position
        return self.line + self.buffer.count('\n', 0, position), position - newline

    def error(self, message: str, position: int) -> ValueError:
        return ValueError('%s: line %d, column %d: %s' % (self.name, *self.locate(position), message))

    def fill(self) -> bool:
        """Reads on, at least as much as is there: a long element is parsed again only a few times."""
        rest = self.buffer[self.position:]
        more = self.read(max(_streams.PIECE, len(rest)))
        if not more:
            return False
        self.line, self.column = self.locate(self.position)
        self.buffer, self.position = rest + more, 0
        return True

    def peek(self) -> str:
        """The next character that is no space; '' at the end."""
        while True:
            self.position = skip_space(self.buffer, self.position).end()
            if self.position < len(self.buffer) or not self.fill():
                return self.buffer[self.position:self.position + 1]

    def may_be_cut(self, error: json.JSONDecodeError) -> bool:
        return error.msg.startswith('Unterminated') or error.pos + MARGIN >= len(self.buffer)

    def may_go_on(self, number: str) -> bool:
        """Whether a number stands at the end of the buffer: an exponent may make it smaller."""
        return number in self.buffer[-len(number) - MARGIN:]

    def value(self) -> object:
        while True:
            try:
                value, end = decode(self.buffer, self.position)
            except json.JSONDecodeError as error:
                if not self.may_be_cut(error) or not self.fill():
                    raise self.error(error.msg, error.pos) from None
            except RecursionError:
                raise self.error('nested too deeply', self.position) from None
            except NotFinite as error:
                if not self.may_go_on(error.args[0]) or not self.fill():
                    raise self.error(str(error), self.position) from None
            except ValueError as error:  # a key twice, an int with more digits than Python takes
                raise self.error(str(error), self.position) from None
            else:
                # A number may go on behind the end
                if end + MARGIN < len(self.buffer) or not self.fill():
                    self.start, self.position = self.position, end
                    return value

    def elements(self) -> Iterator[object]:
        if self.peek() != '[':
            raise self.error('an array is wanted here, [ and elements and ]', self.position)
        self.position += 1
        next_character = self.peek()
        while next_character != ']':
            yield self.value()
            next_character = self.peek()
            if next_character not in (',', ']'):
                raise self.error("Expecting ',' or ']' behind an element", self.position)
            if next_character == ',':
                self.position += 1
                self.peek()
        self.position += 1
        if self.peek():
            raise self.error('Extra data', self.position)


def iter_json(file: _paths.Path) -> Iterator[object]:
    """The elements of the one array that is a JSON file, one after the other: a list, lazily.

    Elements are what json.load() makes of them. ValueError with file, line and column for what is no
    JSON (when it is reached; NaN and Infinity are none), a number too large for a float (1e999), a key
    twice in an object, and what is no array; FileNotFoundError. Memory: one element and about 128 KiB;
    an element of any size is held whole, and its text up to three times while it is parsed.
    """
    stream = _streams.open_text(file)
    return read_elements(stream, ArrayReader(_streams.name_of(file), stream.read))


def read_elements(stream: io.TextIOWrapper, reader: ArrayReader) -> Iterator[object]:
    with _streams.reading(stream, reader.name):
        yield from reader.elements()


def iter_jsonl(file: _paths.Path) -> Iterator[object]:
    """The values of a file with one JSON text on each line (JSON Lines), lazily. Blank lines are skipped.

    Lines end with '\\n' or '\\r\\n'. ValueError as iter_json(), without the column for keys and numbers; FileNotFoundError. Memory: one line.
    """
    return read_lines(_streams.open_text(file, newline='\n'), _streams.name_of(file))


def read_lines(stream: io.TextIOWrapper, name: str) -> Iterator[object]:
    with _streams.reading(stream, name):
        for number, line in enumerate(stream, 1):
            if line.strip(' \t\n\r'):
                yield parse(line, '%s: line %d' % (name, number))


def parse(text: str, where: str = '') -> object:
    """The value of a JSON text, with errors that say where they are: `where` names the line of a text of one line."""
    try:
        return decoder.decode(text)
    except json.JSONDecodeError as error:
        where = where or 'line %d' % error.lineno
        raise ValueError('%s, column %d: %s' % (where, error.colno, error.msg)) from None
    except RecursionError:
        problem = 'nested too deeply'
    except ValueError as error:  # as above
        problem = str(error)
    raise ValueError('%s: %s' % (where, problem) if where else problem)
