"""Writes many rows in batches: as many rows as the client takes, 4 MB at most. Every row's outcome is looked at.

- Several batches are in flight at once, up to the client's concurrency limit; `add` waits while there are more.
- A key is queued or in flight at most once, so the writes of one row keep their order.
- A refused row is counted with its key and does not stop the others.
- A batch that fails as a whole, or an interrupt, stops everything. Batches in flight are then waited for, up to GRACE_S
  seconds; rows whose outcome is still unknown count as unconfirmed.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from tsmem import limits
from tsmem.errors import ConditionFailed, RowFailure, TsmemError
from tsmem.port import RowOutcome, TableClient
from tsmem.rows import Key, Update, Write
from tsmem.store.bulk.result import BulkResult
from tsmem.store.concurrency import Pending, wait_for_all, wait_for_one

GRACE_S = 5.0
"""Seconds to wait for the batches in flight after an error or interrupt."""

MAX_BYTES_IN_FLIGHT = 32 * 2**20
"""Names and values of all batches in flight: their number alone would not bound memory when rows are large."""


class _QueuedWrite(NamedTuple):
    """A write, with its place in the caller's order and the caller's object that it comes from."""

    write: Write
    position: int
    source: object


class _Batch(NamedTuple):
    entries: list[_QueuedWrite]
    bytes: int
    pending: Pending[list[RowOutcome]]


class BatchWriter:
    """Collects writes and sends them in full batches. Leaving its `with` block sends the rest and waits for all of it.

    Cost: ceil(n / 200) requests where 4 MB does not bind."""

    def __init__(
        self,
        client: TableClient,
        result: BulkResult,
        *,
        skip_failed_conditions: bool = False,
        on_refused: Callable[[Any, TsmemError], None] | None = None,
    ) -> None:
        """`on_refused` gets the source of each refused write. Without it, a refused write stays the oldest."""
        self._client = client
        self._result = result
        self._skip_failed_conditions = skip_failed_conditions
        self._on_refused = on_refused
        self._queue: list[_QueuedWrite] = []
        self._queue_bytes = 0
        self._in_flight: list[_Batch] = []
        self._rows: set[tuple[str, Key]] = set()
        self._unsettled: list[int] = []
        """The first unsettled position of each batch that was sent or discarded."""
        self._failure: TsmemError | None = None
        self.failed = 0

    def __enter__(self) -> BatchWriter:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None:
            self._abort(error)
            return
        try:
            self.flush()
        except BaseException as failure:
            self._abort(failure)
            raise

    @property
    def oldest(self) -> int | None:
        """The position of the first write that is not settled, or None. A write of a batch that failed as a whole is
        never settled."""
        if self._unsettled:
            return min(self._unsettled)
        return self._queue[0].position if self._queue else None

    def add(self, write: Write, position: int = 0, source: object = None) -> None:
        """Queue one write, whose position is not before that of an earlier write. Sends the queue when it is full, and
        waits while too much is in flight."""
        size = limits.check_write(write)
        if len(self._queue) == self._client.rows_per_write or self._queue_bytes + size > limits.MAX_BATCH_BYTES:
            self.send()
        row = write.table.name, write.key
        if row in self._rows:
            self.flush()
        self._queue.append(_QueuedWrite(write, position, source))
        self._rows.add(row)
        self._queue_bytes += size

    def send(self) -> None:
        """Send the queue, then wait until another batch may be sent."""
        if self._queue:
            writes = [entry.write for entry in self._queue]
            pending = Pending(lambda: self._client.write_rows(writes))
            # Noted before it starts, so that an interrupt leaves no batch that nobody knows of.
            self._unsettled.append(self._queue[0].position)
            self._in_flight.append(_Batch(self._queue, self._queue_bytes, pending))
            self._queue, self._queue_bytes = [], 0
            pending.start(self._client.limiter)
        self._settle_some(self._client.limiter.width - 1)

    def flush(self) -> None:
        self.send()
        self._settle_some(0)

    def discard(self) -> None:
        """Drop the queue. Batches in flight are still looked at."""
        if self._queue:
            self._unsettled.append(self._queue[0].position)
        self._queue = []

    def _settle_some(self, most: int) -> None:
        """Settle every batch that was answered, and wait until no more than `most` are in flight."""
        while self._in_flight and (
            len(self._in_flight) > most
            or sum(batch.bytes for batch in self._in_flight) > MAX_BYTES_IN_FLIGHT
            or any(batch.pending.done() for batch in self._in_flight)
        ):
            wait_for_one([batch.pending for batch in self._in_flight])
            for batch in [batch for batch in self._in_flight if batch.pending.done()]:
                self._settle(batch)

    def _settle(self, batch: _Batch, timeout_s: float | None = None) -> None:
        """Look at each row's outcome. Raises the error of the whole batch."""
        self._in_flight.remove(batch)
        result = self._result
        try:
            outcomes = batch.pending.result(timeout_s)
        except BaseException as error:
            if isinstance(error, TsmemError):
                self._failure = self._failure or error
            if not isinstance(error, TsmemError) or error.ambiguous:
                result.unconfirmed += len(batch.entries)
            raise
        refused = []
        uncounted = len(outcomes)
        try:
            for entry, outcome in zip(batch.entries, outcomes, strict=True):
                write = entry.write
                self._rows.discard((write.table.name, write.key))
                if isinstance(outcome, ConditionFailed) and self._skip_failed_conditions:
                    result.skipped += 1
                elif outcome is not None:
                    self.failed += 1
                    result.fail(RowFailure(write.key, outcome))
                    refused.append((entry, outcome))
                elif isinstance(write, Update):
                    pass  # a row of several writes counts once, by its Put
                elif "user_id" in write.table.key:
                    result.sessions += 1
                else:
                    result.messages += 1
                uncounted -= 1
        finally:  # an interrupt may come here, too
            result.unconfirmed += uncounted
        result.bytes += batch.bytes
        result.on_change()
        if self._on_refused is not None:
            for entry, outcome in refused:
                self._on_refused(entry.source, outcome)
        elif refused:
            self._unsettled.append(refused[0][0].position)
        self._unsettled.remove(batch.entries[0].position)  # last: a row is settled once its refusal has been reported

    def _abort(self, error: BaseException) -> None:
        """Send nothing more, wait a while for the batches in flight, and count the rest as unconfirmed."""
        self.discard()
        try:
            wait_for_all([batch.pending for batch in self._in_flight], GRACE_S)
            for batch in list(self._in_flight):
                with suppress(TsmemError, TimeoutError):  # `_settle` has counted its rows
                    self._settle(batch, 0)
        finally:  # a second interrupt waits for nothing
            self._result.unconfirmed += sum(len(batch.entries) for batch in self._in_flight)
            self._in_flight = []
        if self._failure is not None and error is self._failure:
            self._result.add_to(self._failure)
