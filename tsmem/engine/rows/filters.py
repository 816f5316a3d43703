"""A filter or column condition as a function that tests rows, compiled once for each request.

Logic has two values. A comparison of different types is false whatever its operator, so that an integer never equals a
double. A comparison with a missing column has the value `pass_if_missing`. Text compares by code point, which is the
order of its UTF-8 bytes; bytes compare bytewise, and False is below True. Key columns are always there.

Most rows of a selective scan need not be decoded: `necessary` tests a row's key, and searches its packed bytes for
those that a match must have. Measured on 50,000 rows of which ten match (median of seven): decoding all 159 ms, this
106 ms, the same test by SQLite's instr 116 ms, because rows that do not match are measured all the same.

Comparisons of key columns are not given to SQL either, though it could make them exactly: every row of a range must be
measured, because it counts for capacity units and for the 4 MB that end a page. Of the 400 ms that `create_time == 5`
takes on 200,000 messages (measured), the test is less than a fifth.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from tsmem.engine.requests import invalid
from tsmem.limits import check_column_name, value_bytes
from tsmem.rows import And, Comparison, Filter, Key, Not, Op, Or, Value

if TYPE_CHECKING:
    from tsmem.engine.rows.cells import Cell

MAX_COMPARISONS = 32
"""Comparisons and negations of one filter. Source: the Java SDK's UnifiedFilter tests; the documentation says 10."""

Predicate = Callable[[Key, Mapping[str, Value]], bool]
"""Takes a row's key and its attribute columns. Returns True if the row passes."""
Necessary = Callable[[Key, bytes], bool]
"""Takes a row's key and its packed cells. Returns False if the row cannot pass."""

_OPERATORS: dict[Op, Callable[[Any, Any], bool]] = {op: getattr(operator, op.name.lower()) for op in Op}


class AnyVersion(NamedTuple):
    """A filter that any version of a column may pass, not only the latest: where cells are read with their versions,
    and in the conditions of writes. A time range narrows the versions; `max_versions` does not."""

    test: Comparison


class Presence(NamedTuple):
    """A filter for rows that have a column, or lack it. It may stand where AnyVersion may."""

    column: str
    present: bool


AnyFilter = Filter | AnyVersion | Presence


class Versions(dict[str, Value]):
    """The latest values of a row's columns, with all values beside them, as a filter with AnyVersion needs them."""

    def __init__(self, cells: Iterable[Cell], max_versions: int) -> None:
        """`cells` are in order of name, versions newest first. Keep up to `max_versions` of each column."""
        super().__init__()
        self.every: dict[str, list[Value]] = {}
        for cell in cells:
            self.setdefault(cell.name, cell.value)
            values = self.every.setdefault(cell.name, [])
            if len(values) < max_versions:
                values.append(cell.value)


def needs_versions(test: Filter) -> bool:
    return any(isinstance(part, AnyVersion) for part in _parts(test))


def _parts(test: AnyFilter) -> Iterator[AnyFilter]:
    """Yield a filter and all parts of it. It may be nested deeper than calls can be."""
    waiting = [test]
    while waiting:
        part = waiting.pop()
        yield part
        if isinstance(part, And | Or):
            waiting += part.parts
        elif isinstance(part, Not):
            waiting.append(part.part)


def compile_filter(test: Filter, key_names: Sequence[str]) -> Predicate:
    """Return the function that tests rows. Raises InvalidInput for a filter that the service refuses."""
    count = 0
    for part in _parts(test):
        count += not isinstance(part, And | Or)
        if count > MAX_COMPARISONS:
            raise invalid(f"The count of filter exceeds the max: {MAX_COMPARISONS}.")
    return _compile(test, key_names)


def _compile(test: AnyFilter, key_names: Sequence[str]) -> Predicate:
    if isinstance(test, Comparison):
        return _comparison(test, key_names)
    if isinstance(test, AnyVersion):
        single = _comparison(test.test, key_names)
        column, missing = test.test.column, test.test.pass_if_missing
        if column in key_names:
            return single

        def of_versions(key: Key, columns: Mapping[str, Value]) -> bool:
            values = cast("Versions", columns).every.get(column)
            return missing if values is None else any(single(key, {column: value}) for value in values)

        return of_versions
    if isinstance(test, Presence):
        column, present = test
        check_column_name(column)
        if column in key_names:
            return lambda key, columns: present
        return lambda key, columns: (column in columns) is present
    if isinstance(test, Not):
        part = _compile(test.part, key_names)
        return lambda key, columns: not part(key, columns)
    if len(test.parts) < 2:
        name = "AND" if isinstance(test, And) else "OR"
        raise invalid(f"Invalid {name} operator: the number of sub-filters must be at least 2.")
    parts = [_compile(each, key_names) for each in test.parts]
    if isinstance(test, Or):
        return lambda key, columns: any(part(key, columns) for part in parts)
    return lambda key, columns: all(part(key, columns) for part in parts)


def _comparison(test: Comparison, key_names: Sequence[str]) -> Predicate:
    column, op, literal, missing = test
    check_column_name(column)
    value_bytes(column, literal)
    kind, compare = type(literal), _OPERATORS[op]
    if column in key_names:
        place = list(key_names).index(column)
        return lambda key, columns: type(key[place]) is kind and compare(key[place], literal)

    def of_column(key: Key, columns: Mapping[str, Value]) -> bool:
        value = columns.get(column)
        if value is None:
            return missing
        return type(value) is kind and compare(value, literal)

    return of_column


def necessary(test: Filter, key_names: Sequence[str], *, negated: bool = False) -> Necessary | None:
    """Return a test that needs no decoding, and that every row passes which passes the filter (or, if `negated`, fails
    it); None if there is no such test. The filter was compiled before, and so it is valid."""
    if isinstance(test, Comparison):
        if test.column in key_names:
            passes = _comparison(test, key_names)
            return lambda key, blob: passes(key, {}) is not negated
        if test.pass_if_missing is not negated:
            return None
        name = test.column.encode()
        found = bytes((len(name),)) + name  # as the packed cells have a column's name
        if test.op is Op.EQ and not negated and isinstance(test.value, str | bytes) and test.value:
            found = test.value.encode() if isinstance(test.value, str) else test.value
        return lambda key, blob: found in blob
    if isinstance(test, Not):
        return necessary(test.part, key_names, negated=not negated)
    tests = [necessary(part, key_names, negated=negated) for part in test.parts]
    known = [part for part in tests if part is not None]
    if isinstance(test, And) is not negated:  # all parts must hold
        if len(known) < 2:
            return known[0] if known else None
        return lambda key, blob: all(part(key, blob) for part in known)
    return (lambda key, blob: any(part(key, blob) for part in known)) if len(known) == len(tests) else None
