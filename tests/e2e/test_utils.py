#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""sandbox_utils in boxes: it is there without tricks, it works, nothing gets out, also in a race, and
where its validator is taken away it is the mount namespace that holds."""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[1:1] = [os.path.join(ROOT, "tests"), os.path.dirname(os.path.abspath(__file__))]
import harness
import tap

PROFILES = ("default", "data", "raw")

ALL = """
import sandbox_utils
from sandbox_utils import cat, copy_tree, cp, echo, find, ls, mkdir, mv, remove_tree, rm, touch, tree, walk
import sandbox_utils.files, sandbox_utils.shell
mkdir('a/b')
touch('a/b/empty', '/app/.hidden')
assert echo('x') == 'x'
echo('one\\ntwo', file='a/f.txt')
echo('three', '/app/a/f.txt', append=True)
assert cat('a/f.txt') == 'one\\ntwo\\nthree\\n'
cp('a/f.txt', 'g.txt')
cp('a', 'c', recursive=True)
mv('g.txt', 'a/b')
assert [str(p) for p in find('*.txt')] == ['/app/a/b/g.txt', '/app/a/f.txt', '/app/c/f.txt'], find('*.txt')
assert [str(p) for p in walk('a')] == ['a/b', 'a/b/empty', 'a/b/g.txt', 'a/f.txt']
assert ls() == ['a', 'c'] and ls(all=True) == ['.hidden', 'a', 'c']
assert ls(long=True)[0]['type'] == 'directory'
print(tree())
assert copy_tree('a', 'd/e') == 3
assert (rm('d/e/f.txt'), rm('none', force=True), remove_tree('d'), remove_tree('/app')) == (1, 0, 5, 10)
assert ls(all=True) == []
"""

DRAWN = """/app
├── .hidden
├── a/
│   ├── b/
│   │   ├── empty
│   │   └── g.txt
│   └── f.txt
└── c/
    ├── b/
    │   └── empty
    └── f.txt

4 directories, 6 files
"""

ESCAPES = """
import os
import sandbox_utils as u
os.symlink('/etc', 'out'); os.symlink('out', 'chain'); os.symlink('../..', 'up'); os.symlink('circle', 'circle')
open('f', 'w').close()
paths = ['../etc/passwd', '/etc/passwd', '/app-evil', '/app/../etc', 'out', 'out/passwd', 'chain/passwd', 'up/etc',
         'circle', 'x\\0', 'n' * 256, 'd/' * 3000, '', '\\ud800', '/proc/self/root', '/tmp']
calls = {
    'find': lambda p: u.find('*', p), 'tree': u.tree, 'walk': u.walk, 'copy_tree': lambda p: u.copy_tree(p, 'n'),
    'copy_tree to': lambda p: u.copy_tree('.', p), 'remove_tree': u.remove_tree, 'ls': u.ls, 'cat': u.cat,
    'touch': u.touch, 'mkdir': u.mkdir, 'rm': lambda p: u.rm(p, True, True), 'cp': lambda p: u.cp(p, 'n'),
    'cp to': lambda p: u.cp('f', p), 'mv': lambda p: u.mv(p, 'n'), 'mv to': lambda p: u.mv('f', p),
    'echo': lambda p: u.echo('x', p),
}
for name, call in calls.items():
    for path in paths:
        try:
            call(path)
        except ValueError as error:
            assert 'root:' not in str(error)
        else:
            raise AssertionError((name, path[:20]))
print(len(calls) * len(paths), u.ls())
"""

# The same name is a directory now, and a symlink to one outside of /app then, which could be written to.
RACE = """
import os, sys, threading
from sandbox_utils import cat, cp, echo, find, ls, remove_tree, rm, touch, walk
sys.setswitchinterval(1e-5)
for top in ('inside', '/tmp/outside'):
    os.mkdir(top)
    for name in ('file', os.path.basename(top)):
        with open(f'{top}/{name}', 'w') as file:
            file.write(os.path.basename(top))
os.utime('/tmp/outside/file', (1, 1))
os.symlink('/tmp/outside', 'link')
is_over = False
def flip():
    while not is_over:
        os.rename('inside', 'd'); os.rename('d', 'inside')
        os.rename('link', 'd'); os.rename('d', 'link')
thread = threading.Thread(target=flip)
thread.start()
seen = {}
calls = [lambda: cat('d/file'), lambda: ls('d'), lambda: find('*', 'd'), lambda: list(walk('d')),
         lambda: cp('d/file', 'copy') or cat('copy'), lambda: touch('d/file', 'd/new'),
         lambda: echo('inside', 'd/file'), lambda: rm('d/new', force=True), lambda: remove_tree('d', 'new')]
try:
    for i in range(ROUNDS):
        try:
            value = calls[i % len(calls)]()
        except (ValueError, OSError) as error:
            value = type(error).__name__
        seen.setdefault(i % len(calls), set()).add(str(value))
finally:
    is_over = True
    thread.join()
assert 'outside' not in str(seen), seen
assert 'ValueError' in seen[0] and {v.strip() for v in seen[0]} & {'inside', ''}, seen
assert sorted(os.listdir('/tmp/outside')) == ['file', 'outside'] and os.stat('/tmp/outside/file').st_mtime == 1
print(open('/tmp/outside/file').read())
"""

# The validator is gone; what is left is the box.
BYPASSED = """
import os
import sandbox_utils
from sandbox_utils import _paths, cat, echo, find, ls, mkdir, rm
_paths.ROOT = '/'
for path in ('/etc/shadow', '/root', '/home', '/var/lib', '/usr/bin/sh', '/boot', '/sys/kernel'):
    try:
        assert not ls(path) and not cat(path), path
    except OSError:
        pass
try:
    print('passwd:', cat('/etc/passwd'))
except OSError:
    print('passwd:')
for path in ('/x', '/etc/x', '/usr/x', '/usr/lib/x', '/proc/x', '/dev/x', '/home/x', '/app-evil'):
    for make in (lambda: echo('x', path), lambda: mkdir(path), lambda: os.mkdir(path), lambda: open(path, 'w')):
        try:
            make()
        except (OSError, ValueError):
            pass
        else:
            raise AssertionError(path)
for path in ls('/'):
    if path not in ('app', 'tmp'):
        try:
            rm('/' + path, recursive=True)
        except (OSError, ValueError):
            pass
assert os.listdir('/usr/lib')
echo('x', '/tmp/x'); echo('x', '/app/x')
print(sorted(ls('/')))
"""


class Utils(harness.OnOneDaemon):
    def run_in(self, profile, code, *options):
        run = self.daemon.submit(code, "-p", profile, *options)
        self.assertIsNotNone(run.result, run)
        if "is missing: apt-get" in run.stderr or "are missing: apt-get" in run.stderr:
            self.skipTest(run.stderr)
        self.assertEqual(run.result["outcome"], "success", run)
        self.assertNotIn("violations", run.result)
        return run.result["stdout"]["text"]

    def test_functions(self):
        """each function in each profile, in one import, without violations"""
        for profile in PROFILES:
            self.assertEqual(self.run_in(profile, ALL), DRAWN, profile)

    def test_escapes(self):
        """no way out by any function"""
        for profile in PROFILES:
            self.assertEqual(self.run_in(profile, ESCAPES),
                             "256 ['chain', 'circle', 'f', 'out', 'up']\n", profile)

    def test_race(self):
        """a thread swaps a directory and a symlink that leads out: nothing comes from there, and nothing is written"""
        for profile in ("default", "raw"):
            code = RACE.replace("ROUNDS", "20000")
            self.assertEqual(self.run_in(profile, code, "--timeout", "2min"), "outside\n", profile)

    def test_bypassed(self):
        """without the validator: no file of the host, nothing written outside of /app and /tmp"""
        with open("/etc/passwd", encoding="utf-8") as file:
            host = file.read()
        for profile in ("default", "raw"):
            text = self.run_in(profile, BYPASSED)
            self.assertNotIn(host.split("\n", maxsplit=1)[0], text)
            self.assertNotIn("root:", text)

    def test_errors(self):
        """they stand at the line of the program, and show nothing of ours"""
        run = self.daemon.submit("import sandbox_utils\n\nsandbox_utils.cat('none')\n", "-p", "default")
        # (3.13 underlines the call.)
        self.assertEqual(re.sub(r" *~*\^+\n", "", run.result["stderr"]["text"]),
                         "Traceback (most recent call last):\n"
                         "  File \"<job>\", line 3, in <module>\n"
                         "    sandbox_utils.cat('none')\n"
                         "FileNotFoundError: [Errno 2] No such file or directory: 'none'\n")
        self.assertEqual(run.result["exception"]["line"], 3)

    def test_names(self):
        """no file of a job stands in for it; profiles without it say so"""
        code = "open('sandbox_utils.py', 'w').write('find = 1')\nimport sandbox_utils\nprint(sandbox_utils.find.__name__)\n"
        for profile in PROFILES:
            self.assertEqual(self.run_in(profile, code), "find\n", profile)
        run = self.daemon.submit("import sandbox_utils", "-p", "eval")
        self.assertEqual(run.result["outcome"], "rejected")
        self.assertEqual(run.result["violations"][0]["reason"], "not-allowed", run.result)


if __name__ == "__main__":
    tap.run(Utils)
