"""Conditions of writes, and what their comparisons match."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.backends import PLAIN, put
from tsmem import rows as r
from tsmem.errors import ConditionFailed, InvalidInput
from tsmem.port import TableClient

REF = PLAIN.ref


def test_a_write_that_expects_an_existing_row_fails_without_one(client: TableClient) -> None:
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


DIFFERENT_TYPES: dict[str, list[r.Value]] = {"n": [5.0, "5", True], "f": [5], "y": [1], "t": [b"b"]}


def test_no_operator_matches_values_of_different_types(client: TableClient) -> None:
    put(client, PLAIN, "a", n=5, f=5.0, y=True, t="b")
    for column, values in DIFFERENT_TYPES.items():
        for test in (r.Comparison(column, op, value) for value in values for op in r.Op):
            assert [] == client.get_range(REF, REF.range_of(), filter=test).rows, test


def test_a_filter_has_two_parts_and_at_most_32_comparisons(client: TableClient) -> None:
    one = r.Comparison("x", r.Op.EQ, 1)
    for test in (r.And((one,)), r.Or((one,)), r.Or((one,) * 33)):
        with pytest.raises(InvalidInput):
            client.write_row(r.Put(REF, ("a",), {}, r.Condition(filter=test)))
