# SPDX-License-Identifier: LGPL-2.1-or-later
"""Trees of files: looking for them, walking, drawing, copying and removing them.

Entries are sorted by name as bytes, which is the order of LC_ALL=C. Symlinks below the path that is given
are not followed. Only the names in the directories on the way to the current one are in memory, unless a
function says otherwise.
"""

import errno
import fnmatch
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from . import _paths

__all__ = ['find', 'tree', 'walk', 'copy_tree', 'remove_tree']

_BLOCK_BYTES = 1 << 18
# What would break a line, or the terminal, is one question mark as with `ls -q`.
_CONTROL = {code: '?' for code in (*range(32), *range(127, 160), 0x2028, 0x2029)}

_Found = tuple[list[str], str]  # components below the directory, kind as in _paths.listing()


def _join(path: str, names: list[str]) -> str:
    return '/'.join([path, *names])


def _is_directory(names: list[str], path: str) -> bool:
    status = _paths.look(names, path)
    return status is not None and stat.S_ISDIR(status.st_mode)


def _list(names: list[str], path: str) -> list[tuple[str, str]]:
    """What is in a directory; nothing if it has gone in the meantime."""
    try:
        with _paths.directory(names, path) as fd:
            return _paths.listing(fd)
    except FileNotFoundError:
        return []


def _descend(start: list[str], path: str, depth: int | None = None) -> Iterator[_Found]:
    """Everything below a directory, each directory before what is in it."""
    names: list[str] = []
    levels = [iter(_list(start, path))]
    while levels:
        name, kind = next(levels[-1], (None, None))
        if name is None:
            levels.pop()
            del names[-1:]
            continue
        yield [*names, name], kind
        if kind == 'd' and (depth is None or len(levels) < depth):
            names.append(name)
            levels.append(iter(_list([*start, *names], _join(path, names))))


def _matcher(pattern: str) -> Callable[[list[str]], bool]:
    """Whether the components of a path below the start match. Without a slash it is the name that does."""
    if not isinstance(pattern, str):
        raise TypeError(f'a pattern must be a str, not {type(pattern).__name__}')
    wanted = pattern.split('/')
    if len(wanted) == 1:
        return lambda names: fnmatch.fnmatchcase(names[-1], pattern)
    if wanted[0] == '' or '..' in wanted:
        raise ValueError(f'{_paths.shown(pattern)} must be relative to the path, and without `..`')
    wanted = [part for part in wanted if part not in ('', '.')]

    def skip(places: set[int]) -> set[int]:
        """`**` also stands for nothing."""
        for place in range(len(wanted)):
            if place in places and wanted[place] == '**':
                places.add(place + 1)
        return places

    def match(names: list[str]) -> bool:
        # All places of the pattern where one can be, at once: no pattern takes long.
        places = skip({0})
        for name in names:
            places = skip({place + (wanted[place] != '**') for place in places if place < len(wanted) and
                           (wanted[place] == '**' or fnmatch.fnmatchcase(name, wanted[place]))})
        return len(wanted) in places
    return match


def find(pattern: str, path: str | os.PathLike[str] = '/app', recursive: bool = True) -> list[Path]:
    """The files, directories and symlinks below a directory whose name matches, as `find PATH -name PATTERN`.

    pattern: as a shell's, `*`, `?`, `[abc]` and `[!abc]`, for the whole name; upper and lower case differ.
        With a slash in it, it is for the path below the directory, where `**` stands for any number of
        directories: 'src/**/*.py'.
    recursive: False looks at what is directly in the directory, as -maxdepth 1. A pattern with a slash
        says itself how deep it goes.
    -> Paths that begin with the path as it was given, sorted, hidden ones included; [] if nothing matches
        or the path does not exist. A path that is a file is itself, if its name matches.

    The directory itself is not among them, which find would show if its name matched; `[^abc]` and
    `[[:alpha:]]` mean nothing special, and a backslash is a backslash. ValueError if the path leads out of
    /app, or the pattern is absolute or has `..`; PermissionError for a directory that cannot be read.
    Memory: the result.
    """
    match = _matcher(pattern)
    start, text = _paths.names_of(path), _paths.text_of(path)
    base, status = Path(text), _paths.look(start, text)
    if status is None:
        return []
    if not stat.S_ISDIR(status.st_mode):
        return [base] if match([base.name]) else []
    depth = None if recursive or '/' in pattern else 1
    return [base.joinpath(*names) for names, _ in _descend(start, text, depth) if match(names)]


def walk(path: str | os.PathLike[str] = '/app',
         filter_func: Callable[[Path], object] | None = None) -> Iterator[Path]:
    """Everything below a directory, one after the other: each directory, then what is in it.

    filter_func: called with each Path; those for which it is false are left out. What is below a directory
        that is left out comes all the same.
    -> a lazy iterator of Paths that begin with the path as it was given, sorted, hidden ones and
        directories included; it is empty if the path does not exist or is no directory.

    What is added or removed meanwhile may or may not be seen. ValueError, at the call, if the path leads
    out of /app; PermissionError for a directory that cannot be read.
    """
    start, text = _paths.names_of(path), _paths.text_of(path)
    found = _descend(start, text) if _is_directory(start, text) else ()
    paths = (Path(path).joinpath(*names) for names, _ in found)
    return filter(filter_func, paths) if filter_func else paths


def _count(number: int, one: str, many: str) -> str:
    return f'{number} {one if number == 1 else many}'


def tree(path: str | os.PathLike[str] = '/app', max_depth: int | None = None) -> str:
    """A drawing of a directory and what is below it, as `tree -aF`.

        /app
        ├── data/
        │   └── a.csv
        └── latest -> data/a.csv

        1 directory, 2 files

    max_depth: so many levels, as -L; None is all of them.
    -> lines without a newline behind the last one. The first one is the path as it was given; names of
        directories end with a slash, symlinks say where they lead and count as files; control characters
        are question marks. Of a path that does not exist, or is no directory, there are only the first
        and the last line.

    Hidden files are shown, and of the marks of -F only the slash. ValueError if the path leads out of /app
    or max_depth is less than 1; PermissionError for a directory that cannot be read. Memory: the result.
    """
    if max_depth is not None and max_depth < 1:
        raise ValueError(f'max_depth must be at least 1, not {max_depth}')
    start, text = _paths.names_of(path), _paths.text_of(path)
    lines, directories, files = [text.translate(_CONTROL)], 0, 0
    if _is_directory(start, text):
        for line, kind in _draw(start, text, max_depth):
            lines.append(line.translate(_CONTROL))
            directories += kind == 'd'
            files += kind != 'd'
    lines += ['', f'{_count(directories, "directory", "directories")}, {_count(files, "file", "files")}']
    return '\n'.join(lines)


def _draw(start: list[str], path: str, depth: int | None) -> Iterator[tuple[str, str]]:
    """(line, kind) of everything below; each waits for the next one, since the last of a directory has
    another branch."""
    levels = [_list(start, path)[::-1]]
    names: list[str] = []
    indents = ['']
    while levels:
        if not levels[-1]:
            levels.pop()
            indents.pop()
            del names[-1:]
            continue
        name, kind = levels[-1].pop()
        is_last = not levels[-1]
        shown = name + '/' if kind == 'd' else name
        if kind == 'l':
            shown += ' -> ' + _read_link([*start, *names, name], _join(path, [*names, name]))
        yield indents[-1] + ('└── ' if is_last else '├── ') + shown, kind
        if kind == 'd' and (depth is None or len(levels) < depth):
            names.append(name)
            levels.append(_list([*start, *names], _join(path, names))[::-1])
            indents.append(indents[-1] + ('    ' if is_last else '│   '))


def _read_link(names: list[str], path: str) -> str:
    with _paths.place(names, path) as (fd, name):
        return os.readlink(name, dir_fd=fd)


def copy_tree(src: str | os.PathLike[str], dst: str | os.PathLike[str]) -> int:
    """Copies all that is in a directory into another one, as `cp -r SRC/. DST`.

    -> how many files it copied; symlinks count, directories do not.

    The directory dst, and those above it, are made where they do not exist. Files that exist are
    overwritten and keep their mode; new ones have that of the original as far as the umask lets them,
    directories that of mkdir. Symlinks are copied as symlinks. One in dst is replaced, where cp would write
    to the file that it leads to.

    ValueError, before anything is copied: a path leads out of /app, dst is src or in it, a symlink leads
    out of /app or would do so from its new place, or there is a pipe or socket. FileNotFoundError if there
    is no src, NotADirectoryError if it is none, or where a file would become a directory,
    IsADirectoryError for the reverse; what has been copied by then stays. Memory: the names of all
    files; contents are copied in blocks.
    """
    source, target = _paths.names_of(src), _paths.names_of(dst)
    return copy_directory(source, target, _paths.text_of(src), _paths.text_of(dst), True)


def copy_directory(source: list[str], target: list[str], src: str, dst: str, parents: bool = False) -> int:
    """copy_tree() from components to components; the directory above the target is made if parents."""
    with _paths.directory(source, src):
        pass  # there is one
    check_apart(source, target, src, dst)
    found = check_copies(source, target, src)
    _paths.make_directories(target[:-1] if parents else [], dst)
    copy_directory_itself(source, target, src, dst)
    for names, kind in found:
        copy = {'d': copy_directory_itself, 'l': copy_link, 'f': copy_file}[kind]
        copy([*source, *names], [*target, *names], _join(src, names), _join(dst, names))
    return sum(kind != 'd' for _, kind in found)


def check_apart(source: list[str], target: list[str], src: str, dst: str) -> None:
    if target[:len(source)] == source:
        raise ValueError(f'{_paths.shown(dst)} is {_paths.shown(src)} or in it')


def check_different(source: os.stat_result | None, target: os.stat_result | None, src: str, dst: str) -> None:
    if source is not None and target is not None and os.path.samestat(source, target):
        raise ValueError(f'{_paths.shown(src)} and {_paths.shown(dst)} are the same file')


def check_copies(source: list[str], target: list[str], path: str) -> list[_Found]:
    """All that is to be copied, if all of it can be."""
    found = list(_descend(source, path))
    for names, kind in found:
        if kind == 'l':
            check_link([*source, *names], [*target, *names], _join(path, names))
        elif kind == '?':
            raise ValueError(f'{_paths.shown(_join(path, names))} is no file, directory or symlink')
    return found


def check_link(source: list[str], target: list[str], path: str) -> None:
    """A symlink may only be copied if it stays inside, here and at its new place."""
    text = _read_link(source, path)
    for names in (source, target):
        # An absolute one begins anew.
        below = text if text.startswith('/') else _join(_paths.ROOT, [*names[:-1], text])
        with _paths.named(path):
            _paths.resolve(below, path)


def copy_directory_itself(source: list[str], target: list[str], src: str, dst: str) -> None:
    """The directory without what is in it; it may be there."""
    with _paths.place(target, dst) as (fd, name):
        try:
            os.mkdir(name, dir_fd=fd)
        except FileExistsError:
            if not stat.S_ISDIR(os.lstat(name, dir_fd=fd).st_mode):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None


def _unlink_symlink(fd: int, name: str) -> None:
    try:
        if stat.S_ISLNK(os.lstat(name, dir_fd=fd).st_mode):
            os.unlink(name, dir_fd=fd)
    except FileNotFoundError:
        pass


def copy_link(source: list[str], target: list[str], src: str, dst: str) -> None:
    """A symlink as a symlink; a file that is there makes way."""
    check_link(source, target, src)
    check_different(_paths.look(source, src), _paths.look(target, dst), src, dst)
    text = _read_link(source, src)
    with _paths.place(target, dst) as (fd, name):
        try:
            os.unlink(name, dir_fd=fd)
        except FileNotFoundError:
            pass
        os.symlink(text, name, dir_fd=fd)


def copy_file(source: list[str], target: list[str], src: str, dst: str) -> None:
    """The content of a file, in blocks, and its mode if the copy is new."""
    with _paths.place(source, src) as (fd, name):
        reader = open(_paths.open_regular(fd, name, os.O_RDONLY, src), 'rb', 0)
    with reader:
        status = os.fstat(reader.fileno())
        with _paths.place(target, dst) as (fd, name):
            _unlink_symlink(fd, name)
            # Not O_TRUNC: it may be a hard link to the original.
            file = _paths.open_regular(fd, name, os.O_WRONLY | os.O_CREAT, dst, status.st_mode & 0o777)
            writer = open(file, 'wb', _BLOCK_BYTES)
        with writer:
            check_different(status, os.fstat(writer.fileno()), src, dst)
            writer.truncate(0)
            while block := reader.read(_BLOCK_BYTES):
                writer.write(block)


def refuse_names(path: str, names: tuple[str, ...]) -> None:
    """Whoever ends a path like that means something else than what would be gone."""
    if path.rstrip('/').rpartition('/')[2] in names:
        raise ValueError(f'{_paths.shown(path)} is not removed: name the directory itself')


def remove_tree(path: str | os.PathLike[str], pattern: str | None = None) -> int:
    """Removes a file, or a directory with all that is in it, as `rm -r`.

    pattern: only the files and symlinks below the directory that match, as those of find(); directories
        stay, even empty ones.
    -> how many files, symlinks and directories it removed; 0 if the path does not exist.

    A symlink is removed itself, not what it leads to. Of /app, what is in it is removed. ValueError if the
    path leads out of /app, a symlink included: that one goes with its directory, or by a pattern; and if its
    last name is `..`. An OSError, such as PermissionError, ends it; what has been removed by then is gone. Memory: the names of
    all directories.
    """
    match = _matcher(pattern) if pattern is not None else None
    names, text = _paths.names_of(path, False), _paths.text_of(path)
    refuse_names(text, ('..',))
    status = _paths.look(names, text)
    if status is None:
        return 0
    if not stat.S_ISDIR(status.st_mode):
        if match and not match(names[-1:]):
            return 0
        with _paths.place(names, text) as (fd, name):
            os.unlink(name, dir_fd=fd)
        return 1
    removed = _empty(names, text, match)
    if names and not match:
        with _paths.place(names, text) as (fd, name):
            os.rmdir(name, dir_fd=fd)
        removed += 1
    return removed


def _empty(start: list[str], path: str, match: Callable[[list[str]], bool] | None) -> int:
    """Removes what is in a directory: from the innermost to the outermost one, each at once."""
    removed = 0
    directories = [names for names, kind in _descend(start, path) if kind == 'd']
    for names in reversed([[], *directories]):
        with _paths.directory([*start, *names], _join(path, names)) as fd:
            for name, kind in _paths.listing(fd):
                if match and (kind == 'd' or not match([*names, name])):
                    continue
                (os.rmdir if kind == 'd' else os.unlink)(name, dir_fd=fd)
                removed += 1
    return removed
