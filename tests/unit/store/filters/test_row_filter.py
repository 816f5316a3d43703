"""The meaning of a filter, and the part of it that is sent to the service."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings

from tests.support.filters import KEY, READABLE, ROWS, TREES, as_row, holds, passes, spelled
from tsmem.rows import Comparison, Filter, Not, Op, Value
from tsmem.store.filters.row_filter import MAX_SENT, Readable, RowFilter, condition_count

# Meaning

ROW: dict[str, Value] = {"n": 5, "f": 5.0, "t": "5", "y": True, "b": b"5", "big": 2**53 + 1, "e": "", "z": 0}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n == 5 and n == 5.0 and f == 5 and 5 == f", True),
        ("t != 5 or t == b'5' or b == \"5\"", False),
        ("y == 1 or y != 1 or y != 2 or n == True", False),
        ("y and y == True and y != False and y > False and False < y", True),
        ("n or t or e or missing", False),
        ("missing == 1 or missing != 1 or missing in [1] or missing not in [1]", False),
        ('not (missing == "x") and not (missing != "x")', True),
        ("big == 9007199254740993 and big != 9007199254740992.0 and big > 9007199254740992.0", True),
        ("f < 9007199254740993 and 4.5 < n < 5.5", True),
        ("n in ['5', 5] and n not in [6, '5'] and t not in [5, '6']", True),
        ("exists(n) and exists(e) and exists(z) and not exists(missing) and exists(k)", True),
        ('t < "50" and t >= "5" and b < b"\\xff"', True),
        ('k == "key" and metadata["k"] == "key" and metadata["n"] == 5', True),
    ],
)
def test_a_filter_compares_types_numbers_and_missing_columns(text: str, expected: bool) -> None:
    """Two values, no match across types, numbers exact, a missing column false for every operator."""
    readable = Readable({"k": str})
    row = as_row({"k": "key", **ROW}, readable)

    assert expected is RowFilter(text).test(readable.key)(row)


@settings(max_examples=50, deadline=None)
@given(TREES, ROWS)
def test_a_filter_means_what_plain_python_says(tree: object, row: Mapping[str, Value]) -> None:
    assert holds(tree, row) is RowFilter(spelled(tree)).test(KEY)(as_row(row))


# Sending


@settings(max_examples=60, deadline=None)
@given(TREES, ROWS)
def test_every_row_that_passes_the_filter_passes_what_is_sent(tree: object, row: Mapping[str, Value]) -> None:
    """On a table and on an index of keys alone; in ten conditions, in few, and with room for all, where it is exact."""
    wanted = RowFilter(spelled(tree))
    index = Readable({**KEY}, columns=False)
    for readable, room in ((READABLE, MAX_SENT), (READABLE, 3), (READABLE, 0), (index, MAX_SENT)):
        sent = wanted.sent(readable, room).filter
        assert condition_count(sent) <= room
        if sent is not None and holds(tree, row):
            assert passes(sent, row)
        if sent is not None and readable is index:
            assert columns(sent) <= set(KEY)


def columns(test: Filter) -> set[str]:
    """The columns that a filter looks at."""
    if isinstance(test, Comparison):
        return {test.column}
    return columns(test.part) if isinstance(test, Not) else {name for part in test.parts for name in columns(part)}


NUMBERS: list[int | float] = [
    0, -0.0, 1, 1.0, 0.5, -0.5, 2**53, 2.0**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63), 2.0**63, -(2.0**63),
    1e19, -1e19, 1e300, -1e300, 5e-324, 1.7976931348623157e308, -1.7976931348623157e308, 9007199254740993,
]  # fmt: skip


@pytest.mark.parametrize("op", ["==", "!=", "<", "<=", ">", ">="])
def test_a_comparison_with_a_number_is_sent_exactly(op: str) -> None:
    """Or not at all, past the integers that are doubles too."""
    for literal in NUMBERS:
        wanted = RowFilter(f"n {op} {literal!r}")
        sent = wanted.sent(READABLE).filter
        assert (sent is None) is (abs(literal) > 2**53)
        if sent is None:
            continue
        for value in NUMBERS:
            row: Mapping[str, Value] = {"n": value}
            assert (literal, value, wanted.test(KEY)(as_row(row))) == (literal, value, passes(sent, row))


def test_of_an_and_the_cheapest_parts_that_fit_are_sent() -> None:
    many = " or ".join(f'a == "{n}"' for n in range(12))
    sent = RowFilter(f'({many}) and role == "tool"').sent(READABLE).filter

    assert Comparison("role", Op.EQ, "tool") == sent
    assert RowFilter(many).sent(READABLE).filter is None
    ten = RowFilter(" and ".join(f'a != "{n}"' for n in range(12))).sent(READABLE).filter
    assert 10 == condition_count(ten)
