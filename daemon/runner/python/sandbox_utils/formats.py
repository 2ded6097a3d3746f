# SPDX-License-Identifier: LGPL-2.1-or-later
"""CSV, JSON, YAML and XML, in one another and as Python's values.

Functions named X_to_Y take and give texts or files as their arguments say; iter_X() reads a file of
any size lazily. With output=, csv_to_json(), csv_to_jsonl() and json_to_csv() go from file to file
without holding either.

Files are UTF-8, with or without a byte order mark; what is not is a ValueError, and so is all that is
malformed or would lose data silently, with file, line and what is wrong. A file that is missing is a
FileNotFoundError, a path outside of /app a ValueError; both come at the call, from iterators, too.
output is replaced when all is written: after an error it is what it was.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from itertools import chain

from . import _streams
from ._json_stream import ArrayReader, iter_json, iter_jsonl
from ._paths import Path
from ._xml import iter_xml, xml_to_dict
from ._yaml import iter_yaml, json_to_yaml, yaml_to_json

__all__ = [
    'csv_to_json', 'csv_to_jsonl', 'iter_csv', 'iter_json', 'iter_jsonl', 'iter_xml', 'iter_yaml',
    'json_to_csv', 'json_to_yaml', 'xml_to_dict', 'yaml_to_json',
]

_encode = json.JSONEncoder(ensure_ascii=False).encode


def _check_delimiter(delimiter: str) -> None:
    if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n':
        raise ValueError('delimiter must be one character and no quote or line end, not %r' % (delimiter,))


def iter_csv(csv_file: Path, delimiter: str = ',') -> Iterator[dict[str, str]]:
    """The rows of a CSV file, lazily: {name in the header: value}, all values are text.

    The first row is the header; blank lines are skipped; values in quotes may have delimiters, line
    ends and doubled quotes in them. A file without a row gives nothing.

    ValueError with file and line (when it is reached) for a name twice in the header, a row with more
    or fewer values than the header, wrong quotes, and a value of more than 131,072 characters (as
    csv.field_size_limit() says); FileNotFoundError. Memory: one row.
    """
    _check_delimiter(delimiter)
    return _read_rows(_streams.open_text(csv_file), _streams.name_of(csv_file), delimiter)


def _read_rows(stream, name: str, delimiter: str) -> Iterator[dict[str, str]]:
    with _streams.reading(stream, name):
        reader = csv.reader(stream, delimiter=delimiter, strict=True)

        def error(problem):
            return ValueError('%s: line %d: %s' % (name, reader.line_num, problem))

        try:
            header = next(filter(None, reader), [])
            seen = set()
            for column in header:
                if column in seen:
                    raise error('the column %r is there twice' % column)
                seen.add(column)
            for row in reader:
                if len(row) == len(header):
                    yield dict(zip(header, row))
                elif row:
                    raise error('values: %d, but the header has %d' % (len(row), len(header)))
        except csv.Error as problem:
            raise error(problem) from None


def csv_to_json(csv_file: Path, output: Path | None = None,
                delimiter: str = ',') -> str | None:
    """A CSV file as the text of a JSON array of objects, whose values are all text.

    [{"name": "Alice", "age": "30"}, ...]: as json.dumps() writes it, but Unicode as it is. With output
    it is written to that file, an object on each line, and None returned. A file without a row is [].

    Errors are those of iter_csv(). Memory: the text; with output one row.
    """
    objects = map(_encode, iter_csv(csv_file, delimiter))
    if output is None:
        return '[%s]' % ', '.join(objects)
    _streams.write_text(output, _array_lines(objects))
    return None


def _array_lines(elements: Iterable[str]) -> Iterator[str]:
    before = '['
    for element in elements:
        yield before + element
        before = ',\n'
    yield ']\n' if before != '[' else '[]\n'


def csv_to_jsonl(csv_file: Path, output: Path | None = None,
                 delimiter: str = ',') -> str | None:
    """A CSV file as JSON Lines: an object on each line, whose values are all text.

    With output it is written to that file and None returned. Errors are those of iter_csv(). Memory:
    the text; with output one row.
    """
    lines = (_encode(row) + '\n' for row in iter_csv(csv_file, delimiter))
    if output is None:
        return ''.join(lines)
    _streams.write_text(output, lines)
    return None


def json_to_csv(json_file: Path, output: Path | None = None, columns: Iterable[str] | None = None,
                delimiter: str = ',') -> str | None:
    """A JSON file with an array of objects as CSV text with a header; with output into that file.

    The columns are the keys of all objects in the order in which they first appear, or `columns`, which
    chooses and orders them. A text is written as it is, null and a key that is missing as nothing,
    numbers, true, false, arrays and objects as their JSON text. Lines end with '\\n'; values are quoted
    where they have to be. An array of arrays works, too: one row each, with a header only if columns
    are given. An empty array is an empty text.

    ValueError with file, line and column for what iter_json() refuses, no array of objects or of arrays,
    or an array with another length than columns; FileNotFoundError. Memory: the text; with output one
    element. The file is read twice, or once if columns are given.
    """
    _check_delimiter(delimiter)
    if isinstance(columns, str):
        raise TypeError('columns must be a list of names, not %r' % columns)
    columns = _find_columns(json_file) if columns is None else list(columns)
    if len(set(columns)) < len(columns):
        raise ValueError('columns has a name twice: %r' % columns)
    rows = chain([columns] if columns else [], _read_records(json_file, columns))
    lines = _csv_lines(rows, delimiter)
    if output is None:
        return ''.join(lines)
    _streams.write_text(output, lines)
    return None


def _read_records(file: Path, columns: list[str] | None) -> Iterator[list | dict]:
    """The objects of an array, or its arrays; with columns, lists of their values."""
    stream = _streams.open_text(file)
    reader = ArrayReader(_streams.name_of(file), stream.read)
    kind = None
    with _streams.reading(stream, reader.name):
        for number, element in enumerate(reader.elements(), 1):
            kind = kind or type(element)
            if type(element) is not kind or kind not in (list, dict):
                raise reader.error('element %d: all have to be objects, or all arrays' % number,
                                   reader.start)
            if columns is not None and kind is dict:
                element = [element.get(name) for name in columns]
            elif columns and len(element) != len(columns):
                raise reader.error('element %d: values: %d, but there are %d columns'
                                   % (number, len(element), len(columns)), reader.start)
            yield element


def _find_columns(file: Path) -> list[str]:
    """The keys of all objects, in the order in which they first appear; none of arrays."""
    columns = {}
    for element in _read_records(file, None):
        if type(element) is dict:
            columns.update(dict.fromkeys(element))
    return list(columns)


def _cell(value: object) -> str:
    if type(value) is str:
        return value
    return '' if value is None else _encode(value)


class _LineEnd:
    """Gives the lines of a csv.writer, which quotes what may end lines only if its own lines end so."""

    def write(self, line: str) -> str:
        return line[:-2] + '\n'


def _csv_lines(rows: Iterable[list], delimiter: str) -> Iterator[str]:
    write = csv.writer(_LineEnd(), delimiter=delimiter, lineterminator='\r\n').writerow
    return (write([_cell(value) for value in row]) for row in rows)
