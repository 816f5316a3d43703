"""Reads ranges row by row, and streams items that know where they stopped.

A failure in the middle is raised, never a shorter list, and a limit is exact. The limit counts rows that pass the
filter, so the first page of a filtered scan asks for as many rows as are wanted: where most rows match, few are read
and paid for. A scan that looks at n rows costs ceil(n / 5,000) requests, 1 more on a service that counts first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, Protocol

from tsmem.port import TableClient
from tsmem.rows import Key, Row
from tsmem.store.layout import check_key_types
from tsmem.store.listing.cursor import resumed
from tsmem.store.listing.pages import Pages, Scan
from tsmem.store.model import Item, Item_co, Page


class ReadProgress:
    """Counts what the listings of one collection return, and calls back after each page."""

    def __init__(self) -> None:
        self.returned = 0
        """Matching items that were read."""
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
        """`want` is the number of rows expected to be used, None for all. The rows begin behind the key `after`."""
        self._read_progress = read_progress
        self._scan = scan if after is None else scan._replace(span=resumed(scan.span, after))
        self._after = after
        self._left = want
        self._rows: Iterator[Row] = iter(())
        self._peeked: Row | None = None
        self._pages = Pages(client, self._scan, skips_first=after is not None)

    def begin(self) -> RowScan:
        """Request the first page now."""
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
                self._take_page()
            elif row.key == self._after:
                row = None
        if self._left is not None:
            self._left = max(0, self._left - 1)
        return row

    def _take_page(self) -> None:
        if self._pages.next is None:
            raise StopIteration
        page = self._pages.take(self._left)
        check_key_types(self._scan.table, page.rows)
        self._rows = iter(page.rows) if self._scan.test is None else filter(self._scan.test, page.rows)
        if self._read_progress is not None:
            self._read_progress.on_page()

    def has_more(self) -> bool:
        """Return True if another row follows. Without a filter this costs nothing: a page names the next row."""
        if self._peeked is None:
            if not self._scan.is_filtered and self._pages.next is not None:
                return True
            self._peeked = next(self, None)
        return self._peeked is not None


class ItemSource(Protocol[Item_co]):
    """Items with the keys behind which a listing can go on."""

    def __iter__(self) -> Iterator[tuple[Key, Item_co]]: ...

    def __next__(self) -> tuple[Key, Item_co]: ...

    def has_more(self) -> bool:
        """Return True if another item follows."""
        ...


class Decoded(Generic[Item]):
    """An ItemSource of rows that hold whole items."""

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
    """At most `limit` items, one by one. Reading errors are raised, in the middle too; `next_page_token` then leads to
    the rest."""

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
        """Return the token behind the first `count` items taken: all of them, or all but the last, which an interrupt
        kept from being written."""
        if count is None or count >= self._taken:
            return self.next_page_token
        return self._token if self._previous is None else self._token_at(self._previous)

    def page(self) -> Page[Item]:
        """Return all items at once."""
        return Page(tuple(self), self.next_page_token)
