"""The row vocabulary that the store, the port, the adapters and the engine share. It knows no SDK and no SQL.

A key is a tuple of plain values in the order of the table's primary key; `TableRef` carries the names once, so that no
row does. Everything here is data: what it means is the port's contract. Values are named tuples where they can be: a
frozen dataclass takes eight times as long to define (71 against 583 microseconds), and every command pays for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

Value = str | int | float | bool | bytes
"""What an attribute column holds. `bool` is never an `int` here: True and 1 are different values."""

KeyValue = str | int | bytes
"""What a primary key column holds."""

Key = tuple[KeyValue, ...]
"""A row's primary key, values only, in the table's order."""


class Bound(Enum):
    """The ends of every key column's order."""

    MIN = "MIN"
    MAX = "MAX"

    def __repr__(self) -> str:
        return self.name


MIN = Bound.MIN
"""Stands below every value. Columns after it do not matter."""
MAX = Bound.MAX
"""Stands above every value. Columns after it do not matter."""

KeyBound = tuple[KeyValue | Bound, ...]
"""One end of a range."""


def in_order(bound: KeyBound) -> tuple[tuple[int, Any], ...]:
    """Return a key or bound as something that compares in key order; what stands behind MIN or MAX does not matter."""
    places: list[tuple[int, Any]] = []
    for value in bound:
        if isinstance(value, Bound):
            places.append((-1, 0) if value is MIN else (1, 0))
            break
        places.append((0, value))
    return tuple(places)


class ColumnType(StrEnum):
    """The types of primary key columns and of defined columns, by TableStore's names."""

    STRING = "STRING"
    INTEGER = "INTEGER"
    DOUBLE = "DOUBLE"
    BOOLEAN = "BOOLEAN"
    BINARY = "BINARY"


PYTHON_TYPES: dict[ColumnType, type] = {
    ColumnType.STRING: str,
    ColumnType.INTEGER: int,
    ColumnType.DOUBLE: float,
    ColumnType.BOOLEAN: bool,
    ColumnType.BINARY: bytes,
}
"""A value is of a column type when `type(value) is PYTHON_TYPES[...]`: exact, because bool is a subclass of int."""


class TableRef(NamedTuple):
    """A table or secondary index as a row request names it."""

    name: str
    key: tuple[str, ...]
    """The names of its primary key columns, in order."""


class Row(NamedTuple):
    """A row as it was read."""

    key: Key
    columns: Mapping[str, Value]
    """Attribute columns, in order of name."""


class Range(NamedTuple):
    """A run of rows in key order."""

    start: KeyBound
    """Inclusive."""
    end: KeyBound
    """Exclusive. Above `start`, or below it when backward."""
    backward: bool = False
    """Whether rows come in descending key order."""

    @property
    def is_empty(self) -> bool:
        """True if no key can be in it, because its start is not before its end."""
        low, high = (self.end, self.start) if self.backward else (self.start, self.end)
        return not in_order(low) < in_order(high)

    def includes(self, key: KeyBound) -> bool:
        """True if a key, or the start of a further range, is in it. Keys of other types than its ends are not."""
        start, place, end = in_order(self.start), in_order(key), in_order(self.end)
        try:
            return start >= place > end if self.backward else start <= place < end
        except TypeError:
            return False


class Op(StrEnum):
    """How a column is compared with a literal."""

    EQ = "=="
    NE = "!="
    GT = ">"
    GE = ">="
    LT = "<"
    LE = "<="


class Comparison(NamedTuple):
    """A test of one column, which may be a key column."""

    column: str
    op: Op
    value: Value
    pass_if_missing: bool = False
    """What the test says of a row that has no such column. Values of different types never match."""


class Not(NamedTuple):
    """Holds where its part does not."""

    part: Filter


class _Joined:
    """No tuple, as the rest here: two tuples of the same parts would be equal, whatever joins them."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[Filter, ...]) -> None:
        self.parts = parts

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.parts == other.parts

    def __hash__(self) -> int:
        return hash((type(self), self.parts))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.parts!r})"


class And(_Joined):
    """Holds where all of its parts do; two parts at least."""

    __slots__ = ()


class Or(_Joined):
    """Holds where one of its parts does; two parts at least."""

    __slots__ = ()


Filter = Comparison | Not | And | Or
"""A test of a row."""


class Existence(StrEnum):
    """What a write expects of the row before it."""

    IGNORE = "IGNORE"
    EXPECT_EXIST = "EXPECT_EXIST"
    EXPECT_NOT_EXIST = "EXPECT_NOT_EXIST"


class Condition(NamedTuple):
    """What must hold for a write to be done; otherwise ConditionFailed and the row is as it was."""

    existence: Existence = Existence.IGNORE
    filter: Filter | None = None
    """A missing row is a row without columns."""


NO_COLUMNS: Mapping[str, Value] = MappingProxyType({})
UNCONDITIONAL = Condition()
MUST_EXIST = Condition(Existence.EXPECT_EXIST)
MUST_NOT_EXIST = Condition(Existence.EXPECT_NOT_EXIST)


class Put(NamedTuple):
    """Write a whole row; what stood there before is gone."""

    table: TableRef
    key: Key
    columns: Mapping[str, Value]
    condition: Condition = UNCONDITIONAL


class Update(NamedTuple):
    """Set some columns of a row and delete others; the rest stays. It creates the row unless told to expect one."""

    table: TableRef
    key: Key
    columns: Mapping[str, Value] = NO_COLUMNS
    delete: tuple[str, ...] = ()
    """Columns to delete; one that does not exist is no error."""
    condition: Condition = UNCONDITIONAL


class Delete(NamedTuple):
    """Delete a row. Deleting a missing row is no error unless the condition says so."""

    table: TableRef
    key: Key
    condition: Condition = UNCONDITIONAL


Write = Put | Update | Delete
"""One row's write."""
