"""Reads ranges page by page and row by row, and streams items that know where they stopped.

A failure in the middle is raised, never a shorter list, and a limit is exact. The limit counts rows that pass the
filter, so the first page of a filtered scan asks for as many rows as are wanted: where most rows match, few are read
and paid for. A scan that looks at n rows costs ceil(n / 5,000) requests, 1 more on a service that counts first.

A page's reply says where the next page starts, so the pages cannot all be requested at once. The next page is requested
when a page is taken. A scan to the end of its range requests it sooner: as soon as the client announces where it
starts, which may be before the page's rows are decoded. At most AHEAD pages are requested and not yet taken.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, NamedTuple

from tsmem import limits
from tsmem.errors import InvalidInput, InvalidReply
from tsmem.port import RangePage, TableClient
from tsmem.rows import Filter, Key, KeyBound, Range, Row, TableRef
from tsmem.store.concurrency import Pending, submit
from tsmem.store.layout import check_key_types
from tsmem.store.listing.cursor import START_AGAIN
from tsmem.store.model import Item, Page

if TYPE_CHECKING:
    from tsmem.store.filters.row_filter import RowFilter

AHEAD = 2
MAX_EMPTY_PAGES = 100_000
"""Consecutive pages without rows before a listing ends with an error. A page looks at 5,000 rows or 4 MB, so this is
500 million rows or 400 GB without a match: a service that goes on for longer is broken."""


class Scan(NamedTuple):
    table: TableRef
    span: Range
    filter: Filter | None = None
    """The test that the service makes."""
    columns: Sequence[str] | None = None
    test: Callable[[Row], bool] | None = None
    """A further test, made here on the rows that pass the filter."""
    exact: bool = True
    """False if the test may refuse rows that pass the filter."""

    @property
    def is_filtered(self) -> bool:
        """True if rows of the range may be left out."""
        return self.filter is not None or self.test is not None


class ReadProgress:
    """Counts what the listings of one collection return, and calls back after each page."""

    def __init__(self) -> None:
        self.returned = 0
        self.on_page: Callable[[], None] = lambda: None
        """Called after each page that a scan has read."""


class RowScan:
    """The rows of a range, page after page. Cost: ceil(n / 5,000) requests for n rows that are looked at.

    A failed page is raised, and may then be read again."""

    def __init__(
        self,
        client: TableClient,
        scan: Scan,
        want: int | None = None,
        after: Key | None = None,
        read_progress: ReadProgress | None = None,
    ) -> None:
        """`want` is the number of rows expected to be used, None for all. The rows begin behind the key `after`."""
        if after is not None:
            if not scan.span.includes(after):
                raise InvalidInput("the page token is outside the listed range", hint=START_AGAIN)
            scan = scan._replace(span=scan.span._replace(start=after))
        self._client = client
        self._scan = scan
        self._left = want
        self._after = after
        self._read_progress = read_progress
        self._rows: Iterator[Row] = iter(())
        self._next_start: KeyBound | None = self._scan.span.start
        """The start of the next page to take; None when all are taken."""
        self._requested: deque[tuple[KeyBound, Pending[RangePage]]] = deque()
        """The pages that were requested and not taken, with their starts."""
        self._requests = 0
        self._announced: KeyBound | None = None
        """The start of the page after the last one requested, if known."""
        self._empty_pages = 0
        self._lock = threading.Lock()
        self._context = copy_context()  # a page requested by an announcement is not a call within the announcing one

    def begin(self) -> RowScan:
        with self._lock:
            self._request(self._scan.span.start, self._left)
        return self

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        row: Row | None = None
        while row is None:
            row = next(self._rows, None)
            if row is None:
                self._take_page()
            elif row.key == self._after:
                row = None
        if self._left is not None:
            self._left = max(0, self._left - 1)
        return row

    def has_more(self) -> bool:
        """Return True if another row follows, which is skipped if it has to be read. Without a filter this costs
        nothing: a page names the next row."""
        return (not self._scan.is_filtered and self._next_start is not None) or next(self, None) is not None

    def _take_page(self) -> None:
        """Take the next page's rows. Raises StopIteration when there is no page, and the error of its request."""
        scan = self._scan
        if self._next_start is None:
            raise StopIteration
        with self._lock:
            if not self._requested or self._requested[0][0] != self._next_start:
                self._requested.clear()  # a page requested again may have announced another start than it has
                self._request(self._next_start, self._left)
            _, pending = self._requested.popleft()
        page = pending.result()
        self._empty_pages = 0 if page.rows else self._empty_pages + 1
        if self._empty_pages > MAX_EMPTY_PAGES and page.next_start is not None:
            raise InvalidReply(f"table '{scan.table.name}' answered with {self._empty_pages:,} pages without a row")
        check_key_types(scan.table, page.rows)
        left = None if self._left is None else self._left - len(page.rows)
        with self._lock:
            self._next_start = page.next_start
            if self._requested:
                self._request_announced()
            elif self._next_start is not None and (left is None or (left > 0 and not scan.is_filtered)):
                self._request(self._next_start, left)
        self._rows = iter(page.rows) if scan.test is None else filter(scan.test, page.rows)
        if self._read_progress is not None:
            self._read_progress.on_page()

    def _request(self, start: KeyBound, left: int | None) -> None:
        scan = self._scan
        self._requests += 1
        self._announced = None
        call = partial(
            self._client.get_range,
            scan.table,
            scan.span._replace(start=start),
            limit=self._limit(start, left),
            columns=scan.columns,
            filter=scan.filter,
            announce=partial(self._on_announced, self._requests) if left is None else None,
        )
        self._requested.append((start, self._context.run(submit, self._client.limiter, call)))

    def _limit(self, start: KeyBound, left: int | None) -> int | None:
        """Return the limit of a page. A service may count a page's limit before it filters. A short page then says
        nothing about the number of matches, so only the first page of a filtered scan has a limit."""
        scan = self._scan
        if left is None or (scan.is_filtered and (start != scan.span.start or not scan.exact)):
            return None
        if left == 0:  # rows that were read were deleted meanwhile, and more may be
            return limits.MAX_ROWS_PER_READ
        # One more for the row `after`, and one more of a filtered scan, to know if there is one.
        wanted = left + (self._after is not None) + scan.is_filtered
        return None if wanted >= limits.MAX_ROWS_PER_PAGE else wanted

    def _on_announced(self, request: int, start: KeyBound | None) -> None:
        """Note where the page after the last one requested starts. Called while a page is read."""
        with self._lock:
            if request == self._requests and self._announced is None:
                self._announced = start
                self._request_announced()

    def _request_announced(self) -> None:
        if self._announced is not None and len(self._requested) < AHEAD:
            self._request(self._announced, None)


def read_filter(text: str | None) -> RowFilter | None:
    """Return a filter's parsed form. Raises InvalidInput. The filter language is loaded only when it is used."""
    if text is None:
        return None
    from tsmem.store.filters.row_filter import RowFilter

    return RowFilter(text)


class ItemStream(Generic[Item]):
    """At most `limit` items, one by one. A reading error is raised, in the middle too, and ends the stream;
    `next_page_token` then leads to the rest."""

    def __init__(
        self,
        items: Iterator[tuple[Any, Item]],
        has_more: Callable[[], bool],
        limit: int | None,
        token_at: Callable[[Any], str],
        token: str | None,
        read_progress: ReadProgress,
    ) -> None:
        """`items` come with the places behind which a listing can go on, of which `token_at` makes page tokens;
        `has_more` looks for one more."""
        self._items = items
        self._has_more = has_more
        self._read_progress = read_progress
        self._limit = limit
        self._token_at = token_at
        self._token = token
        self._place: Any = None
        self._previous: Any = None
        self._taken = 0
        self._more: bool | None = None
        """True if an item follows the last one, or looking for one failed; None while nobody has looked."""

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        if self._more is not None or self._taken == self._limit:
            raise StopIteration
        self._more = True
        try:
            place, item = next(self._items)
        except StopIteration:
            self._more = False
            raise
        self._more = None
        self._previous, self._place = self._place, place
        self._taken += 1
        self._read_progress.returned += 1
        return item

    @property
    def next_page_token(self) -> str | None:
        """The token of what follows; None when nothing is left. After a full page this may look one row ahead."""
        if self._taken == self._limit and self._more is None:
            self._more = True
            self._more = self._has_more()
        if self._more is False:
            return None
        return self._token if self._place is None else self._token_at(self._place)

    def token_after(self, count: int | None = None) -> str | None:
        """Return the token behind the first `count` items taken: all of them, or all but the last, which an interrupt
        kept from being written."""
        if count is None or count >= self._taken:
            return self.next_page_token
        return self._token if self._previous is None else self._token_at(self._previous)

    def page(self) -> Page[Item]:
        return Page(tuple(self), self.next_page_token)
