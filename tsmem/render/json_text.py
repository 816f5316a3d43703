"""JSON inside stored text, made readable: tool calls as `name(argument=value)`, other JSON broken into lines.

What is shown says what was stored: JSON that would not read the same afterwards (a key given twice, a number written in
another way, such as 1.50) is not touched, and neither is what is nested too deeply.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import NamedTuple

from tsmem.errors import InvalidInput
from tsmem.render.cells import width
from tsmem.render.text import visible
from tsmem.rows import Value
from tsmem.store.documents import loads

CALL_KEYS = ("tool_calls", "function_call")
"""Keys of metadata that hold a list of calls or, in the older format, a single one."""
PRETTY_CHARACTERS = 100_000
MAX_DEPTH = 100


class ToolCall(NamedTuple):
    name: str
    arguments: dict[str, object] | str
    """Values by name; the text itself if it is not a JSON object."""

    def line(self) -> str:
        """Return the call on one line, safe to show."""
        inside = self.arguments
        if not isinstance(inside, str):
            inside = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in inside.items())
        return visible(f"{self.name}({inside})")

    def lines(self, room: int) -> list[str]:
        """Return the call, safe to show, on one line if it fits in so many cells, else an argument a line."""
        line = self.line()
        if isinstance(self.arguments, str) or not self.arguments or width(line) <= room:
            return [line]
        opened = [
            visible(f"    {part}")
            for name, value in self.arguments.items()
            for part in outline(value, room - 4, f"{visible(name)}=", ",")
        ]
        return [f"{visible(self.name)}(", *opened, "  )"]


def tool_calls(metadata: Mapping[str, Value]) -> dict[str, list[ToolCall]]:
    found = {key: _calls(metadata.get(key)) for key in CALL_KEYS}
    return {key: calls for key, calls in found.items() if calls}


def _calls(value: object) -> list[ToolCall]:
    parsed = parsed_json(value)
    if isinstance(parsed, dict):
        parsed = [{"function": parsed}]
    calls = []
    for call in parsed if isinstance(parsed, list) else ():
        match call:
            case {"function": {"name": str(name), "arguments": str(text)}}:
                arguments = parsed_json(text)
                calls.append(ToolCall(name, arguments if isinstance(arguments, dict) else text))
            case _:
                return []
    return calls


def parsed_json(value: object) -> object:
    """Return the value of a text that is a JSON object or list; None for any other text."""
    if not isinstance(value, str) or len(value) > PRETTY_CHARACTERS or value.lstrip()[:1] not in ("{", "["):
        return None
    try:
        json.loads(value, parse_float=partial(_as_written, float), parse_int=partial(_as_written, int))
        parsed = loads(value)
        return parsed if _depth(parsed) <= MAX_DEPTH else None
    except (InvalidInput, ValueError, RecursionError):
        return None


def _depth(value: object) -> int:
    if not isinstance(value, dict | list):
        return 0
    return 1 + max(map(_depth, value.values() if isinstance(value, dict) else value), default=0)


def _as_written(kind: type[int] | type[float], number: str) -> float:
    """Raise ValueError for a number that Python would write in another way, such as -0, and for too many digits."""
    if repr(kind(number)) != number:
        raise ValueError(number)
    return kind(number)


def outline(value: object, room: int, name: str = "", comma: str = "") -> Iterator[str]:
    """Yield a value on one line if it fits in so many cells, else opened a level."""
    line = name + json.dumps(value, ensure_ascii=False) + comma
    if not isinstance(value, dict | list) or not value or (len(line) < 8 * room and width(line) <= room):
        yield line
        return
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    parts = (
        [(f"{json.dumps(k, ensure_ascii=False)}: ", v) for k, v in value.items()]
        if isinstance(value, dict)
        else [("", v) for v in value]
    )
    yield name + opening
    for position, (label, part) in enumerate(parts, 1):
        for inner in outline(part, room - 2, label, "," if position < len(parts) else ""):
            yield "  " + inner
    yield closing + comma
