"""Following a session: its last messages, and then each new one as it comes, for whoever watches an agent at work.

One rule: a message is given once, also one that comes late. A message's key begins with a time that its writer chose,
so a new one may stand before others that were given already: each look begins some way back (`LOOK_BACK_US`) and leaves
out the keys that it knows. How far back is bounded in time and in number, so that a look costs one request where little
is new, and memory does not grow with the session. What comes still later is not seen.

Rows are chosen here and not by the service: the place where the next look begins moves on with every message, not only
with those that are asked for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from tsmem import limits
from tsmem.clock import Clock
from tsmem.errors import InvalidInput, InvalidReply, Unavailable
from tsmem.port import TableClient
from tsmem.rows import MAX, MIN, KeyBound, Range, Row
from tsmem.store.listing.pages import Scan
from tsmem.store.listing.scan import ReadProgress, RowScan

if TYPE_CHECKING:
    from tsmem.store.codec import Codec
    from tsmem.store.model import Message

LOOK_BACK_US = 60_000_000
"""How much earlier than the latest message seen a new one may stand: for writers whose clocks differ, and for writes
that took their time. Counted from now where the latest one is in the future, because its writer's clock is wrong."""
LOOK_BACK_MESSAGES = 1000
"""And before how many of those seen at most: an import may write any number of messages in one second."""
FIRST_ROWS = 100
"""Asked for at first, to show the last messages and to know what is there already."""
MIN_INTERVAL_S, MAX_INTERVAL_S = 0.1, 86_400.0
Place = tuple[int, str]
"""A message's place in its session: create_time and message_id."""
OnUnavailable = Callable[[Unavailable | None], None]
"""Hears why the store cannot be reached, once, and None when it answers again."""


def check_interval(seconds: float, name: str = "the interval") -> float:
    """Raises InvalidInput unless one can wait so long between two looks; `name` is what the number is called."""
    if not MIN_INTERVAL_S <= seconds <= MAX_INTERVAL_S:
        raise InvalidInput(f"{name} must be {MIN_INTERVAL_S} to {MAX_INTERVAL_S:.0f} seconds, not {seconds:g}")
    return seconds


class SessionTail:
    """One session, followed."""

    def __init__(
        self,
        client: TableClient,
        codec: Codec[Message],
        clock: Clock,
        read_progress: ReadProgress,
        session_id: str,
        wanted: Callable[[Row], bool],
    ) -> None:
        self._client = client
        self._codec = codec
        self._clock = clock
        self._read_progress = read_progress
        self._session = session_id
        self._wanted = wanted
        self._seen: _Seen | None = None
        """None until a first look came to its end."""

    def messages(self, last: int, interval_s: float, trouble: OnUnavailable | None) -> Iterator[Message]:
        """The last ones, then what each look finds; never ends by itself."""
        lost = False
        while True:
            try:
                for row in self._first(last) if self._seen is None else self._new(self._seen):
                    self._read_progress.returned += 1
                    yield self._codec.decode(row)
            except Unavailable as error:
                if trouble is None or isinstance(error, InvalidReply):
                    raise
                if not lost:
                    trouble(error)
                lost = True
            else:
                if lost and trouble is not None:
                    trouble(None)
                lost = False
            self._clock.sleep(interval_s)

    def _first(self, last: int) -> list[Row]:
        """The last rows, oldest first. What stands before them, as far as later looks will go back, is known now."""
        seen, shown = _Seen(), list[Row]()
        for row in self._backward(max(last, FIRST_ROWS)):
            place = _place(row)
            if seen.start is None:
                seen.add(place)
                seen.move_on(self._clock.now_us())
            elif place >= seen.start:
                seen.add(place)
            elif len(shown) >= last:
                break
            if len(shown) < last and self._wanted(row):
                shown.append(row)
        self._seen = seen
        return shown[::-1]

    def _new(self, seen: _Seen) -> Iterator[Row]:
        seen.move_on(self._clock.now_us())
        time, message = (MIN, "") if seen.start is None else seen.start
        span = Range((self._session, time, message or MIN), self._end)
        for row in RowScan(self._client, Scan(self._codec.table, span), read_progress=self._read_progress):
            if seen.add(_place(row)) and self._wanted(row):
                yield row

    def _backward(self, few: int) -> Iterator[Row]:
        """All rows, the latest first: a few in one request, the rest page by page where they are asked for."""
        scan = Scan(self._codec.table, Range(self._end, (self._session, MIN, MIN), backward=True))
        row, count = None, 0
        for row in islice(RowScan(self._client, scan, few, read_progress=self._read_progress), few):
            yield row
            count += 1
        if row is not None and count == few:
            yield from RowScan(self._client, scan, after=row.key, read_progress=self._read_progress)

    @property
    def _end(self) -> KeyBound:
        return (self._session, MAX, MAX)


def _place(row: Row) -> Place:
    _, time, message = row.key
    return int(time), str(message)


class _Seen:
    """The places that were seen last, in order. Nothing before `start` is remembered, and nothing there is looked at
    again; it only moves on, so that a clock that is set back makes nothing come twice."""

    def __init__(self) -> None:
        self.start: Place | None = None
        """None: nothing was seen, and everything is new."""
        self._places: list[Place] = []

    def add(self, place: Place) -> bool:
        """Whether it is new."""
        at = bisect_left(self._places, place)
        if self._places[at : at + 1] == [place]:
            return False
        self._places.insert(at, place)
        if len(self._places) > LOOK_BACK_MESSAGES:
            del self._places[0]
            self.start = self._places[0]
        return True

    def move_on(self, now_us: int) -> None:
        """Forget what is too far back."""
        if not self._places:
            return
        floor = max(limits.MIN_INTEGER, min(self._places[-1][0], now_us) - LOOK_BACK_US), ""
        self.start = floor if self.start is None else max(self.start, floor)
        del self._places[: bisect_left(self._places, self.start)]
