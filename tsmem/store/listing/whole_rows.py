"""Whole sessions behind the rows of their secondary index, which carries keys only.

Its one rule: index rows are read for what is wanted, and no more; only where sessions were deleted between the two
reads are further ones read, some at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from tsmem import limits
from tsmem.errors import InvalidReply
from tsmem.port import TableClient, rows_of
from tsmem.rows import Key, Row
from tsmem.store.codec import Codec
from tsmem.store.concurrency import Pending, prefetch, submit
from tsmem.store.listing.scan import RowScan
from tsmem.store.model import Session

MAX_MISSING = 100_000
"""Index rows in a row without a session, before a listing ends with an error: an index is in step with its table, and
only sessions that are deleted between two reads are missing."""
_MIN_REFILL = 10
"""Sessions that are read at once for those that were deleted in between, however few are wanted."""


class WholeRows:
    """Whole sessions behind index rows, 100 at a time; one that is deleted in between is passed over, and the listing
    goes on to the next."""

    def __init__(
        self,
        client: TableClient,
        codec: Codec[Session],
        rows: RowScan,
        want: int | None,
        test: Callable[[Row], bool] | None = None,
    ) -> None:
        """`test` decides which sessions are wanted."""
        self._client = client
        self._codec = codec
        self._rows = rows
        self._left = want if test is None else None
        self._expected = want or 0
        """Index rows that are still read to make up what is wanted; of any more, some were deleted."""
        self._test = test
        self._missing = 0
        """Index rows since the last one with a session."""
        self._ready: Iterator[tuple[Key, Session]] = iter(())
        self._peeked: tuple[Key, Session] | None = None
        self._all = prefetch(client.limiter, self._chunks(), self._begun) if want is None else None

    def __iter__(self) -> Iterator[tuple[Key, Session]]:
        return self

    def __next__(self) -> tuple[Key, Session]:
        item = self._peeked
        self._peeked = None
        while item is None:
            item = next(self._ready, None)
            if item is None:
                self._fetch()
        return item

    def has_more(self) -> bool:
        """Whether another session follows; where all are wanted, as far as the index says."""
        if self._peeked is None:
            self._peeked = next(self._ready if self._test is None else self, None)
        return self._peeked is not None or (self._test is None and self._rows.has_more())

    def _fetch(self) -> None:
        if self._all is not None:
            keys, pending = next(self._all)
        else:
            keys, pending = self._begun(self._chunk(self._size()))
        rows = pending.result()
        self._missing = 0 if any(row is not None for row in rows) else self._missing + len(rows)
        if self._missing > MAX_MISSING:
            table = self._codec.table.name
            raise InvalidReply(f"table '{table}' has none of {self._missing:,} sessions that its index names")
        found = [
            (key, self._codec.decode(row))
            for key, row in zip(keys, rows, strict=True)
            if row is not None and (self._test is None or self._test(row))
        ]
        if self._left is not None:
            self._left -= len(found)
        self._ready = iter(found)

    def _size(self) -> int:
        most = limits.MAX_ROWS_PER_READ
        if self._left is None:
            return most
        least = 1 if self._expected > 0 else _MIN_REFILL
        size = max(least, min(most, self._left))
        self._expected -= size
        return size

    def _chunk(self, size: int) -> list[Key]:
        return [row.key for row in islice(self._rows, size)]

    def _chunks(self) -> Iterator[list[Key]]:
        while chunk := self._chunk(limits.MAX_ROWS_PER_READ):
            yield chunk

    def _begun(self, index_keys: list[Key]) -> tuple[list[Key], Pending[list[Row | None]]]:
        if not index_keys:
            raise StopIteration
        # The index orders user_id, update_time, session_id.
        keys = [(user, session) for user, _, session in index_keys]
        return index_keys, submit(self._client.limiter, lambda: rows_of(self._client.get_rows(self._codec.table, keys)))
