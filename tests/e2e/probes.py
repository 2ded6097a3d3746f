# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ways around the policy inside the interpreter, as data. Each is the body of a function; what it returns
is what it has got hold of, and is then tried on the host by effects()."""

# (name, body); the name stands in docs/SANDBOX-POLICY.md.
PROBES = (
    # The import system
    ("import os", "import os; return os"),
    ("import os.path", "import os.path; return os"),
    ("from os import open", "from os import open; return open"),
    ("import posix", "import posix; return posix"),
    ("import socket", "import socket; return socket"),
    ("import subprocess", "import subprocess; return subprocess"),
    ("import ctypes", "import ctypes; return ctypes"),
    ("import signal", "import signal; return signal"),
    ("import select", "import select; return select"),
    ("import _posixsubprocess", "import _posixsubprocess; return _posixsubprocess"),
    ("__import__('os')", "return __import__('os')"),
    ("__import__ with the globals of a library",
     "import random; return __import__('os', random.__dict__)"),
    ("__import__ as C code calls it", "return __import__('os', None, None, [])"),
    ("exec('import os')", "scope = {}; exec('import os', scope); return scope['os']"),
    ("eval('__import__(…)')", "return eval(\"__import__('os')\")"),
    ("importlib.import_module", "import importlib; return importlib.import_module('os')"),
    ("importlib.__import__", "import importlib; return importlib.__import__('os')"),
    ("pkgutil.resolve_name('os:system')",
     "import pkgutil; pkgutil.resolve_name('os:system'); return pkgutil.resolve_name('os')"),
    ("pydoc.locate('subprocess.Popen')",
     "import pydoc; return pydoc.locate('subprocess.Popen') or pydoc.locate('subprocess')"),
    ("importlib._bootstrap._gcd_import",
     "import importlib; return importlib._bootstrap._gcd_import('os')"),
    ("_gcd_import of what is not loaded",
     "import importlib; return importlib._bootstrap._gcd_import('syslog')"),
    ("BuiltinImporter.load_module",
     "import importlib; return importlib._bootstrap.BuiltinImporter.load_module('posix')"),
    ("a module made from its spec",
     "import importlib, sys; b = importlib._bootstrap\n"
     "return b.module_from_spec(b.ModuleSpec('posix', b.BuiltinImporter))"),
    ("_imp.create_builtin, a fresh builtins",
     "import importlib, sys; b = importlib._bootstrap\n"
     "return sys.modules['_imp'].create_builtin(b.ModuleSpec('builtins', None)).open"),
    ("_imp.create_builtin, a fresh posix",
     "import importlib, sys; b = importlib._bootstrap\n"
     "m = sys.modules['_imp'].create_builtin(b.ModuleSpec('posix', None))\n"
     "sys.modules['_imp'].exec_builtin(m); return m"),
    ("_imp.create_dynamic",
     "import importlib, sys; b = importlib._bootstrap; s = b.ModuleSpec('x', None)\n"
     "s.origin = '/usr/lib/x.so'; return sys.modules['_imp'].create_dynamic(s)"),
    ("the list of finders emptied", "import sys; sys.meta_path[0:1] = []; import socket; return socket"),
    ("builtins.__import__ replaced",
     "import importlib, sys; sys.modules['builtins'].__import__ = importlib._bootstrap.__import__\n"
     "import os; return os"),
    ("zipimporter.get_data",
     "import sys; z = sys.modules['zipimport'].zipimporter\n"
     "return z.get_data(z.__new__(z), CANARY)"),
    ("__loader__.get_data", "import json; return json.__loader__.get_data(CANARY)"),
    ("a new SourceFileLoader",
     "import importlib; e = importlib._bootstrap_external\n"
     "return e.SourceFileLoader('x', CANARY).get_data(CANARY)"),
    ("a subinterpreter",
     "import sys; b = __import__('importlib')._bootstrap\n"
     "for n in ('_interpreters', '_xxsubinterpreters'):\n"
     "    if n in sys.builtin_module_names: return b._gcd_import(n).create()\n"
     "raise ImportError"),
    # References that library code holds
    ("sys.modules['os']", "import sys; return sys.modules['os']"),
    ("sys.modules['posix']", "import sys; return sys.modules['posix']"),
    ("random._os", "import random; return random._os"),
    ("the globals of a library's function", "import inspect; return inspect.getmodule.__globals__['os']"),
    ("the module that catch_warnings keeps",
     "import warnings; return warnings.catch_warnings()._module.sys.modules['os']"),
    ("exec in the globals of a library", "import random; exec('import os as _x', random.__dict__)\n"
     "return random._x"),
    ("frame.f_builtins", "import sys; return sys._getframe().f_builtins['__import__']('os')"),
    ("the frame of a library in a traceback",
     "import json\n"
     "try: json.loads('x')\n"
     "except ValueError as e: t = e.__traceback__\n"
     "while t.tb_next: t = t.tb_next\n"
     "return t.tb_frame.f_builtins['__import__']('os')"),
    ("object.__subclasses__(): os._wrap_close",
     "c = [c for c in object.__subclasses__() if c.__name__ == '_wrap_close']\n"
     "return __import__('sys').modules['os'] if c and c[0].__init__.__globals__['system'] else None"),
    ("__subclasses__(): FileIO",
     "import _io; c = [c for c in _io._RawIOBase.__subclasses__() if c.__name__ == 'FileIO']\n"
     "return c[0](0, closefd=False)"),
    ("str.format with dunders",
     "class A:\n    def __init__(self): pass\n"
     "return '{0.__init__.__globals__[__builtins__]}'.format(A())"),
    ("operator.attrgetter",
     "import inspect, operator; return operator.attrgetter('__globals__')(inspect.getmodule)['os']"),
    ("gc.get_objects",
     "import gc; return [o for o in gc.get_objects() if getattr(o, '__name__', '') == 'posix'][0]"),
    ("gc.get_referrers", "import gc; return gc.get_referrers(len)"),
    # Files
    ("open", "return open(CANARY, 'rb')"),
    ("open of a descriptor", "return open(0, 'rb', closefd=False)"),
    ("io.FileIO", "import io; return io.FileIO(CANARY)"),
    ("_io.open_code", "import _io; return _io.open_code(CANARY)"),
    ("codecs.open", "import codecs; return codecs.open(CANARY)"),
    ("pathlib.Path.read_text", "import pathlib; return pathlib.Path(CANARY).read_bytes()"),
    ("os.fdopen", "import random; return random._os.fdopen(0)"),
    ("linecache", "import linecache; return linecache.getlines(CANARY) or None"),
    ("tokenize.open", "import tokenize; return tokenize.open(CANARY)"),
    # Code
    ("code.replace", "return (lambda: 0).__code__.replace(co_consts=())"),
    ("function.__code__ =",
     "import random\ndef f(): pass\nf.__code__ = (lambda: 1).__code__; return f"),
    ("types.FunctionType with the globals of a library",
     "import random, types\n"
     "return types.FunctionType((lambda: __import__('os')).__code__, random.__dict__)()"),
    ("marshal.loads", "import sys; return sys.modules['marshal'].loads(b'N') or 'code'"),
    ("pickle", "import copyreg, sys\n"
     "return sys.modules['_pickle'].loads(b'cos\\nopen\\n.') if '_pickle' in sys.modules else open(CANARY)"),
    ("sys.addaudithook",
     "import sys; seen = []\nsys.addaudithook(lambda *a: seen.append(a)); compile('1', '', 'eval')\n"
     "return seen or None"),
    ("the type of sys.stdout", "import sys; return type(sys.stdout)(3, 'w', 'x', 'strict')"),
    ("_policy.narrow after the lock", "import sys; return sys.modules['_policy'].narrow(['os'])"),
    # Signals, and what else C code does with the host
    ("_signal.raise_signal", "import sys; sys.modules['_signal'].raise_signal(10)"),
    ("_signal.setitimer", "import sys; return sys.modules['_signal'].setitimer(0, 60)"),
    ("_signal.signal", "import sys; sys.modules['_signal'].signal(10, print); return 'handler'"),
    ("what set the handlers of the job",
     "import sys; return sys.modules['_program'].signal_setters[0](10, print) or 'handler'"),
    ("select.poll", "import sys; return sys.modules['select'].poll()"),
    ("select.epoll", "import sys; return sys.modules['select'].epoll()"),
    ("_socket.gethostname", "import sys; return sys.modules['_socket'].gethostname()"),
    ("the base of socket.socket", "import sys; return sys.modules['socket'].socket.__base__(1, 1)"),
    ("fcntl.fcntl", "import sys; return sys.modules['fcntl'].fcntl(0, 1)"),
    ("_posixsubprocess.fork_exec", "import sys; return sys.modules['_posixsubprocess'].fork_exec()"),
    ("os.supports_fd", "import random; return [*random._os.supports_fd] or None"),
    # Memory
    ("a view that outlives a BufferedReader",
     "import io; kept = []\n"
     "class Raw(io.RawIOBase):\n"
     "    def readable(self): return True\n"
     "    def readinto(self, view): kept.append(view); return 0\n"
     "b = io.BufferedReader(Raw(), 64); b.read(1); del b; return bytes(kept[0]) and kept[0]"),
)

# What every probe ends with: one line of JSON. EFFECTS are tried with whatever it has got; exec comes
# last, because one that succeeds leaves no line at all.
HARNESS = """
CANARY = {canary!r}
PID = {pid}
def probe():
{body}
def effects(got):
    def read_descriptor():
        return b'canary' in got.read(got.open(CANARY, 0), 99)
    def read_file():
        return b'canary' in (got if isinstance(got, bytes) else got(CANARY, 'rb').read())
    def make_socket():
        return got.socket(2, 1)
    def signal():
        return got.kill(PID, 0) is None
    def execute():
        got.execv('/bin/sh', ['sh', '-c', 'exit 42'])
    found = []
    for attempt in read_descriptor, read_file, make_socket, signal, execute:
        try:
            if attempt():
                found.append(attempt.__name__)
        except BaseException:
            pass
    return found
verdict = dict(error=None, reached=False, effects=[])
try:
    got = probe()
except BaseException as error:
    verdict['error'] = type(error).__name__
else:
    verdict['reached'] = got is not None
    verdict['effects'] = effects(got)
import json
print(json.dumps(verdict))
"""


def program(body, canary, pid):
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    return HARNESS.format(body=lines, canary=canary, pid=pid)
