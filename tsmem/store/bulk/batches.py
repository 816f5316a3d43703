"""Write many rows in batches, and check the outcome of every row.

- Several batches are in flight at once, up to the client's concurrency limit.
- A key is queued or in flight at most once, so that two writes of one row keep their order.
- A refused row is counted and reported with its key. It does not stop the other rows.
- An interrupt stops the writer, and so does a batch that fails as a whole. The writer then waits up to GRACE_S seconds
  for the batches in flight. Rows whose outcome stays unknown count as unconfirmed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from tsmem import limits
from tsmem.errors import ConditionFailed, RowFailure, TsmemError
from tsmem.port import RowOutcome, TableClient
from tsmem.rows import Key, Update, Write
from tsmem.store.bulk.result import BulkResult
from tsmem.store.concurrency import Pending, wait_for_one

GRACE_S = 5.0
MAX_BYTES_IN_FLIGHT = 32 * 2**20
"""Maximum bytes of names and values in flight. It bounds memory when rows are large."""


class _QueuedWrite(NamedTuple):
    write: Write
    position: int
    source: object


class _Batch(NamedTuple):
    entries: list[_QueuedWrite]
    bytes: int
    pending: Pending[list[RowOutcome]]


class BatchWriter:
    """Leaving the `with` block sends the last batch and waits for all replies.

    Cost: ceil(n / 200) requests for n rows, if the limit of 4 MB is not reached first."""

    def __init__(
        self,
        client: TableClient,
        result: BulkResult,
        *,
        skip_failed_conditions: bool = False,
        on_refused: Callable[[Any, TsmemError], None] | None = None,
    ) -> None:
        """`on_refused` gets the source of each refused write and the error. Without it, a refused write is never
        settled. With `skip_failed_conditions`, a failed condition counts as skipped, not as refused."""
        self._client = client
        self._result = result
        self._skip_failed_conditions = skip_failed_conditions
        self._on_refused = on_refused
        self._queue: list[_QueuedWrite] = []
        self._queue_bytes = 0
        self._in_flight: list[_Batch] = []
        self._busy_rows: set[tuple[str, Key]] = set()
        self._unsettled: list[int] = []
        """The first position of each batch that was sent or discarded and is not settled."""
        self._batch_error: TsmemError | None = None
        self.failed = 0
        self.conflicts: list[Key] = []

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
    def first_unsettled(self) -> int | None:
        """The position of the first write that is not settled. A write is settled when it was written or skipped, or
        its refusal was reported to `on_refused`. A batch that fails as a whole is never settled."""
        if self._unsettled:
            return min(self._unsettled)
        return self._queue[0].position if self._queue else None

    def add(self, write: Write, position: int = 0, source: object = None) -> None:
        """Queue one write; a full queue is sent first. `position` is its place in the caller's input, and must not be
        less than in the call before. `source` is passed to `on_refused`."""
        size = limits.check_write(write)
        if len(self._queue) == self._client.rows_per_write or self._queue_bytes + size > limits.MAX_BATCH_BYTES:
            self.send()
        row = write.table.name, write.key
        if row in self._busy_rows:
            self.flush()
        self._queue.append(_QueuedWrite(write, position, source))
        self._busy_rows.add(row)
        self._queue_bytes += size

    def send(self) -> None:
        """Send the queue, then wait until the limits on batches and bytes in flight allow another batch."""
        if self._queue:
            writes = [entry.write for entry in self._queue]
            pending = Pending(lambda: self._client.write_rows(writes))
            # The batch is recorded before it starts, so that an interrupt cannot lose track of it.
            self._unsettled.append(self._queue[0].position)
            self._in_flight.append(_Batch(self._queue, self._queue_bytes, pending))
            self._queue, self._queue_bytes = [], 0
            pending.start(self._client.limiter)
        self._settle_some(self._client.limiter.width - 1)

    def flush(self) -> None:
        self.send()
        self._settle_some(0)

    def discard(self) -> None:
        if self._queue:
            self._unsettled.append(self._queue[0].position)
        self._queue = []

    def _settle_some(self, max_in_flight: int) -> None:
        """Settle every batch whose reply has arrived, and wait until at most `max_in_flight` batches are in flight."""
        while self._in_flight and (
            len(self._in_flight) > max_in_flight
            or sum(batch.bytes for batch in self._in_flight) > MAX_BYTES_IN_FLIGHT
            or any(batch.pending.done() for batch in self._in_flight)
        ):
            wait_for_one([batch.pending for batch in self._in_flight])
            for batch in [batch for batch in self._in_flight if batch.pending.done()]:
                self._settle(batch)

    def _settle(self, batch: _Batch, timeout_s: float | None = None) -> None:
        self._in_flight.remove(batch)
        result = self._result
        try:
            outcomes = batch.pending.result(timeout_s)
        except BaseException as error:
            if isinstance(error, TsmemError):
                self._batch_error = self._batch_error or error
            if not isinstance(error, TsmemError) or error.ambiguous:
                result.unconfirmed += len(batch.entries)
            raise
        refused = []
        uncounted = len(outcomes)
        try:
            for entry, outcome in zip(batch.entries, outcomes, strict=True):
                write = entry.write
                self._busy_rows.discard((write.table.name, write.key))
                if isinstance(outcome, ConditionFailed) and self._skip_failed_conditions:
                    result.skipped += 1
                elif outcome is not None:
                    self.failed += 1
                    result.fail(RowFailure(write.key, outcome))
                    refused.append((entry, outcome))
                    if isinstance(outcome, ConditionFailed):
                        self.conflicts.append(write.key)
                elif isinstance(write, Update):
                    pass  # it adds to a row that its Put has counted
                elif "user_id" in write.table.key:
                    result.sessions += 1
                else:
                    result.messages += 1
                uncounted -= 1
        finally:  # an interrupt can leave the loop early
            result.unconfirmed += uncounted
        result.bytes += batch.bytes
        result.on_change()
        if self._on_refused is not None:
            for entry, outcome in refused:
                self._on_refused(entry.source, outcome)
        elif refused:
            self._unsettled.append(refused[0][0].position)
        self._unsettled.remove(batch.entries[0].position)  # last, when all refusals are reported

    def _abort(self, error: BaseException) -> None:
        self.discard()
        ends_s = time.monotonic() + GRACE_S
        try:
            for batch in list(self._in_flight):
                with suppress(TsmemError, TimeoutError):  # `_settle` has counted the batch's rows
                    self._settle(batch, max(0.0, ends_s - time.monotonic()))
        finally:  # a second interrupt ends the waiting
            self._result.unconfirmed += sum(len(batch.entries) for batch in self._in_flight)
            self._in_flight = []
        if self._batch_error is not None and error is self._batch_error:
            self._result.append_counts_to(self._batch_error)
