"""Read the tool calls of a message, and JSON in stored text.

JSON of which `json.dumps` would make something else than was stored (a key given twice, a number that Python writes in
another way, such as 1.50) is not parsed, so that it can be shown as it was stored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from tsmem.errors import InvalidInput
from tsmem.rows import Value
from tsmem.store.documents import decode_json

CALL_KEYS = ("tool_calls", "function_call")
"""Metadata keys of OpenAI's formats: a list of calls and, in the older format, a single call."""
MAX_PARSED_CHARACTERS = 100_000
MAX_PARSED_DEPTH = 100
"""Longer or deeper JSON is not parsed: formatting it would take too long."""


class ToolCall(NamedTuple):
    name: str
    arguments: dict[str, object] | str
    """Values by name, or the stored text if `parsed_json` does not make a JSON object of it."""


def tool_calls(metadata: Mapping[str, Value]) -> dict[str, list[ToolCall]]:
    """Return the calls by metadata key. A key is left out if its value is neither a call nor a list of calls alone."""
    calls_by_key = {key: _calls(metadata.get(key)) for key in CALL_KEYS}
    return {key: calls for key, calls in calls_by_key.items() if calls}


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
    """Return the value of a text that is a JSON object or list and can be shown parsed; None for everything else."""
    if not isinstance(value, str) or len(value) > MAX_PARSED_CHARACTERS or value.lstrip()[:1] not in ("{", "["):
        return None
    try:
        # Only to raise ValueError for a number that would be shown differently; decode_json finds duplicate keys.
        json.loads(value, parse_float=partial(_number_as_written, float), parse_int=partial(_number_as_written, int))
        parsed = decode_json(value)
        return parsed if _depth(parsed) <= MAX_PARSED_DEPTH else None
    except (InvalidInput, ValueError, RecursionError):
        return None


def _depth(value: object) -> int:
    if not isinstance(value, dict | list):
        return 0
    return 1 + max(map(_depth, value.values() if isinstance(value, dict) else value), default=0)


def _number_as_written(kind: type[int] | type[float], number: str) -> float:
    """Raises ValueError for a number that Python would write differently, such as -0, and for one that is too long."""
    if repr(kind(number)) != number:
        raise ValueError(number)
    return kind(number)
