# SPDX-License-Identifier: LGPL-2.1-or-later
"""A streamed job without I/O: replies in, events out, and at the end the result with the output in it,
which the daemon leaves out since it was streamed."""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, List, Mapping, Optional

from . import errors
from .tools import Tool
from .types import Captured, Display, Event, FileOutput, Result


class Follower:
    def __init__(self, job: Optional[str] = None, tools: Optional[Mapping[str, Tool]] = None,
                 collect: bool = True) -> None:
        self.job = job
        self.tools = dict(tools or {})
        self.result: Optional[Result] = None
        self._streams: Optional[Dict[str, bytearray]] = (
            {"stdout": bytearray(), "stderr": bytearray()} if collect else None)
        self._displays: List[Display] = []
        self._files: List[FileOutput] = []

    def feed(self, reply: Mapping[str, Any]) -> Optional[Event]:
        """The event of this reply; None for the last one, whose result is in .result."""
        if reply.get("result") is not None:
            self.result = self._complete(Result.from_wire(reply["result"]))
            return None
        if reply.get("event") is None:
            raise errors.BadReply("a reply with neither an event nor a result")
        event = Event.from_wire(reply["event"])
        if event.job:
            self.job = event.job
        if event.output and self._streams is not None:
            self._streams.setdefault(event.output.stream, bytearray()).extend(event.output.data)
        if event.display:
            self._displays.append(event.display)
        if event.file and self._streams is not None:
            self._files.append(event.file)
        return event

    def tool_of(self, event: Event) -> Optional[Tool]:
        """The function that the event calls; None if nothing is to be answered."""
        if event.tool_call is None or event.tool_call.arguments_json is None:
            return None
        return self.tools.get(event.tool_call.name)

    def _complete(self, result: Result) -> Result:
        if self._streams is None:
            return result
        known: Dict[str, Any] = {}
        for name, data in self._streams.items():
            if getattr(result, name, ...) is None:
                total = getattr(result.usage, f"{name}_bytes") or len(data)
                known[name] = Captured(total, total > len(data), bytes(data))
        if result.displays is None and self._displays:
            known["displays"] = self._displays
        if result.files is None and self._files:
            known["files"] = self._files
        return dataclasses.replace(result, **known)
