"""Evaluation of a filter on rows, and the part of a filter that is sent to the service."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings

from tests.support.filters import KEY, READABLE, ROWS, TREES, as_row, filter_text, service_filter_matches, tree_matches
from tsmem.rows import Comparison, Filter, Not, Op, Value
from tsmem.store.filters.row_filter import MAX_CONDITIONS, ReadableColumns, RowFilter, condition_count


@pytest.mark.parametrize(
    ("text", "expected"), [("5 == n and 4 < n", True), ("6 < n", False), ("4.5 < n < 5.5", True), ("4 < n < 5", False)]
)
def test_a_filter_can_compare_with_the_value_first_and_chain_comparisons(text: str, expected: bool) -> None:
    assert expected is RowFilter(text).test(KEY)(as_row({"n": 5}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('contains(x, "STRASSE")', True),
        ('contains(x, "")', True),
        ('contains(x, "strase")', False),
        ('startswith(x, "Die Straße")', True),
        ('startswith(x, "die")', False),
        ('startswith(k, "u")', True),
        ('contains(n, "5") or startswith(n, "")', False),
        ('contains(gone, "") or startswith(gone, "")', False),
        ('not contains(gone, "x")', True),
    ],
)
def test_contains_ignores_case_and_startswith_does_not(text: str, expected: bool) -> None:
    """Both are false without a text."""
    row = as_row({"k": "user-1", "i": 0, "x": "Die Straße ist gesperrt", "n": 5})
    assert expected is RowFilter(text).test(KEY)(row)


@settings(max_examples=50)
@given(TREES, ROWS)
def test_a_filter_matches_what_plain_python_matches(tree: object, row: Mapping[str, Value]) -> None:
    assert tree_matches(tree, row) is RowFilter(filter_text(tree)).test(KEY)(as_row(row))


# Pushdown


@settings(max_examples=60)
@given(TREES, ROWS)
def test_the_filter_sent_to_the_service_rejects_no_matching_row(tree: object, row: Mapping[str, Value]) -> None:
    """The filter is sent for a table and for an index that has only keys, within a limit of ten, three or no
    conditions."""
    wanted = RowFilter(filter_text(tree))
    index = ReadableColumns({**KEY}, has_attributes=False)
    for readable, room in ((READABLE, MAX_CONDITIONS), (READABLE, 3), (READABLE, 0), (index, MAX_CONDITIONS)):
        sent = wanted.pushdown(readable, room).filter
        assert condition_count(sent) <= room
        if sent is not None and tree_matches(tree, row):
            assert service_filter_matches(sent, row)
        if sent is not None and readable is index:
            assert columns(sent) <= set(KEY)


def columns(test: Filter) -> set[str]:
    """Return the columns that a filter tests."""
    if isinstance(test, Comparison):
        return {test.column}
    return columns(test.part) if isinstance(test, Not) else {name for part in test.parts for name in columns(part)}


NUMBERS: list[int | float] = [
    0, -0.0, 1, 1.0, 0.5, -0.5, 2**53, 2.0**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63), 2.0**63, -(2.0**63),
    1e19, -1e19, 1e300, -1e300, 5e-324, 1.7976931348623157e308, -1.7976931348623157e308, 9007199254740993,
]  # fmt: skip


@pytest.mark.parametrize("op", ["==", "!=", "<", "<=", ">", ">="])
def test_a_comparison_with_a_number_is_sent_exactly(op: str) -> None:
    """It is not sent if the number is beyond 2**53, where not every integer has an equal double."""
    for literal in NUMBERS:
        wanted = RowFilter(f"n {op} {literal!r}")
        sent = wanted.pushdown(READABLE).filter
        assert (sent is None) is (abs(literal) > 2**53)
        if sent is None:
            continue
        for value in NUMBERS:
            row: Mapping[str, Value] = {"n": value}
            assert (literal, value, wanted.test(KEY)(as_row(row))) == (
                literal,
                value,
                service_filter_matches(sent, row),
            )


def test_the_smallest_parts_of_an_and_that_fit_are_sent() -> None:
    many = " or ".join(f'a == "{n}"' for n in range(12))
    sent = RowFilter(f'({many}) and role == "tool"').pushdown(READABLE).filter

    assert Comparison("role", Op.EQ, "tool") == sent
    assert RowFilter(many).pushdown(READABLE).filter is None
    functions = RowFilter('contains(a, "x") and startswith(a, "y") and role == "tool"').pushdown(READABLE)
    assert (Comparison("role", Op.EQ, "tool"), False) == functions
    ten = RowFilter(" and ".join(f'a != "{n}"' for n in range(12))).pushdown(READABLE).filter
    assert 10 == condition_count(ten)
