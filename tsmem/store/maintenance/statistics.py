"""Counts and measures what is in a store, for `tsmem stats`.

Each row is read once and not kept, so memory does not grow with the store. Messages come session by session, so
only the present session is summed. Days are UTC days, so that every machine shows the same numbers.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Literal, NamedTuple, TypeVar

from tsmem import limits
from tsmem.rows import Key, Row, Value
from tsmem.store.bulk.result import BulkResult
from tsmem.store.codec import Codecs
from tsmem.store.messages import Messages
from tsmem.store.sessions import Sessions

MAX_BIGGEST = 10
MAX_CELLS = 100
"""Cells near their limit that are listed; all are counted."""
MAX_ROLES = 100
"""Roles that are counted each; a role may be any text."""
MAX_ROLE_CHARACTERS = 100
NEAR_LIMIT_BYTES = limits.MAX_VALUE_BYTES * 4 // 5
"""The size of a cell near its limit: 80 % of 2 MB."""
_DAY_US = 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).date()
_DAYS = range((date.min - _EPOCH).days, (date.max - _EPOCH).days + 1)
"""The days of the calendar, counted from 1970."""


class SessionSize(NamedTuple):
    """The size of one session's messages."""

    session_id: str
    messages: int
    bytes: int
    first_time: int
    last_time: int


class CellSize(NamedTuple):
    kind: Literal["session", "message"]
    key: Key
    column: str
    bytes: int


@dataclass
class Statistics:
    """The numbers of a store. Times are microseconds since 1970 UTC."""

    sessions: int = 0
    users: int = 0
    messages: int = 0
    bytes: int = 0
    """Keys, names and values of all rows, as the service counts them."""
    first_time: int | None = None
    last_time: int | None = None
    roles: dict[str | None, int] = field(default_factory=dict)
    """Messages by role, the most frequent first. None stands for no role."""
    other_roles: int = 0
    """Messages whose role is beyond the number or length of roles that are counted separately."""
    days: dict[date, int] = field(default_factory=dict)
    """Messages by UTC day, in order; days without messages are left out."""
    undated: int = 0
    """Messages whose time is on no calendar."""
    biggest: list[SessionSize] = field(default_factory=list)
    near_limit: int = 0
    """Cells of 80 % of 2 MB and more."""
    cells: list[CellSize] = field(default_factory=list)


Sized = TypeVar("Sized", SessionSize, CellSize)


class Survey:
    """Reads sessions and messages once, and counts them. `result` is kept up to date meanwhile."""

    def __init__(self, codecs: Codecs, sessions: Sessions, messages: Messages, result: BulkResult) -> None:
        self._codecs = codecs
        self._sessions = sessions
        self._messages = messages
        self._result = result
        self._found = Statistics()
        self._days: dict[int, int] = {}

    def run(self, user_id: str | None, session_id: str | None) -> Statistics:
        """Count everything, one user's sessions and messages, or one session id. Raises and costs as
        `MemoryStore.statistics`."""
        ids = self._session_ids(self._sessions.rows(user_id, session_id))
        if user_id is not None:
            self._count_messages(self._messages.rows_of(ids))
        else:
            deque(ids, maxlen=0)  # to the end
            self._count_messages(self._messages.rows(session_id))
        found = self._found
        found.roles = dict(sorted(found.roles.items(), key=lambda each: (-each[1], each[0] or "")))
        found.days = {_EPOCH + timedelta(days=day): count for day, count in sorted(self._days.items())}
        return found

    def _session_ids(self, rows: Iterator[Row]) -> Iterator[str]:
        """Count sessions, and yield the id of each."""
        user: object = None
        for row in rows:
            self._found.sessions += 1
            self._found.users += row.key[0] != user
            user = row.key[0]
            self._measure("session", self._codecs.session.table.key, row)
            self._result.sessions += 1
            yield str(row.key[1])

    def _count_messages(self, rows: Iterator[Row]) -> None:
        found = self._found
        for session_id, of_session in groupby(rows, lambda row: str(row.key[0])):
            messages = size = first = last = 0
            for row in of_session:  # in the order of time
                last = int(row.key[1])
                first = last if messages == 0 else first
                messages += 1
                size += self._measure("message", self._codecs.message.table.key, row)
                self._count_role(row.columns.get("role"))
                day = last // _DAY_US
                if day in _DAYS:
                    self._days[day] = self._days.get(day, 0) + 1
                else:
                    found.undated += 1
                self._result.messages += 1
            found.messages += messages
            found.first_time = first if found.first_time is None else min(found.first_time, first)
            found.last_time = last if found.last_time is None else max(found.last_time, last)
            _keep_largest(found.biggest, SessionSize(session_id, messages, size, first, last), MAX_BIGGEST)

    def _measure(self, kind: Literal["session", "message"], key_names: tuple[str, ...], row: Row) -> int:
        """Count a row's bytes and its large cells. Return the bytes."""
        columns = _bytes(row.columns.items())
        if columns >= NEAR_LIMIT_BYTES:
            for cell in large_cells(kind, row):
                self._found.near_limit += 1
                _keep_largest(self._found.cells, cell, MAX_CELLS)
        size = columns + _bytes(zip(key_names, row.key, strict=True))
        self._found.bytes += size
        self._result.bytes += size
        return size

    def _count_role(self, value: object) -> None:
        role = value if isinstance(value, str) else None
        roles = self._found.roles
        is_long = role is not None and len(role) > MAX_ROLE_CHARACTERS
        if is_long or (role not in roles and len(roles) == MAX_ROLES):
            self._found.other_roles += 1
        else:
            roles[role] = roles.get(role, 0) + 1


def _bytes(values: Iterable[tuple[str, Value]]) -> int:
    return sum(limits.name_bytes(name) + limits.value_bytes(name, value) for name, value in values)


def _keep_largest(largest: list[Sized], item: Sized, most: int) -> None:
    """Insert an item into a list of the largest, largest first. Of equal ones the first come first."""
    insort(largest, item, key=lambda each: -each.bytes)
    del largest[most:]


def large_cells(kind: Literal["session", "message"], row: Row) -> Iterator[CellSize]:
    """Yield the cells of a row that are near the limit."""
    for name, value in row.columns.items():
        if isinstance(value, str | bytes) and (length := limits.value_bytes(name, value)) >= NEAR_LIMIT_BYTES:
            yield CellSize(kind, row.key, name, length)
