# SPDX-License-Identifier: LGPL-2.1-or-later
"""Takes the host out of the interpreter, in the template of a profile with host_env = false. Frozen
into the program as `_scrub`.

What goes, goes from the modules written in C, so that nobody who asks for them again finds it. In its
place, there and wherever library code holds it, stands something that raises io.UnsupportedOperation,
which is what that code expects of a file that cannot be opened. The lists say what stays: a function
that a new version of Python adds is gone until somebody has looked at it.
"""

import _imp
import _io
import builtins
import gc
import io
import sys

import _policy

# The functions that stay, of those modules that are loaded.
STAYS = {
    'posix': {
        '_path_normpath', '_path_splitroot', '_path_splitroot_ex', 'cpu_count', 'fspath', 'getcwd',
        'getpid', 'putenv', 'strerror', 'unsetenv', 'urandom',
    },
    # Without create_builtin() nobody gets a fresh copy of builtins or posix.
    '_imp': {
        '_fix_co_filename', 'acquire_lock', 'extension_suffixes', 'is_builtin', 'is_frozen',
        'is_frozen_package', 'lock_held', 'release_lock', 'source_hash',
    },
    '_io': {'text_encoding'},
    # asyncio resets the descriptor to wake up by after each fork: here, in each job.
    '_signal': {'default_int_handler', 'getsignal', 'set_wakeup_fd', 'strsignal', 'valid_signals'},
    '_socket': {
        'CMSG_LEN', 'CMSG_SPACE', 'getdefaulttimeout', 'htonl', 'htons', 'inet_aton', 'inet_ntoa',
        'inet_ntop', 'inet_pton', 'ntohl', 'ntohs',
    },
} | {name: set() for name in (
    '_ctypes', '_curses', '_dbm', '_gdbm', '_interpreters', '_multiprocessing', '_posixshmem',
    '_posixsubprocess', '_uuid', '_xxsubinterpreters', 'faulthandler', 'fcntl', 'grp', 'mmap', 'nis',
    'ossaudiodev', 'pwd', 'readline', 'resource', 'select', 'spwd', 'syslog', 'termios',
)}

# How a program knows them.
PREFIXES = {'_io': '', '_signal': 'signal.', '_socket': 'socket.', 'posix': 'os.'}

# Of classes, these: the audit hook denies objects of the others.
CLASSES = {'_socket.socket', '_socket.SocketType', 'mmap.mmap', 'select.epoll'}

FUNCTION = type(len)
PYTHON_FUNCTION = type(lambda: None)


def take_functions(module, name):
    """Puts stubs in the place of what does not stay. -> what was there: the stub"""
    stubs = {}
    for key, value in list(vars(module).items()):
        is_taken = type(value) is FUNCTION and key not in STAYS[name]
        if is_taken or f'{name}.{key}' in CLASSES:
            stub = _policy.new_stub(PREFIXES.get(name, name + '.') + key)
            setattr(module, key, stub)
            if is_taken:
                stubs[value] = stub
    return stubs


def replace_in_function(function, stubs):
    """`def close(self, unlink=os.unlink)` and functools.wraps() keep what they are given."""
    wrapped = getattr(function, '__wrapped__', None)
    if type(wrapped) is FUNCTION and wrapped in stubs:
        function.__wrapped__ = stubs[wrapped]
    defaults = function.__defaults__ or ()
    if any(type(value) is FUNCTION and value in stubs for value in defaults):
        function.__defaults__ = tuple(
            stubs.get(value, value) if type(value) is FUNCTION else value for value in defaults)


def replace_in_namespace(holder, stubs):
    """`from os import stat` has made copies of the name; a set is one such as os.supports_fd."""
    for name, value in list(vars(holder).items()):
        function = value.__func__ if type(value) is staticmethod else value
        if type(function) is FUNCTION and function in stubs:
            stub = stubs[function]
            setattr(holder, name, stub if function is value else staticmethod(stub))
        elif type(value) is set:
            value.difference_update([
                item for item in value if type(item) is FUNCTION and item in stubs])


def replace_everywhere(stubs):
    for thing in gc.get_objects():
        kind = type(thing)
        if kind is PYTHON_FUNCTION:
            replace_in_function(thing, stubs)
        elif kind is type(sys) or issubclass(kind, type):
            replace_in_namespace(thing, stubs)


def forget(holder, name, instead):
    # Not by getattr(): a module may make its attributes when it is asked for them.
    value = getattr(holder, '__dict__', {}).get(name)
    if isinstance(value, str) and value.startswith('/'):
        setattr(holder, name, instead)


def forget_directories(hide_paths):
    """What the program formats itself has the names of code; the logging module knows its own one."""
    for thing in gc.get_objects():
        if type(thing) is PYTHON_FUNCTION:
            name = thing.__code__.co_filename
            if name.startswith('/'):
                _imp._fix_co_filename(thing.__code__, sys.intern(hide_paths(name)))
    if logging := sys.modules.get('logging'):
        logging._srcfile = hide_paths(logging._srcfile)


def forget_files():
    """Where the library's files are, is of no use, and error messages would tell it."""
    for name, module in list(sys.modules.items()):
        namespace = getattr(module, '__dict__', {})
        spec = namespace.get('__spec__')
        forget(module, '__file__', '<stdlib>/' + name)
        forget(module, '__cached__', None)
        forget(spec, 'origin', '<stdlib>/' + name)
        forget(spec, '_cached', None)
        if isinstance(namespace.get('__path__'), list):
            del namespace['__path__'][:]


def scrub():
    stubs = {}
    for name in STAYS.keys() & sys.modules.keys():
        stubs |= take_functions(sys.modules[name], name)
    replace_everywhere(stubs)
    if tempfile := sys.modules.get('tempfile'):
        # It tries to make a file in each place, and would say that there are no places.
        tempfile._get_default_tempdir = _policy.new_stub('tempfile.gettempdir')
    # The one that programs call.
    _io.open = io.open = builtins.open = _policy.new_stub('open')
    for module in (_io, io):
        del module.FileIO
    io.__all__.remove('FileIO')
    io.TextIOBase.register(_policy.Stdio)
    del sys.path[:], sys.path_hooks[:]
    sys.path_importer_cache.clear()


def open_streams():
    sys.stdin = sys.__stdin__ = _policy.new_stdio(0, 'r', '<stdin>', 'surrogateescape')
    sys.stdout = sys.__stdout__ = _policy.new_stdio(1, 'w', '<stdout>', 'backslashreplace')
    sys.stderr = sys.__stderr__ = _policy.new_stdio(2, 'w', '<stderr>', 'backslashreplace')
