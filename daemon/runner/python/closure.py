# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a list of public modules means at run time. Part of compile_profile.py.

A program of a whitelist profile may import what the profile lists. Those modules import others, at
once (the eager closure) or inside of a function that is called much later (the lazy closure, such as
_strptime by datetime.strptime). All of them together must be there where nothing can be opened once a
job runs, and none of them but the public ones is ever named to a program.
"""

import dis
import importlib.machinery
import importlib.util
import os
import sys
import types

# What the C code of the interpreter and of its library imports by name at unexpected moments, so that no
# scan of Python code finds it. What this version of Python does not have is left out.
LAZY_IN_C = (
    '__future__',
    '_pylong',
    '_signal',
    '_strptime',
    'copyreg',
    'encodings.aliases',
    'encodings.ascii',
    'encodings.base64_codec',
    'encodings.charmap',
    'encodings.cp1250',
    'encodings.cp1251',
    'encodings.cp1252',
    'encodings.cp437',
    'encodings.cp850',
    'encodings.hex_codec',
    'encodings.idna',
    'encodings.iso8859_1',
    'encodings.iso8859_15',
    'encodings.iso8859_2',
    'encodings.koi8_r',
    'encodings.latin_1',
    'encodings.punycode',
    'encodings.raw_unicode_escape',
    'encodings.rot_13',
    'encodings.unicode_escape',
    'encodings.utf_16',
    'encodings.utf_16_be',
    'encodings.utf_16_le',
    'encodings.utf_32',
    'encodings.utf_32_be',
    'encodings.utf_32_le',
    'encodings.utf_7',
    'encodings.utf_8',
    'encodings.utf_8_sig',
    'locale',
    'unicodedata',
    'warnings',
)

# Not loaded because some function could want it one day: what reaches for the host, for other
# processes or for a person at a terminal, and what drags half of the library in. A profile that lists
# one of them has it.
NEVER = (
    '_posixsubprocess', '_socket', 'antigravity', 'argparse', 'asyncio', 'bdb', 'cmd', 'code', 'concurrent',
    'ctypes', 'curses', 'dbm', 'distutils', 'doctest', 'email', 'ensurepip', 'ftplib', 'getopt',
    'getpass', 'grp', 'http', 'idlelib', 'importlib.metadata', 'importlib.readers',
    'importlib.resources', 'importlib.simple', 'lib2to3', 'logging.config', 'logging.handlers',
    'multiprocessing', 'optparse', 'pdb', 'pkgutil', 'plistlib', 'pwd', 'py_compile', 'pydoc',
    'readline', 'resource', 'rlcompleter', 'select', 'selectors', 'shutil', 'site', 'smtplib',
    'socket', 'socketserver', 'ssl', 'subprocess', 'sysconfig', 'tarfile', 'tempfile', 'test',
    'tkinter', 'unittest', 'urllib.request', 'venv', 'webbrowser', 'xml.sax', 'zipfile',
    'zipimport',
)

# What reaches the host: a profile with host_env = false, where _scrub leaves next to nothing of them,
# cannot list them.
HOST = frozenset((
    '_ctypes', '_curses', '_dbm', '_gdbm', '_imp', '_multiprocessing', '_posixshmem', '_posixsubprocess',
    '_signal', '_socket', 'ctypes', 'curses', 'dbm', 'faulthandler', 'fcntl', 'grp', 'mmap',
    'multiprocessing', 'nis', 'os', 'ossaudiodev', 'posix', 'pty', 'pwd', 'readline', 'resource',
    'sandbox_utils', 'select', 'selectors', 'signal', 'socket', 'socketserver', 'spwd', 'subprocess',
    'syslog', 'termios', 'tty',
))

# The package that pysb itself adds to the library: frozen into pysb-runner, elsewhere beside this file.
UTILS = 'sandbox_utils'

# Functions that are only called where a module is run as a program.
PROGRAMS = ('main', '_main', 'test', '_test')

# Of the standard library, but no list shows them: they open windows or browsers, install packages, test
# Python itself, or come with another Debian package.
NOT_SHOWN = (
    'antigravity', 'curses', 'distutils', 'ensurepip', 'idlelib', 'lib2to3', 'pydoc_data', 'readline',
    'test', 'this', 'tkinter', 'turtle', 'turtledemo', 'venv',
)


IMPORT_NAME = dis.opmap['IMPORT_NAME']


class UtilsFinder:
    """For the interpreter of the build: finds that package, and nothing else that lies beside it."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != UTILS:
            return None
        beside = os.path.dirname(os.path.abspath(__file__))
        return importlib.machinery.PathFinder.find_spec(name, [beside])


sys.meta_path.append(UtilsFinder)


def is_below(name, names):
    """Whether the name, or a package that it is in, is one of the names."""
    parts = name.split('.')
    return any('.'.join(parts[:end]) in names for end in range(1, len(parts) + 1))


def module_exists(name):
    """Whether the module can be found; importing it, or its package, would run its code."""
    if name in sys.modules:  # os.path is nowhere else
        return True
    search, found = None, ''
    below = (importlib.machinery.FrozenImporter, importlib.machinery.PathFinder)
    for part in name.split('.'):
        found += '.' + part if found else part
        spec = None
        for finder in sys.meta_path if search is None else below:
            spec = spec or finder.find_spec(found, search)
        if not spec:
            return False
        # Empty where it is no package: there is nothing below it.
        search = spec.submodule_search_locations or []
    return True


def public_library(denied):
    """The library as a blacklist leaves it: top-level names, without underscores."""
    return [
        name
        for name in sorted({*sys.stdlib_module_names, UTILS})
        if not name.startswith('_')
        and name not in NOT_SHOWN
        and name not in denied
        and module_exists(name)
    ]


def import_module(name):
    """None, or why it cannot be imported."""
    try:
        __import__(name)
    except BaseException as error:  # a module may even exit
        return '%s: %s' % (type(error).__name__, error)
    return None


def nested_code(code):
    """The code of all functions of a module, without the module's own."""
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType) and constant.co_name not in PROGRAMS:
            yield constant
            yield from nested_code(constant)


def lazy_imports(module):
    """Names of modules that a function of the module would import."""
    spec = getattr(module, '__spec__', None)
    get_code = getattr(spec and spec.loader, 'get_code', None)
    code = get_code(spec.name) if get_code else None
    for function in nested_code(code) if code else ():
        if IMPORT_NAME not in function.co_code[::2]:
            continue  # most of them, and the next line reads a function instruction by instruction
        for name, level, members in dis._find_imports(function):
            if level:
                name = importlib.util.resolve_name('.' * level + name, spec.parent)
            yield name
            # Of "from package import x", x may be a module.
            yield from ('%s.%s' % (name, member) for member in members or ())


def load_lazy(allowed):
    """Imports what loaded modules may import later, and what that imports, and so on."""
    scanned = set()
    while waiting := [name for name in sys.modules if name not in scanned]:
        for name in waiting:
            scanned.add(name)
            for found in [*lazy_imports(sys.modules[name])]:
                if found not in sys.modules and allowed(found):
                    # What does not exist in this version or on this system is none of ours.
                    import_module(found)


def load_all(public, start):
    """In a process of its own: (names that are loaded in the end, sentence about what is not there)."""
    for name in sys.modules.keys() - start:
        del sys.modules[name]
    for name in public:
        if failure := import_module(name):
            return [], '%s cannot be imported: %s' % (name, failure)
    for name in LAZY_IN_C:
        import_module(name)
    withheld = [name for name in NEVER if name not in public]
    load_lazy(lambda name: not is_below(name, withheld))
    return sorted(sys.modules), ''


def run_child(public, start, pipe):
    """The child: one name a line, and a sentence behind them if something is wrong."""
    null = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
    names, failure = load_all(public, start)
    with open(pipe, 'w', encoding='utf-8') as file:
        file.write('%s\n%s\n' % (' '.join(names), ' '.join(failure.split())))


def find_closure(public, start):
    """(internal modules, sentence or '') of a list of public ones.

    They are imported, in a child that begins with the modules of a bare interpreter: a scan of the
    sources would guess at what a condition decides. `start` are the names of these modules.
    """
    read_end, write_end = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            os.close(read_end)
            run_child(public, start, write_end)
        finally:
            os._exit(0)
    os.close(write_end)
    with open(read_end, encoding='utf-8') as file:
        lines = file.read().split('\n')
    os.waitpid(child, 0)
    if len(lines) != 3:
        return [], 'the process that imports the modules died'
    loaded, failure = lines[0].split(), lines[1]
    own = {'__main__', '_closure', '_compile_profile', *public}
    # A name with other characters (sysconfig has one) is of no import statement.
    internal = [name for name in loaded if name not in own and name.replace('.', '_').isidentifier()]
    return internal, failure
