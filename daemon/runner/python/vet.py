# SPDX-License-Identifier: LGPL-2.1-or-later
"""The part of `pysbctl profile vet` that reads wheels. Frozen into pysb-runner as `_vet`.

    vet.py examine VERSION PROFILE DIRECTORIES INTO NATIVE NAME    the wheel NAME is standard input
    vet.py keep STAGING INTO
    vet.py drop STAGING

`examine` prints one JSON object. A wheel without problems is unpacked below a new directory STAGING,
beside a compiled profile `vet`: PROFILE with the package, but imported by no template, which is outside of
the boxes. So the first byte of a wheel runs in a box, where pysbctl imports it. `keep` moves what has passed
into the directory of wheels, which is the only thing that is ever installed.

pysb-runner has given up all privileges and has bounds on memory and CPU time when this starts; the process
that reads the wheel is one more, so that somebody is left to clean up.
"""

import fcntl
import json
import os
import shutil
import sys
import tempfile
import time

try:
    import _closure as closure  # frozen into pysb-runner
    import _compile_profile as compile_profile
    import _distributions as distributions
    import _requirements as requirements
    import _wheel as wheel_file
except ImportError:
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import closure
    import compile_profile
    import distributions
    import requirements
    import wheel as wheel_file
    del sys.path[0]

REPORT_MAX_BYTES = 8 << 20
STAGING_PREFIX = '.vet-'
STAGING_MAX_AGE_SEC = 24 * 60 * 60


class Request:
    """What is asked for: the arguments of `examine`."""

    def __init__(self, version, profile, directories, into, native, name):
        self.version = version
        self.profile = profile
        self.directories = directories.split(':')
        self.into = into
        self.native = native == 'native'
        self.name = name


def compile_bytecode(place):
    """So that no box has to: it could not keep it. What is no Python of this version is left alone."""
    import importlib.util
    import py_compile
    import warnings

    warnings.simplefilter('ignore')
    for directory, _, files in os.walk(place):
        for name in files:
            if not name.endswith('.py'):
                continue
            path = os.path.join(directory, name)
            try:
                # Unchecked: the directory is read-only, and no time stamp needs to survive a copy.
                py_compile.compile(path, importlib.util.cache_from_source(path), doraise=True, quiet=2,
                                   invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
            except (py_compile.PyCompileError, ValueError, RecursionError, MemoryError):
                pass


def write_vetted(directory, packages):
    """vetted.json of a directory, all at once."""
    path = os.path.join(directory, distributions.VETTED)
    temporary = os.path.join(directory, '.' + distributions.VETTED)
    with open(temporary, 'w', encoding='utf-8') as file:
        os.fchmod(file.fileno(), 0o644)
        json.dump({'format': distributions.VETTED_FORMAT, 'packages': packages}, file, indent=1, sort_keys=True)
        file.write('\n')
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, path)


def make_entry(wheel, version):
    """What vetted.json says of a wheel."""
    return {
        'name': wheel.name,
        'version': wheel.version,
        'directory': wheel.directory,
        'imports': [name for name in wheel.imports if distributions.is_public(name)],
        'requires': wheel.requires,
        'native': wheel.native,
        'licence': wheel.licence or 'unknown',
        'python': '%d.%d' % sys.version_info[:2],
        'sha256': wheel.sha256,
        'vetted': time.strftime('%Y-%m-%d', time.gmtime()),
        'pysb': version,
    }


def stage(wheel, request, staging):
    """Unpacks the wheel: a directory of wheels with this one in it."""
    directory = os.path.join(staging, 'wheels')
    place = os.path.join(directory, wheel.directory)
    os.makedirs(place, 0o755)
    wheel.unpack(place)
    compile_bytecode(place)
    write_vetted(directory, {requirements.normalize(wheel.name): make_entry(wheel, request.version)})
    return distributions.Wheels(directory)


def read_profile(request):
    """The values of the profile, and where it was found."""
    paths = [os.path.join(directory, request.profile + '.toml') for directory in request.directories]
    path = next((path for path in paths if os.path.exists(path)), None)
    if not path:
        raise distributions.PackageError('there is no profile %s' % ascii(request.profile))
    directories = [os.path.dirname(path), *request.directories]
    return compile_profile.resolve(path, directories), directories


def find_shelves(staged, values, request):
    """Where the wheel may find what it requires."""
    shelves = [staged, distributions.Debian()]
    wheels = values.get('python.wheels')
    place = request.into or (wheels.value if wheels else '')
    if place and os.path.exists(os.path.join(place, distributions.VETTED)):
        shelves.insert(1, distributions.Wheels(place))
    return shelves


def find_dependencies(package, shelves):
    """Lines for people: what is required, and what is there."""
    for requirement in package.requires:
        for shelf in shelves:
            if other := shelf.find(requirement.name):
                is_right = requirements.version_matches(other.version, requirement.specifiers)
                yield '%s: %s of %s%s' % (requirement, other, shelf.what, '' if is_right else ', which does not fit')
                break
        else:
            yield '%s: missing' % requirement


def compile_vet_profile(package, request, shelves, staging):
    """The profile with the package, which only jobs import."""
    os.mkdir(os.path.join(staging, 'profiles'), 0o755)
    values, directories = read_profile(request)
    place = request.profile + '.toml:1'
    packages = compile_profile.list_items(values, 'python.packages')
    values |= {
        'profile.description': compile_profile.Value('for vetting a wheel', place),
        'profile.granted': compile_profile.Value(False, place),
        'python.packages': compile_profile.Value(
            [*packages, compile_profile.Value(package.name, place)], place),
    }
    if request.native:
        values['python.native_packages'] = compile_profile.Value(True, place)
    values.pop('python.wheels', None)
    compile_profile.resolve_packages(values, shelves)
    preload = compile_profile.list_items(values, 'python.preload')
    values['python.preload'] = compile_profile.Value(
        [item for item in preload if not closure.is_below(item.value, package.imports)], place)
    text = compile_profile.finish_profile(values, 'vet', directories)
    with open(os.path.join(staging, 'profiles', 'vet.profile'), 'w', encoding='utf-8') as file:
        file.write(text)


def find_stand_ins(wheel):
    """Modules that Debian's packages have, too: a box gets the wheel's, and so does sandbox_utils."""
    for name in getattr(wheel, 'imports', ()):
        if next(distributions.walk_files(distributions.DEBIAN, name), None):
            yield "Debian's %s" % name


def report_of(wheel):
    """What is known of a wheel that was examined; of one with problems perhaps not much."""
    members = getattr(wheel, 'members', {})
    return {
        'file': wheel.file_name,
        'sha256': wheel.sha256,
        'name': wheel.name,
        'version': wheel.version,
        'licence': getattr(wheel, 'licence', None) or 'unknown',
        'tags': getattr(wheel, 'tags', []),
        'files': len(members),
        'unpackedBytes': sum(info.file_size for info in members.values()),
        'native': wheel.native,
        'imports': [name for name in getattr(wheel, 'imports', ()) if distributions.is_public(name)],
        'dependencies': [],
        'ignored': wheel.ignored,
        'standsInFor': list(find_stand_ins(wheel)),
        'problems': wheel.problems,
        'staging': None,
    }


def examine_staged(wheel, report, request, staging):
    """What takes the unpacked files: dependencies, and the profile for the box."""
    staged = stage(wheel, request, staging)
    package = staged.find(wheel.name)
    values, _ = read_profile(request)
    shelves = find_shelves(staged, values, request)
    report['dependencies'] = list(find_dependencies(package, shelves))
    compile_vet_profile(package, request, shelves, staging)
    report['staging'] = staging


def examine(request, staging):
    """The report, by the process that reads the wheel."""
    report = {'file': os.path.basename(request.name), 'problems': [], 'staging': None}
    try:
        wheel = wheel_file.Wheel(os.fdopen(0, 'rb'), request.name)
        wheel.examine()
        if wheel.native and not request.native:
            wheel.problem('it has native code, %s; a profile with native_packages = true takes it, vet it with '
                          '--native', wheel_file.shown(wheel.native[0]))
        report = report_of(wheel)
        if not wheel.problems:
            examine_staged(wheel, report, request, staging)
    except (wheel_file.WheelError, distributions.PackageError, compile_profile.ProfileError) as error:
        report['problems'].append(str(error))
    except (OSError, MemoryError, RecursionError) as error:
        report['problems'].append('it cannot be examined: %s' % (error or type(error).__name__))
    return report


def run_child(request, staging, pipe):
    """Examines in a process of its own, which may run into its bounds."""
    text = json.dumps(examine(request, staging))
    with open(pipe, 'w', encoding='utf-8') as file:
        file.write(text)


def prepare_into(directory):
    """The directory of wheels, which is made if there is none."""
    if not os.path.exists(directory):
        os.mkdir(directory, 0o755)
    if os.path.exists(os.path.join(directory, distributions.VETTED)):
        distributions.Wheels(directory)
        return
    distributions.check_trusted(directory)
    if any(not name.startswith('.') for name in os.listdir(directory)):
        raise distributions.PackageError('%s has files in it and no %s: it is no directory of wheels'
                                         % (directory, distributions.VETTED))


def drop_stale(directory):
    """Removes what a call has left there that was interrupted. One that runs may be another terminal's."""
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        try:
            if name.startswith(STAGING_PREFIX) and time.time() - os.lstat(path).st_mtime > STAGING_MAX_AGE_SEC:
                shutil.rmtree(path, ignore_errors=True)
        except FileNotFoundError:
            pass  # its own call has removed it


def main_examine(*arguments):
    """Prints the report of one wheel."""
    request = Request(*arguments)
    if request.into:
        prepare_into(request.into)
        drop_stale(request.into)
    staging = tempfile.mkdtemp(prefix=STAGING_PREFIX, dir=request.into or '/var/tmp')
    os.chmod(staging, 0o755)  # the ids of a box are others
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read_end)
            run_child(request, staging, write_end)
        finally:
            os._exit(0)
    os.close(write_end)
    with open(read_end, 'rb') as file:
        text = file.read(REPORT_MAX_BYTES)
    _, status = os.waitpid(child, 0)
    try:
        report = json.loads(text)
    except ValueError:
        report = {'file': os.path.basename(request.name), 'staging': None, 'problems': [
            'the process that examined it died, perhaps of its bounds on memory and time (status %d)' % status]}
    if report['staging'] is None:
        shutil.rmtree(staging)
    print(json.dumps(report))


def main_keep(staging, into):
    """Puts what has passed into the directory of wheels.

    The version that it replaces stays until the next one comes: a daemon that runs still mounts it.
    """
    with open(os.path.join(into, '.lock'), 'w', encoding='ascii') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        source = os.path.join(staging, 'wheels')
        ((name, entry),) = distributions.Wheels(source).entries.items()
        there = os.path.exists(os.path.join(into, distributions.VETTED))
        packages = distributions.Wheels(into).entries if there else {}
        before = packages.get(name, {'directory': entry['directory']})
        target = os.path.join(into, entry['directory'])
        gone = [old for old in before.get('older', ()) if old != before['directory']]
        if os.path.lexists(target):
            os.rename(target, os.path.join(staging, 'replaced'))
        os.rename(os.path.join(source, entry['directory']), target)
        if before['directory'] != entry['directory']:
            entry['older'] = [before['directory']]
        write_vetted(into, packages | {name: entry})
        for old in gone:
            if old != entry['directory']:
                shutil.rmtree(os.path.join(into, old), ignore_errors=True)
    main_drop(staging)


def main_drop(staging):
    """Removes what is of no more use."""
    if not os.path.basename(staging).startswith(STAGING_PREFIX):
        raise distributions.PackageError('%s is no directory of ours' % staging)
    shutil.rmtree(staging)


def main(arguments):
    """Exit status of the program."""
    verbs = {'examine': (main_examine, 6), 'keep': (main_keep, 2), 'drop': (main_drop, 1)}
    os.umask(0o022)
    if not arguments or arguments[0] not in verbs or len(arguments) != verbs[arguments[0]][1] + 1:
        print('usage: examine VERSION PROFILE DIRECTORIES INTO NATIVE NAME | keep STAGING INTO | drop STAGING',
              file=sys.stderr)
        return 2
    try:
        verbs[arguments[0]][0](*arguments[1:])
    except (distributions.PackageError, OSError) as error:
        print('pysb-runner: %s' % error, file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
