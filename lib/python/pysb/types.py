# SPDX-License-Identifier: LGPL-2.1-or-later
"""The interface's types as frozen dataclasses.

A field has the interface's name in snake_case, with its unit: wallTimeUSec is wall_time_usec. Where the
interface has the pair 'text' and 'data', there is one field 'data' with the bytes, and 'text' is a property
that decodes them. What an interface's enum lists is a str: a newer daemon may send other values. Unknown
fields are ignored, absent ones are None.
"""

from __future__ import annotations

import base64
import functools
import json
import typing
from dataclasses import dataclass, fields
from typing import Any, Dict, List, Mapping, Optional, Type, TypeVar, Union

from . import errors

T = TypeVar("T", bound="Wire")


def camel_case(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join("USec" if word == "usec" else word.capitalize() for word in tail)


@functools.lru_cache(maxsize=None)
def _hints(cls: typing.Hashable) -> Mapping[str, Any]:
    return typing.get_type_hints(cls)


def _convert(hint: Any, value: Any) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Union:
        return None if value is None else _convert(arguments[0], value)
    if origin is list:
        return [_convert(arguments[0], item) for item in value]
    if origin is dict:
        return {key: _convert(arguments[1], item) for key, item in value.items()}
    if hint is bytes:
        return base64.b64decode(value, validate=True)
    if isinstance(hint, type) and issubclass(hint, Wire):
        return hint.from_wire(value)
    if not isinstance(value, hint):
        raise TypeError(f"{value!r} is no {hint.__name__}")
    return value


@dataclass(frozen=True)
class Wire:
    """What comes from the daemon."""

    @classmethod
    def from_wire(cls: Type[T], document: Mapping[str, Any]) -> T:
        values, hints = {}, _hints(typing.cast(typing.Hashable, cls))
        try:
            for field in fields(cls):
                name, hint = camel_case(field.name), hints[field.name]
                if name == "data" and hint is bytes:
                    text = document.get("text")
                    values["data"] = text.encode() if text is not None else _convert(
                        bytes, document.get("data") or "")
                elif document.get(name) is not None:
                    values[field.name] = _convert(hint, document[name])
            return cls(**values)
        except (AttributeError, TypeError, ValueError) as e:
            raise errors.BadReply(f"{cls.__name__}: {e}") from e


class Bytes:
    """For what has the field 'data'."""

    data: bytes

    @property
    def text(self) -> str:
        """The bytes as UTF-8; what is none becomes U+FFFD."""
        return self.data.decode("utf-8", "replace")


def _given(numbers: Wire) -> Dict[str, int]:
    values = {camel_case(field.name): getattr(numbers, field.name) for field in fields(numbers)}
    return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class Limits(Wire):
    wall_time_usec: Optional[int] = None
    cpu_time_usec: Optional[int] = None
    memory_bytes: Optional[int] = None
    cpu_percent: Optional[int] = None
    processes: Optional[int] = None
    threads: Optional[int] = None
    disk_bytes: Optional[int] = None
    disk_files: Optional[int] = None
    file_bytes: Optional[int] = None
    open_files: Optional[int] = None
    output_bytes: Optional[int] = None
    result_bytes: Optional[int] = None
    source_bytes: Optional[int] = None
    tool_calls: Optional[int] = None
    tool_wait_usec: Optional[int] = None
    collect_files: Optional[int] = None
    collect_bytes: Optional[int] = None
    ticks: Optional[int] = None

    def to_wire(self) -> Dict[str, int]:
        return _given(self)


@dataclass(frozen=True)
class Usage(Wire):
    queue_time_usec: Optional[int] = None
    setup_time_usec: Optional[int] = None
    wall_time_usec: Optional[int] = None
    cpu_user_usec: Optional[int] = None
    cpu_system_usec: Optional[int] = None
    cpu_throttled_usec: Optional[int] = None
    memory_bytes: Optional[int] = None
    memory_peak_bytes: Optional[int] = None
    processes_peak: Optional[int] = None
    stdout_bytes: Optional[int] = None
    stderr_bytes: Optional[int] = None
    tool_calls: Optional[int] = None
    tool_wait_usec: Optional[int] = None
    disk_bytes: Optional[int] = None
    disk_files: Optional[int] = None
    instructions: Optional[int] = None
    ticks: Optional[int] = None


@dataclass(frozen=True)
class Output(Bytes, Wire):
    stream: str
    offset: int
    data: bytes = b""


@dataclass(frozen=True)
class Captured(Bytes, Wire):
    total_bytes: int
    truncated: bool
    data: bytes = b""


@dataclass(frozen=True)
class ExceptionInfo(Wire):
    """The interface's Exception."""

    type: str
    message: str
    traceback: str
    line: Optional[int] = None


@dataclass(frozen=True)
class Display(Wire):
    """A rich value: .text has the MIME types that are text, .data the others."""

    is_result: bool
    text: Optional[Dict[str, str]] = None
    data: Optional[Dict[str, bytes]] = None


@dataclass(frozen=True)
class Finding(Wire):
    rule: str
    severity: str
    message: str
    path: Optional[str] = None
    line: Optional[int] = None
    column: Optional[int] = None
    subject: Optional[str] = None


@dataclass(frozen=True)
class Violation(Wire):
    layer: str
    subject: str
    count: int
    reason: Optional[str] = None


@dataclass(frozen=True)
class ToolCall(Wire):
    call_id: str
    name: str
    arguments_json: Optional[str] = None
    deadline_usec: Optional[int] = None


@dataclass(frozen=True)
class CollectRule(Wire):
    """Which files in /app a job hands back: the option 'collect' takes these, or only their patterns."""

    pattern: str
    truncate: Optional[bool] = None
    unchanged: Optional[bool] = None
    # "inline", "blob", or "auto": in the message if it fits there
    delivery: Optional[str] = None

    def to_wire(self) -> Dict[str, Any]:
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class FileOutput(Bytes, Wire):
    """A file that a job hands back. Its path and its bytes are the program's: look at them before you
    write anything to that path. No data if there is a problem."""

    path: str
    size_bytes: int
    executable: bool
    sha256: Optional[str] = None
    data: bytes = b""
    blob: Optional[str] = None
    truncated: Optional[bool] = None
    modified_at_usec: Optional[int] = None
    problem: Optional[str] = None


@dataclass(frozen=True)
class FileEntry(Wire):
    """A name in /app of a session, as the program made it."""

    path: str
    kind: str
    size_bytes: int
    modified_at_usec: int
    executable: bool


@dataclass(frozen=True)
class Blob(Wire):
    """Bytes that the daemon keeps for later requests."""

    blob: str
    size_bytes: int
    expires_at_usec: int


@dataclass(frozen=True)
class ResultProblem(Wire):
    type: str
    message: str


@dataclass(frozen=True)
class Event(Wire):
    kind: str
    sequence: int
    timestamp_usec: int
    job: Optional[str] = None
    limits: Optional[Limits] = None
    position: Optional[int] = None
    output: Optional[Output] = None
    usage: Optional[Usage] = None
    display: Optional[Display] = None
    tool_call: Optional[ToolCall] = None
    violation: Optional[Violation] = None
    file: Optional[FileOutput] = None


@dataclass(frozen=True)
class Result(Wire):
    """How a job ended. check() raises unless it was a success; value is what the program computed."""

    job: str
    outcome: str
    usage: Usage
    degraded: bool
    exit_code: Optional[int] = None
    signal: Optional[int] = None
    signal_name: Optional[str] = None
    message: Optional[str] = None
    exception: Optional[ExceptionInfo] = None
    result_json: Optional[str] = None
    result_problem: Optional[ResultProblem] = None
    displays: Optional[List[Display]] = None
    stdout: Optional[Captured] = None
    stderr: Optional[Captured] = None
    files: Optional[List[FileOutput]] = None
    findings: Optional[List[Finding]] = None
    violations: Optional[List[Violation]] = None
    engine: Optional[str] = None
    isolation: Optional[List[str]] = None
    limits: Optional[str] = None
    session: Optional[str] = None
    execution_count: Optional[int] = None
    session_alive: Optional[bool] = None

    def describe(self) -> str:
        """One sentence: the outcome, and what is known of its reason."""
        if self.exception and self.outcome == "exception":
            return f"{self.outcome}: {self.exception.type}: {self.exception.message}"
        reason = self.message or self.signal_name
        if reason is None and self.findings:
            reason = self.findings[0].message
        return f"{self.outcome}: {reason}" if reason else self.outcome

    def check(self) -> Result:
        """The result itself if the outcome is success; else raises the OutcomeError that is for it."""
        if self.outcome != "success":
            raise errors.OUTCOME_ERRORS.get(self.outcome, errors.OutcomeError)(self)
        return self

    @property
    def value(self) -> Any:
        """The value of the job, which must be a success; None if it has none. Made by the program."""
        self.check()
        if self.result_problem:
            raise errors.NoValue(self.result_problem.message)
        try:
            return None if self.result_json is None else json.loads(self.result_json)
        except (ValueError, RecursionError) as e:
            raise errors.NoValue(f"the program's value is no JSON: {e}") from e


@dataclass(frozen=True)
class JobInfo(Wire):
    job: str
    state: str
    tenant: str
    profile: str
    priority: int
    accepted_at_usec: int
    session: Optional[str] = None
    labels: Optional[Dict[str, str]] = None
    request_id: Optional[str] = None
    started_at_usec: Optional[int] = None
    finished_at_usec: Optional[int] = None
    position: Optional[int] = None
    outcome: Optional[str] = None
    usage: Optional[Usage] = None
    retained_until_usec: Optional[int] = None
    limits: Optional[str] = None


@dataclass(frozen=True)
class SessionInfo(Wire):
    session: str
    tenant: str
    profile: str
    state: str
    opened_at_usec: int
    expires_at_usec: int
    idle_timeout_usec: int
    execution_count: int
    labels: Optional[Dict[str, str]] = None
    job: Optional[str] = None
    usage: Optional[Usage] = None


@dataclass(frozen=True)
class ProfileInfo(Wire):
    name: str
    description: str
    allowed: bool
    is_default: bool
    python_version: str
    engine: str
    network: str
    file_system: str
    analysis: str
    tools: bool
    sessions: bool
    branches: int
    problem: Optional[str] = None


@dataclass(frozen=True)
class IsolationLayer(Wire):
    layer: str
    state: str
    detail: Optional[str] = None


#
# What methods reply
#

@dataclass(frozen=True)
class SubmitReply(Wire):
    job: str
    created: bool
    position: Optional[int] = None


@dataclass(frozen=True)
class CheckReply(Wire):
    accepted: bool
    findings: List[Finding]
    limits: Limits
    modules: List[str]


@dataclass(frozen=True)
class ListFilesReply(Wire):
    entries: List[FileEntry]
    complete: bool


@dataclass(frozen=True)
class GetProfileReply(Wire):
    info: ProfileInfo
    defaults: Limits
    maximum: Limits
    import_mode: str
    modules: List[str]
    denied_modules: List[str]
    packages: List[str]
    recommended: List[str]
    host_environment: bool
    preloaded_modules: List[str]
    sources: List[str]
    digest: str
    environment: Optional[Dict[str, str]] = None
    toml: Optional[str] = None
    prompt: Optional[str] = None


@dataclass(frozen=True)
class WhoAmIReply(Wire):
    uid: int
    gid: int
    tenant: str
    gateway: bool
    administrator: bool
    running_jobs: int
    queued_jobs: int
    sessions: int
    connections: int
    memory_bytes: int
    blob_bytes: int
    max_running_jobs: Optional[int] = None
    max_queued_jobs: Optional[int] = None
    max_sessions: Optional[int] = None
    max_connections: Optional[int] = None
    max_memory_bytes: Optional[int] = None
    max_blob_bytes: Optional[int] = None


@dataclass(frozen=True)
class GetNodeReply(Wire):
    version: str
    python_version: str
    kernel: str
    degraded: bool
    isolation: List[IsolationLayer]
    engines: List[str]
    max_message_bytes: int
    max_inline_bytes: int
    max_descriptors: int
    max_running_jobs: int
    running_jobs: int
    queued_jobs: int
    draining: bool
    counters: Optional[str] = None


#
# Of io.pysb.manager
#

@dataclass(frozen=True)
class Quota(Wire):
    """What a tenant may have; None is no maximum, and for Manager.set_tenant() as it is."""

    weight: Optional[int] = None
    cpu_weight: Optional[int] = None
    max_bytes: Optional[int] = None
    max_running_jobs: Optional[int] = None
    max_queued_jobs: Optional[int] = None
    max_connections: Optional[int] = None
    max_sessions: Optional[int] = None
    max_memory_bytes: Optional[int] = None
    max_blob_bytes: Optional[int] = None
    submits_per_second: Optional[int] = None
    submit_burst: Optional[int] = None

    def to_wire(self) -> Dict[str, int]:
        return _given(self)


@dataclass(frozen=True)
class Tenant(Wire):
    tenant: str
    quota: Quota
    running_jobs: int
    queued_jobs: int
    finished_jobs: int
    connections: int
    sessions: int
    memory_bytes: int
    blob_bytes: int
    daemon_bytes: int
    cpu_time_usec: int


@dataclass(frozen=True)
class LiveJob(Wire):
    """The interface's Job: one that is not finished, of any tenant."""

    job: str
    tenant: str
    profile: str
    state: str
    accepted_at_usec: int
    memory_limit_bytes: int
    running_usec: Optional[int] = None
    cpu_time_usec: Optional[int] = None
    memory_bytes: Optional[int] = None


@dataclass(frozen=True)
class Probe(Wire):
    """Something that a job must not be able to do, and what came of trying it."""

    name: str
    layer: str
    outcome: str
    detail: Optional[str] = None
    remedy: Optional[str] = None


@dataclass(frozen=True)
class DrainReply(Wire):
    running_jobs: int
    queued_jobs: int
    sessions: int


@dataclass(frozen=True)
class GetStatusReply(Wire):
    version: str
    uptime_usec: int
    draining: bool
    reloads: int
    running_jobs: int
    max_running_jobs: int
    queued_jobs: int
    max_queued_jobs: int
    connections: int
    max_connections: int
    memory_bytes: int
