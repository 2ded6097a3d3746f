# SPDX-License-Identifier: LGPL-2.1-or-later
# What the standard library says where it would need the host: never that a function is missing.
import io
import pathlib
import runpy
import sys
import tempfile

os = sys.modules["os"]
for call in (
    os.stat, os.lstat, os.listdir, os.scandir, os.mkdir, os.rmdir, os.remove, os.readlink, os.chdir,
):
    for function in (call, getattr(sys.modules["posix"], call.__self__.partition(".")[2])):
        assert function is call
for call in (
    lambda: pathlib.Path("x").mkdir(),
    lambda: pathlib.Path("x").touch(),
    lambda: [*pathlib.Path("x").iterdir()],
    lambda: tempfile.gettempdir(),
    lambda: tempfile.mkdtemp(),
    lambda: tempfile.NamedTemporaryFile(),
    lambda: tempfile.TemporaryFile(),
):
    try:
        call()
    except io.UnsupportedOperation as error:
        assert "not available in this sandbox" in str(error)
    else:
        raise AssertionError("it worked")
assert not pathlib.Path("x").exists() and not pathlib.Path("x").is_symlink()
for run in (lambda: runpy.run_module("no_such_module"), lambda: runpy.run_path("/x.py")):
    try:
        run()
    except (ImportError, io.UnsupportedOperation):
        pass
    else:
        raise AssertionError("it ran")
print("refused ok")
