"""What a filter means, and which part of it the service is asked to test.

Its one rule: the whole filter decides, on the row, here; what is sent with a range read only saves rows, and is implied
by the whole. Logic has two values: a comparison with a missing column, or of different types, is false, and `not`
negates that. Integers and doubles are both numbers and compare exactly.

The service never matches across types, so a number goes as an integer and as a double, each with bounds of its own. It
takes ten conditions in one filter (documented; the engine takes 32): of what is joined by `and`, the cheapest that fit
are sent. Any part of an `and` may be left out; an `or` goes whole or not at all.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from tsmem.limits import MAX_INTEGER, MIN_INTEGER
from tsmem.rows import And, Comparison, Filter, Not, Op, Or, Row, Value
from tsmem.store.filters.syntax import parse_filter
from tsmem.store.filters.tree import Compared, Either, Every, Exists, Negation, Tree

MAX_SENT = 10
"""Conditions that one filter may have on TableStore, negations counted. Source: Filter.md; the Java tests say 32."""

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
    """What a table or index has to test a row by."""

    key: Mapping[str, type]
    """Key columns, in order, with their types."""
    columns: bool = True
    """Whether attribute columns can be read too."""

    def covers(self, wanted: RowFilter) -> bool:
        """Whether a filter can be decided by it."""
        return self.columns or wanted.columns.issubset(self.key)


class RowFilter:
    """A filter that was read."""

    def __init__(self, text: str) -> None:
        """Raises InvalidInput for what is not in the language."""
        self.tree: Tree = parse_filter(text)
        """What was read, for who plans by it."""

    @property
    def identity(self) -> str:
        """The same for texts that mean the same but for spaces, quotes and parentheses."""
        return repr(self.tree)

    @cached_property
    def columns(self) -> frozenset[str]:
        """The columns that it looks at."""
        return frozenset(_columns(self.tree))

    def test(self, readable: Readable) -> RowTest:
        """The function that decides."""
        return _compiled(self.tree, list(readable.key))

    def sent(self, readable: Readable, room: int = MAX_SENT) -> Filter | None:
        """What the service can be asked to test, in `room` conditions: it passes every row that the filter passes."""
        bound = self._bound(readable, room)
        return None if bound is None else bound.filter

    def is_sent_whole(self, readable: Readable, room: int = MAX_SENT) -> bool:
        """True if what is sent passes no other rows than the filter does."""
        bound = self._bound(readable, room)
        return bound is not None and bound.exact

    def _bound(self, readable: Readable, room: int) -> _Bound | None:
        return _Bounds(readable).of(_plain(self.tree), room)


def condition_count(test: Filter | None) -> int:
    """Conditions that a filter counts for: comparisons and negations."""
    if test is None:
        return 0
    if isinstance(test, Comparison):
        return 1
    return 1 + condition_count(test.part) if isinstance(test, Not) else sum(map(condition_count, test.parts))


def join_filters(*tests: Filter | None) -> Filter | None:
    """All of these; None for none."""
    there = tuple(test for test in tests if test is not None)
    return And(there) if len(there) > 1 else there[0] if there else None


def _columns(tree: Tree) -> list[str]:
    if isinstance(tree, Every | Either):
        return [name for part in tree.parts for name in _columns(part)]
    return _columns(tree.part) if isinstance(tree, Negation) else [tree.column]


# Deciding


def _compiled(tree: Tree, key: list[str]) -> RowTest:
    if isinstance(tree, Negation):
        part = _compiled(tree.part, key)
        return lambda row: not part(row)
    if isinstance(tree, Every | Either):
        parts = [_compiled(each, key) for each in tree.parts]
        if isinstance(tree, Either):
            return lambda row: any(part(row) for part in parts)
        return lambda row: all(part(row) for part in parts)
    read = _reading(tree.column, key)
    if isinstance(tree, Exists):
        return lambda row: read(row) is not None
    compare, literal = _COMPARE[tree.op], tree.value
    kinds = _NUMBERS if type(literal) in _NUMBERS else (type(literal),)

    def compared(row: Row) -> bool:
        value = read(row)
        return type(value) in kinds and compare(value, literal)

    return compared


def _reading(column: str, key: list[str]) -> Callable[[Row], Value | None]:
    if column in key:
        place = key.index(column)
        return lambda row: row.key[place]
    return lambda row: row.columns.get(column)


# Sending


def _plain(tree: Tree, *, negated: bool = False) -> Tree:
    """The same with `not` before single tests alone, so that leaving a part of an `and` out passes more rows."""
    if isinstance(tree, Negation):
        return _plain(tree.part, negated=not negated)
    if isinstance(tree, Every | Either):
        parts = tuple(_plain(part, negated=negated) for part in tree.parts)
        return Every(parts) if isinstance(tree, Every) is not negated else Either(parts)
    return Negation(tree) if negated else tree


class _Bound(NamedTuple):
    filter: Filter
    weight: int
    exact: bool
    """True if it passes no other rows than the tree does."""


class _Bounds:
    """Filters that pass all rows that a plain tree passes."""

    def __init__(self, readable: Readable) -> None:
        self._readable = readable

    def of(self, tree: Tree, room: int) -> _Bound | None:
        """The closest one that fits; None when nothing fits or can be said."""
        if isinstance(tree, Every):
            return self._every(tree, room)
        if isinstance(tree, Either):
            return self._either(tree, room)
        test = self._leaf(tree)
        return None if test is None or condition_count(test) > room else _Bound(test, condition_count(test), exact=True)

    def _every(self, tree: Every, room: int) -> _Bound | None:
        found: dict[int, _Bound] = {}
        for place in sorted(range(len(tree.parts)), key=lambda place: self._weight(tree.parts[place])):
            bound = self.of(tree.parts[place], room)
            if bound is not None:
                found[place] = bound
                room -= bound.weight
        parts = [found[place] for place in sorted(found)]
        return _together(And, parts, exact=len(parts) == len(tree.parts))

    def _either(self, tree: Either, room: int) -> _Bound | None:
        parts: list[_Bound] = []
        for place, part in enumerate(tree.parts):
            bound = self.of(part, room - (len(tree.parts) - place - 1))
            if bound is None:
                return None
            parts.append(bound)
            room -= bound.weight
        return _together(Or, parts, exact=True)

    def _weight(self, tree: Tree) -> int:
        """Of all that can be said of it."""
        return (
            sum(map(self._weight, tree.parts))
            if isinstance(tree, Every | Either)
            else condition_count(self._leaf(tree))
        )

    def _leaf(self, tree: Tree) -> Filter | None:
        negated = isinstance(tree, Negation)
        leaf = tree.part if isinstance(tree, Negation) else tree
        assert isinstance(leaf, Compared | Exists)
        kind = self._readable.key.get(leaf.column)
        if kind is None and not self._readable.columns:
            return None
        if isinstance(leaf, Exists):
            return None if kind is not None else _exists(leaf.column, negated=negated)
        test = _comparison(leaf, kind)
        return Not(test) if negated and test is not None else test


def _together(join: type[And] | type[Or], parts: list[_Bound], *, exact: bool) -> _Bound | None:
    """The bounds of a tree's parts as one. `exact`: whether every part has one."""
    if not parts:
        return None
    exact = exact and all(part.exact for part in parts)
    if len(parts) == 1:
        return parts[0]._replace(exact=exact)
    return _Bound(join(tuple(part.filter for part in parts)), sum(part.weight for part in parts), exact)


def _exists(column: str, *, negated: bool) -> Filter:
    """No value is both equal and not equal to another: both pass where the column is missing, and there alone."""
    both = (Comparison(column, op, 0, pass_if_missing=True) for op in (Op.EQ, Op.NE))
    return And(tuple(both)) if negated else Not(And(tuple(both)))


def _comparison(leaf: Compared, key_type: type | None) -> Filter | None:
    """Exactly the comparison, in the service's words; None where it has none: a key column of another type, and the
    order of booleans."""
    column, op, value = leaf
    if type(value) is int or type(value) is float:
        tests = [
            Comparison(column, *bound)
            for kind, bound in ((int, _of_integers(op, value)), (float, _of_doubles(op, value)))
            if bound is not None and key_type in (None, kind)
        ]
        return None if not tests else tests[0] if len(tests) == 1 else Or(tuple(tests))
    if key_type not in (None, type(value)) or (type(value) is bool and op not in (Op.EQ, Op.NE)):
        return None
    return Comparison(column, op, value)


def _of_integers(op: Op, number: float) -> tuple[Op, int] | None:
    """The comparison as integers meet it; None for one that no integer does."""
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


def _of_doubles(op: Op, number: float) -> tuple[Op, float] | None:
    """The comparison as doubles meet it; None for one that no double does. The neighbours of an integer that is no
    double are."""
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
