#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rich values: what a program shows, and figures and tables of the profile data."""

import base64
import json
import os
import struct
import sys
import zlib

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import tap

CLASS = """
class Rich:
    def _repr_html_(self): return "<b>ä</b>"
    def _repr_png_(self): return b"\\x89PNG"
    def _repr_latex_(self): return None
    def __repr__(self): return "plain"
"""
RICH = {"text": {"text/html": "<b>ä</b>", "text/plain": "plain"}, "data": {"image/png": "iVBORw=="}}

FIGURES = """
import matplotlib.pyplot as plt
plt.plot([1, 4, 9], label="ä")
plt.legend()
plt.show()
figure, axes = plt.subplots(2)
axes[1].hist([1, 2, 2, 3])
"""

TABLE = """
import pandas as pd
frame = pd.DataFrame({"i": [1, 2], "f": [0.5, None], "s": ["ä", None],
                      "t": pd.to_datetime(["2026-01-02", None])}, index=["r", "s"])
frame
"""


def read_png(data):
    """(width, height, bytes of all pixels); raises if it is broken."""
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("no PNG")
    at, size, pixels = 8, None, b""
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        chunk = data[at + 8:at + 8 + length]
        if zlib.crc32(kind + chunk) != struct.unpack_from(">I", data, at + 8 + length)[0]:
            raise ValueError(f"the checksum of {kind} is wrong")
        if kind == b"IHDR":
            size = struct.unpack_from(">II", chunk)
        elif kind == b"IDAT":
            pixels += chunk
        at += 12 + length
    return *size, zlib.decompress(pixels)


class WithDaemon(harness.OnOneDaemon):
    def run_job(self, code, **request):
        result = self.client.call("Run", {"request": {"code": code} | request})["result"]
        self.assertEqual(result["outcome"], "success", result)
        return result

    def displays(self, code, **request):
        return self.run_job(code, **request).get("displays", [])


class Displays(WithDaemon):
    def test_last_expression(self):
        """a value with a rich representation is shown, and told from others"""
        for profile in ("default", "eval", "raw"):
            result = self.run_job(CLASS + "Rich()", profile=profile)
            self.assertEqual(result["displays"], [RICH | {"isResult": True}])
            self.assertEqual(result["resultProblem"]["type"], "ResultNotEncodable")

    def test_display_last_expression(self):
        """displayLastExpression: always, never, and by default not what is plain"""
        self.assertEqual(self.displays("1 + 1"), [])
        self.assertEqual(self.displays(CLASS + "Rich()", displayLastExpression=False), [])
        shown = self.displays("1 + 1", displayLastExpression=True)
        self.assertEqual(shown, [{"isResult": True, "text": {"text/plain": "2"}}])
        self.assertEqual(self.displays("None", displayLastExpression=True), [])

    def test_display(self):
        """display() shows any value, or bytes and text of a type"""
        shown = self.displays(CLASS + "from _sandbox import display\ndisplay(Rich())\ndisplay(5)\n"
                              "display('image/gif', b'GIF')\ndisplay('text/markdown', '*x*')\n"
                              "display('application/json', {'a': [1]})")
        self.assertEqual(shown, [
            RICH | {"isResult": False},
            {"isResult": False, "text": {"text/plain": "5"}},
            {"isResult": False, "data": {"image/gif": "R0lG"}},
            {"isResult": False, "text": {"text/markdown": "*x*"}},
            {"isResult": False, "text": {"application/json": '{"a": [1]}'}}])

    def test_streamed(self):
        """displays are events when somebody listens, and the client has them in the result as well"""
        with self.client.stream("from _sandbox import display\ndisplay('text/plain', 'x')") as stream:
            shown = [event.display for event in stream if event.kind == "display"]
        self.assertEqual([display.text for display in shown], [{"text/plain": "x"}])
        self.assertEqual(stream.result.displays, shown)

    def test_bundle(self):
        """_repr_mimebundle_() comes first, with or without metadata"""
        code = ("class A:\n def _repr_mimebundle_(self, **_): return {'text/plain': 'p', "
                "'application/x+json': {'a': 1}}, {}\n def _repr_html_(self): return 'no'\nA()")
        self.assertEqual(self.displays(code), [{
            "isResult": True, "text": {"text/plain": "p"},
            "data": {"application/x+json": base64.b64encode(b'{"a": 1}').decode()}}])

    def test_method_that_fails(self):
        """a method that fails is a remark, and not the end"""
        result = self.run_job("class A:\n def _repr_html_(self): 1/0\nA()")
        self.assertNotIn("displays", result)
        self.assertEqual(result["stderr"]["text"], "cannot display a value of type A: "
                         "ZeroDivisionError: division by zero\n")

    def test_attributes_out_of_nothing(self):
        """what has any attribute that one asks for is not rich, nor is a class"""
        self.assertEqual(self.displays("class A:\n def __getattr__(self, name): return print\nA()"), [])
        self.assertEqual(self.displays(CLASS + "Rich"), [])

    def test_bad_type(self):
        """a MIME type that is none is an error"""
        result = self.client.run("from _sandbox import display\ndisplay('html', 'x')")
        self.assertEqual(result.exception.type, "ValueError", result)

    def test_limit_of_bytes(self):
        """result and displays have one limit: an explicit display raises, the others are left out"""
        code = ("import _sandbox\n_sandbox.display('text/plain', 'x' * 60)\n"
                "try: _sandbox.display('text/plain', 'y' * 60)\n"
                "except _sandbox.ResultTooLarge as error: print(error)\n'z' * 60")
        result = self.run_job(code, limits={"resultBytes": 100})
        self.assertEqual(len(result["displays"]), 1)
        self.assertEqual(result["stdout"]["text"],
                         "the display has 60 bytes, limits.resultBytes leaves 40\n")
        self.assertEqual(result["resultProblem"]["type"], "ResultTooLarge")

    def test_limit_of_number(self):
        """32 displays, the next one raises"""
        code = ("import _sandbox\nfor i in range(40):\n try: _sandbox.display('text/plain', 'x')\n"
                " except ValueError as error:\n  print(i, error)\n  break")
        result = self.run_job(code)
        self.assertEqual(len(result["displays"]), 32)
        self.assertEqual(result["stdout"]["text"], "32 a job has at most 32 displays\n")


class Data(WithDaemon):
    def setUp(self):
        problem = self.client.profile("data").info.problem
        if problem:
            self.skipTest(problem)

    def test_figures(self):
        """figures are PNG images that open, whether shown or left open, and nothing warns"""
        result = self.run_job(FIGURES, profile="data")
        self.assertEqual(result["stderr"]["text"], "")
        self.assertNotIn("violations", result)
        self.assertEqual(len(result["displays"]), 2)
        for display in result["displays"]:
            self.assertFalse(display["isResult"])
            width, height, pixels = read_png(base64.b64decode(display["data"]["image/png"]))
            self.assertEqual(len(pixels), height * (4 * width + 1))  # RGBA, one filter byte a row
            self.assertGreater(len(set(pixels)), 10)

    def test_figure_as_value(self):
        """a figure is shown once, even if it is the last expression, too"""
        shown = self.displays("import matplotlib.pyplot as plt\nf = plt.figure()\nf", profile="data")
        self.assertEqual([display["isResult"] for display in shown], [True])

    def test_many_figures(self):
        """8 figures are shown, and standard error says that there were more"""
        result = self.run_job("import matplotlib.pyplot as plt\nfor _ in range(10):\n"
                              "    plt.figure(figsize=(1, 1))\n", profile="data")
        self.assertEqual(len(result["displays"]), 8)
        self.assertEqual(result["stderr"]["text"], "2 of 10 figures are not displayed\n")

    def test_table(self):
        """a table is a result, and shown as one"""
        result = self.run_job(TABLE, profile="data")
        self.assertIn("<table", result["displays"][0]["text"]["text/html"])
        table = json.loads(result["resultJson"])["$dataframe"]
        self.assertEqual((table["columns"], table["index"]), (["i", "f", "s", "t"], ["r", "s"]))
        self.assertEqual(table["data"],
                         [[1, 0.5, "ä", "2026-01-02T00:00:00"], [2, None, None, None]])

    def test_largest_reply(self):
        """what the limits allow at most is a reply that clients take, whatever it is made of"""
        code = ("import sys, _sandbox\nfor stream in (sys.stdout, sys.stderr):\n"
                "    stream.write('aaa\\1\\1' * (2**20 // 5))\n"
                "_sandbox.result('\"' * 500_000)\n"
                "_sandbox.display('image/png', b'x' * 1_000_000)\n"
                "_sandbox.display('text/html', 'aa\\1' * 300_000)\n"
                "try:\n    while True: _sandbox.display('text/plain', '\"' * 500_000)\n"
                "except _sandbox.ResultTooLarge: pass")
        run = self.daemon.submit(code, "-p", "data", "--output-limit", "4M")
        self.assertEqual((run.status, run.stderr), (0, ""), str(run)[:1000])
        self.assertEqual(len(json.loads(run.result["resultJson"])), 500_000)
        self.assertEqual([list(display)[1] for display in run.result["displays"]],
                         ["data", "data", "text", "text"])
        self.assertEqual(len(run.result["stderr"]["text"]), 2**20 // 5 * 5)

    def test_display_too_large(self):
        """a display that no reply could carry is an exception where it is shown"""
        result = self.client.run("import _sandbox\n_sandbox.display('image/png', b'x' * 7_900_000)", profile="data")
        self.assertEqual(result.exception.type, "_sandbox.ResultTooLarge", result)
        self.assertIn("7900000 bytes, limits.resultBytes leaves 4190208", result.exception.message)

    def test_no_warnings(self):
        """what numpy says of infinity is not the program's standard error"""
        result = self.run_job("import numpy as np\nnp.float64('inf')", profile="data")
        self.assertEqual(result["resultJson"], '{"$float": "inf"}')
        self.assertEqual(result["stderr"]["text"], "")


if __name__ == "__main__":
    tap.run(Displays, Data)
