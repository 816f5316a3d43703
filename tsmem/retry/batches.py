"""Batches that are sent until nothing of them is left: what is known of each row, and what is to be asked for again.

Its one rule: each row is settled by itself, so a batch that is sent holds each key once. Of a batch in which a key
comes twice, `rounds` makes several: the first writes of all keys, then the second ones. Otherwise a write that is
refused for now would be done after a later one of its row, and of a lost answer nobody could say which was done.

A request that is too large on the wire, although its rows are not, is cut in two: the service counts 4 MB of names and
values, and the way to it 5 MB of what they are written as.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from tsmem.errors import ConditionFailed, LimitExceeded, TsmemError, Unavailable
from tsmem.limits import check_batch, check_write
from tsmem.port import RowOutcome, RowRead, TableClient
from tsmem.rows import Delete, Existence, Key, Put, Row, TableRef, Value, Write

TOO_LARGE = "OTSRequestBodyTooLarge"
"""Certainly nothing was done."""


def _untried() -> Unavailable:
    return Unavailable("there was no time left to try it; it was not done")


def rounds(writes: Sequence[Write]) -> list[list[int]]:
    """The places of a batch's writes, parted so that no part holds a key twice, in an order that keeps each key's.

    A batch that the service refuses as a whole stays whole, or is refused here: no part of it may be done."""
    parts: list[list[int]] = [[]]
    seen: dict[tuple[str, str], int] = {}
    for place, write in enumerate(writes):
        row = (write.table.name, repr(write.key))  # as text, because a wrong key may be unhashable
        turn = seen[row] = seen.get(row, -1) + 1
        if turn == len(parts):
            parts.append([])
        parts[turn].append(place)
    if len(parts) == 1 or any(write.condition.existence is not Existence.IGNORE for write in writes):
        return [list(range(len(writes)))]
    sizes = []
    for write in writes:
        with suppress(TsmemError):  # the row's own outcome
            sizes.append(check_write(write))
    check_batch(writes, sizes)
    return parts


class WriteBatch:
    """Writes of which no two are of one row. `send` sends what is left of them, again and again."""

    def __init__(self, client: TableClient, writes: Sequence[Write], in_time: Callable[[], bool]) -> None:
        self._client = client
        self._writes = writes
        self._in_time = in_time
        self.answered = False
        """Whether any of it was answered; until then it fails as a whole."""
        self.outcomes: list[RowOutcome] = [_untried()] * len(writes)
        self.tried: set[int] = set()
        """Places of rows that were sent, or were to be."""
        self.unconfirmed: set[int] = set()
        """Places of rows that an attempt may have written without saying so."""
        self.unsettled: list[int] = []
        """Places of unconfirmed rows whose condition failed, perhaps on our own write: to be read back."""

    def send(self) -> None:
        """Send what is left. Raises the failure of the whole, or Unavailable when rows are left."""
        self._send([place for place, outcome in enumerate(self.outcomes) if isinstance(outcome, Unavailable)])
        left = [outcome for outcome in self.outcomes if isinstance(outcome, Unavailable)]
        if left:
            raise max(left, key=lambda error: error.ambiguous)

    def _send(self, places: Sequence[int]) -> None:
        if not self._in_time():
            return
        found: Sequence[RowOutcome]
        try:
            found = self._client.write_rows([self._writes[place] for place in places])
            self.answered = True
        except TsmemError as error:
            too_large = isinstance(error, LimitExceeded) and error.service_code == TOO_LARGE
            if too_large and len(places) > 1:
                self._send(places[: len(places) // 2])
                self._send(places[len(places) // 2 :])
                return
            of_rows = self.answered or isinstance(error, Unavailable) or (too_large and len(self._writes) > 1)
            if not of_rows:
                raise
            found = [error] * len(places)
        for place, outcome in zip(places, found, strict=True):
            self._note(place, outcome)

    def _note(self, place: int, outcome: RowOutcome) -> None:
        self.outcomes[place] = outcome
        self.tried.add(place)
        if isinstance(outcome, Unavailable) and outcome.ambiguous:
            self.unconfirmed.add(place)
        elif isinstance(outcome, ConditionFailed) and place in self.unconfirmed:
            self.unsettled.append(place)


class ReadBatch:
    """Rows of one table. `read` asks for what is left of them, again and again."""

    def __init__(
        self, client: TableClient, table: TableRef, keys: Sequence[Key], columns: Sequence[str] | None = None
    ) -> None:
        self._client = client
        self._table = table
        self._keys = keys
        self._columns = columns
        self.found: list[RowRead] = [_untried()] * len(keys)
        self.answered = False
        """True once the service has answered."""

    def read(self) -> None:
        """Ask for what is left. Raises Unavailable when rows are still left."""
        left = [place for place, row in enumerate(self.found) if isinstance(row, Unavailable)]
        rows = self._client.get_rows(self._table, [self._keys[place] for place in left], self._columns)
        self.answered = True
        for place, row in zip(left, rows, strict=True):
            self.found[place] = row
        for row in self.found:
            if isinstance(row, Unavailable):
                raise row


def is_as_written(write: Write, row: Row | None) -> bool:
    """Whether a row is as a write would have left it."""
    if isinstance(write, Delete):
        return row is None
    if row is None:
        return False
    if isinstance(write, Put):
        return _same(row.columns, write.columns)
    return all(_same_value(row.columns.get(name), value) for name, value in write.columns.items()) and not any(
        name in row.columns for name in write.delete
    )


def _same(found: Mapping[str, Value], ours: Mapping[str, Value]) -> bool:
    return found.keys() == ours.keys() and all(_same_value(found[name], value) for name, value in ours.items())


def _same_value(found: Value | None, ours: Value) -> bool:
    return type(found) is type(ours) and repr(found) == repr(ours)
