# SPDX-License-Identifier: LGPL-2.1-or-later
"""Varlink without I/O: messages to bytes and back."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterator, Mapping

from . import errors

INTERFACE = "io.pysb.sandbox"
# A daemon closes the connection of who sends more (GetNode says it, too)
MESSAGE_MAX_BYTES = 4 << 20
# What other clients take as well: a reply without an end must not take all memory
REPLY_MAX_BYTES = 16 << 20


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, Mapping):
        return any(_has_nul(key) or _has_nul(item) for key, item in value.items())
    return isinstance(value, (list, tuple)) and any(map(_has_nul, value))


def encode(method: str, parameters: Mapping[str, Any], more: bool = False) -> bytes:
    """One call. A ValueError is for what the protocol has no way to say: NUL, half a surrogate pair, NaN;
    TooLarge for what no daemon reads."""
    if _has_nul(parameters):
        raise ValueError("text with NUL cannot be sent: give it as bytes where bytes are taken")
    call: Dict[str, Any] = {"method": method if "." in method else f"{INTERFACE}.{method}",
                            "parameters": parameters}
    if more:
        call["more"] = True
    data = json.dumps(call, ensure_ascii=False, allow_nan=False).encode()
    if len(data) > MESSAGE_MAX_BYTES:
        raise errors.TooLarge(f"{INTERFACE}.TooLarge", {
            "field": "message", "sizeBytes": len(data), "maximumBytes": MESSAGE_MAX_BYTES})
    return data + b"\0"


class Framer:
    """Bytes of a connection, in any pieces, to messages."""

    def __init__(self) -> None:
        self.buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Dict[str, Any]]:
        searched = len(self.buffer)
        self.buffer += data
        while True:
            end = self.buffer.find(b"\0", searched)
            if end < 0:
                break
            message, self.buffer, searched = bytes(self.buffer[:end]), self.buffer[end + 1:], 0
            yield _parse(message)
        if len(self.buffer) > REPLY_MAX_BYTES:
            raise errors.BadReply(f"a reply of more than {REPLY_MAX_BYTES} bytes")


def _parse(message: bytes) -> Dict[str, Any]:
    try:
        reply = json.loads(message)
    except (ValueError, RecursionError) as e:
        raise errors.BadReply(f"the reply is no JSON: {e}") from e
    if not isinstance(reply, dict) or not isinstance(reply.get("parameters", {}), dict):
        raise errors.BadReply("the reply is no varlink message")
    return reply


def parameters_of(reply: Mapping[str, Any]) -> Dict[str, Any]:
    """What a reply carries; raises the error that it is."""
    parameters: Dict[str, Any] = reply.get("parameters") or {}
    if "error" in reply:
        raise errors.protocol_error(str(reply["error"]), parameters)
    return parameters
