# SPDX-License-Identifier: LGPL-2.1-or-later
"""What can go wrong, as classes.

PysbError
    ConnectFailed, Disconnected, Timeout, BadReply, NoValue
    ProtocolError   the daemon refused a call; one class for each error of the interface
    OutcomeError    a job ended otherwise than by success; one class for each outcome
    ToolFailure     raised by a tool: what the program sees as ToolError

The tables are compared with the interface text by a unit test.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Dict, Mapping, Optional, Type

if TYPE_CHECKING:
    from .types import Result


class PysbError(Exception):
    """Everything that this package raises on its own account."""


class ConnectFailed(PysbError, ConnectionError):
    """There is no daemon at the address, or it could not be started."""


class Disconnected(PysbError, ConnectionError):
    """The daemon closed the connection before it answered: nobody knows what became of the call."""


class Timeout(PysbError, TimeoutError):
    """The client's own timeout is over. The connection is closed, which cancels what ran on it."""


class BadReply(PysbError):
    """The answer is none to this call."""


class NoValue(PysbError):
    """The program has a value that JSON cannot carry, or wrote JSON that cannot be read."""


class ToolFailure(PysbError):
    """Raise it in a tool to choose the type that the program sees as ToolError.type."""

    def __init__(self, type: str, message: str = "") -> None:
        super().__init__(type, message)
        self.type = type
        self.message = message


#
# Errors of the protocol
#

class ProtocolError(PysbError):
    """The daemon refused a call: .name is the error's full name, .parameters are as they came. Those that
    a class names are attributes, too."""

    interface = "io.pysb.sandbox"

    def __init__(self, name: str, parameters: Mapping[str, Any]) -> None:
        said = ", ".join(f"{key}: {value}" for key, value in parameters.items())
        super().__init__(f"{name.rpartition('.')[2]}: {said}" if said else name.rpartition(".")[2])
        self.name = name
        self.parameters = dict(parameters)
        for attribute in getattr(type(self), "__annotations__", ()):  # 3.9: a class without any has no such
            if not hasattr(type(self), attribute):
                camel = "".join(w.capitalize() for w in attribute.split("_")).replace("Usec", "USec")
                setattr(self, attribute, parameters.get(camel[0].lower() + camel[1:]))

    def __reduce__(self) -> Any:
        return type(self), (self.name, self.parameters)


class JobNotFound(ProtocolError):
    job: str


class ProfileNotFound(ProtocolError):
    profile: str


class ProfileDenied(ProtocolError):
    profile: str


class BlobNotFound(ProtocolError):
    blob: str


class SessionNotFound(ProtocolError):
    session: str


class FileNotFound(ProtocolError):
    path: str


class SessionBusy(ProtocolError):
    session: str
    job: str


class BranchRefused(ProtocolError):
    session: str
    reason: str


class SessionLost(ProtocolError):
    session: str


class RequestConflict(ProtocolError):
    request_id: str
    job: str


class LimitExceeded(ProtocolError):
    limit: str
    requested: int
    maximum: int


class TenantDenied(ProtocolError):
    tenant: str


class QuotaExceeded(ProtocolError):
    scope: str
    quota: str
    used: int
    maximum: int
    retry_after_usec: Optional[int]


class QueueFull(ProtocolError):
    scope: str
    queued: int
    retry_after_usec: int


class ToolCallNotFound(ProtocolError):
    job: str
    call_id: str


class NotSupported(ProtocolError):
    feature: str
    detail: str


class InvalidRequest(ProtocolError):
    field: str
    reason: str


class TooLarge(ProtocolError):
    field: str
    size_bytes: int
    maximum_bytes: int


class JobNotAccepting(ProtocolError):
    job: str
    state: str


class ShuttingDown(ProtocolError):
    retry_after_usec: Optional[int]


class TenantNotFound(ProtocolError):
    interface = "io.pysb.manager"
    tenant: str


class ReloadFailed(ProtocolError):
    interface = "io.pysb.manager"
    file: Optional[str]
    line: Optional[int]
    message: str


class SelfTestFailed(ProtocolError):
    interface = "io.pysb.manager"
    message: str


class InterfaceNotFound(ProtocolError):
    interface = "org.varlink.service"


class MethodNotFound(ProtocolError):
    interface = "org.varlink.service"
    method: str


class MethodNotImplemented(ProtocolError):
    interface = "org.varlink.service"
    method: str


class InvalidParameter(ProtocolError):
    interface = "org.varlink.service"
    parameter: str


class PermissionDenied(ProtocolError):
    interface = "org.varlink.service"


class ExpectedMore(ProtocolError):
    interface = "org.varlink.service"


PROTOCOL_ERRORS: Dict[str, Type[ProtocolError]] = {
    f"{cls.interface}.{cls.__name__}": cls for cls in ProtocolError.__subclasses__()}
# Both interfaces have it, and it is the same
PROTOCOL_ERRORS["io.pysb.manager.InvalidRequest"] = InvalidRequest


def protocol_error(name: str, parameters: Mapping[str, Any]) -> ProtocolError:
    """The exception for an error reply; a name that this version does not know is a plain ProtocolError."""
    return PROTOCOL_ERRORS.get(name, ProtocolError)(name, parameters)


#
# Outcomes
#

class OutcomeError(PysbError):
    """A job ended otherwise than by success: .result says how. The class itself is for an outcome that a
    newer daemon knows and this version does not."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.describe())
        self.result = result

    def __reduce__(self) -> Any:
        return type(self), (self.result,)


class ProgramException(OutcomeError):
    """An exception that the program did not catch: .result.exception."""


class ExitNonzero(OutcomeError):
    pass


class Signaled(OutcomeError):
    pass


class WallTimeLimit(OutcomeError):
    pass


class CpuTimeLimit(OutcomeError):
    pass


class MemoryLimit(OutcomeError):
    pass


class OutputLimit(OutcomeError):
    pass


class ToolCallLimit(OutcomeError):
    pass


class TickLimit(OutcomeError):
    pass


class Rejected(OutcomeError):
    """The analysis refused the source: .result.findings."""


class Cancelled(OutcomeError):
    pass


class Expired(OutcomeError):
    pass


class Lost(OutcomeError):
    pass


class InternalError(OutcomeError):
    pass


def outcome_name(cls: Type[OutcomeError]) -> str:
    """WallTimeLimit is for wall_time_limit; only the outcome 'exception' would hide a builtin."""
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
    return "exception" if cls is ProgramException else name


OUTCOME_ERRORS: Dict[str, Type[OutcomeError]] = {
    outcome_name(cls): cls for cls in OutcomeError.__subclasses__()}
