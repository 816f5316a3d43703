"""The options of listings and searches, and the request that the public methods make of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict

from tsmem.clock import Age, Clock, Time
from tsmem.errors import InvalidInput
from tsmem.rows import Key, TableRef
from tsmem.store.codec import Codec
from tsmem.store.listing import cursor
from tsmem.store.listing.cursor import Window
from tsmem.store.listing.scan import read_filter

if TYPE_CHECKING:
    from tsmem.store.filters.row_filter import RowFilter

DEFAULT_LIMIT = 50
"""Items of a page, a search or `recent` by default."""
Sort = Literal["newest", "score"]
SORTS: tuple[Sort, ...] = ("newest", "score")


class PageOptions(TypedDict, total=False):
    """The keyword arguments of every listing and search."""

    filter: str | None
    """An expression in the filter language."""
    limit: int | None
    """Most items to return, None for all. Items that do not match the filter are not counted."""
    page_token: str | None
    """The token of the page to continue with."""


class ListOptions(PageOptions, total=False):
    """The keyword arguments of a listing within a window of time, which includes both ends."""

    since: Time | None
    until: Time | None


class ListRequest(NamedTuple):
    """A listing or search before ages become points in time. A page token belongs to all of it except the limit."""

    name: str
    scope: Mapping[str, str | None]
    """Values that limit the listing; in a search, columns with the value they must have. None means any."""
    since: Time | None = None
    until: Time | None = None
    limit: int | None = None
    page_token: str | None = None
    filter: str | None = None
    text: str | None = None
    sort: Sort = "newest"

    def begin(self, codec: Codec[Any], table: TableRef, source: str, clock: Clock) -> ListStart:
        """Return where the items begin, by the page token if there is one. `table` has the keys that order them;
        `source` names the store, and the table or index that is read. Raises InvalidInput."""
        if self.limit is not None and self.limit < 1:
            raise InvalidInput(f"the limit must be at least 1, not {self.limit}")
        row_filter = read_filter(self.filter)
        parts = {key: getattr(self, key) for key in ("name", "text", "since", "until", "sort")}
        identity = None if row_filter is None else row_filter.identity
        digest = cursor.digest({"source": source, "filter": identity, **parts, **self.scope})
        if self.page_token is None:
            return ListStart(digest, row_filter, cursor.resolve(self.since, self.until, clock.now_us()))
        window, after, token = cursor.decode_token(self.page_token, digest, codec.key_types(table))
        for point, end in zip(window, (self.since, self.until), strict=True):
            if (point is None) if isinstance(end, Age) else (point != end):
                raise cursor.damaged()
        return ListStart(digest, row_filter, window, after, token)


class ListStart(NamedTuple):
    digest: str
    """Ties page tokens to a request and to what it reads."""
    filter: RowFilter | None
    window: Window
    after: Key | None = None
    """The key of the last item of the page before."""
    token: Mapping[str, object] = {}
    """All fields of the page token."""
