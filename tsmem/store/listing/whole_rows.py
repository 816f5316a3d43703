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


def whole_sessions(
    client: TableClient,
    codec: Codec[Session],
    want: int | None,
    rows: RowScan,
    test: Callable[[Row], bool] | None,
) -> Iterator[tuple[Key, Session]]:
    """Yield the sessions of index rows with their index keys, fetched 100 at a time. A session that was deleted
    meanwhile is skipped. `want` is the number of sessions expected to be used; `test` selects sessions."""
    left = want if test is None else None
    least = 1  # index rows of the next chunk
    missing = 0  # index rows since the last one with a session

    def chunks() -> Iterator[list[Key]]:
        while True:
            size = MAX_ROWS_PER_READ if left is None else min(MAX_ROWS_PER_READ, max(least, left))
            keys = [row.key for row in islice(rows, size)]
            if not keys:
                return
            yield keys

    def fetch(index_keys: list[Key]) -> tuple[list[Key], Pending[list[RowRead]]]:
        keys = [(user_id, session_id) for user_id, _, session_id in index_keys]
        return index_keys, submit(client.limiter, lambda: client.get_rows(codec.table, keys))

    # Where few sessions are wanted, the size of a chunk depends on the one before it.
    for index_keys, pending in prefetch(client.limiter, chunks(), fetch, None if want is None else 1):
        found = rows_of(pending.result())
        if None in found:
            least = _MIN_REFILL
        missing = 0 if any(row is not None for row in found) else missing + len(found)
        if missing > MAX_MISSING:
            raise InvalidReply(f"table '{codec.table.name}' has none of {missing:,} sessions that its index names")
        for key, row in zip(index_keys, found, strict=True):
            if row is not None and (test is None or test(row)):
                left = None if left is None else left - 1
                yield key, codec.decode(row)
