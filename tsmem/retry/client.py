"""A TableClient that retries the calls of another one, and says honestly what became of them.

Callers see the same port. A call passes through in one or more attempts. Each attempt sees the deadline of the whole
call (`tsmem.clock.time_left_s`), which bounds attempts, pauses and reading back together.

- If every attempt fails, the error is that of the last attempt. It is ambiguous if any attempt was, which means that
  the request may have been carried out.
- A write is sent again after its reply was lost. That is safe because every write of the store can be repeated: puts
  and deletes say how the whole row shall be, and updates set columns to values.
- A repeated write can fail because its condition no longer holds after the first attempt. Then the row is read back. A
  row that equals ours was written by us, and a missing row was deleted by us.
- A repeated creation or deletion succeeds if the table or index turns out to exist, or to be gone.
- Only the failed rows of a batch are sent again, together.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from tsmem.clock import Clock, deadline
from tsmem.errors import (
    AlreadyExists,
    ConditionFailed,
    InvalidReply,
    LimitExceeded,
    TableNotFound,
    Throttled,
    TsmemError,
    Unavailable,
)
from tsmem.limits import MAX_ROWS_PER_READ
from tsmem.port import (
    Announce,
    IndexSchema,
    RangePage,
    RowOutcome,
    RowRead,
    SearchIndexSchema,
    TableClient,
    TableSchema,
)
from tsmem.retry.attempts import MAYBE_DONE, Attempts, RetryPolicy
from tsmem.rows import ColumnType, Delete, Filter, Key, Put, Range, Row, TableRef, Update, Write, is_same

if TYPE_CHECKING:
    from tsmem.queries import Search, SearchPage

Result = TypeVar("Result")
Outcome = TypeVar("Outcome")
_REQUEST_TOO_LARGE = "OTSRequestBodyTooLarge"
"""The service's code for a request over 5 MB on the wire, which it does not carry out. A batch within the port's limit
of 4 MB can be that large, because the port counts only names and values, and not their encoding."""


class RetryingClient:
    def __init__(
        self, client: TableClient, clock: Clock, policy: RetryPolicy | None = None, *, seed: int | None = None
    ) -> None:
        self._client = client
        self._clock = clock
        self._policy = RetryPolicy() if policy is None else policy
        self._random = random.Random(seed)  # noqa: S311 - jitter need not be secret
        self.meter = client.meter
        self.limiter = client.limiter
        self.rows_per_write = client.rows_per_write

    def _attempts(self) -> Attempts:
        return Attempts(self._clock, self._policy, self._random)

    def _retry(self, call: Callable[[], Result], attempts: Attempts | None = None, *, is_write: bool = False) -> Result:
        """Repeat a call until it succeeds, fails for good, or the time is up."""
        attempts = self._attempts() if attempts is None else attempts
        while True:
            attempts.count += 1
            cuts = self.limiter.cuts
            try:
                with deadline(self._clock, attempts.deadline_s):
                    result = call()
                self.limiter.answered()
                return result
            except InvalidReply:  # the next reply would break the protocol too
                raise
            except Unavailable as error:
                if isinstance(error, Throttled):
                    self.limiter.throttled(cuts)
                attempts.is_ambiguous = attempts.is_ambiguous or error.ambiguous
                if not attempts.wait(error):
                    raise attempts.final_error(error, is_ambiguous=attempts.is_ambiguous, is_write=is_write) from error

    # Tables

    def _retry_schema_change(self, call: Callable[[], None], already_done: type[TsmemError]) -> None:
        """Retry a creation or deletion. Once an attempt was ambiguous, the error `already_done` counts as success.
        Somebody else may have made a different change, so callers read what exists."""
        attempts = self._attempts()
        try:
            self._retry(call, attempts, is_write=True)
        except already_done:
            if not attempts.is_ambiguous:
                raise

    def list_tables(self) -> list[str]:
        return self._retry(self._client.list_tables)

    def describe_table(self, name: str) -> TableSchema:
        return self._retry(lambda: self._client.describe_table(name))

    def create_table(self, schema: TableSchema) -> None:
        self._retry_schema_change(lambda: self._client.create_table(schema), AlreadyExists)

    def delete_table(self, name: str) -> None:
        self._retry_schema_change(lambda: self._client.delete_table(name), TableNotFound)

    def create_index(self, table: str, index: IndexSchema, defined: Sequence[tuple[str, ColumnType]] = ()) -> None:
        self._retry_schema_change(lambda: self._client.create_index(table, index, defined), AlreadyExists)

    def delete_index(self, table: str, name: str) -> None:
        self._retry_schema_change(lambda: self._client.delete_index(table, name), TableNotFound)

    def list_search_indexes(self, table: str) -> list[str]:
        return self._retry(lambda: self._client.list_search_indexes(table))

    def create_search_index(self, schema: SearchIndexSchema) -> None:
        self._retry_schema_change(lambda: self._client.create_search_index(schema), AlreadyExists)

    def describe_search_index(self, table: str, name: str) -> SearchIndexSchema:
        return self._retry(lambda: self._client.describe_search_index(table, name))

    def delete_search_index(self, table: str, name: str) -> None:
        self._retry_schema_change(lambda: self._client.delete_search_index(table, name), TableNotFound)

    # Reads

    def get_row(self, table: TableRef, key: Key, columns: Sequence[str] | None = None) -> Row | None:
        return self._retry(lambda: self._client.get_row(table, key, columns))

    def get_rows(self, table: TableRef, keys: Sequence[Key], columns: Sequence[str] | None = None) -> list[RowRead]:
        def read(positions: Sequence[int]) -> list[RowRead]:
            return self._client.get_rows(table, [keys[position] for position in positions], columns)

        batch = _Batch(read, len(keys), self._attempts())
        self._send_batch(batch, is_write=False)
        return batch.outcomes

    def _send_batch(self, batch: _Batch[Outcome], *, is_write: bool) -> None:
        """Send a batch until each row has an outcome or the time is up. Raises an error that concerns all rows."""
        attempts = batch.attempts
        try:
            self._retry(batch.send, attempts)
        except Unavailable:
            if not batch.has_reply:
                raise
        for position, outcome in enumerate(batch.outcomes):
            if isinstance(outcome, Unavailable) and outcome is not batch.not_sent:
                is_ambiguous = is_write and position in batch.unconfirmed
                error = attempts.final_error(outcome, is_ambiguous=is_ambiguous, is_write=is_write)
                batch.outcomes[position] = error

    def get_range(
        self,
        table: TableRef,
        span: Range,
        *,
        limit: int | None = None,
        columns: Sequence[str] | None = None,
        filter: Filter | None = None,  # noqa: A002 - the port's word
        announce: Announce | None = None,
    ) -> RangePage:
        return self._retry(
            lambda: self._client.get_range(table, span, limit=limit, columns=columns, filter=filter, announce=announce)
        )

    def search(self, table: TableRef, index: str, search: Search) -> SearchPage:
        return self._retry(lambda: self._client.search(table, index, search))

    # Writes

    def write_row(self, write: Write) -> None:
        attempts = self._attempts()
        try:
            self._retry(lambda: self._client.write_row(write), attempts, is_write=True)
        except ConditionFailed:
            if not attempts.is_ambiguous:
                raise
            with deadline(self._clock, attempts.deadline_s):
                read_attempts = self._attempts()
                read_attempts.is_ambiguous = True  # a failed read leaves the outcome of the write unknown
                row = self._retry(lambda: self._client.get_row(write.table, write.key), read_attempts, is_write=True)
            if not _is_as_written(write, row):
                raise

    def write_rows(self, writes: Sequence[Write]) -> list[RowOutcome]:
        """Write rows. A batch that writes a row twice is sent once and not retried: if only the earlier write failed,
        sending it again would overwrite the later one."""
        attempts = self._attempts()
        rows = {(write.table.name, repr(write.key)) for write in writes}  # as text: an invalid key may be unhashable
        if len(rows) < len(writes):
            with deadline(self._clock, attempts.deadline_s):
                return self._client.write_rows(writes)

        def send(positions: Sequence[int]) -> list[RowOutcome]:
            return self._client.write_rows([writes[position] for position in positions])

        batch = _Batch(send, len(writes), attempts)
        self._send_batch(batch, is_write=True)
        self._settle(batch, writes)
        return batch.outcomes

    def _settle(self, batch: _Batch[None], writes: Sequence[Write]) -> None:
        """Read back the rows whose condition failed, perhaps because of our own earlier attempt, and correct their
        outcomes."""
        by_table: dict[TableRef, list[int]] = {}
        for position, outcome in enumerate(batch.outcomes):
            if isinstance(outcome, ConditionFailed) and position in batch.unconfirmed:
                by_table.setdefault(writes[position].table, []).append(position)
        for table, failed in by_table.items():
            for start in range(0, len(failed), MAX_ROWS_PER_READ):
                positions = failed[start : start + MAX_ROWS_PER_READ]
                rows: Sequence[RowRead]
                try:
                    keys = [writes[position].key for position in positions]
                    with deadline(self._clock, batch.attempts.deadline_s):
                        rows = self.get_rows(table, keys)
                except TsmemError as error:
                    rows = [error] * len(positions)
                for position, row in zip(positions, rows, strict=True):
                    if isinstance(row, TsmemError):
                        message = f"{MAYBE_DONE}, but its row could not be read back in time: {row.message}"
                        batch.outcomes[position] = Unavailable(message, ambiguous=True)
                    elif _is_as_written(writes[position], row):
                        batch.outcomes[position] = None

    def clock_skew_s(self) -> float | None:
        return self._client.clock_skew_s()

    def close(self) -> None:
        self._client.close()


class _Batch(Generic[Outcome]):
    """Reads or writes of different rows, and their outcomes so far. Each `send` sends the remaining rows."""

    def __init__(
        self, call: Callable[[Sequence[int]], Sequence[Outcome | TsmemError]], count: int, attempts: Attempts
    ) -> None:
        """`call` sends the rows at the given positions, and returns their outcomes."""
        self._call = call
        self.attempts = attempts
        self.not_sent = Unavailable("no time was left to send it; it was not carried out")
        """The outcome of a row that has not been sent yet."""
        self.outcomes: list[Outcome | TsmemError] = [self.not_sent] * count
        self.has_reply = False
        """True once the service has replied to any part of the batch. Until then an error concerns all rows."""
        self.unconfirmed: set[int] = set()
        """Positions of rows that an attempt may have written although it failed."""

    def send(self) -> None:
        """Send the rows that have not succeeded and have not failed for good. Raises an error that concerns all rows,
        or Unavailable if such rows remain."""
        self._send([position for position, outcome in enumerate(self.outcomes) if isinstance(outcome, Unavailable)])
        remaining = [outcome for outcome in self.outcomes if isinstance(outcome, Unavailable)]
        if remaining:
            raise max(remaining, key=lambda error: error.ambiguous)

    def _send(self, positions: Sequence[int]) -> None:
        if not self.attempts.has_time_left():
            return
        outcomes: Sequence[Outcome | TsmemError]
        try:
            outcomes = self._call(positions)
            self.has_reply = True
        except TsmemError as error:
            is_too_large = isinstance(error, LimitExceeded) and error.service_code == _REQUEST_TOO_LARGE
            if is_too_large and len(positions) > 1:
                self._send(positions[: len(positions) // 2])
                self._send(positions[len(positions) // 2 :])
                return
            if not (self.has_reply or isinstance(error, Unavailable) or (is_too_large and len(self.outcomes) > 1)):
                raise
            outcomes = [error] * len(positions)
        for position, outcome in zip(positions, outcomes, strict=True):
            self.outcomes[position] = outcome
            if isinstance(outcome, Unavailable) and outcome.ambiguous:
                self.unconfirmed.add(position)


def _is_as_written(write: Write, row: Row | None) -> bool:
    """Return True if the row, or its absence, is what the write would have left."""
    if isinstance(write, Delete) or row is None:
        return isinstance(write, Delete) and row is None
    found = row.columns
    if isinstance(write, Put) and found.keys() != write.columns.keys():
        return False
    if isinstance(write, Update) and any(name in found for name in write.delete):
        return False
    return all(is_same(found.get(name), value) for name, value in write.columns.items())
