# SPDX-License-Identifier: LGPL-2.1-or-later
import ctypes
_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
DENIALS = ("EPERM", "EACCES", "ENOSYS", "EAFNOSUPPORT")
def call(number, *arguments):
    """A system call: (what it returned, the name of the error or "")."""
    ctypes.set_errno(0)
    value = _libc.syscall(ctypes.c_long(number), *[ctypes.c_long(x) if isinstance(x, int) else x for x in arguments])
    return value, errno.errorcode.get(ctypes.get_errno(), "?") if value == -1 else ""
def denied(**calls):
    """name=(number, arguments…): the kernel has not even looked at the arguments."""
    for name, arguments in calls.items():
        value, error = call(*arguments)
        judge(value == -1 and error in DENIALS, name, value, error)
text = ctypes.c_char_p
