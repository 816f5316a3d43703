"""Compiles a filter, or the column condition of a write, into a function that tests rows.

- A comparison of different types is false, so that an integer never equals a double.
- A comparison with a missing column has the result `pass_if_missing`. A key column is never missing.
- Text is ordered by code point, as its UTF-8 bytes are; bytes are ordered bytewise; False is less than True.

A prefilter tests a row before it is unpacked: it tests the key, and looks for bytes that the cells of every match
contain. Measured on 50,000 rows of which ten match (median of seven): 159 ms without a prefilter, 106 ms with it.
SQLite's instr takes 116 ms. Filtering in SQL gains nothing, because rows that do not match must be measured all the
same: they count for capacity units and for the 4 MB that end a page.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from tsmem.engine.rows.cells import Cell
from tsmem.errors import invalid
from tsmem.limits import check_column_name, value_bytes
from tsmem.rows import And, Comparison, Filter, Key, Not, Op, Or, Value

MAX_COMPARISONS = 32
"""Negations count, too. Source: the Java SDK's UnifiedFilter tests; the documentation says 10."""

Predicate = Callable[[Key, Mapping[str, Value]], bool]
Prefilter = Callable[[Key, bytes], bool]
"""Takes a row's key and packed cells. Returns False if the row cannot pass the filter."""

_OPERATORS: dict[Op, Callable[[Any, Any], bool]] = {op: getattr(operator, op.name.lower()) for op in Op}


class AnyVersion(NamedTuple):
    """A comparison that is true if it is true for any version of the column. It can be used in the condition of a
    write, and in a read of versions. There it tests all versions in the time range, also those beyond the read's
    `max_versions`."""

    comparison: Comparison


class Presence(NamedTuple):
    """Can be used where AnyVersion can."""

    column: str
    is_present: bool


AnyFilter = Filter | AnyVersion | Presence


class Versions(dict[str, Value]):
    """The latest value of each column, and in `all_values` up to `max_versions` of its values, for AnyVersion. The
    cells must be in order of name, the newest version first."""

    def __init__(self, cells: Iterable[Cell], max_versions: int) -> None:
        super().__init__()
        self.all_values: dict[str, list[Value]] = {}
        for cell in cells:
            self.setdefault(cell.name, cell.value)
            values = self.all_values.setdefault(cell.name, [])
            if len(values) < max_versions:
                values.append(cell.value)


def compile_filter(row_filter: Filter, key_names: Sequence[str]) -> Predicate:
    """Raises InvalidInput for a filter that the service refuses."""
    count = 0
    pending: list[AnyFilter] = [row_filter]
    while pending:  # not recursion, because an unchecked filter can be nested too deeply for it
        part = pending.pop()
        if isinstance(part, And | Or):
            pending += part.parts
            continue
        count += 1
        if count > MAX_COMPARISONS:
            raise invalid(f"The count of filter exceeds the max: {MAX_COMPARISONS}.")
        if isinstance(part, Not):
            pending.append(part.part)
    return _compile(row_filter, key_names)


def _compile(row_filter: AnyFilter, key_names: Sequence[str]) -> Predicate:
    if isinstance(row_filter, Comparison):
        return _comparison(row_filter, key_names)
    if isinstance(row_filter, AnyVersion):
        compare_value = _comparison(row_filter.comparison, key_names)
        column, pass_if_missing = row_filter.comparison.column, row_filter.comparison.pass_if_missing
        if column in key_names:
            return compare_value

        def compare_versions(key: Key, columns: Mapping[str, Value]) -> bool:
            values = cast("Versions", columns).all_values.get(column)
            return pass_if_missing if values is None else any(compare_value(key, {column: value}) for value in values)

        return compare_versions
    if isinstance(row_filter, Presence):
        column, is_present = row_filter
        check_column_name(column)
        if column in key_names:
            return lambda key, columns: is_present
        return lambda key, columns: (column in columns) is is_present
    if isinstance(row_filter, Not):
        part = _compile(row_filter.part, key_names)
        return lambda key, columns: not part(key, columns)
    if len(row_filter.parts) < 2:
        name = "AND" if isinstance(row_filter, And) else "OR"
        raise invalid(f"Invalid {name} operator: the number of sub-filters must be at least 2.")
    parts = [_compile(each, key_names) for each in row_filter.parts]
    if isinstance(row_filter, Or):
        return lambda key, columns: any(part(key, columns) for part in parts)
    return lambda key, columns: all(part(key, columns) for part in parts)


def _comparison(comparison: Comparison, key_names: Sequence[str]) -> Predicate:
    column, op, literal, pass_if_missing = comparison
    check_column_name(column)
    value_bytes(column, literal)
    kind, compare = type(literal), _OPERATORS[op]
    if column in key_names:
        place = list(key_names).index(column)
        return lambda key, columns: type(key[place]) is kind and compare(key[place], literal)

    def compare_column(key: Key, columns: Mapping[str, Value]) -> bool:
        value = columns.get(column)
        if value is None:
            return pass_if_missing
        return type(value) is kind and compare(value, literal)

    return compare_column


def compile_prefilter(row_filter: Filter, key_names: Sequence[str], *, negated: bool = False) -> Prefilter | None:
    """Return a prefilter for the rows that pass a valid filter or, if `negated`, for those that do not. Return None if
    no prefilter exists."""
    if isinstance(row_filter, Comparison):
        if row_filter.column in key_names:
            passes = _comparison(row_filter, key_names)
            return lambda key, blob: passes(key, {}) is not negated
        if row_filter.pass_if_missing is not negated:
            return None
        name = row_filter.column.encode()
        needed = bytes((len(name),)) + name  # a packed name follows its length
        if row_filter.op is Op.EQ and not negated and isinstance(row_filter.value, str | bytes) and row_filter.value:
            needed = row_filter.value.encode() if isinstance(row_filter.value, str) else row_filter.value
        return lambda key, blob: needed in blob
    if isinstance(row_filter, Not):
        return compile_prefilter(row_filter.part, key_names, negated=not negated)
    parts = [compile_prefilter(part, key_names, negated=negated) for part in row_filter.parts]
    prefilters = [part for part in parts if part is not None]
    if isinstance(row_filter, And) is not negated:  # all parts must be true
        return (lambda key, blob: all(part(key, blob) for part in prefilters)) if prefilters else None
    return (lambda key, blob: any(part(key, blob) for part in prefilters)) if len(prefilters) == len(parts) else None
