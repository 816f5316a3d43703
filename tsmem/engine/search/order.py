"""The order of the rows of a search, and the page tokens.

- Every order ends with the primary key, so each position belongs to one row. A page starts after the position of the
  previous page's last row, so pages neither repeat nor skip a row that stays as it is.
- An order by score has no positions. Its pages start at an offset, and can repeat or skip rows when others change.
- Rows without a sort field come last in both directions.
- A token contains its sorters, because clients can omit them for later pages, and a digest of the query, because only
  the same query can use it. Every part of a token is checked, because a client can forge it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

from tsmem.engine.indexes.search_index import SearchIndex
from tsmem.engine.search.values import Sql, all_sql, join_sql
from tsmem.errors import invalid
from tsmem.limits import MAX_INTEGER, MIN_INTEGER
from tsmem.queries import FieldSort, KeySort, Query, ScoreSort, Sorter

MAX_SORTERS = 32
_VERSION = 1
_LETTERS: dict[type, str] = {FieldSort: "f", KeySort: "k", ScoreSort: "s"}
_SORTERS = {letter: kind for kind, letter in _LETTERS.items()}

Position = tuple[object, ...]
"""The values of a row that it is sorted by: its sort fields, then its key."""


class SortColumns(NamedTuple):
    """The column of a sort field, or all key columns."""

    columns: tuple[str, ...]
    descending: bool
    is_nullable: bool

    @property
    def sql(self) -> str:
        direction = "DESC" if self.descending else "ASC"
        return ", ".join(f"{column} {direction}{' NULLS LAST' if self.is_nullable else ''}" for column in self.columns)

    def after(self, value: tuple[object, ...], *, or_equal: bool = False) -> Sql:
        """Return a condition that is true for rows after a value that is not NULL, but not for rows with NULL."""
        sign = ("<" if self.descending else ">") + ("=" if or_equal else "")
        return Sql(f"({', '.join(self.columns)}) {sign} ({', '.join('?' * len(self.columns))})", value)


class Order:
    def __init__(self, index: SearchIndex, sorts: Sequence[Sorter]) -> None:
        """A repeated field and a sorter after a KeySort have no effect."""
        if len(sorts) > MAX_SORTERS:
            raise invalid(f"The number of sorters exceeds the limit: {MAX_SORTERS}.")
        self.units: list[SortColumns] = []
        parts: list[str] = []
        self.is_by_score = False
        key = SortColumns(index.key_columns, descending=False, is_nullable=False)
        for sort in sorts:
            if isinstance(sort, KeySort):
                key = key._replace(descending=sort.descending)
                break
            if isinstance(sort, ScoreSort):
                if not self.is_by_score:
                    self.is_by_score = True
                    parts.append(f"score {'DESC' if sort.descending else 'ASC'}")
                continue
            field = index.find_field(sort.field)
            if field.type.name == "TEXT":
                raise invalid(f"field: {field.name} of type TEXT cannot be sorted by")
            unit = SortColumns((field.column,), sort.descending, is_nullable=field.key_place is None)
            if unit.columns not in [each.columns for each in self.units]:
                self.units.append(unit)
                parts.append(unit.sql)
        self.units.append(key)
        self.sql = ", ".join([*parts, key.sql])
        self.columns = ", ".join(column for unit in self.units for column in unit.columns)
        """The columns whose values are the position of a row."""

    def accepts(self, start: PageStart) -> bool:
        """Return True if the start of a later page fits this order: no position in an order by score, and otherwise a
        complete one, with None only where a field can be missing."""
        if self.is_by_score or start.position is None:
            return self.is_by_score and start.position is None
        is_nullable = [unit.is_nullable for unit in self.units for _ in unit.columns]
        return len(start.position) == len(is_nullable) and all(
            value is not None or can_be_null for value, can_be_null in zip(start.position, is_nullable, strict=True)
        )

    def after(self, position: Position | None) -> Sql:
        """Return the condition that a row comes after a position. Every row comes after None."""
        if position is None:
            return Sql("1")
        parts: list[Sql] = []
        are_equal: list[Sql] = []
        field_count = len(self.units) - 1
        for unit, value in zip(self.units, [*zip(position[:field_count]), position[field_count:]], strict=True):
            if value[0] is not None:
                is_after = unit.after(value)
                if unit.is_nullable:
                    is_after = Sql(f"({is_after.text} OR {unit.columns[0]} IS NULL)", is_after.parameters)
                parts.append(all_sql([*are_equal, is_after]))
            are_equal.append(Sql(" AND ".join(f"{column} IS ?" for column in unit.columns), value))
        return join_sql(parts, " OR ")

    def scans(self, position: Position | None) -> list[tuple[Sql, str]]:
        """Return the WHERE conditions and ORDER BY terms of the scans that together return all rows after a position,
        in order. Each reads the SQL index on the first sort column; rows without that field have a second scan."""
        after, (first, *rest) = self.after(position), self.units
        value = None if position is None else position[: len(first.columns)]
        if not first.is_nullable:
            # `after` implies `bound`. It is added because SQLite can use it to begin in the middle of the index.
            bound = [] if value is None else [first.after(value, or_equal=True)]
            return [(all_sql([*bound, after]), self.sql)]
        column = first.columns[0]
        order = ", ".join(unit.sql for unit in rest)
        scans = [(all_sql([Sql(f"{column} IS NULL"), after]), order)]
        if value is None or value[0] is not None:
            # Here `bound` also leaves out the rows with NULL, which the other scan returns.
            bound = [Sql(f"{column} IS NOT NULL") if value is None else first.after(value, or_equal=True)]
            direction = "DESC" if first.descending else "ASC"
            scans.insert(0, (all_sql([*bound, after]), f"{column} {direction}, {order}"))
        return scans


class PageStart(NamedTuple):
    sorts: tuple[Sorter, ...]
    position: Position | None = None
    """The position of the previous page's last row; None for the first page, and in an order by score."""
    offset: int = 0
    """The number of matches before the page; 0 if it starts after a position."""


def write_token(table: str, index: str, query: Query, start: PageStart) -> bytes:
    sorters_json = [[_LETTERS[type(sort)], *sort] for sort in start.sorts]
    offset_or_position: object = start.offset
    if start.position is not None:
        offset_or_position = [{"b": value.hex()} if isinstance(value, bytes) else value for value in start.position]
    content = [_VERSION, _digest(table, index, query), sorters_json, offset_or_position]
    return json.dumps(content, separators=(",", ":")).encode()


def read_token(table: str, index: str, query: Query, sorts: Sequence[Sorter], token: bytes) -> PageStart:
    """Raises InvalidInput for a damaged token, and for the token of another search."""
    try:
        version, digest, sorters_json, offset_or_position = json.loads(token)
        found = tuple(_sorter_from_json(*each) for each in sorters_json)
        if type(offset_or_position) is int:
            start = PageStart(found, None, offset_or_position)
        else:
            start = PageStart(found, tuple(map(_from_json, offset_or_position)))
        if start.offset < 0:  # `search.py` checks the upper limit
            raise ValueError
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise invalid("The token of the search cannot be read.") from error
    if (version, digest) != (_VERSION, _digest(table, index, query)) or (sorts and tuple(sorts) != found):
        raise invalid("The token is of another search.")
    return start


def _digest(table: str, index: str, query: Query) -> str:
    return blake2b(repr((table, index, query)).encode(), digest_size=8).hexdigest()


def _sorter_from_json(letter: str, *options: object) -> Sorter:
    sort = _SORTERS[letter](*options)
    if not all(type(value) is (str if name == "field" else bool) for name, value in sort._asdict().items()):
        raise ValueError
    if isinstance(sort, FieldSort):
        sort.field.encode()  # raises ValueError for a lone surrogate
    return sort  # type: ignore[no-any-return]


def _from_json(value: object) -> object:
    if isinstance(value, dict):
        return bytes.fromhex(value["b"])
    if isinstance(value, bool) or not isinstance(value, str | int | float | None):
        raise ValueError
    if isinstance(value, int) and not MIN_INTEGER <= value <= MAX_INTEGER:
        raise ValueError
    if isinstance(value, str):
        value.encode()  # raises ValueError for a lone surrogate
    return value
