# SPDX-License-Identifier: LGPL-2.1-or-later
# What works in an interpreter without access to the host, in the spirit of RustPython's
# sandbox_smoke.py: plain modules, text through the standard streams, and no way to a file.
import _io
import json
import math
import sys

assert json.loads(json.dumps({"a": [1, 2.5, None, True]})) == {"a": [1, 2.5, None, True]}
assert math.isclose(math.sin(math.pi / 2), 1.0)
assert not hasattr(_io, "FileIO")
for opener in (open, _io.open):
    try:
        opener("/etc/passwd")
    except _io.UnsupportedOperation as error:
        assert "not available" in str(error)
        assert isinstance(error, OSError) and isinstance(error, ValueError)
    else:
        raise AssertionError("a file was opened")
assert sys.stdout.writable() and sys.stderr.writable() and sys.stdin.readable()
assert not sys.stdout.readable() and not sys.stdin.writable()
assert [sys.stdin.fileno(), sys.stdout.fileno(), sys.stderr.fileno()] == [0, 1, 2]
assert not hasattr(sys.stdout, "buffer") and not sys.stdout.isatty()
buffer = _io.StringIO()
print("text", file=buffer)
assert buffer.getvalue() == "text\n"
assert _io.TextIOWrapper(_io.BytesIO(b"a\xc3\xa9"), "utf-8").read() == "a\xe9"
print("smoke ok")
