"""Follows a session: its last messages, then each new one as it comes, for `tsmem message tail --follow`.

Each message is returned once, also one that arrives late. A message's key begins with a time that its writer chose, so
a new one may stand before others that were returned already. Each look therefore begins some way back and leaves out
the keys that it knows. How far back is bounded in time (LOOK_BACK_US) and in number (LOOK_BACK_MESSAGES), so that a
look costs one request where little is new, and memory does not grow with the session.

Rows are selected here and not by the service: the start of the next look moves on with every message, not only with the
selected ones.
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
"""Microseconds before the latest message that each look goes back: for writers whose clocks differ, and slow writes.
Counted from now if the latest message is in the future, because then its writer's clock is wrong."""
LOOK_BACK_MESSAGES = 1000
"""Known messages that each look goes back at most: an import may write any number in one second."""
FIRST_ROWS = 100
"""Rows of the first request, to return the last messages and to know what exists."""
MIN_INTERVAL_S, MAX_INTERVAL_S = 0.1, 86_400.0
Place = tuple[int, str]
"""A message's place in its session: create_time and message_id."""
_FIRST: Place = (limits.MIN_INTEGER, "")
OnUnavailable = Callable[[Unavailable | None], None]
"""Called once with the error when the store cannot be reached, and with None when it can be again."""


def check_interval(seconds: float, name: str = "the interval") -> float:
    """Return a valid pause between two looks. Raises InvalidInput, which calls the number `name`."""
    if not MIN_INTERVAL_S <= seconds <= MAX_INTERVAL_S:
        raise InvalidInput(f"{name} must be {MIN_INTERVAL_S} to {MAX_INTERVAL_S:.0f} seconds, not {seconds:g}")
    return seconds


class SessionTail:
    """The messages of one session, followed."""

    def __init__(
        self,
        read: Callable[..., RowScan],
        table: TableRef,
        clock: Clock,
        session_id: str,
        wanted: Callable[[Row], bool],
    ) -> None:
        """`read` is that of the collection of messages."""
        self._read = read
        self._table = table
        self._clock = clock
        self._session_id = session_id
        self._wanted = wanted
        self._known: list[Place] = []
        """The places of the latest messages, in order, from `_start` on."""
        self._start: Place = _FIRST
        """Places before it are not looked at again. It never moves back, so a clock that is set back makes no message
        come twice."""

    def rows(self, last: int, interval_s: float, on_unavailable: OnUnavailable | None) -> Iterator[Row]:
        """Yield the rows of the last messages, then those that each look finds. Never ends by itself."""
        begun = is_unavailable = False
        while True:
            try:
                rows = self._next_look() if begun else self._first_look(last)
                begun = True
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

    def _first_look(self, last: int) -> Iterator[Row]:
        """Return the last rows, oldest first, and note every place that later looks may reach back to."""
        self._known, self._start = [], _FIRST
        shown: list[Row] = []
        for row in self._newest_first(max(last, FIRST_ROWS)):
            if not self._note(row) and len(shown) >= last:
                break
            if len(shown) < last and self._wanted(row):
                shown.append(row)
        return reversed(shown)

    def _next_look(self) -> Iterator[Row]:
        time, message_id = self._start
        span = Range((self._session_id, time, message_id or MIN), (self._session_id, MAX, MAX))
        for row in self._read(Scan(self._table, span)):
            if self._note(row) and self._wanted(row):
                yield row

    def _newest_first(self, few: int) -> Iterator[Row]:
        """Yield all rows, the latest first: a few from one request, the rest page by page as they are consumed."""
        span = self._table.range_of(self._session_id)
        scan = Scan(self._table, Range(span.end, span.start, backward=True))
        first = list(islice(self._read(scan, few), few))
        yield from first
        if len(first) == few:
            yield from self._read(scan, after=first[-1].key)

    def _note(self, row: Row) -> bool:
        """Note a message's place, and move the start of later looks on. Return False if the place is known or before
        the start."""
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
