"""The meaning of a filter, and the part of it that the service tests.

The whole filter is tested here, on each row. What is sent with a range read only saves rows: it passes every row that
the whole filter passes. Logic has two values: a comparison with a missing column, or of different types, is false, and
`not` negates that. Integers and doubles are both numbers and compare exactly.

The service never compares across types, so a number is sent twice, as an integer and as a double. It takes ten
conditions in one filter. Parts of an `and` may be left out, so the cheapest that fit are sent; an `or` is sent whole or
not at all.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from tsmem.limits import MIN_INTEGER
from tsmem.rows import And, Comparison, Filter, Not, Op, Or, Row, Value
from tsmem.store.filters.syntax import parse_filter
from tsmem.store.filters.tree import Compared, Either, Every, Exists, Negation, Tree

MAX_SENT = 10
"""Conditions of one filter on TableStore, negations included. Source: Filter.md; the Java tests and the engine take
32."""
MAX_COLUMNS = 128
"""Columns that a read may name on TableStore; past that, all are read. Source: the documentation; Java tests 1,024."""

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
"""Up to this number every integer is a double too, so that comparisons with both say the same."""


class Readable(NamedTuple):
    """The columns of a table or index: key columns in order, with their types, and perhaps attribute columns."""

    key: Mapping[str, type]
    columns: bool = True

    def covers(self, row_filter: RowFilter) -> bool:
        """Return True if these columns are enough to decide a filter."""
        return self.columns or row_filter.columns.issubset(self.key)


class SentFilter(NamedTuple):
    """The part of a filter that is sent to the service. It is exact if it passes only rows that the whole passes."""

    filter: Filter | None
    exact: bool


class RowFilter:
    """A parsed filter. Creating it raises InvalidInput for a text that is not in the language."""

    def __init__(self, text: str) -> None:
        self.tree: Tree = parse_filter(text)

    @property
    def identity(self) -> str:
        """Equal for texts that differ only in spaces, quotes and parentheses."""
        return repr(self.tree)

    @cached_property
    def columns(self) -> frozenset[str]:
        return frozenset(_columns(self.tree))

    def test(self, key: Iterable[str]) -> RowTest:
        """Return the test of the whole filter on a row. `key` names the key columns in order."""
        return _compiled(self.tree, list(key))

    def sent(self, readable: Readable, room: int = MAX_SENT) -> SentFilter:
        return _sent(_push_down(self.tree), readable, room) or SentFilter(None, exact=False)


def condition_count(test: Filter | None) -> int:
    """Return the number of conditions, as the service counts: comparisons and negations."""
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


def _compiled(tree: Tree, key: list[str]) -> RowTest:
    if isinstance(tree, Negation):
        part = _compiled(tree.part, key)
        return lambda row: not part(row)
    if isinstance(tree, Every | Either):
        parts = [_compiled(each, key) for each in tree.parts]
        if isinstance(tree, Either):
            return lambda row: any(part(row) for part in parts)
        return lambda row: all(part(row) for part in parts)
    read = _reader(tree.column, key)
    if isinstance(tree, Exists):
        return lambda row: read(row) is not None
    compare, literal = _COMPARE[tree.op], tree.value
    kinds = _NUMBERS if type(literal) in _NUMBERS else (type(literal),)

    def compared(row: Row) -> bool:
        value = read(row)
        return type(value) in kinds and compare(value, literal)

    return compared


def _reader(column: str, key: list[str]) -> Callable[[Row], Value | None]:
    if column in key:
        place = key.index(column)
        return lambda row: row.key[place]
    return lambda row: row.columns.get(column)


# The part for the service


def _push_down(tree: Tree, *, negated: bool = False) -> Tree:
    """Move each `not` down to a single test, so that leaving out a part of an `and` always passes more rows."""
    if isinstance(tree, Negation):
        return _push_down(tree.part, negated=not negated)
    if isinstance(tree, Every | Either):
        parts = tuple(_push_down(part, negated=negated) for part in tree.parts)
        return Every(parts) if isinstance(tree, Every) is not negated else Either(parts)
    return Negation(tree) if negated else tree


def _sent(tree: Tree, readable: Readable, room: int) -> SentFilter | None:
    """Return the closest filter of at most `room` conditions; None if nothing fits or can be expressed."""
    if not isinstance(tree, Every | Either):
        test = _single_test(tree, readable)
        return None if test is None or condition_count(test) > room else SentFilter(test, exact=True)
    found: list[tuple[Filter, bool]] = []
    for part in sorted(tree.parts, key=lambda part: len(_columns(part))):
        sent = _sent(part, readable, room)
        if sent is not None and sent.filter is not None:
            found.append((sent.filter, sent.exact))
            room -= condition_count(sent.filter)
        elif isinstance(tree, Either):
            return None
    if not found:
        return None
    filters = tuple(test for test, _ in found)
    exact = len(found) == len(tree.parts) and all(is_exact for _, is_exact in found)
    return SentFilter(Or(filters) if isinstance(tree, Either) else join_filters(*filters), exact)


def _single_test(tree: Tree, readable: Readable) -> Filter | None:
    negated = isinstance(tree, Negation)
    test = tree.part if isinstance(tree, Negation) else tree
    assert isinstance(test, Compared | Exists)
    key_type = readable.key.get(test.column)
    if key_type is None and not readable.columns:
        return None
    if isinstance(test, Compared):
        compared = _comparison(test, key_type)
        return Not(compared) if negated and compared is not None else compared
    if key_type is not None:
        return None
    # No value is both equal and unequal to another, so only a missing column passes both.
    missing = And(tuple(Comparison(test.column, op, 0, pass_if_missing=True) for op in (Op.EQ, Op.NE)))
    return missing if negated else Not(missing)


def _comparison(test: Compared, key_type: type | None) -> Filter | None:
    """Return exactly this comparison for the service; None if it has none: for a key column of another type, for the
    order of booleans, and for very large numbers."""
    column, op, value = test
    if type(value) is int or type(value) is float:
        bounds = [bound for bound in _bounds(op, value) if key_type in (None, type(bound[1]))]
        tests = tuple(Comparison(column, *bound) for bound in bounds)
        return Or(tests) if len(tests) > 1 else next(iter(tests), None)
    if key_type not in (None, type(value)) or (type(value) is bool and op not in (Op.EQ, Op.NE)):
        return None
    return Comparison(column, op, value)


def _bounds(op: Op, number: float) -> list[tuple[Op, int | float]]:
    """Return the comparisons of doubles and of integers that together are a comparison with this number."""
    if abs(number) > _MAX_EXACT:
        return []
    of_doubles, below = (op, float(number)), math.floor(number)
    if below == number:
        return [of_doubles, (op, below)]
    if op is Op.EQ:
        return [of_doubles]
    if op is Op.NE:
        return [of_doubles, (Op.GE, MIN_INTEGER)]
    return [of_doubles, (Op.GT if op in (Op.GT, Op.GE) else Op.LE, below)]
