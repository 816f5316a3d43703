"""The requests of listings and searches, and the page tokens that say where their next page starts.

The public methods of `Sessions` and `Messages` make a `ListRequest` from their arguments.

A token (`page_tokens.py`) holds what the request itself does not say: each end of the time window that is an age, as a
point in time, and the key of the last item that was returned, without the columns that the request fixes. A search adds
values of its own (`search/finder.py`). The next page starts after the last key, so rows that are added or deleted
between two pages neither stop the listing nor repeat its items. A token can be forged, so each value is checked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict, cast

from tsmem import limits
from tsmem.clock import Age, Clock, Time
from tsmem.errors import InvalidInput
from tsmem.rows import Key, TableRef
from tsmem.store.codec import Codec
from tsmem.store.listing.page_tokens import DIGEST_BYTES, Packable, damaged_token, pack_token, unpack_token
from tsmem.store.model import Sort

if TYPE_CHECKING:
    from tsmem.store.filters.row_filter import RowFilter

DEFAULT_LIMIT = 50


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
    """The user id, session id and other values that restrict the listing, by the names of their columns; None means
    any. A listing can have its order here, too."""
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

    def resolve(
        self, codec: Codec[Any], table: TableRef, source: str, clock: Clock, more: Sequence[type[Packable]] = ()
    ) -> ListStart:
        """Return where the items start. `table` is the table or index whose keys order them. `source` names what is
        read, so that a page token of another store or table is refused. `more` are the types of the values that the
        caller adds to its page tokens. Raises InvalidInput."""
        if self.limit is not None and self.limit < 1:
            raise InvalidInput(f"the limit must be at least 1, not {self.limit}")
        row_filter = read_filter(self.filter)
        parts = {key: getattr(self, key) for key in ("name", "text", "since", "until", "sort", "user", "failed")}
        identity = None if row_filter is None else row_filter.identity
        digest = digest_of({"source": source, "filter": identity, **parts, **self.scope})
        if self.page_token is None:
            window = resolve_window(self.since, self.until, clock.now_us())
            return ListStart(self, table, digest, row_filter, window)
        ages = [int for end in (self.since, self.until) if isinstance(end, Age)]
        key_types = codec.key_types(table)
        columns = [kind for name, kind in key_types.items() if self.scope.get(name) is None]
        values = unpack_token(self.page_token, digest, (*ages, *columns, *more))
        since, until = (next(values) if isinstance(end, Age) else end for end in (self.since, self.until))
        window = Window(cast(int | None, since), cast(int | None, until))
        if None not in window and window.since > window.until:  # type: ignore[operator]
            raise damaged_token()
        after = tuple(next(values) if (value := self.scope.get(name)) is None else value for name in key_types)
        limits.check_key(tuple(key_types), after)
        return ListStart(self, table, digest, row_filter, window, after, tuple(values))


class ListStart(NamedTuple):
    request: ListRequest
    table: TableRef
    digest: bytes
    filter: RowFilter | None
    window: Window
    after: Key | None = None
    """Key of the last item of the page before; None for the first page."""
    more: tuple[Any, ...] = ()
    """The values that the caller added to the page token."""

    def token_after(self, key: Key, *more: Packable) -> str:
        """Return the page token that continues after the item with this key."""
        request = self.request
        ends = zip(self.window, (request.since, request.until), strict=True)
        ages = [cast(int, point) for point, end in ends if isinstance(end, Age)]
        columns = [value for name, value in zip(self.table.key, key, strict=True) if request.scope.get(name) is None]
        return pack_token(self.digest, (*ages, *columns, *more))


def read_filter(text: str | None) -> RowFilter | None:
    if text is None:
        return None
    from tsmem.store.filters.row_filter import RowFilter  # here, because most listings have no filter

    return RowFilter(text)


def digest_of(query: Mapping[str, object]) -> bytes:
    import hashlib  # here, because OpenSSL is slow to load and only listings need it

    parts = {key: f"age:{value.microseconds}" if isinstance(value, Age) else value for key, value in query.items()}
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:DIGEST_BYTES]


def resolve_window(since: Time | None, until: Time | None, now_us: int) -> Window:
    """Replace ages by points in time. Raises InvalidInput if the window is empty or a time does not fit in 64 bits."""
    since, until = (time.before(now_us) if isinstance(time, Age) else time for time in (since, until))
    for point in (since, until):
        if point is not None and not limits.MIN_INTEGER <= point <= limits.MAX_INTEGER:
            raise InvalidInput(f"the time {point} does not fit in a signed 64-bit integer")
    if since is not None and until is not None and since > until:
        raise InvalidInput(f"--since ({since}) is later than --until ({until})", hint="swap them")
    return Window(since, until)
