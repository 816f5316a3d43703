"""Count sessions and messages by the values of fields, for `MemoryStore.count_by` and `tsmem stats --by`.

A field is the name of a column, `metadata.NAME` for a metadata key whose name means something else, or `day`: the UTC
day on which a message was created or a session was updated. A message has no user, so `user_id` is looked up among the
sessions, which are read first; if users share a session id, its messages count for the first of them.

Sessions are counted only if some session has each of the fields; so are messages. By `role`, for example, there are
only messages. Memory is bounded: what does not fit is counted together.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from tsmem.errors import InvalidInput
from tsmem.limits import COLUMN_NAME_RULE, is_column_name
from tsmem.rows import Row, Value
from tsmem.store.bulk.result import BulkResult
from tsmem.store.failures import is_failed
from tsmem.store.maintenance.scope import RowScope, read_rows
from tsmem.store.maintenance.statistics import CALENDAR_DAYS, DAY_US, EPOCH
from tsmem.store.messages import Messages
from tsmem.store.sessions import Sessions
from tsmem.words import nearest_name

DAY, USER = "day", "user_id"
METADATA = "metadata."
MAX_FIELDS = 5
MAX_GROUPS = 10_000
MAX_VALUE_LENGTH = 100
"""Characters or bytes of a value that has a group of its own."""
MAX_OWNERS = 100_000
"""Maximum number of sessions whose users are remembered for their messages."""
MAX_NAMES = 1_000


class Group(NamedTuple):
    values: tuple[Value | None, ...]
    """A value for each field. None means that the rows do not have it."""
    sessions: int
    messages: int


class UnknownField(NamedTuple):
    name: str
    near: str | None
    """A similar name that some row has."""


class GroupedCounts(NamedTuple):
    groups: Sequence[Group]
    """The most frequent group first."""
    has_sessions: bool
    """False if sessions were not counted."""
    has_messages: bool
    other_sessions: int
    """Number of sessions in no group, because a value is long or there are too many different ones."""
    other_messages: int
    unknown: Sequence[UnknownField]
    """Fields that no row has."""


class GroupCounter:
    def __init__(self, sessions: Sessions, messages: Messages, result: BulkResult) -> None:
        self._sessions = sessions
        self._messages = messages
        self._result = result
        self._names: set[str] = set()
        self._owners: dict[str, Value] = {}

    def run(self, fields: Sequence[str], scope: RowScope, *, failed: bool) -> GroupedCounts:
        """Count rows; with `failed`, only tool messages that report an error. Raises InvalidInput."""
        _check_fields(fields)
        of_sessions = _RowCounter(fields, self._sessions.codec.table.key, "update_time")
        of_messages = _RowCounter(fields, self._messages.codec.table.key, "create_time")

        wants_owners = USER in fields and scope.user_id is None

        def count_session(row: Row) -> None:
            if wants_owners and len(self._owners) < MAX_OWNERS:
                self._owners.setdefault(str(row.key[1]), row.key[0])
            if scope.has_session(row):
                self._note_names(row)
                of_sessions.count(row, is_counted=not failed)

        for row in read_rows(self._sessions, self._messages, scope, self._result, count_session):
            self._note_names(row)
            is_counted = not failed or (
                row.columns.get("role") == "tool" and is_failed(self._messages.codec.decode(row))
            )
            owner = self._owners.get(str(row.key[0]), scope.user_id)
            if wants_owners and owner is None and len(self._owners) == MAX_OWNERS:
                of_messages.others += is_counted  # its user may be one that was not remembered
            else:
                of_messages.count(row, owner, is_counted=is_counted)
        return self._counts(of_sessions, of_messages, failed=failed)

    def _note_names(self, row: Row) -> None:
        if len(self._names) < MAX_NAMES:
            self._names.update(row.columns)

    def _counts(self, of_sessions: _RowCounter, of_messages: _RowCounter, *, failed: bool) -> GroupedCounts:
        fields = of_sessions.fields
        has_sessions = not failed and of_sessions.found.issuperset(fields)
        has_messages = of_messages.found.issuperset(fields)
        sessions = of_sessions.counts if has_sessions else {}
        messages = of_messages.counts if has_messages else {}
        groups = [Group(key[0], sessions.get(key, 0), messages.get(key, 0)) for key in {**sessions, **messages}]
        groups.sort(
            key=lambda group: (
                -group.sessions - group.messages,
                [(value is None, str(value)) for value in group.values],
            )
        )
        known = {DAY, *self._names, *self._sessions.codec.table.key, *self._messages.codec.table.key}
        missing = [each for each in fields if each not in of_sessions.found | of_messages.found]
        return GroupedCounts(
            groups,
            has_sessions,
            has_messages,
            of_sessions.others if has_sessions else 0,
            of_messages.others if has_messages else 0,
            [UnknownField(each, nearest_name(each.removeprefix(METADATA), known - {each})) for each in missing],
        )


_GroupKey = tuple[tuple[Value | None, ...], tuple[type, ...]]
"""Values with their types, because 1 and True are equal."""


class _RowCounter:
    def __init__(self, fields: Sequence[str], key: tuple[str, ...], time_column: str) -> None:
        self.fields = fields
        self.found: set[str] = set()
        """The fields that some row has."""
        self.counts: dict[_GroupKey, int] = {}
        self.others = 0
        self._places = {name: place for place, name in enumerate(key)}
        self._time_column = time_column

    def count(self, row: Row, owner: Value | None = None, *, is_counted: bool) -> None:
        values = tuple(self._value(row, field, owner) for field in self.fields)
        self.found.update(field for field, value in zip(self.fields, values, strict=True) if value is not None)
        if not is_counted:
            return
        key = values, tuple(map(type, values))
        if key in self.counts or (len(self.counts) < MAX_GROUPS and not any(map(_is_long, values))):
            self.counts[key] = self.counts.get(key, 0) + 1
        else:
            self.others += 1

    def _value(self, row: Row, field: str, owner: Value | None) -> Value | None:
        if field == DAY:
            return _day(self._column(row, self._time_column))
        if field == USER and USER not in self._places:
            return owner
        if field.startswith(METADATA):
            return row.columns.get(field.removeprefix(METADATA))
        return self._column(row, field)

    def _column(self, row: Row, name: str) -> Value | None:
        place = self._places.get(name)
        return row.columns.get(name) if place is None else row.key[place]


def _day(time: Value | None) -> str | None:
    if type(time) is not int or time // DAY_US not in CALENDAR_DAYS:
        return None
    return (EPOCH + timedelta(days=time // DAY_US)).isoformat()


def _is_long(value: Value | None) -> bool:
    return isinstance(value, str | bytes) and len(value) > MAX_VALUE_LENGTH


def _check_fields(fields: Sequence[str]) -> None:
    hint = "fields: role, day, user_id, session_id and metadata keys"
    if not fields:
        raise InvalidInput("give at least one field", hint=hint)
    if len(fields) > MAX_FIELDS:
        raise InvalidInput(f"there are {len(fields):,} fields; the limit is {MAX_FIELDS}")
    for place, field in enumerate(fields):
        if not is_column_name(field.removeprefix(METADATA)):
            raise InvalidInput(f"'{field}' is not a valid field: a column's name {COLUMN_NAME_RULE}", hint=hint)
        if field in fields[:place]:
            raise InvalidInput(f"the field '{field}' is given twice")
