"""Turn the texts of a result into ASCII, for a terminal whose encoding is not UTF-8. `render` calls `ascii_result`.

Such a terminal would take the bytes of UTF-8 one by one. It would show other text, and the bytes from 0x80 to 0x9f are
control characters, so that a stored 雛 could change colours or move the cursor. For tables, transcripts and CSV the
characters are escaped here, before the layout measures them. JSON has escapes of its own (`json_in_ascii`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

from tsmem.render.text import ascii_text
from tsmem.store.metadata import Metadata
from tsmem.store.model import Message, Session


def ascii_result(value: Any) -> Any:
    """Return a result, or a value within one, with all its texts in ASCII."""
    match value:
        case str():
            return ascii_text(value)
        case Iterator():
            return map(ascii_result, value)
        case Session() | Message():
            return replace(value, **{field.name: ascii_result(getattr(value, field.name)) for field in fields(value)})
        case Metadata():
            return Metadata({ascii_text(key): ascii_result(part) for key, part in value.items()})
        case dict():
            return {ascii_text(key): ascii_result(part) for key, part in value.items()}
        case tuple() if hasattr(value, "_make"):
            return value._make(map(ascii_result, value))
        case tuple() | list():
            return [ascii_result(part) for part in value]
        case _:
            return value
