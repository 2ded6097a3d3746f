# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a program can ask of the sandbox around it.

tool_call(name, **arguments) asks the client and waits for the answer; tool_call_start() and
get_tool_result() do it in two steps, tool_call_async() and gather() with `await`, which a program may
use at its top level. result() sets the value of the job, display() shows a rich one.
"""

import builtins as _builtins
import json as _json
import sys as _sys
import time as _time
import _thread

import _pysb
import _tools
from _display import display
from _encode import ResultNotEncodable, ResultTooLarge
from _outbox import result
from _tick_counter import TickLimit

# All else has an underscore in front: what a program sees of this module is its interface.
__all__ = ['ResultNotEncodable', 'ResultTooLarge', 'TickLimit', 'ToolError', 'display', 'gather',
           'get_tool_result', 'print', 'result', 'stderr', 'tool_call', 'tool_call_async',
           'tool_call_start']

print = _builtins.print

_dumps = _json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
_dumps_ascii = _json.JSONEncoder(allow_nan=False).encode
_loads = _json.JSONDecoder().decode

_open = set()       # calls whose result nobody has taken yet
_replies = {}       # call id -> reply, parked until somebody takes it
_futures = {}       # call id -> future of an event loop that waits for it
_reader = _thread.allocate_lock()   # held by the one thread that reads the channel
_sleepers = []      # locks of threads that wait for the reader to read something or to leave


class ToolError(Exception):
    """A tool call failed; .type is a short identifier, .message says more."""

    def __init__(self, type, message=''):
        super().__init__(type, message)
        self.type = type
        self.message = message

    def __str__(self):
        return f'{self.type}: {self.message}' if self.message else self.type


def stderr(*values, sep=' ', end='\n', flush=False):
    """As print(), to standard error."""
    print(*values, sep=sep, end=end, file=_sys.stderr, flush=flush)


def tool_call(name, /, *arguments, **keywords):
    """Calls a tool and waits for its answer: tool_call(name, key=value, …) or tool_call(name, {…})."""
    return get_tool_result(_start(name, _join(arguments, keywords)))


def tool_call_start(name, /, *arguments, **keywords):
    """As tool_call(), but returns at once, with a number for get_tool_result()."""
    return _start(name, _join(arguments, keywords))


def get_tool_result(call_id, /, timeout=None):
    """Waits for the answer to a call that was started, at most so many seconds; 0 only looks."""
    if timeout is not None and not 0 <= timeout <= _thread.TIMEOUT_MAX:
        raise ValueError(f'a timeout is None or seconds from 0 to {_thread.TIMEOUT_MAX:.0f}, not '
                         f'{timeout!r}')
    if call_id not in _open:
        raise ValueError(f'there is no call {call_id!r}, or its result was taken already')
    if call_id not in _replies:
        _wait({call_id}, timeout)
    return _take(call_id)


def tool_call_async(name, /, *arguments, **keywords):
    """As tool_call(), to be awaited. The call is on its way at once."""
    return _Call(name, _join(arguments, keywords))


def gather(*awaitables, return_exceptions=False):
    """Awaits all of them together; their results as a list, in the same order."""
    return _Gather(awaitables, return_exceptions)


def _drive(coroutine):
    """Runs a program with `await` at its top level: what it waits for can only be tool calls."""
    error = None
    try:
        while True:
            ids = _advance(coroutine, error)
            error = None
            try:
                _wait(ids, None)
            except BaseException as failure:
                error = failure  # it belongs to whoever awaits
    except StopIteration as stop:
        return stop.value


def _join(arguments, keywords):
    if not arguments:
        return keywords
    if len(arguments) > 1 or keywords or not isinstance(arguments[0], dict):
        raise TypeError('a tool call takes the name of the tool, and then either keyword arguments or '
                        'one dict')
    for key in arguments[0]:
        if not isinstance(key, str):
            raise TypeError(f'the name of an argument is text, not {key!r}')
    return arguments[0]


def _encode_arguments(arguments):
    try:
        try:
            data = _dumps(arguments).encode()
        except UnicodeEncodeError:
            data = _dumps_ascii(arguments).encode()  # lone surrogates
    except (TypeError, ValueError, RecursionError) as error:
        raise ToolError('not-encodable', f'the arguments cannot be JSON: {error}') from None
    if len(data) > _pysb.TOOL_ARGUMENTS_MAX:
        raise ToolError('arguments-too-large', f'the arguments have {len(data)} bytes of JSON, the '
                        f'limit is {_pysb.TOOL_ARGUMENTS_MAX}')
    return data


def _start(name, arguments):
    if name not in _tools.known():
        raise ToolError('unknown-tool', _tools.explain(name))
    data = _encode_arguments(arguments)
    try:
        call_id = _pysb.call(name, data)
    except OSError as error:
        raise _closed(error) from None
    if call_id == 0:
        raise ToolError('too-many-calls', f'{_pysb.TOOL_CALLS_IN_FLIGHT_MAX} calls wait for their '
                        'answers already; take one of them first')
    _open.add(call_id)
    return call_id


def _closed(error):
    return ToolError('closed', f'nobody answers tool calls any more: {error.strerror}')


def _take(call_id):
    """The value of a call whose reply is here."""
    if call_id not in _open:  # another thread was faster
        raise ValueError(f'the result of call {call_id} was taken already')
    _open.discard(call_id)
    _, value, kind, message = _replies.pop(call_id)
    if kind is not None:
        raise ToolError(kind, message or '')
    try:
        return _loads(value.decode())
    except (ValueError, RecursionError):
        raise ToolError('invalid-answer', 'the client answered with what is no JSON') from None


def _read(timeout):
    """Reads one reply and parks it. Returns whether there was one in _time."""
    try:
        reply = _pysb.receive(timeout)
    except OSError as error:
        raise _closed(error) from None
    if reply is None:
        return False
    _replies[reply[0]] = reply
    if future := _futures.get(reply[0]):
        future.get_loop().call_soon_threadsafe(_resolve, future)
    return True


def _park(reply):
    """Between two cells of a session, where nobody waits."""
    _replies[reply[0]] = reply


def _read_as_one(timeout):
    """As _read() if no other thread reads; else None."""
    if not _reader.acquire(False):
        return None
    try:
        return _read(timeout)
    finally:
        _reader.release()
        while _sleepers:
            _sleepers.pop().release()


def _wait(ids, timeout):
    """Until one of the calls has a reply; the replies of others are parked on the way."""
    deadline = None if timeout is None else _time.monotonic() + timeout
    left = timeout
    while not ids & _replies.keys():
        if _read_as_one(left) is None:
            sleeper = _thread.allocate_lock()
            sleeper.acquire()
            _sleepers.append(sleeper)
            # The reader may have left before it could see this sleeper
            if not ids & _replies.keys() and _read_as_one(left) is None:
                sleeper.acquire(True, -1 if left is None else left)
        if deadline is not None and not ids & _replies.keys():
            left = deadline - _time.monotonic()
            if left <= 0:
                raise ToolError('timeout', 'no answer in time; get_tool_result() can be asked again')
    for future in list(_futures.values()):  # what this thread leaves in the buffer wakes no loop
        future.get_loop().call_soon_threadsafe(_read_all)


class _Wanted:
    """What an awaitable of ours yields: go on with me when one of these calls has a reply."""

    __slots__ = ('ids',)

    def __init__(self, ids):
        self.ids = ids


def _advance(step, error=None):
    """Runs a coroutine up to the next calls that it waits for. StopIteration is its end."""
    wanted = step.throw(error) if error else step.send(None)
    while not isinstance(wanted, _Wanted):
        wanted = step.throw(RuntimeError('only tool calls can be awaited outside of an event loop; '
                                         'for anything else use asyncio.run()'))
    return wanted.ids


class _Call:
    """One call on its way. Why it could not even start is said to whoever awaits it."""

    __slots__ = ('call_id', 'error')

    def __init__(self, name, arguments):
        self.call_id = self.error = None
        try:
            self.call_id = _start(name, arguments)
        except ToolError as error:
            self.error = error.with_traceback(None)

    def __await__(self):
        if self.error:
            raise self.error
        if self.call_id not in _open:
            raise RuntimeError('this tool call was awaited already')
        loop = _running_loop()
        while self.call_id not in _replies:
            if loop:
                yield from _wait_in_loop(loop, self.call_id)
            else:
                yield _Wanted({self.call_id})
        return _take(self.call_id)


class _Gather:
    __slots__ = ('awaitables', 'return_exceptions')

    def __init__(self, awaitables, return_exceptions):
        for awaitable in awaitables:
            if not hasattr(awaitable, '__await__'):
                raise TypeError(f'gather() takes awaitables, not {type(awaitable).__qualname__}')
        self.awaitables = awaitables
        self.return_exceptions = return_exceptions

    def __await__(self):
        if _running_loop():
            import asyncio  # it is loaded: its loop runs
            return (yield from asyncio.gather(
                *self.awaitables, return_exceptions=self.return_exceptions).__await__())
        return (yield from self._run([a.__await__() for a in self.awaitables]))

    def _run(self, steps):
        """Each one runs as far as it can, then all wait together."""
        results = [None] * len(steps)
        waiting = {i: None for i in range(len(steps))}
        try:
            while waiting:
                for i, ids in list(waiting.items()):
                    if ids is None or ids & _replies.keys():
                        self._step(steps[i], i, results, waiting)
                if waiting:
                    yield _Wanted(set().union(*waiting.values()))
            return results
        finally:
            for step in steps:
                step.close()

    def _step(self, step, i, results, waiting):
        try:
            waiting[i] = _advance(step)
            return
        except StopIteration as stop:
            results[i] = stop.value
        except Exception as error:
            if not self.return_exceptions:
                raise
            results[i] = error
        del waiting[i]


def _running_loop():
    asyncio = _sys.modules.get('_asyncio')
    return asyncio and asyncio._get_running_loop()


def _resolve(future, error=None):
    if future.done():
        return
    if error:
        future.set_exception(error)
    else:
        future.set_result(None)


def _read_all():
    """The event loop says that there is something to read. It must not block here, and nothing may stay
    behind in a buffer, where no loop can see it."""
    try:
        while _read_as_one(0):
            pass
    except ToolError as error:
        for future in list(_futures.values()):
            _resolve(future, error)


def _wait_in_loop(loop, call_id):
    future = _futures[call_id] = loop.create_future()
    loop.add_reader(_pysb.RUNNER_FD_CHANNEL, _read_all)
    loop.call_soon(_read_all)
    try:
        yield from future
    finally:
        _futures.pop(call_id, None)
        if not _futures:
            loop.remove_reader(_pysb.RUNNER_FD_CHANNEL)


_begin = _tools.begin
_tools.bind(tool_call, tool_call_async)
