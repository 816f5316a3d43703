"""A range of keys as SQL.

Its one rule: an end of a range is a cut just before or just after all rows that begin with some values. MIN cuts before
them, MAX after them; a whole key cuts before its row going forward, after it going backward, which is what makes starts
inclusive and ends exclusive in both directions. Values that both cuts share become equalities, so that SQLite's planner
reads one stretch of the key's index.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tsmem.engine import service_errors
from tsmem.engine.tables import Table
from tsmem.rows import Bound, KeyBound, KeyValue, Range, TableRef


class _Cut(NamedTuple):
    values: tuple[KeyValue, ...]
    after: bool


class RangeQuery(NamedTuple):
    """The SQL of a range; its last parameter is the number of rows."""

    sql: str
    parameters: list[KeyValue]


def range_query(table: Table, ref: TableRef, span: Range, *, cells: bool = True) -> RangeQuery:
    """The query for a range's rows in order, their last column the cells. Without cells that is NULL, and the key's
    index alone is read. Raises InvalidInput for a range that is empty by its bounds."""
    table.check_bound(ref, span.start)
    table.check_bound(ref, span.end)
    if span.is_empty:
        raise service_errors.begin_not_before_end(span.backward)
    low, high = (span.end, span.start) if span.backward else (span.start, span.end)
    lower, upper = _cut(low, span.backward), _cut(high, span.backward)
    shared = 0
    for one, other in zip(lower.values, upper.values, strict=False):
        if one != other:
            break
        shared += 1
    tests = [f"k{place} = ?" for place in range(shared)]
    parameters = list(lower.values[:shared])
    for cut, before, after in ((lower, ">=", ">"), (upper, "<", "<=")):
        rest = cut.values[shared:]
        if rest:
            tests.append(f"{_row(shared, len(rest))} {after if cut.after else before} {_marks(rest)}")
            parameters += rest
    where = f" WHERE {' AND '.join(tests)}" if tests else ""
    places = range(len(table.names))
    order = ", ".join(f"k{place} DESC" if span.backward else f"k{place}" for place in places)
    wanted = "*" if cells else ", ".join([*(f"k{place}" for place in places), "NULL"])
    return RangeQuery(f"SELECT {wanted} FROM t{table.id}{where} ORDER BY {order} LIMIT ?", parameters)  # noqa: S608


def _cut(bound: KeyBound, backward: bool) -> _Cut:
    values: list[KeyValue] = []
    for value in bound:
        if isinstance(value, Bound):
            return _Cut(tuple(values), value is Bound.MAX)
        values.append(value)
    return _Cut(tuple(values), backward)


def _row(first: int, count: int) -> str:
    names = ", ".join(f"k{place}" for place in range(first, first + count))
    return f"({names})" if count > 1 else names


def _marks(values: Sequence[KeyValue]) -> str:
    marks = ", ".join("?" * len(values))
    return f"({marks})" if len(values) > 1 else marks
