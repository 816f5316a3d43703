"""Tool calls as people read them: `name(argument=value)`, out of the JSON that chat formats keep in the metadata.

A call that is longer than a line is opened, an argument a line, as code would be.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tsmem.render.cells import width
from tsmem.render.outline import outline, parsed_json
from tsmem.render.text import visible
from tsmem.rows import Value

KEYS = ("tool_calls", "function_call")
"""Where chat formats keep calls: a list of them, and before there were lists, one."""


class ToolCall(NamedTuple):
    """One call."""

    name: str
    arguments: dict[str, object] | str
    """By name; the text itself where it is no JSON object."""

    def line(self) -> str:
        """On one line, safe to show."""
        return visible(f"{self.name}({self._inside()})")

    def lines(self, room: int) -> Iterator[str]:
        """Safe to show, on one line if so many cells take it, else an argument a line."""
        line = self.line()
        if isinstance(self.arguments, str) or not self.arguments or width(line) <= room:
            yield line
            return
        try:
            opened = [
                visible(f"    {part}")
                for name, value in self.arguments.items()
                for part in outline(value, room - 4, f"{visible(name)}=", ",")
            ]
        except RecursionError:
            yield line
            return
        yield f"{visible(self.name)}("
        yield from opened
        yield "  )"

    def _inside(self) -> str:
        if isinstance(self.arguments, str):
            return self.arguments
        return ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in self.arguments.items())


def tool_calls(metadata: Mapping[str, Value]) -> dict[str, list[ToolCall]]:
    """The calls under each key that holds some; what is no list of calls is no call, and is shown as it is."""
    found = {key: _calls(metadata.get(key)) for key in KEYS}
    return {key: calls for key, calls in found.items() if calls is not None}


def _calls(value: object) -> list[ToolCall] | None:
    parsed = parsed_json(value)
    if isinstance(parsed, dict):
        parsed = [{"function": parsed}]
    if not isinstance(parsed, list) or not parsed:
        return None
    calls = []
    for call in parsed:
        match call:
            case {"function": {"name": str(name), "arguments": str(arguments)}}:
                calls.append(ToolCall(name, _arguments(arguments)))
            case _:
                return None
    return calls


def _arguments(text: str) -> dict[str, object] | str:
    parsed = parsed_json(text)
    try:
        json.dumps(parsed)
    except RecursionError:
        return text
    return parsed if isinstance(parsed, dict) else text
