# SPDX-License-Identifier: LGPL-2.1-or-later
"""What packages say of themselves: headers, names, versions, what they require. Part of distributions.py.

As much of Python's packaging formats as it takes to tell whether a requirement is met: extras are not
asked for, of a version the numbers count.
"""

import operator
import os
import re
import sys

REQUIREMENT = re.compile(
    r'\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^]]*\])?\s*\(?([^;()@]*)\)?\s*(?:@[^;]*)?(?:;(.*))?', re.S
)
OPERATORS = {
    '==': operator.eq, '===': operator.eq, '!=': operator.ne, '<=': operator.le, '>=': operator.ge,
    '<': operator.lt, '>': operator.gt,
}


def normalize(name):
    """The one spelling of a distribution's name: PEP 503."""
    return re.sub('[-_.]+', '-', name).lower()


def parse_headers(text):
    """{name in lower case: values} of METADATA, WHEEL and PKG-INFO; a description below is no header."""
    headers, values = {}, []
    for line in text.splitlines():
        if not line:
            break
        if line[0].isspace():
            if values:
                values[-1] += ' ' + line.strip()
            continue
        name, colon, value = line.partition(':')
        if colon:
            values = headers.setdefault(name.strip().lower(), [])
            values.append(value.strip())
    return headers


def version_numbers(text):
    """(1, 2) of "1.2.0rc1": what versions are compared by."""
    match = re.match(r'\s*v?(?:\d+!)?(\d+(?:\.\d+)*)', text)
    numbers = [int(part) for part in match[1].split('.')] if match else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def version_matches(version, specifiers):
    """Whether a version is one of ">=1.2, !=1.5, <2"."""
    for specifier in filter(None, (part.strip() for part in specifiers.split(','))):
        match = re.fullmatch(r'(===|==|!=|~=|<=|>=|<|>)\s*(\S+)', specifier)
        if not match:
            return False
        sign, wanted = match.groups()
        have, bound = version_numbers(version), version_numbers(wanted)
        if wanted.endswith('.*') or sign == '~=':
            parts = wanted.removesuffix('.*').split('.')
            shown = parts[:-1] if sign == '~=' else parts
            prefix = [int(part) for part in shown if part.isdigit()]
            padded = (have + (0,) * len(prefix))[:len(prefix)]
            if (list(padded) == prefix) == (sign == '!='):
                return False
            if sign == '~=' and have < bound:
                return False
        elif not OPERATORS[sign](have, bound):
            return False
    return True


def marker_environment():
    """What markers compare."""
    version = '%d.%d.%d' % sys.version_info[:3]
    return {
        'extra': '',
        'implementation_name': sys.implementation.name,
        'implementation_version': version,
        'os_name': os.name,
        'platform_machine': os.uname().machine,
        'platform_python_implementation': 'CPython',
        'platform_release': os.uname().release,
        'platform_system': os.uname().sysname,
        'platform_version': os.uname().version,
        'python_full_version': version,
        'python_version': '%d.%d' % sys.version_info[:2],
        'sys_platform': sys.platform,
    }


def marker_compare(left, sign, right, is_version):
    """One comparison of a marker; sign is the name of an operator in Python's grammar."""
    if sign in ('In', 'NotIn'):
        return (left in right) == (sign == 'In')
    text = {'Eq': '==', 'NotEq': '!=', 'Lt': '<', 'LtE': '<=', 'Gt': '>', 'GtE': '>='}[sign]
    return version_matches(left, text + right) if is_version else OPERATORS[text](left, right)


def marker_holds(marker):
    """Whether `python_version < "3.8" and extra == "x"` is so here. Python's own grammar fits, and is
    only parsed; what cannot be read is taken for true: better a requirement too many."""
    import ast  # few packages have one, and every profile would pay for it

    variables = marker_environment()

    def value(node):
        return variables[node.id] if isinstance(node, ast.Name) else str(node.value)

    def holds(node):
        if isinstance(node, ast.BoolOp):
            return (all if isinstance(node.op, ast.And) else any)([holds(item) for item in node.values])
        left, right, sign = node.left, node.comparators[0], type(node.ops[0]).__name__
        names = [n.id for n in (left, right) if isinstance(n, ast.Name)]
        is_version = bool(names) and names[0].endswith('_version') and names[0] != 'platform_version'
        if is_version and isinstance(right, ast.Name):  # '3.8' > python_version
            flipped = {'Lt': 'Gt', 'Gt': 'Lt', 'LtE': 'GtE', 'GtE': 'LtE'}
            return marker_compare(value(right), flipped.get(sign, sign), value(left), True)
        return marker_compare(value(left), sign, value(right), is_version)

    try:
        return holds(ast.parse(marker.strip().replace('~=', '>='), mode='eval').body)
    except (SyntaxError, ValueError, KeyError, AttributeError, RecursionError, MemoryError):
        return True


class Requirement:
    """"attrs >= 20": a name, and what its version must be."""

    def __init__(self, name, specifiers):
        self.name = name
        self.specifiers = specifiers

    def __str__(self):
        return '%s %s' % (self.name, self.specifiers) if self.specifiers else self.name


def read_requirements(texts):
    """The requirements of Requires-Dist lines that hold here, without extras."""
    for text in texts:
        match = REQUIREMENT.fullmatch(text)
        if match and (match[3] is None or marker_holds(match[3])):
            yield Requirement(match[1], match[2].strip())


def egg_requirements(text):
    """The same of a requires.txt: "[extra:marker]" lines divide it."""
    marker = ''
    for line in filter(None, (line.strip() for line in text.splitlines())):
        if line.startswith('['):
            extra, _, marker = line.strip('[]').partition(':')
            if extra:
                marker = 'extra == "x"'
        else:
            yield '%s; %s' % (line, marker) if marker else line
