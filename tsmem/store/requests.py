"""The options of listings and searches, and the request that the public methods make of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple, TypedDict

from tsmem.clock import Time
from tsmem.errors import InvalidInput
from tsmem.store.listing import cursor

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

    def check_limit(self) -> None:
        """Raise InvalidInput for a limit below 1."""
        if self.limit is not None and self.limit < 1:
            raise InvalidInput(f"the limit must be at least 1, not {self.limit}")

    def digest(self, target: str, source: str, row_filter: RowFilter | None) -> str:
        """Return the digest that ties a page token to this request, a store, and the table or index that is read."""
        parts = {key: getattr(self, key) for key in ("name", "text", "since", "until", "sort")}
        identity = None if row_filter is None else row_filter.identity
        return cursor.digest({"target": target, "source": source, "filter": identity, **parts, **self.scope})
