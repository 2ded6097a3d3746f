#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""sandbox_utils.formats: CSV, JSON and YAML, what is refused and how. XML: test_xml.py, large files: test_streams.py."""

import json
import os
import pathlib
import sys
import unittest
from unittest import mock

import load
from load import tap
from sandbox_utils import (_streams, csv_to_json, csv_to_jsonl, iter_csv, iter_json, iter_jsonl, iter_xml,
                           iter_yaml, json_to_csv, json_to_yaml, yaml_to_json)
from sandbox_utils._json_stream import ArrayReader

try:
    import yaml
except ImportError:
    yaml = None

BOM = "\ufeff"


class Formats(load.Rooted):
    def refused(self, message, function, *arguments, **keywords):
        """A ValueError with exactly this message, at the call or when an iterator gets there."""
        with self.assertRaises(ValueError) as caught:
            result = function(*arguments, **keywords)
            if not isinstance(result, (str, dict, type(None))):
                list(result)
        self.assertEqual(str(caught.exception), message)
        self.assertIs(type(caught.exception), ValueError)

    def left(self):
        """No temporary file stays."""
        return sorted(name for name in os.listdir(self.root) if name.endswith(".tmp"))


class CsvToJson(Formats):
    def test_rows(self):
        """objects in order, all values are text, as json.dumps() writes them"""
        self.write("a.csv", "name,age\nAlice,30\nBob,\n")
        self.assertEqual(csv_to_json("a.csv"), '[{"name": "Alice", "age": "30"}, {"name": "Bob", "age": ""}]')
        self.assertEqual(csv_to_jsonl("a.csv"), '{"name": "Alice", "age": "30"}\n{"name": "Bob", "age": ""}\n')
        self.assertEqual(list(iter_csv("a.csv")), [{"name": "Alice", "age": "30"}, {"name": "Bob", "age": ""}])

    def test_output(self):
        """into a file, whose directory is there: the same, a row on each line; the file keeps its mode"""
        self.write("a.csv", "a\n1\n2\n")
        self.write("out/b.json", "before")
        os.chmod(self.path("out/b.json"), 0o600)
        self.assertIsNone(csv_to_json("a.csv", "out/b.json"))
        self.assertEqual(self.read("out/b.json"), b'[{"a": "1"},\n{"a": "2"}]\n')
        self.assertEqual(os.stat(self.path("out/b.json")).st_mode & 0o777, 0o600)
        self.assertIsNone(csv_to_jsonl("a.csv", output="b.jsonl"))
        self.assertEqual(self.read("b.jsonl"), b'{"a": "1"}\n{"a": "2"}\n')
        self.assertEqual(os.listdir(self.path("out")) + self.left(), ["b.json"])

    def test_output_is_input(self):
        """into the file that is read"""
        self.write("a.csv", "a\n1\n")
        csv_to_json("a.csv", "a.csv")
        json_to_csv("a.csv", "a.csv")
        self.assertEqual(self.read("a.csv"), b"a\n1\n")

    def test_output_after_error(self):
        """an error in the middle leaves what was there, and nothing else"""
        self.write("a.csv", "a,b\n1,2\n1\n")
        self.write("b.json", "before")
        for function in csv_to_json, csv_to_jsonl:
            self.refused("'a.csv': line 3: values: 1, but the header has 2", function, "a.csv", "b.json")
        self.assertEqual(self.read("b.json"), b"before")
        self.write("c.json", '[{"a": "\\ud800"}]')
        self.refused("'b.json': half of a surrogate pair in the text, which UTF-8 does not have",
                     json_to_csv, "c.json", "b.json")
        self.assertEqual((self.read("b.json"), self.left()), (b"before", []))

    def test_output_is_new(self):
        """a temporary file that is there already is somebody else's"""
        self.write("a.csv", "a\n1\n")
        name = self.write(f".{b'x'.hex() * 8}.tmp", "somebody's")
        with mock.patch.object(os, "urandom", side_effect=lambda size: b"x" * size):
            with self.assertRaises(FileExistsError):
                csv_to_json("a.csv", "b.json")
        self.assertEqual(self.read(name), b"somebody's")

    def test_output_places(self):
        """no directory, no pipe, no directory that is missing"""
        self.write("a.csv", "a\n1\n")
        os.mkfifo(self.path("fifo"))
        os.mkdir(self.path("d"))
        self.refused("'fifo' is no regular file", csv_to_json, "a.csv", "fifo")
        with self.assertRaisesRegex(IsADirectoryError, r"Is a directory: 'd'$"):
            csv_to_json("a.csv", "d")
        with self.assertRaisesRegex(FileNotFoundError, r"No such file or directory: 'no/x'$"):
            csv_to_json("a.csv", "no/x")
        os.symlink("d/real.json", self.path("link"))
        csv_to_json("a.csv", "link")
        self.assertEqual(self.read("d/real.json"), b'[{"a": "1"}]\n')
        self.assertTrue(os.path.islink(self.path("link")))

    def test_empty(self):
        """no row, and no header either"""
        for text in "", BOM, "\n\r\n", "a,b\n", "a,b":
            self.write("a.csv", text)
            self.assertEqual((csv_to_json("a.csv"), csv_to_jsonl("a.csv"), list(iter_csv("a.csv"))),
                             ("[]", "", []), repr(text))
            csv_to_json("a.csv", "b.json")
            self.assertEqual(self.read("b.json"), b"[]\n")

    def test_large(self):
        """100,000 rows, and a row of 10,000 columns"""
        self.write("a.csv", "n,text\n" + "".join(f"{n},ä\n" for n in range(100_000)))
        rows = json.loads(csv_to_json("a.csv"))
        self.assertEqual((len(rows), rows[-1]), (100_000, {"n": "99999", "text": "ä"}))
        wide = ",".join(map(str, range(10_000)))
        self.write("b.csv", f"{wide}\n{wide}\n")
        csv_to_json("b.csv", "b.json")
        self.assertEqual(json_to_csv("b.json"), f"{wide}\n{wide}\n")

    def test_line_ends(self):
        """CRLF and CR end rows, but stay as they are in quotes; blank lines are skipped"""
        self.write("a.csv", 'a,b\r\n\r\n1,"x\r\ny"\r\n2,"\n"\r3,""""')
        self.assertEqual([[*row.values()] for row in iter_csv("a.csv")],
                         [["1", "x\r\ny"], ["2", "\n"], ["3", '"']])

    def test_unicode(self):
        """with or without a byte order mark, and not escaped"""
        for mark in "", BOM:
            self.write("ä.csv", mark + "ключ,🙂\n日本,\u2028e\u0301\n")
            self.assertEqual(csv_to_json("ä.csv"), '[{"ключ": "日本", "🙂": "\u2028e\u0301"}]')
        self.write("b.csv", 'a\r\n"x' + BOM + '"')
        self.assertEqual(list(iter_csv("b.csv")), [{"a": "x" + BOM}])

    def test_delimiter(self):
        """another one, any single character but a quote or a line end"""
        for delimiter in ";", "\t", "|", "→":
            self.write("a.csv", f"a{delimiter}b\n1,2{delimiter}3\n")
            self.assertEqual(csv_to_json("a.csv", delimiter=delimiter), '[{"a": "1,2", "b": "3"}]')
        for bad in ("", ",,", '"', "\n", "\r", None, 1):
            for function in csv_to_json, csv_to_jsonl, iter_csv, json_to_csv:
                with self.assertRaisesRegex(ValueError, "^delimiter must be one character and no quote"):
                    function("a.csv", delimiter=bad)

    def test_malformed(self):
        """what would lose data is an error with file and line"""
        for text, problem in (
                ("a,b\n1\n", "line 2: values: 1, but the header has 2"),
                ("a,b\n1,2\n\n1,2,3\n", "line 4: values: 3, but the header has 2"),
                ("a,b,a\n", "line 1: the column 'a' is there twice"),
                (",\n", "line 1: the column '' is there twice"),
                ('a\n"x\ny\n', "line 3: unexpected end of data"),
                ('a\n"x"y\n', "line 2: ',' expected after '\"'"),
                ("a\n" + "x" * 131_073, "line 2: field larger than field limit (131072)")):
            self.write("a.csv", text)
            for function in csv_to_json, csv_to_jsonl, iter_csv:
                self.refused("'a.csv': " + problem, function, "a.csv")

    def test_bytes(self):
        """what is not UTF-8 is an error that names the line, wherever it is"""
        for text, line in ((b"a\n1\n\xff\n", 3), (b"a\n" + b"12\n" * 100_000 + b"\xe4", 100_002),
                           (b"\xff\xfea\0", 1), (b"a\n\xed\xa0\x80", 2), (b"a\nx\xe2\x82", 2)):
            self.write("a.csv", b"")
            with open(self.path("a.csv"), "wb") as file:
                file.write(text)
            self.refused(f"'a.csv': line {line}: not UTF-8", iter_csv, "a.csv")

    def test_lazy(self):
        """rows before an error come; an iterator that is dropped closes its file"""
        self.write("a.csv", "a\n1\n2,3\n")
        rows = iter_csv("a.csv")
        self.assertEqual(next(rows), {"a": "1"})
        rows.close()
        before = os.listdir("/proc/self/fd")
        for function in iter_csv, iter_json, iter_jsonl:
            function("a.csv")
        iter_xml("a.csv", "a")
        self.assertEqual(os.listdir("/proc/self/fd"), before)


class JsonToCsv(Formats):
    def csv(self, text, **keywords):
        self.write("a.json", text)
        result = json_to_csv("a.json", **keywords)
        self.assertIsNone(json_to_csv("a.json", "out.csv", **keywords))
        self.assertEqual(self.read("out.csv").decode(), result)
        return result

    def test_objects(self):
        """the union of the keys, in the order in which they come; null and what is missing is nothing"""
        self.assertEqual(self.csv('[{"b": 1, "a": "x"}, {"c": null, "a": true}, {}]'),
                         "b,a,c\n1,x,\n,true,\n,,\n")

    def test_values(self):
        """numbers as JSON has them, nested values as JSON text, quotes where they have to be"""
        self.assertEqual(self.csv('[{"a": [1, {"ü": null}], "b": 1.50, "c": "x,\\"y\\"", "d": -0.0, "e": 1e300}]'),
                         'a,b,c,d,e\n"[1, {""ü"": null}]",1.5,"x,""y""",-0.0,1e+300\n')
        self.assertEqual(self.csv('[{"a": "x\\r\\ny"}, {"a": "\\r"}, {"a": "\\n"}, {"a": ""}, {"a": " x "}]'),
                         'a\n"x\r\ny"\n"\r"\n"\n"\n""\n x \n')

    def test_arrays(self):
        """rows of any length, without a header"""
        self.assertEqual(self.csv('[["a", 1], [null], []]'), 'a,1\n""\n\n')
        self.assertEqual(self.csv('[[1, 2]]', columns=["x", "y"]), "x,y\n1,2\n")

    def test_columns(self):
        """columns choose and order; other keys are left out"""
        text = '[{"a": 1, "b": 2, "c": 3}]'
        self.assertEqual(self.csv(text, columns=("c", "a", "z")), "c,a,z\n3,1,\n")
        self.assertEqual(self.csv(text, columns=["c", "b"], delimiter=";"), "c;b\n3;2\n")
        self.assertEqual(self.csv("[]", columns=["a"]), "a\n")
        self.refused("columns has a name twice: ['a', 'a']", json_to_csv, "a.json", columns=["a", "a"])
        with self.assertRaisesRegex(TypeError, "^columns must be a list of names, not 'a'"):
            json_to_csv("a.json", columns="a")

    def test_empty(self):
        """an empty array is an empty text, an empty file no JSON"""
        for text in "[]", " [ \n] ", BOM + "[]", "[{}]":
            self.assertEqual(self.csv(text), "" if text != "[{}]" else "\n")
        self.write("a.json", "")
        self.refused("'a.json': line 1, column 1: an array is wanted here, [ and elements and ]",
                     json_to_csv, "a.json")

    def test_unicode_and_crlf(self):
        """escaped or not, it is not escaped after; line ends between tokens do not matter"""
        self.assertEqual(self.csv('[\r\n{"ä":\r\n"\\u00fc\\ud83d\\ude42🙂"}\r\n]\r\n'), "ä\nü🙂🙂\n")

    def test_malformed(self):
        """where it is wrong, and what is wrong"""
        for text, problem in (
                ('{"a": 1}', "line 1, column 1: an array is wanted here, [ and elements and ]"),
                ('[{"a": 1},\n 2]', "line 2, column 2: element 2: all have to be objects, or all arrays"),
                ("[1]", "line 1, column 2: element 1: all have to be objects, or all arrays"),
                ('[{"a": 1},\n []]', "line 2, column 2: element 2: all have to be objects, or all arrays"),
                ('[{"a": 1},\n{"a" 1}]', "line 2, column 6: Expecting ':' delimiter"),
                ('[{"a": 1}\n  {"a": 1}]', "line 2, column 3: Expecting ',' or ']' behind an element"),
                ('[{"a": 1},]', "line 1, column 11: Expecting value"),
                ('[{"a": 1}', "line 1, column 10: Expecting ',' or ']' behind an element"),
                ('[{"a": 1}] x', "line 1, column 12: Extra data"),
                ('[{"a": "x\ny"}]', "line 1, column 10: Invalid control character at"),
                ('[{"a": tru}]', "line 1, column 8: Expecting value"),
                ('[{"a": "x', "line 1, column 8: Unterminated string starting at")):
            self.write("a.json", text)
            self.refused("'a.json': " + problem, json_to_csv, "a.json")
        self.write("a.json", "[[1, 2],\n[1]]")
        self.refused("'a.json': line 2, column 1: element 2: values: 1, but there are 2 columns",
                     json_to_csv, "a.json", columns=["a", "b"])


class Json(Formats):
    def test_elements(self):
        """values of every kind, as json.load() has them"""
        text = ' [1, -2.5e3 ,"a\\u00e4", true,false,null, [], {}, {"a": [1, {"b": null}]}, "" , 12345678901234567890]\n'
        self.write("a.json", text)
        self.assertEqual(list(iter_json("a.json")), json.loads(text))

    def test_pieces(self):
        """however the text is cut when it is read"""
        text = '[-1.5e+10,\r\n"\\ud83d\\ude42\\\\\\"",{"ключ":[true,-1.25,12]},  123,"🙂"]'
        self.write("a.json", text)
        self.addCleanup(setattr, _streams, "PIECE", _streams.PIECE)
        for _streams.PIECE in range(1, 40):
            self.assertEqual(list(iter_json("a.json")), json.loads(text))

    def test_errors_come_early(self):
        """an error at the beginning is found there, not after the rest has been read"""
        self.write("a.json", "[1,\n{x}" + ", 2" * 1_000_000 + "]")
        reads = []
        reader = _streams.open_text("a.json")

        def read(size):
            reads.append(size)
            return reader.read(size)
        with reader, self.assertRaisesRegex(ValueError, "line 2, column 2: Expecting property name"):
            list(ArrayReader("a", read).elements())
        self.assertEqual(len(reads), 1)

    def test_limits(self):
        """too deep, and a number that Python does not take"""
        self.write("a.json", "[1,\n" + "[" * 100_000)
        self.refused("'a.json': line 2, column 1: nested too deeply", iter_json, "a.json")
        self.write("a.json", "[1,\n " + "9" * 5000 + "]")
        with self.assertRaisesRegex(ValueError, "^'a.json': line 2, column 2: Exceeds the limit"):
            list(iter_json("a.json"))

    def test_loses_nothing(self):
        """numbers that JSON does not have, or no float can be, and a key twice"""
        for value, problem in (("NaN", "NaN is no number of JSON, or too large"),
                               ("-Infinity", "-Infinity is no number of JSON, or too large"),
                               ("1e999", "1e999 is no number of JSON, or too large"),
                               ('{"b": {"a": 1, "c": 2, "a": 1}}', "the key 'a' is there twice")):
            self.write("a.json", '[[1],\n [%s]]' % value)
            for function in iter_json, json_to_csv:
                self.refused("'a.json': line 2, column 2: " + problem, function, "a.json")
            self.write("a.jsonl", f"1\n{value}\n")
            self.refused("'a.jsonl': line 2: " + problem, iter_jsonl, "a.jsonl")
        text = "[" + "1" * 400 + ".5e-300]"
        self.write("a.json", text)
        self.addCleanup(setattr, _streams, "PIECE", _streams.PIECE)
        for _streams.PIECE in 1, 390, 401, 402, 403, 404, 405, 406:
            self.assertEqual(list(iter_json("a.json")), json.loads(text))

    def test_lines(self):
        """one value on each line; blank lines are none; a lone CR ends no line"""
        self.write("a.jsonl", BOM + '{"a": "ä\u2028"}\r\n\n  \n[1,\r2]\nnull')
        self.assertEqual(list(iter_jsonl("a.jsonl")), [{"a": "ä\u2028"}, [1, 2], None])
        self.write("a.jsonl", "")
        self.assertEqual(list(iter_jsonl("a.jsonl")), [])
        self.write("a.jsonl", "1\n\n{x}\n")
        self.refused("'a.jsonl': line 3, column 2: Expecting property name enclosed in double quotes",
                     iter_jsonl, "a.jsonl")
        self.write("a.jsonl", "1\n2 3\n")
        self.refused("'a.jsonl': line 2, column 3: Extra data", iter_jsonl, "a.jsonl")
        self.write("a.jsonl", "1\n" + "[" * 100_000)
        self.refused("'a.jsonl': line 2: nested too deeply", iter_jsonl, "a.jsonl")


class Paths(Formats):
    """Every function that takes a file."""

    READERS = (csv_to_json, csv_to_jsonl, json_to_csv, iter_csv, iter_json, iter_jsonl,
               lambda file: iter_xml(file, "a"))

    def all_refuse(self, *functions):
        def call(path):
            for function in functions[1:]:
                with self.assertRaises(ValueError, msg=function) as caught:
                    function(path)
                self.assert_discreet(str(caught.exception), path)
            functions[0](path)
        self.refuse_escapes(call)

    def test_missing(self):
        """FileNotFoundError with the name as it was given, at the call, from iterators, too"""
        for function in self.READERS:
            with self.assertRaisesRegex(FileNotFoundError, r"No such file or directory: 'no/\.\./such\.x'$"):
                function("no/../such.x")

    def test_escapes_of_input(self):
        """nothing is read outside, by any of them"""
        self.all_refuse(*self.READERS)

    def test_escapes_of_output(self):
        """nothing is written outside, by any of them"""
        self.write("in.csv", "a\n1\n")
        self.write("in.json", "[[1]]")
        self.all_refuse(lambda path: csv_to_json("in.csv", path), lambda path: csv_to_jsonl("in.csv", path),
                        lambda path: json_to_csv("in.json", path))

    def test_pathlib(self):
        """a Path, absolute and relative"""
        self.write("d/a.csv", "a\n1\n")
        for path in pathlib.Path("d/a.csv"), pathlib.Path(self.path("d/a.csv")):
            self.assertEqual(csv_to_json(path), '[{"a": "1"}]')
            csv_to_json(path, pathlib.Path("o.json"))

    def test_pipe(self):
        """a pipe does not make anything wait"""
        os.mkfifo(self.path("p"))
        for function in self.READERS:
            with self.assertRaisesRegex(ValueError, "^'p' is no regular file"):
                function("p")


@unittest.skipUnless(yaml, "python3-yaml is missing")
class Yaml(Formats):
    def test_to_json(self):
        """what JSON has, in order, Unicode as it is"""
        self.assertEqual(yaml_to_json('b: [1, 2.5, "3", x, null, ~, true, no]\na:\n  ü: "🙂"\n  t: |\n    x\n    y\n'),
                         '{"b": [1, 2.5, "3", "x", null, null, true, false], "a": {"ü": "🙂", "t": "x\\ny\\n"}}')
        self.assertEqual(yaml_to_json("a: 1\r\nb: 2\r\n"), '{"a": 1, "b": 2}')
        self.assertEqual(yaml_to_json("[=, <<, '<<', {=: 1}, {'<<': 1}]"), '["=", "<<", "<<", {"=": 1}, {"<<": 1}]')
        self.assertEqual([yaml_to_json(t) for t in ("", "# c\n", "---\n", "x", BOM + "x")],
                         ["null", "null", "null", '"x"', '"x"'])

    def test_large(self):
        """3,000 objects, there and back"""
        values = [{"n": n, "text": "ä" * (n % 10), "list": [None, True]} for n in range(3000)]
        self.assertEqual(json.loads(yaml_to_json(json_to_yaml(json.dumps(values)))), values)

    def test_without_json(self):
        """dates as ISO text, bytes as base64, keys as text, collections as they are written"""
        self.assertEqual(yaml_to_json("- 2024-02-29\n- 2024-02-29 12:30:00.5\n- 2024-02-29T12:30:00Z\n"
                                      "- !!binary aGk=\n- {1: a, true: b, ~: c, 1.5: d, 2024-02-29: e}\n"
                                      "- !!set {x, y}\n- !!omap [a: 1, b: 2]\n"),
                         '["2024-02-29", "2024-02-29T12:30:00.500000", "2024-02-29T12:30:00+00:00", "aGk=", '
                         '{"1": "a", "true": "b", "null": "c", "1.5": "d", "2024-02-29": "e"}, '
                         '{"x": null, "y": null}, [{"a": 1}, {"b": 2}]]')

    def test_aliases(self):
        """aliases and merge keys are expanded"""
        self.assertEqual(yaml_to_json("b: &b {x: 1, y: &y [2]}\nc: {<<: *b, y: *y, z: *y}\nd: {<<: [*b, {w: 3, x: 4}]}\n"),
                         '{"b": {"x": 1, "y": [2]}, "c": {"x": 1, "y": [2], "z": [2]}, '
                         '"d": {"w": 3, "x": 1, "y": [2]}}')

    def test_bombs(self):
        """aliases of aliases, of long texts, by merge keys: refused before anything grows"""
        lists = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 40))
        texts = f"a: &a {'x' * 1000}\nb: [{', '.join(['*a'] * 2000)}]\n"
        merges = "a0: &a0 {x: 1}\n" + "".join(
            f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}], k{i}: 1}}\n" for i in range(1, 40))
        for text in lists, texts, merges:
            with self.assertRaisesRegex(ValueError, r"^line \d+, column \d+: its aliases expand to more than 1000000"):
                yaml_to_json(text)
        self.refused("line 1, column 4: contains itself by an alias", yaml_to_json, "a: &a [*a]")
        self.assertEqual(len(json.loads(yaml_to_json(f"a: &a {'x' * 1000}\nb: [{', '.join(['*a'] * 900)}]"))["b"]), 900)

    def test_depth(self):
        """100 levels, as written and by aliases"""
        self.assertEqual(yaml_to_json("[" * 100 + "]" * 100), "[" * 100 + "]" * 100)
        self.refused("line 1, column 101: nested more than 100 levels deep", yaml_to_json, "[" * 101 + "]" * 101)
        chain = "- &a0 [x]\n" + "".join(f"- &a{i} [*a{i - 1}]\n" for i in range(1, 200))
        with self.assertRaisesRegex(ValueError, "nested more than 100 levels deep$"):
            yaml_to_json(chain)

    def test_objects(self):
        """nothing but JSON's types is ever made"""
        for tag in ("!!python/object/apply:os.system ['true']", "!!python/name:os.system ''", "!mine {a: 1}",
                    "!!python/tuple [1]", "!!python/object:object {}", "!<x> y"):
            with self.assertRaisesRegex(ValueError, "^line 1, column 4: "):
                yaml_to_json("a: " + tag)

    def test_malformed(self):
        """with line and column"""
        for text, problem in (
                ("a: .nan", "line 1, column 4: .nan is no number of JSON"),
                ("- -.inf", "line 1, column 3: -.inf is no number of JSON"),
                ("a: 1\nb: 2\na: 3", "line 3, column 1: the key 'a' is there twice"),
                ("1: x\n'1': y", "line 2, column 1: the key '1' is there twice"),
                ("? [1]\n: 2", "line 1, column 3: a list or an object is no key of JSON"),
                ("a: 2024-13-01", "line 1, column 4: '2024-13-01' is no value of !!timestamp"),
                ("a: !!int x", "line 1, column 4: 'x' is no value of !!int"),
                ("a: !!bool x", "line 1, column 4: 'x' is no value of !!bool"),
                ("a: !!seq x", "line 1, column 4: JSON has nothing for the tag !!seq of a scalar"),
                ("a: !!set x", "line 1, column 4: JSON has nothing for the tag !!set of a scalar"),
                ("a: !!map [x]", "line 1, column 4: JSON has nothing for the tag !!map of a sequence"),
                ("a: !!omap {x: 1}", "line 1, column 4: JSON has nothing for the tag !!omap of a mapping"),
                ("a: !!str {x: 1}", "line 1, column 4: JSON has nothing for the tag !!str of a mapping"),
                ("<<: x", "line 1, column 5: expected a mapping or list of mappings for merging, but found scalar"),
                ("a: b: c", "line 1, column 5: mapping values are not allowed here"),
                ("a: *b", "line 1, column 4: found undefined alias 'b'"),
                ('a: "\\ud83d\\ude00"', "line 1: a text in quotes has an escape that is no character"),
                ('a: "\\ud800"', "line 1: a text in quotes has an escape that is no character"),
                ('\n\n"\\U00110000"', "line 3: a text in quotes has an escape that is no character"),
                ("\0", "character 1: special characters are not allowed"),
                ("a\n---\nb", "more than one document, and JSON has only one value: iter_yaml() reads several")):
            self.refused(problem, yaml_to_json, text)
        with self.assertRaisesRegex(TypeError, "^yaml_str must be str, not bytes"):
            yaml_to_json(b"a")

    def test_from_json(self):
        """block style, order kept, Unicode as it is, what looks like something else in quotes"""
        self.assertEqual(json_to_yaml('{"b": [1, {"c": null}], "a": "no", "ü": "🙂 \\u00e4", "e": [], "n": "12"}'),
                         "b:\n- 1\n- c: null\na: 'no'\nü: 🙂 ä\ne: []\nn: '12'\n")
        self.assertEqual(json_to_yaml(BOM + '[\r\n"' + "word " * 100 + 'x"]'), "- " + "word " * 100 + "x\n")
        self.assertEqual(yaml_to_json(json_to_yaml('["a\x85b\u2028c"]')), '["a\x85b\u2028c"]')
        self.assertEqual(json_to_yaml("[1e20]"), "- 1.0e+20\n")

    def test_from_json_depth(self):
        """100 levels, there and back"""
        for text in "[" * 100 + "]" * 100, "[" * 99 + "1" + "]" * 99:
            self.assertEqual(yaml_to_json(json_to_yaml(text)), text)

    def test_from_json_malformed(self):
        """with line and column"""
        for text, problem in (("", "line 1, column 1: Expecting value"), ('{"a":\n x}', "line 2, column 2: Expecting value"),
                              ("[1] 2", "line 1, column 5: Extra data"), ("[" * 100_000, "nested too deeply"),
                              ("[" * 101 + "]" * 101, "nested more than 100 levels deep"),
                              ("[" * 100 + "1" + "]" * 100, "nested more than 100 levels deep"),
                              ('{"a":' * 400 + "1" + "}" * 400, "nested more than 100 levels deep"),
                              ("[NaN]", "NaN is no number of JSON, or too large"),
                              ("-1e999", "-1e999 is no number of JSON, or too large"),
                              ('{"a": 1, "a": 1}', "the key 'a' is there twice")):
            self.refused(problem, json_to_yaml, text)
        with self.assertRaisesRegex(TypeError, "^json_str must be str, not dict"):
            json_to_yaml({})

    def test_iter(self):
        """documents of a file, as values; an error names the file when it is reached"""
        self.write("a.yaml", (BOM + "a: 2024-02-29\r\n---\n- ü\n...\n---\n").encode())
        self.assertEqual(list(iter_yaml("a.yaml")), [{"a": "2024-02-29"}, ["ü"], None])
        self.write("a.yaml", "")
        self.assertEqual(list(iter_yaml("a.yaml")), [])
        self.write("a.yaml", "a: 1\n---\n[x\n")
        documents = iter_yaml("a.yaml")
        self.assertEqual(next(documents), {"a": 1})
        self.refused("'a.yaml': line 4, column 1: expected ',' or ']', but got '<stream end>'", lambda: documents)
        self.write("a.yaml", "a: 1\n---\na: .nan\n")
        self.refused("'a.yaml': line 3, column 4: .nan is no number of JSON", iter_yaml, "a.yaml")
        self.write("a.yaml", b"a: 1\nb: \xff\n")
        self.refused("'a.yaml': line 2: not UTF-8", iter_yaml, "a.yaml")

    def test_iter_forgets(self):
        """of the documents before nothing is kept"""
        self.write("a.yaml", "---\n- a\n- b\n" * 50)
        from sandbox_utils import _yaml
        kept = []
        document = _yaml.Document

        def make(loader, root):
            kept.append(len(loader.constructed_objects))
            return document(loader, root)
        with mock.patch.object(_yaml, "Document", make):
            self.assertEqual(len(list(iter_yaml("a.yaml"))), 50)
        self.assertEqual(kept, [0] * 50)

    def test_paths(self):
        """missing files and ways out, as everywhere"""
        with self.assertRaisesRegex(FileNotFoundError, r"No such file or directory: 'no\.yaml'$"):
            iter_yaml("no.yaml")
        self.refuse_escapes(iter_yaml)


class WithoutYaml(Formats):
    def test_message(self):
        """without the package: one sentence that says what to do"""
        with mock.patch.dict(sys.modules, {"yaml": None}):
            for function in yaml_to_json, json_to_yaml, iter_yaml:
                with self.assertRaises(ModuleNotFoundError) as caught:
                    function("1")
                self.assertEqual((caught.exception.name, str(caught.exception)), (
                    "yaml", 'YAML needs a profile with packages = ["yaml"], and python3-yaml on its host'))


if __name__ == "__main__":
    tap.run(CsvToJson, JsonToCsv, Json, Paths, Yaml, WithoutYaml)
