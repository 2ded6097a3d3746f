#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""grep, sed, head, tail, wc and diff against the tools that they are named after.

1,000 generated cases each, in C.UTF-8; one shell runs the tool for all of them. A failure prints the
case; PYSB_PROPERTY_SEED makes the same cases again.
"""

import os
import random
import re
import shlex
import shutil
import subprocess
from unittest import mock

import load
from load import tap
from sandbox_utils import _diff, text

SEED = int(os.environ.get("PYSB_PROPERTY_SEED") or random.SystemRandom().randrange(10 ** 9))
CASES = 1000
LETTERS = "abcdeé日"
# Words of a text; the spaces are those that every wc takes for one.
SPACES = [" ", "\t", "\v", "\f", "\r", "\u00a0", "\u1680", "\u2003", "\u2007", "\u2060", "\u3000"]


class Generator(random.Random):
    def word(self, letters=LETTERS, most=5):
        return "".join(self.choices(letters, k=self.randint(0, most)))

    def lines(self, line, most):
        """A text: '' and a missing end of the last line are likely, and so are CRLFs."""
        end = self.choice(["\n", "\n", "\r\n"])
        made = end.join(line() for _ in range(self.randint(0, most)))
        return made + end if made and self.random() < 0.7 else made

    def pattern(self, depth=2, repeats=("*", "+", "?", "{2}", "{1,2}")):
        """What a POSIX ERE and Python find in the same lines, if not always at the same places. In what is
        repeated without end nothing is: some such patterns keep the C library busy for hours."""
        kinds = ["letter"] * 4 + ["any", "class", "not"] + ["group", "either"] * (depth > 0)
        pieces = []
        for _ in range(self.randint(1, 3)):
            kind = self.choice(kinds)
            repeat = self.choice(("", "", "", *repeats))
            inner = () if repeat in ("*", "+") else repeats
            if kind == "letter":
                piece = self.choice(LETTERS)
            elif kind == "any":
                piece = "."
            elif kind in ("class", "not"):
                piece = f"[{'^' * (kind == 'not')}{''.join(self.sample(LETTERS, 2))}]"
            elif kind == "group":
                piece = f"({self.pattern(depth - 1, inner)})"
            else:
                piece = f"({self.pattern(depth - 1, inner)}|{self.pattern(depth - 1, inner)})"
            pieces.append(piece + repeat)
        return "".join(pieces)

    def anchored(self, pattern):
        return "^" * (self.random() < 0.2) + pattern + "$" * (self.random() < 0.2)

    def exact_pattern(self):
        """(pattern, number of groups) of which the first match is the longest one, too: no letter can
        be of two pieces, and what takes every letter stands at the end."""
        letters, pieces, groups = self.sample(LETTERS, len(LETTERS)), [], 0
        for _ in range(self.randint(0, 3)):
            one, two = letters.pop(), letters.pop()
            piece = self.choice([one, one, f"[{one}{two}]", f"({one}|{two})", f"({one}{two})", f"({one})"])
            groups += piece.count("(")
            pieces.append(piece + self.choice(["", "", "*", "+", "?", "{2}", "{1,2}", "{0,2}"]))
        pieces.append(self.choice(["", "", "", ".", ".*", "(.)", f"[^{letters[0]}]", f"[^{letters[0]}]*"]))
        groups += pieces[-1].count("(")
        return self.anchored("".join(pieces)) or "()", groups  # sed takes '' for the last pattern

    def replacement(self, groups):
        """(as Python writes it, as sed does)."""
        rows = [("x", "x"), ("é", "é"), ("&", r"\&"), (r"\g<0>", "&"), (r"\\", r"\\"), (r"\n", r"\n"),
                (r"\t", r"\t")]
        rows += [(rf"\{n}", rf"\{n}") for n in range(1, groups + 1)] * 2
        chosen = self.choices(rows, k=self.randint(0, 3))
        return "".join(row[0] for row in chosen), "".join(row[1] for row in chosen)


class Property(load.Rooted):
    def generator(self, name):
        return Generator(f"{SEED} {name}")

    def tool(self, commands):
        """Runs each command in the directory; what it prints is in the returned list, as a text."""
        script = "".join(f"{command} > {i}.out\n" for i, command in enumerate(commands))
        subprocess.run(["/bin/sh", "-s"], cwd=self.root, input=script.encode("utf-8", "surrogateescape"),
                       env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}, check=False)
        return [self.read(f"{i}.out").decode("utf-8", "surrogateescape") for i in range(len(commands))]

    def compare(self, cases, expected, ours):
        self.assertEqual(len(cases), CASES)
        for case, should, is_now in zip(cases, expected, ours):
            if should != is_now:  # assertEqual would look for the differences, which can take long
                self.fail(f"seed {SEED}: {case!r}\nshould be {should!r}\nbut is    {is_now!r}")

    def grep_cases(self, name, make_pattern, line, word):
        make, cases, commands, ours = self.generator(name), [], [], []
        for i in range(CASES):
            files = [f"{i}.a", f"{i}.b", f"{i}.c"][:make.randint(1, 3)]
            texts = [make.lines(lambda: line(make), 6) for _ in files]
            for file, content in zip(files, texts):
                if make.random() < 0.95:
                    self.write(file, content)
            pattern, ignore_case, invert = make_pattern(make, texts), make.random() < 0.3, make.random() < 0.2
            commands.append(f"grep -nHas{word}{'i' * ignore_case}{'v' * invert} -e {shlex.quote(pattern)} "
                            f"{' '.join(files)}")
            cases.append((commands[-1], texts))
            found = text.grep(pattern, files, word == "E", ignore_case=ignore_case, invert=invert)
            ours.append("".join(f"{file}:{number}:{line}\n" for file, number, line in found))
        self.compare(cases, self.tool(commands), ours)

    def test_grep(self):
        """grep finds what grep -nE finds"""
        self.grep_cases("grep", lambda make, _: make.anchored(make.pattern()) if make.random() > 0.02 else "",
                        lambda make: make.word(LETTERS + "ABÉ  ", 10), "E")

    def test_grep_literal(self):
        """grep(regex=False) finds what grep -nF finds"""
        letters = r"ab.*[]()\^$+?{1}|é日'" + '" \t\udcff\udce9'

        def pattern(make, texts):
            line = make.choice(texts[0].split("\n"))
            if make.random() < 0.7 and not any("\udc80" <= c <= "\udcff" for c in line):
                start = make.randint(0, len(line))
                return line[start:start + make.randint(0, 4)]
            return make.word(letters[:-2], 3)
        self.grep_cases("grep -F", pattern, lambda make: make.word(letters, 10), "F")

    def test_sed(self):
        """sed and sed_file make of a text what sed -E s///g makes of it"""
        make, cases, commands, ours = self.generator("sed"), [], [], []
        for i in range(CASES):
            pattern, groups = make.exact_pattern()
            # Behind an empty match GNU sed goes on with the next byte, and tears é apart
            letters = LETTERS[:5] if re.match(pattern, "") else LETTERS
            content = make.lines(lambda: make.word(letters + "  ", 12), 5)
            replacement, of_sed = make.replacement(groups)
            self.write(f"{i}.text", content)
            commands.append(f"sed -E -e {shlex.quote(f's/{pattern}/{of_sed}/g')} {i}.text")
            cases.append((commands[-1], content))
            ours.append((pattern, replacement, content))
        expected = self.tool(commands)
        self.compare(cases, expected, [text.sed(*arguments) for arguments in ours])
        for i, (pattern, replacement, _) in enumerate(ours):
            text.sed_file(pattern, replacement, f"{i}.text")
        self.compare(cases, expected, [self.read(f"{i}.text").decode() for i in range(CASES)])

    def of_lines(self, function, command):
        """head and tail, with blocks so small that lines go over their ends."""
        make, cases, commands, ours = self.generator(command), [], [], []
        for i in range(CASES):
            content = make.lines(lambda: make.word(LETTERS + "\r\udcff", 6), 12)
            count, block = make.randint(-8, 12), make.choice([1, 2, 3, 7, 65536])
            self.write(f"{i}.text", content)
            commands.append(f"{command} -n {count} {i}.text")
            cases.append((commands[-1], block, content))
            with mock.patch.object(text, "_BLOCK_BYTES", block):
                ours.append(function(f"{i}.text", count))
        self.compare(cases, self.tool(commands), ours)

    def test_head(self):
        """head returns what head -n prints"""
        self.of_lines(text.head, "head")

    def test_tail(self):
        """tail returns what tail -n prints"""
        self.of_lines(text.tail, "tail")

    def test_wc(self):
        """wc counts what wc -lwmc counts"""
        make, cases, ours = self.generator("wc"), [], []
        letters = [*LETTERS, "a\udcff", "\U0001f600", "e\u0301", "\u200b", *SPACES, *SPACES]
        for i in range(CASES):
            content, block = make.lines(lambda: make.word(letters, 12), 6), make.choice([1, 2, 3, 7, 65536])
            self.write(f"{i}.text", content)
            cases.append((block, content))
            with mock.patch.object(text, "_BLOCK_BYTES", block):
                ours.append(list(text.wc(f"{i}.text").values()))
        printed, = self.tool(["wc -lwmc " + " ".join(f"{i}.text" for i in range(CASES))])
        self.compare(cases, [[int(n) for n in line.split()[:4]] for line in printed.splitlines()], ours)

    def diff_case(self, make):
        """Two texts, the second one often the first one with some lines changed."""
        words = ["", "a", "b", "c", "é", "x\udcff"]
        if make.random() < 0.5:
            words += [f"line {n}" for n in range(50)]
        before = make.choices(words, k=make.choice([0, 3, 10, 40]))
        after = before[:] if make.random() < 0.8 else make.choices(words, k=make.randint(0, 20))
        for _ in range(make.randint(0, 4)):
            at = make.randint(0, len(after))
            after[at:at + make.randint(0, 3)] = make.choices(words, k=make.randint(0, 3))
        end = make.choice(["\n", "\n", "\r\n"])
        return [end.join(lines) + end * (make.random() < 0.8 and lines != []) for lines in (before, after)]

    @staticmethod
    def apply(diff, before):
        """What patch does, without its tolerance: every line that stays or goes must be the one there."""
        lines, made, at = re.findall("[^\n]*\n|[^\n]+", before), [], 0
        for line, no_end in re.findall("([^\n]*\n)(\\\\ No newline at end of file\n)?", diff)[2:]:
            line = line[:-1] if no_end else line
            if line[0] == "@":
                start, count = re.match(r"@@ -(\d+)(?:,(\d+))? ", line).groups()
                start = int(start) - (count != "0")
                made += lines[at:start]
                at = start
                continue
            if line[0] != "+":
                if lines[at] != line[1:]:
                    return f"{line!r} is not line {at + 1}"
                at += 1
            if line[0] != "-":
                made.append(line[1:])
        return "".join(made + lines[at:])

    def test_diff(self):
        """diff makes the second text of the first one, by patch, too; it is no larger than diff -u"""
        make, cases, ours = self.generator("diff"), [], []
        for i in range(CASES):
            cases.append(self.diff_case(make))
            for name, content in zip("ab", cases[-1]):
                self.write(f"{i}.{name}", content)
            # Searches that are given up give larger changes, but right ones
            with mock.patch.object(_diff, "STEPS_MAX", make.choice([1, 3, 256, 256, 256])):
                ours.append(text.diff(f"{i}.a", f"{i}.b"))
                cases[-1].append(_diff.STEPS_MAX)
            self.write(f"{i}.diff", ours[-1])
        self.compare(cases, [case[1] for case in cases], map(self.apply, ours, [case[0] for case in cases]))
        if shutil.which("patch"):
            self.tool([f"patch --binary -s -o {i}.new {i}.a {i}.diff" if ours[i] else f"cp {i}.a {i}.new"
                       for i in range(CASES)])
            self.compare(cases, [self.read(f"{i}.b") for i in range(CASES)],
                         [self.read(f"{i}.new") for i in range(CASES)])
        else:
            print("# patch is not installed: its judgement is missing")
        theirs = self.tool([f"diff -au --label {i}.a --label {i}.b {i}.a {i}.b" for i in range(CASES)])
        self.compare(cases, [t == "" for t in theirs], [o == "" for o in ours])
        exact = [i for i in range(CASES) if cases[i][2] == 256]
        for i in exact:
            self.assertLessEqual(self.size(ours[i]), self.size(theirs[i]), f"seed {SEED}: {cases[i]!r}")
        same = sum(ours[i] == theirs[i] for i in exact)
        print(f"# {same} of {len(exact)} texts are those of diff -u")
        self.assertGreater(same, len(exact) * 0.9)

    @staticmethod
    def size(diff):
        return sum(line[:1] in "+-" for line in diff.split("\n")[2:] if line)


if __name__ == "__main__":
    print(f"# PYSB_PROPERTY_SEED={SEED}", flush=True)
    tap.run(Property)
