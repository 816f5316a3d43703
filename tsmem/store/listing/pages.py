"""The pages of a range, one behind the other, read ahead as far as that is sure to be of use.

A page's answer says where the next one starts, so pages cannot all be asked for at once. The next one is asked for when
a page is taken, and of a scan that is read to its end already when a client announces where it starts, which may be
before that page's rows are decoded: then neither the network nor the decoding is waited for. No more than AHEAD pages
are begun and not taken.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from tsmem.errors import InvalidReply
from tsmem.port import RangePage, TableClient
from tsmem.rows import Filter, KeyBound, Range, Row, TableRef
from tsmem.store.concurrency import Pending, submit

if TYPE_CHECKING:
    from tsmem.store.filters.row_filter import RowFilter

AHEAD = 2
MAX_EMPTY_PAGES = 100_000
"""Pages without rows in a row, before a listing ends with an error. Each looks at 5,000 rows or 4 MB of those that a
filter leaves out, so this is 500 million rows or 400 GB without a match. A service whose pages go on and on behind one
another without a row is broken."""


class Scan(NamedTuple):
    """What to read of a table or index."""

    table: TableRef
    span: Range
    filter: Filter | None = None
    """What the service tests."""
    columns: Sequence[str] | None = None
    test: Callable[[Row], bool] | None = None
    """What is tested here, of what passed the filter."""
    exact: bool = True
    """False if the test may refuse rows that passed the filter."""

    @property
    def chooses(self) -> bool:
        """Whether rows of the range may be left out."""
        return self.filter is not None or self.test is not None


class _Begun(NamedTuple):
    start: KeyBound
    pending: Pending[RangePage]


class Pages:
    """The pages of one scan."""

    def __init__(self, client: TableClient, scan: Scan, limit: Callable[[int | None], int | None]) -> None:
        """`limit` says what to ask for when so many rows are still wanted, None for all."""
        self._client = client
        self._scan = scan
        self._limit = limit
        self.next: KeyBound | None = scan.span.start
        """Where the page starts that is taken next; None when all are taken."""
        self._ahead: deque[_Begun] = deque()
        """Pages that were begun and are not taken."""
        self._count = 0
        """Of pages that were begun."""
        self._empty = 0
        """Pages without rows since the last one with some."""
        self._announced: KeyBound | None = None
        """Where the page behind the last one that was begun starts, as far as that is known."""
        self._lock = threading.Lock()
        self._context = copy_context()  # a page that is begun when another announces it is no call within that one

    def begin(self, left: int | None) -> None:
        """Ask for the first page now."""
        with self._lock:
            if self.next is not None and not self._ahead:
                self._begin(self.next, left)

    def take(self, left: int | None) -> RangePage:
        """The page at `next`, of a scan of which so many rows are still wanted. Raises what asking for it raises, and
        may then be asked again."""
        assert self.next is not None
        with self._lock:
            if not self._ahead or self._ahead[0].start != self.next:
                self._ahead.clear()  # an answer that came twice may have announced another start than it has
                self._begin(self.next, left)
            begun = self._ahead.popleft()
        page = begun.pending.result()
        self._empty = 0 if page.rows else self._empty + 1
        if self._empty > MAX_EMPTY_PAGES and page.next_start is not None:
            raise InvalidReply(f"table '{self._scan.table.name}' answered with {self._empty:,} pages without a row")
        left = None if left is None else left - len(page.rows)
        with self._lock:
            self.next = page.next_start
            if self.next is not None and (left is None or (left > 0 and not self._scan.chooses)):
                if self._ahead:
                    self._go_on()
                else:
                    self._begin(self.next, left)
        return page

    def _begin(self, start: KeyBound, left: int | None) -> None:
        scan = self._scan
        self._count += 1
        self._announced = None
        call = partial(
            self._client.get_range,
            scan.table,
            scan.span._replace(start=start),
            limit=self._limit(left),
            columns=scan.columns,
            filter=scan.filter,
            announce=partial(self._hear, self._count) if left is None else None,
        )
        self._ahead.append(_Begun(start, self._context.run(submit, self._client.limiter, call)))

    def _hear(self, number: int, start: KeyBound | None) -> None:
        """A page says where the next one starts; called while it is read."""
        with self._lock:
            if number == self._count and self._announced is None:
                self._announced = start
                self._go_on()

    def _go_on(self) -> None:
        if self._announced is not None and len(self._ahead) < AHEAD:
            self._begin(self._announced, None)


def read_filter(text: str | None) -> RowFilter | None:
    """Return the filter that a text says. Raises InvalidInput. The filter language is loaded when it is used."""
    if text is None:
        return None
    from tsmem.store.filters.row_filter import RowFilter

    return RowFilter(text)
