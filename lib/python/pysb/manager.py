# SPDX-License-Identifier: LGPL-2.1-or-later
"""Administration of a daemon, for root, the daemon's user and the group pysb-admin.

    with pysb.Manager() as manager:
        manager.reload()
        for tenant in manager.tenants():
            print(tenant.tenant, tenant.running_jobs, tenant.memory_bytes)
"""

from __future__ import annotations

from types import TracebackType
from typing import AsyncIterator, Iterator, List, Mapping, Optional, Type, Union

from . import _manage, aio, client, types

# Where the service listens for administrators
DEFAULT_ADDRESS = "unix:/run/pysb/io.pysb.manager"


class Manager:
    """Of the service, or of the daemon at an address. Threads may share it, as a Client."""

    def __init__(self, address: Optional[str] = None, *, timeout: Optional[float] = None) -> None:
        self._client = client.Client(address or DEFAULT_ADDRESS, timeout=timeout)

    def __enter__(self) -> Manager:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException],
                 traceback: Optional[TracebackType]) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    def reload(self) -> List[str]:
        """Reads profiles and configuration again; the profiles that are in force. Raises ReloadFailed, and
        then nothing has changed."""
        return self._client._do(_manage.reload())

    def drain(self, timeout_usec: Optional[int] = None) -> types.DrainReply:
        """Refuses new work; returns when nothing is left, or after the timeout."""
        return self._client._do(_manage.drain(timeout_usec))

    def drain_progress(self, timeout_usec: Optional[int] = None) -> Iterator[types.DrainReply]:
        """The same, from the first reply that is asked for on: one for each change, the last one as drain()."""
        return self._client._do_more(_manage.drain(timeout_usec))

    def self_test(self) -> List[types.Probe]:
        """Makes a sandbox and tries what its layers must stop: what came of each. Raises SelfTestFailed if none
        can be made."""
        return self._client._do(_manage.self_test())

    def resume(self) -> None:
        """Takes work again."""
        self._client._do(_manage.resume())

    def status(self) -> types.GetStatusReply:
        return self._client._do(_manage.get_status())

    def tenants(self) -> Iterator[types.Tenant]:
        """Quotas and use of all tenants, in alphabetical order."""
        cursor: Optional[str] = None
        while True:
            page, cursor = self._client._do(_manage.list_tenants(cursor))
            yield from page
            if cursor is None:
                return

    def set_tenant(self, tenant: str, quota: Union[types.Quota, Mapping[str, int]]) -> types.Quota:
        """Changes what is given of a quota until the next reload; returns all of it."""
        return self._client._do(_manage.set_tenant(tenant, quota))

    def jobs(self, max_entries: Optional[int] = None) -> List[types.LiveJob]:
        """What waits or runs, oldest first, at most 1000."""
        return self._client._do(_manage.list_jobs(max_entries))

    def cancel_all(self, tenant: Optional[str] = None, reason: Optional[str] = None) -> int:
        """Cancels everything, or everything of a tenant; how many jobs it was."""
        return self._client._do(_manage.cancel_all(tenant, reason))

    def set_log_level(self, level: int) -> None:
        """A syslog priority, 0 to 7."""
        self._client._do(_manage.set_log_level(level))


class AsyncManager:
    """The same for asyncio. Use it by 'async with'."""

    def __init__(self, address: Optional[str] = None, *, timeout: Optional[float] = None) -> None:
        self._client = aio.Client(address or DEFAULT_ADDRESS, timeout=timeout)

    async def __aenter__(self) -> AsyncManager:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException],
                        traceback: Optional[TracebackType]) -> None:
        await self.close()

    async def close(self) -> None:
        await self._client.close()

    async def reload(self) -> List[str]:
        return await self._client._do(_manage.reload())

    async def drain(self, timeout_usec: Optional[int] = None) -> types.DrainReply:
        return await self._client._do(_manage.drain(timeout_usec))

    async def drain_progress(self, timeout_usec: Optional[int] = None) -> AsyncIterator[types.DrainReply]:
        async for reply in self._client._do_more(_manage.drain(timeout_usec)):
            yield reply

    async def self_test(self) -> List[types.Probe]:
        return await self._client._do(_manage.self_test())

    async def resume(self) -> None:
        await self._client._do(_manage.resume())

    async def status(self) -> types.GetStatusReply:
        return await self._client._do(_manage.get_status())

    async def tenants(self) -> AsyncIterator[types.Tenant]:
        cursor: Optional[str] = None
        while True:
            page, cursor = await self._client._do(_manage.list_tenants(cursor))
            for tenant in page:
                yield tenant
            if cursor is None:
                return

    async def set_tenant(self, tenant: str,
                         quota: Union[types.Quota, Mapping[str, int]]) -> types.Quota:
        return await self._client._do(_manage.set_tenant(tenant, quota))

    async def jobs(self, max_entries: Optional[int] = None) -> List[types.LiveJob]:
        return await self._client._do(_manage.list_jobs(max_entries))

    async def cancel_all(self, tenant: Optional[str] = None, reason: Optional[str] = None) -> int:
        return await self._client._do(_manage.cancel_all(tenant, reason))

    async def set_log_level(self, level: int) -> None:
        await self._client._do(_manage.set_log_level(level))
