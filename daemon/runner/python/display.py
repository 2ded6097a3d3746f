# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rich values: what a notebook would show. Frozen into the program as `_display`.

The methods are those of IPython: _repr_mimebundle_() and _repr_png_() and the like. Figures of pyplot
are shown when the program ends, or at plt.show(). Nothing is imported for it.
"""

import binascii
import io
import json
import re
import sys

from _encode import ResultTooLarge, name_class
from _outbox import clip, is_text, send_display

FIGURES_MAX = 8
PLAIN_TEXT_MAX = 65536
REPRESENTATIONS_MAX = 8

METHODS = {
    '_repr_html_': 'text/html',
    '_repr_markdown_': 'text/markdown',
    '_repr_latex_': 'text/latex',
    '_repr_svg_': 'image/svg+xml',
    '_repr_png_': 'image/png',
    '_repr_jpeg_': 'image/jpeg',
    '_repr_json_': 'application/json',
}

MISSING = object()

check_mime = re.compile(r'[A-Za-z0-9][\w!#$&^.+-]*/[A-Za-z0-9][\w!#$&^.+-]*', re.ASCII).fullmatch


def complain(what):
    try:
        print(what, file=sys.stderr)
    except Exception:
        pass  # a program may have closed or replaced it


def to_bytes(mime, data):
    """What a method returned, as the wire wants it."""
    if not check_mime(mime) or len(mime) > 64:
        raise ValueError(f'{mime[:64]!r} is no MIME type such as text/html')
    if isinstance(data, (bytes, bytearray, memoryview)):
        if not is_text(mime):
            return bytes(data)
        data = bytes(data).decode()
    elif not isinstance(data, str):
        data = json.dumps(data)
    elif not is_text(mime) and not mime.endswith(('json', 'xml')):
        return binascii.a2b_base64(data)  # as in a notebook file
    return data.encode('utf-8', 'backslashreplace').replace(b'\0', b'\\x00')


def is_figure(value):
    kind = getattr(sys.modules.get('matplotlib.figure'), 'Figure', None)
    return kind is not None and isinstance(value, kind)


def draw_figure(figure):
    """PNG. pyplot forgets the figure: what has been shown is not shown again at the end."""
    file = io.BytesIO()
    figure.savefig(file, format='png')
    if pyplot := sys.modules.get('matplotlib.pyplot'):
        pyplot.close(figure)
    return {'image/png': file.getvalue()}


def has_method(value, name):
    """Not so a class, nor what invents any attribute that it is asked for."""
    return not isinstance(value, type) and hasattr(type(value), name)


def collect(value):
    """The rich representations of a value: MIME type to bytes."""
    if is_figure(value):
        return draw_figure(value)
    found = {}
    if has_method(value, '_repr_mimebundle_'):
        bundle = value._repr_mimebundle_()
        bundle = bundle[0] if isinstance(bundle, tuple) else bundle
        found = {mime: to_bytes(mime, data) for mime, data in (bundle or {}).items()}
    if not found:
        for name, mime in METHODS.items():
            if has_method(value, name) and (data := getattr(value, name)()) is not None:
                data = data[0] if isinstance(data, tuple) else data  # and metadata
                found[mime] = to_bytes(mime, data)
    return dict(list(found.items())[:REPRESENTATIONS_MAX])


def represent(value):
    """As collect(), but a method that fails is told on standard error, not to the program."""
    try:
        return collect(value)
    except Exception as error:
        kind = name_class(type(value))
        complain(f'cannot display a value of type {kind}: {name_class(type(error))}: {error}')
        return {}


def add_plain_text(representations, value):
    try:
        text = repr(value)
    except Exception:
        text = f'<{name_class(type(value))}, repr() failed>'
    representations.setdefault('text/plain', clip(text, PLAIN_TEXT_MAX))


def display(value, data=MISSING, /):
    """Show a value to whoever runs the job, as a notebook would: a figure, a table, anything.

    display(mime, data) shows bytes or text of that MIME type. Raises ResultTooLarge, a ValueError, if
    the result limit of the job leaves no room.
    """
    if data is not MISSING:
        representations = {value: to_bytes(value, data)}
    else:
        representations = represent(value)
        add_plain_text(representations, value)
    send_display(representations, False)


def offer(representations, is_result):
    """What nobody has asked to be shown is left out if there is no room, with a remark."""
    try:
        send_display(representations, is_result)
    except ResultTooLarge as error:
        complain(error)


def show_last(value, is_forced):
    """The value of the job, if it has a rich representation."""
    representations = represent(value)
    if representations or is_forced:
        add_plain_text(representations, value)
        offer(representations, True)


def show_figures(*_, **__):
    """All open figures of pyplot."""
    pyplot = sys.modules.get('matplotlib.pyplot')
    numbers = pyplot.get_fignums() if pyplot else ()
    for number in numbers[:FIGURES_MAX]:
        figure = pyplot.figure(number)
        if representations := represent(figure):
            offer(representations, False)
    if len(numbers) > FIGURES_MAX:
        complain(f'{len(numbers) - FIGURES_MAX} of {len(numbers)} figures are not displayed')
        pyplot.close('all')


def settle():
    """In the template: Agg, which draws into memory, would warn that it cannot show."""
    if pyplot := sys.modules.get('matplotlib.pyplot'):
        pyplot.show = show_figures
        sys.modules['matplotlib.figure'].Figure.show = lambda self, warn=True: display(self)
