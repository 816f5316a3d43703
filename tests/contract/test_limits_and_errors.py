"""Limits, and what errors are like."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.backends import PLAIN, SESSION, everything, put
from tsmem.errors import InvalidInput, LimitExceeded
from tsmem.port import TableClient, rows_of
from tsmem.rows import Comparison, Condition, Op, Put, Row, TableRef, Update, Value

REF = PLAIN.ref


def test_a_key_is_1024_bytes_at_most(client: TableClient) -> None:
    put(client, PLAIN, "é" * 512)
    with pytest.raises(LimitExceeded) as caught:
        put(client, PLAIN, "é" * 513)

    assert caught.value.message == (
        "The length of primary key column: 'k' exceeds the MaxLength:1024 with CurrentLength:1026."
    )


def test_a_write_has_1024_columns_at_most(client: TableClient) -> None:
    columns: dict[str, Value] = {f"c{number}": number for number in range(1024)}
    client.write_row(Put(REF, ("a",), columns))
    with pytest.raises(LimitExceeded, match="limit count: 1024, column count: 1025") as caught:
        client.write_row(Put(REF, ("b",), {**columns, "more": 1}))
    client.write_row(Update(REF, ("a",), {"more": 1}))
    row = client.get_row(REF, ("a",))

    assert caught.value.service_code == "OTSOutOfColumnCountLimit"
    assert row is not None
    assert len(row.columns) == 1025


def test_a_row_is_4_megabytes_at_most(client: TableClient) -> None:
    with pytest.raises(LimitExceeded):
        put(client, PLAIN, "a", x="x" * 2_000_000, y="y" * 2_000_000, z="z" * 300_000)


def test_a_read_has_100_rows_at_most(client: TableClient) -> None:
    assert client.get_rows(REF, [(str(number),) for number in range(100)]) == [None] * 100
    with pytest.raises(LimitExceeded, match=r"Rows count exceeds the upper limit: 100\."):
        client.get_rows(REF, [(str(number),) for number in range(101)])
    with pytest.raises(InvalidInput, match=r"No row specified in the request of BatchGetRow\."):
        client.get_rows(REF, [])


@pytest.mark.parametrize("name", ["", "#a", "c" * 256, "价" * 86, "\ud800", "a\0"])
def test_a_column_name_is_1_to_255_bytes_and_begins_without_a_hash(client: TableClient, name: str) -> None:
    """In puts, updates, deletions, conditions, filters and batches; nothing is changed."""
    row = Row(("a",), {"kept": 1})
    client.write_row(Put(REF, *row))
    calls: list[Callable[[], object]] = [
        lambda: client.write_row(Put(REF, ("b",), {name: 1})),
        lambda: client.write_row(Update(REF, ("a",), {name: 1})),
        lambda: client.write_row(Update(REF, ("a",), {"kept": 2}, delete=(name,))),
        lambda: client.write_row(Put(REF, ("a",), {}, Condition(filter=Comparison(name, Op.EQ, 1)))),
        lambda: client.get_range(REF, everything(REF), filter=Comparison(name, Op.EQ, 1)),
    ]
    for call in calls:
        with pytest.raises(InvalidInput, match="Invalid column name"):
            call()
    (refused,) = client.write_rows([Put(REF, ("b",), {name: 1})])

    assert isinstance(refused, InvalidInput)
    assert client.get_range(REF, everything(REF)).rows == [row]


def test_a_wrong_key_in_a_batch_read_is_raised(client: TableClient) -> None:
    with pytest.raises(InvalidInput, match="Validate PK type fail"):
        rows_of(client.get_rows(SESSION.ref, [("u", "s"), ("u", 1)]))


def test_close_may_come_twice(client: TableClient) -> None:
    client.close()
    client.close()


def test_a_key_named_twice_is_refused(client: TableClient) -> None:
    """A request whose key columns have other names than the table's is refused in batches too, row by row."""
    outcomes = client.write_rows([Put(TableRef("session", ("user_id", "user_id")), ("u", "s"), {})])

    assert [outcome and outcome.message for outcome in outcomes] == [
        "Validate PK name fail. Input: user_id, Meta: session_id."
    ]
