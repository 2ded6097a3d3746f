# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which module a name of the program stands for, by the modules that are loaded, and what a program may
take from it. Frozen into the program as `_analysis_modules`.

Nothing is imported and no attribute is asked for: a module's names are those in its dict.
"""

import _ast
import sys
import types

import _policy
from _analysis_rules import MODULES, PRIVATE_MODULES, PUBLIC_MEMBERS, REFUSED

# a.b.c.d: what leads to a module is never longer; the source may be.
CHAIN_MAX = 8


def find_member(module, name):
    """-> the name of the module that this name of a module is, or None."""
    full = f'{module}.{name}'
    if full in sys.modules or full in MODULES:
        return full
    value = getattr(sys.modules.get(module), '__dict__', {}).get(name)
    return value.__name__ if isinstance(value, types.ModuleType) else None


class Modules:
    """The names that imports bind, anywhere in the program."""

    def __init__(self, own):
        self.own = own
        self.names = {}  # name in the program -> its modules, as keys

    def is_own(self, module):
        first = module.partition('.')[0]
        return first in self.own and first not in sys.stdlib_module_names

    def add(self, name, module):
        if not self.is_own(module):
            self.names.setdefault(name, {})[module] = None

    def add_import(self, alias):
        if alias.asname:
            self.add(alias.asname, alias.name)
        else:
            first = alias.name.partition('.')[0]
            self.add(first, first)

    def add_import_from(self, module, alias):
        if member := find_member(module, alias.name):
            self.add(alias.asname or alias.name, member)

    def resolve(self, node):
        """-> the modules that an expression such as `a.b` may be."""
        path = []
        while isinstance(node, _ast.Attribute) and len(path) < CHAIN_MAX:
            path.append(node.attr)
            node = node.value
        found = self.names.get(node.id) if isinstance(node, _ast.Name) else None
        for name in reversed(path if found else ()):
            found = {member: None for module in found if (member := find_member(module, name))}
        if not found and path and path[0] in PRIVATE_MODULES:
            return [PRIVATE_MODULES[path[0]]]  # of an object that we do not know
        return found or ()


def judge_module_member(modules, module, name):
    """-> (rule, why) if this name of a module is refused, or None."""
    if modules.is_own(module):
        return None
    if refused := REFUSED.get((module, name)):
        return refused.rule, refused.instead
    if name == '__dict__' or (name[0] == '_' and not name.endswith('__') and
                              (module, name) not in PUBLIC_MEMBERS):
        return 'module-access', 'the module has it for itself'
    member = find_member(module, name)
    if member and not member.startswith(f'{module}.') and (member == 'builtins' or
                                                           not _policy.is_allowed(member)):
        return 'module-access', f'it is the module {member}, which is not for this program'
    return None
