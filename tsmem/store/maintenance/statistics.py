"""Count and measure the rows of a store, for `MemoryStore.statistics` and `tsmem stats`.

Days are UTC days, so that the numbers are the same on every machine.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import groupby
from typing import Literal, NamedTuple, TypeVar

from tsmem import limits
from tsmem.rows import Key, Row, Value
from tsmem.store.bulk.result import BulkResult
from tsmem.store.maintenance.scope import RowScope, read_rows
from tsmem.store.messages import Messages
from tsmem.store.sessions import Sessions

MAX_BIGGEST = 10
MAX_CELLS = 100
MAX_ROLES = 100
"""Maximum number of roles that are counted separately. A role can be any text."""
MAX_ROLE_CHARACTERS = 100
NEAR_LIMIT_BYTES = limits.MAX_VALUE_BYTES * 4 // 5
"""Size from which a cell is near the limit: 80 % of 2 MB."""
DAY_US = 86_400_000_000
EPOCH = date(1970, 1, 1)
CALENDAR_DAYS = range((date.min - EPOCH).days, (date.max - EPOCH).days + 1)
"""The days that a Python date can represent, counted from 1970."""


class SessionSize(NamedTuple):
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
    """Times are microseconds since 1970 UTC."""

    sessions: int = 0
    users: int = 0
    messages: int = 0
    bytes: int = 0
    """Size of the names and values of all rows, keys included, as the service counts it."""
    first_time: int | None = None
    last_time: int | None = None
    roles: dict[str | None, int] = field(default_factory=dict)
    """Number of messages by role, most frequent role first. None stands for messages without a role."""
    other_roles: int = 0
    """Number of messages whose role is not counted separately, because it is too long or there are too many roles."""
    days: dict[date, int] = field(default_factory=dict)
    """Number of messages by UTC day, in order. Days without messages are left out."""
    undated: int = 0
    """Number of messages whose time is before the year 1 or after 9999."""
    biggest: list[SessionSize] = field(default_factory=list)
    near_limit: int = 0
    """Number of cells near the size limit. The largest are in `cells`."""
    cells: list[CellSize] = field(default_factory=list)


Sized = TypeVar("Sized", SessionSize, CellSize)


class Survey:
    def __init__(self, sessions: Sessions, messages: Messages, result: BulkResult) -> None:
        self._sessions = sessions
        self._messages = messages
        self._result = result
        self._found = Statistics()
        self._days: dict[int, int] = {}

    def run(self, scope: RowScope) -> Statistics:
        last_user: object = None

        def count_session(row: Row) -> None:
            nonlocal last_user
            if scope.has_session(row):
                self._found.sessions += 1
                self._found.users += row.key[0] != last_user
                last_user = row.key[0]
                self._measure("session", self._sessions.codec.table.key, row)

        self._count_messages(read_rows(self._sessions, self._messages, scope, self._result, count_session))
        found = self._found
        found.roles = dict(sorted(found.roles.items(), key=lambda each: (-each[1], each[0] or "")))
        found.days = {EPOCH + timedelta(days=day): count for day, count in sorted(self._days.items())}
        return found

    def _count_messages(self, rows: Iterator[Row]) -> None:
        found = self._found
        for session_id, of_session in groupby(rows, lambda row: str(row.key[0])):
            messages = size = first = last = 0
            for row in of_session:  # ordered by time
                last = int(row.key[1])
                first = last if messages == 0 else first
                messages += 1
                size += self._measure("message", self._messages.codec.table.key, row)
                self._count_role(row.columns.get("role"))
                day = last // DAY_US
                if day in CALENDAR_DAYS:
                    self._days[day] = self._days.get(day, 0) + 1
                else:
                    found.undated += 1
            found.messages += messages
            found.first_time = first if found.first_time is None else min(found.first_time, first)
            found.last_time = last if found.last_time is None else max(found.last_time, last)
            _insert_by_size(found.biggest, SessionSize(session_id, messages, size, first, last), MAX_BIGGEST)

    def _measure(self, kind: Literal["session", "message"], key_names: tuple[str, ...], row: Row) -> int:
        size = _bytes(row.columns.items())
        if size >= NEAR_LIMIT_BYTES:
            for cell in large_cells(kind, row):
                self._found.near_limit += 1
                _insert_by_size(self._found.cells, cell, MAX_CELLS)
        size += _bytes(zip(key_names, row.key, strict=True))
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


def _insert_by_size(largest: list[Sized], item: Sized, max_length: int) -> None:
    insort(largest, item, key=lambda each: -each.bytes)
    del largest[max_length:]


def large_cells(kind: Literal["session", "message"], row: Row) -> Iterator[CellSize]:
    for name, value in row.columns.items():
        if isinstance(value, str | bytes) and (length := limits.value_bytes(name, value)) >= NEAR_LIMIT_BYTES:
            yield CellSize(kind, row.key, name, length)
