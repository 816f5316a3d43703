"""Conditions of writes, and what a comparison means."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.backends import PLAIN, everything, put
from tsmem.errors import ConditionFailed, InvalidInput
from tsmem.port import TableClient
from tsmem.rows import (
    MUST_EXIST,
    MUST_NOT_EXIST,
    And,
    Comparison,
    Condition,
    Delete,
    Filter,
    Not,
    Op,
    Or,
    Put,
    Row,
    Update,
    Value,
)

REF = PLAIN.ref
PRESENT: dict[str, Value] = {"n": 5, "f": 5.0, "t": "b", "z": "é", "y": True, "b": b"\x01"}


def test_a_write_that_expects_a_row_fails_where_there_is_none(client: TableClient) -> None:
    writes: list[Callable[[], object]] = [
        lambda: client.write_row(Put(REF, ("a",), {"x": 1}, MUST_EXIST)),
        lambda: client.write_row(Update(REF, ("a",), {"x": 1}, condition=MUST_EXIST)),
        lambda: client.write_row(Delete(REF, ("a",), MUST_EXIST)),
    ]
    for write in writes:
        with pytest.raises(ConditionFailed, match=r"Condition check failed\.") as caught:
            write()
        assert caught.value.service_code == "OTSConditionCheckFail"
    assert None is client.get_row(REF, ("a",))


def test_a_write_that_expects_no_row_fails_where_there_is_one(client: TableClient) -> None:
    client.write_row(Put(REF, ("a",), {"x": 1}, MUST_NOT_EXIST))
    with pytest.raises(ConditionFailed):
        client.write_row(Put(REF, ("a",), {"x": 2}, MUST_NOT_EXIST))
    client.write_row(Update(REF, ("a",), {"y": 2}, condition=MUST_EXIST))

    assert Row(("a",), {"x": 1, "y": 2}) == client.get_row(REF, ("a",))


COMPARISONS: list[tuple[Filter, bool]] = [
    (Comparison("n", Op.EQ, 5), True),
    (Comparison("n", Op.NE, 5), False),
    (Comparison("n", Op.GT, 4), True),
    (Comparison("n", Op.GE, 6), False),
    (Comparison("n", Op.LT, 6), True),
    (Comparison("n", Op.LE, 4), False),
    (Comparison("t", Op.GT, "a"), True),
    (Comparison("z", Op.GT, "z"), True),
    (Comparison("y", Op.GT, False), True),
    (Comparison("b", Op.LT, b"\x01\x00"), True),
    (Comparison("f", Op.EQ, 5.0), True),
    (Comparison("k", Op.EQ, "a"), True),
    (Comparison("k", Op.LT, "a"), False),
    # different types never match, whatever the operator
    (Comparison("n", Op.EQ, 5.0), False),
    (Comparison("n", Op.NE, "5"), False),
    (Comparison("y", Op.EQ, 1), False),
    (Comparison("t", Op.GE, b"a"), False),
    # a missing column is what the comparison says of it
    (Comparison("nope", Op.EQ, 5), False),
    (Comparison("nope", Op.EQ, 5, pass_if_missing=True), True),
    # logic has two values
    (Not(Comparison("nope", Op.EQ, 5)), True),
    (Not(Comparison("n", Op.EQ, "5")), True),
    (And((Comparison("n", Op.EQ, 5), Comparison("t", Op.EQ, "b"))), True),
    (And((Comparison("n", Op.EQ, 5), Comparison("t", Op.EQ, "c"))), False),
    (Or((Comparison("n", Op.EQ, 6), Comparison("t", Op.EQ, "b"))), True),
    (Or((Comparison("n", Op.EQ, 6), Not(Comparison("t", Op.EQ, "b")))), False),
]


def test_a_column_condition_decides_a_write_and_a_filter_a_row(client: TableClient) -> None:
    """Values of different types are not compared, and a missing column is what the comparison says of it."""
    for test, holds in COMPARISONS:
        client.write_row(Put(REF, ("a",), PRESENT))
        (failed,) = client.write_rows([Update(REF, ("a",), {"done": True}, condition=Condition(filter=test))])
        row = client.get_row(REF, ("a",))
        found = client.get_range(REF, everything(REF), filter=test).rows

        assert holds is (failed is None) is bool(found), test
        assert isinstance(failed, ConditionFailed | None), test
        assert row is not None
        assert holds is ("done" in row.columns), test


def test_a_missing_row_is_a_row_without_columns(client: TableClient) -> None:
    with pytest.raises(ConditionFailed):
        client.write_row(Put(REF, ("a",), {}, Condition(filter=Comparison("x", Op.EQ, 1))))
    client.write_row(Put(REF, ("a",), {}, Condition(filter=Comparison("x", Op.EQ, 1, pass_if_missing=True))))

    assert Row(("a",), {}) == client.get_row(REF, ("a",))


def test_existence_and_column_condition_must_both_hold_and_a_failed_delete_keeps_the_row(client: TableClient) -> None:
    put(client, PLAIN, "a", x=1)
    condition = Condition(MUST_EXIST.existence, Comparison("x", Op.EQ, 2))
    for write in (Update(REF, ("a",), {"x": 3}, condition=condition), Delete(REF, ("a",), condition)):
        with pytest.raises(ConditionFailed):
            client.write_row(write)

    assert Row(("a",), {"x": 1}) == client.get_row(REF, ("a",))


def test_a_filter_has_two_parts_and_at_most_32_comparisons(client: TableClient) -> None:
    one = Comparison("x", Op.EQ, 1)
    for test in (And((one,)), Or((one,)), Or((one,) * 33)):
        with pytest.raises(InvalidInput):
            client.write_row(Put(REF, ("a",), {}, Condition(filter=test)))
