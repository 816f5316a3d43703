"""Bulk writes: batches cut by 200 rows and by 4 MB, each row's outcome looked at.

A key is in a batch once at most, so that writes to one row keep their order. A row that is refused is reported by its
key and does not stop the others; a failure of a whole batch stops, and says how many rows were done before it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tsmem import limits
from tsmem.errors import ConditionFailed, PartialFailure, RowFailure, TsmemError
from tsmem.port import TableClient
from tsmem.rows import Delete, Key, Update, Write
from tsmem.store.model import Message, Session

MAX_REPORTED_FAILURES = 1000
"""Failures kept in detail; all are counted."""


@dataclass(eq=False)
class Tally:
    """What a bulk command has done so far: kept up to date while it runs, so that an interrupted one can say it."""

    sessions: int = 0
    messages: int = 0
    skipped: int = 0
    """Rows left alone on purpose: they exist already, or changed meanwhile."""
    failed: int = 0
    failures: list[RowFailure] = field(default_factory=list)

    def count(self, item: Session | Message) -> None:
        """One item more."""
        if isinstance(item, Session):
            self.sessions += 1
        else:
            self.messages += 1

    @property
    def done(self) -> int:
        """Rows written or deleted."""
        return self.sessions + self.messages

    def raise_failures(self, what: str) -> None:
        """Raises PartialFailure when rows failed."""
        if self.failed:
            raise PartialFailure(
                f"{self.failed:,} of {self.done + self.failed:,} rows could not be {what}",
                done=self.done,
                failures=self.failures,
            )


class BatchWriter:
    """Collects writes and sends them in full batches. Cost: ceil(n / 200) requests where 4 MB does not bind."""

    def __init__(
        self,
        client: TableClient,
        session_table: str,
        tally: Tally,
        *,
        skip_failed_conditions: bool,
        before: Callable[[], None] = lambda: None,
    ) -> None:
        """`before` is called before each batch: what has to be done first."""
        self._before = before
        self._client = client
        self._session_table = session_table
        self._tally = tally
        self._skip = skip_failed_conditions
        self._batch: list[Write] = []
        self._keys: set[tuple[str, Key]] = set()
        self._bytes = 0
        self._refused: set[tuple[str, Key]] = set()
        self.failed = 0
        """Rows that were refused."""

    def add(self, write: Write) -> None:
        """Queue one write; it is sent when its batch is full, or by flush."""
        size = limits.check_write(write)
        place = (write.table.name, write.key)
        full = len(self._batch) == limits.MAX_ROWS_PER_WRITE or self._bytes + size > limits.MAX_BATCH_BYTES
        if full or place in self._keys:
            self.flush()
        if isinstance(write, Update) and place in self._refused:
            return  # the rest of a row whose beginning was not written
        self._batch.append(write)
        self._keys.add(place)
        self._bytes += size

    def holds(self, write: Write) -> bool:
        """Whether a write of the same row is queued."""
        return (write.table.name, write.key) in self._keys

    def flush(self) -> None:
        """Send what is queued."""
        batch = self._batch
        self._batch, self._keys, self._bytes = [], set(), 0
        if not batch:
            return
        self._before()
        try:
            outcomes = self._client.write_rows(batch)
        except TsmemError as error:
            if self._tally.done:
                error.message += f" ({self._tally.done:,} rows had been done before)"
                error.args = (error.message,)
            raise
        self._refused = set()
        for write, outcome in zip(batch, outcomes, strict=True):
            if outcome is not None:
                self._refused.add((write.table.name, write.key))
            self._count(write, outcome)

    def _count(self, write: Write, outcome: TsmemError | None) -> None:
        tally = self._tally
        if outcome is None:
            if isinstance(write, Update):  # the rest of a row that was counted by its Put
                return
            if write.table.name == self._session_table:
                tally.sessions += 1
            else:
                tally.messages += 1
        elif self._skip and isinstance(outcome, ConditionFailed):
            tally.skipped += 1
        else:
            tally.failed += 1
            self.failed += 1
            if len(tally.failures) < MAX_REPORTED_FAILURES:
                tally.failures.append(RowFailure(write.key, outcome))


class Purge:
    """Deletes sessions and their messages: no session before the last of its messages is gone. A dry run counts."""

    def __init__(self, client: TableClient, session_table: str, tally: Tally, *, dry_run: bool) -> None:
        self.dry_run = dry_run
        self._tally = tally
        self._messages = BatchWriter(client, session_table, tally, skip_failed_conditions=False)
        self._sessions = BatchWriter(
            client, session_table, tally, skip_failed_conditions=True, before=self._messages_first
        )

    def message(self, delete: Delete) -> None:
        """Queue a message, unless it is queued: two users may share its session's id."""
        if self.dry_run:
            self._tally.messages += 1
        elif not self._messages.holds(delete):
            self._messages.add(delete)

    def session(self, delete: Delete) -> None:
        """Queue a session."""
        if self.dry_run:
            self._tally.sessions += 1
        else:
            self._sessions.add(delete)

    def flush(self) -> None:
        """Delete what is queued."""
        self._messages.flush()
        self._sessions.flush()

    def _messages_first(self) -> None:
        """Raises PartialFailure when a message was refused: then its session stays, so that this can be repeated."""
        self._messages.flush()
        if self._messages.failed:
            self._tally.raise_failures("deleted")
