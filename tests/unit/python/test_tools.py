#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tools of the Python client: what the program is told of a function, and what is answered."""

import os
import sys
import unittest
from typing import List, Optional

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
sys.path[1:1] = [f"{ROOT}/tests", f"{ROOT}/lib/python"]
import pysb
import tap
from pysb import tools


def find(name: str, limit: int = 10, exact: bool = False, tags: Optional[List[str]] = None, **more):
    """Finds a thing."""
    return name, limit, exact, tags, more


class Tools(unittest.TestCase):
    def test_schema(self):
        """the schema comes from the signature"""
        self.assertEqual(tools.schema_of(find), {
            "type": "object", "required": ["name"], "properties": {
                "name": {"type": "string"}, "limit": {"type": "integer", "default": 10},
                "exact": {"type": "boolean", "default": False}, "tags": {}}})
        self.assertEqual(tools.schema_of(lambda a: a)["required"], ["a"])

    def test_ways(self):
        """a tool is given by a dict, by a list, by the decorator"""
        self.assertEqual(pysb.tool(find).description, "Finds a thing.")
        self.assertEqual(pysb.tool(name="seek", timeout_usec=5)(find).timeout_usec, 5)
        self.assertEqual(list(tools.make_tools([find, pysb.tool(name="seek")(find)])), ["find", "seek"])
        self.assertEqual(tools.make_tools({"other": pysb.tool(find)})["other"].name, "other")
        self.assertEqual(pysb.tool(find)("x")[0], "x")

    def test_answers(self):
        """values, exceptions and what JSON cannot carry"""
        self.assertEqual(tools.answer_of_value({"a": 1}), {"resultJson": '{"a": 1}'})
        self.assertEqual(tools.answer_of_exception(KeyError("k")),
                         {"error": {"type": "KeyError", "message": "'k'"}})
        self.assertEqual(tools.answer_of_exception(pysb.ToolFailure("no-luck", "today")),
                         {"error": {"type": "no-luck", "message": "today"}})
        for value in (object(), float("nan"), {1, 2}):
            self.assertEqual(tools.answer_of_value(value)["error"]["type"], "ResultNotEncodable")

    def test_message_is_cut(self):
        """a message is cut to what the interface takes, and never within a character"""
        answer = tools.answer_of_exception(ValueError("é" * 4000 + "\0\ud800"))
        self.assertEqual(answer["error"]["message"], "é" * 2048)


if __name__ == "__main__":
    tap.run(Tools)
