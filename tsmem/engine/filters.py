"""A filter or column condition as a function, compiled once a request.

Its one rule: logic has two values. A comparison of different types is false whatever its operator, so that an integer
never equals a double; a missing column makes it `pass_if_missing`; Not, And, Or are plain. Text compares by code point,
which is the order of its UTF-8 bytes, bytes bytewise, False below True. Key columns are always there to be compared.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tsmem.engine.messages import invalid
from tsmem.limits import check_name, value_bytes
from tsmem.rows import And, Comparison, Filter, Key, Not, Op, Or, Value

MAX_COMPARISONS = 32
"""Of one filter, negations counted too. Source: the Java SDK's UnifiedFilter tests; the documentation says 10."""

Predicate = Callable[[Key, Mapping[str, Value]], bool]
"""A row's key and its attribute columns, to whether the row passes."""

_OPERATORS: dict[Op, Callable[[Any, Any], bool]] = {
    Op.EQ: operator.eq,
    Op.NE: operator.ne,
    Op.GT: operator.gt,
    Op.GE: operator.ge,
    Op.LT: operator.lt,
    Op.LE: operator.le,
}


def compile_filter(test: Filter, key_names: Sequence[str]) -> Predicate:
    """The function that tests rows. Raises InvalidInput for a filter that the service refuses."""
    if _count(test) > MAX_COMPARISONS:
        raise invalid(f"The count of filter exceeds the max: {MAX_COMPARISONS}.")
    return _compile(test, key_names)


def _count(test: Filter) -> int:
    """Comparisons and negations, as far as one past the limit: a filter may be nested deeper than calls can be."""
    count, waiting = 0, [test]
    while waiting and count <= MAX_COMPARISONS:
        part = waiting.pop()
        if isinstance(part, And | Or):
            waiting += part.parts
        else:
            count += 1
            if isinstance(part, Not):
                waiting.append(part.part)
    return count


def _compile(test: Filter, key_names: Sequence[str]) -> Predicate:
    if isinstance(test, Comparison):
        return _comparison(test, key_names)
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
    check_name("column", test.column)
    value_bytes(test.column, test.value)
    column, literal, kind, missing = test.column, test.value, type(test.value), test.pass_if_missing
    compare = _OPERATORS[test.op]
    if column in key_names:
        place = list(key_names).index(column)

        def of_key(key: Key, columns: Mapping[str, Value]) -> bool:
            value = key[place]
            return type(value) is kind and compare(value, literal)

        return of_key

    def of_column(key: Key, columns: Mapping[str, Value]) -> bool:
        value = columns.get(column)
        if value is None:
            return missing
        return type(value) is kind and compare(value, literal)

    return of_column
