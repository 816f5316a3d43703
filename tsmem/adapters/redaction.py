"""Replace secrets in a text by `(hidden)` before the text is printed.

The SDK puts the headers of a request, with their access key and signature, into the messages of its errors, and a
service can repeat them in a reply. Whoever knows a secret passes it to `hide`, and whoever prints a foreign text passes
it through `without_secrets`.
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
_MIN_SECRET_CHARS = 4
"""Shorter secrets, such as `key` for a test server, are not hidden: they occur in ordinary words."""
_MIN_SECRET_CHARS_WITHIN_WORDS = 8
"""Shorter secrets are hidden only where they are whole words. Real secrets have at least 16 characters."""
_PUBLIC_SECRET = "tsmem"  # noqa: S105 - of a server without a key; it also occurs in the paths of every traceback
_MAX_KNOWN = 256
_HEADER = re.compile(
    r"(x-ots-(?:accesskeyid|ststoken|signature(?:v4)?)\\?['\"]?\s*[:=,]\s*b?\\?)(?:(['\"]).*?\2|[^\s'\",}\\]+)",
    re.IGNORECASE,
)
"""A header with an access key id, token or signature, written as in HTTP or as Python prints a dict or a tuple."""

_known: deque[str] = deque(maxlen=_MAX_KNOWN)


def hide(secrets: Iterable[str | None]) -> None:
    _known.extend(s for s in secrets if s and _is_hideable(s) and s not in _known)


def without_secrets(text: str, more: Iterable[str] = ()) -> str:
    """Replace the secrets that `hide` was given, those in `more`, and the values of headers with credentials."""
    for secret in sorted({*_known, *filter(_is_hideable, more)}, key=len, reverse=True):
        for form in _printed_forms(secret):
            if len(secret) < _MIN_SECRET_CHARS_WITHIN_WORDS:
                text = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", HIDDEN, text)
            else:
                text = text.replace(form, HIDDEN)
    return _HEADER.sub(rf"\1{HIDDEN}", text)


def _is_hideable(secret: str) -> bool:
    return len(secret) >= _MIN_SECRET_CHARS and secret != _PUBLIC_SECRET


@lru_cache(4 * _MAX_KNOWN)
def _printed_forms(secret: str) -> tuple[str, ...]:
    """Return the forms in which a secret can appear in a text, longest first. Some texts are escaped twice."""
    found = {secret}
    if not secret.isalnum() or not secret.isascii():
        for _ in range(2):
            found |= {each for form in found for each in (repr(form)[1:-1], json.dumps(form)[1:-1])}
        for quoted in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
            found |= {quoted, re.sub("%..", lambda match: match[0].lower(), quoted)}
    if len(secret) >= _MIN_SECRET_CHARS_WITHIN_WORDS:
        for encode in (b64encode, urlsafe_b64encode):
            encoded = encode(secret.encode(errors="surrogateescape")).decode()
            found |= {encoded, encoded.rstrip("=")}
    return tuple(sorted(found, key=len, reverse=True))
