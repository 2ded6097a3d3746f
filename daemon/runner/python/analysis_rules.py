# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the analysis refuses, as tables. Frozen into the program as `_analysis_rules`.

docs/PYTHON_CAPABILITIES.md prints RULES; a test compares the two.
"""

import collections
import re

# calls: of an import that is refused, what the program calls of that module, such as os.fork.
Finding = collections.namedtuple('Finding', 'rule severity message line column subject path calls',
                                 defaults=('', ()))
Rule = collections.namedtuple('Rule', 'level what instead')

# As in the field FINDING_SEVERITY.
NOTE, WARNING, REFUSE = range(3)

# Rule -> from which level on, what is refused, and what to write instead.
RULES = {
    'syntax-error': Rule(
        'check', 'the compiler does not accept the source', 'a correct program'),
    'source-too-large': Rule(
        'off', 'the source has more bytes than the limit `sourceBytes`', 'a shorter program'),
    'code-too-complex': Rule(
        'off', 'parser or compiler run out of memory or depth, or nesting is so deep that CPython 3.13'
        ' would crash on it', 'a program with less nesting, or more memory'),
    'import-not-allowed': Rule(
        'imports', 'an import of a module that exists, but not for this program; only a note inside'
        ' `try` with a handler for it', 'one of the modules that the message lists'),
    'import-not-installed': Rule(
        'imports', 'an import of a module that is nowhere; only a note inside `try` with a handler for'
        ' it', 'one of the modules that the message lists'),
    'builtin-denied': Rule(
        'strict', 'eval, exec, compile, open, __import__, globals, locals, vars and breakpoint, and what'
        ' modules have that does the same, such as timeit.timeit, pickle.loads, sys.modules or eval_str=True; a local variable of a function may have such a name',
        'literals and functions; ast.literal_eval() or json.loads() for data'),
    'dunder-access': Rule(
        'strict', 'an attribute with two underscores on both sides that is not harmless, such as'
        ' __globals__ or __subclasses__, and __class__ except in __class__.__name__; defining such a'
        ' method is fine', 'type(x) for x.__class__, isinstance() for class trees'),
    'frame-access': Rule(
        'strict', 'attributes and functions of frames, generators, coroutines, tracebacks and code'
        ' objects, such as f_globals or gi_frame', 'the module traceback for error texts'),
    'module-access': Rule(
        'strict', 'what modules of the library have for themselves: names with an underscore in front, such'
        ' as random._os, and other modules that the program may not import, such as codecs.builtins',
        'what the module documents'),
    'attribute-computed': Rule(
        'strict', 'getattr(), setattr(), delattr(), attrgetter() and methodcaller() with a name that is not'
        ' in the source, and the first three as values; binding __match_args__ other than as in'
        ' __match_args__ = ("a", "b"), and the string of that name', 'x.name, getattr(x, "name", None), or a dict'),
    'attribute-in-string': Rule(
        'strict', 'the names of dunder-access and frame-access in format strings, and as arguments of'
        ' getattr() or attrgetter()', 'an f-string without that name'),
}

DENIED_BUILTINS = {
    'eval': 'use ast.literal_eval() or json.loads() for data, and functions for code',
    'exec': 'write the code itself, or a function',
    'compile': 'write the code itself, or a function',
    '__import__': 'write an import statement',
    'open': 'files are not for this program; use io.StringIO for text in memory',
    'breakpoint': 'print what you want to see',
    'globals': 'use a dict of your own',
    'locals': 'use a dict of your own',
    'vars': 'use x.__dict__, or a dict of your own',
}

Members = collections.namedtuple('Members', 'rule names instead')


def members(names, instead='it does what a refused builtin does', rule='builtin-denied'):
    return Members(rule, frozenset(names.split()), instead)


FRAMES = {'rule': 'frame-access', 'instead': 'frames and code objects are not for programs'}
OPENS = 'it opens files'
RUNS = 'it runs code from a string or a file'
FINDS = 'it finds modules and functions by name'
PICKLES = 'it calls whatever the data names; use json'
REACHES = 'it leads behind the interpreter'

# What modules have that does the same as a denied builtin or attribute, on any version of Python: all of
# the modules of `eval` and `data` have been gone through, of the others there is what is best known. Not
# here: types.FunctionType, which needs a code object, and collections.namedtuple and
# dataclasses.make_dataclass, which run what they have checked to be identifiers.
MEMBERS = (
    ('builtins', members(' '.join(DENIED_BUILTINS) + ' getattr setattr delattr')),
    ('sys', members('breakpointhook meta_path modules path_hooks path_importer_cache', FINDS)),
    ('sys', members('addaudithook call_tracing monitoring setprofile settrace', **FRAMES)),
    ('inspect', members('classify_class_attrs getattr_static getclosurevars getmembers getmembers_static'
                        ' getmodule', REACHES)),
    ('inspect', members('getasyncgenlocals getcoroutinelocals getgeneratorlocals stack trace', **FRAMES)),
    ('traceback', members('walk_stack walk_tb', **FRAMES)),
    ('gc', members('get_objects get_referents get_referrers', REACHES)),
    ('threading', members('setprofile setprofile_all_threads settrace settrace_all_threads', **FRAMES)),
    ('types', members('CodeType', **FRAMES)),
    # Strings and data that are run
    ('timeit', members('Timer main repeat template timeit', f'{RUNS}; use time.perf_counter()')),
    ('typing', members('ForwardRef evaluate_forward_ref get_type_hints', 'it evaluates strings')),
    ('annotationlib', members('ForwardRef call_annotate_function get_annotations', 'it evaluates strings')),
    ('pickle', members('Unpickler load loads', PICKLES)),
    ('marshal', members('load loads', 'it makes code objects')),
    ('shelve', members('DbfilenameShelf Shelf open', PICKLES)),
    ('numpy.testing', members('measure rundocs runstring', RUNS)),
    ('pandas', members('eval read_pickle', 'it runs what the text or the data says')),
    ('logging.config', members('dictConfig fileConfig listen', FINDS)),
    ('code', members('InteractiveConsole InteractiveInterpreter compile_command interact', RUNS)),
    ('codeop', members('CommandCompiler Compile compile_command', RUNS)),
    ('runpy', members('run_module run_path', RUNS)),
    ('pdb', members('Pdb run runctx runeval set_trace', RUNS)),
    ('bdb', members('Bdb set_trace', RUNS)),
    ('trace', members('Trace', RUNS)),
    ('doctest', members('debug debug_src run_docstring_examples testfile testmod', RUNS)),
    ('profile', members('run runctx', RUNS)),
    ('cProfile', members('run runctx', RUNS)),
    # Modules by name
    ('importlib', members('__import__ import_module reload', 'write an import statement')),
    ('importlib.util', members('module_from_spec spec_from_file_location', FINDS)),
    ('pkgutil', members('find_loader get_loader resolve_name', FINDS)),
    ('pydoc', members('importfile locate resolve safeimport', FINDS)),
    # Files by name
    ('codecs', members('open', OPENS)),
    ('io', members('FileIO open open_code', OPENS)),
    ('_io', members('FileIO open open_code', OPENS)),
    ('os', members('fdopen open popen', OPENS)),
    ('tokenize', members('open', OPENS)),
)
MODULES = frozenset(module for module, _ in MEMBERS)
REFUSED = {(module, name): refused for module, refused in MEMBERS for name in refused.names}

# Names with an underscore in front that are for programs, too.
PUBLIC_MEMBERS = frozenset({('os', '_exit')})

# How modules call these two, for themselves.
PRIVATE_MODULES = {'sys': 'sys', '_sys': 'sys', 'builtins': 'builtins', 'bltns': 'builtins'}

ATTRIBUTE_FUNCTIONS = frozenset({'getattr', 'setattr', 'delattr'})

# They make such functions.
ATTRIBUTE_MAKERS = frozenset({'attrgetter', 'methodcaller'})

# Which of its arguments name attributes, of a function that takes names as strings.
NAMING_FUNCTIONS = {
    'getattr': slice(1, 2), 'setattr': slice(1, 2), 'delattr': slice(1, 2), 'attrgetter': slice(None),
    'methodcaller': slice(0, 1), 'get_field': slice(0, 1), '__getattr__': slice(None),
    '__setattr__': slice(None), '__delattr__': slice(None),
}

# Global names that the import system puts into every module.
DENIED_NAMES = frozenset({'__build_class__', '__builtins__', '__loader__', '__spec__'})

# What honest programs read and call.
ALLOWED_DUNDERS = frozenset('__%s__' % name for name in '''
    abs add aenter aexit aiter and anext annotations args await bool bound bytes call cause ceil
    class_getitem complex constraints contains context copy dataclass_fields dataclass_params deepcopy
    delattr delete delitem dict dir divmod doc enter eq exit file float floor floordiv format fspath ge
    get getattr getitem getnewargs getstate gt hash iadd iand ifloordiv ilshift imatmul imod imul index
    init init_subclass int invert ior ipow irshift isub iter itruediv ixor le len length_hint lshift lt
    main match_args matmul members metadata missing mod module mul name ne neg new next notes optional_keys
    or origin parameters pos post_init pow qualname radd rand rdivmod repr required_keys reversed
    rfloordiv rlshift rmatmul rmod rmul ror round rpow rrshift rshift rsub rtruediv rxor set set_name
    setattr setitem setstate sizeof slots str sub suppress_context total truediv trunc version wrapped
    xor'''.split())

# x.__class__ may be followed by these.
CLASS_TEXTS = frozenset({'__name__', '__qualname__', '__doc__', '__module__'})

FRAME_ATTRIBUTES = frozenset('''
    f_back f_builtins f_code f_globals f_lasti f_lineno f_locals f_trace f_trace_lines f_trace_opcodes
    gi_code gi_frame gi_running gi_suspended gi_yieldfrom
    cr_await cr_code cr_frame cr_origin cr_running cr_suspended
    ag_await ag_code ag_frame ag_running ag_suspended
    tb_frame tb_lasti tb_next
    co_cellvars co_code co_consts co_exceptiontable co_freevars co_linetable co_names co_varnames
    _current_exceptions _current_frames _getframe _getframemodulename
    currentframe getinnerframes getouterframes'''.split())

# A string in an annotation that is more than a type, and what has other strings than types in it.
EVALUATED = re.compile(r'[(:{]|__')
NO_TYPES = frozenset({'Annotated', 'Literal'})

FORMAT_ATTRIBUTE = re.compile(r'\.(__\w+__|%s)(?!\w)' % '|'.join(sorted(FRAME_ATTRIBUTES)))


def judge_attribute(name):
    """-> the rule that an attribute of this name breaks, or None."""
    if name[:2] == '__' and name[-2:] == '__' and len(name) > 4:
        return None if name in ALLOWED_DUNDERS else 'dunder-access'
    return 'frame-access' if name in FRAME_ATTRIBUTES else None
