# SPDX-License-Identifier: LGPL-2.1-or-later
"""The client that blocks. It may be used by several threads at once: each call has a connection for itself
while it lasts. A Stream belongs to one thread."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from types import TracebackType
from typing import (TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, Optional, Sequence, Type, TypeVar,
                    Union)

from . import _calls, _embedded, errors, types
from ._calls import Call
from ._connection import Connection, is_stale
from ._follow import Follower
from ._request import blob_request, cell_request, files_request, job_request, session_request
from .tools import (WORKERS, Tool, Tools, answer_of_exception, answer_of_value, arguments_of,
                    make_tools)

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._request import CellOptions, FileContent, JobOptions, SessionOptions

T = TypeVar("T")


class _Pool:
    """Connections to one daemon: those that are idle; another one is made when there is none."""

    def __init__(self, address: Optional[str], embedded: bool, timeout: Optional[float]) -> None:
        self.daemon = _embedded.Daemon() if embedded else None
        self.address, self.timeout = self.daemon.address if self.daemon else address, timeout
        self.idle: List[Connection] = []
        self.lock = threading.Lock()
        self.closed = False
        if not embedded:
            self.idle = [Connection.open(address, timeout)]  # that there is a daemon is known at once

    def take(self) -> Connection:
        with self.lock:
            if self.closed:
                raise errors.Disconnected("the client is closed")
            while self.idle:
                connection = self.idle.pop()
                if not is_stale(connection.socket):
                    return connection
                connection.close()
        try:
            return Connection.open(self.address, self.timeout)
        except errors.ConnectFailed as e:
            if self.daemon:
                raise errors.Disconnected("the private daemon has ended") from e
            raise

    def give(self, connection: Connection, usable: bool) -> None:
        with self.lock:
            if usable and not self.closed:
                self.idle.append(connection)
            else:
                connection.close()

    def close(self) -> None:
        with self.lock:
            was_closed, self.closed = self.closed, True
            for connection in self.idle:
                connection.close()
            self.idle = []
        if self.daemon and not was_closed:
            self.daemon.end()


class Client:
    """Of the service, of the daemon at an address such as "unix:/run/pysb/io.pysb.sandbox", or of a
    private one that ends with the client. 'timeout' in seconds is for each reply; None waits forever."""

    def __init__(self, address: Optional[str] = None, *, embedded: bool = False,
                 timeout: Optional[float] = None) -> None:
        self._pool = _Pool(address, embedded, timeout)
        self.embedded = embedded

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException],
                 traceback: Optional[TracebackType]) -> None:
        self.close()

    def close(self) -> None:
        """A private daemon, and all that runs in it, has ended when this returns."""
        self._pool.close()

    #
    # Jobs
    #

    def run(self, code: Optional[str] = None, **options: Unpack[JobOptions]) -> types.Result:
        """Runs one program and waits for its end. If it has tools they are called in threads."""
        if options.get("tools"):
            with self.stream(code, **options) as stream:
                return stream.wait()
        with closing(job_request(code, options)) as request:
            return self._do(_calls.run(request))

    def stream(self, code: Optional[str] = None, **options: Unpack[JobOptions]) -> Stream:
        """Runs one program; iterate over its events. close(), or the end of 'with', cancels it."""
        with closing(job_request(code, options)) as request:
            return Stream(self, _calls.run(request), Follower(tools=request.tools))

    def submit(self, code: Optional[str] = None, **options: Unpack[JobOptions]) -> Job:
        """Hands a job over; it goes on without this client. Tools are answered by Job.stream()."""
        with closing(job_request(code, options)) as request:
            reply = self._do(_calls.submit(request))
            return Job(self, reply.job, request.tools, reply)

    def check(self, code: Optional[str] = None, **options: Unpack[JobOptions]) -> types.CheckReply:
        """Examines a request without running it."""
        with closing(job_request(code, options)) as request:
            return self._do(_calls.check(request))

    def job(self, job: str, tools: Optional[Tools] = None) -> Job:
        """The job with this identifier; whether there is one is known when it is used."""
        return Job(self, job, make_tools(tools))

    def jobs(self, states: Optional[Sequence[str]] = None,
             labels: Optional[Mapping[str, str]] = None,
             request_id: Optional[str] = None,
             session: Optional[str] = None,
             tenant: Optional[str] = None) -> Iterator[types.JobInfo]:
        """The caller's jobs, or those of the tenant that a gateway names, newest first."""
        cursor: Optional[str] = None
        while True:
            page, cursor = self._do(_calls.list_jobs(states, labels, request_id, session, cursor,
                                                      tenant))
            yield from page
            if cursor is None:
                return

    def complete_tool_call(self, job: str, call_id: str, value: Any) -> None:
        """Answers a call by hand: with a value, or with an exception, which the program sees."""
        answer = answer_of_exception(value) if isinstance(value, BaseException) else answer_of_value(value)
        self._do(_calls.complete_tool_call(job, call_id, answer))

    #
    # Sessions
    #

    def open_session(self, **options: Unpack[SessionOptions]) -> Session:
        """An interpreter whose variables live from one cell to the next; 'with' closes it at its end."""
        with closing(session_request(options)) as request:
            # A private daemon ends with the client, and its sessions with it
            if not request.wire.pop("bindToConnection", False) or self.embedded:
                return Session(self, self._do(_calls.open_session(request)).session, request.tools)
            request.wire["bindToConnection"] = True
            connection = Connection.open(self._pool.address, self._pool.timeout)
            try:
                info = self._ask(connection, _calls.open_session(request))
            except BaseException:
                connection.close()
                raise
            return Session(self, info.session, request.tools, connection)

    def session(self, session: str, tools: Optional[Tools] = None) -> Session:
        """The session with this identifier; whether there is one is known when it is used."""
        return Session(self, session, make_tools(tools))

    def sessions(self, labels: Optional[Mapping[str, str]] = None,
                 tenant: Optional[str] = None) -> Iterator[types.SessionInfo]:
        """The caller's sessions, newest first."""
        cursor: Optional[str] = None
        while True:
            page, cursor = self._do(_calls.list_sessions(labels, cursor, tenant))
            yield from page
            if cursor is None:
                return

    #
    # What there is
    #

    def profiles(self) -> List[types.ProfileInfo]:
        return self._do(_calls.list_profiles())

    def profile(self, name: str) -> types.GetProfileReply:
        return self._do(_calls.get_profile(name))

    def put_blob(self, data: Union[str, bytes], tenant: Optional[str] = None) -> types.Blob:
        """Keeps bytes in the daemon for later requests, for an hour after their last use."""
        request = blob_request(data)
        try:
            return self._do(_calls.put_blob(request, tenant))
        finally:
            request.close()

    def get_blob(self, blob: str, tenant: Optional[str] = None) -> bytes:
        """All bytes of it."""
        data, is_end = self._do(_calls.get_blob(blob, 0, tenant))
        while not is_end:
            more, is_end = self._do(_calls.get_blob(blob, len(data), tenant))
            data += more
        return data

    def remove_blobs(self, *blobs: str, tenant: Optional[str] = None) -> int:
        """Returns how many of them there were."""
        return self._do(_calls.remove_blobs(blobs, tenant))

    def who_am_i(self, tenant: Optional[str] = None) -> types.WhoAmIReply:
        return self._do(_calls.who_am_i(tenant))

    def node(self) -> types.GetNodeReply:
        return self._do(_calls.get_node())

    def call(self, method: str, parameters: Optional[Mapping[str, Any]] = None) -> Dict[str, Any]:
        """Any method, with parameters and reply as the interface has them."""
        return self._do(_calls.raw(method, parameters or {}))

    @staticmethod
    def _ask(connection: Connection, call: Call[T]) -> T:
        connection.send(call.method, dict(call.parameters), fds=call.fds)
        return call.read(connection.receive())

    def _do_more(self, call: Call[T]) -> Iterator[T]:
        """Each reply of a call that has several."""
        connection = self._pool.take()
        usable = False
        try:
            connection.send(call.method, dict(call.parameters), True)
            while not usable:
                reply = connection.receive()
                usable = not connection.continues
                yield call.read(reply)
        except errors.ProtocolError:
            usable = True  # an answer, too
            raise
        finally:
            self._pool.give(connection, usable)

    def _do(self, call: Call[T]) -> T:
        connection = self._pool.take()
        usable = False
        try:
            connection.send(call.method, dict(call.parameters), fds=call.fds)
            reply = connection.receive()
            usable = True
        except (errors.ProtocolError, ValueError):
            usable = True  # an answer, too; or nothing was sent
            raise
        finally:
            self._pool.give(connection, usable)
        return call.read(reply)

    def _answer(self, job: str, call: types.ToolCall, tool: Tool) -> None:
        try:
            answer = answer_of_value(tool.function(**arguments_of(call.arguments_json or "{}")))
        except BaseException as e:  # pylint: disable=broad-except; the program hears of it, of SystemExit, too
            answer = answer_of_exception(e)
        try:
            self._do(_calls.complete_tool_call(job, call.call_id, answer))
        except errors.ToolCallNotFound:
            pass  # it is over: a limit, a timeout of the tool
        except errors.ProtocolError as e:
            self._do(_calls.complete_tool_call(job, call.call_id, answer_of_exception(e)))


class Job:
    """A job by its identifier."""

    def __init__(self, client: Client, job: str, tools: Optional[Mapping[str, Tool]] = None,
                 submitted: Optional[types.SubmitReply] = None) -> None:
        self.client, self.id, self.tools = client, job, dict(tools or {})
        # What submit() was told: whether this made the job, and how many were ahead of it
        self.submitted = submitted

    def __repr__(self) -> str:
        return f"<pysb.Job {self.id}>"

    def wait(self, timeout_usec: Optional[int] = None) -> Optional[types.Result]:
        """Its result; None if the timeout came first."""
        return self.client._do(_calls.wait(self.id, timeout_usec))

    def result(self) -> types.Result:
        """Its result, however long that takes."""
        result = self.wait()
        assert result is not None
        return result

    def stream(self, after_sequence: Optional[int] = None,
               kinds: Optional[Sequence[str]] = None) -> Stream:
        """Its events, from the first one or from after one; a part of them makes no whole output, so
        the result has none then. close() only stops listening."""
        follower = Follower(self.id, self.tools, collect=after_sequence is None and kinds is None)
        return Stream(self.client, _calls.attach(self.id, after_sequence, kinds), follower)

    def cancel(self, reason: Optional[str] = None,
               grace_usec: Optional[int] = None) -> str:
        """Asks it to stop; returns its state."""
        return self.client._do(_calls.cancel(self.id, reason, grace_usec))

    def write_input(self, data: Union[str, bytes] = b"", *, end_of_file: bool = False) -> int:
        """Bytes for a job with stdin_open; returns when they are in its pipe, and how many they were."""
        return self.client._do(_calls.write_input(self.id, data, end_of_file))

    def forget(self) -> None:
        """Drops the result of a finished job now."""
        self.client._do(_calls.forget_job(self.id))

    def info(self) -> types.JobInfo:
        return self.client._do(_calls.get_job(self.id))


class Session:
    """A session by its identifier. Cells run one after the other; variables, imports and files stay."""

    def __init__(self, client: Client, session: str, tools: Optional[Mapping[str, Tool]] = None,
                 connection: Optional[Connection] = None) -> None:
        self.client, self.id, self.tools = client, session, dict(tools or {})
        self._connection = connection  # that it is bound to

    def __repr__(self) -> str:
        return f"<pysb.Session {self.id}>"

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException],
                 traceback: Optional[TracebackType]) -> None:
        try:
            self.close()
        except errors.SessionNotFound:
            pass  # its time was over

    def execute(self, code: str, **options: Unpack[CellOptions]) -> types.Result:
        """Runs one cell and waits for its end; result.session_alive says whether there can be another."""
        if self.tools:
            with self.stream(code, **options) as stream:
                return stream.wait()
        request = cell_request(self.id, code, options)
        return self.client._do(_calls.execute(request))

    def stream(self, code: str, **options: Unpack[CellOptions]) -> Stream:
        """Runs one cell; iterate over its events. close(), or the end of 'with', interrupts it."""
        request = cell_request(self.id, code, options)
        return Stream(self.client, _calls.execute(request), Follower(tools=self.tools))

    def interrupt(self) -> None:
        """Raises KeyboardInterrupt in the running cell; nothing happens if none runs."""
        self.client._do(_calls.interrupt_session(self.id))

    def extend(self, idle_timeout_usec: Optional[int] = None,
               lifetime_usec: Optional[int] = None) -> types.SessionInfo:
        """Pushes its end back: both times count from now on."""
        return self.client._do(_calls.extend_session(self.id, idle_timeout_usec, lifetime_usec))

    def restart(self) -> types.SessionInfo:
        """A fresh interpreter; files stay. What runs or waits is cancelled."""
        return self.client._do(_calls.restart_session(self.id))

    def put_files(self, files: Mapping[str, FileContent]) -> None:
        """Puts all or none of them, by their paths below /app."""
        with closing(files_request(files)) as request:
            self.client._do(_calls.put_files(self.id, request))

    def read_file(self, path: str) -> bytes:
        data = bytearray()
        while True:
            piece, is_last = self.client._do(_calls.read_file(self.id, path, len(data)))
            data += piece
            if is_last or not piece:
                return bytes(data)

    def list_files(self, pattern: Optional[str] = None,
                   max_entries: Optional[int] = None) -> types.ListFilesReply:
        """What matches, by its path; the top of /app without a pattern."""
        return self.client._do(_calls.list_files(self.id, pattern, max_entries))

    def remove_files(self, *paths: str, recursive: bool = False) -> int:
        """How many names are gone."""
        return self.client._do(_calls.remove_files(self.id, paths, recursive))

    def branch(self, labels: Optional[Mapping[str, str]] = None) -> Session:
        """A second session with the same variables, which diverge from now on; files are shared."""
        return Session(self.client, self.client._do(_calls.branch_session(self.id, labels)).session, self.tools)

    def info(self) -> types.SessionInfo:
        return self.client._do(_calls.get_session(self.id))

    def close(self) -> None:
        """Ends it, and what runs in it."""
        try:
            self.client._do(_calls.close_session(self.id))
        finally:
            if self._connection:
                self._connection.close()


class Stream:
    """Iterates over the events of a job; then .result is there. Tools are called in threads meanwhile,
    but only while somebody iterates."""

    def __init__(self, client: Client, call: Call[types.Result], follower: Follower) -> None:
        self.client, self._follower = client, follower
        self._workers = ThreadPoolExecutor(WORKERS, "pysb-tool") if follower.tools else None
        self._connection: Optional[Connection] = client._pool.take()
        try:
            self._connection.send(call.method, dict(call.parameters), True, call.fds)
        except BaseException:
            self._end(usable=False)
            raise

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException],
                 traceback: Optional[TracebackType]) -> None:
        self.close()

    @property
    def job(self) -> Optional[str]:
        """The identifier; None before the first event."""
        return self._follower.job

    @property
    def result(self) -> Optional[types.Result]:
        """How it ended; None before the end of the events."""
        return self._follower.result

    def __iter__(self) -> Iterator[types.Event]:
        return self

    def __next__(self) -> types.Event:
        if self._connection is None:
            raise StopIteration
        try:
            event = self._follower.feed(self._connection.receive())
        except BaseException as e:
            self._end(usable=isinstance(e, errors.ProtocolError))
            raise
        if event is None:
            self._end(usable=True)
            raise StopIteration
        self._call_tool(event)
        return event

    def wait(self) -> types.Result:
        """The result, after all events."""
        for _ in self:
            pass
        if self.result is None:
            raise errors.Disconnected("the stream was closed before the job ended")
        return self.result

    def close(self) -> None:
        """Cancels a job of Client.stream() that still runs, unless it is detached; a cell is interrupted."""
        self._end(usable=False)

    def _call_tool(self, event: types.Event) -> None:
        tool = self._follower.tool_of(event)
        if tool and self._workers and event.tool_call and self.job:
            self._workers.submit(self.client._answer, self.job, event.tool_call, tool)

    def _end(self, usable: bool) -> None:
        connection, self._connection = self._connection, None
        if connection:
            self.client._pool.give(connection, usable)
        if self._workers:
            self._workers.shutdown(wait=False)
