"""Fetches the whole sessions behind rows of their secondary index, which carries keys only.

Only as many index rows are read as sessions are wanted; further ones only for sessions deleted between the two reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from tsmem.errors import InvalidReply
from tsmem.limits import MAX_ROWS_PER_READ
from tsmem.port import RowRead, TableClient, rows_of
from tsmem.rows import Key, Row
from tsmem.store.codec import Codec
from tsmem.store.concurrency import Pending, prefetch, submit
from tsmem.store.listing.scan import RowScan
from tsmem.store.model import Session

MAX_MISSING = 100_000
"""Consecutive index rows without a session before a listing ends with an error. An index is in step with its table, so
only sessions deleted between the two reads are missing."""
_MIN_REFILL = 10
"""Sessions fetched at least to replace deleted ones, however few are wanted."""


class WholeRows:
    """Whole sessions with their index keys, fetched 100 at a time. A session that was deleted meanwhile is skipped."""

    def __init__(
        self,
        client: TableClient,
        codec: Codec[Session],
        rows: RowScan,
        want: int | None,
        test: Callable[[Row], bool] | None = None,
    ) -> None:
        """`rows` are index rows; `want` the number of sessions expected to be used; `test` selects sessions."""
        self._client = client
        self._codec = codec
        self._rows = rows
        self._left = want if test is None else None
        self._least = 1
        """Index rows of the next chunk at least."""
        self._test = test
        self._missing = 0
        """Index rows since the last one with a session."""
        self._ready: Iterator[tuple[Key, Session]] = iter(())
        chunks = iter(lambda: self._index_keys(MAX_ROWS_PER_READ), [])
        self._prefetched = prefetch(client.limiter, chunks, self._fetch) if want is None else None

    def __iter__(self) -> Iterator[tuple[Key, Session]]:
        return self

    def __next__(self) -> tuple[Key, Session]:
        while (item := next(self._ready, None)) is None:
            self._take_chunk()
        return item

    def has_more(self) -> bool:
        """Return True if another session follows, which is skipped if it has to be read. Without a test, an index row
        is enough to say so."""
        if self._test is not None:
            return next(self, None) is not None
        return next(self._ready, None) is not None or self._rows.has_more()

    def _take_chunk(self) -> None:
        if self._prefetched is not None:
            index_keys, pending = next(self._prefetched)
        else:
            size = MAX_ROWS_PER_READ if self._left is None else max(self._least, self._left)
            index_keys, pending = self._fetch(self._index_keys(min(size, MAX_ROWS_PER_READ)))
        rows = rows_of(pending.result())
        if None in rows:
            self._least = _MIN_REFILL
        self._missing = 0 if any(row is not None for row in rows) else self._missing + len(rows)
        if self._missing > MAX_MISSING:
            table = self._codec.table.name
            raise InvalidReply(f"table '{table}' has none of {self._missing:,} sessions that its index names")
        found = [
            (key, self._codec.decode(row))
            for key, row in zip(index_keys, rows, strict=True)
            if row is not None and (self._test is None or self._test(row))
        ]
        if self._left is not None:
            self._left -= len(found)
        self._ready = iter(found)

    def _index_keys(self, size: int) -> list[Key]:
        return [row.key for row in islice(self._rows, size)]

    def _fetch(self, index_keys: list[Key]) -> tuple[list[Key], Pending[list[RowRead]]]:
        if not index_keys:
            raise StopIteration
        keys = [(user_id, session_id) for user_id, _, session_id in index_keys]
        return index_keys, submit(self._client.limiter, lambda: self._client.get_rows(self._codec.table, keys))
