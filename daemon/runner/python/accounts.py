# SPDX-License-Identifier: LGPL-2.1-or-later
"""Users and groups by name, for the compiler of pysbd.toml and tenants.toml."""

import grp
import pwd

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
