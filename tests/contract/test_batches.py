"""Batches of writes: `write_rows` carries them out in order, and each row succeeds or fails on its own."""

from __future__ import annotations

import pytest

from tests.support.backends import BY_TIME, MESSAGE, PLAIN, SESSION, keys, put
from tsmem.errors import ConditionFailed, InvalidInput, LimitExceeded, TableNotFound
from tsmem.port import TableClient
from tsmem.rows import MUST_EXIST, MUST_NOT_EXIST, Delete, Put, Row, TableRef, Update, Write

REF = PLAIN.ref


def test_a_batch_writes_rows_of_several_tables(client: TableClient) -> None:
    put(client, PLAIN, "gone")
    outcomes = client.write_rows(
        [
            Put(REF, ("a",), {"x": 1}),
            Delete(REF, ("gone",)),
            Update(SESSION.ref, ("u", "s"), {"update_time": 3}),
            Put(MESSAGE.ref, ("s", 1, "m"), {"content": ""}),
        ]
    )

    assert outcomes == [None] * 4
    assert client.get_rows(REF, [("a",), ("gone",)]) == [Row(("a",), {"x": 1}), None]
    assert keys(client, BY_TIME) == [("u", 3, "s")]
    assert keys(client, MESSAGE.ref) == [("s", 1, "m")]


def test_each_row_of_a_batch_has_its_own_outcome(client: TableClient) -> None:
    put(client, PLAIN, "a", x=1)
    outcomes = client.write_rows(
        [
            Put(REF, ("a",), {"x": 2}, MUST_NOT_EXIST),
            Put(REF, ("b",), {"x": 2}, MUST_NOT_EXIST),
            Update(REF, ("c",), {"x": 2}, condition=MUST_EXIST),
            Put(TableRef("plain", ("k",)), (1,), {}),
            Put(REF, ("d",), {"#no-name": 1}),
            Put(REF, ("e" * 1025,), {}),
        ]
    )

    assert [type(outcome) for outcome in outcomes] == [
        ConditionFailed, type(None), ConditionFailed, InvalidInput, InvalidInput, LimitExceeded,
    ]  # fmt: skip
    assert client.get_rows(REF, [("a",), ("b",), ("c",)]) == [Row(("a",), {"x": 1}), Row(("b",), {"x": 2}), None]


def test_a_repeated_key_with_an_existence_condition_is_refused(client: TableClient) -> None:
    """InvalidInput for the whole batch, and nothing is written, if a key occurs twice and any of its writes has an
    existence condition. The keys `True` and 1 differ, and so do equal keys of different tables."""
    writes: list[Write] = [Put(REF, ("a",), {}), Put(REF, ("a",), {}), Put(REF, ("b",), {}, MUST_NOT_EXIST)]
    with pytest.raises(InvalidInput, match="Repeated rows do not support row exist expectation check"):
        client.write_rows(writes)
    assert keys(client, REF) == []

    client.create_table(PLAIN._replace(name="other"))
    right, other = Put(MESSAGE.ref, ("s", 1, "m"), {}, MUST_NOT_EXIST), PLAIN._replace(name="other").ref
    outcomes = client.write_rows([writes[2], Put(other, ("b",), {}), right, Put(MESSAGE.ref, ("s", True, "m"), {})])
    assert [None, None, None, InvalidInput] == [outcome and type(outcome) for outcome in outcomes]


def test_a_missing_table_fails_the_whole_batch(client: TableClient) -> None:
    with pytest.raises(TableNotFound):
        client.write_rows([Put(REF, ("a",), {}), Put(TableRef("nope", ("k",)), ("a",), {})])
    assert keys(client, REF) == []


def test_a_batch_of_no_rows_or_more_than_the_limit_is_refused(client: TableClient) -> None:
    most = client.rows_per_write
    writes: list[Write] = [Put(REF, (f"{number:04d}",), {}) for number in range(most + 1)]
    with pytest.raises(LimitExceeded, match=rf"Rows count exceeds the upper limit: {most}\."):
        client.write_rows(writes)
    with pytest.raises(InvalidInput, match=r"No row is specified in BatchWriteRow\."):
        client.write_rows([])

    assert client.write_rows(writes[:most]) == [None] * most
    assert len(keys(client, REF)) == most


def test_a_batch_over_4_mb_is_refused(client: TableClient) -> None:
    writes: list[Write] = [Put(REF, (str(number),), {"x": "x" * 1_500_000}) for number in range(3)]
    with pytest.raises(LimitExceeded, match="The total data size of BatchWriteRow request exceeds the limit"):
        client.write_rows(writes)

    assert keys(client, REF) == []
    assert client.write_rows(writes[:2]) == [None, None]
