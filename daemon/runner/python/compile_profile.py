#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Turn a profile, or the daemon's own settings, from TOML into flat lines.

    compile_profile.py [--shipped] FILE [DIRECTORY...]    a profile; `extends` is looked up beside it, then there
    compile_profile.py --config FILE | --tenants FILE     pysbd.toml; tenants.toml
With --shipped nothing of this machine's packages is looked at: it is the one that builds.

A flat line is `FILE:LINE: section.key = VALUE`: where the value was written, and what it is. Only
the syntax (places.py), `extends` and the lists of modules and packages (closure.py, distributions.py) and
names of users (settings.py) are dealt with here. Which keys there are and what they may say is known to one key table, in C (daemon/profile), and checked there.

Errors are one line on stderr, `FILE:LINE: KEY: sentence`; the exit status is then 1.
"""

import sys

# Of the bare interpreter, before anything is imported for this program.
START = frozenset(sys.modules)

import hashlib
import json
import os
import re

try:
    import _closure as closure  # frozen into pysb-runner
    import _distributions as distributions
    import _settings as settings
    from _places import ProfileError, Value, flat_lines, read_values
except ImportError:
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import closure
    import distributions
    import settings
    from places import ProfileError, Value, flat_lines, read_values
    del sys.path[0]

# What says which profile this is; a profile that extends another one must say it for itself.
IDENTITY_KEYS = ('profile.description', 'profile.granted')
# What the compiler itself writes.
RESERVED_KEYS = (
    'profile.name', 'profile.digest', 'python.internal', 'python.package_debs', 'python.package_paths',
    'python.recommended',
)
MODULE = r'[^\W\d]\w*(?:\.[^\W\d]\w*)*'


def names_in(directories, suffix):
    """Names of the files with this suffix, without it."""
    found = {file for d in directories if os.path.isdir(d) for file in os.listdir(d)}
    return sorted(file.removesuffix(suffix) for file in found if file.endswith(suffix))


def resolve(path, directories, chain=()):
    """Values of a profile with those of the profiles that it extends."""
    values = read_values(path, 'profile')
    extends = values.pop('profile.extends', None)
    for key in RESERVED_KEYS:
        if key in values:
            raise ProfileError(values[key].where, '%s: cannot be set' % key)
    if extends is None:
        return with_added(values)
    if not isinstance(extends.value, str) or not re.fullmatch('[a-z][a-z0-9_-]*', extends.value):
        raise ProfileError(
            extends.where, 'profile.extends: must be the name of a profile, such as "default"'
        )
    chain += (os.path.realpath(path),)
    for directory in directories:
        base = os.path.join(directory, extends.value + '.toml')
        # A profile may extend the one of the same name that it replaces.
        if os.path.exists(base) and os.path.realpath(base) != chain[-1]:
            break
    else:
        if extends.value == os.path.basename(path)[:-len('.toml')]:
            raise ProfileError(extends.where, 'profile.extends: the profile extends itself')
        raise ProfileError(
            extends.where,
            'profile.extends: there is no profile "%s"; there are %s'
            % (extends.value, ', '.join(names_in(directories, '.toml')) or 'none'),
        )
    if os.path.realpath(base) in chain:
        raise ProfileError(extends.where, 'profile.extends: the profiles extend each other')
    inherited = resolve(base, directories, chain)
    for key in IDENTITY_KEYS:
        inherited.pop(key, None)
    bases = list_items(inherited, 'profile.extends')
    inherited['profile.extends'] = Value([extends, *bases], extends.where)
    return with_added(inherited | values)


def list_items(values, key):
    """The elements of a list of modules, each with its place; [] if there is none."""
    value = values.get(key)
    if value is None:
        return []
    if not isinstance(value.value, list):
        raise ProfileError(value.where, '%s: must be a list of names in brackets' % key)
    return [item if isinstance(item, Value) else Value(item, value.where) for item in value.value]


def with_added(values):
    """A profile's add_modules goes behind the list that it has or inherits."""
    if 'python.add_modules' in values:
        added = list_items(values, 'python.add_modules')
        where = values.pop('python.add_modules').where
        values['python.modules'] = Value(list_items(values, 'python.modules') + added, where)
    return values


def is_module(name):
    """Whether a value could be the name of a module. All else is for the key table to refuse."""
    return isinstance(name, str) and re.fullmatch(MODULE, name) is not None


def group_names(directories):
    return names_in([os.path.join(d, 'groups') for d in directories], '.modules')


def read_group(item, directories):
    """The modules of "@GROUP", as values with places in the file of the group."""
    group = item.value[1:]
    if not re.fullmatch('[a-z][a-z0-9_-]*', group):
        raise ProfileError(item.where, 'python.modules: "@%s" is no name of a group' % group)
    paths = [os.path.join(d, 'groups', group + '.modules') for d in directories]
    path = next((p for p in paths if os.path.exists(p)), None)
    if not path:
        raise ProfileError(
            item.where,
            'python.modules: there is no group "@%s"; it would be a file groups/%s.modules beside the '
            'profile or beside the shipped ones, where there are %s'
            % (group, group, ', '.join('@' + name for name in group_names(directories)) or 'none'),
        )
    with open(path, encoding='utf-8') as file:
        lines = file.read().split('\n')
    for number, line in enumerate(lines, 1):
        where = '%s:%d' % (os.path.basename(path), number)
        text = line.split('#')[0].strip()
        name = text.removesuffix('?')
        if text and not is_module(name):
            raise ProfileError(where, '%s is no name of a module; a line has one' % ascii(text))
        # "NAME?" is of some versions of Python only.
        if text and (name == text or closure.module_exists(name)):
            yield Value(name, where)


def listed_modules(values, directories):
    """{name: Value} of what the profile lists, groups resolved; the first place of a name counts."""
    found = {}
    for item in list_items(values, 'python.modules'):
        is_group = isinstance(item.value, str) and item.value.startswith('@')
        for module in read_group(item, directories) if is_group else [item]:
            found.setdefault(module.value, module)
    return found


def check_modules(key, items, packages, directories):
    """Refuse modules that are not there: no job of the profile would start."""
    for item in items:
        if is_module(item.value) and not closure.is_below(item.value, packages):
            if closure.module_exists(item.value):
                continue
            is_group = item.value in group_names(directories)
            raise ProfileError(
                item.where,
                '%s: there is no module %s; %s' % (
                    key, item.value,
                    'the group is "@%s"' % item.value if is_group
                    else 'what does not come with Python is named in packages, too',
                ),
            )


def check_host(items, place, host_env):
    """Refuse modules of which nothing would be left."""
    for item in items:
        if is_module(item.value) and item.value.split('.')[0] in closure.HOST:
            in_group = item.where.split(':')[0].endswith('.modules')
            raise ProfileError(
                place.where if in_group else item.where,
                'python.modules: %s%s cannot be among the modules while host_env is false (%s), which '
                'takes the host away; leave it out, or set host_env = true and files = "private"'
                % (item.value, ' (%s)' % item.where if in_group else '', host_env.where),
            )


def whitelist(values, directories, packages, denied):
    """The public modules of a whitelist, and with them what they need."""
    found = listed_modules(values, directories)
    check_modules('python.modules', found.values(), packages, directories)
    found = {name: item for name, item in found.items() if name not in denied}
    place = values.get('python.modules') or values['python.imports']
    if 'python.host_env' in values and values['python.host_env'].value is False:
        check_host(found.values(), place, values['python.host_env'])
    if not found:
        raise ProfileError(
            place.where, 'python.modules: a whitelist needs at least one module or "@GROUP"'
        )
    if not all(is_module(name) for name in found):
        return found.values(), []
    public = sorted(name for name in found if not closure.is_below(name, packages))
    internal, failure = closure.find_closure(public, START)
    if failure:
        raise ProfileError(place.where, 'python.modules: %s' % failure)
    values['python.internal'] = Value(internal, place.where)
    # It has been subtracted: what is left can be imported.
    values.pop('python.deny_modules', None)
    return [found[name] for name in sorted(found)]


def blacklist(values, denied):
    """What a blacklist leaves is computed, so that there is one list to show."""
    if modules := list_items(values, 'python.modules'):
        raise ProfileError(
            modules[0].where,
            'python.modules: is computed where python.imports is "blacklist" (%s) and cannot be set; '
            'write modules = [] if it is inherited' % values['python.imports'].where,
        )
    where = values['python.imports'].where
    return [Value(name, where) for name in closure.public_library(denied)]


def package_shelves(values):
    """Where the packages of a profile are looked for: its own wheels come first."""
    shelves = [distributions.Debian()] if list_items(values, 'python.packages') else []
    wheels = values.get('python.wheels')
    if wheels and isinstance(wheels.value, str) and wheels.value.startswith('/'):
        try:
            shelves.insert(0, distributions.Wheels(wheels.value))
        except distributions.PackageError as error:
            raise ProfileError(wheels.where, 'python.wheels: %s' % error) from None
    return shelves


def find_package(item, shelves):
    """The package that an element of the list names. What is nowhere may be installed later."""
    try:
        package = distributions.find_package(item.value, shelves)
    except distributions.PackageError as error:
        raise ProfileError(item.where, 'python.packages: %s' % error) from None
    if not package and is_module(item.value) and item.value.split('.')[0] in sys.stdlib_module_names:
        raise ProfileError(
            item.where,
            'python.packages: %s comes with Python; packages are what does not, leave it out' % item.value,
        )
    if not package and not is_module(item.value):
        raise ProfileError(
            item.where,
            'python.packages: there is no package %s here; install Debian\'s package of it, or vet its wheel '
            'and set python.wheels' % ascii(item.value),
        )
    return package or distributions.Package(item.value, '', [item.value], distributions.DEBIAN)


def check_packages(values, found, shelves):
    """What all of them need: [place]; refused is what the profile does not want, or cannot load."""
    native = values.get('python.native_packages')
    places = []
    for item, package in found:
        try:
            for needed, needed_by in distributions.find_all([package], shelves):
                distributions.check_python(needed)
                if native and native.value is False:
                    distributions.check_native(needed, needed_by)
                places.append(needed.place)
        except distributions.PackageError as error:
            raise ProfileError(item.where, 'python.packages: %s' % error) from None
    # A directory of wheels goes first, so that it can have a newer version.
    return sorted(set(places), key=lambda place: (place == distributions.DEBIAN, place))


def resolve_packages(values, shelves):
    """Turns the list of packages into what is imported, and where it is. `shelves` is None at build time:
    then the names are those of modules, and all of them Debian's."""
    items = list_items(values, 'python.packages')
    if not items or not all(isinstance(item.value, str) and item.value for item in items):
        return  # for the key table to refuse
    if shelves is None:
        found = [(item, distributions.Package(item.value, '', [item.value], distributions.DEBIAN))
                 for item in items]
        places = [distributions.DEBIAN]
    else:
        found = [(item, find_package(item, shelves)) for item in items]
        places = check_packages(values, found, shelves)
    modules, recommended = {}, {}
    for item, package in found:
        for name in package.imports:
            modules.setdefault(name, item)
        # Two names may mean the same distribution.
        recommended.setdefault(str(package), (item, package, {}))[2].update(dict.fromkeys(package.imports))
    where = items[0].where
    values['python.packages'] = Value([Value(name, item.where) for name, item in modules.items()], where)
    values['python.package_paths'] = Value(places, where)
    values['python.recommended'] = Value(
        [Value(distributions.describe(package, imports), item.where)
         for item, package, imports in recommended.values()], where)
    preload_packages(values, modules)


def preload_packages(values, modules):
    """Packages are imported before any job, behind what the profile itself preloads."""
    preload = list_items(values, 'python.preload')
    names = [item.value for item in preload if is_module(item.value)]
    missing = [Value(name, item.where) for name, item in modules.items()
               if not any((other + '.').startswith(name + '.') for other in names)]
    where = values['python.preload'].where if 'python.preload' in values else ''
    values['python.preload'] = Value(preload + missing, where)


def resolve_modules(values, directories):
    """Computes the lists of modules from what the profile names."""
    packages = {item.value: item for item in list_items(values, 'python.packages')}
    denied = {item.value for item in list_items(values, 'python.deny_modules')}
    check_modules('python.preload', list_items(values, 'python.preload'), packages, directories)
    imports = values['python.imports'].value if 'python.imports' in values else None
    if imports == 'whitelist':
        modules = whitelist(values, directories, packages, denied)
    elif imports == 'blacklist':
        modules = blacklist(values, denied)
    else:
        return  # for the key table to refuse
    found = {item.value: item for item in modules} | packages
    if all(isinstance(name, str) for name in found):
        values['python.modules'] = Value([found[n] for n in sorted(found)], '')


def compile_profile(path, directories=(), is_shipped=False):
    """The flat lines of a profile."""
    name = os.path.basename(path)
    if not name.endswith('.toml'):
        raise ProfileError(name, 'the name of a profile must end in .toml')
    directories = [os.path.dirname(path) or '.', *directories]
    values = resolve(path, directories)
    resolve_packages(values, None if is_shipped else package_shelves(values))
    return finish_profile(values, name[:-len('.toml')], directories)


def finish_profile(values, name, directories):
    """The flat lines of a profile whose packages are known."""
    resolve_modules(values, directories)
    where = name + '.toml:1'
    values['profile.name'] = Value(name, where)
    # Where values come from is no part of what they are.
    bases = {key: values.pop(key) for key in ('profile.extends',) if key in values}
    lines = list(flat_lines(values))
    digest = hashlib.sha256(''.join(line + '\n' for _, line in lines).encode()).hexdigest()
    lines += flat_lines(bases)
    lines.append((where, 'profile.digest = %s' % json.dumps(digest)))
    return ''.join('%s: %s\n' % line for line in lines)


def main(arguments):
    """Exit status of the program."""
    # A number of any length is read, to be refused with its line and key.
    sys.set_int_max_str_digits(0)
    try:
        if len(arguments) == 2 and arguments[0] == '--config':
            text = settings.compile_config(arguments[1])
        elif len(arguments) == 2 and arguments[0] == '--tenants':
            text = settings.compile_tenants(arguments[1])
        elif len(arguments) > 1 and arguments[0] == '--shipped':
            text = compile_profile(arguments[1], arguments[2:], is_shipped=True)
        elif arguments and not arguments[0].startswith('-'):
            text = compile_profile(arguments[0], arguments[1:])
        else:
            print('usage: --config FILE | --tenants FILE | [--shipped] FILE [DIRECTORY...]', file=sys.stderr)
            return 2
    except ProfileError as error:
        print(error, file=sys.stderr)
        return 1
    sys.stdout.write(text)
    sys.stdout.flush()
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
