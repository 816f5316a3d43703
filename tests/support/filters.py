"""Random filters and rows, and a second, simple implementation of what a filter matches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from tsmem.folding import fold
from tsmem.rows import And, Filter, Not, Op, Or, Row, Value
from tsmem.store.filters.row_filter import ReadableColumns

KEY: dict[str, type] = {"k": str, "i": int}
READABLE = ReadableColumns(KEY)

TEXTS = st.sampled_from(["", "a", "b", "A", "é", "5", "😀", "a\0b", "Éa", "aß", "SSé"])
NUMBERS: st.SearchStrategy[int | float] = st.sampled_from(
    [0, 1, -1, 5, 2**53 + 1, 2**63 - 1, -(2**63), 0.0, -0.5, 1.0, 5.0, 2.0**53, 1e300]
)
VALUES: st.SearchStrategy[Value] = st.one_of(TEXTS, NUMBERS, st.booleans(), st.sampled_from([b"", b"a", b"\xff"]))
COLUMNS = ("x", "y", "z")
NAMES = st.sampled_from([*KEY, *COLUMNS])
OPERATORS = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
ROWS: st.SearchStrategy[dict[str, Value]] = st.builds(
    lambda k, i, rest: {"k": k, "i": i, **rest},
    TEXTS,
    st.sampled_from([0, 1, 5, 2**53 + 1]),
    st.dictionaries(st.sampled_from(COLUMNS), VALUES),
)


def filter_trees(names: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    leaves = st.one_of(
        st.tuples(st.just("compare"), names, OPERATORS, VALUES),
        st.tuples(st.just("in"), names, st.booleans(), st.lists(VALUES, min_size=1, max_size=3)),
        st.tuples(st.just("exists"), names),
        st.tuples(st.just("true"), names),
        st.tuples(st.sampled_from(["contains", "startswith"]), names, TEXTS),
    )
    return st.recursive(
        leaves,
        lambda part: st.one_of(
            st.tuples(st.just("not"), part),
            st.tuples(st.sampled_from(["and", "or"]), st.lists(part, min_size=2, max_size=3)),
        ),
        max_leaves=6,
    )


TREES = filter_trees(NAMES)


def as_row(values: Mapping[str, Value], readable: ReadableColumns = READABLE) -> Row:
    key = tuple(values[name] for name in readable.key if name in values)
    return Row(key, {name: value for name, value in values.items() if name not in readable.key})  # type: ignore[arg-type]


def filter_text(tree: Any) -> str:
    match tree:
        case ("compare", name, op, value):
            return f"{name} {op} {value!r}"
        case ("in", name, negated, values):
            return f"{name} {'not ' * negated}in {values!r}"
        case ("exists", name):
            return f"exists({name})"
        case ("true", name):
            return f'metadata["{name}"]'
        case ("contains" | "startswith" as function, name, text):
            return f"{function}(metadata.{name}, {text!r})"
        case ("not", part):
            return f"not ({filter_text(part)})"
        case (join, parts):
            return f" {join} ".join(f"({filter_text(part)})" for part in parts)
    raise AssertionError(tree)


def tree_matches(tree: Any, row: Mapping[str, Value]) -> bool:
    """Return True if the filter matches the row, by the rules of the manual's page on filters."""
    match tree:
        case ("compare", name, op, value):
            return values_match(row.get(name), op, value)
        case ("in", name, False, values):
            return any(values_match(row.get(name), "==", value) for value in values)
        case ("in", name, True, values):
            same = [value for value in values if type_name(value) == type_name(row.get(name))]
            return bool(same) and all(values_match(row.get(name), "!=", value) for value in same)
        case ("exists", name):
            return name in row
        case ("true", name):
            return row.get(name) is True
        case ("contains", name, text):
            value = row.get(name)
            return isinstance(value, str) and fold(text) in fold(value)
        case ("startswith", name, text):
            value = row.get(name)
            return isinstance(value, str) and value[: len(text)] == text
        case ("not", part):
            return not tree_matches(part, row)
        case (join, parts):
            return (all if join == "and" else any)(tree_matches(part, row) for part in parts)
    raise AssertionError(tree)


def type_name(value: object) -> str:
    """Return the name of a value's type. Integers and doubles count as one type."""
    return "number" if type(value) in (int, float) else type(value).__name__


def values_match(value: Any, op: str, literal: Any) -> bool:
    return type_name(value) == type_name(literal) and bool(eval("a" + op + "b", {"a": value, "b": literal}))


def service_filter_matches(test: Filter, row: Mapping[str, Value]) -> bool:
    """Return True if the row passes a filter of the service, where values of different types never match."""
    if isinstance(test, Not):
        return not service_filter_matches(test.part, row)
    if isinstance(test, And | Or):
        return (all if isinstance(test, And) else any)(service_filter_matches(part, row) for part in test.parts)
    value = row.get(test.column)
    if value is None:
        return test.pass_if_missing
    if type(value) is not type(test.value):
        return False
    less, same = value < test.value, value == test.value  # type: ignore[operator]
    return {Op.EQ: same, Op.NE: not same, Op.LT: less, Op.LE: less or same, Op.GT: not (less or same)}.get(
        test.op, not less
    )
