# SPDX-License-Identifier: LGPL-2.1-or-later
import errno, os, sys
def OK(*words): print("OK", *words, flush=True)
def BAD(*words): print("BAD", *words, flush=True)
def judge(is_good, *words): (OK if is_good else BAD)(*words)
def gone(*paths):
    """None of them can be read."""
    for path in paths:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            data = os.read(fd, 64)
            os.close(fd)
            BAD("read", path, len(data))
        except OSError as e:
            OK(path, e.strerror)
def raises(function, *exceptions):
    """It raises one of them, or anything if none is named."""
    try:
        value = function()
    except BaseException as e:
        judge(not exceptions or isinstance(e, exceptions), type(e).__name__, str(e)[:200])
    else:
        BAD("no exception", repr(value)[:80])
def write(path, text):
    """Unbuffered: a buffer would hide the error."""
    fd = os.open(path, os.O_WRONLY)
    os.write(fd, text.encode())
    os.close(fd)
