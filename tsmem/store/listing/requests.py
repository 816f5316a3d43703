"""The requests of listings and searches, and the page tokens that say where their next page starts.

The public methods of `Sessions` and `Messages` make a `ListRequest` from their arguments.

A token is JSON in base64url: a version (`v`), a digest of the query (`q`, to refuse a token of another query), the time
window with ages as points in time (`w`), and the last key that was returned (`k`). A search adds fields of its own
(`search/finder.py`). The next page starts after the last key, so rows that are added or deleted between two pages
neither stop the listing nor repeat its items. A token can be forged, so each of its fields is checked.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict, TypeGuard

from tsmem import limits
from tsmem.clock import Age, Clock, Time
from tsmem.errors import InvalidInput
from tsmem.rows import Key, TableRef
from tsmem.store.codec import Codec
from tsmem.store.model import Sort

if TYPE_CHECKING:
    from tsmem.store.filters.row_filter import RowFilter

DEFAULT_LIMIT = 50
VERSION = 1
MAX_TOKEN_LENGTH = 40_000
"""Enough for four key columns of 1,024 control characters, which take six characters each in JSON, in base64."""
START_AGAIN = "start again without a page token"


class Window(NamedTuple):
    """A span of time in microseconds since 1970 UTC. Both ends are included; None means that there is no bound."""

    since: int | None
    until: int | None


class PageOptions(TypedDict, total=False):
    filter: str | None
    limit: int | None
    """Maximum number of items to return, None for all. Only items that match the filter count."""
    page_token: str | None
    """The `next_page_token` of the page before."""


class ListOptions(PageOptions, total=False):
    """Keyword arguments of a listing within a window of time. Both ends are included."""

    since: Time | None
    until: Time | None


class ListRequest(NamedTuple):
    """A listing or search. A page token is valid only for a request that differs in nothing but the limit."""

    name: Literal["list", "recent", "search"]
    scope: Mapping[str, str | None]
    """The user, session and other values that restrict the listing; None means any. In a search, the names are
    columns."""
    since: Time | None = None
    until: Time | None = None
    limit: int | None = None
    page_token: str | None = None
    filter: str | None = None
    text: str | None = None
    sort: Sort = "newest"
    user: str | None = None
    """The user in whose sessions messages are searched; None means any."""
    failed: bool = False
    """True to find only tool messages that report an error."""

    def resolve(self, codec: Codec[Any], table: TableRef, source: str, clock: Clock) -> ListStart:
        """Return where the items start. `table` is the table or index whose keys order them. `source` names what is
        read, so that a page token of another store or table is refused. Raises InvalidInput."""
        if self.limit is not None and self.limit < 1:
            raise InvalidInput(f"the limit must be at least 1, not {self.limit}")
        row_filter = read_filter(self.filter)
        parts = {key: getattr(self, key) for key in ("name", "text", "since", "until", "sort", "user", "failed")}
        identity = None if row_filter is None else row_filter.identity
        digest = digest_of({"source": source, "filter": identity, **parts, **self.scope})
        if self.page_token is None:
            return ListStart(digest, row_filter, resolve_window(self.since, self.until, clock.now_us()))
        window, after, token = decode_token(self.page_token, digest, codec.key_types(table))
        for point, end in zip(window, (self.since, self.until), strict=True):
            if (point is None) if isinstance(end, Age) else (point != end):
                raise damaged_token()
        return ListStart(digest, row_filter, window, after, token)


class ListStart(NamedTuple):
    digest: str
    filter: RowFilter | None
    window: Window
    after: Key | None = None
    """Key of the last item of the page before; None for the first page."""
    token: Mapping[str, object] = {}
    """Fields of the page token."""


def read_filter(text: str | None) -> RowFilter | None:
    if text is None:
        return None
    from tsmem.store.filters.row_filter import RowFilter  # here, because most listings have no filter

    return RowFilter(text)


# Windows and page tokens


def digest_of(query: Mapping[str, object]) -> str:
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
