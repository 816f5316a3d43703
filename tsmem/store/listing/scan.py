"""Read a range of rows page by page (`RowScan`), and stream items with page tokens (`ItemStream`).

A failed request raises its error in the middle of the listing; the list is never just shorter.

Limits: most services count only rows that pass the filter. So the first request of a limited listing asks for just the
rows that are needed, and few rows are read and paid for if most rows match. Some services count rows before they filter
them. That request may then find too few, so the later ones of a filtered scan have no limit. A scan that reads n small
rows costs ceil(n / 5,000) requests, or 1 more in the second case.

Prefetching: a page's reply says where the next page starts, so pages cannot all be requested at once. A scan without a
limit requests the next page as soon as the client announces its start, often before the current page's rows are
decoded.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, NamedTuple

from tsmem import limits
from tsmem.errors import InvalidInput, InvalidReply
from tsmem.port import RangePage, TableClient
from tsmem.rows import Filter, Key, KeyBound, Range, Row, TableRef
from tsmem.store.concurrency import Pending, submit
from tsmem.store.layout import check_key_types
from tsmem.store.listing.page_tokens import START_AGAIN
from tsmem.store.model import Item, Page

MAX_PREFETCHED = 2
"""Maximum number of pages that are requested besides the one that is used next."""
KEPT_PLACES = 16
"""Number of places that an `ItemStream` remembers, which is more than any caller reads ahead."""
MAX_EMPTY_PAGES = 100_000
"""Maximum number of consecutive pages without a row. The service reads 5,000 rows or 4 MB for a page, so after 500
million rows or 400 GB without a match it must be broken."""


class Scan(NamedTuple):
    table: TableRef
    span: Range
    filter: Filter | None = None
    """A test that the service makes."""
    columns: Sequence[str] | None = None
    test: Callable[[Row], bool] | None = None
    """A test that `RowScan` makes on the rows that pass `filter`."""
    is_exact: bool = True
    """False if `test` can refuse rows that pass `filter`."""

    @property
    def is_filtered(self) -> bool:
        return self.filter is not None or self.test is not None


@dataclass
class ReadProgress:
    returned: int = 0
    """Number of results given to the caller: items, or rows where rows are listed."""
    on_page: Callable[[], None] = lambda: None


class RowScan:
    """An iterator over the rows of a scan. After an error, iterating again repeats the failed request."""

    def __init__(
        self,
        client: TableClient,
        scan: Scan,
        expected: int | None = None,
        after: Key | None = None,
        read_progress: ReadProgress | None = None,
    ) -> None:
        """`expected` is the number of rows that the caller expects to use (None for all), which limits the requests.
        The rows start after the key `after`."""
        if after is not None:
            if not scan.span.includes(after):
                raise InvalidInput("the page token is outside the listed range", hint=START_AGAIN)
            scan = scan._replace(span=scan.span._replace(start=after))
        self._client = client
        self._scan = scan
        self._left = expected
        self._after = after
        self._read_progress = read_progress
        self._rows: Iterator[Row] = iter(())
        self._next_start: KeyBound | None = self._scan.span.start
        self._requested: deque[tuple[KeyBound, Pending[RangePage]]] = deque()
        self._request_count = 0
        self._announced: KeyBound | None = None
        """Start of the page after the last requested one, if the client has announced it."""
        self._empty_pages = 0
        self._lock = threading.Lock()
        """Held while requests are recorded, because announcements come from worker threads."""
        self._context = copy_context()
        """The caller's context, in which requests are submitted. Announcements arrive inside a running call, so
        `submit` would otherwise take the requests that follow from them for nested calls."""

    def start(self) -> RowScan:
        with self._lock:
            self._request(self._scan.span.start, self._left)
        return self

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        while (row := next(self._rows, None)) is None or row.key == self._after:
            if row is None:
                self._take_page()
        if self._left is not None:
            self._left = max(0, self._left - 1)
        return row

    def has_more(self) -> bool:
        """Return True if another row follows. The row may be lost for the scan. Only a filtered scan can send requests
        for this, because a page's reply has the key of the next row."""
        return (not self._scan.is_filtered and self._next_start is not None) or next(self, None) is not None

    def _take_page(self) -> None:
        scan = self._scan
        if self._next_start is None:
            raise StopIteration
        with self._lock:
            if not self._requested or self._requested[0][0] != self._next_start:
                # The last request failed after its announcement, or was retried and its reply has another start.
                self._requested.clear()
                self._request(self._next_start, self._left)
            _, pending = self._requested.popleft()
        page = pending.result()
        self._empty_pages = 0 if page.rows else self._empty_pages + 1
        if self._empty_pages > MAX_EMPTY_PAGES and page.next_start is not None:
            raise InvalidReply(f"table '{scan.table.name}' answered with {self._empty_pages:,} pages without a row")
        check_key_types(scan.table, page.rows)
        left = None if self._left is None else self._left - len(page.rows)
        self._rows = iter(page.rows) if scan.test is None else filter(scan.test, page.rows)
        with self._lock:
            self._next_start = page.next_start
            if self._requested:
                self._request_announced_page()
            elif self._next_start is not None and (left is None or (left > 0 and not scan.is_filtered)):
                self._request(self._next_start, left)
        if self._read_progress is not None:
            self._read_progress.on_page()

    def _request(self, start: KeyBound, left: int | None) -> None:
        scan = self._scan
        self._request_count += 1
        self._announced = None
        call = partial(
            self._client.get_range,
            scan.table,
            scan.span._replace(start=start),
            limit=self._limit(start, left),
            columns=scan.columns,
            filter=scan.filter,
            announce=partial(self._on_announced, self._request_count) if left is None else None,
        )
        self._requested.append((start, self._context.run(submit, self._client.limiter, call)))

    def _limit(self, start: KeyBound, left: int | None) -> int | None:
        """Limit only the first request of a filtered scan: some services count rows before they filter them, and would
        then take many requests to find a few matches."""
        scan = self._scan
        if left is None or (scan.is_filtered and (start != scan.span.start or not scan.is_exact)):
            return None
        if left == 0:  # the caller needs more than it expected, because some items were deleted
            return limits.MAX_ROWS_PER_READ
        # One more row for `after`, which is read again, and one more of a filtered scan, to know if a match follows.
        count = left + (self._after is not None) + scan.is_filtered
        return None if count >= limits.MAX_ROWS_PER_PAGE else count

    def _on_announced(self, request: int, start: KeyBound | None) -> None:
        """The client calls this, perhaps in a worker thread and more than once. Only the first announcement of the last
        request counts."""
        with self._lock:
            if request == self._request_count and self._announced is None:
                self._announced = start
                self._request_announced_page()

    def _request_announced_page(self) -> None:
        if self._announced is not None and len(self._requested) < MAX_PREFETCHED:
            self._request(self._announced, None)


class ItemStream(Generic[Item]):
    """An iterator over at most `limit` items of a listing. A failed read raises its error and ends the stream;
    `next_page_token` then continues after the last item returned."""

    def __init__(
        self,
        items: Iterator[tuple[Any, Item]],
        has_more: Callable[[], bool],
        limit: int | None,
        token_at: Callable[[Any], str],
        token: str | None,
        read_progress: ReadProgress,
    ) -> None:
        """`items` yields pairs of a place and the item there. `token_at` makes the page token that continues after a
        place, and `has_more` returns True if another item follows. `token` is that of the stream's own start."""
        self._items = items
        self._has_more = has_more
        self._read_progress = read_progress
        self._limit = limit
        self._token_at = token_at
        self._token = token
        self._places: deque[Any] = deque([None], maxlen=KEPT_PLACES)
        """The places of the last items returned; None is the stream's own start."""
        self._taken = 0
        self._more: bool | None = None
        """True if another item follows or reading it failed, False if none follows, None if it is not known yet."""

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
        self._places.append(place)
        self._taken += 1
        self._read_progress.returned += 1
        return item

    @property
    def next_page_token(self) -> str | None:
        """The token of the next page; None if nothing follows. At the limit, this can read rows to find out."""
        if self._taken == self._limit and self._more is None:
            self._more = True
            self._more = self._has_more()
        if self._more is False:
            return None
        return self._token_behind(0)

    def token_after(self, count: int | None = None) -> str | None:
        """Return the token that continues after the first `count` items, by default after those returned so far.
        `count` must be less than `KEPT_PLACES` below their number."""
        if count is None or count >= self._taken:
            return self.next_page_token
        return self._token_behind(self._taken - count)

    def _token_behind(self, items: int) -> str | None:
        place = self._places[-1 - items]
        return self._token if place is None else self._token_at(place)

    def page(self) -> Page[Item]:
        return Page(tuple(self), self.next_page_token)
