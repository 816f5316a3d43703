"""A TableClient that retries what can be retried, and reports honestly what became of it.

- One deadline bounds a whole call of the port: attempts, pauses and reading back. A transport reads it from
  `time_left_s`. The error at its end is that of the last attempt, and is ambiguous if any attempt was.
- A write whose reply was lost is sent again, because every write of the store can be repeated: puts and deletes say how
  the row is to be, updates set columns to values. Only a condition can then fail because of the first attempt. That is
  settled by reading the row back: a row equal to ours was written, an absent one was deleted.
- A table or index that a repeated deletion does not find, or a repeated creation finds, counts as done.
- Of a batch, only the rows that failed are sent again, together.
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
TOO_LARGE = "OTSRequestBodyTooLarge"
"""The service's code for a request over 5 MB on the wire, of which nothing was done. The limit of 4 MB counts names and
values alone, so a batch within it may still be too large as it is encoded."""


class RetryingClient:
    """A TableClient that retries another one."""

    def __init__(
        self, client: TableClient, clock: Clock, policy: RetryPolicy | None = None, *, seed: int | None = None
    ) -> None:
        self._client = client
        self._clock = clock
        self._policy = RetryPolicy() if policy is None else policy
        self._random = random.Random(seed)  # noqa: S311 - jitter is no secret
        self.meter = client.meter
        self.limiter = client.limiter
        self.rows_per_write = client.rows_per_write

    def _attempts(self) -> Attempts:
        return Attempts(self._clock, self._policy, self._random)

    def _retry(self, call: Callable[[], Result], attempts: Attempts | None = None, *, is_write: bool = False) -> Result:
        """Make a call until it succeeds or the time is up. Notes in `attempts` if a reply may have been lost."""
        attempts = self._attempts() if attempts is None else attempts
        while True:
            attempts.count += 1
            cuts = self.limiter.cuts
            try:
                with deadline(self._clock, attempts.ends_s):
                    result = call()
                self.limiter.answered()
                return result
            except InvalidReply:  # another reply would be no better
                raise
            except Unavailable as error:
                if isinstance(error, Throttled):
                    self.limiter.throttled(cuts)
                attempts.lost = attempts.lost or error.ambiguous
                if not attempts.wait(error):
                    raise attempts.given_up(error, lost=attempts.lost, is_write=is_write) from error

    # Tables

    def _retry_schema_change(self, call: Callable[[], None], done: type[TsmemError]) -> None:
        """Retry a creation or deletion. After a lost reply the error `done` is taken for our own work: somebody else's
        cannot be told from it, and callers read what exists."""
        attempts = self._attempts()
        try:
            self._retry(call, attempts, is_write=True)
        except done:
            if not attempts.lost:
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
        def read(places: Sequence[int]) -> list[RowRead]:
            return self._client.get_rows(table, [keys[place] for place in places], columns)

        batch = _Batch(read, len(keys), self._attempts())
        self._complete(batch, is_write=False)
        return batch.outcomes

    def _complete(self, batch: _Batch[Outcome], *, is_write: bool) -> None:
        """Send a batch until each row has an outcome or the time is up. Raises an error of the whole batch."""
        attempts = batch.attempts
        try:
            self._retry(batch.send, attempts)
        except Unavailable:
            if not batch.answered:
                raise
        for place, outcome in enumerate(batch.outcomes):
            if isinstance(outcome, Unavailable) and outcome is not batch.untried:
                lost = is_write and place in batch.unconfirmed
                batch.outcomes[place] = attempts.given_up(outcome, lost=lost, is_write=is_write)

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
            if not attempts.lost:
                raise
            with deadline(self._clock, attempts.ends_s):
                reading = self._attempts()
                reading.lost = True
                row = self._retry(lambda: self._client.get_row(write.table, write.key), reading, is_write=True)
            if not _is_as_written(write, row):
                raise

    def write_rows(self, writes: Sequence[Write]) -> list[RowOutcome]:
        """Write rows as the port says. A batch in which a key comes twice is sent once and not retried: a failed row
        that is sent again alone might undo a later write of its key."""
        attempts = self._attempts()
        rows = {(write.table.name, repr(write.key)) for write in writes}  # as text: a wrong key may be unhashable
        if len(rows) < len(writes):
            with deadline(self._clock, attempts.ends_s):
                return self._client.write_rows(writes)

        def send(places: Sequence[int]) -> list[RowOutcome]:
            return self._client.write_rows([writes[place] for place in places])

        batch = _Batch(send, len(writes), attempts)
        self._complete(batch, is_write=True)
        self._settle(batch, writes)
        return batch.outcomes

    def _settle(self, batch: _Batch[None], writes: Sequence[Write]) -> None:
        """Read back the rows whose conditions failed, perhaps because of our own writes, and settle their outcomes."""
        tables: dict[TableRef, list[int]] = {}
        for place in batch.unsettled:
            tables.setdefault(writes[place].table, []).append(place)
        for table, places in tables.items():
            for start in range(0, len(places), MAX_ROWS_PER_READ):
                some = places[start : start + MAX_ROWS_PER_READ]
                rows: Sequence[RowRead]
                try:
                    keys = [writes[place].key for place in some]
                    with deadline(self._clock, batch.attempts.ends_s):
                        rows = self.get_rows(table, keys)
                except TsmemError as error:
                    rows = [error] * len(some)
                for place, row in zip(some, rows, strict=True):
                    if isinstance(row, TsmemError):
                        message = f"{MAYBE_DONE}, and could not be read back in time: {row.message}"
                        batch.outcomes[place] = Unavailable(message, ambiguous=True)
                    elif _is_as_written(writes[place], row):
                        batch.outcomes[place] = None

    def clock_skew_s(self) -> float | None:
        return self._client.clock_skew_s()

    def close(self) -> None:
        self._client.close()


class _Batch(Generic[Outcome]):
    """Reads or writes of different rows. `send` sends those that are left, and may be called again and again."""

    def __init__(
        self, call: Callable[[Sequence[int]], Sequence[Outcome | TsmemError]], count: int, attempts: Attempts
    ) -> None:
        """`call` sends the rows at these places."""
        self._call = call
        self.attempts = attempts
        self.untried = Unavailable("no time was left to send it; it was not carried out")
        """The outcome of a row that was not sent."""
        self.outcomes: list[Outcome | TsmemError] = [self.untried] * count
        self.answered = False
        """True once the service has replied to any part of the batch. Until then the batch fails as a whole."""
        self.unconfirmed: set[int] = set()
        """Places of rows that an attempt may have written although it failed."""
        self.unsettled: list[int] = []
        """Places of unconfirmed rows whose condition then failed, perhaps because of our own write."""

    def send(self) -> None:
        """Send the rows that are left. Raises the error of the whole batch, or Unavailable when rows are still left."""
        self._send([place for place, outcome in enumerate(self.outcomes) if isinstance(outcome, Unavailable)])
        left = [outcome for outcome in self.outcomes if isinstance(outcome, Unavailable)]
        if left:
            raise max(left, key=lambda error: error.ambiguous)

    def _send(self, places: Sequence[int]) -> None:
        if not self.attempts.in_time():
            return
        outcomes: Sequence[Outcome | TsmemError]
        try:
            outcomes = self._call(places)
            self.answered = True
        except TsmemError as error:
            too_large = isinstance(error, LimitExceeded) and error.service_code == TOO_LARGE
            if too_large and len(places) > 1:
                self._send(places[: len(places) // 2])
                self._send(places[len(places) // 2 :])
                return
            if not (self.answered or isinstance(error, Unavailable) or (too_large and len(self.outcomes) > 1)):
                raise
            outcomes = [error] * len(places)
        for place, outcome in zip(places, outcomes, strict=True):
            self.outcomes[place] = outcome
            if isinstance(outcome, Unavailable) and outcome.ambiguous:
                self.unconfirmed.add(place)
            elif isinstance(outcome, ConditionFailed) and place in self.unconfirmed:
                self.unsettled.append(place)


def _is_as_written(write: Write, row: Row | None) -> bool:
    """Return True if a row is as the write would have left it."""
    if isinstance(write, Delete) or row is None:
        return isinstance(write, Delete) and row is None
    found = row.columns
    if isinstance(write, Put) and found.keys() != write.columns.keys():
        return False
    if isinstance(write, Update) and any(name in found for name in write.delete):
        return False
    return all(is_same(found.get(name), value) for name, value in write.columns.items())
