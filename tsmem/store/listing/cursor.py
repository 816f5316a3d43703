"""Page tokens, which say where the next page of a listing or search starts.

A token is JSON in base64url: a version (`v`), a digest of the query (`q`, to refuse a token of another query), the time
window with ages as points in time (`w`), and the last key that was returned (`k`). A search adds fields of its own
(`search/finder.py`). The next page starts after the last key, so rows that are added or deleted between two pages
neither stop the listing nor repeat its items. A token can be forged, so each of its fields is checked.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import NamedTuple, TypeGuard

from tsmem import limits
from tsmem.clock import Age, Time
from tsmem.errors import InvalidInput
from tsmem.rows import Key

VERSION = 1
MAX_TOKEN_LENGTH = 40_000
"""Enough for four key columns of 1,024 control characters, which take six characters each in JSON, in base64."""
START_AGAIN = "start again without a page token"


class Window(NamedTuple):
    """A span of time in microseconds since 1970 UTC. Both ends are included; None means that there is no bound."""

    since: int | None
    until: int | None


def digest(query: Mapping[str, object]) -> str:
    import hashlib  # here, because OpenSSL is slow to load and only listings need it

    parts = {key: f"age:{value.microseconds}" if isinstance(value, Age) else value for key, value in query.items()}
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def resolve_window(since: Time | None, until: Time | None, now_us: int) -> Window:
    """Replace ages by points in time. Raises InvalidInput if the window is empty or a time does not fit in 64 bits."""
    since, until = (time.before(now_us) if isinstance(time, Age) else time for time in (since, until))
    for point in (since, until):
        if not is_time(point):
            raise InvalidInput(f"the time {point} does not fit in a signed 64-bit integer")
    if since is not None and until is not None and since > until:
        raise InvalidInput(f"--since ({since}) is later than --until ({until})", hint="swap them")
    return Window(since, until)


def is_time(value: object) -> TypeGuard[int | None]:
    return value is None or (type(value) is int and limits.MIN_INTEGER <= value <= limits.MAX_INTEGER)


def encode_token(query_digest: str, window: Window, after: Key, **more: object) -> str:
    document = {"v": VERSION, "q": query_digest, "w": list(window), "k": list(after), **more}
    text = json.dumps(document, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_token(
    token: str, query_digest: str, key_types: Mapping[str, type]
) -> tuple[Window, Key, Mapping[str, object]]:
    """Return the window, the key and all fields. Raises InvalidInput for a damaged token or one of another query."""
    if not token or len(token) > MAX_TOKEN_LENGTH or not token.isascii():
        raise damaged_token()
    try:
        data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        document = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise damaged_token() from error
    if not isinstance(document, dict):
        raise damaged_token()
    if document.get("v") != VERSION or isinstance(document["v"], bool):
        raise InvalidInput("the page token was made by another version of tsmem", hint=START_AGAIN)
    if document.get("q") != query_digest:
        raise InvalidInput(
            "the page token belongs to another query", hint="use the options of the listing that printed the token"
        )
    key, window = document.get("k"), document.get("w")
    if not (isinstance(key, list) and [*map(type, key)] == [*key_types.values()]):
        raise damaged_token()
    if not (isinstance(window, list) and len(window) == 2 and all(map(is_time, window))):
        raise damaged_token()
    limits.check_key(tuple(key_types), tuple(key))
    return Window(*window), tuple(key), document


def damaged_token() -> InvalidInput:
    return InvalidInput("the page token is damaged", hint="pass it exactly as it was printed")
