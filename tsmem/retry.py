"""Retries round any TableClient: with a deadline, growing pauses and jitter, and an honest end after a lost answer.

What the service refused for now is tried again. What may have been done (a lost answer) is tried again too, because
every write of the store can be repeated: puts and deletes say how the row is to be, updates set columns to values. Only
a condition can then fail on the first attempt's own work, and that is settled by reading the row back: a row equal to
ours was written, an absent one was deleted.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from tsmem.clock import Clock
from tsmem.errors import ConditionFailed, TsmemError, Unavailable
from tsmem.port import IndexSchema, RangePage, RowOutcome, SearchIndexSchema, TableClient, TableSchema
from tsmem.rows import ColumnType, Delete, Filter, Key, Put, Range, Row, TableRef, Update, Value, Write

Result = TypeVar("Result")


class RetryPolicy(NamedTuple):
    """How long to go on."""

    timeout_s: float = 30.0
    """Seconds for one answer, all attempts and pauses together."""
    first_pause_s: float = 0.1
    """Seconds before the second attempt; doubled each time, times 0.5 to 1.0 by chance."""
    max_pause_s: float = 3.0


class RetryingClient:
    """A TableClient that repeats what can be repeated."""

    def __init__(
        self, client: TableClient, clock: Clock, policy: RetryPolicy | None = None, *, seed: int | None = None
    ) -> None:
        self._client = client
        self._clock = clock
        self._policy = RetryPolicy() if policy is None else policy
        self._random = random.Random(seed)  # noqa: S311 - jitter is no secret
        self.meter = client.meter

    def _deadline(self) -> float:
        return self._clock.monotonic_s() + self._policy.timeout_s

    def _repeat(
        self, call: Callable[[], Result], *, lost: Callable[[], None] = lambda: None, deadline: float | None = None
    ) -> Result:
        """Call until it answers or the time is up; `lost` hears of each answer that may have been lost."""
        if deadline is None:
            deadline = self._deadline()
        pause = self._policy.first_pause_s
        while True:
            try:
                return call()
            except Unavailable as error:
                if error.ambiguous:
                    lost()
                wait = pause * self._random.uniform(0.5, 1.0)
                if self._clock.monotonic_s() + wait >= deadline:
                    raise
                self._clock.sleep(wait)
                pause = min(pause * 2, self._policy.max_pause_s)

    # Tables: creating and deleting may answer AlreadyExists or TableNotFound after a lost answer, and their callers
    # read what is there then.

    def list_tables(self) -> list[str]:
        return self._repeat(self._client.list_tables)

    def describe_table(self, name: str) -> TableSchema:
        return self._repeat(lambda: self._client.describe_table(name))

    def create_table(self, schema: TableSchema) -> None:
        self._repeat(lambda: self._client.create_table(schema))

    def delete_table(self, name: str) -> None:
        self._repeat(lambda: self._client.delete_table(name))

    def create_index(self, table: str, index: IndexSchema, defined: Sequence[tuple[str, ColumnType]] = ()) -> None:
        self._repeat(lambda: self._client.create_index(table, index, defined))

    def delete_index(self, table: str, name: str) -> None:
        self._repeat(lambda: self._client.delete_index(table, name))

    def list_search_indexes(self, table: str) -> list[str]:
        return self._repeat(lambda: self._client.list_search_indexes(table))

    def create_search_index(self, schema: SearchIndexSchema) -> None:
        self._repeat(lambda: self._client.create_search_index(schema))

    def describe_search_index(self, table: str, name: str) -> SearchIndexSchema:
        return self._repeat(lambda: self._client.describe_search_index(table, name))

    def delete_search_index(self, table: str, name: str) -> None:
        self._repeat(lambda: self._client.delete_search_index(table, name))

    # Reads

    def get_row(self, table: TableRef, key: Key, columns: Sequence[str] | None = None) -> Row | None:
        return self._repeat(lambda: self._client.get_row(table, key, columns))

    def get_rows(self, table: TableRef, keys: Sequence[Key], columns: Sequence[str] | None = None) -> list[Row | None]:
        return self._repeat(lambda: self._client.get_rows(table, keys, columns))

    def get_range(
        self,
        table: TableRef,
        span: Range,
        *,
        limit: int | None = None,
        columns: Sequence[str] | None = None,
        filter: Filter | None = None,  # noqa: A002 - the port's word
    ) -> RangePage:
        return self._repeat(lambda: self._client.get_range(table, span, limit=limit, columns=columns, filter=filter))

    # Writes

    def put_row(self, put: Put) -> None:
        self._write(put)

    def update_row(self, update: Update) -> None:
        self._write(update)

    def delete_row(self, delete: Delete) -> None:
        self._write(delete)

    def write_rows(self, writes: Sequence[Write]) -> list[RowOutcome]:
        doubtful = False

        def lost() -> None:
            nonlocal doubtful
            doubtful = True

        deadline = self._deadline()
        outcomes = self._repeat(lambda: self._client.write_rows(writes), lost=lost, deadline=deadline)
        return [
            self._settled(write, outcome, doubtful, deadline) for write, outcome in zip(writes, outcomes, strict=True)
        ]

    def _settled(self, write: Write, outcome: RowOutcome, doubtful: bool, deadline: float) -> RowOutcome:
        """A row's outcome once it is tried alone, where the service could not do it for now and time is left."""
        try:
            if isinstance(outcome, Unavailable):
                if self._clock.monotonic_s() >= deadline:
                    return outcome
                self._write(write, doubtful=doubtful or outcome.ambiguous, deadline=deadline)
            elif isinstance(outcome, ConditionFailed) and doubtful:
                self._read_back(write, outcome)
            else:
                return outcome
        except TsmemError as error:
            return error
        return None

    def _write(self, write: Write, *, doubtful: bool = False, deadline: float | None = None) -> None:
        def lost() -> None:
            nonlocal doubtful
            doubtful = True

        try:
            self._repeat(lambda: self._send(write), lost=lost, deadline=deadline)
        except ConditionFailed as error:
            if not doubtful:
                raise
            self._read_back(write, error)

    def _send(self, write: Write) -> None:
        if isinstance(write, Put):
            self._client.put_row(write)
        elif isinstance(write, Update):
            self._client.update_row(write)
        else:
            self._client.delete_row(write)

    def _read_back(self, write: Write, error: ConditionFailed) -> None:
        """Raises `error` unless the row is as the write would have left it."""
        row = self.get_row(write.table, write.key)
        if isinstance(write, Delete):
            done = row is None
        elif row is None:
            done = False
        elif isinstance(write, Put):
            done = _same(row.columns, write.columns)
        else:
            done = all(_same_value(row.columns.get(name), value) for name, value in write.columns.items()) and not any(
                name in row.columns for name in write.delete
            )
        if not done:
            raise error

    def close(self) -> None:
        self._client.close()


def _same(found: Mapping[str, Value], ours: Mapping[str, Value]) -> bool:
    return found.keys() == ours.keys() and all(_same_value(found[name], value) for name, value in ours.items())


def _same_value(found: Value | None, ours: Value) -> bool:
    return type(found) is type(ours) and repr(found) == repr(ours)
