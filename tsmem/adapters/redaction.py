"""What must never be printed: the secrets of every connection that was opened, taken out of any text.

Its one rule: who prints a traceback asks here first. The SDK puts a request's headers into local values and messages,
where an exception of anyone's may repeat them, so that no error class can promise to be clean. A session adds what it
proves itself with; headers are known by their names, whatever they hold.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable

HIDDEN = "(hidden)"
_SHORTEST_SECRET = 8
"""Real ones have 16 characters and more; hiding a test server's `key` would hide parts of words."""
_MAX_KNOWN = 256
"""Of a process that opens connections without end, the last ones are known."""

_HEADER = re.compile(
    r"(x-ots-(?:accesskeyid|ststoken|signature(?:v4)?)\\?['\"]?\s*[:=,]\s*b?\\?)(?:(['\"]).*?\2|[^\s'\",}\\]+)",
    re.IGNORECASE,
)
"""A header that proves who asks, as text or as it stands in a printed mapping or pair."""

_known: deque[str] = deque(maxlen=_MAX_KNOWN)


def hide(secrets: Iterable[str | None]) -> None:
    """Never print these again. Those too short to be told from words are left out."""
    _known.extend(s for s in secrets if s and len(s) >= _SHORTEST_SECRET and s not in _known)


def without_secrets(text: str, more: Iterable[str] = ()) -> str:
    """A text without what proves who asks: what `hide` was told, `more`, and headers that carry such."""
    longest_first = sorted({*_known, *(s for s in more if len(s) >= _SHORTEST_SECRET)}, key=len, reverse=True)
    for secret in longest_first:
        text = text.replace(secret, HIDDEN).replace(repr(secret)[1:-1], HIDDEN)
    return _HEADER.sub(rf"\1{HIDDEN}", text)
