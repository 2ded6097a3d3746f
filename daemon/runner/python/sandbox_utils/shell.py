# SPDX-License-Identifier: LGPL-2.1-or-later
"""The small commands of a shell, on files in /app."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator

from . import _paths, files as _files

__all__ = ['ls', 'cat', 'touch', 'mkdir', 'rm', 'cp', 'mv', 'echo']

_TYPES = {stat.S_IFDIR: 'directory', stat.S_IFREG: 'file', stat.S_IFLNK: 'symlink'}


def _error(code: int, path: str) -> OSError:
    """Of the class that goes with the code."""
    return OSError(code, os.strerror(code), path)


def _describe(status: os.stat_result, name: str) -> dict[str, object]:
    return {
        'name': name,
        'size': status.st_size,
        'type': _TYPES.get(stat.S_IFMT(status.st_mode), 'other'),
        'is_dir': stat.S_ISDIR(status.st_mode),
        'modified': status.st_mtime,
        'permissions': stat.filemode(status.st_mode),
    }


def _describe_all(fd: int, names: list[str]) -> Iterator[dict[str, object]]:
    for name in names:
        with contextlib.suppress(FileNotFoundError):  # it has gone in the meantime
            yield _describe(os.lstat(name, dir_fd=fd), name)


def ls(path: str | os.PathLike[str] = '/app', all: bool = False,
       long: bool = False) -> list[str] | list[dict[str, object]]:
    """What is in a directory, sorted by name as bytes, as LC_ALL=C ls.

    all: with the names that begin with a point, but without `.` and `..`: ls -A.
    long: dicts instead of names: {'name': 'a.txt', 'size': 12, 'type': 'file', 'is_dir': False,
        'modified': 1700000000.5, 'permissions': '-rw-r--r--'}. Sizes are in bytes, times in seconds since
        1970; type is 'file', 'directory', 'symlink' or 'other'. Symlinks are described themselves.
    -> a list; [] if the path does not exist; of a file that file, by the path as it was given.

    A path that is a symlink to a directory is that directory, with long, too. ValueError if it leads out
    of /app; PermissionError for a directory that cannot be read. Memory: the result.
    """
    names, text = _paths.names_of(path), _paths.text_of(path)
    status = _paths.look(names, text) or _paths.status(path, follow=False)  # a symlink to nothing
    if status is None:
        return []
    if not stat.S_ISDIR(status.st_mode):
        return [_describe(status, text)] if long else [text]
    with _paths.directory(names, text) as fd:
        found = [name for name, _ in _paths.listing(fd) if all or not name.startswith('.')]
        return list(_describe_all(fd, found)) if long else found


def cat(*files: str | os.PathLike[str]) -> str:
    """The contents of files, one behind the other; '' of none.

    -> text as UTF-8; bytes that are none are kept as half surrogates, line ends as they are.

    FileNotFoundError, IsADirectoryError, PermissionError as open(); ValueError if a path leads out of /app
    or is no regular file. Memory: the result.
    """
    for file in files:
        _paths.validate(file)
    parts = []
    for file in files:
        with _paths.open_file(file) as reader:
            parts.append(reader.read())
    return ''.join(parts)


def touch(*files: str | os.PathLike[str]) -> None:
    """Makes empty files, or sets the times of those that exist to now; of directories, too.

    ValueError if one leads out of /app: then nothing has happened. FileNotFoundError if the directory of
    one does not exist; those before it are there then.
    """
    for file in files:
        _paths.validate(file)
    for file in files:
        with _paths.at(file) as (fd, name):
            try:
                os.utime(name, dir_fd=fd, follow_symlinks=False)
            except FileNotFoundError:
                os.close(_paths.open_regular(fd, name, os.O_WRONLY | os.O_CREAT, _paths.text_of(file)))


def mkdir(path: str | os.PathLike[str], parents: bool = True) -> None:
    """Makes a directory.

    parents: those above it, too, and it may exist: mkdir -p. False: FileExistsError if it exists,
        FileNotFoundError if the one above it does not, as mkdir.

    FileExistsError if it is a file, NotADirectoryError if one above it is, ValueError if it leads out of
    /app. Unlike the tool it goes through a symlink to nothing, and makes what that leads to.
    """
    names, text = _paths.names_of(path), _paths.text_of(path)
    if not parents:
        with _paths.place(names, text) as (fd, name):
            os.mkdir(name, dir_fd=fd)
        return
    status = _paths.look(names, text)
    if status is not None and not stat.S_ISDIR(status.st_mode):
        raise _error(errno.EEXIST, text)
    _paths.make_directories(names, text)


def rm(path: str | os.PathLike[str], recursive: bool = False, force: bool = False) -> int:
    """Removes a file or a symlink, or, with recursive, a directory and all that is in it, as remove_tree().

    force: a path that does not exist is no error, as with -f. It does nothing else.
    -> how many files, symlinks and directories it removed; 0 if the path does not exist, with force.

    FileNotFoundError if it does not exist, IsADirectoryError for a directory without recursive, ValueError
    if it leads out of /app, as a symlink, too: see remove_tree(); or if its last name is `.` or `..`.
    """
    _files.refuse_names(_paths.text_of(path), ('.', '..'))
    names, text = _paths.names_of(path, False), _paths.text_of(path)
    status = _paths.look(names, text)
    if status is None:
        if force:
            return 0
        raise _error(errno.ENOENT, text)
    if stat.S_ISDIR(status.st_mode) and not recursive:
        raise _error(errno.EISDIR, text)
    return _files.remove_tree(path)


def _destination(source: list[str], dst: str | os.PathLike[str], follow: bool) -> tuple[list[str], str]:
    """Components and path of what dst means: a directory is where it goes to, under its own name."""
    names, text = _paths.names_of(dst), _paths.text_of(dst)
    status = _paths.look(names, text)
    if source and status is not None and stat.S_ISDIR(status.st_mode):
        text += '/' + source[-1]
    return _paths.names_of(text, follow), text


def _check_different(src: str | os.PathLike[str], source: list[str], target: list[str], dst: str) -> None:
    """Nor may a symlink take the place of what it leads to."""
    text, there = _paths.text_of(src), _paths.look(target, dst)
    for names in (source, _paths.names_of(src)):
        _files.check_different(_paths.look(names, text), there, text, dst)


def cp(src: str | os.PathLike[str], dst: str | os.PathLike[str], recursive: bool = False) -> None:
    """Copies a file to a file, or into a directory if dst is one.

    recursive: src may be a directory, which is copied as by copy_tree(), or a symlink, which is copied
        itself: cp -r. Without it, a symlink is the file that it leads to.

    A file that exists is overwritten. FileNotFoundError if there is no src, or no directory to put it
    into; IsADirectoryError if src is a directory, without recursive, or where it would replace a directory;
    NotADirectoryError where a directory would replace a file; ValueError if a path leads out of /app, both
    are the same file, or a directory would be copied into itself. Memory: a file is copied in blocks.

    Unlike the tool it writes through a symlink to nothing, which makes what that leads to; and `d/.` is d,
    under that name.
    """
    source, src_text = _paths.names_of(src, not recursive), _paths.text_of(src)
    status = _paths.look(source, src_text)
    if status is None:
        raise _error(errno.ENOENT, src_text)
    is_link, is_directory = stat.S_ISLNK(status.st_mode), stat.S_ISDIR(status.st_mode)
    # Into a directory it goes under the name that it was given by; only a file is written through a symlink.
    name = _paths.names_of(src, False)
    target, dst_text = _destination(name, dst, not (is_link or is_directory and name))
    if is_directory:
        if not recursive:
            raise _error(errno.EISDIR, src_text)
        _files.copy_directory(source, target, src_text, dst_text)
    elif is_link:
        _check_different(src, source, target, dst_text)
        _files.copy_link(source, target, src_text, dst_text)
    else:
        _files.copy_file(source, target, src_text, dst_text)


def mv(src: str | os.PathLike[str], dst: str | os.PathLike[str]) -> None:
    """Renames a file, a symlink or a directory, or moves it into a directory if dst is one.

    A file that exists is replaced. FileNotFoundError if there is no src, or no directory to put it into;
    IsADirectoryError where a file would replace a directory, NotADirectoryError for the reverse, OSError
    (ENOTEMPTY) where a directory would replace one that is not empty; ValueError if a path leads out of
    /app, a symlink also by what it would mean at its new place, both are the same file, or a directory would be
    moved into itself.
    """
    source, src_text = _paths.names_of(src, False), _paths.text_of(src)
    status = _paths.look(source, src_text)
    if status is None:
        raise _error(errno.ENOENT, src_text)
    target, dst_text = _destination(source, dst, False)
    _check_different(src, source, target, dst_text)
    _files.check_apart(source, target, src_text, dst_text)
    if stat.S_ISLNK(status.st_mode):
        _files.check_link(source, target, src_text)
    with _paths.place(source, src_text) as (src_fd, src_name), _paths.place(target, dst_text) as (fd, name):
        os.rename(src_name, name, src_dir_fd=src_fd, dst_dir_fd=fd)


def echo(text: str, file: str | os.PathLike[str] | None = None, append: bool = False) -> str | None:
    """Gives back a text, or writes it to a file, with a newline behind it.

    file: is overwritten, or, with append, made longer; it is made if it does not exist.
    -> the text, without a newline, if there is no file; it is not printed. Else None.

    Backslashes mean nothing special, as in bash. FileNotFoundError if the directory of the file does not
    exist, IsADirectoryError, PermissionError as open(); ValueError if the file leads out of /app, or the
    text has half a surrogate pair: then the file is as it was.
    """
    text = str(text)
    if file is None:
        return text
    data = (text + '\n').encode('utf-8', 'surrogateescape')
    with _paths.open_file(file, 'ab' if append else 'wb') as writer:
        writer.write(data)
    return None
