"""Make JSON in stored text readable: tool calls as `name(argument=value)`, other JSON broken into lines.

Only the spacing and the escapes of strings change. Of a tool call, only its name and arguments are shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from tsmem.render.terminal import width
from tsmem.render.text import visible
from tsmem.store.tool_calls import ToolCall


def call_line(call: ToolCall) -> str:
    arguments = call.arguments
    if not isinstance(arguments, str):
        parts = (f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in arguments.items())
        arguments = ", ".join(parts)
    return visible(f"{call.name}({arguments})")


def call_lines(call: ToolCall, room: int) -> list[str]:
    """Return the call on one line if it fits in `room` cells, else with lines of its own for each argument."""
    line = call_line(call)
    if isinstance(call.arguments, str) or not call.arguments or width(line) <= room:
        return [line]
    arguments = [
        visible(f"    {part}")
        for name, value in call.arguments.items()
        for part in pretty_lines(value, room - 4, f"{visible(name)}=", ",")
    ]
    return [f"{visible(call.name)}(", *arguments, "  )"]


def pretty_lines(value: object, room: int, prefix: str = "", comma: str = "") -> Iterator[str]:
    """Yield a value as JSON. An object or list that does not fit on one line of `room` cells gets a line for each part,
    or several. `prefix` is put before the value and `comma` after it."""
    line = prefix + json.dumps(value, ensure_ascii=False) + comma
    if not isinstance(value, dict | list) or not value or (len(line) < 8 * room and width(line) <= room):
        yield line
        return
    if isinstance(value, dict):
        opening, closing = "{", "}"
        parts = [(f"{json.dumps(key, ensure_ascii=False)}: ", part) for key, part in value.items()]
    else:
        opening, closing = "[", "]"
        parts = [("", part) for part in value]
    yield prefix + opening
    for position, (label, part) in enumerate(parts, 1):
        for inner in pretty_lines(part, room - 2, label, "," if position < len(parts) else ""):
            yield "  " + inner
    yield closing + comma
