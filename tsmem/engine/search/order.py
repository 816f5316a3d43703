"""The order of a search's rows, what comes after a row in it, and the page token that says where a page ended.

Every order ends in the primary key, so that a position belongs to one row, and pages neither repeat nor skip rows. Rows
without a field that is sorted by come last in both directions. Only a search of the same query takes a token back,
which is checked as if anyone had made it up. It carries its sorters, because clients may leave them out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

from tsmem.engine.indexes.search_index import SearchIndex
from tsmem.engine.requests import invalid
from tsmem.engine.search.values import Sql, and_, join_sql
from tsmem.limits import MAX_INTEGER, MIN_INTEGER
from tsmem.queries import FieldSort, KeySort, Query, ScoreSort, Sorter

MAX_SORTERS = 32
_VERSION = 1
_LETTERS: dict[type, str] = {FieldSort: "f", KeySort: "k", ScoreSort: "s"}
_SORTS = {letter: kind for kind, letter in _LETTERS.items()}

Position = tuple[object, ...]
"""The values of a row that it is sorted by; the last ones are its key."""


class Unit(NamedTuple):
    columns: tuple[str, ...]
    descending: bool
    nullable: bool

    @property
    def sql(self) -> str:
        direction = "DESC" if self.descending else "ASC"
        return ", ".join(f"{column} {direction}{' NULLS LAST' if self.nullable else ''}" for column in self.columns)

    def after(self, value: tuple[object, ...], *, or_equal: bool = False) -> Sql:
        """Return the condition that a row comes after this value, which must not be NULL. Rows with NULL do not."""
        sign = ("<" if self.descending else ">") + ("=" if or_equal else "")
        return Sql(f"({', '.join(self.columns)}) {sign} ({', '.join('?' * len(self.columns))})", value)


class Order:
    def __init__(self, index: SearchIndex, sorts: Sequence[Sorter]) -> None:
        """Raises InvalidInput for a field that has no order, and for too many sorters. A sorter that repeats a field is
        ignored, because it cannot break a tie, and so is every sorter after a KeySort."""
        if len(sorts) > MAX_SORTERS:
            raise invalid(f"The number of sorters exceeds the limit: {MAX_SORTERS}.")
        self.units: list[Unit] = []
        parts: list[str] = []
        self.by_score = False
        key = Unit(index.keys, descending=False, nullable=False)
        for sort in sorts:
            if isinstance(sort, KeySort):
                key = key._replace(descending=sort.descending)
                break
            if isinstance(sort, ScoreSort):
                if not self.by_score:
                    self.by_score = True
                    parts.append(f"score {'DESC' if sort.descending else 'ASC'}")
                continue
            field = index.find_field(sort.field)
            if field.type.name == "TEXT":
                raise invalid(f"field: {field.name} of type TEXT cannot be sorted by")
            unit = Unit((field.column,), sort.descending, nullable=field.key_place is None)
            if unit.columns not in [each.columns for each in self.units]:
                self.units.append(unit)
                parts.append(unit.sql)
        self.units.append(key)
        self.sql = ", ".join([*parts, key.sql])
        """The whole order, as ORDER BY."""
        self.columns = ", ".join(column for unit in self.units for column in unit.columns)
        """The columns that make a row's position."""

    def fits(self, position: Position) -> bool:
        """Return True if a position, which anyone may have made up, is one of this order."""
        nullable = [unit.nullable for unit in self.units for _ in unit.columns]
        return len(position) == len(nullable) and all(
            value is not None or may_be_null for value, may_be_null in zip(position, nullable, strict=True)
        )

    def after(self, position: Position | None) -> Sql:
        """Return the condition that a row comes after a position; after None, every row does."""
        if position is None:
            return Sql("1")
        parts: list[Sql] = []
        same: list[Sql] = []
        fields = len(self.units) - 1
        for unit, value in zip(self.units, [*zip(position[:fields]), position[fields:]], strict=True):
            if value[0] is not None:
                later = unit.after(value)
                if unit.nullable:
                    later = Sql(f"({later.text} OR {unit.columns[0]} IS NULL)", later.parameters)
                parts.append(and_([*same, later]))
            same.append(Sql(" AND ".join(f"{column} IS ?" for column in unit.columns), value))
        return join_sql(parts, " OR ")

    def stages(self, position: Position | None) -> list[tuple[Sql, str]]:
        """Return the conditions and orders of the walks that, one after the other, give all rows after a position. Each
        walk reads the first unit's SQL index in order: over all rows that have the field, or all without it."""
        after, (first, *rest) = self.after(position), self.units
        value = None if position is None else position[: len(first.columns)]
        if not first.nullable:
            begin = [] if value is None else [first.after(value, or_equal=True)]
            return [(and_([*begin, after]), self.sql)]
        column = first.columns[0]
        order = ", ".join(unit.sql for unit in rest)
        stages = [(and_([Sql(f"{column} IS NULL"), after]), order)]
        if value is None or value[0] is not None:
            begin = [Sql(f"{column} IS NOT NULL") if value is None else first.after(value, or_equal=True)]
            direction = "DESC" if first.descending else "ASC"
            stages.insert(0, (and_([*begin, after]), f"{column} {direction}, {order}"))
        return stages


class PageStart(NamedTuple):
    """The place where a page begins."""

    sorts: tuple[Sorter, ...]
    position: Position | None = None
    """The last row of the page before."""
    offset: int = 0
    """Matching rows to skip: the request's offset, or, in the order of score, the rows of the pages before."""


def write_token(table: str, index: str, query: Query, place: PageStart) -> bytes:
    sorts = [[_LETTERS[type(sort)], *sort] for sort in place.sorts]
    rows = place.offset if place.position is None else [*map(_packed, place.position)]
    return json.dumps([_VERSION, _digest(table, index, query), sorts, rows], separators=(",", ":")).encode()


def read_token(table: str, index: str, query: Query, sorts: Sequence[Sorter], token: bytes) -> PageStart:
    """Return the place in a token. Raises InvalidInput for a damaged token, or one of another search."""
    try:
        version, digest, packed, rows = json.loads(token)
        found = tuple(_sort(*each) for each in packed)
        is_offset = type(rows) is int
        place = PageStart(found, None, rows) if is_offset else PageStart(found, tuple(map(_unpacked, rows)))
        if place.offset < 0:
            raise ValueError
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise invalid("The token of the search cannot be read.") from error
    if (version, digest) != (_VERSION, _digest(table, index, query)) or (sorts and tuple(sorts) != found):
        raise invalid("The token is of another search.")
    return place


def _digest(table: str, index: str, query: Query) -> str:
    return blake2b(repr((table, index, query)).encode(), digest_size=8).hexdigest()


def _sort(letter: str, *options: object) -> Sorter:
    sort = _SORTS[letter](*options)
    if not all(type(value) is (str if name == "field" else bool) for name, value in sort._asdict().items()):
        raise ValueError
    if isinstance(sort, FieldSort):
        sort.field.encode()  # raises ValueError for a lone surrogate
    return sort  # type: ignore[no-any-return]


def _packed(value: object) -> object:
    return {"b": value.hex()} if isinstance(value, bytes) else value


def _unpacked(value: object) -> object:
    if isinstance(value, dict):
        return bytes.fromhex(value["b"])
    if isinstance(value, bool) or not isinstance(value, str | int | float | None):
        raise ValueError
    if isinstance(value, int) and not MIN_INTEGER <= value <= MAX_INTEGER:
        raise ValueError
    if isinstance(value, str):
        value.encode()  # raises ValueError for a lone surrogate
    return value
