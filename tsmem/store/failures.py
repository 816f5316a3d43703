"""Recognise the messages in which a tool reports an error, for `show --errors`, `search --errors` and `stats`.

Frameworks keep this in different places, so any of these counts, for a message with the role `tool`:

- its metadata has `is_error`, as Anthropic's tool results do, or a value under `error`;
- its content is a JSON object with a value under `error`, or with `is_error`;
- its content begins with "Error", as in `Error: no such flight`, whatever its case.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from tsmem.store.model import Message

MAX_PARSED_CHARACTERS = 100_000
_ERROR_WORD = re.compile(r"\s*\W?error\b", re.IGNORECASE)
_JSON_KEY = re.compile(r'"(is_)?error"', re.IGNORECASE)


def is_failed(message: Message) -> bool:
    if message.role != "tool":
        return False
    content = message.content or ""
    return _says_error(message.metadata) or _ERROR_WORD.match(content) is not None or _says_error(_json_object(content))


def _says_error(values: Mapping[str, object]) -> bool:
    return any(values.get(key) not in (None, False, "", "false", 0, b"", [], {}) for key in ("is_error", "error"))


def _json_object(content: str) -> Mapping[str, object]:
    """Return the JSON object that a text is, or an empty one. Long texts are not parsed."""
    if not content.lstrip().startswith("{") or len(content) > MAX_PARSED_CHARACTERS or not _JSON_KEY.search(content):
        return {}
    try:
        parsed = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}
