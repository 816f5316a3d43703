"""A TableClient that retries the calls of another one, with growing pauses, until a deadline.

- If every attempt fails, the error is that of the last attempt. It is ambiguous if any attempt was: the request may
  have been carried out.
- A write is sent again after its reply was lost. That is safe because every write of the store can be repeated: puts
  and deletes say how the whole row shall be, and updates set columns to values.
- A repeated write can fail because its condition no longer holds after the first attempt. Then the row is read back,
  before the same deadline. A row that equals ours counts as written, and a missing row as deleted.
- Only the failed rows of a batch are sent again, together.
- If waiting is unlikely to fix an error, the attempts end sooner (the error's `hopeless_after_s`): a mistyped host is
  reported within seconds, a wrong certificate at once.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from tsmem.clock import Clock, deadline, time_left_s
from tsmem.errors import (
    AlreadyExists,
    ConditionFailed,
    InvalidReply,
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
from tsmem.rows import ColumnType, Delete, Filter, Key, Put, Range, Row, TableRef, Update, Write, is_same

if TYPE_CHECKING:
    from tsmem.queries import Search, SearchPage

Result = TypeVar("Result")
Outcome = TypeVar("Outcome")
_REQUEST_TOO_LARGE = "OTSRequestBodyTooLarge"
"""The service's code for a request over 5 MB on the wire, which it does not carry out. A batch within the port's limit
of 4 MB can be that large, because the port counts only names and values, and not their encoding."""

_MIN_ATTEMPTS = 3
"""Attempts before an error with a `hopeless_after_s` above 0 ends a call, even if each attempt takes long."""
_LAST_ATTEMPT_S, _LAST_ATTEMPT_SHARE = 1.0, 0.1
"""Time kept free for the last attempt: this many seconds, or this share of the timeout if that is less."""
MAYBE_DONE = "the request may have been carried out"


class RetryPolicy(NamedTuple):
    timeout_s: float = 30.0
    """Total seconds for one call, with all its attempts and pauses."""
    first_pause_s: float = 0.1
    """Each pause is half to all of this, doubled after every attempt."""
    max_pause_s: float = 3.0


class Attempts:
    def __init__(self, clock: Clock, policy: RetryPolicy, random_source: random.Random) -> None:
        callers_left_s = time_left_s()
        timeout_s = policy.timeout_s if callers_left_s is None else min(policy.timeout_s, callers_left_s)
        self._clock = clock
        self._policy = policy
        self._random = random_source
        self._started_s = clock.monotonic_s()
        self._pause_s = policy.first_pause_s
        self.deadline_s = self._started_s + timeout_s
        self._last_start_s = self.deadline_s - min(_LAST_ATTEMPT_S, timeout_s * _LAST_ATTEMPT_SHARE)
        self._is_last = False
        self.count = 0
        self.is_ambiguous = False
        """True if an attempt may have been carried out although it failed. The caller sets it."""

    def wait(self, error: Unavailable) -> bool:
        """Pause before the next attempt and return True, or return False at once if there should be none."""
        now_s = self._clock.monotonic_s()
        next_s = min(now_s + self._pause_s * self._random.uniform(0.5, 1.0), self._last_start_s)
        hopeless_s = error.hopeless_after_s
        is_hopeless = hopeless_s == 0 or (
            hopeless_s is not None and self.count >= _MIN_ATTEMPTS and next_s - self._started_s >= hopeless_s
        )
        if self._is_last or next_s <= now_s or is_hopeless:
            return False
        self._is_last = next_s == self._last_start_s
        self._clock.sleep(next_s - now_s)
        self._pause_s = min(self._pause_s * 2, self._policy.max_pause_s)
        return True

    def final_error(self, error: Unavailable, *, is_ambiguous: bool, is_write: bool) -> Unavailable:
        """Return the error of the call, given the last attempt's. An ambiguous one becomes a plain Unavailable, because
        its subclass Throttled says that nothing was carried out."""
        times = "once" if self.count == 1 else f"{self.count} times"
        tried_s = self._clock.monotonic_s() - self._started_s
        message = f"{error.message.rstrip('.')} (tried {times} in {tried_s:.3g} s)"
        if is_ambiguous and is_write:
            message += f"; {MAYBE_DONE}"
        return (Unavailable if is_ambiguous else type(error))(
            message,
            ambiguous=is_ambiguous,
            hint=error.hint or "try again later, or raise `timeout` (seconds) in the profile",
            request_id=error.request_id,
            service_code=error.service_code,
        )


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
        attempts = self._attempts() if attempts is None else attempts
        while True:
            attempts.count += 1
            cuts = self.limiter.cuts
            try:
                with deadline(self._clock, attempts.deadline_s):
                    result = call()
                self.limiter.answered()
                return result
            except TsmemError as error:
                if isinstance(error, InvalidReply) or not isinstance(error, Unavailable):  # it would fail again
                    if attempts.is_ambiguous:
                        raise _in_doubt(error, is_write=is_write) from error
                    raise
                if isinstance(error, Throttled):
                    self.limiter.throttled(cuts)
                attempts.is_ambiguous = attempts.is_ambiguous or error.ambiguous
                if not attempts.wait(error):
                    raise attempts.final_error(error, is_ambiguous=attempts.is_ambiguous, is_write=is_write) from error

    # Tables

    def _retry_schema_change(self, call: Callable[[], None], already_done: type[TsmemError]) -> None:
        """After an ambiguous attempt, take the error `already_done` for success. Somebody else may have made a
        different change, so callers read what exists."""
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
        batch = _Batch(lambda some: self._client.get_rows(table, some, columns), keys, self._attempts())
        self._send_batch(batch, is_write=False)
        return batch.outcomes

    def _send_batch(self, batch: _Batch[Outcome], *, is_write: bool) -> None:
        """Raise an error only if it concerns all rows. Its message does not say that they may have been written: the
        caller counts them."""
        attempts = batch.attempts
        try:
            self._retry(batch.send, attempts)
        except Unavailable:
            if not batch.has_reply:
                raise
        for position, outcome in enumerate(batch.outcomes):
            is_ambiguous = is_write and position in batch.unconfirmed
            if isinstance(outcome, Unavailable) and outcome is not batch.not_sent:
                error = attempts.final_error(outcome, is_ambiguous=is_ambiguous, is_write=is_write)
                batch.outcomes[position] = error
            elif isinstance(outcome, TsmemError) and is_ambiguous:
                batch.outcomes[position] = _in_doubt(outcome, is_write=True)

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
        """A batch that writes a row twice is sent once and not retried: if only the earlier write failed, sending it
        again would overwrite the later one."""
        attempts = self._attempts()
        rows = {(write.table.name, repr(write.key)) for write in writes}  # as text: an invalid key may be unhashable
        if len(rows) < len(writes):
            with deadline(self._clock, attempts.deadline_s):
                return self._client.write_rows(writes)
        batch = _Batch(self._client.write_rows, writes, attempts)
        self._send_batch(batch, is_write=True)
        self._settle(batch, writes)
        return batch.outcomes

    def _settle(self, batch: _Batch[None], writes: Sequence[Write]) -> None:
        """Read back the rows whose condition failed, perhaps because of our own earlier attempt."""
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
    """Reads or writes of different rows, and their outcomes so far."""

    def __init__(
        self, call: Callable[[Sequence[Any]], Sequence[Outcome | TsmemError]], rows: Sequence[Any], attempts: Attempts
    ) -> None:
        """`call` sends some of the rows (keys or writes), and returns their outcomes."""
        self._call = call
        self._rows = rows
        self.attempts = attempts
        self.not_sent = Unavailable("no time was left to send it; it was not carried out")
        self.outcomes: list[Outcome | TsmemError] = [self.not_sent] * len(rows)
        self.has_reply = False
        """True once the service has replied to any part of the batch. Until then an error concerns all rows."""
        self.unconfirmed: set[int] = set()
        """Positions of rows that an attempt may have written although it failed."""

    def send(self) -> None:
        """Send the rows that may still succeed. Raises Unavailable if some remain, or an error of the whole batch."""
        self._send([position for position, outcome in enumerate(self.outcomes) if isinstance(outcome, Unavailable)])
        remaining = [outcome for outcome in self.outcomes if isinstance(outcome, Unavailable)]
        if remaining:
            raise max(remaining, key=lambda error: error.ambiguous)

    def _send(self, positions: Sequence[int]) -> None:
        if time_left_s() == 0:
            return
        outcomes: Sequence[Outcome | TsmemError]
        try:
            outcomes = self._call([self._rows[position] for position in positions])
            self.has_reply = True
        except TsmemError as error:
            is_too_large = error.service_code == _REQUEST_TOO_LARGE
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


def _in_doubt(error: TsmemError, *, is_write: bool) -> TsmemError:
    """Return the last error of a call of which an earlier attempt may have been carried out. A failed condition stays
    as it is, because the caller reads the row back."""
    if error.ambiguous or isinstance(error, ConditionFailed):
        return error
    doubtful = copy(error)
    doubtful.ambiguous = True
    doubtful.message += f"; {MAYBE_DONE}" if is_write else ""
    return doubtful


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
