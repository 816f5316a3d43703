"""What must never be printed: the secrets of every connection that was opened, taken out of any text.

Its one rule: who prints a traceback asks here first. The SDK puts a request's headers into local values and messages,
where an exception of anyone's may repeat them, so that no error class can promise to be clean. A session adds what it
proves itself with; headers are known by their names, whatever they hold.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections import deque
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote, quote_plus

HIDDEN = "(hidden)"
_SHORTEST_SECRET = 8
"""Real ones have 16 characters and more. Shorter ones are hidden where they stand alone, not within words."""
_SHORTEST_WORD = 4
"""Hiding a test server's `key` would hide words."""
_NO_SECRET = "tsmem"  # noqa: S105 - as it says
"""The secret of a server without a key, which everyone may know, and which stands in every traceback."""
_MAX_KNOWN = 256
"""Of a process that opens connections without end, the last ones are known."""

_HEADER = re.compile(
    r"(x-ots-(?:accesskeyid|ststoken|signature(?:v4)?)\\?['\"]?\s*[:=,]\s*b?\\?)(?:(['\"]).*?\2|[^\s'\",}\\]+)",
    re.IGNORECASE,
)
"""A header that proves who asks, as text or as it stands in a printed mapping or pair."""

_PERCENT = re.compile("%..")

_known: deque[str] = deque(maxlen=_MAX_KNOWN)


def hide(secrets: Iterable[str | None]) -> None:
    """Never print these again. Those too short to be told from words are left out."""
    _known.extend(s for s in secrets if s and _is_secret(s) and s not in _known)


def without_secrets(text: str, more: Iterable[str] = ()) -> str:
    """A text without what proves who asks: what `hide` was told, `more`, and headers that carry such."""
    longest_first = sorted({*_known, *filter(_is_secret, more)}, key=len, reverse=True)
    for secret in longest_first:
        for form in _forms(secret):
            if len(secret) < _SHORTEST_SECRET:
                text = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", HIDDEN, text)
            else:
                text = text.replace(form, HIDDEN)
    return _HEADER.sub(rf"\1{HIDDEN}", text)


def _is_secret(text: str) -> bool:
    return len(text) >= _SHORTEST_WORD and text != _NO_SECRET


@lru_cache(4 * _MAX_KNOWN)
def _forms(secret: str) -> tuple[str, ...]:
    """A secret as it is, as Python and JSON print it, twice over too, as it stands in a URL, and in base64; the longest
    first."""
    found = {secret}
    if not secret.isalnum() or not secret.isascii():
        for _ in range(2):
            found |= {each for form in found for each in (repr(form)[1:-1], json.dumps(form)[1:-1])}
        quoted = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
        found |= quoted | {_PERCENT.sub(lambda match: match[0].lower(), each) for each in quoted}
    if len(secret) >= _SHORTEST_SECRET:
        for encode in (b64encode, urlsafe_b64encode):
            encoded = encode(secret.encode(errors="surrogateescape")).decode()
            found |= {encoded, encoded.rstrip("=")}
    return tuple(sorted(found, key=len, reverse=True))
