"""Conditions of writes, and what a comparison means."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.backends import PLAIN, everything, put
from tsmem import rows as r
from tsmem.errors import ConditionFailed, InvalidInput
from tsmem.port import TableClient

REF = PLAIN.ref
PRESENT: dict[str, r.Value] = {"n": 5, "f": 5.0, "t": "b", "z": "é", "y": True, "b": b"\x01"}


def test_a_write_that_expects_a_row_fails_where_there_is_none(client: TableClient) -> None:
    writes: list[Callable[[], object]] = [
        lambda: client.write_row(r.Put(REF, ("a",), {"x": 1}, r.MUST_EXIST)),
        lambda: client.write_row(r.Update(REF, ("a",), {"x": 1}, condition=r.MUST_EXIST)),
        lambda: client.write_row(r.Delete(REF, ("a",), r.MUST_EXIST)),
    ]
    for write in writes:
        with pytest.raises(ConditionFailed, match=r"Condition check failed\.") as caught:
            write()
        assert caught.value.service_code == "OTSConditionCheckFail"
    assert None is client.get_row(REF, ("a",))


def test_a_write_that_expects_no_row_fails_where_there_is_one(client: TableClient) -> None:
    client.write_row(r.Put(REF, ("a",), {"x": 1}, r.MUST_NOT_EXIST))
    with pytest.raises(ConditionFailed):
        client.write_row(r.Put(REF, ("a",), {"x": 2}, r.MUST_NOT_EXIST))
    client.write_row(r.Update(REF, ("a",), {"y": 2}, condition=r.MUST_EXIST))

    assert r.Row(("a",), {"x": 1, "y": 2}) == client.get_row(REF, ("a",))


COMPARISONS: list[tuple[r.Filter, bool]] = [
    (r.Comparison("n", r.Op.EQ, 5), True),
    (r.Comparison("n", r.Op.NE, 5), False),
    (r.Comparison("n", r.Op.GT, 4), True),
    (r.Comparison("n", r.Op.GE, 6), False),
    (r.Comparison("n", r.Op.LT, 6), True),
    (r.Comparison("n", r.Op.LE, 4), False),
    (r.Comparison("t", r.Op.GT, "a"), True),
    (r.Comparison("z", r.Op.GT, "z"), True),
    (r.Comparison("y", r.Op.GT, False), True),
    (r.Comparison("b", r.Op.LT, b"\x01\x00"), True),
    (r.Comparison("f", r.Op.EQ, 5.0), True),
    (r.Comparison("k", r.Op.EQ, "a"), True),
    (r.Comparison("k", r.Op.LT, "a"), False),
    # different types never match, whatever the operator
    (r.Comparison("n", r.Op.EQ, 5.0), False),
    (r.Comparison("n", r.Op.NE, "5"), False),
    (r.Comparison("y", r.Op.EQ, 1), False),
    (r.Comparison("t", r.Op.GE, b"a"), False),
    # a missing column is what the comparison says of it
    (r.Comparison("nope", r.Op.EQ, 5), False),
    (r.Comparison("nope", r.Op.EQ, 5, pass_if_missing=True), True),
    # logic has two values
    (r.Not(r.Comparison("nope", r.Op.EQ, 5)), True),
    (r.Not(r.Comparison("n", r.Op.EQ, "5")), True),
    (r.And((r.Comparison("n", r.Op.EQ, 5), r.Comparison("t", r.Op.EQ, "b"))), True),
    (r.And((r.Comparison("n", r.Op.EQ, 5), r.Comparison("t", r.Op.EQ, "c"))), False),
    (r.Or((r.Comparison("n", r.Op.EQ, 6), r.Comparison("t", r.Op.EQ, "b"))), True),
    (r.Or((r.Comparison("n", r.Op.EQ, 6), r.Not(r.Comparison("t", r.Op.EQ, "b")))), False),
]


def test_a_column_condition_decides_a_write_and_a_filter_a_row(client: TableClient) -> None:
    """Values of different types are not compared, and a missing column is what the comparison says of it."""
    for test, holds in COMPARISONS:
        client.write_row(r.Put(REF, ("a",), PRESENT))
        (failed,) = client.write_rows([r.Update(REF, ("a",), {"done": True}, condition=r.Condition(filter=test))])
        row = client.get_row(REF, ("a",))
        found = client.get_range(REF, everything(REF), filter=test).rows

        assert holds is (failed is None) is bool(found), test
        assert isinstance(failed, ConditionFailed | None), test
        assert row is not None
        assert holds is ("done" in row.columns), test


def test_a_missing_row_is_a_row_without_columns(client: TableClient) -> None:
    with pytest.raises(ConditionFailed):
        client.write_row(r.Put(REF, ("a",), {}, r.Condition(filter=r.Comparison("x", r.Op.EQ, 1))))
    client.write_row(r.Put(REF, ("a",), {}, r.Condition(filter=r.Comparison("x", r.Op.EQ, 1, pass_if_missing=True))))

    assert r.Row(("a",), {}) == client.get_row(REF, ("a",))


def test_existence_and_column_condition_must_both_hold_and_a_failed_delete_keeps_the_row(client: TableClient) -> None:
    put(client, PLAIN, "a", x=1)
    condition = r.Condition(r.MUST_EXIST.existence, r.Comparison("x", r.Op.EQ, 2))
    for write in (r.Update(REF, ("a",), {"x": 3}, condition=condition), r.Delete(REF, ("a",), condition)):
        with pytest.raises(ConditionFailed):
            client.write_row(write)

    assert r.Row(("a",), {"x": 1}) == client.get_row(REF, ("a",))


def test_a_filter_has_two_parts_and_at_most_32_comparisons(client: TableClient) -> None:
    one = r.Comparison("x", r.Op.EQ, 1)
    for test in (r.And((one,)), r.Or((one,)), r.Or((one,) * 33)):
        with pytest.raises(InvalidInput):
            client.write_row(r.Put(REF, ("a",), {}, r.Condition(filter=test)))
