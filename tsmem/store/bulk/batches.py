"""Bulk writes in batches: as many rows as the client takes, 4 MB at most. The outcome of each row is looked at.

A key is queued or in flight once at most, so that writes to one row keep their order. How many batches are in flight is
the client's pace; who adds more waits. A row that is refused is reported by its key and does not stop the others. A
batch that fails as a whole stops everything: what is in flight is waited for, and the error says how many rows were
done. So does an interrupt, for as long as GRACE_S; what was not answered by then may have been done.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple

from tsmem import limits
from tsmem.errors import ConditionFailed, RowFailure, TsmemError
from tsmem.port import RowOutcome, TableClient
from tsmem.rows import Key, Update, Write
from tsmem.store.bulk.result import BulkResult
from tsmem.store.concurrency import Pending, submit, wait_for_all, wait_for_one

GRACE_S = 5.0
"""Seconds that batches in flight are waited for when nothing more is to be sent."""

MAX_BYTES_IN_FLIGHT = 32 * 2**20
"""Of names and values: large rows fill a batch with few of them."""

Place = tuple[str, Key]
"""A row's table and key."""


class QueuedWrite(NamedTuple):
    """A write with what its caller knows it by."""

    write: Write
    tag: object = None

    @property
    def place(self) -> Place:
        """Where it writes."""
        return self.write.table.name, self.write.key


class _Batch(NamedTuple):
    number: int
    entries: list[QueuedWrite]
    bytes: int
    pending: Pending[list[RowOutcome]]


def _nothing(entry: QueuedWrite, error: TsmemError) -> None:
    pass


class BatchWriter:
    """Collects writes and sends them in full batches; `with` it, so that nothing is in flight behind it.

    Cost: ceil(n / 200) requests where 4 MB does not bind."""

    def __init__(
        self,
        client: TableClient,
        session_table: str,
        result: BulkResult,
        *,
        skip_failed_conditions: bool = False,
        refused: Callable[[QueuedWrite, TsmemError], None] = _nothing,
    ) -> None:
        """`refused` hears of each row that failed."""
        self._client = client
        self._session_table = session_table
        self._tally = result
        self._skip = skip_failed_conditions
        self._on_refused = refused
        self._queue: list[QueuedWrite] = []
        self._bytes = 0
        self._flight: list[_Batch] = []
        self._places: set[Place] = set()
        """Of what is queued or in flight."""
        self._row: Place | None = None
        """The last row that was begun: Updates behind it are the rest of it."""
        self._row_refused = False
        self._sent = 0
        self._open: dict[int, object] = {}
        """Batches by number, in order, with their first tags: those of which some row's outcome is not known."""
        self._failure: TsmemError | None = None
        """What a whole batch failed with."""
        self.failed = 0
        """Rows that were refused."""

    def __enter__(self) -> BatchWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._give_up(error)
            return
        try:
            self.flush()
        except BaseException as failure:
            self._give_up(failure)
            raise

    @property
    def oldest(self) -> object:
        """The tag of the first write that is not settled, and never will be when it failed with its whole batch; None
        when all are."""
        for tag in self._open.values():
            return tag
        return self._queue[0].tag if self._queue else None

    def add(self, write: Write, tag: object = None) -> None:
        """Queue one write; it is sent when its batch is full, or by flush. Waits where enough is in flight."""
        size = limits.check_write(write)
        entry = QueuedWrite(write, tag)
        place = entry.place
        if len(self._queue) == self._client.rows_per_write or self._bytes + size > limits.MAX_BATCH_BYTES:
            self.send()
        if place in self._places:
            self.flush()
        if not isinstance(write, Update):
            self._row, self._row_refused = place, False
        elif self._row_refused:
            return  # the rest of a row whose beginning was not written
        self._queue.append(entry)
        self._places.add(place)
        self._bytes += size

    def holds(self, write: Write) -> bool:
        """Whether a write of the same row is queued or in flight."""
        return (write.table.name, write.key) in self._places

    def send(self) -> None:
        """Send what is queued; wait until there may be another batch."""
        if self._queue:
            writes = [entry.write for entry in self._queue]
            submit(self._client.limiter, lambda: self._client.write_rows(writes), self._hold)
        self._land(self._client.limiter.width - 1)

    def _hold(self, pending: Pending[list[RowOutcome]]) -> None:
        """The queue is a batch in flight."""
        self._flight.append(_Batch(self._numbered(), self._queue, self._bytes, pending))
        self._queue, self._bytes = [], 0

    def discard(self) -> None:
        """Send no more of what is queued. What is in flight is still looked at."""
        if self._queue:
            self._numbered()
        self._queue = []

    def _numbered(self) -> int:
        """The number of the batch that the queue is."""
        self._sent += 1
        self._open[self._sent] = self._queue[0].tag
        return self._sent

    def flush(self) -> None:
        """Send what is queued, and wait for all of it."""
        self.send()
        self._land(0)

    def _land(self, most: int) -> None:
        """Settle what is answered, and wait until no more batches than this are in flight."""
        while self._flight and (
            len(self._flight) > most
            or sum(batch.bytes for batch in self._flight) > MAX_BYTES_IN_FLIGHT
            or any(batch.pending.done() for batch in self._flight)
        ):
            wait_for_one([batch.pending for batch in self._flight])
            for batch in [batch for batch in self._flight if batch.pending.done()]:
                self._settle(batch)

    def _settle(self, batch: _Batch, timeout_s: float | None = None) -> None:
        """Look at each row's outcome. Raises what the whole batch failed with."""
        self._flight.remove(batch)
        try:
            outcomes = batch.pending.result(timeout_s)
        except BaseException as error:
            if isinstance(error, TsmemError):
                self._failure = self._failure or error
            if not isinstance(error, TsmemError) or error.ambiguous:
                self._tally.unconfirmed += len(batch.entries)
            raise
        refused = []
        uncounted = len(outcomes)
        try:
            for entry, outcome in zip(batch.entries, outcomes, strict=True):
                self._places.discard(entry.place)
                if outcome is not None and self._is_refused(entry, outcome):
                    refused.append((entry, outcome))
                elif outcome is None:
                    self._count(entry)
                uncounted -= 1
        finally:  # an interrupt may come here, too
            self._tally.unconfirmed += uncounted
        self._tally.bytes += batch.bytes
        self._tally.on_change()
        for entry, outcome in refused:
            self._on_refused(entry, outcome)
        del self._open[batch.number]  # last: a row that was refused is settled when somebody has heard of it

    def _count(self, entry: QueuedWrite) -> None:
        if not isinstance(entry.write, Update):  # the rest of a row that was counted by its Put
            if entry.write.table.name == self._session_table:
                self._tally.sessions += 1
            else:
                self._tally.messages += 1

    def _is_refused(self, entry: QueuedWrite, error: TsmemError) -> bool:
        """Count a row that was not done; whether it should have been."""
        if entry.place == self._row:
            self._row_refused = True
        if self._skip and isinstance(error, ConditionFailed):
            self._tally.skipped += 1
            return False
        self.failed += 1
        self._tally.fail(RowFailure(entry.write.key, error))
        return True

    def _give_up(self, error: BaseException) -> None:
        """Send nothing more; wait a while for what is in flight, and say of the rest that it may have been done."""
        self.discard()
        try:
            wait_for_all([batch.pending for batch in self._flight], GRACE_S)
            for batch in list(self._flight):
                with suppress(TsmemError, TimeoutError):  # its rows are counted as what they are: not done, or in doubt
                    self._settle(batch, 0)
        finally:  # a second interrupt waits for nothing
            self._tally.unconfirmed += sum(len(batch.entries) for batch in self._flight)
            self._flight = []
        if self._failure is not None and error is self._failure:
            self._tally.add_to(self._failure)
