"""The options of listings and searches, and the request that holds them.

The public methods of `Sessions` and `Messages` make a `ListRequest` from their arguments.
"""

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
from tsmem.store.model import Sort

if TYPE_CHECKING:
    from tsmem.store.filters.row_filter import RowFilter

DEFAULT_LIMIT = 50
SORTS: tuple[Sort, ...] = ("newest", "score")


class PageOptions(TypedDict, total=False):
    filter: str | None
    limit: int | None
    """Most items to return, None for all. Only items that match the filter count."""
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

    def resolve(self, codec: Codec[Any], table: TableRef, source: str, clock: Clock) -> ListStart:
        """Return where the items start. `table` is the table or index whose keys order them. `source` names what is
        read, so that a page token of another store or table is refused. Raises InvalidInput."""
        if self.limit is not None and self.limit < 1:
            raise InvalidInput(f"the limit must be at least 1, not {self.limit}")
        row_filter = read_filter(self.filter)
        parts = {key: getattr(self, key) for key in ("name", "text", "since", "until", "sort")}
        identity = None if row_filter is None else row_filter.identity
        digest = cursor.digest({"source": source, "filter": identity, **parts, **self.scope})
        if self.page_token is None:
            return ListStart(digest, row_filter, cursor.resolve_window(self.since, self.until, clock.now_us()))
        window, after, token = cursor.decode_token(self.page_token, digest, codec.key_types(table))
        for point, end in zip(window, (self.since, self.until), strict=True):
            if (point is None) if isinstance(end, Age) else (point != end):
                raise cursor.damaged_token()
        return ListStart(digest, row_filter, window, after, token)


class ListStart(NamedTuple):
    digest: str
    filter: RowFilter | None
    window: Window
    after: Key | None = None
    """Key of the last item of the page before; None for the first page."""
    token: Mapping[str, object] = {}
    """Fields of the page token."""
