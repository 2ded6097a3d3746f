# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the analysis refuses, as tables. Frozen into the program as `_analysis_rules`.

docs/PYTHON_CAPABILITIES.md prints RULES; a test compares the two.
"""

import collections
import re

Finding = collections.namedtuple('Finding', 'rule severity message line column subject path',
                                 defaults=('',))
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
        'strict', 'eval, exec, compile, open, __import__, globals, locals, vars and breakpoint, and the'
        ' functions of modules that do the same; a local variable of a function may have such a name',
        'literals and functions; ast.literal_eval() or json.loads() for data'),
    'dunder-access': Rule(
        'strict', 'an attribute with two underscores on both sides that is not harmless, such as'
        ' __globals__ or __subclasses__, and __class__ except in __class__.__name__; defining such a'
        ' method is fine', 'type(x) for x.__class__, isinstance() for class trees'),
    'frame-access': Rule(
        'strict', 'attributes and functions of frames, generators, coroutines, tracebacks and code'
        ' objects, such as f_globals or gi_frame', 'the module traceback for error texts'),
    'attribute-computed': Rule(
        'strict', 'getattr(), setattr() and delattr() with a name that is not in the source, and these'
        ' three as values', 'x.name, getattr(x, "name", None), or a dict'),
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

# Functions of modules that do the same as a denied builtin.
DENIED_MEMBERS = {
    'builtins': frozenset(DENIED_BUILTINS) | {'getattr', 'setattr', 'delattr'},
    'codecs': frozenset({'open'}),
    'importlib': frozenset({'__import__', 'import_module', 'reload'}),
    'io': frozenset({'FileIO', 'open', 'open_code'}),
    '_io': frozenset({'FileIO', 'open', 'open_code'}),
    'types': frozenset({'CodeType'}),
    'typing': frozenset({'ForwardRef', 'get_type_hints'}),  # they evaluate strings
}
MEMBER_NAMES = frozenset().union(*DENIED_MEMBERS.values())

ATTRIBUTE_FUNCTIONS = frozenset({'getattr', 'setattr', 'delattr'})

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

FORMAT_ATTRIBUTE = re.compile(r'\.(__\w+__|%s)(?!\w)' % '|'.join(sorted(FRAME_ATTRIBUTES)))


def judge_attribute(name):
    """-> the rule that an attribute of this name breaks, or None."""
    if name[:2] == '__' and name[-2:] == '__' and len(name) > 4:
        return None if name in ALLOWED_DUNDERS else 'dunder-access'
    return 'frame-access' if name in FRAME_ATTRIBUTES else None
