"""The cost of each call as the service bills it. `--cost` prints these numbers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.backends import PLAIN, put
from tsmem.errors import ConditionFailed, TableNotFound
from tsmem.port import Cost, TableClient
from tsmem.rows import MUST_EXIST, MUST_NOT_EXIST, Comparison, Condition, Delete, Op, Put, Update, Write

REF = PLAIN.ref


def cost(client: TableClient, call: Callable[[], object]) -> Cost:
    before = client.meter.total
    call()
    return Cost(*(after - earlier for after, earlier in zip(client.meter.total, before, strict=True)))


def test_a_table_operation_costs_one_request_and_no_capacity_units(client: TableClient) -> None:
    assert cost(client, client.list_tables) == Cost(1)
    assert cost(client, lambda: client.describe_table("plain")) == Cost(1)


def test_a_failed_call_costs_one_request(client: TableClient) -> None:

    def fails() -> None:
        with pytest.raises(TableNotFound):
            client.describe_table("nope")

    assert cost(client, fails) == Cost(1)


@pytest.mark.parametrize(("size", "units"), [(0, 1), (4092, 1), (4093, 2), (8189, 3)])
def test_a_put_costs_a_unit_for_each_4_kb_or_part_of_it(client: TableClient, size: int, units: int) -> None:
    """The size of a row is that of the names and values of its key and columns: here 1 byte for `k`, 0 for its value, 3
    for the column's name, and the text."""
    assert cost(client, lambda: put(client, PLAIN, "", 价="x" * size)) == Cost(1, 0, units)
    assert cost(client, lambda: client.get_row(REF, ("",))) == Cost(1, units, 0, 1)
    assert cost(client, lambda: client.get_row(REF, ("none",))).read_units == 1


def test_a_batch_read_rounds_up_units_for_each_row(client: TableClient) -> None:
    put(client, PLAIN, "a", x="x" * 5000)

    assert cost(client, lambda: client.get_rows(REF, [("a",), ("b",)]))[:3] == (1, 3, 0)


def test_a_range_rounds_up_units_once_for_all_rows(client: TableClient) -> None:
    for number in range(10):
        put(client, PLAIN, str(number), x="x" * 997)

    assert cost(client, lambda: client.get_range(REF, REF.range_of())) == Cost(1, 3, 0, 10)
    kept = cost(client, lambda: client.get_range(REF, REF.range_of(), filter=Comparison("x", Op.EQ, "")))
    assert kept[:3] == (1, 3, 0)


def test_an_existence_condition_costs_a_read(client: TableClient) -> None:
    assert cost(client, lambda: client.write_row(Put(REF, ("a",), {"x": 1}, MUST_NOT_EXIST))) == Cost(1, 1, 1)
    condition = Condition(filter=Comparison("x", Op.EQ, 1))
    assert cost(client, lambda: client.write_row(Update(REF, ("a",), {"y": 1}, condition=condition))) == Cost(1, 1, 1)

    def fails() -> None:
        with pytest.raises(ConditionFailed):
            client.write_row(Put(REF, ("nope",), {"x": "x" * 9000}, MUST_EXIST))

    assert cost(client, fails) == Cost(1, 1, 1)


@pytest.mark.parametrize(("size", "units"), [(4094, 1), (4095, 2)])
def test_a_column_condition_costs_a_read_of_the_row(client: TableClient, size: int, units: int) -> None:
    condition = Condition(filter=Comparison("x", Op.NE, "other", pass_if_missing=True))
    put(client, PLAIN, "", x="x" * size)

    assert cost(client, lambda: client.write_row(Update(REF, ("",), {"y": 1}, condition=condition))) == Cost(
        1, units, 1
    )
    assert cost(client, lambda: client.write_row(Put(REF, ("z",), {"y": 1}, condition))) == Cost(1, 1, 1)


def test_a_batch_write_costs_the_sum_of_its_rows(client: TableClient) -> None:
    put(client, PLAIN, "a")
    batch: list[Write] = [
        Put(REF, ("a",), {}, MUST_NOT_EXIST),
        Put(REF, ("b",), {"x": "x" * 5000}, MUST_NOT_EXIST),
        Delete(REF, ("c",)),
    ]

    assert cost(client, lambda: client.write_rows(batch)) == Cost(1, 2, 4)
