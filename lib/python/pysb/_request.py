# SPDX-License-Identifier: LGPL-2.1-or-later
"""JobRequest from keyword arguments."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
from dataclasses import dataclass, field
from typing import IO, Any, Dict, Iterator, List, Mapping, Optional, Sequence, TypedDict, Union

from .tools import Tool, Tools, make_tools
from .types import CollectRule, Limits, camel_case

# What is longer, of files and standard input, goes by a sealed memfd: a message has its limit
INLINE_BYTES = 256 << 10
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE if hasattr(
    fcntl, "F_SEAL_SEAL") else 0xF
_ADD_SEALS = getattr(fcntl, "F_ADD_SEALS", 1033)


@dataclass(frozen=True)
class FileInput:
    """A file of a request that is more than its bytes: give at most one of data, blob and file; the last one is a
    memfd or a file in a tmpfs, or its descriptor, which stays the caller's."""

    data: Union[str, bytes, None] = None
    blob: Optional[str] = None
    file: Union[int, IO[Any], None] = None
    executable: bool = False
    read_only: bool = False


FileContent = Union[str, bytes, FileInput]


class JobOptions(TypedDict, total=False):
    """What run(), stream(), submit() and check() take by keyword: the interface's JobRequest, in
    snake_case, with Python's values where the interface has JSON text, Base64 or indices."""

    script_path: str
    module: str
    expression: str
    callable: str
    inputs: Mapping[str, Any]
    arguments: Sequence[str]
    environment: Mapping[str, str]
    # Text, bytes, or the read end of a pipe: a file or its descriptor, which stays the caller's
    stdin: Union[str, bytes, int, IO[Any]]
    # Bytes come with Job.write_input()
    stdin_open: bool
    profile: str
    # Limits(memory_bytes=…), or a dict with the same names
    limits: Union[Limits, Mapping[str, int]]
    files: Mapping[str, FileContent]
    # Patterns relative to /app: what matches is in Result.files, or comes as events
    collect: Sequence[Union[str, CollectRule]]
    modules: Sequence[str]
    tools: Tools
    analysis: str
    display_last_expression: bool
    # The same request with it makes no second job
    request_id: str
    # 0 to 9; orders the jobs of one tenant
    priority: int
    # For gateways only: whom the job is for
    tenant: str
    queue_timeout_usec: int
    labels: Mapping[str, str]
    detach: bool
    retain_usec: int
    usage_interval_usec: int
    heartbeat_usec: int
    seed: int


class SessionOptions(TypedDict, total=False):
    """What open_session() takes by keyword; as in JobOptions."""

    profile: str
    # Of the whole session; but times, output, result, source, tool calls and ticks are those of a cell
    limits: Union[Limits, Mapping[str, int]]
    files: Mapping[str, FileContent]
    environment: Mapping[str, str]
    modules: Sequence[str]
    tools: Tools
    labels: Mapping[str, str]
    seed: int
    # For gateways only: whom it is for
    tenant: str
    idle_timeout_usec: int
    lifetime_usec: int
    # It ends with this process, or with its Session object, which has a connection of its own for that
    bind_to_connection: bool


class CellOptions(TypedDict, total=False):
    """What Session.execute() and Session.stream() take by keyword; as in JobOptions."""

    inputs: Mapping[str, Any]
    limits: Union[Limits, Mapping[str, int]]
    display_last_expression: bool
    analysis: str
    # Wait for the cells before it
    queue: bool
    # The same call with it makes no second cell
    request_id: str
    detach: bool
    retain_usec: int
    usage_interval_usec: int
    heartbeat_usec: int


@dataclass
class Request:
    """A JobRequest, or the parameters of OpenSession or Execute, with what goes beside the message."""

    wire: Dict[str, Any] = field(default_factory=dict)
    fds: List[int] = field(default_factory=list)
    tools: Dict[str, Tool] = field(default_factory=dict)

    def close(self) -> None:
        """The descriptors are copies of ours, which the daemon has by now."""
        for fd in self.fds:
            os.close(fd)
        self.fds = []


@contextlib.contextmanager
def _closed_on_failure(request: Request) -> Iterator[None]:
    try:
        yield
    except BaseException:
        request.close()
        raise


def text_or_data(value: Union[str, bytes]) -> Dict[str, str]:
    """The interface's pair."""
    if isinstance(value, str) and "\0" not in value:
        return {"text": value}
    data = value.encode() if isinstance(value, str) else value
    return {"data": base64.b64encode(data).decode()}


def _memfd(data: bytes) -> int:
    fd = os.memfd_create("stdin", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with open(os.dup(fd), "wb") as file:
        file.write(data)
    os.lseek(fd, 0, os.SEEK_SET)
    fcntl.fcntl(fd, _ADD_SEALS, _SEALS)
    return fd


def _set_stdin(request: Request, stdin: Union[str, bytes, int, IO[Any]]) -> None:
    if isinstance(stdin, (str, bytes)):
        data = stdin.encode() if isinstance(stdin, str) else stdin
        if len(data) <= INLINE_BYTES:
            pair = text_or_data(stdin)
            request.wire.update({f"stdin{key.capitalize()}": value for key, value in pair.items()})
            return
        request.fds.append(_memfd(data))
    else:
        request.fds.append(os.dup(stdin if isinstance(stdin, int) else stdin.fileno()))
    request.wire["stdinFileDescriptor"] = len(request.fds) - 1


def _add_fd(request: Request, file: Union[int, IO[Any]]) -> int:
    request.fds.append(os.dup(file if isinstance(file, int) else file.fileno()))
    return len(request.fds) - 1


def _file_bytes(request: Request, data: Union[str, bytes]) -> Dict[str, Any]:
    raw = data.encode() if isinstance(data, str) else data
    if len(raw) <= INLINE_BYTES:
        return dict(text_or_data(data))
    request.fds.append(_memfd(raw))
    return {"fileDescriptor": len(request.fds) - 1}


def _file(request: Request, path: str, content: FileContent) -> Dict[str, Any]:
    wire: Dict[str, Any] = {"path": path}
    if not isinstance(content, FileInput):
        return {**wire, **_file_bytes(request, content)}
    if content.data is not None:
        wire.update(_file_bytes(request, content.data))
    if content.blob is not None:
        wire["blob"] = content.blob
    if content.file is not None:
        wire["fileDescriptor"] = _add_fd(request, content.file)
    if content.executable:
        wire["executable"] = True
    if content.read_only:
        wire["readOnly"] = True
    return wire


def files_request(files: Mapping[str, FileContent]) -> Request:
    """The parameters of PutFiles, but the session."""
    request = Request()
    with _closed_on_failure(request):
        request.wire["files"] = [_file(request, path, content) for path, content in files.items()]
    return request


def blob_request(data: Union[str, bytes]) -> Request:
    """The parameters of PutBlob."""
    raw = data.encode() if isinstance(data, str) else data
    if len(raw) <= INLINE_BYTES:
        return Request(wire=dict(text_or_data(data)))
    return Request(wire={"fileDescriptor": 0}, fds=[_memfd(raw)])


def _limits(limits: Union[Limits, Mapping[str, int]]) -> Dict[str, int]:
    return limits.to_wire() if isinstance(limits, Limits) else Limits(**limits).to_wire()


def _set_option(request: Request, name: str, value: Any) -> None:
    if name == "inputs":
        request.wire["inputsJson"] = json.dumps(value, allow_nan=False)
    elif name == "stdin":
        _set_stdin(request, value)
    elif name == "limits":
        request.wire["limits"] = _limits(value)
    elif name == "files":
        request.wire["files"] = [_file(request, path, content) for path, content in value.items()]
    elif name == "collect":
        request.wire["collect"] = [rule.to_wire() if isinstance(rule, CollectRule) else {"pattern": rule}
                                   for rule in value]
    elif name == "tools":
        request.wire["tools"] = [tool.to_wire() for tool in request.tools.values()]
    else:
        request.wire[camel_case(name)] = value


def _request(known: type, options: Mapping[str, Any], **fixed: Optional[str]) -> Request:
    unknown = set(options) - set(known.__annotations__)
    if unknown:
        raise TypeError(f"unknown option {sorted(unknown)[0]!r}; pysb.{known.__name__} has those that there are")
    request = Request(tools=make_tools(options.get("tools")))
    given = {name: value for name, value in options.items() if value is not None}
    request.wire.update({name: value for name, value in fixed.items() if value is not None})
    with _closed_on_failure(request):
        for name, value in given.items():
            _set_option(request, name, value)
    return request


def job_request(code: Optional[str], options: Mapping[str, Any]) -> Request:
    return _request(JobOptions, options, code=code)


def session_request(options: Mapping[str, Any]) -> Request:
    return _request(SessionOptions, options)


def cell_request(session: str, code: str, options: Mapping[str, Any]) -> Request:
    return _request(CellOptions, options, session=session, code=code)
