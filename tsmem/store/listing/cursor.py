"""Page tokens: the place where a listing stopped. Opaque to callers, and checked wholly before use.

A token is base64url JSON: a version, a digest of the query (so that a token of another query is refused), the time
window with ages resolved, and the last key that was returned. The next page starts behind that key, so a row that is
deleted or added in between neither ends the walk nor makes it repeat.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import NamedTuple

from tsmem import limits
from tsmem.clock import Age, Time
from tsmem.errors import InvalidInput
from tsmem.rows import Key

VERSION = 1
MAX_TOKEN_LENGTH = 40_000
"""Enough for four key columns of 1,024 control characters, each six characters in JSON, in base64."""
START_AGAIN = "start again without a page token"


class Window(NamedTuple):
    """A span of time in microseconds, both ends included."""

    since: int | None
    until: int | None


def digest(query: Mapping[str, object]) -> str:
    """Return a short digest of what identifies a query."""
    import hashlib  # OpenSSL takes a while to load, and one record needs no digest

    parts = {key: f"age:{value.microseconds}" if isinstance(value, Age) else value for key, value in query.items()}
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def resolve(since: Time | None, until: Time | None, now_us: int) -> Window:
    """Return the window with ages as points in time. Raises InvalidInput when it is empty."""
    since, until = (time.before(now_us) if isinstance(time, Age) else time for time in (since, until))
    for point in (since, until):
        if not _is_time(point):
            raise InvalidInput(f"the time {point} does not fit in 64 bits")
    if since is not None and until is not None and since > until:
        raise InvalidInput(
            f"since ({since}) is later than until ({until})",
            hint="swap them",
        )
    return Window(since, until)


def _is_time(value: object) -> bool:
    return value is None or (type(value) is int and limits.MIN_INTEGER <= value <= limits.MAX_INTEGER)


def encode_token(query_digest: str, window: Window, after: Key, **more: object) -> str:
    """Return the token of the place behind a key. `more` are further fields, which a search needs."""
    document = {"v": VERSION, "q": query_digest, "w": list(window), "k": list(after), **more}
    text = json.dumps(document, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_token(
    token: str, query_digest: str, key_types: Mapping[str, type]
) -> tuple[Window, Key, Mapping[str, object]]:
    """Return a token's window, its key, which has these types, and all of its fields. Raises InvalidInput for a damaged
    token, or one of another query."""
    if not token or len(token) > MAX_TOKEN_LENGTH or not token.isascii():
        raise damaged()
    try:
        data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        document = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise damaged() from error
    if not isinstance(document, dict):
        raise damaged()
    if document.get("v") != VERSION or isinstance(document["v"], bool):
        raise InvalidInput("the page token was made by another version of tsmem", hint=START_AGAIN)
    if document.get("q") != query_digest:
        raise InvalidInput(
            "the page token belongs to another query", hint="use the options of the listing that printed the token"
        )
    key, window = document.get("k"), document.get("w")
    if not (isinstance(key, list) and [*map(type, key)] == [*key_types.values()]):
        raise damaged()
    if not (isinstance(window, list) and len(window) == 2 and all(map(_is_time, window))):
        raise damaged()
    limits.check_key(tuple(key_types), tuple(key))
    return Window(*window), tuple(key), document


def damaged() -> InvalidInput:
    """Return the error for a token that was changed on the way."""
    return InvalidInput("the page token is damaged", hint="pass it exactly as it was printed")
