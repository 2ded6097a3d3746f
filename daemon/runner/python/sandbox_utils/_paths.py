# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which paths may be touched: those in /app. The one place of sandbox_utils that decides it.

validate() says where a path leads, and refuses what leads out. Since everything may have changed a moment
later, whoever acts on a path does it through at() or open_file(), which go down to it once more from a
descriptor of /app, component by component, and follow no symlink on that way.

None of this is the wall: that is the mount namespace of the box, in which there is nothing else to write
to. It keeps honest programs, and those that they hand names to, from surprises.
"""

import contextlib
import errno
import io
import os
import stat

# Where a box has no mounts of its own, and in tests, it is another directory, one without symlinks in its path. It
# has this name there, too.
NAME = ROOT = '/app'

PATH_BYTES = 4096
NAME_BYTES = 255
LINKS_MAX = 40  # as many as the kernel follows

# What it takes to go through a directory.
_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# With a size, open() does not ask whether the file is a terminal.
_BUFFER_BYTES = 65536
_SHOWN_CHARACTERS = 200

Path = str | os.PathLike[str]


def shown(path: str) -> str:
    """A path as messages show it: as it was given, quoted, and cut where it is very long."""
    if len(path) > _SHOWN_CHARACTERS:
        return repr(path[:_SHOWN_CHARACTERS])[:-1] + "…'"
    return repr(path)


def _outside(path: str) -> ValueError:
    return ValueError(f'{shown(path)} leads outside: paths must be inside /app')


def _not_regular(path: str) -> ValueError:
    return ValueError(f'{shown(path)} is no regular file: pipes, sockets and devices are not opened')


def text_of(path: Path) -> str:
    """The path as a str that the kernel could take. TypeError, ValueError."""
    text = path if isinstance(path, str) else os.fspath(path) if isinstance(path, os.PathLike) else None
    if not isinstance(text, str):
        raise TypeError(f'a path must be a str or a pathlib.Path, not {type(path).__name__}')
    text = str.__str__(text)  # a class of the program's may say one thing now and another one later
    if not text:
        raise ValueError("'' is no path: the directory itself is '.' or '/app'")
    if '\0' in text:
        raise ValueError(f'{shown(text)} has a NUL character: no path can have one')
    try:
        size = len(text) if len(text) > PATH_BYTES else len(os.fsencode(text))
    except UnicodeEncodeError:
        raise ValueError(f'{shown(text)} has half a surrogate pair: no path can have one') from None
    if size > PATH_BYTES:
        raise ValueError(f'{shown(text)} is too long: a path has at most {PATH_BYTES} bytes')
    if size > NAME_BYTES and any(len(os.fsencode(name)) > NAME_BYTES for name in text.split('/')):
        raise ValueError(f'{shown(text)} has a name that is too long: at most {NAME_BYTES} bytes')
    return text


def _components(text: str) -> list[str]:
    return [name for name in text.split('/') if name not in ('', '.')]


def _below_root(text: str, path: str) -> list[str]:
    """The components behind /app; a path that is not absolute begins there."""
    names = _components(text)
    if not text.startswith('/'):
        return names
    for root in map(_components, (ROOT, NAME)):
        if names[:len(root)] == root:
            return names[len(root):]
    raise _outside(path)


class named:
    """Errors of the kernel in its block name the path as it was given, not the component that had them.

    (A class, as the ones below: what contextlib makes would stand in tracebacks.)
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if not isinstance(error, OSError) or error.errno is None:
            return
        if error.errno in (errno.ELOOP, errno.EINVAL):  # was none, or was one, when it was looked at
            raise ValueError(f'{shown(self.path)} was changed by somebody while it was used') from None
        if error.errno == errno.ENAMETOOLONG:  # as a symlink says
            raise ValueError(f'{shown(self.path)} leads to a name that is too long') from None
        raise OSError(error.errno, error.strerror, self.path) from None


def _step(fd: int, name: str) -> int:
    """From a directory to another one; if that is none, the first one stays open."""
    try:
        below = os.open(name, _DIRECTORY, dir_fd=fd)
    except NotADirectoryError:
        if stat.S_ISLNK(os.lstat(name, dir_fd=fd).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
        raise
    os.close(fd)
    return below


def _kind(fd: int, name: str) -> int:
    """The type of a file; 0 is none."""
    try:
        return stat.S_IFMT(os.lstat(name, dir_fd=fd).st_mode)
    except FileNotFoundError:
        return 0


def resolve(text: str, path: str, follow: bool = True) -> list[str]:
    """The components below /app of where a text leads, symlinks resolved; without follow, of a symlink
    itself. What does not exist is kept as it stands. Errors speak of `path`.

    It goes down by descriptors, so that the cost grows with the number of components and no faster.
    """
    todo = _below_root(text, path)[::-1]
    done: list[str] = []
    missing = 0  # so many of the last ones of done are no directories
    links = 0
    fd = os.open(ROOT, _DIRECTORY)
    try:
        while todo:
            name = todo.pop()
            if name == '..':
                if not done:
                    raise _outside(path)
                done.pop()
                if missing:
                    missing -= 1
                else:
                    fd = _step(fd, '..')
                continue
            kind = 0 if missing else _kind(fd, name)
            if kind == stat.S_IFLNK and (follow or todo):
                links += 1
                if links > LINKS_MAX:
                    raise ValueError(f'{shown(path)} leads through too many symlinks, or in a circle')
                target = os.readlink(name, dir_fd=fd)
                todo += _below_root(target, path)[::-1]
                if target.startswith('/'):
                    done.clear()
                    fd = _step(fd, ROOT)
                continue
            done.append(name)
            if kind != stat.S_IFDIR:
                missing += 1
            elif todo:
                fd = _step(fd, name)
    finally:
        os.close(fd)
    return done


def names_of(path: Path, follow: bool = True) -> list[str]:
    """validate(), as components below /app. Without follow a symlink stays itself, as for removing it; one
    that leads out is refused all the same."""
    text = text_of(path)
    with named(text):
        names = resolve(text, text)
        return names if follow else resolve(text, text, False)


def validate(path: Path) -> str:
    """Where a path leads: an absolute path without symlinks, /app or below it.

    A relative path begins in /app, wherever the program has gone by os.chdir(). It need not exist: what
    does is resolved, the rest stays as it is. ValueError if it leads out, even if it came back later
    (`..`, an absolute path elsewhere, symlinks), in a circle, or if no file could have it as its name
    (empty, NUL, too long, half a surrogate pair). TypeError if it is no str and no os.PathLike[str].
    """
    return '/'.join([ROOT.rstrip('/'), *names_of(path)]) or '/'


class directory(named):
    """`with directory(names, path) as fd`: a descriptor, for dir_fd=, of the directory with these
    components, none of which is a symlink. OSErrors, in the block as well, get the path."""

    def __init__(self, names: list[str], path: str) -> None:
        self.names = names
        self.path = path

    def __enter__(self) -> int:
        with named(self.path):
            self.fd = os.open(ROOT, _DIRECTORY)
            try:
                for name in self.names:
                    self.fd = _step(self.fd, name)
            except BaseException:
                os.close(self.fd)
                raise
        return self.fd

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        os.close(self.fd)
        super().__exit__(kind, error, traceback)


class place(directory):
    """`with place(names, path) as (fd, name)`: the directory of the file with these components, and its
    name there; /app itself is '.' in itself.

    The name may be one of a symlink by now: who uses it is to tell the kernel not to follow it.
    """

    def __init__(self, names: list[str], path: str) -> None:
        super().__init__(names[:-1], path)
        self.name = names[-1] if names else '.'

    def __enter__(self) -> tuple[int, str]:
        return super().__enter__(), self.name


def at(path: Path, follow: bool = True) -> place:
    """`with at(path) as (fd, name)`: the place of what a path leads to, or, without follow, of a symlink
    itself. For os.stat, os.open, os.mkdir, os.unlink, os.rename and so on. Errors as validate()."""
    return place(names_of(path, follow), text_of(path))


def open_regular(fd: int, name: str, flags: int, path: str, mode: int = 0o666) -> int:
    """os.open() of a regular file: a pipe is refused, and not waited for."""
    try:
        file = os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, mode, dir_fd=fd)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a pipe that nobody reads, a socket
            raise _not_regular(path) from None
        raise
    kind = stat.S_IFMT(os.fstat(file).st_mode)
    if kind == stat.S_IFREG:
        return file
    os.close(file)
    if kind == stat.S_IFDIR:
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    raise _not_regular(path)


def open_file(path: Path, mode: str = 'r', *, encoding: str = 'utf-8', errors: str = 'surrogateescape',
              newline: str = '') -> io.IOBase:
    """open() for regular files in /app.

    Text is UTF-8; bytes that are none are kept as half surrogates, and line ends as they are, so that
    what is read and written again is the same. ValueError and TypeError as validate(), ValueError for
    pipes, sockets and devices, OSErrors as open(), with the path as it was given.
    """
    def opener(text: str, flags: int) -> int:
        with at(text) as (fd, name):
            return open_regular(fd, name, flags, text)

    words = {} if 'b' in mode else {'encoding': encoding, 'errors': errors, 'newline': newline}
    return io.open(text_of(path), mode, _BUFFER_BYTES, opener=opener, **words)


def look(names: list[str], path: str) -> os.stat_result | None:
    """os.lstat() of what has these components; None if there is nothing."""
    try:
        with place(names, path) as (fd, name):
            return os.lstat(name, dir_fd=fd)
    except (FileNotFoundError, NotADirectoryError):
        return None


def status(path: Path, follow: bool = True) -> os.stat_result | None:
    """os.stat(), or os.lstat() of a symlink; None if there is nothing. Errors as validate()."""
    return look(names_of(path, follow), text_of(path))


def make_directories(names: list[str], path: str) -> None:
    """As `mkdir -p`. NotADirectoryError if a file is in the way."""
    with named(path):
        fd = os.open(ROOT, _DIRECTORY)
        try:
            for name in names:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, dir_fd=fd)
                fd = _step(fd, name)
        finally:
            os.close(fd)


def listing(fd: int) -> list[tuple[str, str]]:
    """(name, kind) of all in a directory, sorted as bytes; kinds are those of `find -type`: d is a
    directory, f a regular file, l a symlink, and ? all else."""
    found = []
    readable = os.open('.', os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=fd)
    try:
        with os.scandir(readable) as entries:
            for entry in entries:
                if entry.is_symlink():
                    kind = 'l'
                elif entry.is_dir(follow_symlinks=False):
                    kind = 'd'
                else:
                    kind = 'f' if entry.is_file(follow_symlinks=False) else '?'
                found.append((entry.name, kind))
    finally:
        os.close(readable)
    found.sort(key=lambda row: os.fsencode(row[0]))
    return found
