# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tools of a job, and the module `tools`: tools.NAME(…) and tools.NAME_async(…) for each.

A job comes with JSON texts. They are read when a program first asks for a tool, so that a job that never
does pays nothing.
"""

import json
import keyword
import sys

module = type(sys)('tools', 'The tools that the client of this job answers.')

_loads = json.JSONDecoder().decode

_texts = []       # of this job, as they came
_tools = None     # name -> description of the tool, once they are read
_callers = {}     # what generated functions call

# What stands for an argument that was not given and has no default.
_OMITTED = ...

# Names inside a generated function: all others are the client's choice.
_CALLER = '_pysb_call_'
_LOCALS = '_pysb_locals_'

# What the compiler takes for no parameter, besides keywords.
_RESERVED = {_CALLER, _LOCALS, '__debug__'}


def bind(tool_call, tool_call_async):
    _callers.update(sync=tool_call, wait=tool_call_async)


def begin(texts):
    """The job has these tools. Somebody may have looked at the module in the template already."""
    global _tools
    _texts[:] = texts
    _tools = None
    sys.modules['tools'] = module


def known():
    """The tools by their names."""
    global _tools
    if _tools is None:
        _tools = {tool['name']: tool for tool in map(_loads, _texts)}
    return _tools


def explain(name):
    if not _texts:
        return f'there is no tool {name!r}: the request names none'
    return f'there is no tool {name!r}; there are: {", ".join(known())}'


def _find(attribute):
    """The function of that name; AttributeError."""
    if attribute == '__all__':
        return [*known()]
    if tool := known().get(attribute):
        return _make(tool, attribute, 'sync')
    name = attribute.removesuffix('_async')
    if name != attribute and (tool := known().get(name)):
        return _make(tool, attribute, 'wait')
    raise AttributeError(f"module 'tools' has no attribute {attribute!r}; {explain(attribute)}")


def __getattr__(attribute):
    value = _find(attribute)
    setattr(module, attribute, value)
    return value


def __dir__():
    return sorted(name + end for name in known() for end in ('', '_async'))


def _read_schema(text):
    """What is no schema of an object says nothing about the arguments."""
    try:
        schema = _loads(text) if text else {}
    except (ValueError, RecursionError):
        schema = {}
    return schema if isinstance(schema, dict) else {}


def _is_parameter(name):
    return (name.isascii() and name.isidentifier() and not keyword.iskeyword(name)
            and name not in _RESERVED)


def _parameters(schema):
    """-> names without a default, names with one and their defaults, name for all others or None, and
    which of those others are required: their names are none for a parameter."""
    properties = schema.get('properties')
    properties = properties if isinstance(properties, dict) else {}
    wanted = schema.get('required')
    wanted = wanted if isinstance(wanted, list) else []
    fit = [name for name in properties if _is_parameter(name)]
    required = [name for name in fit if name in wanted]
    defaults = {}
    for name in fit:
        if name not in wanted:
            one = properties[name]
            defaults[name] = one.get('default', _OMITTED) if isinstance(one, dict) else _OMITTED
    hidden = [name for name in wanted if isinstance(name, str) and name not in fit]
    extra = None
    if not properties or schema.get('additionalProperties') or hidden or len(fit) < len(properties):
        extra = 'extra'
        while extra in properties:
            extra += '_'
    return required, defaults, extra, hidden


def _describe(tool, schema):
    """The documentation of a function, from the descriptions of the tool and of its parameters."""
    lines = [tool.get('description') or f'The tool {tool["name"]}.']
    properties = schema.get('properties')
    rows = []
    for name, one in properties.items() if isinstance(properties, dict) else ():
        one = one if isinstance(one, dict) else {}
        kind = f' ({one["type"]})' if isinstance(one.get('type'), str) else ''
        text = one.get('description')
        if kind or isinstance(text, str):
            rows.append(f'    {name}{kind}' + (f': {text}' if isinstance(text, str) else ''))
    if rows:
        lines += ['', 'Arguments:', *rows]
    return '\n'.join(lines)


def _caller(tool, caller, extra, hidden):
    """What a generated function hands its arguments to."""
    call = _callers[caller]
    name = tool['name']

    def run(arguments):
        more = arguments.pop(extra, {}) if extra else {}
        for wanted in hidden:
            if wanted not in more:
                raise TypeError(f'{name}() needs the argument {wanted!r}; as it is no name for a '
                                f'parameter here, give it as **{{{wanted!r}: ...}}')
        return call(name, {key: value for key, value in arguments.items()
                           if value is not _OMITTED} | more)
    return run


def _make(tool, name, caller):
    schema = _read_schema(tool.get('parametersSchemaJson'))
    required, defaults, extra, hidden = _parameters(schema)
    names = [*required, *(f'{name}=...' for name in defaults)]
    if extra:
        names.append(f'**{extra}')
    code = compile(f'def {name}({", ".join(names)}): return {_CALLER}({_LOCALS}())',
                   '<frozen _tools>', 'exec')
    namespace = {'__name__': 'tools'}
    exec(code, namespace)
    function = namespace.pop(name)
    namespace.update({_CALLER: _caller(tool, caller, extra, hidden), _LOCALS: locals})
    function.__defaults__ = tuple(defaults.values()) or None
    function.__doc__ = _describe(tool, schema)
    return function


module.__getattr__ = __getattr__
module.__dir__ = __dir__
