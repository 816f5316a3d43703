"""Rules of answers that no command meets: filters with values of other types, and pages that are too long.
The other rules are in tests/cli/test_lying_service.py."""

from __future__ import annotations

import pytest

from tsmem.adapters.tablestore.reply_checks import (
    WrongReply,
    check_next_start,
    check_page,
    check_search,
    passes,
)
from tsmem.limits import MAX_ROWS_PER_PAGE
from tsmem.port import RangePage
from tsmem.queries import MatchAll, Search, SearchPage
from tsmem.rows import MAX, MIN, And, Comparison, Filter, Key, Not, Op, Or, Range, Row, TableRef

TABLE = TableRef("t", ("k", "n"))
ROW = Row(("a", 1), {"x": 5, "y": "five"})
YES, NO = Comparison("x", Op.EQ, 5), Comparison("x", Op.GT, 5)
UNKNOWN = Comparison("y", Op.NE, 5)
UP, DOWN = Range(("a", MIN), ("a", MAX)), Range(("a", MAX), ("a", MIN), backward=True)


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        (YES, True),
        (NO, False),
        (Comparison("k", Op.EQ, "a"), True),
        (Comparison("n", Op.LT, 1), False),
        (Comparison("z", Op.EQ, 1), False),
        (Comparison("z", Op.EQ, 1, pass_if_missing=True), True),
        (UNKNOWN, None),
        (Not(NO), True),
        (Not(UNKNOWN), None),
        (And((YES, UNKNOWN)), None),
        (And((NO, UNKNOWN)), False),
        (And((YES, YES)), True),
        (Or((NO, UNKNOWN)), None),
        (Or((YES, UNKNOWN)), True),
        (Or((NO, NO)), False),
    ],
)
def test_what_a_filter_decides_of_values_of_other_types_is_left_to_the_service(
    test: Filter, expected: bool | None
) -> None:
    """Only a row that certainly does not pass breaks a rule."""
    assert expected is passes(test, TABLE, ROW)


@pytest.mark.parametrize(
    ("span", "last", "start", "holds"),
    [
        (UP, None, ("a", 1), True),
        (UP, ("a", 1), ("a", 2), True),
        (UP, ("a", 1), ("a", 1), False),
        (UP, ("a", 2), ("a", 1), False),
        (UP, ("a", 1), ("b", 1), False),
        (DOWN, None, ("a", 1), True),
        (DOWN, ("a", 2), ("a", 1), True),
        (DOWN, ("a", 1), ("a", 2), False),
        (Range(("a", 1), ("a", MAX)), None, ("a", 1), False),
        (Range(("a", 1), ("a", 5)), None, ("a", 5), False),
        (Range(("a", 5), ("a", 1), backward=True), None, ("a", 1), False),
        (Range(("a", 1), ("a", MAX)), None, ("a", b"2"), False),
    ],
)
def test_a_next_page_begins_behind_this_one(
    span: Range, last: tuple[str, int] | None, start: tuple[str, int], holds: bool
) -> None:
    """So that pages end, whatever they hold."""
    if holds:
        check_next_start(span, start, last)
        return
    with pytest.raises(WrongReply):
        check_next_start(span, start, last)


def test_all_rows_of_a_page_are_looked_at() -> None:
    """A wrong key in the middle is out of order, so that only the ends have to be compared with the range."""
    wrong: list[list[Key]] = [
        [("a", 1), ("b", 2), ("a", 3)],
        [("a", 1), ("a", 1)],
        [("a", 1), ("a", True)],
        [("a", 1), ("a", "2")],
    ]
    for keys in wrong:
        with pytest.raises(WrongReply):
            check_page(TABLE, UP, None, None, RangePage([Row(key, {}) for key in keys], None))


@pytest.mark.parametrize("limit", [2, None])
def test_a_page_has_no_more_rows_than_were_asked_for(limit: int | None) -> None:
    """Nor more than a page may have, where nothing was asked for."""
    rows = [Row(("a", n), {}) for n in range((limit or MAX_ROWS_PER_PAGE) + 1)]
    check_page(TABLE, UP, limit, None, RangePage(rows[:-1], None))
    with pytest.raises(WrongReply, match="are the most"):
        check_page(TABLE, UP, limit, None, RangePage(rows, None))


def test_a_search_finds_no_more_rows_than_were_asked_for() -> None:
    """So that pages of a search can be joined."""
    page = SearchPage([Row(("a", n), {}) for n in range(3)], [None] * 3, None, None)
    check_search(Search(MatchAll(), limit=3), page)
    with pytest.raises(WrongReply, match="are the most"):
        check_search(Search(MatchAll(), limit=2), page)
