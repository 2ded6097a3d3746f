# SPDX-License-Identifier: LGPL-2.1-or-later
"""The client for asyncio: as pysb.Client, with await. It belongs to one event loop. Tools may be
coroutine functions; others run in the loop's threads."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import socket
from collections import deque
from types import TracebackType
from typing import (TYPE_CHECKING, Any, AsyncIterator, Awaitable, Deque, Dict, List, Mapping, Optional,
                    Sequence, Set, Type, TypeVar, Union)

from . import _calls, _embedded, _wire, errors, types
from ._calls import Call
from ._connection import above_standard, is_stale, last_word, path_of
from ._follow import Follower
from ._request import Request, blob_request, cell_request, files_request, job_request, session_request
from .tools import Tool, Tools, answer_of_exception, answer_of_value, arguments_of, make_tools

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._request import CellOptions, FileContent, JobOptions, SessionOptions

T = TypeVar("T")


class _Connection:
    """Serves one call at a time."""

    def __init__(self, sock: socket.socket, timeout: Optional[float]) -> None:
        sock.setblocking(False)
        self.socket, self._timeout = sock, timeout
        self.continues = False
        self._framer = _wire.Framer()
        self._messages: Deque[Dict[str, Any]] = deque()

    @classmethod
    async def open(cls, address: Optional[str], timeout: Optional[float]) -> "_Connection":
        path = path_of(address)
        connection = cls(above_standard(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)), timeout)
        try:
            await connection._in_time(
                asyncio.get_running_loop().sock_connect(connection.socket, path))
        except BaseException as e:
            connection.close()
            if isinstance(e, errors.Disconnected):
                raise errors.ConnectFailed(f"{path}: {e}") from e
            raise
        return connection

    def close(self) -> None:
        self.socket.close()

    async def _in_time(self, waiting: Awaitable[T]) -> T:
        try:
            return await asyncio.wait_for(waiting, self._timeout)
        except asyncio.TimeoutError as e:
            raise errors.Timeout("no answer in time") from e
        except OSError as e:
            raise errors.Disconnected(str(e)) from e

    async def send(self, method: str, parameters: Dict[str, Any], more: bool = False,
                   fds: Sequence[int] = ()) -> None:
        data = _wire.encode(method, parameters, more)
        loop = asyncio.get_running_loop()
        if fds:  # with the first byte of the message; an idle connection takes that at once
            try:
                data = data[socket.send_fds(self.socket, [data], list(fds)):]
            except OSError as e:
                last_word(self.socket, self._framer)
                raise errors.Disconnected(str(e)) from e
        try:
            await self._in_time(loop.sock_sendall(self.socket, data))
        except errors.Disconnected:
            last_word(self.socket, self._framer)
            raise

    async def receive(self) -> Dict[str, Any]:
        """The parameters of the next reply; raises the error that it is."""
        loop = asyncio.get_running_loop()
        while not self._messages:
            data = await self._in_time(loop.sock_recv(self.socket, 1 << 16))
            if not data:
                raise errors.Disconnected("the daemon closed the connection before it answered")
            self._messages.extend(self._framer.feed(data))
        reply = self._messages.popleft()
        self.continues = reply.get("continues") is True
        return _wire.parameters_of(reply)


class Client:
    """See pysb.Client. Use it by 'async with'."""

    def __init__(self, address: Optional[str] = None, *, embedded: bool = False,
                 timeout: Optional[float] = None) -> None:
        self._address, self._timeout, self.embedded = address, timeout, embedded
        self._idle: List[_Connection] = []
        self._daemon: Optional[_embedded.Daemon] = None
        self._closed = True

    async def __aenter__(self) -> Client:
        if self.embedded:
            self._daemon = _embedded.Daemon()
            self._address = self._daemon.address
        else:
            self._idle = [await _Connection.open(self._address, self._timeout)]
        self._closed = False
        return self

    async def __aexit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException],
                        traceback: Optional[TracebackType]) -> None:
        await self.close()

    async def close(self) -> None:
        self._closed = True
        for connection in self._idle:
            connection.close()
        self._idle = []
        if self._daemon:
            daemon, self._daemon = self._daemon, None
            await asyncio.get_running_loop().run_in_executor(None, daemon.end)

    async def _take(self) -> _Connection:
        """As _Pool.take() of the other client."""
        if self._closed:
            raise errors.Disconnected("the client is closed, or 'async with' has not begun")
        while self._idle:
            connection = self._idle.pop()
            if not is_stale(connection.socket):
                return connection
            connection.close()
        try:
            return await _Connection.open(self._address, self._timeout)
        except errors.ConnectFailed as e:
            if self._daemon:
                raise errors.Disconnected("the private daemon has ended") from e
            raise

    def _give(self, connection: _Connection, usable: bool) -> None:
        if usable and not self._closed:
            self._idle.append(connection)
        else:
            connection.close()

    @staticmethod
    async def _ask(connection: _Connection, call: Call[T]) -> T:
        await connection.send(call.method, dict(call.parameters), fds=call.fds)
        return call.read(await connection.receive())

    async def _do_more(self, call: Call[T]) -> AsyncIterator[T]:
        """As in the other client."""
        connection = await self._take()
        usable = False
        try:
            await connection.send(call.method, dict(call.parameters), True)
            while not usable:
                reply = await connection.receive()
                usable = not connection.continues
                yield call.read(reply)
        except errors.ProtocolError:
            usable = True
            raise
        finally:
            self._give(connection, usable)

    async def _do(self, call: Call[T]) -> T:
        connection = await self._take()
        usable = False
        try:
            await connection.send(call.method, dict(call.parameters), fds=call.fds)
            reply = await connection.receive()
            usable = True
        except (errors.ProtocolError, ValueError):
            usable = True  # an answer, too; or nothing was sent
            raise
        finally:
            self._give(connection, usable)
        return call.read(reply)

    #
    # Jobs
    #

    async def run(self, code: Optional[str] = None, **options: Unpack[JobOptions]) -> types.Result:
        if options.get("tools"):
            async with self.stream(code, **options) as stream:
                return await stream.wait()
        with contextlib.closing(job_request(code, options)) as request:
            return await self._do(_calls.run(request))

    def stream(self, code: Optional[str] = None, **options: Unpack[JobOptions]) -> Stream:
        """Use it by 'async with', which cancels the job at its end."""
        request = job_request(code, options)
        return Stream(self, _calls.run(request), Follower(tools=request.tools), request)

    async def submit(self, code: Optional[str] = None, **options: Unpack[JobOptions]) -> Job:
        with contextlib.closing(job_request(code, options)) as request:
            reply = await self._do(_calls.submit(request))
            return Job(self, reply.job, request.tools, reply)

    async def check(self, code: Optional[str] = None,
                    **options: Unpack[JobOptions]) -> types.CheckReply:
        with contextlib.closing(job_request(code, options)) as request:
            return await self._do(_calls.check(request))

    def job(self, job: str, tools: Optional[Tools] = None) -> Job:
        return Job(self, job, make_tools(tools))

    async def jobs(self, states: Optional[Sequence[str]] = None,
                   labels: Optional[Mapping[str, str]] = None,
                   request_id: Optional[str] = None,
                   session: Optional[str] = None,
                   tenant: Optional[str] = None) -> AsyncIterator[types.JobInfo]:
        cursor: Optional[str] = None
        while True:
            page, cursor = await self._do(_calls.list_jobs(states, labels, request_id, session, cursor,
                                                            tenant))
            for info in page:
                yield info
            if cursor is None:
                return

    async def complete_tool_call(self, job: str, call_id: str, value: Any) -> None:
        answer = answer_of_exception(value) if isinstance(value, BaseException) else answer_of_value(value)
        await self._do(_calls.complete_tool_call(job, call_id, answer))

    #
    # Sessions
    #

    async def open_session(self, **options: Unpack[SessionOptions]) -> Session:
        """'async with await client.open_session() as session'."""
        with contextlib.closing(session_request(options)) as request:
            # As in the other client
            if not request.wire.pop("bindToConnection", False) or self.embedded:
                info = await self._do(_calls.open_session(request))
                return Session(self, info.session, request.tools)
            request.wire["bindToConnection"] = True
            connection = await _Connection.open(self._address, self._timeout)
            try:
                info = await self._ask(connection, _calls.open_session(request))
            except BaseException:
                connection.close()
                raise
            return Session(self, info.session, request.tools, connection)

    def session(self, session: str, tools: Optional[Tools] = None) -> Session:
        return Session(self, session, make_tools(tools))

    async def sessions(self, labels: Optional[Mapping[str, str]] = None,
                       tenant: Optional[str] = None) -> AsyncIterator[types.SessionInfo]:
        cursor: Optional[str] = None
        while True:
            page, cursor = await self._do(_calls.list_sessions(labels, cursor, tenant))
            for info in page:
                yield info
            if cursor is None:
                return

    #
    # What there is
    #

    async def profiles(self) -> List[types.ProfileInfo]:
        return await self._do(_calls.list_profiles())

    async def profile(self, name: str) -> types.GetProfileReply:
        return await self._do(_calls.get_profile(name))

    async def put_blob(self, data: Union[str, bytes], tenant: Optional[str] = None) -> types.Blob:
        request = blob_request(data)
        try:
            return await self._do(_calls.put_blob(request, tenant))
        finally:
            request.close()

    async def get_blob(self, blob: str, tenant: Optional[str] = None) -> bytes:
        data, is_end = await self._do(_calls.get_blob(blob, 0, tenant))
        while not is_end:
            more, is_end = await self._do(_calls.get_blob(blob, len(data), tenant))
            data += more
        return data

    async def remove_blobs(self, *blobs: str, tenant: Optional[str] = None) -> int:
        return await self._do(_calls.remove_blobs(blobs, tenant))

    async def who_am_i(self, tenant: Optional[str] = None) -> types.WhoAmIReply:
        return await self._do(_calls.who_am_i(tenant))

    async def node(self) -> types.GetNodeReply:
        return await self._do(_calls.get_node())

    async def call(self, method: str, parameters: Optional[Mapping[str, Any]] = None) -> Dict[str, Any]:
        return await self._do(_calls.raw(method, parameters or {}))

    async def _answer(self, job: str, call: types.ToolCall, tool: Tool) -> None:
        try:
            arguments = arguments_of(call.arguments_json or "{}")
            if inspect.iscoroutinefunction(tool.function):
                value = await tool.function(**arguments)
            else:
                value = await asyncio.get_running_loop().run_in_executor(
                    None, lambda: tool.function(**arguments))
            answer = answer_of_value(value)
        except asyncio.CancelledError:
            raise  # nobody listens any more
        except BaseException as e:  # pylint: disable=broad-except; the program hears of it, of SystemExit, too
            answer = answer_of_exception(e)
        try:
            await self._do(_calls.complete_tool_call(job, call.call_id, answer))
        except errors.ToolCallNotFound:
            pass  # it is over: a limit, a timeout of the tool
        except errors.ProtocolError as e:
            await self._do(_calls.complete_tool_call(job, call.call_id, answer_of_exception(e)))


class Job:
    """A job by its identifier."""

    def __init__(self, client: Client, job: str, tools: Optional[Mapping[str, Tool]] = None,
                 submitted: Optional[types.SubmitReply] = None) -> None:
        self.client, self.id, self.tools = client, job, dict(tools or {})
        # What submit() was told: whether this made the job, and how many were ahead of it
        self.submitted = submitted

    def __repr__(self) -> str:
        return f"<pysb.aio.Job {self.id}>"

    async def wait(self, timeout_usec: Optional[int] = None) -> Optional[types.Result]:
        return await self.client._do(_calls.wait(self.id, timeout_usec))

    async def result(self) -> types.Result:
        result = await self.wait()
        assert result is not None
        return result

    def stream(self, after_sequence: Optional[int] = None,
               kinds: Optional[Sequence[str]] = None) -> Stream:
        follower = Follower(self.id, self.tools, collect=after_sequence is None and kinds is None)
        return Stream(self.client, _calls.attach(self.id, after_sequence, kinds), follower)

    async def cancel(self, reason: Optional[str] = None,
                     grace_usec: Optional[int] = None) -> str:
        return await self.client._do(_calls.cancel(self.id, reason, grace_usec))

    async def write_input(self, data: Union[str, bytes] = b"", *, end_of_file: bool = False) -> int:
        return await self.client._do(_calls.write_input(self.id, data, end_of_file))

    async def forget(self) -> None:
        await self.client._do(_calls.forget_job(self.id))

    async def info(self) -> types.JobInfo:
        return await self.client._do(_calls.get_job(self.id))


class Session:
    """See pysb.Session."""

    def __init__(self, client: Client, session: str, tools: Optional[Mapping[str, Tool]] = None,
                 connection: Optional[_Connection] = None) -> None:
        self.client, self.id, self.tools = client, session, dict(tools or {})
        self._connection = connection  # that it is bound to

    def __repr__(self) -> str:
        return f"<pysb.aio.Session {self.id}>"

    async def __aenter__(self) -> Session:
        return self

    async def __aexit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException],
                        traceback: Optional[TracebackType]) -> None:
        with contextlib.suppress(errors.SessionNotFound):
            await self.close()

    async def execute(self, code: str, **options: Unpack[CellOptions]) -> types.Result:
        if self.tools:
            async with self.stream(code, **options) as stream:
                return await stream.wait()
        request = cell_request(self.id, code, options)
        return await self.client._do(_calls.execute(request))

    def stream(self, code: str, **options: Unpack[CellOptions]) -> Stream:
        request = cell_request(self.id, code, options)
        return Stream(self.client, _calls.execute(request), Follower(tools=self.tools))

    async def interrupt(self) -> None:
        await self.client._do(_calls.interrupt_session(self.id))

    async def extend(self, idle_timeout_usec: Optional[int] = None,
                     lifetime_usec: Optional[int] = None) -> types.SessionInfo:
        return await self.client._do(_calls.extend_session(self.id, idle_timeout_usec, lifetime_usec))

    async def restart(self) -> types.SessionInfo:
        return await self.client._do(_calls.restart_session(self.id))

    async def put_files(self, files: Mapping[str, FileContent]) -> None:
        """Puts all or none of them, by their paths below /app."""
        with contextlib.closing(files_request(files)) as request:
            await self.client._do(_calls.put_files(self.id, request))

    async def read_file(self, path: str) -> bytes:
        data = bytearray()
        while True:
            piece, is_last = await self.client._do(_calls.read_file(self.id, path, len(data)))
            data += piece
            if is_last or not piece:
                return bytes(data)

    async def list_files(self, pattern: Optional[str] = None,
                    max_entries: Optional[int] = None) -> types.ListFilesReply:
        """What matches, by its path; the top of /app without a pattern."""
        return await self.client._do(_calls.list_files(self.id, pattern, max_entries))

    async def remove_files(self, *paths: str, recursive: bool = False) -> int:
        """How many names are gone."""
        return await self.client._do(_calls.remove_files(self.id, paths, recursive))

    async def branch(self, labels: Optional[Mapping[str, str]] = None) -> Session:
        info = await self.client._do(_calls.branch_session(self.id, labels))
        return Session(self.client, info.session, self.tools)

    async def info(self) -> types.SessionInfo:
        return await self.client._do(_calls.get_session(self.id))

    async def close(self) -> None:
        try:
            await self.client._do(_calls.close_session(self.id))
        finally:
            if self._connection:
                self._connection.close()


class Stream:
    """See pysb.Stream: 'async with' it, and 'async for' over it."""

    def __init__(self, client: Client, call: Call[types.Result], follower: Follower,
                 request: Optional[Request] = None) -> None:
        self.client, self._call, self._follower, self._request = client, call, follower, request
        self._connection: Optional[_Connection] = None
        self._answers: "Set[asyncio.Task[None]]" = set()

    async def __aenter__(self) -> Stream:
        with contextlib.closing(self._request or Request()):
            self._connection = await self.client._take()
            try:
                await self._connection.send(self._call.method, dict(self._call.parameters), True,
                                            self._call.fds)
            except BaseException:
                self._end(usable=False)
                raise
        return self

    async def __aexit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException],
                        traceback: Optional[TracebackType]) -> None:
        await self.close()

    @property
    def job(self) -> Optional[str]:
        return self._follower.job

    @property
    def result(self) -> Optional[types.Result]:
        return self._follower.result

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> types.Event:
        if self._connection is None:
            raise StopAsyncIteration
        try:
            event = self._follower.feed(await self._connection.receive())
        except BaseException as e:
            self._end(usable=isinstance(e, errors.ProtocolError))
            raise
        if event is None:
            self._end(usable=True)
            raise StopAsyncIteration
        self._call_tool(event)
        return event

    async def wait(self) -> types.Result:
        async for _ in self:
            pass
        if self.result is None:
            raise errors.Disconnected("the stream was closed before the job ended")
        return self.result

    async def close(self) -> None:
        self._end(usable=False)

    def _call_tool(self, event: types.Event) -> None:
        tool = self._follower.tool_of(event)
        if tool and event.tool_call and self.job:
            task = asyncio.ensure_future(self.client._answer(self.job, event.tool_call, tool))
            self._answers.add(task)
            task.add_done_callback(self._answers.discard)

    def _end(self, usable: bool) -> None:
        connection, self._connection = self._connection, None
        for task in self._answers:
            task.cancel()
        if connection:
            self.client._give(connection, usable)
