# SPDX-License-Identifier: LGPL-2.1-or-later
"""Text files of formats: read strictly, written whole or not at all."""

import codecs
import errno
import io
import os
import stat
from collections.abc import Iterable

from . import _paths

# What is read at once, in characters or bytes.
PIECE = 1 << 16


def name_of(file: _paths.Path) -> str:
    """A file in messages."""
    return _paths.shown(_paths.text_of(file))


def open_text(file: _paths.Path, newline: str = '') -> io.TextIOWrapper:
    """UTF-8, with or without a byte order mark; line ends are left as they are.

    Unlike _paths.open_file() it does not let other bytes pass: they would become text of formats that
    are UTF-8 by definition.
    """
    return io.TextIOWrapper(_paths.open_file(file, 'rb'), encoding='utf-8-sig', newline=newline)


def find_bad_line(binary) -> int:
    """The number of the first line that is not UTF-8."""
    binary.seek(0)
    decoder = codecs.getincrementaldecoder('utf-8')()
    line = 1
    while piece := binary.read(PIECE):
        try:
            line += decoder.decode(piece).count('\n')
        except UnicodeDecodeError as error:
            return line + error.object.count(b'\n', 0, error.start)
    return line


class reading:
    """Closes the stream at the end, and says where it is not UTF-8. (A class: what contextlib makes would
    stand in tracebacks.)"""

    def __init__(self, stream: io.TextIOWrapper, name: str) -> None:
        self.stream, self.name = stream, name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        with self.stream:
            if isinstance(error, UnicodeDecodeError):
                line = find_bad_line(self.stream.buffer)
                raise ValueError('%s: line %d: not UTF-8' % (self.name, line)) from None


def write_text(output: _paths.Path, pieces: Iterable[str]) -> None:
    """Writes the pieces to a file, which gets them when all are there; before that it may be read."""
    with _paths.at(output) as (directory, name):
        mode = check_output(output, directory, name)
        temporary = '.%s.tmp' % os.urandom(8).hex()
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
                     0o666, dir_fd=directory)
        try:
            with io.open(fd, 'w', PIECE, encoding='utf-8', newline='') as file:
                if mode is not None:
                    os.fchmod(fd, mode)
                for piece in pieces:
                    file.write(piece)
            os.replace(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
        except BaseException as error:
            os.unlink(temporary, dir_fd=directory)
            if isinstance(error, UnicodeEncodeError):
                raise ValueError('%s: half of a surrogate pair in the text, which UTF-8 does not have'
                                 % name_of(output)) from None
            raise


def check_output(output: _paths.Path, directory: int, name: str) -> int | None:
    """The mode of the file that will be replaced, if there is one."""
    try:
        status = os.lstat(name, dir_fd=directory)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise ValueError('%s is no regular file' % name_of(output))
    return stat.S_IMODE(status.st_mode)
