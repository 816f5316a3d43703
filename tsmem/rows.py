"""The data types of rows: keys, ranges, filters, conditions and writes. The port says what each call does with them.

The classes are named tuples, because every command pays for defining them: a frozen dataclass takes eight times as long
(583 instead of 71 microseconds).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

Value = str | int | float | bool | bytes
"""The value of an attribute column. `bool` is never an `int` here: True and 1 are different values."""

KeyValue = str | int | bytes
Key = tuple[KeyValue, ...]
"""A primary key: values only, in the order of the table's schema."""


class Bound(Enum):
    """A value below or above all others in a key column. The columns after it do not matter."""

    MIN = "MIN"
    MAX = "MAX"


MIN = Bound.MIN
MAX = Bound.MAX

KeyBound = tuple[KeyValue | Bound, ...]


def in_order(bound: KeyBound) -> tuple[tuple[int, Any], ...]:
    """Return a sort key that compares keys and bounds in key order."""
    places: list[tuple[int, Any]] = []
    for value in bound:
        if isinstance(value, Bound):
            places.append((-1, 0) if value is MIN else (1, 0))
            break
        places.append((0, value))
    return tuple(places)


class ColumnType(StrEnum):
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
"""Compare with `type(value) is PYTHON_TYPES[...]`, because bool is a subclass of int."""


def is_same(a: Value | None, b: Value | None) -> bool:
    """Return True for equal values of one type: 1 is not True, and 0.0 is not -0.0."""
    return type(a) is type(b) and a == b and (type(a) is not float or repr(a) == repr(b))


class TableNames(NamedTuple):
    """The names that a profile sets for one of tsmem's two tables."""

    name: str
    secondary_index: str
    search_index: str
    search_fields: Mapping[str, str] = MappingProxyType({})
    """Metadata columns in the search index, with their types: keyword, long, double, boolean or text."""


SESSION_NAMES = TableNames("session", "session_secondary_index", "session_search_index")
MESSAGE_NAMES = TableNames("message", "message_secondary_index", "message_search_index")


class TableRef(NamedTuple):
    """A table or secondary index, with the names of its key columns."""

    name: str
    key: tuple[str, ...]

    def range_of(self, *prefix: KeyValue) -> Range:
        rest = len(self.key) - len(prefix)
        return Range((*prefix, *[MIN] * rest), (*prefix, *[MAX] * rest))


class Row(NamedTuple):
    key: Key
    columns: Mapping[str, Value]
    """Attribute columns in order of name."""


class Range(NamedTuple):
    start: KeyBound
    end: KeyBound
    """The exclusive end: above `start`, or below it when backward."""
    backward: bool = False

    @property
    def is_empty(self) -> bool:
        low, high = (self.end, self.start) if self.backward else (self.start, self.end)
        return not in_order(low) < in_order(high)

    def includes(self, key: KeyBound) -> bool:
        """True if a key or bound is in this range. It is False for a key with values of other types."""
        start, place, end = in_order(self.start), in_order(key), in_order(self.end)
        try:
            return start >= place > end if self.backward else start <= place < end
        except TypeError:
            return False


class Op(StrEnum):
    EQ = "=="
    NE = "!="
    GT = ">"
    GE = ">="
    LT = "<"
    LE = "<="


class Comparison(NamedTuple):
    """A test of one column, which can be a key column. Values of different types never match."""

    column: str
    op: Op
    value: Value
    pass_if_missing: bool = False
    """The result for a row that has no such column."""


class Not(NamedTuple):
    part: Filter


class And(NamedTuple):
    parts: tuple[Filter, ...]


class Or(NamedTuple):
    parts: tuple[Filter, ...]


Filter = Comparison | Not | And | Or
"""A condition on a row. `And` and `Or` have at least two parts."""


class Existence(StrEnum):
    IGNORE = "IGNORE"
    EXPECT_EXIST = "EXPECT_EXIST"
    EXPECT_NOT_EXIST = "EXPECT_NOT_EXIST"


class Condition(NamedTuple):
    existence: Existence = Existence.IGNORE
    filter: Filter | None = None
    """A missing row counts as a row without columns."""


NO_COLUMNS: Mapping[str, Value] = MappingProxyType({})
UNCONDITIONAL = Condition()
MUST_EXIST = Condition(Existence.EXPECT_EXIST)
MUST_NOT_EXIST = Condition(Existence.EXPECT_NOT_EXIST)


class Put(NamedTuple):
    """Write a whole row, and replace the row that has the same key."""

    table: TableRef
    key: Key
    columns: Mapping[str, Value]
    condition: Condition = UNCONDITIONAL


class Update(NamedTuple):
    """Set some columns of a row and delete others. The port says when this creates a missing row."""

    table: TableRef
    key: Key
    columns: Mapping[str, Value] = NO_COLUMNS
    delete: tuple[str, ...] = ()
    """Columns to delete; a missing one is no error."""
    condition: Condition = UNCONDITIONAL


class Delete(NamedTuple):
    """Delete a row. Deleting a missing row is no error unless the condition says so."""

    table: TableRef
    key: Key
    condition: Condition = UNCONDITIONAL


Write = Put | Update | Delete
