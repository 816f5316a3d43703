"""What a store holds, in numbers: how much of what, since when, and what is big.

One rule: each row is read once and none is kept, so memory does not grow with the store. Messages come session by
session, so that only the session at hand is summed; what is listed by size is a short table of the largest; of days
there are no more than the calendar has. Days are UTC's: the same numbers on every machine.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Generic, Literal, NamedTuple, TypeVar

from tsmem import limits
from tsmem.port import TableClient
from tsmem.rows import MAX, MIN, Comparison, Key, Op, Range, Row
from tsmem.store.bulk.result import BulkResult
from tsmem.store.codec import Codecs
from tsmem.store.listing.pages import Scan
from tsmem.store.listing.scan import RowScan
from tsmem.store.messages import Messages
from tsmem.store.sessions import Sessions

MAX_BIGGEST = 10
"""Sessions that are listed by size."""
MAX_CELLS = 100
"""Cells near their limit that are listed; all are counted."""
MAX_ROLES = 100
"""Different roles that are counted each for itself; a role is any text."""
MAX_ROLE_CHARACTERS = 100
"""Of a role that is counted for itself."""
NEAR_LIMIT_BYTES = limits.MAX_VALUE_BYTES * 4 // 5
"""From here on a cell is near its limit: 80 % of 2 MB."""
_DAY_US = 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).date()
_DAYS = range((date.min - _EPOCH).days, (date.max - _EPOCH).days + 1)
"""Those that a calendar has, counted from 1970."""
T = TypeVar("T")


class SessionSize(NamedTuple):
    """What the messages of one session come to."""

    session_id: str
    messages: int
    bytes: int
    first_time: int
    last_time: int


class CellSize(NamedTuple):
    """One cell near the limit of 2 MB."""

    kind: Literal["session", "message"]
    key: Key
    """In the order of its table's key."""
    column: str
    bytes: int


class Statistics(NamedTuple):
    """The numbers. Times are microseconds since 1970 UTC."""

    sessions: int
    users: int
    messages: int
    bytes: int
    """Of keys, names and values of all rows, as the service counts them."""
    first_time: int | None
    """Of a message; None without messages."""
    last_time: int | None
    roles: Mapping[str | None, int]
    """Messages of each role, most first; None is no role."""
    other_roles: int
    """Messages whose role is one too many, or too long, to be counted for itself."""
    days: Mapping[date, int]
    """Messages of each day (UTC) that has some, in order."""
    undated: int
    """Messages whose time is on no calendar."""
    biggest: tuple[SessionSize, ...]
    """The ten sessions whose messages are the most bytes."""
    near_limit: int
    """Cells of 80 % of 2 MB and more."""
    cells: tuple[CellSize, ...]
    """The largest hundred of them."""


class Counter:
    """Counts rows as they come: sessions in the order of their table, messages session by session."""

    def __init__(self) -> None:
        self._sessions = self._users = self._messages = self._bytes = 0
        self._user: object = None
        self._session: SessionSize | None = None
        self._first_time: int | None = None
        self._last_time: int | None = None
        self._roles: dict[str | None, int] = {}
        self._other_roles = self._undated = 0
        self._days: dict[int, int] = {}
        self._biggest: Largest[SessionSize] = Largest(MAX_BIGGEST, lambda session: session.bytes)
        self._cells = Cells()

    def add_session(self, row: Row) -> int:
        """One session more. Returns its bytes."""
        self._sessions += 1
        if row.key[0] != self._user:
            self._user = row.key[0]
            self._users += 1
        return self._sized("session", ("user_id", "session_id"), row)

    def add_message(self, row: Row) -> int:
        """One message more. Returns its bytes."""
        session_id, time = str(row.key[0]), int(row.key[1])
        size = self._sized("message", ("session_id", "create_time", "message_id"), row)
        self._messages += 1
        at_hand = self._session
        if at_hand is None or at_hand.session_id != session_id:
            self._end_session()
            at_hand = SessionSize(session_id, 0, 0, time, time)
        self._session = SessionSize(
            session_id, at_hand.messages + 1, at_hand.bytes + size, at_hand.first_time, max(at_hand.last_time, time)
        )
        self._count_role(row.columns.get("role"))
        self._count_day(time // _DAY_US)
        return size

    def end(self) -> Statistics:
        """What it comes to."""
        self._end_session()
        days = {_EPOCH + timedelta(days=day): self._days[day] for day in sorted(self._days)}
        roles = dict(sorted(self._roles.items(), key=lambda each: (-each[1], each[0] or "")))
        return Statistics(
            self._sessions, self._users, self._messages, self._bytes, self._first_time, self._last_time,
            roles, self._other_roles, days, self._undated,
            tuple(self._biggest.items), self._cells.count, tuple(self._cells.largest.items),
        )  # fmt: skip

    def _sized(self, kind: Literal["session", "message"], names: tuple[str, ...], row: Row) -> int:
        key = zip(names, row.key, strict=True)
        size = sum(limits.name_bytes(name) + limits.value_bytes(name, value) for name, value in key)
        size += self._cells.add(kind, row)
        self._bytes += size
        return size

    def _end_session(self) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        self._biggest.add(session)
        if self._first_time is None or session.first_time < self._first_time:
            self._first_time = session.first_time
        if self._last_time is None or session.last_time > self._last_time:
            self._last_time = session.last_time

    def _count_role(self, value: object) -> None:
        role = value if isinstance(value, str) else None
        long = role is not None and len(role) > MAX_ROLE_CHARACTERS
        if long or (role not in self._roles and len(self._roles) == MAX_ROLES):
            self._other_roles += 1
        else:
            self._roles[role] = self._roles.get(role, 0) + 1

    def _count_day(self, day: int) -> None:
        if day in _DAYS:
            self._days[day] = self._days.get(day, 0) + 1
        else:
            self._undated += 1


class Largest(Generic[T]):
    """The largest of what was added, largest first; of equals those that came first."""

    def __init__(self, most: int, size: Callable[[T], int]) -> None:
        self._most = most
        self._size = size
        self.items: list[T] = []

    def add(self, item: T) -> None:
        """Keep it if it is one of them."""
        if len(self.items) == self._most and self._size(item) <= self._size(self.items[-1]):
            return
        insort(self.items, item, key=lambda each: -self._size(each))
        del self.items[self._most :]


class Cells:
    """Looks for cells near their limit."""

    def __init__(self) -> None:
        self.count = 0
        self.largest: Largest[CellSize] = Largest(MAX_CELLS, lambda cell: cell.bytes)

    def add(self, kind: Literal["session", "message"], row: Row) -> int:
        """Look at a row's attribute columns. Returns their bytes, names included."""
        size = sum(limits.name_bytes(name) + limits.value_bytes(name, value) for name, value in row.columns.items())
        if size >= NEAR_LIMIT_BYTES:
            for cell in large_cells(kind, row):
                self.count += 1
                self.largest.add(cell)
        return size


def large_cells(kind: Literal["session", "message"], row: Row) -> Iterator[CellSize]:
    """The cells of a row that are near the limit."""
    for name, value in row.columns.items():
        if isinstance(value, str | bytes) and (length := limits.value_bytes(name, value)) >= NEAR_LIMIT_BYTES:
            yield CellSize(kind, row.key, name, length)


class Survey:
    """Reads what the numbers are of, once."""

    def __init__(
        self, client: TableClient, codecs: Codecs, sessions: Sessions, messages: Messages, result: BulkResult
    ) -> None:
        """`tally` is kept up to date on the way."""
        self._client = client
        self._codecs = codecs
        self._sessions = sessions
        self._messages = messages
        self._tally = result
        self._counter = Counter()

    def of_everything(self) -> Statistics:
        """All users. Cost: ceil(s / 5,000) + ceil(m / 5,000) requests."""
        for _ in self._session_ids(Range((MIN, MIN), (MAX, MAX))):
            pass
        return self._of_messages(RowScan(self._client, self._whole_table(), read_progress=self._messages.read_progress))

    def of_user(self, user_id: str) -> Statistics:
        """One user's sessions and their messages. Cost: as everything's, and one request at least a session."""
        user = self._codecs.session.check_id("user_id", user_id)
        ids = self._session_ids(Range((user, MIN), (user, MAX)))
        return self._of_messages(self._messages.rows_of(ids))

    def of_session(self, session_id: str) -> Statistics:
        """One session id, whoever has it. Cost: as everything's, of messages those of the session: the session table's
        key begins with the user."""
        session = self._codecs.session.check_id("session_id", session_id)
        test = Comparison("session_id", Op.EQ, session)
        for _ in self._session_ids(Range((MIN, MIN), (MAX, MAX)), test):
            pass
        return self._of_messages(self._messages.rows_of([session]))

    def _whole_table(self) -> Scan:
        return Scan(self._codecs.message.table, Range((MIN, MIN, MIN), (MAX, MAX, MAX)))

    def _session_ids(self, span: Range, test: Comparison | None = None) -> Iterator[str]:
        """Count sessions, and tell of each."""
        scan = Scan(self._codecs.session.table, span, test)
        for row in RowScan(self._client, scan, read_progress=self._sessions.read_progress):
            self._tally.bytes += self._counter.add_session(row)
            self._tally.sessions += 1
            yield str(row.key[1])

    def _of_messages(self, rows: Iterator[Row]) -> Statistics:
        for row in rows:
            self._tally.bytes += self._counter.add_message(row)
            self._tally.messages += 1
        return self._counter.end()
