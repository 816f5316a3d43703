"""Page tokens: where a listing stopped, and of which listing. Opaque to callers, checked wholly before use.

A token is base64url JSON: a version, a digest of the query (so that a token of another query is refused), the window
that ages were resolved to, and the last key that was given out. The next page starts behind that key, so a row that is
deleted or added in between neither ends the walk nor makes it repeat.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tsmem import limits
from tsmem.clock import Age, Time
from tsmem.errors import InvalidInput
from tsmem.rows import Key, Range, TableRef

VERSION = 1
MAX_TOKEN_LENGTH = 40_000
"""Four key columns of 1,024 control characters, six characters each in JSON, in base64, with room."""


class Window(NamedTuple):
    """A span of time, both ends included."""

    since: int | None
    until: int | None


class Cursor(NamedTuple):
    """What a token says."""

    after: Key
    """The last key that was given out, in the order of the table or index that is read."""
    window: Window


def digest(query: Mapping[str, object]) -> str:
    """A short digest of what identifies a query: the same for the same query, whatever its limit or output."""
    import hashlib  # OpenSSL takes a while to load, and one record needs no digest

    parts = {key: f"age:{value.microseconds}" if isinstance(value, Age) else value for key, value in query.items()}
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


_ANEW = "begin anew, without a page token"


def resolve(since: Time | None, until: Time | None, now_us: int) -> Window:
    """The window in microseconds. Raises InvalidInput when it is empty."""
    window = Window(_point(since, now_us), _point(until, now_us))
    if window.since is not None and window.until is not None and window.since > window.until:
        raise InvalidInput(
            f"the time window is empty: since {window.since} is after until {window.until}",
            hint="since is the earlier one; of two ages the longer is the earlier",
        )
    return window


def _point(time: Time | None, now_us: int) -> int | None:
    point = time.before(now_us) if isinstance(time, Age) else time
    if point is not None and not limits.MIN_INTEGER <= point <= limits.MAX_INTEGER:
        raise InvalidInput(f"the time {point} does not fit in 64 bits")
    return point


def encode_token(query_digest: str, cursor: Cursor, **more: object) -> str:
    """The token of a place in a query; a search says more of its place."""
    document = {
        "v": VERSION,
        "q": query_digest,
        "w": [cursor.window.since, cursor.window.until],
        "k": list(cursor.after),
        **more,
    }
    text = json.dumps(document, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_token(token: str, query_digest: str, table: TableRef, types: Sequence[type]) -> Cursor:
    """The place that a token names, with a key of these types. Raises InvalidInput for a damaged token, or one of
    another query."""
    return key_and_window(open_token(token, query_digest), table, types)


def open_token(token: str, query_digest: str) -> dict[str, object]:
    """What a token says, unchecked but for its version and query. Raises InvalidInput."""
    document = _document(token)
    if document.get("v") != VERSION or isinstance(document["v"], bool):
        raise InvalidInput("the page token was made by another version of tsmem", hint=_ANEW)
    if document.get("q") != query_digest:
        raise InvalidInput(
            "the page token belongs to another query", hint="repeat the listing with the options that gave the token"
        )
    return document


def key_and_window(document: Mapping[str, object], table: TableRef, types: Sequence[type]) -> Cursor:
    """The key and window of an opened token. Raises InvalidInput when they are damaged."""
    key, window = document.get("k"), document.get("w")
    if not (isinstance(key, list) and tuple(map(type, key)) == tuple(types)):
        raise damaged()
    if not (isinstance(window, list) and len(window) == 2 and all(map(_is_point, window))):
        raise damaged()
    after = tuple(key)
    limits.check_key(table.key, after)
    return Cursor(after, Window(*window))


def _is_point(value: object) -> bool:
    return value is None or (type(value) is int and limits.MIN_INTEGER <= value <= limits.MAX_INTEGER)


def check_window(window: Window, since: Time | None, until: Time | None) -> None:
    """Raises InvalidInput for a token's window that these ends never resolve to."""
    for point, end in zip(window, (since, until), strict=True):
        if (point is None) if isinstance(end, Age) else (point != end):
            raise damaged()


def _document(token: str) -> dict[str, object]:
    if not token or len(token) > MAX_TOKEN_LENGTH or not token.isascii():
        raise damaged()
    try:
        data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        document = json.loads(data.decode())
    except (binascii.Error, ValueError, RecursionError) as error:
        raise damaged() from error
    if not isinstance(document, dict):
        raise damaged()
    return document


def damaged() -> InvalidInput:
    """What to say of a token that was changed on the way."""
    return InvalidInput("the page token is damaged", hint="pass it exactly as it was printed")


def outside() -> InvalidInput:
    """What to say of a place that the query does not have."""
    return InvalidInput("the page token points outside of what is listed", hint=_ANEW)


def resumed(span: Range, after: Key) -> Range:
    """The rest of a range from `after` on, which is included. Raises InvalidInput when it lies outside the range."""
    if not span.includes(after):
        raise outside()
    return Range(after, span.end, span.backward)
