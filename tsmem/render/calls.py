"""Tool calls as people read them: `name(argument=value)`, out of the JSON that chat formats keep in the metadata."""

from __future__ import annotations

import json

from tsmem.errors import InvalidInput
from tsmem.store.documents import loads


def tool_calls(value: object) -> list[str] | None:
    """Tool calls as `name(argument=value)`; None when the value is no list of calls, and is shown as it is."""
    parsed = parsed_json(value)
    if not isinstance(parsed, list) or not parsed:
        return None
    calls = []
    for call in parsed:
        match call:
            case {"function": {"name": str(name), "arguments": str(arguments)}}:
                calls.append(f"{name}({_arguments(arguments)})")
            case _:
                return None
    return calls


def _arguments(text: str) -> str:
    parsed = parsed_json(text)
    if not isinstance(parsed, dict):
        return text
    try:
        return ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in parsed.items())
    except RecursionError:
        return text


def parsed_json(value: object) -> object:
    """What a text that is a JSON object or list says; None for any other value."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return loads(value)
    except InvalidInput:
        return None
