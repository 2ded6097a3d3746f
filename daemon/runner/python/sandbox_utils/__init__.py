# SPDX-License-Identifier: LGPL-2.1-or-later
"""Work on files, texts and data, as a shell and its tools do it, inside of /app and nowhere else.

    from sandbox_utils import find, grep, head
    for file, line, text in grep(r'TODO', find('*.py')):
        print(file, line, text)

Every path is a str or a pathlib.Path; one that is not absolute begins in /app. What all functions have
in common:

- A path that leads out of /app (`..`, an absolute path elsewhere, a symlink), or that no file can have
  as its name, is a ValueError; so are arguments that make no sense. Nothing has happened then.
- What a function collects is empty where there is nothing: find, walk, ls, grep in what is not there.
- What removes says how much it has removed: 0 where there is nothing; rm wants `force` for that.
- What is about one file (cat, head, wc, cp, csv_to_json, …) raises FileNotFoundError if it is not there,
  and other OSErrors as open() does. Errors name the path as it was given.
- A path is its names: a slash at the end means nothing, and `..` takes back the name before it, also one
  that is not there (`missing/../x` is `x`). The tools ask the kernel, which wants directories there.
- Text is UTF-8. Bytes that are none, and line ends, come out as they went in.
"""

from . import data, files, formats, shell, text
from .data import *
from .files import *
from .formats import *
from .shell import *
from .text import *

__all__ = [*files.__all__, *text.__all__, *data.__all__, *formats.__all__, *shell.__all__]
