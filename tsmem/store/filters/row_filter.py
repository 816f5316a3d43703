"""The meaning of a filter, and the part of it that the service tests.

The whole filter is tested here, on each row. What is sent with a range read only saves rows: it passes every row that
the whole filter passes. Logic has two values: a comparison with a missing column, or of different types, is false, and
`not` negates that. Integers and doubles are both numbers and compare exactly.

The service never compares across types, so a number is sent twice, as an integer and as a double, each with bounds of
its own. The service takes ten conditions in one filter. Parts of an `and` may be left out, so the cheapest that fit are
sent; an `or` is sent whole or not at all.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from tsmem.limits import MAX_INTEGER, MIN_INTEGER
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
_LARGEST = math.nextafter(math.inf, 0)


class Readable(NamedTuple):
    """The columns of a table or index."""

    key: Mapping[str, type]
    """Key columns in order, with their types."""
    columns: bool = True
    """True if it has attribute columns too."""

    def covers(self, row_filter: RowFilter) -> bool:
        """Return True if these columns are enough to decide a filter."""
        return self.columns or row_filter.columns.issubset(self.key)


class SentFilter(NamedTuple):
    """The part of a filter that is sent to the service."""

    filter: Filter | None
    exact: bool
    """True if it passes no other rows than the whole filter."""


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
        """The columns that it reads."""
        return frozenset(_columns(self.tree))

    def test(self, key: Iterable[str]) -> RowTest:
        """Return the function that tests the whole filter on a row. `key` names the key columns in order."""
        return _compiled(self.tree, list(key))

    def sent(self, readable: Readable, room: int = MAX_SENT) -> SentFilter:
        """Return the part of at most `room` conditions that the service can test."""
        sent = _sent(_push_down(self.tree), readable, room)
        return SentFilter(None, exact=False) if sent is None else sent


def condition_count(test: Filter | None) -> int:
    """Return the number of conditions, as the service counts: comparisons and negations."""
    if test is None:
        return 0
    if isinstance(test, Comparison):
        return 1
    return 1 + condition_count(test.part) if isinstance(test, Not) else sum(map(condition_count, test.parts))


def join_filters(*tests: Filter | None) -> Filter | None:
    """Return the conjunction of the filters that are not None."""
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
    if isinstance(tree, Every):
        found: dict[int, SentFilter] = {}
        cheapest_first = sorted(range(len(tree.parts)), key=lambda place: _weight(tree.parts[place], readable))
        for place in cheapest_first:
            sent = _sent(tree.parts[place], readable, room)
            if sent is not None:
                found[place] = sent
                room -= condition_count(sent.filter)
        every = [found[place] for place in sorted(found)]
        exact = len(every) == len(tree.parts) and all(part.exact for part in every)
        return SentFilter(join_filters(*(part.filter for part in every)), exact) if every else None
    if isinstance(tree, Either):
        either: list[SentFilter] = []
        for place, part in enumerate(tree.parts):
            following = len(tree.parts) - place - 1
            sent = _sent(part, readable, room - following)
            if sent is None:
                return None
            either.append(sent)
            room -= condition_count(sent.filter)
        parts = tuple(part.filter for part in either if part.filter is not None)
        return SentFilter(Or(parts), all(part.exact for part in either))
    test = _single_test(tree, readable)
    return None if test is None or condition_count(test) > room else SentFilter(test, exact=True)


def _weight(tree: Tree, readable: Readable) -> int:
    """Return the number of conditions of all parts that can be expressed."""
    if isinstance(tree, Every | Either):
        return sum(_weight(part, readable) for part in tree.parts)
    return condition_count(_single_test(tree, readable))


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
    """Return exactly this comparison for the service; None if it has none: for a key column of another type, and for
    the order of booleans."""
    column, op, value = test
    if type(value) is int or type(value) is float:
        tests = [
            Comparison(column, *bound)
            for kind, bound in ((int, _integer_bound(op, value)), (float, _double_bound(op, value)))
            if bound is not None and key_type in (None, kind)
        ]
        return None if not tests else tests[0] if len(tests) == 1 else Or(tuple(tests))
    if key_type not in (None, type(value)) or (type(value) is bool and op not in (Op.EQ, Op.NE)):
        return None
    return Comparison(column, op, value)


def _integer_bound(op: Op, number: float) -> tuple[Op, int] | None:
    """Return the comparison for integer values; None if none passes."""
    below = math.floor(number)
    if below == number and MIN_INTEGER <= below <= MAX_INTEGER:
        return op, below
    match op:
        case Op.EQ:
            return None
        case Op.NE:
            return Op.GE, MIN_INTEGER
        case Op.GT | Op.GE:
            return (Op.GE, max(below + 1, MIN_INTEGER)) if below < MAX_INTEGER else None
        case _:
            return (Op.LE, min(below, MAX_INTEGER)) if below >= MIN_INTEGER else None


def _double_bound(op: Op, number: float) -> tuple[Op, float] | None:
    """Return the comparison for double values; None if none passes. An integer that is no double is replaced by the
    nearest double on the right side."""
    near = float(number)
    if near == number:
        return op, near
    match op:
        case Op.EQ:
            return None
        case Op.NE:
            return Op.GE, -_LARGEST
        case Op.GT | Op.GE:
            return Op.GE, near if near > number else math.nextafter(near, math.inf)
        case _:
            return Op.LE, near if near < number else math.nextafter(near, -math.inf)
