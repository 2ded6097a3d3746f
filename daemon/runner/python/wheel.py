# SPDX-License-Identifier: LGPL-2.1-or-later
"""A wheel as an operator gets it from somewhere: what is in it, and what is wrong with it. Part of vet.py.

Nothing in it is believed: names are checked before anything is written, sizes are bounded before
anything is read, and every file must have the checksum that RECORD says.
"""

import base64
import csv
import hashlib
import os
import re
import stat
import sys
import zipfile
import zlib

import _imp

try:
    import _distributions as distributions  # frozen into pysb-runner
    import _requirements as requirements
except ImportError:
    import distributions
    import requirements

WHEEL_MAX_BYTES = 512 << 20
UNPACKED_MAX_BYTES = 1 << 30
FILES_MAX = 20000
NAME_MAX_BYTES = 255
PATH_MAX_BYTES = 512
# The directory of a package becomes a mount point, and those have a length that is bounded.
DIRECTORY_MAX_BYTES = 100
METADATA_MAX_BYTES = 4 << 20
PROBLEMS_MAX = 20

# Modules that programs in a box know as pysb's, and those that are built into the interpreter there, but not
# into the one that reads wheels.
OWN_MODULES = frozenset(('__main__', '_policy', '_pysb', '_tick_counter', 'sandbox_utils', 'tools'))

LICENCE_MAX_LENGTH = 80


class WheelError(Exception):
    """Why a file cannot even be looked into as a wheel: a sentence."""


def shown(name):
    """The name of a file in a message."""
    return ascii(name)[1:-1]


def bad_name(name):
    """What is wrong with the name of a file, or None."""
    parts = name.removesuffix('/').split('/')
    if name.startswith('/') or re.match('[A-Za-z]:', name):
        return 'has an absolute path'
    if '..' in parts:
        return 'leads out of the package by ".."'
    if '' in parts or '.' in parts or '\\' in name or not name.isprintable():
        return 'has no proper name'
    if len(name.encode('utf-8', 'replace')) > PATH_MAX_BYTES or any(
            len(part.encode('utf-8', 'replace')) > NAME_MAX_BYTES for part in parts):
        return 'has a name that is too long'
    return None


def glibc_version():
    """(2, 36), or () without glibc."""
    try:
        return requirements.version_numbers(os.confstr('CS_GNU_LIBC_VERSION').split()[1])
    except (ValueError, AttributeError, IndexError):
        return ()


def tag_fits(python, abi, platform):
    """Whether this Python on this machine can load what has the tag."""
    major, minor = sys.version_info[:2]
    machine = os.uname().machine
    match = re.fullmatch(r'(py|cp)(\d)(\d*)', python)
    if not match or int(match[2]) != major or (match[3] and int(match[3]) > minor):
        return False
    is_this = match[1] == 'cp' and match[3] == str(minor)
    if not (abi == 'none' or (abi == 'abi3' and match[1] == 'cp') or (
            is_this and abi == 'cp%d%d' % (major, minor))):
        return False
    aliases = {'manylinux1': '2_5', 'manylinux2010': '2_12', 'manylinux2014': '2_17'}
    match = re.fullmatch(r'(?:manylinux_(\d+_\d+)|(manylinux\d+)|linux)_(.+)', platform)
    if platform == 'any' or not match:
        return platform == 'any'
    needed = match[1] or aliases.get(match[2], '2_999') if match[1] or match[2] else '0'
    return match[3] == machine and requirements.version_numbers(needed.replace('_', '.')) <= glibc_version()


def read_licence(headers):
    """What METADATA says of the licence, in one line; None if nothing."""
    for name in ('license-expression', 'license'):
        text = headers.get(name, [''])[0].strip()
        if text and text.upper() != 'UNKNOWN':
            return text if len(text) <= LICENCE_MAX_LENGTH else text[:LICENCE_MAX_LENGTH] + '...'
    names = [text.split('::')[-1].strip() for text in headers.get('classifier', ())
             if text.startswith('License ::')]
    return ', '.join(names) or None


class Wheel:
    """An open wheel. examine() fills in what is known of it; `problems` are sentences."""

    def __init__(self, file, name):
        self.file_name = os.path.basename(name)
        self.problems = []
        self.ignored = []  # files that are not unpacked, by kind
        self.native = []
        self.members = {}  # path below sys.path: ZipInfo
        match = re.fullmatch(
            r'([A-Za-z0-9][\w.]*)-([\w.!+]+)(?:-(\d\w*))?-([\w.]+)-([\w.]+)-([\w.]+)\.whl', self.file_name, re.A)
        if not match:
            raise WheelError('the name of a wheel is NAME-VERSION-PYTHON-ABI-PLATFORM.whl')
        self.file_tags = match.groups()[3:]
        self.name, self.version = match[1], match[2]
        status = os.fstat(file.fileno())
        size = status.st_size
        if not stat.S_ISREG(status.st_mode):
            raise WheelError('it is no regular file')
        if size > WHEEL_MAX_BYTES:
            raise WheelError('it has %d bytes, at most %d are allowed' % (size, WHEEL_MAX_BYTES))
        self.sha256 = hashlib.file_digest(file, 'sha256').hexdigest()
        file.seek(0)
        if file.read(4) != b'PK\3\4':
            raise WheelError('it is no zip archive')
        try:
            self.archive = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError) as error:
            raise WheelError('it is no zip archive: %s' % error) from None

    def problem(self, sentence, *arguments):
        """Notes what is wrong; a hostile wheel has no end of it."""
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(sentence % arguments)

    def check_member(self, info):
        """Whether a member may be read at all."""
        name = info.orig_filename  # what a NUL would cut off included
        kind = stat.S_IFMT(info.external_attr >> 16)
        if wrong := bad_name(name):
            self.problem('%s %s', shown(name), wrong)
        elif kind == stat.S_IFLNK:
            self.problem('%s is a symbolic link', shown(name))
        elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            self.problem('%s is neither a file nor a directory', shown(name))
        elif info.flag_bits & 0x1:
            self.problem('%s is encrypted', shown(name))
        elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            self.problem('%s is packed in a way that wheels do not use', shown(name))
        else:
            return True
        return False

    def list_members(self):
        """The files by name; what is wrong with any of them is a problem of the wheel."""
        files, total = {}, 0
        for info in self.archive.infolist():
            if not self.check_member(info) or info.is_dir():
                continue
            if info.filename in files:
                self.problem('%s is in it twice', shown(info.filename))
            files[info.filename] = info
            total += info.file_size
        if len(files) > FILES_MAX:
            self.problem('it has %d files, at most %d are allowed', len(files), FILES_MAX)
        if total > UNPACKED_MAX_BYTES:
            self.problem('unpacked it would have %d bytes, at most %d are allowed', total, UNPACKED_MAX_BYTES)
        return files

    def read_chunks(self, info):
        """The contents, of just the size that the archive says."""
        with self.archive.open(info) as member:
            while chunk := member.read(1 << 20):
                yield chunk

    def read_text(self, name):
        """One of the three files about the wheel itself."""
        info = self.files.get('%s/%s' % (self.info, name))
        if info is None:
            raise WheelError('%s/%s is missing' % (self.info, name))
        if info.file_size > METADATA_MAX_BYTES:
            raise WheelError('%s is larger than %d bytes' % (info.filename, METADATA_MAX_BYTES))
        return b''.join(self.read_chunks(info)).decode('utf-8', 'replace')

    def examine(self):
        """All that can be known without running a byte of it."""
        self.files = self.list_members()
        if self.problems:
            return
        try:
            self.examine_files()
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, csv.Error) as error:
            raise WheelError('it is damaged: %s' % error) from None

    def examine_files(self):
        """The same, once it is known that the files can be read."""
        infos = {name.split('/')[0] for name in self.files if name.split('/')[0].endswith('.dist-info')}
        if len(infos) != 1:
            raise WheelError('it has %d directories NAME-VERSION.dist-info, and one is right' % len(infos))
        self.info = infos.pop()
        headers = requirements.parse_headers(self.read_text('METADATA'))
        about = requirements.parse_headers(self.read_text('WHEEL'))
        self.check_identity(headers)
        self.licence = read_licence(headers)
        self.requires = headers.get('requires-dist', [])
        for text in self.requires:
            if not requirements.REQUIREMENT.fullmatch(text):
                self.problem('METADATA requires %s, which cannot be read', ascii(text))
        self.check_tags(headers, about)
        self.place_members()
        self.check_record()
        self.imports = distributions.find_imports(self.members)
        self.check_modules()
        self.is_pure = about.get('root-is-purelib', [''])[0].lower() == 'true'
        if self.is_pure and self.native:
            self.problem('it says that it is pure Python, and has %s', shown(self.native[0]))

    def check_identity(self, headers):
        """Name and version are the same everywhere."""
        name, version = headers.get('name', [''])[0], headers.get('version', [''])[0]
        for what, text in (('the file name', '%s-%s' % (self.name, self.version)),
                           (self.info, self.info.removesuffix('.dist-info'))):
            left, _, right = text.partition('-')
            if requirements.normalize(left) != requirements.normalize(name) or (
                    right.replace('_', '-') != version.replace('_', '-')):
                self.problem('%s and METADATA (%s %s) are not of one package', shown(what), shown(name),
                             shown(version))
        if not re.fullmatch('[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?', name):
            raise WheelError('its METADATA has no proper Name')
        self.name, self.version = name, version
        self.directory = '%s-%s' % (requirements.normalize(name), self.version)
        if len(self.directory) > DIRECTORY_MAX_BYTES or not re.fullmatch(r'[\w.!+-]+', self.directory, re.A):
            raise WheelError('its name and version are no name of a directory')

    def check_tags(self, headers, about):
        """Whether it is for this Python and this machine."""
        pythons, abis, platforms = (tag.split('.') for tag in self.file_tags)
        self.tags = about.get('tag', []) or ['-'.join(self.file_tags)]
        if not any(tag_fits(p, a, t) for p in pythons for a in abis for t in platforms):
            self.problem('it is for %s, and this is Python %d.%d on %s', '-'.join(self.file_tags),
                         *sys.version_info[:2], os.uname().machine)
        wanted = headers.get('requires-python', [''])[0]
        if not requirements.version_matches('%d.%d.%d' % sys.version_info[:3], wanted):
            self.problem('it requires Python %s, this is %d.%d.%d', shown(wanted), *sys.version_info[:3])

    def place_members(self):
        """Which file goes where: NAME.data/purelib is spread over sys.path, all else there is not used."""
        data = self.info.removesuffix('.dist-info') + '.data'
        for name, info in self.files.items():
            parts = name.split('/')
            if parts[0] == data and len(parts) > 2 and parts[1] in ('purelib', 'platlib'):
                place = '/'.join(parts[2:])
            elif parts[0].endswith('.data'):
                self.ignored.append(name)
                continue
            else:
                place = name
            if place in self.members:
                self.problem('%s is in it twice', shown(place))
            if name.lower().endswith('.pth'):
                self.problem('%s would run at the start of every Python', shown(name))
            if name.lower().endswith(('.pyc', '.pyo')):
                self.problem('%s is byte code, which may be of another source', shown(name))
            self.members[place] = info
        for place in self.members:
            parts = place.split('/')
            if any('/'.join(parts[:end]) in self.members for end in range(1, len(parts))):
                self.problem('%s is in a directory that is a file', shown(place))

    def check_record(self):
        """Every file is what RECORD says, and RECORD says it of every file."""
        record_name = self.info + '/RECORD'
        listed = {}
        for row in csv.reader(self.read_text('RECORD').splitlines()):
            if row:
                if row[0] in listed:
                    self.problem('RECORD has %s twice', shown(row[0]))
                listed[row[0]] = row[1] if len(row) > 1 else ''
        for name in sorted(listed.keys() - self.files.keys()):
            self.problem('%s is in RECORD and not in the wheel', shown(name))
        unsigned = (record_name, record_name + '.jws', record_name + '.p7s')
        places = {info.filename: place for place, info in self.members.items()}
        for name, info in self.files.items():
            algorithm, _, wanted = listed.get(name, '').partition('=')
            digest = hashlib.new(algorithm if algorithm in ('sha384', 'sha512') else 'sha256')
            is_native, is_first = distributions.is_native(name), True
            for chunk in self.read_chunks(info):
                is_native |= is_first and chunk.startswith(b'\x7fELF')
                is_first = False
                digest.update(chunk)
            if is_native and name in places:
                self.native.append(places[name])
            if name in unsigned:
                continue
            if name not in listed:
                self.problem('%s is not in RECORD', shown(name))
            elif algorithm not in ('sha256', 'sha384', 'sha512'):
                self.problem('%s has no SHA-2 checksum in RECORD', shown(name))
            elif base64.urlsafe_b64encode(digest.digest()).rstrip(b'=').decode() != wanted.rstrip('='):
                self.problem('%s is not what RECORD says: its checksum is another one', shown(name))

    def check_modules(self):
        """No module takes the place of one of Python's or of ours."""
        if not any(distributions.is_public(name) for name in self.imports):
            self.problem('there is nothing in it that can be imported')
        for name in self.imports:
            if not name.isascii():
                self.problem('its module %s: a profile takes ASCII names of modules only', shown(name))
        taken = OWN_MODULES.union(sys.stdlib_module_names, sys.builtin_module_names)
        for top in sorted({name.split('.')[0] for name in self.imports}):
            if top in taken or _imp.is_frozen(top):
                self.problem('its module %s has the name of one of Python\'s or of the sandbox\'s', shown(top))

    def unpack(self, directory):
        """Writes the files, and nothing else, below the directory, which is new and ours."""
        for place, info in self.members.items():
            path = os.path.join(directory, place)
            os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
            with open(path, 'xb') as file:
                os.fchmod(file.fileno(), 0o644)
                for chunk in self.read_chunks(info):
                    file.write(chunk)
