"""The order of a search's rows, and what comes after a row in it, in SQL.

Every order ends in the primary key, so that a position belongs to one row, and pages neither repeat nor skip rows. Rows
without a field that is sorted by come last in both directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tsmem.engine import service_errors
from tsmem.engine.indexes.search_index import SearchIndex
from tsmem.engine.search.sql import Sql, and_, join_sql
from tsmem.queries import FieldSort, KeySort, ScoreSort, Sorter

MAX_SORTERS = 32
Position = list[tuple[object, ...]]
"""The values of a row that it is sorted by, unit by unit; the last unit is its key."""


class Unit(NamedTuple):
    """A field, or the whole key."""

    columns: tuple[str, ...]
    descending: bool
    nullable: bool

    @property
    def sql(self) -> str:
        """Its part of ORDER BY."""
        direction = "DESC" if self.descending else "ASC"
        return ", ".join(f"{column} {direction}{' NULLS LAST' if self.nullable else ''}" for column in self.columns)

    def equal(self, value: tuple[object, ...]) -> Sql:
        """Return the condition that a row has this value."""
        return Sql(" AND ".join(f"{column} IS ?" for column in self.columns), value)

    def after(self, value: tuple[object, ...], *, or_equal: bool = False) -> Sql:
        """Return the condition that a row comes after this value, which must not be NULL. Rows with NULL do not."""
        sign = ("<" if self.descending else ">") + ("=" if or_equal else "")
        return Sql(f"({', '.join(self.columns)}) {sign} ({', '.join('?' * len(self.columns))})", value)


class Stage(NamedTuple):
    """Rows that one walk of the first unit's SQL index reads in order: all that have the field, or all without it."""

    where: Sql
    order: str


class Order:
    """The order that sorters make."""

    def __init__(self, index: SearchIndex, sorts: Sequence[Sorter]) -> None:
        """Raises InvalidInput for a field that has no order, and for too many sorters. A sorter that repeats a field is
        ignored, because it cannot break a tie, and so is what comes after a KeySort."""
        if len(sorts) > MAX_SORTERS:
            raise service_errors.invalid(f"The number of sorters exceeds the limit: {MAX_SORTERS}.")
        self.units: list[Unit] = []
        self._score: tuple[int, str] | None = None
        """Before which unit the score counts, and its direction; None: rows are not scored."""
        for sort in sorts:
            if isinstance(sort, ScoreSort):
                self._score = self._score or (len(self.units), "DESC" if sort.descending else "ASC")
            elif isinstance(sort, KeySort):
                self.units.append(Unit(index.keys, sort.descending, nullable=False))
                return
            elif (unit := _field(index, sort)).columns not in [each.columns for each in self.units]:
                self.units.append(unit)
        self.units.append(Unit(index.keys, False, nullable=False))

    @property
    def columns(self) -> str:
        """The columns that make a row's position."""
        return ", ".join(column for unit in self.units for column in unit.columns)

    @property
    def by_score(self) -> bool:
        """True if the score counts."""
        return self._score is not None

    @property
    def sql(self) -> str:
        """The whole order, as ORDER BY."""
        parts = [unit.sql for unit in self.units]
        if self._score is not None:
            place, direction = self._score
            parts.insert(place, f"score {direction}")
        return ", ".join(parts)

    def position(self, values: Sequence[object]) -> Position:
        """Split the columns of a row into units."""
        found = []
        at = 0
        for unit in self.units:
            found.append(tuple(values[at : at + len(unit.columns)]))
            at += len(unit.columns)
        return found

    def fits(self, position: Position) -> bool:
        """True if a position, which anyone may have made up, is one of this order."""
        return len(position) == len(self.units) and all(
            len(value) == len(unit.columns) and (unit.nullable or None not in value)
            for unit, value in zip(self.units, position, strict=True)
        )

    def after(self, position: Position | None) -> Sql:
        """Return the condition that a row comes after a position; after None, every row does."""
        if position is None:
            return Sql("1")
        parts: list[Sql] = []
        same: list[Sql] = []
        for unit, value in zip(self.units, position, strict=True):
            if value[0] is not None:
                later = unit.after(value)
                if unit.nullable:
                    later = Sql(f"({later.text} OR {unit.columns[0]} IS NULL)", later.parameters)
                parts.append(and_([*same, later]))
            same.append(unit.equal(value))
        return join_sql(parts, " OR ")

    def stages(self, position: Position | None) -> list[Stage]:
        """Return what comes after a position, in pieces that an index walks in order, one after the other."""
        after, (first, *rest) = self.after(position), self.units
        value = None if position is None else position[0]
        if not first.nullable:
            begin = [] if value is None else [first.after(value, or_equal=True)]
            return [Stage(and_([*begin, after]), self.sql)]
        column = first.columns[0]
        stages = []
        if value is None or value[0] is not None:
            begin = [Sql(f"{column} IS NOT NULL")] if value is None else [first.after(value, or_equal=True)]
            direction = "DESC" if first.descending else "ASC"
            order = ", ".join([f"{column} {direction}", *(unit.sql for unit in rest)])
            stages.append(Stage(and_([*begin, after]), order))
        order = ", ".join(unit.sql for unit in rest)
        return [*stages, Stage(and_([Sql(f"{column} IS NULL"), after]), order)]


def _field(index: SearchIndex, sort: FieldSort) -> Unit:
    field = index.find_field(sort.field)
    if field.type.name == "TEXT":
        raise service_errors.invalid(f"field: {field.name} of type TEXT cannot be sorted by")
    return Unit((field.column,), sort.descending, nullable=field.key_place is None)
