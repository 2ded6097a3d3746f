# SPDX-License-Identifier: LGPL-2.1-or-later
"""Loading numpy, pandas, matplotlib and the like in the template. Frozen as `_packages`.

On import some of them look around on the host, make directories, run programs or start threads. None
of this may happen in a template, which must leave nothing behind and stay single-threaded; and what
they do on first use is better done once, here, than by every job.
"""

import contextlib
import io
import os
import sys

# A directory that nobody can make.
NOWHERE = '/proc/nowhere'


class NoTimer:
    """Stands in for threading.Timer: nobody reads the warning that it would give after some seconds."""

    def __init__(self, *arguments):
        pass

    def start(self):
        pass

    def cancel(self):
        pass


def refuse(*arguments, **keywords):
    raise FileNotFoundError('no program is run in a template')


def open_or_forget(path, mode='r', *arguments, **keywords):
    """open(), but what is written into the directory that does not exist is forgotten."""
    if mode == 'w' and str(path).startswith(NOWHERE):
        return io.StringIO()
    return io.open(path, mode, *arguments, **keywords)


@contextlib.contextmanager
def replaced(*rows):
    """Attributes of modules that have another value for a while."""
    before = [(module, name, getattr(module, name)) for module, name, _ in rows]
    for module, name, value in rows:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


def import_matplotlib():
    """matplotlib wants a directory for its settings and its cache of fonts, and asks fc-list for fonts.

    The host's home and /tmp may hold what somebody else has put there, so it gets a directory that does
    not exist: it then looks for the fonts itself, and keeps the list in memory.
    """
    import atexit
    import builtins
    import logging
    import shutil
    import subprocess
    import tempfile
    import threading
    os.environ['MPLCONFIGDIR'] = NOWHERE
    logging.disable(logging.CRITICAL)
    try:
        with replaced((tempfile, 'mkdtemp', lambda **keywords: NOWHERE),
                      (subprocess, 'check_output', refuse),
                      (threading, 'Timer', NoTimer),
                      (builtins, 'open', open_or_forget)):
            from matplotlib import cbook
            with replaced((cbook, '_lock_path', contextlib.nullcontext)):
                import matplotlib.font_manager
    finally:
        logging.disable(logging.NOTSET)
        # The temporary directory that it believes to have made is not to be removed at the end of each job.
        atexit.unregister(shutil.rmtree)
        os.environ['MPLCONFIGDIR'] = '/tmp'
    matplotlib.get_configdir = matplotlib.get_cachedir = lambda: '/tmp'


def use_numpy():
    import numpy
    numpy.linalg.solve(numpy.eye(2), numpy.ones(2))
    repr(numpy.arange(3.0))


def use_pandas():
    import pandas
    frame = pandas.read_csv(io.StringIO('a,b,c\n1,x,2020-01-01\n2,y,2020-01-02\n'), parse_dates=['c'])
    repr(frame)
    frame.describe()
    frame.groupby('b').sum(numeric_only=True)
    frame.to_json()
    frame.to_csv()
    frame._repr_html_()


def use_pyplot():
    from matplotlib import pyplot
    pyplot.plot([1, 2], label='x')
    pyplot.title('$x^2$')
    pyplot.legend()
    pyplot.savefig(io.BytesIO(), format='png')
    pyplot.close('all')
    # A job opens the fonts again: no descriptor of a template goes into a box.
    from matplotlib import font_manager
    font_manager._get_font.cache_clear()


FIRST_USES = {'numpy': use_numpy, 'pandas': use_pandas, 'matplotlib.pyplot': use_pyplot}


def preload(bootstrap, names):
    """Imports the modules of a profile with packages, and uses what does much on first use."""
    if any(name.partition('.')[0] == 'matplotlib' for name in names):
        import_matplotlib()
    bootstrap.preload(names)
    for name, use in FIRST_USES.items():
        if name in sys.modules:
            use()
