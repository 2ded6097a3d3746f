# SPDX-License-Identifier: LGPL-2.1-or-later
"""Functions of the client that a program in the sandbox may call: tools.NAME(**arguments)."""

from __future__ import annotations

import dataclasses
import inspect
import json
import typing
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterable, Mapping, Optional, Union

from . import errors

# Python type of a parameter -> type of JSON Schema; any other says nothing
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", tuple: "array",
          dict: "object"}
# At most so many answers are computed at once for one job
WORKERS = 8
# What CompleteToolCall takes
RESULT_MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class Tool:
    """A function with what the program is told of it. For most functions the decorator tool() or
    tools={"name": function} does: name, description and schema come from the function."""

    function: Callable[..., Any]
    name: str
    description: Optional[str] = None
    parameters_schema: Optional[Mapping[str, Any]] = None
    timeout_usec: Optional[int] = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def to_wire(self) -> Dict[str, Any]:
        schema = None if self.parameters_schema is None else json.dumps(self.parameters_schema)
        wire = {"name": self.name, "description": self.description, "parametersSchemaJson": schema,
                "timeoutUSec": self.timeout_usec}
        return {key: value for key, value in wire.items() if value is not None}


Tools = Union[Mapping[str, Callable[..., Any]], Iterable[Callable[..., Any]]]


def schema_of(function: Callable[..., Any]) -> Optional[Dict[str, Any]]:
    """JSON Schema of the parameters, by the signature; None for a function without one."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    try:
        hints = typing.get_type_hints(function)
    except Exception:  # pylint: disable=broad-except; a name that is not there: the types are a courtesy
        hints = {}
    properties: Dict[str, Any] = {}
    required = []
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        hint = hints.get(parameter.name)
        kind = _TYPES.get(typing.get_origin(hint) or hint) if hint else None
        properties[parameter.name] = {"type": kind} if kind else {}
        if parameter.default is parameter.empty:
            required.append(parameter.name)
        elif isinstance(parameter.default, (bool, int, float, str)):
            properties[parameter.name]["default"] = parameter.default
    return {"type": "object", "properties": properties, "required": required}


def make_tool(function: Callable[..., Any], name: Optional[str] = None,
              timeout_usec: Optional[int] = None) -> Tool:
    if isinstance(function, Tool):
        return dataclasses.replace(function, name=name or function.name)
    doc = inspect.getdoc(function) if inspect.isroutine(function) else None
    return Tool(function, name or function.__name__, doc, schema_of(function), timeout_usec)


def tool(function: Optional[Callable[..., Any]] = None, *, name: Optional[str] = None,
         timeout_usec: Optional[int] = None) -> Any:
    """Decorator: @tool, or @tool(name="add", timeout_usec=1_000_000)."""
    if function is None:
        return lambda f: make_tool(f, name, timeout_usec)
    return make_tool(function, name, timeout_usec)


def make_tools(given: Optional[Tools]) -> Dict[str, Tool]:
    if given is None:
        return {}
    if isinstance(given, Mapping):
        made = [make_tool(function, name) for name, function in given.items()]
    else:
        made = [make_tool(function) for function in given]
    return {t.name: t for t in made}


def arguments_of(arguments_json: str) -> Dict[str, Any]:
    arguments = json.loads(arguments_json)
    if not isinstance(arguments, dict):
        raise errors.ToolFailure("bad-arguments", "the arguments are no object")
    return arguments


def answer_of_value(value: Any) -> Dict[str, Any]:
    """Parameters for CompleteToolCall. What is too large is the program's to hear of: it may not even fit into a
    message."""
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as e:
        return answer_of_exception(errors.ToolFailure("ResultNotEncodable", str(e)))
    if len(text) > RESULT_MAX_BYTES:
        return answer_of_exception(errors.ToolFailure(
            "ResultTooLarge", f"{len(text)} bytes of JSON, more than {RESULT_MAX_BYTES}"))
    return {"resultJson": text}


def _cut(text: str, n_bytes: int) -> str:
    clean = text.replace("\0", "\ufffd").encode("utf-8", "replace")
    return clean[:n_bytes].decode("utf-8", "ignore")


def answer_of_exception(e: BaseException) -> Dict[str, Any]:
    """The program sees the class name, or what a ToolFailure chose, and the text; never the traceback,
    which is the client's own."""
    kind, message = (e.type, e.message) if isinstance(e, errors.ToolFailure) else (
        type(e).__name__, str(e))
    return {"error": {"type": _cut(kind, 64), "message": _cut(message, 4096)}}
