"""JSON broken into lines, so that people can read it: what fits on one line stands on one, the rest is opened a level.

Its one rule: what is shown says what was stored. JSON that would not read the same afterwards (a key given twice, a
number written in another way, such as 1.50) is not touched, and neither is what is nested too deeply.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from tsmem.errors import InvalidInput
from tsmem.render.cells import width
from tsmem.store.documents import loads

PRETTY_CHARACTERS = 100_000
"""JSON longer than this is shown as it is."""


def parsed_json(value: object) -> object:
    """What a text that is a JSON object or list says; None for any other value."""
    if not isinstance(value, str) or len(value) > PRETTY_CHARACTERS or value.lstrip()[:1] not in ("{", "["):
        return None
    try:
        json.loads(value, parse_float=_as_written, parse_int=_whole_as_written)
        return loads(value)
    except (InvalidInput, ValueError, RecursionError):
        return None


def pretty(text: str, room: int) -> str | None:
    """A JSON object or list in lines of so many cells where that can be; None for any other text."""
    parsed = parsed_json(text)
    try:
        return "\n".join(outline(parsed, room)) if parsed else None
    except RecursionError:
        return None


def outline(value: object, room: int, name: str = "", comma: str = "") -> Iterator[str]:
    """A value's lines, with a name before it and a comma behind. Iterating raises RecursionError where it is deep."""
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


def _as_written(number: str) -> float:
    """Raises ValueError for a number that would be written in another way."""
    if repr(float(number)) != number:
        raise ValueError(number)
    return float(number)


def _whole_as_written(number: str) -> int:
    """Raises ValueError for -0, and where there are too many digits."""
    if str(int(number)) != number:
        raise ValueError(number)
    return int(number)
