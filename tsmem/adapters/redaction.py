"""Take the secrets of every connection out of a text before it is printed.

Any exception may repeat the headers of a request, because the SDK puts them into local variables and messages. Each
connection calls `hide` with its secrets; `without_secrets` is called for every traceback and for messages of the
service. Headers are recognised by their names, whatever they hold.
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
"""Real secrets have 16 characters and more. A shorter one is hidden where it stands alone, not within words."""
_SHORTEST_WORD = 4  # hiding a test server's `key` would hide words
_NO_SECRET = "tsmem"  # noqa: S105 - the secret of a server without a key, public and in every traceback
_MAX_KNOWN = 256  # a process that opens connections without end remembers the last secrets
_HEADER = re.compile(
    r"(x-ots-(?:accesskeyid|ststoken|signature(?:v4)?)\\?['\"]?\s*[:=,]\s*b?\\?)(?:(['\"]).*?\2|[^\s'\",}\\]+)",
    re.IGNORECASE,
)
"""A header with an access key id, token or signature, as text or within a printed mapping or pair."""

_known: deque[str] = deque(maxlen=_MAX_KNOWN)


def hide(secrets: Iterable[str | None]) -> None:
    """Remember secrets for `without_secrets`, except those that are as short as words."""
    _known.extend(s for s in secrets if s and _is_secret(s) and s not in _known)


def without_secrets(text: str, more: Iterable[str] = ()) -> str:
    """Return a text without the secrets that `hide` was told, those of `more`, and headers that carry secrets."""
    for secret in sorted({*_known, *filter(_is_secret, more)}, key=len, reverse=True):
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
    """Return the forms in which a secret may be printed, longest first: itself, as Python and JSON print it (also one
    within the other), within a URL, and in base64."""
    found = {secret}
    if not secret.isalnum() or not secret.isascii():
        for _ in range(2):
            found |= {each for form in found for each in (repr(form)[1:-1], json.dumps(form)[1:-1])}
        for quoted in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
            found |= {quoted, re.sub("%..", lambda match: match[0].lower(), quoted)}
    if len(secret) >= _SHORTEST_SECRET:
        for encode in (b64encode, urlsafe_b64encode):
            encoded = encode(secret.encode(errors="surrogateescape")).decode()
            found |= {encoded, encoded.rstrip("=")}
    return tuple(sorted(found, key=len, reverse=True))
