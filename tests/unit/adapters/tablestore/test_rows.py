"""Checks of replies that no command can trigger: where the next page starts, and pages that are too long.

The other checks are tested in tests/cli/test_lying_service.py.
"""

from __future__ import annotations

import pytest

from tsmem.adapters.tablestore.rows import check_page
from tsmem.adapters.tablestore.sdk import WrongReply
from tsmem.limits import MAX_ROWS_PER_PAGE
from tsmem.port import RangePage
from tsmem.rows import MAX, MIN, Key, Range, Row

UP, DOWN = Range(("a", MIN), ("a", MAX)), Range(("a", MAX), ("a", MIN), backward=True)


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
def test_the_next_page_must_start_after_the_last_row_and_inside_the_range(
    span: Range, last: tuple[str, int] | None, start: tuple[str, int], holds: bool
) -> None:
    page = RangePage([] if last is None else [Row(last, {})], start)
    if holds:
        check_page(span, None, page)
        return
    with pytest.raises(WrongReply):
        check_page(span, None, page)


def test_rows_out_of_order_in_the_middle_of_a_page_are_refused() -> None:
    """If the keys are in order, only the first and the last have to be compared with the range."""
    wrong: list[list[Key]] = [
        [("a", 1), ("b", 2), ("a", 3)],
        [("a", 1), ("a", 1)],
        [("a", 1), ("a", "2")],
    ]
    for keys in wrong:
        with pytest.raises(WrongReply):
            check_page(UP, None, RangePage([Row(key, {}) for key in keys], None))


@pytest.mark.parametrize("limit", [2, None])
def test_a_page_with_more_rows_than_its_limit_is_refused(limit: int | None) -> None:
    rows = [Row(("a", n), {}) for n in range((limit or MAX_ROWS_PER_PAGE) + 1)]
    check_page(UP, limit, RangePage(rows[:-1], None))
    with pytest.raises(WrongReply, match="were allowed"):
        check_page(UP, limit, RangePage(rows, None))
