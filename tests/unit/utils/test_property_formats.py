#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""sandbox_utils.formats against the library on 1,000 generated cases each: csv, json, yaml.safe_load and
ElementTree. PYSB_PROPERTY_SEED repeats a run."""

import csv
import datetime
import functools
import io
import json
import os
import random
import unittest
from xml.etree import ElementTree
from xml.sax import saxutils

import load
from load import tap
from sandbox_utils import (_streams, csv_to_json, csv_to_jsonl, iter_csv, iter_json, iter_jsonl, iter_xml, iter_yaml,
                           json_to_csv, json_to_yaml, xml_to_dict, yaml_to_json)

try:
    import yaml
except ImportError:
    yaml = None

CASES = 1000
SEED = int(os.environ.get("PYSB_PROPERTY_SEED") or random.SystemRandom().randrange(1 << 32))

# What may be taken for something else in one of the formats, and spaces and letters of all kinds
PIECES = ("a", "B", "0", "1", "-", ".", ",", ";", '"', "'", " ", "  ", "\t", "\n", "\r", "\r\n", "\\", ":", ": ", "#", " #",
          "{", "}", "[", "]", "&", "*", "!", "|", ">", "%", "@", "`", "?", "- ", "~", "null", "true", "no", "1e5", "1.5",
          "0x1f", "0o7", "1_000", "12:30:45", "2024-02-29", "=", "<<", ".nan", "---", "...", "<", "</a>", "&amp;", "]]>",
          "ä", "e\u0301", "ß", "ключ", "日本", "🙂", "\u2028", "\xa0", "\u3000", "\x85", "\ufeff")


def cases(check):
    """Calls a test with the random numbers of one case after the other."""
    @functools.wraps(check)
    def test(self):
        print(f"# {check.__name__}: PYSB_PROPERTY_SEED={SEED}")
        for number in range(CASES):
            try:
                check(self, random.Random(f"{SEED} {check.__name__} {number}"))
            except Exception as error:
                error.add_note(f"case {number}, PYSB_PROPERTY_SEED={SEED}")
                raise
    return test


class Property(load.Rooted):
    def text(self, rng, pieces=PIECES, most=4):
        return "".join(rng.choices(pieces, k=rng.randrange(most + 1)))

    def number(self, rng):
        return rng.choice((0, -1, 1, rng.randrange(-10 ** 20, 10 ** 20), rng.random(), -rng.random() * 10 ** 30,
                           rng.random() * 10 ** -30, 1e16, 0.1))

    def value(self, rng, depth=3):
        """Any value that JSON has."""
        kind = rng.randrange(9 if depth else 5)
        if kind < 5:
            return (None, True, False, self.number(rng), self.text(rng))[kind]
        if kind < 7:
            return [self.value(rng, depth - 1) for _ in range(rng.randrange(4))]
        return {self.text(rng): self.value(rng, depth - 1) for _ in range(rng.randrange(4))}

    def any_piece(self, rng):
        _streams.PIECE = rng.choice((1, 2, 3, 7, rng.randrange(1, 100), 1 << 16))

    def setUp(self):
        super().setUp()
        self.addCleanup(setattr, _streams, "PIECE", _streams.PIECE)


class Csv(Property):
    def table(self, rng):
        """A header without a name twice, and rows of that length; none of them looks like a blank line."""
        width = rng.randrange(1, 5)
        # One at the beginning of the file would be its byte order mark
        header = list(dict.fromkeys(self.text(rng).lstrip("\ufeff") for _ in range(width)))
        rows = [[self.text(rng) for _ in header] for _ in range(rng.randrange(5))]
        return [header, *rows]

    def written(self, rng, table, delimiter):
        file = io.StringIO(newline="")
        # By \r\n, with which each version quotes both characters
        csv.writer(file, delimiter=delimiter, lineterminator="\r\n",
                   quoting=rng.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL))).writerows(table)
        return file.getvalue()

    @cases
    def test_from_csv(self, rng):
        """what csv writes is what csv.DictReader reads of it, as JSON and as JSON Lines"""
        delimiter = rng.choice(",;\t|")
        text = self.written(rng, self.table(rng), delimiter)
        self.write("a.csv", rng.choice(("", "\ufeff")).encode() + text.encode())
        expected = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))
        self.assertEqual(list(iter_csv("a.csv", delimiter)), expected)
        self.assertEqual(csv_to_json("a.csv", delimiter=delimiter), json.dumps(expected, ensure_ascii=False))
        csv_to_jsonl("a.csv", "a.jsonl", delimiter)
        self.assertEqual(list(iter_jsonl("a.jsonl")), expected)

    @cases
    def test_round_trip(self, rng):
        """csv to json to csv gives the same table, and so does the way back"""
        self.any_piece(rng)
        table = self.table(rng)
        self.write("a.csv", self.written(rng, table, ","))
        csv_to_json("a.csv", "a.json")
        text = json_to_csv("a.json")
        back = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True)]
        self.assertEqual(back, table if len(table) > 1 else [])
        self.write("b.csv", text)
        self.assertEqual(csv_to_json("b.csv"), csv_to_json("a.csv"))

    @cases
    def test_from_json(self, rng):
        """objects of any values: the cells are those of a few lines that say what they should be"""
        rows = [{self.text(rng, most=1): self.value(rng, 1) for _ in range(rng.randrange(5))}
                for _ in range(rng.randrange(5))]
        self.write("a.json", json.dumps(rows, indent=rng.choice((None, 1)), ensure_ascii=rng.random() < 0.5))
        columns = list(dict.fromkeys(key for row in rows for key in row))
        if not columns:
            return
        cells = [[row.get(c) if isinstance(row.get(c), str) else "" if row.get(c) is None
                  else json.dumps(row[c], ensure_ascii=False) for c in columns] for row in rows]
        back = list(csv.reader(io.StringIO(json_to_csv("a.json"), newline=""), strict=True))
        self.assertEqual(back, [columns, *cells])


def once(pairs):
    """A dict, as json.loads() makes it; ValueError if a key is there twice, which loses data."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key is there twice")
    return dict(pairs)


class Json(Property):
    @cases
    def test_stream(self, rng):
        """iter_json() is json.loads(), however the text is written and cut"""
        self.any_piece(rng)
        values = [self.value(rng) for _ in range(rng.randrange(6))]
        text = json.dumps(values, indent=rng.choice((None, 0, 1, "\t")), ensure_ascii=rng.random() < 0.5,
                          separators=rng.choice((None, (",", ":"), (" ,\r\n", " : "))))
        self.write("a.json", text)
        self.assertEqual(list(iter_json("a.json")), json.loads(text))

    @cases
    def test_broken(self, rng):
        """a text with an error is one to both, and the position is the same if both name the same error"""
        self.any_piece(rng)
        text = json.dumps([self.value(rng) for _ in range(4)], indent=rng.choice((None, 1)))
        begin = rng.randrange(len(text))
        text = text[:begin] + rng.choice(("", "x", '"', ",", "]", "}", "1", "\n", "\\")) + text[begin + 1:]
        self.write("a.json", text)
        try:
            expected, problem = json.loads(text, object_pairs_hook=once), None
            if not isinstance(expected, list):
                return
        except ValueError as error:
            problem = error
        try:
            self.assertEqual(list(iter_json("a.json")), expected if problem is None else "an error")
        except ValueError as error:
            self.assertIsNotNone(problem, text)
            if (isinstance(problem, json.JSONDecodeError) and problem.msg in str(error)
                    and "Expecting ','" not in str(error)):
                self.assertEqual(str(error), f"'a.json': line {problem.lineno}, column {problem.colno}: "
                                             f"{problem.msg}")

    @cases
    def test_lines(self, rng):
        """iter_jsonl() is json.loads() of each line"""
        values = [self.value(rng) for _ in range(rng.randrange(6))]
        self.write("a.jsonl", "".join(json.dumps(v, ensure_ascii=rng.random() < 0.5) +
                                      rng.choice(("\n", "\r\n", "\n\n")) for v in values))
        self.assertEqual(list(iter_jsonl("a.jsonl")), values)


def plain(value):
    """What safe_load gives, as JSON can say it."""
    if isinstance(value, dict):
        return {k if isinstance(k, str) else plain_key(k): plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value.isoformat() if isinstance(value, datetime.date) else value


def plain_key(key):
    return key.isoformat() if isinstance(key, datetime.date) else json.dumps(key)


@unittest.skipUnless(yaml, "python3-yaml is missing")
class Yaml(Property):
    @cases
    def test_from_json(self, rng):
        """json to yaml: yaml.safe_load() reads what json.loads() reads, and it comes back"""
        value = self.value(rng)
        text = json_to_yaml(json.dumps(value, ensure_ascii=rng.random() < 0.5))
        self.assertEqual(yaml.safe_load(text), value)
        self.assertEqual(json.loads(yaml_to_json(text)), value)

    @cases
    def test_round_trip(self, rng):
        """yaml to json to yaml, with dates, aliases and keys of other types, against yaml.safe_load()"""
        shared = [self.value(rng, 1), datetime.date(rng.randrange(1000, 3000), 2, 3),
                  datetime.datetime(2020, 1, 2, 3, 4, rng.randrange(60))]
        value = [self.value(rng), *rng.choices(shared, k=4),
                 {rng.choice((None, True, 7, 2.5, "x", shared[1])): rng.choice(shared)}]
        text = yaml.safe_dump(value, allow_unicode=rng.random() < 0.5, default_flow_style=rng.choice((None, True, False)),
                              sort_keys=False, width=rng.choice((20, 80, 1000)))
        result = yaml_to_json(text)
        self.assertEqual(json.loads(result), plain(yaml.safe_load(text)))
        self.assertEqual(yaml.safe_load(json_to_yaml(result)), json.loads(result))

    @cases
    def test_documents(self, rng):
        """iter_yaml() is yaml.safe_load_all(), however the file is cut"""
        self.any_piece(rng)
        text = yaml.safe_dump_all([self.value(rng, 2) for _ in range(rng.randrange(4))], allow_unicode=True)
        self.write("a.yaml", text)
        self.assertEqual(list(iter_yaml("a.yaml")), list(yaml.safe_load_all(text)))


NAMES = "a", "b", "item", "ключ", "x-1", "_y.z"
# What XML may have in it: no other control characters
XML_PIECES = [piece for piece in PIECES if piece not in ("\x85",)]


class Xml(Property):
    def element(self, rng, depth=4):
        """The source text of an element."""
        def quoted(text):
            return saxutils.quoteattr(text.replace("\r", " ").replace("\n", " "))
        name = rng.choice(NAMES)
        attributes = {rng.choice(NAMES): quoted(self.text(rng, XML_PIECES)) for _ in range(rng.choice((0, 0, 1, 2)))}
        parts = []
        for _ in range(rng.randrange(5) if depth else 0):
            text = self.text(rng, XML_PIECES)
            parts.append(rng.choice((
                lambda: self.element(rng, depth - 1), lambda: saxutils.escape(text),
                lambda: f"<![CDATA[{text.replace(']]>', '')}]]>", lambda: "<!-- c -->", lambda: "<?p i?>",
                lambda: "".join(f"&#{ord(c)};" for c in text), lambda: " \n\t"))())
        start = " ".join([name, *(f"{key}={value}" for key, value in attributes.items())])
        return f"<{start}>{''.join(parts)}</{name}>" if parts else f"<{start}/>"

    def expected(self, element):
        """The dict, from what ElementTree has read."""
        content = {"@" + key: value for key, value in element.attrib.items()}
        for child in element:
            content.setdefault(child.tag, []).append(self.expected(child))
        content = {k: v[0] if isinstance(v, list) and len(v) == 1 else v for k, v in content.items()}
        text = ((element.text or "") + "".join(child.tail or "" for child in element)).strip(" \t\r\n")
        if content and text:
            content["#text"] = text
        return content or text or None

    @cases
    def test_whole(self, rng):
        """xml_to_dict() is what a few lines make of ElementTree's elements"""
        text = self.element(rng)
        root = ElementTree.fromstring(text)
        self.assertEqual(xml_to_dict(text), {root.tag: self.expected(root)})
        encoded = f'<?xml version="1.0" encoding="utf-16"?>{text}'.encode("utf-16")
        self.assertEqual(xml_to_dict(encoded), {root.tag: self.expected(root)})

    @cases
    def test_elements(self, rng):
        """iter_xml() gives the outermost elements of a name, however the file is cut"""
        def outermost(element, tag):
            if element.tag == tag:
                yield {tag: self.expected(element)}
            else:
                for child in element:
                    yield from outermost(child, tag)
        self.any_piece(rng)
        self.write("a.xml", self.element(rng, 5))
        tag = rng.choice(NAMES)
        root = ElementTree.parse(self.path("a.xml")).getroot()
        self.assertEqual(list(iter_xml("a.xml", tag)), list(outermost(root, tag)))


if __name__ == "__main__":
    tap.run(Csv, Json, Yaml, Xml)
