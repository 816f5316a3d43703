"""The state of one batch write that is sent until no row of it is left: every row is settled by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tsmem.errors import ConditionFailed, LimitExceeded, TsmemError, Unavailable
from tsmem.port import RowOutcome, TableClient
from tsmem.rows import Delete, Put, Row, Value, Write

TOO_LARGE = "OTSRequestBodyTooLarge"
"""The service's code for a request over 5 MB on the wire, of which nothing was done. The limit of 4 MB counts names and
values alone, so a batch within it may still be too large as it is encoded."""


class WriteBatch:
    """Writes of different rows. `send` sends those that are left, and may be called again and again."""

    def __init__(self, client: TableClient, writes: Sequence[Write], in_time: Callable[[], bool]) -> None:
        self._client = client
        self._writes = writes
        self._in_time = in_time
        self.untried = Unavailable("there was no time left to try it; it was not done")
        """The outcome of a row that was not sent."""
        self.outcomes: list[RowOutcome] = [self.untried] * len(writes)
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
        if not self._in_time():
            return
        outcomes: Sequence[RowOutcome]
        try:
            outcomes = self._client.write_rows([self._writes[place] for place in places])
            self.answered = True
        except TsmemError as error:
            too_large = isinstance(error, LimitExceeded) and error.service_code == TOO_LARGE
            if too_large and len(places) > 1:
                self._send(places[: len(places) // 2])
                self._send(places[len(places) // 2 :])
                return
            if not (self.answered or isinstance(error, Unavailable) or (too_large and len(self._writes) > 1)):
                raise
            outcomes = [error] * len(places)
        for place, outcome in zip(places, outcomes, strict=True):
            self.outcomes[place] = outcome
            if isinstance(outcome, Unavailable) and outcome.ambiguous:
                self.unconfirmed.add(place)
            elif isinstance(outcome, ConditionFailed) and place in self.unconfirmed:
                self.unsettled.append(place)


def is_as_written(write: Write, row: Row | None) -> bool:
    """Return True if a row is as the write would have left it."""
    if isinstance(write, Delete) or row is None:
        return isinstance(write, Delete) and row is None
    if isinstance(write, Put):
        return row.columns.keys() == write.columns.keys() and _has_values(row, write.columns)
    return _has_values(row, write.columns) and not any(name in row.columns for name in write.delete)


def _has_values(row: Row, ours: Mapping[str, Value]) -> bool:
    """Return True if a row has these values, of the same types: 1 is not True, and 0.0 is not -0.0."""
    found = row.columns
    return all(
        type(found.get(name)) is type(value) and repr(found[name]) == repr(value) for name, value in ours.items()
    )
