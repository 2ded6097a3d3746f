# SPDX-License-Identifier: LGPL-2.1-or-later
"""One job, from its request to its value. Frozen into the program as `_program`.

job.c calls begin(), load(), find_callable() and finish() in this order, and what the program itself
has to say in between: no function of this file is on the stack while its code runs.
"""

import _analysis
import _ast
import _bootstrap
import _display
import _imp
import _outbox
import _pieces
import _policy
import _pysb
import _sandbox
import _signal
import _ticks
import builtins
import contextlib
import json
import linecache
import os
import runpy
import sys
import time
import tokenize  # for decode_source()
from importlib.machinery import ModuleSpec
from importlib.util import decode_source
# Of their own names: a profile may take them away from the module
from os import close, listdir, mkdir, open as open_fd, write

TOP_LEVEL_AWAIT = _pieces.TOP_LEVEL_AWAIT
APP = '/app/'
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

parse_json = json.JSONDecoder().decode


class InvalidInputs(ValueError):
    """inputsJson is no JSON object."""

    __module__ = '_sandbox'


class NotRunnable(Exception):
    """What runpy raises instead of its own error, unlike what a package raises that it imports."""


class Program:
    """The job of this process."""

    name = '<job>'     # of the program in tracebacks
    compile_name = ''  # the same for the compiler, see NO_FILE
    namespace = None
    module = None      # the name of one that load() has to find
    package = ''       # that load() has to import first
    callable = None    # its name
    keywords = {}      # for the callable
    is_expression = False
    display_last = None
    ticks = 0          # that it may use; 0: they are not counted
    is_session = False


program = Program()


def text_of(fields, field, default=None):
    values = fields.get(field)
    return values[0].decode() if values else default


def number_of(fields, field, default=None):
    values = fields.get(field)
    return int.from_bytes(values[0], 'little', signed=True) if values else default


def set_environment(entries):
    for entry in entries:
        key, _, value = entry.decode().partition('=')
        os.environ[key] = value
        if key == 'TZ':
            time.tzset()


def seed_random(seed):
    try:
        import random
    except ImportError:
        return  # then the job cannot import it either
    random.seed(seed)
    seeded.append((random.getstate, random.setstate))


def before_branch():
    """CPython seeds `random` anew in each fork; what is to be reproducible goes on as it was.

    -> for after_branch()
    """
    return [(set_state, get_state()) for get_state, set_state in seeded]


def after_branch(states):
    for set_state, state in states:
        set_state(state)


def open_directory(path, parent):
    """Relative to the descriptor of its parent, and made if it is not there."""
    try:
        mkdir(path, dir_fd=parent)
    except FileExistsError:
        pass
    return open_fd(path, DIRECTORY, dir_fd=parent)


def write_file(path, data, mode):
    """Below /app, whose only writer this process is: nothing there can be in the way."""
    *parents, name = path.split('/')
    fd = open_fd(APP, DIRECTORY)
    try:
        for parent in parents:
            child = open_directory(parent, fd)
            close(fd)
            fd = child
        file = open_fd(name, NEW_FILE, mode, dir_fd=fd)
        try:
            while data:
                data = data[write(file, data):]
        finally:
            close(file)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, APP + path) from None
    finally:
        close(fd)


def take_files(fields):
    """Path to bytes, of all files of the request."""
    files = {}
    for field in fields.get(_pysb.FIELD_FILE, ()):
        path, _, data = field.partition(b'\0')
        files[path.decode()] = data
    return files


def write_files(files, fields):
    executable = fields.get(_pysb.FIELD_EXECUTABLE, ())
    read_only = fields.get(_pysb.FIELD_READ_ONLY, ())
    for path, data in files.items():
        name = path.encode()
        mode = 0o444 if name in read_only else 0o644
        write_file(path, data, mode | 0o111 if name in executable else mode)


def take_inputs(fields):
    text = text_of(fields, _pysb.FIELD_INPUTS)
    if text is None:
        return None
    try:
        inputs = parse_json(text)
    except RecursionError:
        raise InvalidInputs('inputsJson nests too deeply') from None
    except ValueError as error:
        raise InvalidInputs(f'inputsJson is not valid JSON: {error}') from None
    if not isinstance(inputs, dict):
        raise InvalidInputs('inputsJson is no JSON object such as {"name": 1}')
    return inputs


def new_main():
    main = sys.modules['__main__'] = type(sys)('__main__')
    main.__builtins__ = builtins
    return main.__dict__


def choose_script(path, files):
    if path not in files:
        raise FileNotFoundError(f'scriptPath {path!r} is none of the files of the job')
    program.name = sys.argv[0] = APP + path
    program.namespace.update(__file__=program.name, __cached__=None)
    return decode_source(files[path])


def choose_module(name, files):
    """The text of a file of the job; None for a module that load() has to find."""
    path = name.replace('.', '/')
    if f'{path}/__main__.py' in files:
        name, path = f'{name}.__main__', f'{path}/__main__'
    elif f'{path}.py' not in files:
        program.module = name
        return None
    source = choose_script(f'{path}.py', files)
    program.package = name.rpartition('.')[0]
    program.namespace.update(__package__=program.package,
                             __spec__=ModuleSpec(name, None, origin=program.name))
    return source


def choose(fields, files):
    """The text of the program, or None."""
    if path := text_of(fields, _pysb.FIELD_SCRIPT_PATH):
        return choose_script(path, files)
    if name := text_of(fields, _pysb.FIELD_MODULE):
        return choose_module(name, files)
    if code := fields.get(_pysb.FIELD_CODE):
        return code[0].decode().removeprefix('\ufeff')
    program.is_expression = True
    return text_of(fields, _pysb.FIELD_EXPRESSION).strip()


def show_source(source):
    """Tracebacks and inspect.getsource() read it. Universal newlines, as the tokenizer counts lines;
    no time stamp: linecache never asks for the file."""
    if '\r' in source:
        source = source.replace('\r\n', '\n').replace('\r', '\n')
    lines = [f'{line}\n' for line in source.split('\n')]
    linecache.cache[program.name] = (len(source), None, lines, program.name)


def compile_tree(tree, mode):
    return compile(tree, program.compile_name, mode, TOP_LEVEL_AWAIT, True, 0)


def compile_program(source, tree):
    """What _pieces could not compile: it has its errors and warnings from here. Also what counts ticks."""
    mode = 'eval' if program.is_expression else 'exec'
    if tree is None and (program.ticks or not program.is_expression):
        tree = compile(source, program.compile_name, mode, _ast.PyCF_ONLY_AST | TOP_LEVEL_AWAIT, True)
    if program.ticks:
        _ticks.write(tree)
    if program.is_expression:
        return [compile_tree(tree or source, mode)]
    return _pieces.split_tree(tree, compile_tree)


def own_modules(files):
    """What the program may import because it has brought it along."""
    if _bootstrap.has_no_files:
        return ()
    if program.is_session:
        files = listdir(APP)  # cells write modules, too
    return {path.partition('/')[0].removesuffix('.py') for path in files}


def decode_modules(files):
    """(path, text) of the Python files; one that is not text cannot be imported anyway."""
    for path, data in files.items():
        if path.endswith('.py') and APP + path != program.name:
            with contextlib.suppress(SyntaxError, UnicodeDecodeError, LookupError):
                yield path, decode_source(data)


def examine(source, level, is_check, files):
    """-> its code, or None: it has been refused, or was only to be examined."""
    mode = 'eval' if program.is_expression else 'exec'
    findings, tree, codes = _analysis.analyse(source, level, program.compile_name, mode,
                                              own_modules(files), decode_modules(files))
    if _analysis.report(findings):
        return None
    try:
        if program.ticks or not codes:
            codes = compile_program(source, tree)
    except (SyntaxError, ValueError, MemoryError, RecursionError, SystemError) as error:
        finding = _analysis.describe_failure(error)
        if finding is None and is_check and isinstance(error, SyntaxError):
            finding = _analysis.describe_syntax_error(error)
        if finding is None:
            if isinstance(error, SyntaxError):
                error.filename = program.name
            raise
        _analysis.report([finding])
        return None
    if program.compile_name != program.name:
        for code in codes:
            _imp._fix_co_filename(code, program.name)
    if program.ticks:
        _ticks.bind(codes)
    return codes


# Whoever needs it takes it: where host_env is false, the program finds no other.
signal_setters = [_signal.signal]


def set_signals():
    """What the interpreter does at its start unless it is embedded: SIGINT is how Cancel begins. What it
    ignores is ignored by the template already."""
    signal_setters.pop()(_signal.SIGINT, _signal.default_int_handler)


def set_up(fields):
    """All that the program finds around it but its text and its files."""
    program.name = text_of(fields, _pysb.FIELD_SOURCE_NAME, program.name)
    program.namespace = new_main()
    program.callable = text_of(fields, _pysb.FIELD_CALLABLE)
    program.display_last = number_of(fields, _pysb.FIELD_DISPLAY_LAST)
    program.ticks = number_of(fields, _pysb.FIELD_TICKS, 0)
    _outbox.begin(number_of(fields, _pysb.FIELD_RESULT_MAX, 0))
    sys.argv = [program.name, *[text.decode() for text in fields.get(_pysb.FIELD_ARGUMENT, ())]]
    set_signals()
    set_environment(fields.get(_pysb.FIELD_ENVIRONMENT, ()))
    if (seed := number_of(fields, _pysb.FIELD_SEED)) is not None:
        seed_random(seed)
    if tools := fields.get(_pysb.FIELD_TOOL):
        _sandbox._begin([text.decode() for text in tools])
    # An empty list is one, too: nothing may be imported
    if (modules := text_of(fields, _pysb.FIELD_MODULES)) is not None and _policy.active:
        _policy.narrow(modules.split())
    inputs = take_inputs(fields)
    if program.callable:
        program.keywords = inputs or {}
    elif inputs is not None:
        program.namespace['inputs'] = inputs


def begin(fields):
    """The request is here: type of a field to the bytes of each.

    -> the namespace of the program and its code, None if that is for load() to find; or the exit status
    if nothing is to be run.
    """
    set_up(fields)
    files = take_files(fields)
    source = choose(fields, files)
    _bootstrap.program_name = program.name
    program.compile_name = program.name + (_bootstrap.NO_FILE if _bootstrap.has_no_files else '')
    is_check = _pysb.FIELD_CHECK_ONLY in fields
    codes = None
    if source is not None:
        show_source(source)
        level = number_of(fields, _pysb.FIELD_ANALYSIS, _pysb.ANALYSIS_OFF)
        codes = examine(source, level, is_check, files)
        if codes is None:
            return _pysb.RUNNER_EXIT_REJECTED
    if is_check:
        return 0
    if not _bootstrap.has_no_files:
        write_files(files, fields)
    if program.ticks:
        _ticks.begin(program.ticks)
    return program.namespace, codes


# Sources that tracebacks can show: a session may have more cells than anybody wants to keep.
CELLS_SHOWN = 256
cells_shown = []
seeded = []  # how the state of `random` is read and set, if the request had a seed


def open_session(fields):
    """As begin(), without a program: what all cells will find."""
    set_up(fields)
    program.is_session = True
    if not _bootstrap.has_no_files:
        write_files(take_files(fields), fields)


def begin_cell(fields):
    """-> as begin(). What the cells before it have made of the interpreter stays."""
    program.name = text_of(fields, _pysb.FIELD_SOURCE_NAME)
    program.display_last = number_of(fields, _pysb.FIELD_DISPLAY_LAST)
    program.ticks = number_of(fields, _pysb.FIELD_TICKS, 0)
    _outbox.begin(number_of(fields, _pysb.FIELD_RESULT_MAX, 0))
    if (inputs := take_inputs(fields)) is not None:
        program.namespace['inputs'] = inputs
    source = choose(fields, {})
    _bootstrap.program_name = program.name
    program.compile_name = program.name + (_bootstrap.NO_FILE if _bootstrap.has_no_files else '')
    cells_shown.append(program.name)
    if len(cells_shown) > CELLS_SHOWN:
        linecache.cache.pop(cells_shown.pop(0), None)
    show_source(source)
    level = number_of(fields, _pysb.FIELD_ANALYSIS, _pysb.ANALYSIS_OFF)
    codes = examine(source, level, False, {})
    if codes is None:
        return _pysb.RUNNER_EXIT_REJECTED
    if program.ticks:
        _ticks.begin(program.ticks)
    return program.namespace, codes


def refuse_module():
    message, reason = _policy.explain(program.module)
    _policy.violation('import_policy', program.module, reason)
    return ModuleNotFoundError(message, name=program.module)


def load():
    """As python -m: packages run first, and that is the program's own code already. -> code or None"""
    if program.module is None:
        if program.package and not _bootstrap.has_no_files:
            __import__(program.package)
        return None
    if _bootstrap.has_no_files:
        raise ModuleNotFoundError(f'No module named {program.module!r} among the files of the job',
                                  name=program.module)
    if _policy.active and not _policy.is_allowed(program.module):
        raise refuse_module()
    try:
        name, spec, code = runpy._get_module_details(program.module, NotRunnable)
    except NotRunnable as error:
        if _policy.active and str(error).startswith('No module named'):
            raise refuse_module() from None
        raise ModuleNotFoundError(str(error), name=program.module) from None
    sys.argv[0] = _bootstrap.program_name = code.co_filename
    program.namespace.update(__file__=code.co_filename, __cached__=spec.cached, __spec__=spec,
                             __loader__=spec.loader, __package__=spec.parent)
    return [code]


def find_callable():
    """-> it and its keyword arguments, or None."""
    if program.callable is None:
        return None
    first, *rest = program.callable.split('.')
    namespace = program.namespace
    if first not in namespace:
        names = [name for name, value in namespace.items() if callable(value) and name[0] != '_']
        raise NameError(f'the program defines no {first!r} to call'
                        + (', but ' if names else '') + ', '.join(names[:20]))
    value = namespace[first]
    for name in rest:
        value = getattr(value, name)
    if not callable(value):
        raise TypeError(f'{program.callable!r} cannot be called: it is of type '
                        + _bootstrap.name_class(type(value)))
    return value, program.keywords


def finish(value):
    """The program has ended well: its value goes out."""
    is_explicit = program.is_expression or program.callable is not None
    if _outbox.has_result():
        pass
    elif is_explicit:
        _outbox.result(value)
    elif value is not None:
        _outbox.offer_result(value)
    elif program.is_session:
        pass  # a variable may be that of an earlier cell
    elif (variable := program.namespace.get('result', _outbox.result)) is not _outbox.result:
        _outbox.offer_result(variable)
    if value is not None and program.display_last != 0:
        _display.show_last(value, program.display_last == 1)
    _display.show_figures()
    if program.is_session and value is not None:
        program.namespace['_'] = value  # as at the prompt of the interpreter


def finish_exit():
    """By sys.exit(0): there is no last expression, but there may be a variable."""
    program.callable, program.is_expression = None, False
    finish(None)


def forget():
    """Nothing of ours keeps alive what the program leaves behind."""
    program.namespace, program.keywords = None, {}
    _bootstrap.forget_main()


# What most jobs do: the interpreter makes types, keyword tables and specialised code at first use, and
# what it makes in the template no job has to.
TRIAL_CODES = (b'import _sandbox\nx = [1]\nfor i in x:\n    x[0] = f"{i}"\nlen(x)', b'print(1)')
TRIAL = {
    _pysb.FIELD_SOURCE_NAME: [b'<job>'],
    _pysb.FIELD_RESULT_MAX: [bytes(8)],
}


def make_trial():
    """-> the fields of one of them."""
    return TRIAL | {_pysb.FIELD_CODE: [TRIAL_CODES[-1]],
                    _pysb.FIELD_ANALYSIS: [_pysb.ANALYSIS_IMPORTS.to_bytes(4, 'little')]}


def settle():
    """In the template: begins a job many times over, and leaves nothing of it behind."""
    argv = sys.argv
    for _ in range(10):
        for level in _pysb.ANALYSIS_OFF, _pysb.ANALYSIS_IMPORTS, _pysb.ANALYSIS_STRICT:
            for code in TRIAL_CODES:
                begin(TRIAL | {_pysb.FIELD_CODE: [code],
                               _pysb.FIELD_ANALYSIS: [level.to_bytes(4, 'little')]})
                signal_setters.append(_signal.signal)
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    for number in (_signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(number, _signal.SIG_IGN)
    linecache.cache.clear()
    sys.argv = argv
    forget()
