# SPDX-License-Identifier: LGPL-2.1-or-later
"""Takes the host out of the interpreter, in the template of a profile with host_env = false. Frozen
into the program as `_scrub`.

What goes, goes from the built-in modules, so that nobody who asks for them again finds it. Where library
code refers to it by name, something stands that raises io.UnsupportedOperation, which is what that
code expects of a file that cannot be opened. The lists say what stays: a function that a new version
of Python adds is gone until somebody has looked at it.
"""

import _imp
import _io
import builtins
import io
import os
import posix
import sys

import _policy

STAYS = {
    posix: {
        '_path_normpath', '_path_splitroot', '_path_splitroot_ex', 'cpu_count', 'fspath', 'getcwd',
        'getpid', 'putenv', 'strerror', 'unsetenv', 'urandom',
    },
    # Without create_builtin() nobody gets a fresh copy of builtins or posix.
    _imp: {
        '_fix_co_filename', 'acquire_lock', 'extension_suffixes', 'is_builtin', 'is_frozen',
        'is_frozen_package', 'lock_held', 'release_lock', 'source_hash',
    },
    _io: {'text_encoding'},
}

FUNCTION = type(len)


def take_functions(module, stays):
    """Deletes the functions that do not stay; returns them with their names."""
    taken = [(name, value) for name, value in vars(module).items()
             if type(value) is FUNCTION and name not in stays]
    for name, _ in taken:
        delattr(module, name)
    return taken


def replace_everywhere(stubs):
    """`from os import stat` has made copies of the name."""
    for module in list(sys.modules.values()):
        for name, value in list(getattr(module, '__dict__', {}).items()):
            if type(value) is FUNCTION and id(value) in stubs:
                setattr(module, name, stubs[id(value)])


def forget(holder, name, instead):
    # Not by getattr(): a module may make its attributes when it is asked for them.
    value = getattr(holder, '__dict__', {}).get(name)
    if isinstance(value, str) and value.startswith('/'):
        setattr(holder, name, instead)


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
    for module, prefix in ((posix, 'os.'), (_imp, '_imp.'), (_io, '')):
        for name, function in take_functions(module, STAYS[module]):
            stubs[id(function)] = _policy.new_stub(prefix + name)
    replace_everywhere(stubs)
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
