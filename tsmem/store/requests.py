"""The request for a listing or a search, as the collections and the finder get it from the public methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

from tsmem.clock import Time
from tsmem.errors import InvalidInput
from tsmem.store.listing import cursor

if TYPE_CHECKING:
    from tsmem.store.filters.row_filter import RowFilter

Sort = Literal["newest", "score"]
SORTS: tuple[Sort, ...] = ("newest", "score")


class ListRequest(NamedTuple):
    """A listing or search before ages become points in time. A page token belongs to all of it except the limit."""

    name: str
    """The kind of listing."""
    scope: Mapping[str, str | None]
    """Values that limit the listing; in a search, columns with the value they must have. None means any."""
    since: Time | None = None
    until: Time | None = None
    limit: int | None = None
    """Most items to return; None for all."""
    page_token: str | None = None
    filter: str | None = None
    """An expression in the filter language."""
    text: str | None = None
    """Text to search for."""
    sort: Sort = "newest"
    """The order of a search."""

    def check_limit(self) -> None:
        """Raise InvalidInput for a limit below 1."""
        if self.limit is not None and self.limit < 1:
            raise InvalidInput(f"the limit must be at least 1, not {self.limit}")

    def digest(self, target: str, source: str, row_filter: RowFilter | None) -> str:
        """Return the digest that ties a page token to this request, a store, and the table or index that is read."""
        parts: dict[str, object] = {
            "target": target,
            "source": source,
            "name": self.name,
            "text": self.text,
            "since": self.since,
            "until": self.until,
            "filter": None if row_filter is None else row_filter.identity,
            "sort": self.sort,
        }
        return cursor.digest({**parts, **self.scope})
