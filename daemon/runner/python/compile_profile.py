#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Turn a profile, or the daemon's own settings, from TOML into flat lines.

    compile_profile.py [--shipped] FILE [DIRECTORY...]    a profile; `extends` is looked up beside it, then there
    compile_profile.py --config FILE | --tenants FILE     pysbd.toml; tenants.toml
With --shipped nothing of this machine's packages is looked at: it is the one that builds.

A flat line is `FILE:LINE: section.key = VALUE`: where the value was written, and what it is. Only
the syntax, `extends` and the lists of modules and packages are dealt with here (closure.py,
distributions.py). Which keys there are and what they may say is known to one key table, in C (daemon/profile), and checked there.

Errors are one line on stderr, `FILE:LINE: KEY: sentence`; the exit status is then 1.
"""

import sys

# Of the bare interpreter, before anything is imported for this program.
START = frozenset(sys.modules)

import hashlib
import json
import os
import re
import tomllib

try:
    import _accounts as accounts
    import _closure as closure  # frozen into pysb-runner
    import _distributions as distributions
except ImportError:
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import accounts
    import closure
    import distributions
    del sys.path[0]

# What says which profile this is; a profile that extends another one must say it for itself.
IDENTITY_KEYS = ('profile.description', 'profile.granted')
# What the compiler itself writes.
RESERVED_KEYS = (
    'profile.name', 'profile.digest', 'python.internal', 'python.package_debs', 'python.package_paths',
    'python.recommended',
)
# With all of it escaped, a value this long fits in a line that daemon/profile reads.
VALUE_MAX_BYTES = 1536
# How TOML writes the name of a key: bare, or in quotes; with points in between.
PART = r'(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|\'[^\']*\')'
# What tomllib says of frequent mistakes, and what it means.
HINTS = {
    'Invalid value': 'a string stands in quotes, true and false are in lower case',
    "Illegal character '\\n'": 'the quote at the end of the line is missing',
    'Unclosed array': 'a bracket, or a comma before this line, is missing',
    'Expected newline or end of document after a statement': 'a string stands in quotes',
}
PATH = r'(%s(?:\s*\.\s*%s)*)' % (PART, PART)
MODULE = r'[^\W\d]\w*(?:\.[^\W\d]\w*)*'


class ProfileError(Exception):
    """A mistake in a file: where it is, and a sentence."""

    def __init__(self, where, sentence):
        super().__init__('%s: %s' % (where, sentence))


class Value:
    """A value and the place where it was written; a list may hold values with places of their own."""

    def __init__(self, value, where):
        self.value = value
        self.where = where


def split_path(text):
    """("limits", "cpu") of what is written as `limits . "cpu"`; None if TOML does not take it."""
    parts = re.findall(PART, text)
    try:
        return tuple(tomllib.loads('x = ' + p)['x'] if p[0] in '"\'' else p for p in parts)
    except tomllib.TOMLDecodeError:
        return None


class Places:
    """Which line sets which key: keys are tuples such as ("limits", "cpu"), or ("limits",).

    Whether the text is TOML is for tomllib to say; this scan only has to keep out of strings and
    arrays that span lines.
    """

    def __init__(self, text):
        self.first = {}  # line of the key
        self.keys = {}  # key of the line, and of all lines of a value that spans several
        section = key = ()
        value = None  # so far, of a key whose value has not ended
        for number, line in enumerate(text.split('\n'), 1):
            if value is None:
                header = re.match(r'\s*\[\[?\s*' + PATH, line)
                setting = re.match(r'\s*' + PATH + r'\s*=\s*(.*)', line)
                if header:
                    section = key = split_path(header[1]) or ()
                elif setting:
                    key = section + (split_path(setting[1]) or ())
                    value = setting[2]
                else:
                    continue
            else:
                value += '\n' + line
            self.keys[number] = key
            for end in range(len(key)):
                self.first.setdefault(key[:end + 1], number)
            if value is not None and has_ended(value):
                value = None

    def where(self, name, key):
        """FILE:LINE of a key; one in braces is where the table begins that it is in."""
        while key and key not in self.first:
            key = key[:-1]
        if not key:
            raise ProfileError(name, 'has a key that is not written as KEY = VALUE below [SECTION]')
        return '%s:%d' % (name, self.first[key])


def has_ended(value):
    """Whether a value ends on the line where its text ends; strings and comments do not count."""
    for quotes in ('"""', "'''"):
        if value.startswith(quotes):
            return value.count(quotes) > 1
    bare = re.sub(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'|#.*', '', value)
    return bare.count('[') <= bare.count(']')


def shown_key(key, top):
    """The name of a key, as it stands in messages and in flat lines."""
    parts = [part if re.fullmatch('[A-Za-z0-9_-]+', part) else ascii(part) for part in key]
    return '.'.join([top] + parts if len(key) == 1 else parts)


def syntax_error(name, text, top, error):
    """What is to be said of text that is no TOML."""
    # "Expected '=' after a key (at line 3, column 5)"
    match = re.fullmatch(r'(.*) \(at (?:line (\d+), .*|end of document)\)', str(error))
    if not match:
        return ProfileError(name, 'is no TOML: %s' % error)
    sentence = match[1] + ('; ' + HINTS[match[1]] if match[1] in HINTS else '')
    line = int(match[2] or text.rstrip('\n').count('\n') + 1)
    where = '%s:%d' % (name, line)
    places = Places(text)
    key = places.keys.get(line)
    if not key:
        return ProfileError(where, 'is no TOML: %s' % sentence)
    is_section = text.split('\n')[line - 1].lstrip().startswith('[') and len(key) == 1
    shown = key[0] if is_section else shown_key(key, top)
    first = places.first[key]
    if first < line and match[1].startswith(('Cannot overwrite', 'Cannot declare')):
        return ProfileError(
            where, '%s: was already set at line %d; a key may stand only once' % (shown, first)
        )
    return ProfileError(where, '%s: is no TOML: %s' % (shown, sentence))


def parse_file(path, top):
    """Read a TOML file; returns its tables and where its keys stand."""
    name = os.path.basename(path)
    try:
        with open(path, 'rb') as file:
            data = file.read()
    except OSError as error:
        raise ProfileError(name, 'cannot be read: %s' % error.strerror) from None
    try:
        text = data.decode('utf-8').replace('\r\n', '\n')
        return tomllib.loads(text), Places(text)
    except UnicodeDecodeError:
        raise ProfileError(name, 'is not UTF-8 text') from None
    except RecursionError:
        raise ProfileError(name, 'is nested too deeply') from None
    except tomllib.TOMLDecodeError as error:
        raise syntax_error(name, text, top, error) from None


def flat_text(value, where, key):
    """The text of one value behind the equals sign."""
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        if not value.isprintable():
            raise ProfileError(where, '%s: has a character in it that cannot be printed' % key)
        # No escapes but \" and \\: nothing else is left to escape in printable text.
        return '"%s"' % value.replace('\\', '\\\\').replace('"', '\\"')
    if isinstance(value, float):
        raise ProfileError(where, '%s: must be an integer, or a string: of a time such as "1.5s", of a size "50M"' % key)
    if isinstance(value, dict):
        raise ProfileError(where, '%s: is a table where a value belongs' % key)
    if isinstance(value, list):
        raise ProfileError(where, '%s: is a list in a list' % key)
    raise ProfileError(where, '%s: is a date, which no key takes' % key)


def check_key(key, shown, where):
    """Refuse what would not survive as the key of a flat line."""
    if not all(re.fullmatch('[A-Za-z0-9_-]{1,64}', part) for part in key):
        raise ProfileError(where, '%s: is no name of a key' % shown)


def check_value(value, shown, where):
    """Refuse what has no place in a flat line."""
    for item in value if isinstance(value, list) else [value]:
        flat_text(item, where, shown)
        size = len(str(item).encode())
        if size > VALUE_MAX_BYTES:
            raise ProfileError(
                where,
                '%s: has %d bytes, at most %d are allowed' % (shown, size, VALUE_MAX_BYTES),
            )


def read_values(path, top):
    """All keys of one file, as {"section.key": Value}; keys above all sections belong to `top`."""
    tables, places = parse_file(path, top)
    name = os.path.basename(path)
    values = {}
    for section, table in tables.items():
        is_section = isinstance(table, dict)
        if is_section and section == top:
            raise ProfileError(
                places.where(name, (section,)),
                '%s: there is no such section; its keys stand at the top' % section,
            )
        for key, value in table.items() if is_section else [(None, table)]:
            full = (section, key) if is_section else (section,)
            where = places.where(name, full)
            shown = shown_key(full, top)
            check_key(full, shown, where)
            check_value(value, shown, where)
            values[shown] = Value(value, where)
    return values


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


def flat_lines(values):
    """(where, "key = value") of every value, in an order that does not depend on the files."""
    for key in sorted(values):
        value = values[key]
        for item in value.value if isinstance(value.value, list) else [value]:
            item = item if isinstance(item, Value) else Value(item, value.where)
            yield item.where, '%s = %s' % (key, flat_text(item.value, item.where, key))


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


def with_number(key, shown, value):
    """Users and groups by their numbers."""
    try:
        if isinstance(value.value, list):
            return Value([accounts.number_of(key, item) for item in value.value], value.where)
        return Value(accounts.number_of(key, value.value), value.where)
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
    for shown, value in read_values(path, 'tenants').items():
        name, key = shown.split('.')
        if name == 'tenants':
            raise ProfileError(value.where, '%s: stands above the table of a tenant' % key)
        if key in ('uids', 'groups') and isinstance(value.value, list):
            value = with_number(key, shown, value)
        lines.setdefault(name, ['== %s\n' % name]).extend(
            '%s: %s\n' % line for line in flat_lines({'tenant.' + key: value}))
    return ''.join(sum(lines.values(), []))


def main(arguments):
    """Exit status of the program."""
    # A number of any length is read, to be refused with its line and key.
    sys.set_int_max_str_digits(0)
    try:
        if len(arguments) == 2 and arguments[0] == '--config':
            text = compile_config(arguments[1])
        elif len(arguments) == 2 and arguments[0] == '--tenants':
            text = compile_tenants(arguments[1])
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
