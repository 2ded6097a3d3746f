# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which packages a profile can have: Debian's, and wheels that an operator has vetted. Part of
compile_profile.py.

A shelf is a place with packages: a directory of vetted wheels, and Debian's. A profile names a package
by what is imported, or by the name under which it is distributed ("python-dateutil").

Of a directory of wheels only what `pysbctl profile vet` has put there counts. Each package has a
directory of its own, DIRECTORY/NAME-VERSION, so that a box gets those that its profile names and no
other, and DIRECTORY/vetted.json says what was examined.
"""

import json
import os
import re
import stat
import sys

try:
    import _requirements as requirements  # frozen into pysb-runner
except ImportError:
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import requirements
    del sys.path[0]

# Where Debian's packages of Python modules are, for all versions.
DEBIAN = '/usr/lib/python3/dist-packages'
# What the packages python3-NAME have installed, a path a line.
DPKG_LISTS = '/var/lib/dpkg/info'

VETTED = 'vetted.json'
VETTED_MAX_BYTES = 4 << 20
METADATA_MAX_BYTES = 4 << 20
VETTED_FORMAT = 1


class PackageError(Exception):
    """What is wrong with a package or with a directory of wheels: a sentence."""


class Package:
    """A distribution, or a module of which nothing more is known.

    `place` is the directory that is to be in sys.path; `files` iterates over the names of its files
    below it, `native` those of which it is known that they are native code, whatever they are called.
    """

    def __init__(self, name, version, imports, place, requires=(), files=(), python=None, native=()):
        self.name = name
        self.version = version
        self.imports = imports
        self.place = place
        self.requires = requires
        self.files = files
        self.python = python  # "3.11": what its native code was made for
        self.native = native

    def __str__(self):
        return '%s %s' % (self.name, self.version) if self.version else self.name

    def first_native(self):
        """The name of a file with native code, or None."""
        return next(iter(self.native), None) or next((name for name in self.files if is_native(name)), None)


def is_native(name):
    """Whether a file is a shared object, by its name."""
    return re.search(r'\.(so(\.[0-9.]+)?|dylib|dll|pyd)$', name) is not None


def is_public(name):
    """Whether a module is for programs to import."""
    return name.replace('.', '_').isidentifier() and not name.startswith('_')


def read_text(path, limit):
    """A text file, '' if it is not there."""
    try:
        with open(path, 'rb') as file:
            data = file.read(limit + 1)
    except (FileNotFoundError, NotADirectoryError):
        return ''
    if len(data) > limit:
        raise PackageError('%s is larger than %d bytes' % (path, limit))
    return data.decode('utf-8', 'replace')


def walk_files(place, name):
    """Names, relative to place, of the files of the module or package `name`, or of all ('')."""
    path = os.path.join(place, *name.split('.'))
    for directory, names, files in os.walk(path):
        names.sort()
        yield from (os.path.relpath(os.path.join(directory, file), place) for file in sorted(files))
    if name:
        parent, last = os.path.split(path)
        for file in sorted(os.listdir(parent)) if os.path.isdir(parent) else ():
            if file.split('.')[0] == last and os.path.isfile(os.path.join(parent, file)):
                yield os.path.relpath(os.path.join(parent, file), place)


class Debian:
    """What Debian's packages python3-NAME have installed."""

    what = 'Debian'

    def __init__(self, place=DEBIAN):
        self.place = place
        self.installed = None  # {info: files of the Debian package that has it}
        self.infos = {}  # normalised name of a distribution: its *.dist-info or *.egg-info
        for name in sorted(os.listdir(place)) if os.path.isdir(place) else ():
            match = re.fullmatch(r'([^-]+)(?:-([^-]+))?(?:-py[0-9.]+)?\.(dist|egg)-info', name)
            if match and (match[2] or requirements.normalize(match[1]) not in self.infos):
                self.infos[requirements.normalize(match[1])] = os.path.join(place, name)

    def find(self, name):
        """The package of that name, or None."""
        info = self.infos.get(requirements.normalize(name))
        if info:
            return self.read(info)
        return self.find_module(name) if name.replace('.', '_').isidentifier() else None

    def top_level(self, info):
        """The modules of a distribution, private ones included."""
        names = read_text(os.path.join(info, 'top_level.txt'), METADATA_MAX_BYTES).split()
        if not names:
            record = read_text(os.path.join(info, 'RECORD'), METADATA_MAX_BYTES).splitlines()
            names = find_imports([line.split(',')[0] for line in record] or self.find_installed(info))
        return [name for name in names if name.replace('.', '_').isidentifier()]

    def find_installed(self, info):
        """The files beside a distribution that says nothing of them: Debian leaves RECORD out."""
        if self.installed is None:
            self.installed = {}
            for name in sorted(os.listdir(DPKG_LISTS)) if os.path.isdir(DPKG_LISTS) else ():
                if not name.startswith('python3-') or not name.endswith('.list'):
                    continue
                paths = read_text(os.path.join(DPKG_LISTS, name), METADATA_MAX_BYTES).splitlines()
                files = [path[len(self.place) + 1:] for path in paths if path.startswith(self.place + '/')]
                for file in files:
                    if re.fullmatch(r'[^/]+\.(dist|egg)-info', file):
                        self.installed[os.path.join(self.place, file)] = files
        return self.installed.get(info, [])

    def read(self, info, only=None):
        """The distribution; `only` is the one module of it that was asked for."""
        names = (read_text(os.path.join(info, file), METADATA_MAX_BYTES) for file in ('METADATA', 'PKG-INFO'))
        # An old distribution is a single file.
        text = next(filter(None, names), '') or read_text(info, METADATA_MAX_BYTES)
        headers = requirements.parse_headers(text)
        name = headers.get('name', [os.path.basename(info).split('-')[0]])[0]
        modules = self.top_level(info) or [requirements.normalize(name).replace('-', '_')]
        egg = read_text(os.path.join(info, 'requires.txt'), METADATA_MAX_BYTES)
        requires = [*headers.get('requires-dist', ()), *requirements.egg_requirements(egg)]
        return Package(
            name,
            headers.get('version', [''])[0],
            [only] if only else [module for module in modules if is_public(module)] or modules,
            self.place,
            list(requirements.read_requirements(requires)),
            (file for module in modules for file in walk_files(self.place, module)),
        )

    def find_module(self, name):
        """The package that has the module."""
        if next(walk_files(self.place, name), None) is None:
            return None
        for info in self.infos.values():
            if name.split('.')[0] in (module.split('.')[0] for module in self.top_level(info)):
                return self.read(info, name)
        return Package(name, '', [name], self.place, (), walk_files(self.place, name))


def check_trusted(path, is_parent=False):
    """Refuse what others could change: it becomes code of the library of a box."""
    try:
        status = os.lstat(path)
    except OSError as error:
        raise PackageError('%s: %s' % (path, error.strerror)) from None
    if stat.S_ISLNK(status.st_mode) and not is_parent:
        raise PackageError('%s is a symbolic link' % path)
    others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if is_parent and (status.st_mode & stat.S_ISVTX or stat.S_ISLNK(status.st_mode)):
        others = 0  # nobody can put another directory in the place of this one
    if status.st_uid not in (0, os.geteuid()) or others:
        raise PackageError('%s must belong to root and be writable by nobody else' % path)


class Wheels:
    """A directory of wheels that `pysbctl profile vet` has unpacked."""

    def __init__(self, directory):
        self.what = directory
        self.directory = directory
        parent = directory
        while parent != os.path.dirname(parent):
            parent = os.path.dirname(parent)
            check_trusted(parent, is_parent=True)
        check_trusted(directory)
        self.entries = self.read_vetted()
        known = {VETTED}
        for entry in self.entries.values():
            known.update([entry['directory'], *entry.get('older', ())])
        for name in sorted(os.listdir(directory)):
            if name not in known and not name.startswith('.'):
                raise PackageError(
                    '%s/%s is not in %s: remove it, and vet its wheel by `pysbctl profile vet --into %s WHEEL`'
                    % (directory, name, VETTED, directory)
                )

    def read_vetted(self):
        """What vetted.json says: {normalised name: entry}."""
        path = os.path.join(self.directory, VETTED)
        if not os.path.lexists(path):
            raise PackageError(
                '%s is missing: a directory of wheels is made by `pysbctl profile vet --into %s WHEEL`'
                % (path, self.directory)
            )
        check_trusted(path)
        try:
            vetted = json.loads(read_text(path, VETTED_MAX_BYTES))
            if vetted['format'] != VETTED_FORMAT:
                raise ValueError('another format')
            for name, entry in vetted['packages'].items():
                if isinstance(entry['native'], bool):  # before the files were named
                    entry['native'] = ['what was vetted as such'] if entry['native'] else []
                text = [entry[key] for key in ('name', 'version', 'directory', 'python')]
                text += [name, *entry['imports'], *entry['requires'], *entry.get('older', ()), *entry['native']]
                if not all(isinstance(item, str) for item in text) or '/' in entry['directory']:
                    raise ValueError('a value of another type')
            return vetted['packages']
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise PackageError('%s cannot be read: %s' % (path, error)) from None

    def find(self, name):
        """The package of that name, or None."""
        entry = self.entries.get(requirements.normalize(name))
        if entry:
            return self.read(entry)
        for entry in self.entries.values():
            if any((name + '.').startswith(module + '.') for module in entry['imports']):
                return self.read(entry, name)
        return None

    def read(self, entry, only=None):
        """The package; its files are what the box will get, so all of them are looked at."""
        place = os.path.join(self.directory, entry['directory'])
        check_trusted(place)
        files = []
        for directory, names, names_of_files in os.walk(place):
            for name in sorted(names) + sorted(names_of_files):
                check_trusted(os.path.join(directory, name))
            files += [os.path.relpath(os.path.join(directory, name), place) for name in names_of_files]
        return Package(
            entry['name'],
            entry['version'],
            [only] if only else entry['imports'],
            place,
            list(requirements.read_requirements(entry['requires'])),
            sorted(files),
            entry['python'],
            entry['native'],
        )


def find_imports(files):
    """The names by which the files of a distribution are imported, sorted.

    A directory without __init__ is a namespace that others share: what is in it counts.
    """
    tree = {}
    for file in files:
        parts = file.split('/')
        node = tree
        for part in parts[:-1]:
            if node.get(part) is None:  # lists of dpkg name directories, too
                node[part] = {}
            node = node[part]
        node.setdefault(parts[-1], None)

    def is_module(name):
        return re.search(r'\.(py|(cpython-|abi3\.).*so|so)$', name) is not None

    def names(node, prefix):
        for name, below in sorted(node.items()):
            stem = name.split('.')[0]
            if not isinstance(below, dict):
                if is_module(name) and stem.isidentifier() and stem != '__init__':
                    yield prefix + stem
            elif name.isidentifier() and name != '__pycache__':
                if any(file.split('.')[0] == '__init__' and is_module(file) for file in below):
                    yield prefix + name
                else:
                    yield from names(below, prefix + name + '.')

    return sorted(set(names(tree, '')))


def find_package(name, shelves):
    """The first package of that name, or None."""
    for shelf in shelves:
        if package := shelf.find(name):
            return package
    return None


def find_all(packages, shelves):
    """[(package, the one that needs it or None)] of the packages and of all that they require.

    Debian's packages depend on each other by the archive's own rules; of a wheel that lacks something
    nothing would work.
    """
    found, waiting = {}, [(package, None) for package in packages]
    while waiting:
        package, needed_by = waiting.pop(0)
        key = requirements.normalize(package.name)
        if key in found:
            continue
        found[key] = package, needed_by
        for requirement in package.requires:
            other = find_package(requirement.name, shelves)
            if other and requirements.version_matches(other.version, requirement.specifiers):
                waiting.append((other, package))
            elif package.python:
                raise PackageError('%s needs %s, %s' % (
                    package, requirement,
                    'but %s is there' % other if other else 'which neither the wheels nor Debian have here'))
    return list(found.values())


def check_native(package, needed_by):
    """Refuse native code, as a profile does whose packages are pure Python."""
    if native := package.first_native():
        raise PackageError(
            '%s%s has native code, such as %s, which native_packages = false refuses; leave the package '
            'out, or set native_packages = true' % (
                '%s needs ' % needed_by.name if needed_by else '', package, native))


def check_python(package):
    """Refuse native code for another Python."""
    python = '%d.%d' % sys.version_info[:2]
    if package.python not in (None, python) and package.first_native():
        raise PackageError(
            '%s has native code and was vetted with Python %s, this is %s; vet a wheel for it'
            % (package, package.python, python))


def describe(package, imports):
    """How a package is recommended to who writes programs."""
    return '%s (import %s)' % (package, ', '.join(imports))
