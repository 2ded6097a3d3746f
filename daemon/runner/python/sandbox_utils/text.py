# SPDX-License-Identifier: LGPL-2.1-or-later
r"""Texts: grep, sed, head, tail, wc and diff.

A line ends with '\n' and with nothing else: the '\r' of a CRLF is its last character, as it is for the
tools. Patterns and replacements are those of Python's module re. One that takes very long ends with the
job's CPU time; no pattern ever decides which paths may be touched.

What streams holds some hundred KiB and the longest line, whatever the size of the file.
"""

import codecs
import errno
import io
import itertools
import os
import pathlib
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator

from ._diff import find_changes
from ._paths import Path, at, directory, listing, names_of, open_file, shown, status, text_of

__all__ = ['grep', 'grep_iter', 'sed', 'sed_file', 'head', 'tail', 'wc', 'diff']

_BLOCK_BYTES = 65536
_CONTEXT_LINES = 3

# Where wc ends words and str.split() does not, and the other way round.
_ALSO_SPACE = '\u2060'
_NO_SPACE = '\x1c\x1d\x1e\x1f\x85'

_Substitute = Callable[[str], tuple[str, int]]


def _decode(data: bytes) -> str:
    return data.decode('utf-8', 'surrogateescape')


def _compile(pattern: str, flags: int = 0) -> re.Pattern[str]:
    try:
        return re.compile(pattern, flags)
    except RecursionError:
        problem = 'nested too deeply'
    except (re.error, OverflowError) as error:  # the second one is of a repetition
        problem = str(error)
    raise ValueError(f'{shown(pattern)} is no regular expression: {problem}')


def _check_str(value: str, argument: str) -> None:
    if not isinstance(value, str):
        raise TypeError(f'{argument} must be a str, not {type(value).__name__}')


def _check_lines(lines: int) -> None:
    if not isinstance(lines, int) or isinstance(lines, bool):
        raise TypeError(f'lines must be an int, not {lines!r}')


def _walk(path: Path) -> Iterator[Path]:
    """The regular files in a directory, sorted. Directories in it that cannot be read are left out."""
    start, text = names_of(path), text_of(path)
    todo = [([], 'd')]
    while todo:
        names, kind = todo.pop()
        if kind == 'f':
            yield pathlib.Path(path, *names)
        elif kind == 'd':
            try:
                with directory(start + names, text) as fd:
                    entries = listing(fd)
            except (OSError, ValueError):
                if not names:
                    raise
            else:
                todo += [([*names, name], kind) for name, kind in reversed(entries)]


def _open_files(files: Path | Iterable[Path]) -> Iterator[tuple[str, io.TextIOBase]]:
    """The files to search, with their names: of directories what can be read in them, nothing of what is
    not there."""
    for path in [files] if isinstance(files, (str, os.PathLike)) else files:
        found = status(path)
        if found and stat.S_ISDIR(found.st_mode):
            for below in _walk(path):
                try:
                    file = open_file(below, newline='\n')
                except (OSError, ValueError):  # also what has gone in the meantime
                    continue
                yield os.fspath(below), file
        elif found:
            yield os.fspath(path), open_file(path, newline='\n')


def _grep(expression: re.Pattern[str], files: Path | Iterable[Path],
          invert: bool) -> Iterator[tuple[str, int, str]]:
    search = expression.search
    for name, opened in _open_files(files):
        with opened as file:
            for number, line in enumerate(file, 1):
                line = line.removesuffix('\n')
                if (search(line) is None) is invert:
                    yield name, number, line


def grep_iter(pattern: str, files: Path | Iterable[Path], regex: bool = True, *,
              ignore_case: bool = False, invert: bool = False) -> Iterator[tuple[str, int, str]]:
    """grep(), one match after the other: it streams.

    A pattern that is none is a ValueError at once, what is wrong with a file comes when it is reached.
    Memory: one line, and the names in the directories that are searched.
    """
    _check_str(pattern, 'pattern')
    expression = _compile(pattern if regex else re.escape(pattern), re.IGNORECASE if ignore_case else 0)
    return _grep(expression, files, bool(invert))


def grep(pattern: str, files: Path | Iterable[Path], regex: bool = True, *,
         ignore_case: bool = False, invert: bool = False) -> list[tuple[str, int, str]]:
    r"""The lines in which a pattern is found, as `grep -n`: [(file, line number from 1, line), …].

    files is one path or several, as find() returns them; of a directory all files in it are searched,
    as by `grep -r`, but for those that cannot be read: only what is named itself raises. The file is in the
    result as it was given, as a str, the line without its '\n'.
    With regex=False the pattern is searched for as it stands; ignore_case as -i, invert as -v.
    [] if nothing is found, or if the files are not there.

    Errors: ValueError for a pattern that is no regular expression, and for paths as everywhere; TypeError
    for one that is no str.
    Memory: it streams, but keeps all that it found; grep_iter() does not.
    Unlike grep: the pattern is Python's (`\d` and `(?i)` work, `[[:alpha:]]` does not); a line is
    searched through even if the file does not look like text; a '\n' in the pattern is never found.
    """
    return list(grep_iter(pattern, files, regex, ignore_case=ignore_case, invert=invert))


def _may_match_nothing(expression: re.Pattern[str]) -> bool:
    r"""Whether it can match between two characters. True may be wrong, False never.

    What could, and looks at no neighbour (lookaround, \b and \B do), matches an empty text.
    """
    return bool(expression.match('') or re.search(r'\(\?|\\[bB]', expression.pattern))


def _substitute_once(expression: re.Pattern[str], replacement: str, line: str) -> tuple[str, int]:
    """Pattern.subn(), but nothing right behind a match is not one more match, as it is for re."""
    plain = '\\' not in replacement
    pieces, count, end = [], 0, 0
    for match in expression.finditer(line):
        if count and match.start() == match.end() == end:
            continue
        pieces += line[end:match.start()], replacement if plain else match.expand(replacement)
        count += 1
        end = match.end()
    return ''.join(pieces) + line[end:], count


def _substitution(pattern: str, replacement: str) -> _Substitute:
    """The function for one line: (line with all matches replaced, how many)."""
    _check_str(pattern, 'pattern')
    _check_str(replacement, 'replacement')
    expression = _compile(pattern)
    try:
        expression.sub(replacement, '')
    except (re.error, IndexError) as error:
        raise ValueError(f'{shown(replacement)} is no replacement for this pattern: {error}') from None
    if _may_match_nothing(expression):
        return lambda line: _substitute_once(expression, replacement, line)
    return lambda line: expression.subn(replacement, line)


def sed(pattern: str, replacement: str, text: str) -> str:
    r"""The text with every match of the pattern replaced, line by line, as `sed -E 's/…/…/g'`.

    `^` and `$` are the start and the end of each line, and no match goes over the end of one. In the
    replacement `\1` or `\g<name>` is a group, `\g<0>` the whole match.

    Errors: ValueError for a pattern or replacement that is none; TypeError for what is no str.
    Memory: the text and the result, twice while it works. For files there is sed_file().
    Unlike sed: the pattern is Python's, and so is the replacement: `&` is just a character. For patterns
    that go over several lines there is re.sub().
    """
    substitute = _substitution(pattern, replacement)
    _check_str(text, 'text')
    *lines, last = text.split('\n')  # last is behind the last '\n': no line if it is empty
    lines = [substitute(line)[0] for line in lines]
    lines.append(substitute(last)[0] if last else '')
    return '\n'.join(lines)


class _replacing:
    """A file to write to, which takes the place of the one at path when everything is in it.

    A replaced file leaves its permissions to the new one. (A class: what contextlib makes would stand in
    tracebacks.)
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.place = at(path)

    def _mode(self) -> int | None:
        """Of the file that will be replaced, if there is one."""
        try:
            mode = os.lstat(self.name, dir_fd=self.directory).st_mode
        except FileNotFoundError:
            return None
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise ValueError(f'{shown(os.fspath(self.path))} is no regular file: only those are replaced')
        return stat.S_IMODE(mode)

    def _open(self) -> io.TextIOBase:
        mode = self._mode()
        self.new = f'.sed-{os.urandom(8).hex()}'
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(self.new, flags, 0o666, dir_fd=self.directory)
        self.file = io.open(fd, 'w', _BLOCK_BYTES, encoding='utf-8', errors='surrogateescape', newline='')
        try:
            if mode is not None:
                os.fchmod(fd, mode)
        except BaseException as error:
            self._finish(error)
            raise
        return self.file

    def __enter__(self) -> io.TextIOBase:
        self.directory, self.name = self.place.__enter__()
        try:
            return self._open()
        except BaseException as error:
            self.place.__exit__(type(error), error, error.__traceback__)
            raise

    def _finish(self, error: BaseException | None) -> None:
        try:
            self.file.close()
            if error is None:
                os.rename(self.new, self.name, src_dir_fd=self.directory, dst_dir_fd=self.directory)
        except BaseException:
            os.unlink(self.new, dir_fd=self.directory)
            raise
        if error is not None:
            os.unlink(self.new, dir_fd=self.directory)

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        try:
            self._finish(error)
        except BaseException as problem:
            self.place.__exit__(type(problem), problem, problem.__traceback__)
            raise
        self.place.__exit__(kind, error, traceback)


def sed_file(pattern: str, replacement: str, file: Path, output: Path | None = None) -> int:
    """sed() from a file to another one, or in place as `sed -i`. Returns how many matches it replaced.

    output appears, or changes, when all of it is there: it may be the file itself, and is that if none is
    named. Of a symlink the file is replaced to which it leads. Bytes that are no UTF-8 stay as they are.

    Errors: ValueError as sed(), and for an output that is no regular file; FileNotFoundError if the file
    or the output's directory is not there; OSErrors as open(). A failure leaves the output as it was.
    Memory: it streams; on the disk the old and the new text need room at the same time.
    """
    substitute = _substitution(pattern, replacement)
    total = 0
    with (open_file(file, newline='\n') as source,
          _replacing(file if output is None else output) as target):
        for line in source:
            text = line.removesuffix('\n')
            changed, count = substitute(text)
            target.write(changed + line[len(text):])
            total += count
    return total


def _find_tail(file: io.BufferedIOBase, lines: int) -> int:
    """Where the last lines of a file begin. It is read from its end, in blocks."""
    place = size = file.seek(0, os.SEEK_END)
    while place > 0:
        start = max(0, place - _BLOCK_BYTES)
        file.seek(start)
        # The file's last byte may end the last line, but no line begins behind it.
        block = file.read(min(place, size - 1) - start)
        count = block.count(b'\n')
        if count >= lines:
            at_end = len(block)
            for _ in range(lines):
                at_end = block.rindex(b'\n', 0, at_end)
            return start + at_end + 1
        lines -= count
        place = start
    return 0


def head(file: Path, lines: int = 10) -> str:
    r"""The first lines of a file with their '\n', as `head -n`; with lines=-3 all but the last three.

    Errors: FileNotFoundError, ValueError for paths as everywhere, OSErrors as open(); TypeError if lines is
    no int.
    Memory: what is returned, and no more of the file is read.
    """
    _check_lines(lines)
    with open_file(file, 'rb') as source:
        if lines >= 0:
            return _decode(b''.join(itertools.islice(source, min(lines, sys.maxsize))))
        end = _find_tail(source, -lines)
        source.seek(0)
        return _decode(source.read(end))


def tail(file: Path, lines: int = 10) -> str:
    r"""The last lines of a file with their '\n', as `tail -n`, to which -3 is the same as 3, too.

    A last line without a '\n' is a line.

    Errors: FileNotFoundError, ValueError for paths as everywhere, OSErrors as open(); TypeError if lines is
    no int.
    Memory: what is returned. The file is read from its end, and no more of it than needed.
    Unlike tail: there is no `+3`, for all from the third line on.
    """
    _check_lines(lines)
    with open_file(file, 'rb') as source:
        source.seek(_find_tail(source, abs(lines)))
        return _decode(source.read())


def wc(file: Path) -> dict[str, int]:
    r"""{'lines': …, 'words': …, 'chars': …, 'bytes': …} of a file, as `wc -lwmc` counts in C.UTF-8.

    lines is the number of '\n'; words are what white space separates, no-break spaces of Unicode
    included; chars are code points, without the bytes that are no UTF-8.

    Errors: FileNotFoundError, ValueError for paths as everywhere, OSErrors as open().
    Memory: it streams, lines of any length.
    Unlike the wc of before coreutils 9.5: control characters are part of words, too, and U+2028 and
    U+2029 separate them.
    """
    lines = words = chars = size = 0
    in_word = False
    valid = codecs.getincrementaldecoder('utf-8')('ignore')
    every = codecs.getincrementaldecoder('utf-8')('surrogateescape')
    with open_file(file, 'rb') as source:
        while True:
            block = source.read(_BLOCK_BYTES)
            lines += block.count(b'\n')
            size += len(block)
            chars += len(valid.decode(block, not block))
            text = every.decode(block, not block).replace(_ALSO_SPACE, ' ')
            for character in _NO_SPACE:
                text = text.replace(character, '.')
            if text:
                words += len(text.split()) - (in_word and not text[0].isspace())
                in_word = not text[-1].isspace()
            if not block:
                return {'lines': lines, 'words': words, 'chars': chars, 'bytes': size}


def _number_lines(file: Path, numbers: dict[bytes, int]) -> list[int]:
    """The lines of a file as numbers: equal lines of both files have the same one."""
    with open_file(file, 'rb') as source:
        return [numbers.setdefault(line, len(numbers)) for line in source]


def _group(changes: list[tuple[int, int, int, int]]) -> Iterator[list[tuple[int, int, int, int]]]:
    """Changes with so few lines between them that one hunk shows them."""
    hunk = changes[:1]
    for change in changes[1:]:
        if change[0] - hunk[-1][1] > 2 * _CONTEXT_LINES:
            yield hunk
            hunk = []
        hunk.append(change)
    if hunk:
        yield hunk


def _range(start: int, end: int) -> str:
    """Counted from 1; a range without lines has the number of the line before it."""
    count = end - start
    return f'{start + 1}' if count == 1 else f'{start + 1 if count else start},{count}'


def _hunk(a: list[int], b: list[int], hunk: list[tuple[int, int, int, int]]) -> Iterator[tuple[str, int]]:
    """The lines of a hunk, each as its sign and its number."""
    before = max(hunk[0][0] - _CONTEXT_LINES, 0)
    for a_start, a_end, b_start, b_end in hunk:
        yield from ((' ', line) for line in a[before:a_start])
        yield from (('-', line) for line in a[a_start:a_end])
        yield from (('+', line) for line in b[b_start:b_end])
        before = a_end
    yield from ((' ', line) for line in a[before:before + _CONTEXT_LINES])


def diff(file1: Path, file2: Path) -> str:
    r"""What has to change in file1 to become file2, as `diff -u`; '' if they are the same.

    The text has the lines `--- file1` and `+++ file2` (the names as given, without times), hunks of
    `@@ -1,4 +1,5 @@` with lines that begin with ' ', '-' or '+', and `\ No newline at end of file`
    where that is so. patch(1) takes it.

    Errors: FileNotFoundError if one of them is missing, ValueError for paths as everywhere and for names
    with a line end or a tab, which would be lines or times of the result; OSErrors as open().
    Memory: the files and the result, and for each line some 200 bytes more. Time: grows with the number
    of lines and of changes; where there are very many, more may be shown as changed than had to be.
    Unlike diff: all files are texts; now and then it chooses other ones of several equal lines.
    """
    for path in file1, file2:
        if set('\t\n\r') & set(text_of(path)):
            raise ValueError(f'{shown(os.fspath(path))} has a line end or a tab: no header could name it')
    numbers: dict[bytes, int] = {}
    a, b = _number_lines(file1, numbers), _number_lines(file2, numbers)
    if a == b:
        return ''
    lines = list(numbers)
    pieces = [f'--- {os.fspath(file1)}\n+++ {os.fspath(file2)}\n']
    for hunk in _group(find_changes(a, b)):
        a_start, b_start = (max(hunk[0][i] - _CONTEXT_LINES, 0) for i in (0, 2))
        a_end = min(hunk[-1][1] + _CONTEXT_LINES, len(a))
        b_end = min(hunk[-1][3] + _CONTEXT_LINES, len(b))
        pieces.append(f'@@ -{_range(a_start, a_end)} +{_range(b_start, b_end)} @@\n')
        for sign, line in _hunk(a, b, hunk):
            text = _decode(lines[line])
            pieces.append(sign + text if text.endswith('\n') else
                          f'{sign}{text}\n\\ No newline at end of file\n')
    return ''.join(pieces)
