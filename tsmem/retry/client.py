"""A TableClient that repeats what can be repeated, and says honestly what became of it.

One deadline bounds a whole call of the port, with all attempts, pauses and reading back: a transport below learns
through a `Deadline` how much is left, and gives no attempt more. The error at its end is that of the last attempt, says
how long and how often was tried, and is ambiguous when any attempt was.

What the service refused for now is tried again. What may have been done (a lost answer) is tried again too, because
every write of the store can be repeated: puts and deletes say how the row is to be, updates set columns to values. Only
a condition can then fail on the first attempt's own work, and that is settled by reading the row back: a row equal to
ours was written, an absent one was deleted. So is a table or index that a repeated deletion does not find, or that a
repeated creation finds. What is not settled is said: the error of a write that may have been done ends with that.

Of a batch only the rows that failed are asked for again, together. A batch of writes in which a key comes twice is sent
in parts, in which each key comes once (see `batches`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from tsmem.clock import Clock
from tsmem.errors import AlreadyExists, ConditionFailed, InvalidReply, TableNotFound, Throttled, TsmemError, Unavailable
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
from tsmem.retry.attempts import MAYBE_DONE, Attempts, Deadline, RetryPolicy
from tsmem.retry.batches import ReadBatch, WriteBatch, is_as_written, rounds
from tsmem.rows import ColumnType, Filter, Key, Range, Row, TableRef, Write

if TYPE_CHECKING:
    from tsmem.queries import Search, SearchPage

Result = TypeVar("Result")


class RetryingClient:
    """A TableClient that repeats what can be repeated."""

    def __init__(
        self,
        client: TableClient,
        clock: Clock,
        policy: RetryPolicy | None = None,
        *,
        seed: int | None = None,
        deadline: Deadline | None = None,
    ) -> None:
        """`deadline` is the one that the client's transport reads, where it has one."""
        self._client = client
        self._clock = clock
        self._policy = RetryPolicy() if policy is None else policy
        self._random = random.Random(seed)  # noqa: S311 - jitter is no secret
        self._deadline = Deadline(clock) if deadline is None else deadline
        self.meter = client.meter
        self.limiter = client.limiter
        self.rows_per_write = client.rows_per_write

    def _tries(self, ends_s: float | None = None) -> Attempts:
        return Attempts(self._clock, self._policy, self._random, ends_s)

    def _repeat(self, call: Callable[[], Result], attempts: Attempts | None = None, *, changes: bool = False) -> Result:
        """Call until it answers or the time is up, and note in `tries` whether an answer may have been lost. `changes`:
        whether something is written, so that a lost answer leaves it in doubt."""
        attempts = self._tries() if attempts is None else attempts
        while True:
            attempts.count += 1
            cuts = self.limiter.cuts
            try:
                with self._deadline.until(attempts.ends_s):
                    result = call()
                self.limiter.answered()
                return result
            except InvalidReply:  # the next answer would be no better
                raise
            except Unavailable as error:
                if isinstance(error, Throttled):
                    self.limiter.throttled(cuts)
                attempts.lost = attempts.lost or error.ambiguous
                if not attempts.wait(error):
                    raise attempts.given_up(error, lost=attempts.lost, changes=changes) from error

    # Tables. After a lost answer, creating may answer AlreadyExists for our own work, and deleting TableNotFound: then
    # it is done. Who else may have done it meanwhile cannot be told, and matters to nobody: callers read what is there.

    def _settled(self, call: Callable[[], None], done: type[TsmemError]) -> None:
        attempts = self._tries()
        try:
            self._repeat(call, attempts, changes=True)
        except done:
            if not attempts.lost:
                raise

    def list_tables(self) -> list[str]:
        """As TableClient."""
        return self._repeat(self._client.list_tables)

    def describe_table(self, name: str) -> TableSchema:
        """As TableClient."""
        return self._repeat(lambda: self._client.describe_table(name))

    def create_table(self, schema: TableSchema) -> None:
        """As TableClient."""
        self._settled(lambda: self._client.create_table(schema), AlreadyExists)

    def delete_table(self, name: str) -> None:
        """As TableClient."""
        self._settled(lambda: self._client.delete_table(name), TableNotFound)

    def create_index(self, table: str, index: IndexSchema, defined: Sequence[tuple[str, ColumnType]] = ()) -> None:
        """As TableClient."""
        self._settled(lambda: self._client.create_index(table, index, defined), AlreadyExists)

    def delete_index(self, table: str, name: str) -> None:
        """As TableClient."""
        self._settled(lambda: self._client.delete_index(table, name), TableNotFound)

    def list_search_indexes(self, table: str) -> list[str]:
        """As TableClient."""
        return self._repeat(lambda: self._client.list_search_indexes(table))

    def create_search_index(self, schema: SearchIndexSchema) -> None:
        """As TableClient."""
        self._settled(lambda: self._client.create_search_index(schema), AlreadyExists)

    def describe_search_index(self, table: str, name: str) -> SearchIndexSchema:
        """As TableClient."""
        return self._repeat(lambda: self._client.describe_search_index(table, name))

    def delete_search_index(self, table: str, name: str) -> None:
        """As TableClient."""
        self._settled(lambda: self._client.delete_search_index(table, name), TableNotFound)

    # Reads

    def get_row(self, table: TableRef, key: Key, columns: Sequence[str] | None = None) -> Row | None:
        """As TableClient."""
        return self._repeat(lambda: self._client.get_row(table, key, columns))

    def get_rows(self, table: TableRef, keys: Sequence[Key], columns: Sequence[str] | None = None) -> list[RowRead]:
        """As TableClient. Only what failed is asked for again."""
        reading, attempts = ReadBatch(self._client, table, keys, columns), self._tries()
        try:
            self._repeat(reading.read, attempts)
        except Unavailable:
            if not reading.answered:
                raise
        return [
            attempts.given_up(row, lost=False, changes=False) if isinstance(row, Unavailable) else row
            for row in reading.found
        ]

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
        """As TableClient."""
        return self._repeat(
            lambda: self._client.get_range(table, span, limit=limit, columns=columns, filter=filter, announce=announce)
        )

    def search(self, table: TableRef, index: str, search: Search) -> SearchPage:
        """As TableClient."""
        return self._repeat(lambda: self._client.search(table, index, search))

    # Writes

    def write_row(self, write: Write) -> None:
        """As TableClient. A lost answer is settled by reading the row."""
        attempts = self._tries()
        try:
            self._repeat(lambda: self._client.write_row(write), attempts, changes=True)
        except ConditionFailed as error:
            if not (attempts.lost and self._was_ours(write, error, attempts.ends_s)):
                raise

    def write_rows(self, writes: Sequence[Write]) -> list[RowOutcome]:
        """As TableClient. The second write of a key is sent in a second batch, and so on: 1 request more for each."""
        ends_s = self._tries().ends_s
        outcomes: list[RowOutcome] = [None] * len(writes)
        for turn, places in enumerate(rounds(writes)):
            part = [writes[place] for place in places]
            found: Sequence[RowOutcome]
            try:
                found = self._write_part(part, ends_s)
            except TsmemError as error:
                if turn == 0:
                    raise
                found = [error] * len(part)
            for place, outcome in zip(places, found, strict=True):
                outcomes[place] = outcome
        return outcomes

    def _write_part(self, writes: Sequence[Write], ends_s: float) -> list[RowOutcome]:
        """Write rows of which no two have one key. Raises what fails all of them."""
        attempts = self._tries(ends_s)
        batch = WriteBatch(self._client, writes, attempts.in_time)
        outcomes = batch.outcomes
        if not attempts.in_time():
            return outcomes
        try:
            self._repeat(batch.send, attempts)  # of how many rows it may have been done, the batch's writer says
        except Unavailable:
            if not batch.answered:
                raise
        for place, outcome in enumerate(outcomes):
            if isinstance(outcome, Unavailable) and place in batch.tried:
                outcomes[place] = attempts.given_up(outcome, lost=place in batch.unconfirmed, changes=True)
        self._settle(batch, writes, ends_s)
        return outcomes

    def _settle(self, batch: WriteBatch, writes: Sequence[Write], ends_s: float) -> None:
        """Read back the rows whose conditions failed, perhaps on our own writes, and say what became of them."""
        tables: dict[TableRef, list[int]] = {}
        for place in batch.unsettled:
            tables.setdefault(writes[place].table, []).append(place)
        for table, places in tables.items():
            for start in range(0, len(places), MAX_ROWS_PER_READ):
                some = places[start : start + MAX_ROWS_PER_READ]
                reading = ReadBatch(self._client, table, [writes[place].key for place in some])
                failure = self._try_reading(reading, ends_s)
                for place, row in zip(some, reading.found, strict=True):
                    if isinstance(row, TsmemError):
                        batch.outcomes[place] = _in_doubt(failure or row)
                    elif is_as_written(writes[place], row):
                        batch.outcomes[place] = None

    def _try_reading(self, reading: ReadBatch, ends_s: float) -> TsmemError | None:
        """Read what can be read in time. What ended it, where something did."""
        attempts = self._tries(ends_s)
        if attempts.in_time():
            try:
                self._repeat(reading.read, attempts)
            except TsmemError as error:
                return error
        return None

    def _was_ours(self, write: Write, error: ConditionFailed, ends_s: float) -> bool:
        """Whether the row is as the write would have left it. Raises Unavailable, ambiguous, when it cannot be read."""
        attempts = self._tries(ends_s)
        if not attempts.in_time():
            raise _in_doubt(None) from error
        attempts.lost = True
        row = self._repeat(lambda: self._client.get_row(write.table, write.key), attempts, changes=True)
        return is_as_written(write, row)

    def clock_skew_s(self) -> float | None:
        """As TableClient."""
        return self._client.clock_skew_s()

    def close(self) -> None:
        """As TableClient."""
        self._client.close()


def _in_doubt(failure: TsmemError | None) -> Unavailable:
    """A row whose condition failed after an answer was lost, and that could not be read back."""
    why = "" if failure is None else f": {failure.message}"
    return Unavailable(f"{MAYBE_DONE}, and could not be read back in time{why}", ambiguous=True)
