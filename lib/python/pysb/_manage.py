# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each method of io.pysb.manager as a value, as _calls.py has those of io.pysb.sandbox."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple, TypeVar, Union

from . import types
from ._calls import Call

T = TypeVar("T")
INTERFACE = "io.pysb.manager"


def _call(method: str, convert: Callable[[Dict[str, Any]], T], **parameters: Any) -> Call[T]:
    return Call(f"{INTERFACE}.{method}", {k: v for k, v in parameters.items() if v is not None}, convert)


def _nothing(reply: Dict[str, Any]) -> None:
    return None


def reload() -> Call[List[str]]:
    return _call("Reload", lambda reply: [str(name) for name in reply["profiles"]])


def drain(timeout_usec: Optional[int]) -> Call[types.DrainReply]:
    return _call("Drain", types.DrainReply.from_wire, timeoutUSec=timeout_usec)


def self_test() -> Call[List[types.Probe]]:
    return _call("SelfTest", lambda reply: [types.Probe.from_wire(probe) for probe in reply["probes"]])


def resume() -> Call[None]:
    return _call("Resume", _nothing)


def get_status() -> Call[types.GetStatusReply]:
    return _call("GetStatus", types.GetStatusReply.from_wire)


def list_tenants(cursor: Optional[str]) -> Call[Tuple[List[types.Tenant], Optional[str]]]:
    return _call("ListTenants", lambda reply: ([types.Tenant.from_wire(t) for t in reply["tenants"]],
                                               reply.get("nextCursor")),
                 cursor=cursor)


def set_tenant(tenant: str, quota: Union[types.Quota, Mapping[str, int]]) -> Call[types.Quota]:
    quota = quota if isinstance(quota, types.Quota) else types.Quota(**quota)
    return _call("SetTenant", lambda reply: types.Quota.from_wire(reply["quota"]), tenant=tenant,
                 quota=quota.to_wire())


def list_jobs(max_entries: Optional[int]) -> Call[List[types.LiveJob]]:
    return _call("ListJobs", lambda reply: [types.LiveJob.from_wire(job) for job in reply["jobs"]],
                 maxEntries=max_entries)


def cancel_all(tenant: Optional[str], reason: Optional[str]) -> Call[int]:
    return _call("CancelAll", lambda reply: int(reply["jobs"]), tenant=tenant, reason=reason)


def set_log_level(level: int) -> Call[None]:
    return _call("SetLogLevel", _nothing, level=level)
