"""Reading ranges to their end, and streams of items that know where they stopped.

One rule: a failure in the middle is raised, never a shorter list, and a limit is exact.

The limit of a range read counts the rows that pass the service's filter, so the first page of a filtered scan asks for
as many rows as are wanted: where matches are many, few rows are read and paid for. A service may also count before it
filters: then a short page says nothing of how many matches there are, and each page
after the first is asked for without a limit. n rows that are looked at cost ceil(n / 5,000) requests; one more where a
service counts before it filters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, Protocol

from tsmem import limits
from tsmem.port import TableClient
from tsmem.rows import Key, Row
from tsmem.store.layout import check_key_types
from tsmem.store.listing.cursor import resumed
from tsmem.store.listing.pages import Pages, Scan
from tsmem.store.model import Item, Item_co, Page

_REFILL = limits.MAX_ROWS_PER_READ
"""Rows of a page beyond what was wanted: who reads on had some of them lost behind his back, and may again."""


class ReadProgress:
    """What the listings of one collection have come to: counted here, and told to who wants to hear of it."""

    def __init__(self) -> None:
        self.returned = 0
        """Items that were read and are what was asked for."""
        self.on_page: Callable[[], None] = lambda: None
        """Called after each page that a scan has read."""


class RowScan:
    """The rows of a range, page after page. Cost: ceil(n / 5,000) requests for n rows that are looked at."""

    def __init__(
        self,
        client: TableClient,
        scan: Scan,
        want: int | None = None,
        after: Key | None = None,
        read_progress: ReadProgress | None = None,
    ) -> None:
        self._read_progress = read_progress
        self._scan = scan if after is None else scan._replace(span=resumed(scan.span, after))
        self._after = after
        self._left = want
        self._rows: Iterator[Row] = iter(())
        self._peeked: Row | None = None
        self._begun = False
        """True when a page was read."""
        self._pages = Pages(client, self._scan, self._limit)

    def begin(self) -> RowScan:
        """Ask for the first page now."""
        self._pages.begin(self._left)
        return self

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        row = self._peeked
        self._peeked = None
        while row is None:
            row = next(self._rows, None)
            if row is None:
                if self._pages.next is None:
                    raise StopIteration
                self._take()
            elif row.key == self._after:
                row = None
        if self._left is not None:
            self._left = max(0, self._left - 1)
        return row

    def has_more(self) -> bool:
        """Whether another row follows. Without a filter this asks nothing: the service names the next existing row."""
        if self._peeked is None:
            if not self._scan.chooses and self._pages.next is not None:
                return True
            self._peeked = next(self, None)
        return self._peeked is not None

    def _take(self) -> None:
        page = self._pages.take(self._left)
        check_key_types(self._scan.table, page.rows)
        self._begun = True
        test = self._scan.test
        self._rows = iter(page.rows) if test is None else filter(test, page.rows)
        if self._read_progress is not None:
            self._read_progress.on_page()

    def _limit(self, left: int | None) -> int | None:
        if left is None or (self._scan.chooses and (self._begun or not self._scan.exact)):
            return None
        if left == 0:
            return _REFILL
        wanted = left + (self._after is not None) + self._scan.chooses  # of chosen rows, whether another one follows
        return None if wanted >= limits.MAX_ROWS_PER_PAGE else max(wanted, 1)


class ItemSource(Protocol[Item_co]):
    """Items with the keys at which a listing can go on behind them."""

    def __iter__(self) -> Iterator[tuple[Key, Item_co]]: ...

    def __next__(self) -> tuple[Key, Item_co]: ...

    def has_more(self) -> bool:
        """Whether another item follows."""
        ...


class Decoded(Generic[Item]):
    """A scan of whole rows as a source of items."""

    def __init__(self, rows: RowScan, decode: Callable[[Row], Item]) -> None:
        self._rows = rows
        self._decode = decode
        self.has_more = rows.has_more

    def __iter__(self) -> Iterator[tuple[Key, Item]]:
        return self

    def __next__(self) -> tuple[Key, Item]:
        row = next(self._rows)
        return row.key, self._decode(row)


class ItemStream(Generic[Item]):
    """Items one by one, at most `limit`; `next_page_token` says at any moment how to go on behind the last one.

    Raises what reading raises, in the middle too; the token then leads to the rest."""

    def __init__(
        self,
        source: ItemSource[Item],
        limit: int | None,
        token_at: Callable[[Key], str],
        token: str | None = None,
        read_progress: ReadProgress | None = None,
    ) -> None:
        self._source = source
        self._read_progress = ReadProgress() if read_progress is None else read_progress
        self._left = limit
        self._token_at = token_at
        self._token = token
        self._key: Key | None = None
        self._previous: Key | None = None
        self._taken = 0
        self._ended = False

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        if self._ended or self._left == 0:
            raise StopIteration
        try:
            key, item = next(self._source)
        except StopIteration:
            self._ended = True
            raise
        self._previous, self._key = self._key, key
        self._taken += 1
        self._read_progress.returned += 1
        if self._left is not None:
            self._left -= 1
        return item

    @property
    def next_page_token(self) -> str | None:
        """The token of what follows; None when nothing is left. After a full page this may look one row ahead."""
        if self._left == 0 and not self._ended:
            self._ended = not self._source.has_more()
        if self._ended:
            return None
        return self._token if self._key is None else self._token_at(self._key)

    def token_after(self, count: int | None = None) -> str | None:
        """`next_page_token` for one who used so many of the items taken: all, or all but the last, which an interrupt
        kept from being written."""
        if count is None or count >= self._taken:
            return self.next_page_token
        return self._token if self._previous is None else self._token_at(self._previous)

    def page(self) -> Page[Item]:
        """All of it at once."""
        return Page(tuple(self), self.next_page_token)
