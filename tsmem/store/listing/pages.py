"""Reads the pages of a range one after another, and requests the next page early where it is certain to be used.

A page's reply says where the next page starts, so the pages cannot all be requested at once. The next page is requested
when a page is taken. A scan to the end of its range requests it sooner: as soon as the client announces where it
starts, which may be before the page's rows are decoded. At most AHEAD pages are requested and not yet taken.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from tsmem import limits
from tsmem.errors import InvalidReply
from tsmem.port import RangePage, TableClient
from tsmem.rows import Filter, KeyBound, Range, Row, TableRef
from tsmem.store.concurrency import Pending, submit

if TYPE_CHECKING:
    from tsmem.store.filters.row_filter import RowFilter

AHEAD = 2
MAX_EMPTY_PAGES = 100_000
"""Consecutive pages without rows before a listing ends with an error. A page looks at 5,000 rows or 4 MB, so this is
500 million rows or 400 GB without a match: a service that goes on for longer is broken."""


class Scan(NamedTuple):
    """A range of a table or index to read."""

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


class Pages:
    """The pages of one scan. `left` is the number of rows still wanted, None for all."""

    def __init__(self, client: TableClient, scan: Scan, *, skips_first: bool = False) -> None:
        """`skips_first` means that the first row of the range is not wanted: a page token names it."""
        self._client = client
        self._scan = scan
        self._skips_first = skips_first
        self.next: KeyBound | None = scan.span.start
        """The start of the next page to take; None when all are taken."""
        self._requested: deque[tuple[KeyBound, Pending[RangePage]]] = deque()
        """The pages that were requested and not taken, with their starts."""
        self._requests = 0
        self._announced: KeyBound | None = None
        """The start of the page after the last one requested, if known."""
        self._empty_pages = 0
        self._lock = threading.Lock()
        self._context = copy_context()  # a page requested by an announcement is not a call within the announcing one

    def begin(self, left: int | None) -> None:
        """Request the first page now."""
        with self._lock:
            if self.next is not None and not self._requested:
                self._request(self.next, left)

    def take(self, left: int | None) -> RangePage:
        """Return the page at `next`. Raises the error of its request; the page may then be taken again."""
        assert self.next is not None
        with self._lock:
            if not self._requested or self._requested[0][0] != self.next:
                self._requested.clear()  # a page requested again may have announced another start than it has
                self._request(self.next, left)
            _, pending = self._requested.popleft()
        page = pending.result()
        self._empty_pages = 0 if page.rows else self._empty_pages + 1
        if self._empty_pages > MAX_EMPTY_PAGES and page.next_start is not None:
            name = self._scan.table.name
            raise InvalidReply(f"table '{name}' answered with {self._empty_pages:,} pages without a row")
        left = None if left is None else left - len(page.rows)
        with self._lock:
            self.next = page.next_start
            if self._requested:
                self._request_announced()
            elif self.next is not None and (left is None or (left > 0 and not self._scan.is_filtered)):
                self._request(self.next, left)
        return page

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
        wanted = left + self._skips_first + scan.is_filtered  # of a filtered scan one more, to know if there is one
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
