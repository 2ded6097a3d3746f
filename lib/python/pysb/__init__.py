# SPDX-License-Identifier: LGPL-2.1-or-later
"""Run untrusted Python in a sandbox.

    import pysb
    pysb.run("6 * 7").value                        # 42, by the service

    with pysb.Client(embedded=True) as client:     # by a private daemon: no service, no privilege
        result = client.run("import tools; tools.add(a=1, b=2)", profile="agent", tools={"add": lambda a, b: a + b})
        result.check()                             # raises pysb.errors.WallTimeLimit and the like
        for event in client.stream("print('hello')"):
            ...
        with client.open_session() as session:     # variables live from one cell to the next
            session.execute("x = 6")
            session.execute("x * 7").value         # 42

pysb.aio.Client is the same for asyncio, pysb.Manager is for administrators, pysb.types has what comes back,
pysb.errors what is raised.
"""

from typing import TYPE_CHECKING, Any, Optional

from . import errors, types
from ._request import CellOptions, FileInput, JobOptions, SessionOptions
from .aio import Client as AsyncClient
from .client import Client, Job, Session, Stream
from .errors import OutcomeError, ProtocolError, PysbError, ToolFailure
from .manager import AsyncManager, Manager
from .tools import Tool, tool
from .types import CollectRule, Event, Limits, Quota, Result

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["AsyncClient", "AsyncManager", "CellOptions", "Client", "CollectRule", "Event", "FileInput", "Job",
           "JobOptions", "Limits", "Manager", "OutcomeError", "ProtocolError", "PysbError", "Quota", "Result", "Session",
           "SessionOptions", "Stream", "Tool", "ToolFailure", "errors", "run", "tool", "types"]


def run(code: Optional[str] = None, *, address: Optional[str] = None, embedded: bool = False,
        **options: "Unpack[JobOptions]") -> Result:
    """Runs one program by the service, or by a daemon for this one call; see Client."""
    with Client(address, embedded=embedded) as client:
        return client.run(code, **options)
