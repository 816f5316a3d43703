"""Follow a session: return its last messages, then each new one as it arrives. `Messages.follow` uses it.

Messages are ordered by a time that their writers chose, so a new message can come before messages that were already
returned. Each poll therefore starts some way back and skips the messages that it knows. LOOK_BACK_US and
LOOK_BACK_MESSAGES bound how far back, so that a poll usually costs one request and memory does not grow with the
session. The start of the next poll depends on all messages, so the service does not filter them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import islice

from tsmem import limits
from tsmem.clock import Clock
from tsmem.errors import InvalidInput, InvalidReply, Unavailable
from tsmem.rows import MAX, MIN, Range, Row, TableRef
from tsmem.store.listing.scan import RowScan, Scan

LOOK_BACK_US = 60_000_000
"""Microseconds before the latest message at which a poll starts. This allows for slow writes and for writers whose
clocks differ. If the latest message is in the future, its writer's clock is wrong, and the poll starts this long before
now."""
LOOK_BACK_MESSAGES = 1000
"""Maximum number of known messages that a poll reads again. An import can write any number of messages with about the
same time."""
MIN_FIRST_ROWS = 100
"""Minimum number of rows that the first poll reads, so that the second poll knows them."""
MIN_INTERVAL_S, MAX_INTERVAL_S = 0.1, 86_400.0
Place = tuple[int, str]
"""A message's place in its session: create_time and message_id."""
_FIRST_PLACE: Place = (limits.MIN_INTEGER, "")
OnUnavailable = Callable[[Unavailable | None], None]
"""A callback that gets the error when the store cannot be reached, and None when it can be reached again."""


def check_interval(seconds: float, name: str = "the interval") -> float:
    if not MIN_INTERVAL_S <= seconds <= MAX_INTERVAL_S:
        raise InvalidInput(f"{name} must be {MIN_INTERVAL_S} to {MAX_INTERVAL_S:.0f} seconds, not {seconds:g}")
    return seconds


class SessionTail:
    def __init__(
        self,
        read: Callable[..., RowScan],
        table: TableRef,
        clock: Clock,
        session_id: str,
        matches: Callable[[Row], bool],
    ) -> None:
        self._read = read
        self._table = table
        self._clock = clock
        self._session_id = session_id
        self._matches = matches
        self._start: Place = _FIRST_PLACE
        """The place at which the next poll starts. It never moves back, so that no message is returned twice even if
        the clock is set back."""
        self._known: list[Place] = []
        """The places of the messages seen from `_start` on, in order."""

    def rows(self, last: int, interval_s: float, on_unavailable: OnUnavailable | None) -> Iterator[Row]:
        has_polled = is_unavailable = False
        while True:
            try:
                rows = self._new_rows() if has_polled else self._last_rows(last)
                has_polled = True
                yield from rows
                if is_unavailable and on_unavailable is not None:
                    on_unavailable(None)
                is_unavailable = False
            except Unavailable as error:
                if on_unavailable is None or isinstance(error, InvalidReply):
                    raise
                if not is_unavailable:
                    on_unavailable(error)
                is_unavailable = True
            self._clock.sleep(interval_s)

    def _last_rows(self, last: int) -> Iterator[Row]:
        """Return the last matching rows, oldest first. Reads on until it knows all rows that the next poll will see."""
        self._known, self._start = [], _FIRST_PLACE
        found: list[Row] = []
        for row in self._newest_first(max(last, MIN_FIRST_ROWS)):
            if not self._record(row) and len(found) >= last:
                break
            if len(found) < last and self._matches(row):
                found.append(row)
        return reversed(found)

    def _new_rows(self) -> Iterator[Row]:
        time, message_id = self._start
        span = Range((self._session_id, time, message_id or MIN), (self._session_id, MAX, MAX))
        for row in self._read(Scan(self._table, span)):
            if self._record(row) and self._matches(row):
                yield row

    def _newest_first(self, first_rows: int) -> Iterator[Row]:
        span = self._table.range_of(self._session_id)
        scan = Scan(self._table, Range(span.end, span.start, backward=True))
        first = list(islice(self._read(scan, first_rows), first_rows))
        yield from first
        if len(first) == first_rows:
            yield from self._read(scan, after=first[-1].key)

    def _record(self, row: Row) -> bool:
        """Record a message's place, and move the start of the next poll forward. Return False if the place was known or
        is before the start."""
        place = int(row.key[1]), str(row.key[2])
        at = bisect_left(self._known, place)
        if place < self._start or self._known[at : at + 1] == [place]:
            return False
        self._known.insert(at, place)
        floor = min(self._known[-1][0], self._clock.now_us()) - LOOK_BACK_US
        self._start = max(self._start, (floor, ""))
        if len(self._known) > LOOK_BACK_MESSAGES:
            self._start = max(self._start, self._known[-LOOK_BACK_MESSAGES])
        del self._known[: bisect_left(self._known, self._start)]
        return True
