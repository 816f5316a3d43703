"""Evaluate a filter on rows, and push part of it down to the service.

The filter sent passes every row that the whole filter passes, and perhaps others; it only saves reading rows.

Logic has two values. A comparison is false if the column is missing or its value has another type, and `not` negates
that. The same holds for contains() and startswith(), which need a text. Integers and doubles are both numbers and
compare exactly. The service, however, never compares different types, so most comparisons with a number are sent twice:
for integers and for doubles. It has no conditions on parts of a text, so contains() and startswith() are tested here.

The service accepts ten conditions in a filter. Leaving out a part of an `and` passes more rows, so the smallest parts
that fit are sent. An `or` is sent whole or not at all.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from tsmem.folding import fold
from tsmem.limits import MIN_INTEGER
from tsmem.rows import And, Comparison, Filter, Not, Op, Or, Row, Value
from tsmem.store.filters.syntax import parse_filter
from tsmem.store.filters.tree import Compared, ContainsText, Either, Every, Exists, Negation, StartsWith, Tree

MAX_CONDITIONS = 10
"""Maximum number of conditions of a filter on TableStore, negations included. Source: Filter.md. (The Java SDK's
tests use 32.)"""
MAX_COLUMNS = 128
"""Maximum number of columns that a read can name on TableStore. A read that needs more names none, and gets all of
them. Source: the documentation. (The Java SDK's tests use 1,024.)"""

RowTest = Callable[[Row], bool]

_COMPARE: dict[Op, Callable[[Any, Any], bool]] = {
    Op.EQ: operator.eq,
    Op.NE: operator.ne,
    Op.GT: operator.gt,
    Op.GE: operator.ge,
    Op.LT: operator.lt,
    Op.LE: operator.le,
}
_NUMBERS = (int, float)
_MAX_EXACT = 2**53
"""Largest integer up to which every integer equals a double, so that both comparisons of a number agree."""


class ReadableColumns(NamedTuple):
    """The columns that a read of a table or index returns."""

    key: Mapping[str, type]
    has_attributes: bool = True
    """False for an index, which has only key columns."""

    def covers(self, row_filter: RowFilter) -> bool:
        return self.has_attributes or row_filter.columns.issubset(self.key)


class PushedFilter(NamedTuple):
    filter: Filter | None
    is_exact: bool
    """True if it passes only rows that the whole filter passes."""


class RowFilter:
    """Creating it raises InvalidInput for a text that is not in the filter language."""

    def __init__(self, text: str) -> None:
        self.tree: Tree = parse_filter(text)

    @property
    def identity(self) -> str:
        """A text that is equal for filters that differ only in spaces, quotes and parentheses."""
        return repr(self.tree)

    @cached_property
    def columns(self) -> frozenset[str]:
        return frozenset(_columns(self.tree))

    def test(self, key: Iterable[str]) -> RowTest:
        return _compile(self.tree, list(key))

    def pushdown(self, readable: ReadableColumns, max_conditions: int = MAX_CONDITIONS) -> PushedFilter:
        return _pushdown(_move_negations_down(self.tree), readable, max_conditions)


def condition_count(test: Filter | None) -> int:
    """Return the number of comparisons and negations, which is what the service limits."""
    if test is None:
        return 0
    if isinstance(test, Comparison):
        return 1
    return 1 + condition_count(test.part) if isinstance(test, Not) else sum(map(condition_count, test.parts))


def join_filters(*tests: Filter | None) -> Filter | None:
    parts = tuple(test for test in tests if test is not None)
    return And(parts) if len(parts) > 1 else parts[0] if parts else None


def _columns(tree: Tree) -> list[str]:
    if isinstance(tree, Every | Either):
        return [name for part in tree.parts for name in _columns(part)]
    return _columns(tree.part) if isinstance(tree, Negation) else [tree.column]


# The test on a row


def _compile(tree: Tree, key: list[str]) -> RowTest:
    if isinstance(tree, Negation):
        part = _compile(tree.part, key)
        return lambda row: not part(row)
    if isinstance(tree, Every | Either):
        parts = [_compile(each, key) for each in tree.parts]
        if isinstance(tree, Either):
            return lambda row: any(part(row) for part in parts)
        return lambda row: all(part(row) for part in parts)
    read = _reader(tree.column, key)
    if isinstance(tree, Exists):
        return lambda row: read(row) is not None
    if isinstance(tree, ContainsText):
        folded = fold(tree.text)
        return lambda row: isinstance(value := read(row), str) and folded in fold(value)
    if isinstance(tree, StartsWith):
        return lambda row: isinstance(value := read(row), str) and value.startswith(tree.text)
    compare, literal = _COMPARE[tree.op], tree.value
    types = _NUMBERS if type(literal) in _NUMBERS else (type(literal),)

    def test(row: Row) -> bool:
        value = read(row)
        return type(value) in types and compare(value, literal)

    return test


def _reader(column: str, key: list[str]) -> Callable[[Row], Value | None]:
    if column in key:
        index = key.index(column)
        return lambda row: row.key[index]
    return lambda row: row.columns.get(column)


# The part that is sent to the service


def _move_negations_down(tree: Tree, *, negated: bool = False) -> Tree:
    """Negate only comparisons and functions, so that leaving out a part of an `and` always passes more rows."""
    if isinstance(tree, Negation):
        return _move_negations_down(tree.part, negated=not negated)
    if isinstance(tree, Every | Either):
        parts = tuple(_move_negations_down(part, negated=negated) for part in tree.parts)
        return Every(parts) if isinstance(tree, Every) is not negated else Either(parts)
    return Negation(tree) if negated else tree


def _pushdown(tree: Tree, readable: ReadableColumns, max_conditions: int) -> PushedFilter:
    if not isinstance(tree, Every | Either):
        test = _single_test(tree, readable)
        fits = test is not None and condition_count(test) <= max_conditions
        return PushedFilter(test, True) if fits else PushedFilter(None, False)
    filters: list[Filter] = []
    is_exact = True
    for part in sorted(tree.parts, key=lambda part: len(_columns(part))):
        pushed = _pushdown(part, readable, max_conditions)
        is_exact = is_exact and pushed.is_exact
        if pushed.filter is not None:
            filters.append(pushed.filter)
            max_conditions -= condition_count(pushed.filter)
        elif isinstance(tree, Either):
            return pushed
    return PushedFilter(Or(tuple(filters)) if isinstance(tree, Either) else join_filters(*filters), is_exact)


def _single_test(tree: Tree, readable: ReadableColumns) -> Filter | None:
    negated = isinstance(tree, Negation)
    test = tree.part if isinstance(tree, Negation) else tree
    if isinstance(test, ContainsText | StartsWith):
        return None
    assert isinstance(test, Compared | Exists)
    key_type = readable.key.get(test.column)
    if key_type is None and not readable.has_attributes:
        return None
    if isinstance(test, Compared):
        comparison = _service_comparison(test, key_type)
        return Not(comparison) if negated and comparison is not None else comparison
    if key_type is not None:
        return None
    # No value is both equal and unequal to 0, so only a missing column passes both comparisons.
    missing = And(tuple(Comparison(test.column, op, 0, pass_if_missing=True) for op in (Op.EQ, Op.NE)))
    return missing if negated else Not(missing)


def _service_comparison(test: Compared, key_type: type | None) -> Filter | None:
    """Return None if the service has no equivalent: the value has another type than the key column, booleans are
    compared by order, or a number is beyond _MAX_EXACT."""
    column, op, value = test
    if type(value) is int or type(value) is float:
        bounds = [bound for bound in _bounds(op, value) if key_type in (None, type(bound[1]))]
        tests = tuple(Comparison(column, *bound) for bound in bounds)
        return Or(tests) if len(tests) > 1 else next(iter(tests), None)
    if key_type not in (None, type(value)) or (type(value) is bool and op not in (Op.EQ, Op.NE)):
        return None
    return Comparison(column, op, value)


def _bounds(op: Op, number: float) -> list[tuple[Op, int | float]]:
    """Return comparisons with a double and with an integer that together are equivalent to one with this number."""
    if abs(number) > _MAX_EXACT:
        return []
    for_doubles, floor = (op, float(number)), math.floor(number)
    if floor == number:
        return [for_doubles, (op, floor)]
    if op is Op.EQ:
        return [for_doubles]  # no integer equals the number
    if op is Op.NE:
        return [for_doubles, (Op.GE, MIN_INTEGER)]  # every integer differs from the number
    return [for_doubles, (Op.GT if op in (Op.GT, Op.GE) else Op.LE, floor)]
