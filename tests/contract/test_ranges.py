"""Range reads: their bounds, directions, pages and filters."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.backends import MESSAGE, PLAIN, engine_client, keys, put
from tsmem.errors import InvalidInput
from tsmem.port import TableClient
from tsmem.rows import MAX, MIN, Comparison, Key, KeyBound, Op, Put, Range, Update

REF = MESSAGE.ref
KEYS: list[Key] = [(session, time, f"m{time}") for session in ("a", "b", "c") for time in (-1, 0, 1, 2)]


@pytest.fixture
def filled(client: TableClient) -> TableClient:
    client.write_rows([Put(REF, key, {"n": place, "role": "user"}) for place, key in enumerate(reversed(KEYS))])
    return client


FORWARD: list[tuple[KeyBound, KeyBound, list[Key]]] = [
    ((MIN, MIN, MIN), (MAX, MAX, MAX), KEYS), (("b", 0, MIN), ("b", 2, MIN), KEYS[5:7]),
    (("b", 0, MAX), ("b", 2, MAX), KEYS[6:8]), (("b", 0, "m0"), ("b", 1, "m1"), KEYS[5:6]),
    (("a", MAX, MIN), ("c", MIN, MAX), KEYS[4:8]),
]  # fmt: skip
"""The start and the end of a range, and the keys that it includes."""
BACKWARD: list[tuple[KeyBound, KeyBound, list[Key]]] = [
    ((MAX, MAX, MAX), (MIN, MIN, MIN), KEYS), (("b", 2, MIN), ("b", 0, MIN), KEYS[5:7]),
    (("b", 2, MAX), ("b", 0, MAX), KEYS[6:8]), (("b", 2, "m2"), ("b", 0, "m0"), KEYS[6:8]),
    (("c", MIN, MIN), ("a", MAX, MAX), KEYS[4:8]),
]  # fmt: skip


def test_a_range_includes_its_start_and_excludes_its_end(filled: TableClient) -> None:
    """MIN is below every value and MAX above. A backward range starts at its higher end and returns rows in descending
    order."""
    for start, end, found in FORWARD:
        assert keys(filled, REF, Range(start, end)) == found, (start, end)
    for start, end, found in BACKWARD:
        assert keys(filled, REF, Range(start, end, backward=True)) == found[::-1], (start, end)


def test_a_limit_counts_only_rows_with_a_requested_column(filled: TableClient) -> None:
    for key in KEYS[:3]:
        filled.write_row(Update(REF, key, {}, ("role",)))
    page = filled.get_range(REF, REF.range_of(), limit=1, columns=["role"])

    assert ([row.key for row in page.rows], page.next_start) == ([KEYS[3]], KEYS[4])


def test_a_limit_counts_only_rows_that_pass_the_filter(filled: TableClient) -> None:
    page = filled.get_range(REF, REF.range_of(), limit=2, filter=Comparison("n", Op.LE, 2))
    assert ([row.key for row in page.rows], page.next_start) == (KEYS[9:11], KEYS[11])

    for limit in (2, 3):  # the next start is the next row, whether it passes the filter or not
        page = filled.get_range(REF, REF.range_of(), limit=limit, filter=Comparison("n", Op.GE, 9))
        assert ([row.key for row in page.rows], page.next_start) == (KEYS[:limit], KEYS[limit])


def test_text_is_ordered_by_its_bytes(client: TableClient) -> None:
    texts = ["", "\0", "A", "a", "a\0", "a\0b", "aa", "z", "é", "退", "\uffff", "😀"]
    for text in reversed(texts):
        put(client, PLAIN, text)

    assert keys(client, PLAIN.ref) == [(text,) for text in texts]


def test_a_range_that_ends_at_or_before_its_start_is_refused(filled: TableClient) -> None:
    spans = [
        (Range(("b", 0, "m"), ("a", 0, "m")), "less than end key in FORWARD"),
        (Range(("b", 0, "m"), ("b", 0, "m")), "less than end key in FORWARD"),
        (Range(("b", MIN, MIN), ("b", MIN, MAX)), "less than end key in FORWARD"),
        (Range(("a", 0, "m"), ("b", 0, "m"), backward=True), "more than end key in BACKWARD"),
        (Range((MAX, MAX, MAX), (MAX, MIN, MIN), backward=True), "more than end key in BACKWARD"),
    ]
    for span, text in spans:
        with pytest.raises(InvalidInput, match=f"Begin key must {text}"):
            filled.get_range(REF, span)


def test_a_bound_of_the_wrong_type_is_refused(filled: TableClient) -> None:
    with pytest.raises(InvalidInput, match=r"Validate PK type fail\. Input: VT_STRING, Meta: VT_INTEGER\."):
        filled.get_range(REF, Range(("a", "0", MIN), (MAX, MAX, MAX)))


def test_a_limit_below_one_is_refused(filled: TableClient) -> None:
    with pytest.raises(InvalidInput, match=r"The limit must be greater than 0\."):
        filled.get_range(REF, REF.range_of(), limit=0)


def test_a_page_ends_at_5000_rows(client: TableClient, tmp_path: Path) -> None:
    table = PLAIN.ref
    with engine_client(tmp_path) as filling:
        for first in range(0, 5000, 200):
            filling.write_rows([Put(table, (f"{number:06d}",), {}) for number in range(first, first + 200)])
    page = client.get_range(table, table.range_of(), limit=6000)
    assert (len(page.rows), page.next_start) == (5000, None)

    put(client, PLAIN, "005000")
    page = client.get_range(table, table.range_of())
    assert (len(page.rows), page.next_start) == (5000, ("005000",))

    page = client.get_range(table, table.range_of(), limit=1, filter=Comparison("k", Op.EQ, "005000"))
    assert (page.rows, page.next_start) == ([], ("005000",))


def test_a_page_reads_at_most_4_mb_even_if_few_rows_pass(client: TableClient) -> None:
    """Names count too: each row has two names of one byte, and a key of one byte."""
    for number in range(5):
        put(client, PLAIN, str(number), x="x" * (2**20 - 3))
    page = client.get_range(PLAIN.ref, PLAIN.ref.range_of())
    assert (4, ("4",)) == (len(page.rows), page.next_start)

    page = client.get_range(PLAIN.ref, PLAIN.ref.range_of(), limit=1, filter=Comparison("x", Op.EQ, ""))
    assert (page.rows, page.next_start) == ([], ("4",))


def test_a_row_over_4_mb_is_a_page_of_its_own(client: TableClient) -> None:
    for number in range(3):
        client.write_row(Update(PLAIN.ref, ("a",), {f"big{number}": "x" * 2_000_000}))
    put(client, PLAIN, "b")
    page = client.get_range(PLAIN.ref, PLAIN.ref.range_of())

    assert [sorted(row.columns) for row in page.rows] == [["big0", "big1", "big2"]]
    assert page.next_start == ("b",)
