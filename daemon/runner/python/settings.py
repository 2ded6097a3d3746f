# SPDX-License-Identifier: LGPL-2.1-or-later
"""pysbd.toml and tenants.toml as flat lines: users and groups become numbers."""

import grp
import pwd

try:
    from _places import ProfileError, Value, flat_lines, read_values
except ImportError:
    from places import ProfileError, Value, flat_lines, read_values

LOOKUPS = {
    'uids': lambda name: pwd.getpwnam(name).pw_uid,
    'groups': lambda name: grp.getgrnam(name).gr_gid,
    'gateway_group': lambda name: grp.getgrnam(name).gr_gid,
}


def number_of(key, item):
    """A number stays; the name of a user or a group becomes its number. KeyError: there is none."""
    if not isinstance(item, str):
        return item
    try:
        return LOOKUPS[key](item)
    except KeyError:
        raise KeyError(item) from None


def with_number(key, shown, value):
    """Users and groups by their numbers."""
    try:
        if isinstance(value.value, list):
            return Value([number_of(key, item) for item in value.value], value.where)
        return Value(number_of(key, value.value), value.where)
    except KeyError as error:
        raise ProfileError(value.where, '%s: there is no %s here' % (shown, error)) from None


def compile_config(path):
    """The flat lines of pysbd.toml."""
    values = read_values(path, 'daemon')
    shown = 'daemon.gateway_group'
    if shown in values:
        values[shown] = with_number('gateway_group', shown, values[shown])
    return ''.join('%s: %s\n' % line for line in flat_lines(values))


def compile_tenants(path):
    """The flat lines of tenants.toml, those of each tenant behind "== NAME"."""
    lines = {}
    for shown, value in read_values(path, 'tenants', ('maximum',)).items():
        name, key = shown.split('.', 1)
        if name == 'tenants':
            raise ProfileError(value.where, '%s: stands above the table of a tenant' % key)
        if key in ('uids', 'groups') and isinstance(value.value, list):
            value = with_number(key, shown, value)
        lines.setdefault(name, ['== %s\n' % name]).extend(
            '%s: %s\n' % line for line in flat_lines({'tenant.' + key: value}))
    return ''.join(sum(lines.values(), []))
