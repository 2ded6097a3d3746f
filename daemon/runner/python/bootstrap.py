# SPDX-License-Identifier: LGPL-2.1-or-later
"""The parts of pysb-runner that read better in Python. Frozen into the program as `_bootstrap`.

preload() and settle() run in the template, all else in the process of one job. Whatever a job needs
here must be imported at the top: the profile may leave nothing to open. No function of this file
is on the stack while the job's own code runs.
"""

import _ast
import _imp
import _policy
import _sitebuiltins
import _thread
import builtins
import gc
import io
import linecache
import os
import sys
import traceback
import types
import warnings

from _encode import name_class
from _frozen_importlib_external import PathFinder
from _outbox import clip

# The library of a sandbox has one package more: no file of a job stands in for that one either.
UTILS = 'sandbox_utils'
sys.stdlib_module_names |= {UTILS}

STDLIB = sys.path[0]
# A name may begin like another one.
PACKAGES = sorted(sys.path[2:], key=len, reverse=True)

app = '/app'
has_no_files = False    # the profile leaves nothing to open
program_name = '<job>'  # in tracebacks
own_files = set()       # the same of the parts of pysb-runner
library = []            # sys.path without /app

# As many frames as CPython's own printer shows.
TRACEBACK_FRAMES = 1000

# Not what a class of the program may say instead.
GET_TRACEBACK = BaseException.__dict__['__traceback__'].__get__
GET_CAUSE = BaseException.__dict__['__cause__'].__get__
GET_CONTEXT = BaseException.__dict__['__context__'].__get__
GET_MEMBERS = BaseExceptionGroup.__dict__['exceptions'].__get__

# CPython's compiler looks for the line of a syntax error in a file of the program's name. Of a name
# with half a surrogate pair at its end it cannot even try, which is a denied call less.
NO_FILE = '\ud800'

def preload(names):
    for name in names:
        try:
            __import__(name)
        except BaseException as error:
            kind = type(error).__name__
            raise ImportError(f'cannot preload the module {name}: {kind}: {error}') from error


def only_expressions(find_anchors):
    """What underlines a part of a line in a traceback, without a denied call for each other line.

    Since 3.13 it parses statements as expressions, too, and the compiler looks for the line of a syntax
    error in a file, but not in the mode `eval`.
    """
    def find(segment):
        try:
            compile(f'(\n{segment}\n)', '<unknown>', 'eval', _ast.PyCF_ONLY_AST)
        except SyntaxError:
            return None
        return find_anchors(segment)
    return find


def carets_without_files(should_show):
    """The same for a method of 3.13, which parses lines that need not be whole statements."""
    def _should_show_carets(self, start, end, lines, anchors):
        try:
            compile('\n'.join(lines), NO_FILE, 'exec', _ast.PyCF_ONLY_AST)
        except SyntaxError:
            return bool(anchors or lines[0][:start].lstrip() or lines[-1][end:].rstrip())
        return should_show(self, start, end, lines, anchors)
    return _should_show_carets


def show_warnings_without_mark():
    """Those of the compiler know the program by the name that the compiler knows."""
    show = warnings._showwarnmsg

    def _showwarnmsg(message):
        message.filename = message.filename.removesuffix(NO_FILE)
        show(message)
    warnings._showwarnmsg = _showwarnmsg


def find_own_files():
    yield from ('<frozen runpy>', '<frozen importlib.util>', '<frozen importlib._bootstrap>',
                '<frozen importlib._bootstrap_external>')
    for name in _imp._frozen_module_names():
        top = name.partition('.')[0]
        if top == UTILS or top not in sys.stdlib_module_names:
            yield f'<frozen {name}>'


def find_withheld():
    """Modules in the packages that are loaded: whatever is not loaded by now can never be."""
    for name, module in list(sys.modules.items()):
        for place in getattr(module, '__path__', ()):
            for file in os.listdir(place) if os.path.isdir(place) else ():
                part = file.partition('.')[0]
                if part.isidentifier() and part[0] != '_' and f'{name}.{part}' not in sys.modules:
                    yield f'{name}.{part}'


def module_exists(name):
    """Whether the library has a module. Of what is in an installed package, the package decides.

    It does not look into /app: a finder would remember that a file is not there which the program is
    about to write.
    """
    if name in sys.modules or has_no_files:
        return name in sys.modules
    top, found, path = name.partition('.')[0], '', library
    for part in name.split('.') if top in sys.stdlib_module_names else (top,):
        found += '.' + part if found else part
        if module := sys.modules.get(found):
            path = getattr(module, '__path__', ())
        elif _imp.is_frozen(found):
            path = ()
        elif found not in sys.builtin_module_names:
            spec = PathFinder.find_spec(found, list(path))
            if spec is None:
                return False
            path = spec.submodule_search_locations or ()
    return True


def name_files_of_frozen():
    """os.__file__ and the like, as `python3` has them; getpath, which would find out, has nothing to search."""
    sys._stdlib_dir = STDLIB
    for name, module in sys.modules.items():
        spec = getattr(module, '__spec__', None)
        if getattr(spec, 'origin', None) != 'frozen' or not spec.loader_state:
            continue
        if name.partition('.')[0] not in sys.stdlib_module_names - {UTILS}:
            spec.loader_state.origname = None  # by which CPython knows that a module has no file
            continue
        filename, directory = spec.loader._resolve_filename(spec.loader_state.origname, spec.name, hasattr(module, '__path__'))
        module.__file__ = spec.loader_state.filename = filename
        if directory:
            module.__path__[:] = spec.submodule_search_locations[:] = [directory]


def move(path):
    """The files of the job are in this directory of the host instead of /app: its engine has no mounts."""
    global app
    import _program
    import _ticks
    from sandbox_utils import _paths
    app = _paths.ROOT = path
    _program.APP = _ticks.APP = path + '/'


def settle(no_files):
    """The last thing before the template serves: nothing may be imported after it."""
    global has_no_files
    has_no_files = no_files
    library.extend(sys.path)
    name_files_of_frozen()
    withheld = list(find_withheld()) if no_files else ()
    own_files.update(find_own_files())
    # The compiler makes its types on first use: once here, not in each job.
    compile(compile('', '', 'exec', _ast.PyCF_ONLY_AST), '', 'exec')
    # `python3 -I -S` leaves these two out together with site, but programs end by them.
    builtins.exit = _sitebuiltins.Quitter('exit', 'Ctrl-D (i.e. EOF)')
    builtins.quit = _sitebuiltins.Quitter('quit', 'Ctrl-D (i.e. EOF)')
    sys.executable = sys._base_executable = ''
    sys.unraisablehook = show_unraisable
    if no_files:
        if 'CapsuleType' in types.__all__:
            # It would look for an example in a module that is not here.
            import unicodedata
            types.CapsuleType = type(unicodedata._ucnhash_CAPI)
        sys.path[:] = []
        sys.path_importer_cache.clear()
        # Each attempt to show a line of the library would be a denied call.
        linecache.updatecache = lambda filename, module_globals=None: []
        traceback._extract_caret_anchors_from_line_segment = only_expressions(
            traceback._extract_caret_anchors_from_line_segment)
        if should_show := getattr(traceback.StackSummary, '_should_show_carets', None):
            traceback.StackSummary._should_show_carets = carets_without_files(should_show)
        show_warnings_without_mark()
    else:
        # Last, so that a file of the job cannot stand in for a module of the library.
        sys.path.append(app)
        sys.path_importer_cache.pop(app, None)
    sys.modules['_display'].settle()
    sys.modules['_program'].settle()
    if _policy.host_env:
        open_streams()
    else:
        import _scrub
        _scrub.open_streams()
        _scrub.scrub()
        _scrub.forget_files()
        _scrub.forget_directories(hide_paths)
        del sys.modules['_scrub']
    if uuid := sys.modules.get('uuid'):
        uuid._generate_time_safe = None  # libuuid would look for a daemon and for network cards
    _policy.settle(withheld)
    gc.collect()
    # A collection in a job would otherwise write to, and so copy, every page of the template.
    gc.freeze()


def open_stream(fd, mode, name, errors):
    """As the interpreter does it, but without asking for a terminal: each ioctl() is a denied call."""
    raw = io.FileIO(fd, mode, closefd=False)
    raw.name = name
    buffer = (io.BufferedReader if mode == 'r' else io.BufferedWriter)(raw)
    stream = io.TextIOWrapper(buffer, 'utf-8', errors, newline=None if mode == 'r' else '\n',
                              line_buffering=mode == 'w')
    stream.mode = mode
    return stream


def open_streams():
    """The objects are made once; a job finds its own pipes behind the same three descriptors.

    A stream asks at birth whether it can seek, so pipes stand in for the ones to come.
    """
    kept = [os.dup(fd) for fd in range(3)]
    ends = os.pipe()
    for fd in range(3):
        os.dup2(ends[fd > 0], fd, inheritable=False)
    sys.stdin = sys.__stdin__ = open_stream(0, 'r', '<stdin>', 'surrogateescape')
    sys.stdout = sys.__stdout__ = open_stream(1, 'w', '<stdout>', 'surrogateescape')
    sys.stderr = sys.__stderr__ = open_stream(2, 'w', '<stderr>', 'backslashreplace')
    for fd in range(3):
        os.dup2(kept[fd], fd)
    for fd in (*kept, *ends):
        os.close(fd)


def renew():
    """After the fork, before the request is here: nothing that siblings must not share survives.

    CPython itself has seeded `random` again. The temporary names and OpenSSL's generator follow the
    process id, and that is the same in every box.
    """
    if tempfile := sys.modules.get('tempfile'):
        tempfile._name_sequence = None
        tempfile.tempdir = None
    if ssl := sys.modules.get('_ssl'):
        ssl.RAND_add(os.urandom(48), 48.0)
    if numpy_random := sys.modules.get('numpy.random'):
        # The legacy generator behind numpy.random.rand(). seed() without an argument takes 75 us.
        numpy_random.seed(memoryview(os.urandom(16)).cast('I').tolist())
    if uuid := sys.modules.get('uuid'):
        uuid._node = int.from_bytes(os.urandom(6), 'big') | 1 << 40  # not that of a network card


def clip_middle(text, limit):
    """As clip(), but keeps the end: it says what happened."""
    mark = '\n[...]\n'
    half = (limit - len(mark)) // 2
    if len(text) <= limit and len(text.encode('utf-8', 'backslashreplace')) <= limit:
        return clip(text, limit)
    tail = text[-half:].encode('utf-8', 'backslashreplace').replace(b'\0', b'\\x00')
    return clip(text, half) + mark.encode() + tail[-half:].decode('utf-8', 'ignore').encode()


def hide_paths(text):
    text = text.replace(STDLIB, '<stdlib>')
    for path in PACKAGES:
        text = text.replace(path, '<packages>')
    return text


def drop_own_frames(tb):
    """The traceback without the frames of our own parts: a tool call fails where it was called."""
    first = last = None
    while tb is not None:
        if tb.tb_frame.f_code.co_filename not in own_files:
            if first is None:
                first = tb
            elif last.tb_next is not tb:
                last.tb_next = tb
            last = tb
        tb = tb.tb_next
    if last is not None and last.tb_next is not None:
        last.tb_next = None
    return first


def clean(error):
    """Drops our frames of an error and of all that it carries along."""
    seen, left = set(), [error]
    while left:
        error = left.pop()
        if error is None or id(error) in seen:
            continue
        seen.add(id(error))
        tb = GET_TRACEBACK(error)
        if (cleaned := drop_own_frames(tb)) is not tb:
            BaseException.with_traceback(error, cleaned)
        left += (GET_CAUSE(error), GET_CONTEXT(error))
        if isinstance(error, BaseExceptionGroup):
            left += GET_MEMBERS(error)


def add_source_line(error):
    """The compiler knows the text of a line only if it reads a file."""
    if error.text is None and error.filename == program_name:
        lines = linecache.cache[program_name][2]
        if 0 < error.lineno <= len(lines):
            error.text = lines[error.lineno - 1]


def format_message(error):
    try:
        return hide_paths(str(error))
    except BaseException:
        return '<exception str() failed>'


def format_traceback(error):
    limit = None if hasattr(sys, 'tracebacklimit') else -TRACEBACK_FRAMES
    lines = traceback.format_exception(type(error), error, GET_TRACEBACK(error), limit=limit)
    return hide_paths(''.join(lines))


def find_line(error):
    """The line of the program that the error is about: the innermost one. 0 is unknown."""
    line = 0
    tb = GET_TRACEBACK(error)
    while tb is not None:
        if tb.tb_frame.f_code.co_filename == program_name:
            line = tb.tb_lineno or line
        tb = tb.tb_next
    if line == 0 and isinstance(error, SyntaxError) and error.filename == program_name:
        line = error.lineno
    return line if isinstance(line, int) and 0 < line < 1 << 32 else 0


def describe(error, limits):
    """-> type, message, traceback (bytes of at most limits), line, traceback as text."""
    try:
        clean(error)
        if isinstance(error, SyntaxError):
            add_source_line(error)
    except Exception:
        pass  # only a program that has prepared for it gets here
    kind = name_class(type(error))
    message = format_message(error)
    try:
        text = format_traceback(error)
    except MemoryError:
        traceback.clear_frames(error.__traceback__)
        text = format_traceback(error)
    except Exception:
        # Only a program that wants to be unprintable gets here.
        text = f'{kind}: {message}\n' if message else f'{kind}\n'
    return (clip(kind, limits[0]), clip(message, limits[1]), clip_middle(text, limits[2]),
            find_line(error), text)


def write_error(text):
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except Exception:
        pass  # a program may have closed or replaced it


def show(error, text):
    """What the interpreter does with an uncaught exception."""
    tb = GET_TRACEBACK(error)
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, tb
    hook = getattr(sys, 'excepthook', None)
    if hook is None or hook is sys.__excepthook__:
        write_error(text)
        return
    try:
        hook(type(error), error, tb)
    except SystemExit:
        raise
    except BaseException as failure:
        clean(failure)
        write_error('Error in sys.excepthook:\n' + format_traceback(failure) +
                    '\nOriginal exception was:\n' + text)


def show_unraisable(args):
    """As the interpreter does it, which would look for source lines in files."""
    what = args.err_msg or 'Exception ignored in'
    where = '' if args.object is None else f': {args.object!r}'
    try:
        clean(args.exc_value)
        write_error(f'{hide_paths(what + where)}\n{format_traceback(args.exc_value)}')
    finally:
        del args  # it keeps alive what is dying


def show_thread_exception(args):
    """As the interpreter does it, which would tell where the files of the library are."""
    if args.exc_type is SystemExit:
        return
    name = args.thread.name if args.thread is not None else _thread.get_ident()
    clean(args.exc_value)
    write_error(f'Exception in thread {name}:\n' + format_traceback(args.exc_value))


# Where threading, whenever it is imported, takes its hook from.
show_thread_exception.__module__ = '_thread'
_thread._excepthook = show_thread_exception


def forget_main():
    """Destructors of what the program leaves behind run now, as at the end of any interpreter."""
    sys.last_type = sys.last_value = sys.last_traceback = None
    sys.modules.pop('__main__', None)
    gc.collect()
