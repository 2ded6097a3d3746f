# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each method of the interface as a value: what is sent, and what becomes of the reply. Clients only
carry it."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import (Any, Callable, Dict, Generic, List, Mapping, Optional, Sequence, Tuple, TypeVar,
                    Union)

from . import errors, types
from ._request import Request, text_or_data

T = TypeVar("T")


@dataclass
class Call(Generic[T]):
    method: str
    parameters: Mapping[str, Any]
    convert: Callable[[Dict[str, Any]], T]
    fds: Sequence[int] = field(default_factory=list)

    def read(self, reply: Dict[str, Any]) -> T:
        try:
            return self.convert(reply)
        except (AttributeError, KeyError, TypeError) as e:
            raise errors.BadReply(f"{self.method}: {e!r}") from e


def _call(method: str, convert: Callable[[Dict[str, Any]], T], **parameters: Any) -> Call[T]:
    return Call(method, {k: v for k, v in parameters.items() if v is not None}, convert)


def _nothing(reply: Dict[str, Any]) -> None:
    return None


def raw(method: str, parameters: Mapping[str, Any]) -> Call[Dict[str, Any]]:
    return Call(method, parameters, lambda reply: reply)


def _result(reply: Dict[str, Any]) -> types.Result:
    return types.Result.from_wire(reply.get("result") or {})


def run(request: Request) -> Call[types.Result]:
    return Call("Run", {"request": request.wire}, _result, request.fds)


def submit(request: Request) -> Call[types.SubmitReply]:
    return Call("Submit", {"request": request.wire}, types.SubmitReply.from_wire, request.fds)


def check(request: Request) -> Call[types.CheckReply]:
    return Call("Check", {"request": request.wire}, types.CheckReply.from_wire, request.fds)


def attach(job: str, after_sequence: Optional[int],
           kinds: Optional[Sequence[str]]) -> Call[types.Result]:
    return _call("Attach", _result, job=job, afterSequence=after_sequence, kinds=kinds)


def wait(job: str, timeout_usec: Optional[int]) -> Call[Optional[types.Result]]:
    return _call("Wait", lambda reply: _result(reply) if reply.get("result") else None,
                 job=job, timeoutUSec=timeout_usec)


def cancel(job: str, reason: Optional[str], grace_usec: Optional[int]) -> Call[str]:
    return _call("Cancel", lambda reply: str(reply["state"]), job=job, reason=reason,
                 graceUSec=grace_usec)


def write_input(job: str, data: Union[str, bytes], end_of_file: bool) -> Call[int]:
    return _call("WriteInput", lambda reply: int(reply["writtenBytes"]), job=job,
                 endOfFile=end_of_file, **(text_or_data(data) if data else {}))


def forget_job(job: str) -> Call[None]:
    return _call("ForgetJob", _nothing, job=job)


def complete_tool_call(job: str, call_id: str, answer: Mapping[str, Any]) -> Call[None]:
    return _call("CompleteToolCall", _nothing, job=job, callId=call_id, **answer)


def get_job(job: str) -> Call[types.JobInfo]:
    return _call("GetJob", lambda reply: types.JobInfo.from_wire(reply["info"]), job=job)


def list_jobs(states: Optional[Sequence[str]], labels: Optional[Mapping[str, str]],
              request_id: Optional[str], session: Optional[str],
              cursor: Optional[str],
              tenant: Optional[str]) -> Call[Tuple[List[types.JobInfo], Optional[str]]]:
    return _call("ListJobs", lambda reply: ([types.JobInfo.from_wire(job) for job in reply["jobs"]],
                                            reply.get("nextCursor")),
                 states=states, labels=labels, requestId=request_id, session=session,
                 cursor=cursor, tenant=tenant)


def put_blob(request: Request, tenant: Optional[str]) -> Call[types.Blob]:
    wire = {**request.wire, "tenant": tenant} if tenant else request.wire
    return Call("PutBlob", wire, lambda reply: types.Blob.from_wire(reply["blob"]), request.fds)


def get_blob(blob: str, offset: int, tenant: Optional[str]) -> Call[Tuple[bytes, bool]]:
    def convert(reply: Dict[str, Any]) -> Tuple[bytes, bool]:
        if "data" in reply:
            return base64.b64decode(reply["data"]), bool(reply["endOfFile"])
        return str(reply["text"]).encode(), bool(reply["endOfFile"])
    return _call("GetBlob", convert, blob=blob, offset=offset, tenant=tenant)


def remove_blobs(blobs: Sequence[str], tenant: Optional[str]) -> Call[int]:
    return _call("RemoveBlobs", lambda reply: int(reply["removed"]), blobs=list(blobs),
                 tenant=tenant)


def _session_info(reply: Dict[str, Any]) -> types.SessionInfo:
    return types.SessionInfo.from_wire(reply["info"])


def open_session(request: Request) -> Call[types.SessionInfo]:
    return Call("OpenSession", request.wire, _session_info, request.fds)


def execute(request: Request) -> Call[types.Result]:
    return Call("Execute", request.wire, _result)


def interrupt_session(session: str) -> Call[None]:
    return _call("InterruptSession", _nothing, session=session)


def extend_session(session: str, idle_timeout_usec: Optional[int],
                   lifetime_usec: Optional[int]) -> Call[types.SessionInfo]:
    return _call("ExtendSession", _session_info, session=session, idleTimeoutUSec=idle_timeout_usec,
                 lifetimeUSec=lifetime_usec)


def restart_session(session: str) -> Call[types.SessionInfo]:
    return _call("RestartSession", _session_info, session=session)


def put_files(session: str, request: Request) -> Call[None]:
    return Call("PutFiles", {"session": session, **request.wire}, _nothing, request.fds)


def read_file(session: str, path: str, offset: int) -> Call[Tuple[bytes, bool]]:
    return _call("ReadFile", lambda reply: (types.FileOutput.from_wire(reply["file"]).data,
                                            bool(reply["endOfFile"])),
                 session=session, path=path, offset=offset)


def list_files(session: str, pattern: Optional[str], max_entries: Optional[int]) -> Call[types.ListFilesReply]:
    return _call("ListFiles", types.ListFilesReply.from_wire, session=session, pattern=pattern,
                 maxEntries=max_entries)


def remove_files(session: str, paths: Sequence[str], recursive: bool) -> Call[int]:
    return _call("RemoveFiles", lambda reply: int(reply["removed"]), session=session, paths=list(paths),
                 recursive=recursive)


def branch_session(session: str, labels: Optional[Mapping[str, str]]) -> Call[types.SessionInfo]:
    return _call("BranchSession", _session_info, session=session, labels=labels)


def close_session(session: str) -> Call[None]:
    return _call("CloseSession", _nothing, session=session)


def get_session(session: str) -> Call[types.SessionInfo]:
    return _call("GetSession", _session_info, session=session)


def list_sessions(labels: Optional[Mapping[str, str]], cursor: Optional[str],
                  tenant: Optional[str]) -> Call[Tuple[List[types.SessionInfo], Optional[str]]]:
    return _call("ListSessions", lambda reply: ([types.SessionInfo.from_wire(s) for s in reply["sessions"]],
                                                reply.get("nextCursor")),
                 labels=labels, cursor=cursor, tenant=tenant)


def list_profiles() -> Call[List[types.ProfileInfo]]:
    return _call("ListProfiles", lambda reply: [types.ProfileInfo.from_wire(profile)
                                                for profile in reply["profiles"]])


def get_profile(profile: str) -> Call[types.GetProfileReply]:
    return _call("GetProfile", types.GetProfileReply.from_wire, profile=profile)


def who_am_i(tenant: Optional[str]) -> Call[types.WhoAmIReply]:
    return _call("WhoAmI", types.WhoAmIReply.from_wire, tenant=tenant)


def get_node() -> Call[types.GetNodeReply]:
    return _call("GetNode", types.GetNodeReply.from_wire)
