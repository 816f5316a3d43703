"""A range of keys as SQL.

Each end of a range is a cut just before or just after all rows whose keys begin with some values. MIN cuts before them,
MAX after them. A whole key cuts before its row going forward and after it going backward, so that starts are inclusive
and ends exclusive in both directions. Values that both cuts share become equalities, so that SQLite's planner reads one
stretch of the key's index.
"""

from __future__ import annotations

from tsmem.engine.service_errors import invalid
from tsmem.engine.tables import Table
from tsmem.rows import Bound, KeyBound, KeyValue, Range, TableRef


def range_query(table: Table, ref: TableRef, span: Range, *, cells: bool = True) -> tuple[str, list[KeyValue]]:
    """Return the SQL for a range's rows in order, and its parameters but the last, the number of rows.

    The last column holds the cells. Without `cells` it is NULL, and only the key's index is read. Raises InvalidInput
    for an empty range."""
    table.check_bound(ref, span.start)
    table.check_bound(ref, span.end)
    if span.is_empty:
        side, direction = ("more", "BACKWARD") if span.backward else ("less", "FORWARD")
        raise invalid(f"Begin key must {side} than end key in {direction}")
    low, high = (span.end, span.start) if span.backward else (span.start, span.end)
    (low_values, after_low), (high_values, after_high) = _cut(low, span.backward), _cut(high, span.backward)
    names = [f"k{place}" for place in range(len(table.names))]
    shared = 0
    while shared < min(len(low_values), len(high_values)) and low_values[shared] == high_values[shared]:
        shared += 1
    tests = [f"{name} = ?" for name in names[:shared]]
    parameters = low_values[:shared]
    for values, sign in ((low_values, ">" if after_low else ">="), (high_values, "<=" if after_high else "<")):
        if rest := values[shared:]:
            tests.append(f"({', '.join(names[shared : len(values)])}) {sign} ({', '.join('?' * len(rest))})")
            parameters += rest
    where = f" WHERE {' AND '.join(tests)}" if tests else ""
    order = ", ".join(f"{name} DESC" if span.backward else name for name in names)
    wanted = "*" if cells else ", ".join([*names, "NULL"])
    return f"SELECT {wanted} FROM t{table.id}{where} ORDER BY {order} LIMIT ?", parameters  # noqa: S608 - own names


def _cut(bound: KeyBound, backward: bool) -> tuple[list[KeyValue], bool]:
    """Return the values that rows begin with, and True if the cut is after those rows."""
    values: list[KeyValue] = []
    for value in bound:
        if isinstance(value, Bound):
            return values, value is Bound.MAX
        values.append(value)
    return values, backward
