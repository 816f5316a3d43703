"""The order of a search's rows, and where a page ends in it.

Its one rule: every order ends in the primary key, so that a position is one row's, and what comes after it is said in
SQL (`stages`): nothing is passed over twice. Rows without a field that is sorted by come last in both directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tsmem.engine import messages
from tsmem.engine.search_leaves import find_field
from tsmem.engine.search_tables import EXACT, SearchTables
from tsmem.queries import FieldSort, KeySort, ScoreSort, Sorter

MAX_SORTERS = 32
Position = list[tuple[object, ...]]
"""The last row's values, unit by unit."""


class Unit(NamedTuple):
    """A field, or the whole key."""

    columns: tuple[str, ...]
    descending: bool
    nullable: bool

    @property
    def listed(self) -> str:
        """Its columns. Those that the key's own index orders have {0} for their table: the search index's, or the one
        that it is of."""
        return ", ".join(f"{'{0}' if self.by_key else 'd'}.{column}" for column in self.columns)

    @property
    def by_key(self) -> bool:
        """Whether the index of the table's key has its order: it is the key, or its first column."""
        return self.columns[0] == "k0"

    @property
    def first(self) -> str:
        """Its first column."""
        return self.listed.split(", ")[0]

    def compared(self, sign: str) -> str:
        """A comparison with as many parameters as it has columns."""
        return f"({self.listed}) {sign} ({', '.join('?' * len(self.columns))})"

    @property
    def after(self) -> str:
        """Whether a row comes after a value."""
        return self.compared("<" if self.descending else ">")

    @property
    def until(self) -> str:
        """Whether a row comes before a value, or has it."""
        return self.compared(">=" if self.descending else "<=")

    def order(self, *, nullable: bool) -> str:
        """Its part of ORDER BY."""
        direction = " DESC" if self.descending else ""
        nulls = [f"{self.listed} IS NULL"] if nullable else []
        return ", ".join(nulls + [f"{column}{direction}" for column in self.listed.split(", ")])


class Stage(NamedTuple):
    """A part of an order that one index can walk."""

    same: Same
    """What its rows have in common with the last one."""
    behind: str
    """What is said of its first unit, in whose order it is walked."""
    values: tuple[object, ...]
    units: Sequence[Unit]
    """In whose order it is; the first is NULL nowhere."""

    @property
    def where(self) -> str:
        """What says which rows it has."""
        return f"{self.same.sql}{self.behind}"

    @property
    def parameters(self) -> tuple[object, ...]:
        """Of that."""
        return (*self.same.values, *self.values)

    @property
    def order(self) -> str:
        """Its ORDER BY."""
        return ", ".join(unit.order(nullable=unit.nullable and at > 0) for at, unit in enumerate(self.units))


class Same(NamedTuple):
    """Values of fields that come first in the order."""

    sql: str = ""
    """Each followed by AND."""
    values: tuple[object, ...] = ()
    tie: tuple[Unit, object] | None = None
    """The first of them that is not NULL: its index has the rows."""
    without: tuple[str, ...] = ()
    """Columns of those that are NULL."""

    def also(self, unit: Unit, value: object) -> Same:
        """With one more."""
        if value is None:
            sql = f"{self.sql}{unit.listed} IS NULL AND "
            return self._replace(sql=sql, without=(*self.without, *unit.columns))
        sql = f"{self.sql}{unit.listed} = ? AND "
        return self._replace(sql=sql, values=(*self.values, value), tie=self.tie or (unit, value))


class Order:
    """The order that sorters make."""

    def __init__(self, tables: SearchTables, sorts: Sequence[Sorter]) -> None:
        """Raises InvalidInput for a field that has no order, and for too many sorters. A sorter that comes again says
        nothing: rows that come to it are equal by it."""
        if len(sorts) > MAX_SORTERS:
            raise messages.invalid(f"The number of sorters exceeds the limit: {MAX_SORTERS}.")
        self.units: list[Unit] = []
        self.score: tuple[int, bool] | None = None
        """Before which unit the score counts, and whether the best comes first."""
        for sort in sorts:
            if isinstance(sort, ScoreSort):
                self.score = self.score or (len(self.units), sort.descending)
            elif isinstance(sort, KeySort):
                self.units.append(_key(tables, sort.descending))
                return
            elif (unit := _field(tables, sort)).columns not in [each.columns for each in self.units]:
                self.units.append(unit)
        self.units.append(_key(tables, False))

    @property
    def sql(self) -> str:
        """The whole order, as ORDER BY."""
        parts = [unit.order(nullable=unit.nullable) for unit in self.units]
        if self.score is not None:
            place, descending = self.score
            parts.insert(place, "score DESC" if descending else "score")
        return ", ".join(parts)

    @property
    def columns(self) -> str:
        """What is read of each row to know its position; the key comes last."""
        return ", ".join(unit.listed for unit in self.units)

    def position(self, values: Sequence[object]) -> Position:
        """A row's columns, unit by unit."""
        found = []
        at = 0
        for unit in self.units:
            found.append(tuple(values[at : at + len(unit.columns)]))
            at += len(unit.columns)
        return found

    def fits(self, position: Position) -> bool:
        """Whether a position, which anyone may have made up, is one of this order."""
        if len(position) != len(self.units):
            return False
        return all(
            len(value) == len(unit.columns) and (unit.nullable or None not in value)
            for unit, value in zip(self.units, position, strict=True)
        )

    def stages(self, position: Position | None) -> list[Stage]:
        """What comes after a position, or everything, in order."""
        if position is None:
            return _whole(Same(), self.units)
        found: list[Stage] = []
        same = Same()
        for place, (unit, value) in enumerate(zip(self.units, position, strict=True)):
            here = []
            if value[0] is not None:
                here.append(Stage(same, unit.after, value, self.units[place:]))
                if unit.nullable:
                    here += _whole(same.also(unit, None), self.units[place + 1 :])
            found = here + found
            same = same.also(unit, value[0])
        return found


def _whole(same: Same, units: Sequence[Unit]) -> list[Stage]:
    """All rows of which something holds: those that have the first unit, and then those that have it not."""
    first, *rest = units
    if not first.nullable:
        return [Stage(same, "1", (), units)]
    there = Stage(same, f"{first.listed} IS NOT NULL", (), units)
    return [there, *_whole(same.also(first, None), rest)]


def _key(tables: SearchTables, descending: bool) -> Unit:
    return Unit(tables.keys, descending, nullable=False)


def _field(tables: SearchTables, sort: FieldSort) -> Unit:
    field = find_field(tables, sort.field)
    if field.shape != EXACT:
        raise messages.invalid(f"field: {field.name} of type TEXT cannot be sorted by")
    return Unit((field.column,), sort.descending, nullable=not field.in_key)
