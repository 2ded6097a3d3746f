# SPDX-License-Identifier: LGPL-2.1-or-later
"""What leaves the job apart from its output: the result and the displays, which share one limit.
Frozen into the program as `_outbox`."""

import _pysb
from _encode import ResultNotEncodable, ResultTooLarge, encode, name_class


class Budget:
    """What is used of limits.resultBytes; the last result counts."""

    limit = 0
    result = 0
    displays = 0
    n_displays = 0


budget = Budget()


def begin(limit):
    """A job, or a cell of a session: it may send so many bytes."""
    budget.limit, budget.result, budget.displays, budget.n_displays = limit, 0, 0, 0


def clip(text, limit):
    """At most limit bytes of UTF-8 without NUL."""
    data = text[:limit].encode('utf-8', 'backslashreplace').replace(b'\0', b'\\x00')
    return data[:limit].decode('utf-8', 'ignore').encode()


def has_result():
    return budget.result > 0


def result(value, /):
    """Set the result of the job, see docs/RESULTS.md for what a value becomes. The last call counts.

    Raises ResultNotEncodable (a TypeError) for a value that has no form as JSON, and ResultTooLarge
    (a ValueError) for one whose JSON text is longer than the limit of the job.
    """
    data = encode(value, min(budget.limit - budget.displays, _pysb.FRAME_PAYLOAD_MAX))
    _pysb.send_raw(_pysb.FRAME_RESULT, data)
    budget.result = len(data)


def offer_result(value):
    """A value that the program did not ask for to be returned: that it cannot be is no error."""
    try:
        result(value)
    except (ResultNotEncodable, ResultTooLarge) as error:
        problem = error
    except MemoryError:
        problem = ResultTooLarge('the memory that the job has left is too small for the result')
    except Exception as error:
        problem = ResultNotEncodable(f'cannot encode a value of type {name_class(type(value))}: '
                                     f'{name_class(type(error))}')
    else:
        return
    try:
        _pysb.send(_pysb.FRAME_RESULT_PROBLEM, (
            (_pysb.FIELD_EXCEPTION_TYPE, type(problem).__name__.encode()),
            (_pysb.FIELD_EXCEPTION_MESSAGE, clip(str(problem), 512)),
        ))
    except OSError:
        pass  # nobody listens any more: the program broke the channel, and that is no error either


def is_text(mime):
    return mime.startswith('text/') or mime in ('application/json', 'image/svg+xml')


def send_display(representations, is_result):
    """Representations of one value: MIME type to bytes, UTF-8 without NUL where the type is a text."""
    size = sum(len(data) for data in representations.values())
    left = min(budget.limit - budget.displays - budget.result, _pysb.FRAME_PAYLOAD_MAX - 4096)
    if size > left:
        raise ResultTooLarge(f'the display has {size} bytes, limits.resultBytes leaves {left}')
    if budget.n_displays == _pysb.DISPLAYS_MAX:
        raise ResultTooLarge(f'a job has at most {_pysb.DISPLAYS_MAX} displays')
    fields = [(_pysb.FIELD_DISPLAY_IS_RESULT, b'')] if is_result else []
    for mime, data in representations.items():
        fields.append((_pysb.FIELD_DISPLAY_MIME, mime.encode()))
        fields.append((_pysb.FIELD_DISPLAY_TEXT if is_text(mime) else _pysb.FIELD_DISPLAY_DATA,
                       data))
    _pysb.send(_pysb.FRAME_DISPLAY, fields)
    budget.displays += size
    budget.n_displays += 1
