#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The streaming functions of sandbox_utils.formats on files of 100 MB: within 32 MiB of address space on top of
what the interpreter has. Each runs in a child, which loads what it needs with a small file and then
cannot get more; that the limit bites is a case of its own."""

import resource
import subprocess
import sys
import unittest

import load
from load import tap
from sandbox_utils import (_paths, csv_to_json, csv_to_jsonl, iter_csv, iter_json, iter_jsonl, iter_xml, iter_yaml,
                           json_to_csv)

try:
    import yaml
except ImportError:
    yaml = None

SIZE = 100_000_000
ALLOWED = 32 << 20

# For each format: head, one element, what is between two of them, tail
TEXT = "Zeile mit Umlaut ä und 🙂, " * 100
FORMATS = {
    "csv": ("name,age,text\r\n", f'Alice,30,"{TEXT}"\r\n', "", ""),
    "json": ("[", f'{{"name": "Alice", "age": 30, "list": [1, 2.5, null], "text": "{TEXT}"}}', ",\n", "]"),
    "jsonl": ("", f'{{"name": "Alice", "age": 30, "list": [1, 2.5, null], "text": "{TEXT}"}}\n', "", ""),
    "xml": ("<r>", f'<i id="1"><name>Alice</name><other/>{TEXT}</i>\n', "", "</r>"),
    "yaml": ("", "---\nname: Alice\nage: 30\nlist: [1, 2, ü]\n", "", ""),
    "one-yaml": ("", "- name: Alice\n  age: 30\n  list: [1, 2, ü]\n", "", ""),
}


def count(items):
    return sum(1 for _ in items)


# What the child runs; the files are called in.FORMAT
RUNS = {
    "iter_csv": ("csv", lambda: count(iter_csv("in.csv"))),
    "csv_to_json": ("csv", lambda: csv_to_json("in.csv", "out")),
    "csv_to_jsonl": ("csv", lambda: csv_to_jsonl("in.csv", "out")),
    "iter_json": ("json", lambda: count(iter_json("in.json"))),
    "json_to_csv": ("json", lambda: json_to_csv("in.json", "out")),
    "json_to_csv columns": ("json", lambda: json_to_csv("in.json", "out", columns=["text", "name"])),
    "iter_jsonl": ("jsonl", lambda: count(iter_jsonl("in.jsonl"))),
    "iter_xml": ("xml", lambda: count(iter_xml("in.xml", "i"))),
    "iter_yaml": ("yaml", lambda: count(iter_yaml("in.yaml"))),
    "csv whole": ("csv", lambda: csv_to_json("in.csv")),
    "yaml whole": ("one-yaml", lambda: count(iter_yaml("in.one-yaml"))),
}


def write(path, kind, size):
    """-> the number of elements"""
    head, element, between, tail = FORMATS[kind]
    number = max(size // len((element + between).encode()), 1)
    block = 100
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(head)
        for begin in range(0, number, block):
            file.write((between if begin else "") + between.join([element] * min(block, number - begin)))
        file.write(tail)
    return number


def run_child(root, name):
    """In the child: the small file, then the large one in its place."""
    kind, run = RUNS[name]
    _paths.ROOT = root
    write(f"{root}/in.{kind}", kind, 1)
    run()
    load.os.rename(f"{root}/large", f"{root}/in.{kind}")
    with open("/proc/self/status", encoding="ascii") as status:
        size = next(int(line.split()[1]) for line in status if line.startswith("VmSize:")) << 10
    unlimited = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (size + ALLOWED, unlimited[1]))
    try:
        print(run())
    except MemoryError:
        resource.setrlimit(resource.RLIMIT_AS, unlimited)  # all is still held that there was no room for
        print("MemoryError")


class Limited(load.Rooted):
    def run_on(self, name, size=SIZE):
        """(what the child prints, number of elements)"""
        number = write(self.path("large"), RUNS[name][0], size)
        child = subprocess.run([sys.executable, __file__, "--child", self.root, name], check=True,
                               stdout=subprocess.PIPE)
        return child.stdout.decode().strip(), number

    def check_iterator(self, name, size=SIZE):
        printed, number = self.run_on(name, size)
        self.assertEqual(printed, str(number))

    def check_writer(self, name, lines_on_top):
        """Its output has all elements; a byte of TEXT is what makes it large."""
        printed, number = self.run_on(name)
        self.assertEqual(printed, "None")
        with open(self.path("out"), "rb") as file:
            self.assertEqual(count(file), number + lines_on_top)
            self.assertGreater(file.tell(), number * len(TEXT.encode()))


class Streams(Limited):
    def test_iter_csv(self):
        """iter_csv()"""
        self.check_iterator("iter_csv")

    def test_csv_to_json(self):
        """csv_to_json() with output"""
        self.check_writer("csv_to_json", 0)

    def test_csv_to_jsonl(self):
        """csv_to_jsonl() with output"""
        self.check_writer("csv_to_jsonl", 0)

    def test_iter_json(self):
        """iter_json()"""
        self.check_iterator("iter_json")

    def test_json_to_csv(self):
        """json_to_csv() with output, which reads the file twice"""
        self.check_writer("json_to_csv", 1)

    def test_json_to_csv_columns(self):
        """json_to_csv() with output and columns"""
        self.check_writer("json_to_csv columns", 1)

    def test_iter_jsonl(self):
        """iter_jsonl()"""
        self.check_iterator("iter_jsonl")

    def test_iter_xml(self):
        """iter_xml()"""
        self.check_iterator("iter_xml")

    def test_limit(self):
        """what holds all of it does not get the memory: the limit is one"""
        self.assertEqual(self.run_on("csv whole")[0], "MemoryError")


@unittest.skipUnless(yaml, "python3-yaml is missing")
class Yaml(Limited):
    """It is slow, so 500 KB have to do: as one document they take more than is allowed."""

    SIZE = 500_000

    def test_iter_yaml(self):
        """iter_yaml()"""
        self.check_iterator("iter_yaml", self.SIZE)

    def test_limit(self):
        """one document of that size does not get the memory"""
        self.assertEqual(self.run_on("yaml whole", self.SIZE)[0], "MemoryError")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        run_child(*sys.argv[2:])
    else:
        tap.run(Streams, Yaml)
