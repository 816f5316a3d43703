"""Limits, and what errors are like."""

from __future__ import annotations

import pytest

from tests.contract.backends import PLAIN, SESSION, keys, put
from tsmem.errors import InvalidInput, LimitExceeded
from tsmem.port import TableClient
from tsmem.rows import Put, TableRef, Update, Value

REF = PLAIN.ref


def test_a_key_is_1024_bytes_at_most(client: TableClient) -> None:
    """A text key column holds 1,024 bytes of UTF-8, not characters."""
    put(client, PLAIN, "é" * 512)
    with pytest.raises(LimitExceeded) as caught:
        put(client, PLAIN, "é" * 513)

    assert caught.value.message == (
        "The length of primary key column: 'k' exceeds the MaxLength:1024 with CurrentLength:1026."
    )


def test_a_write_has_1024_columns_at_most(client: TableClient) -> None:
    """1,024 columns are written at once, not 1,025; updates may add more to a row."""
    columns: dict[str, Value] = {f"c{number}": number for number in range(1024)}
    client.put_row(Put(REF, ("a",), columns))
    with pytest.raises(LimitExceeded, match="limit count: 1024, column count: 1025") as caught:
        client.put_row(Put(REF, ("b",), {**columns, "more": 1}))
    client.update_row(Update(REF, ("a",), {"more": 1}))
    row = client.get_row(REF, ("a",))

    assert caught.value.service_code == "OTSOutOfColumnCountLimit"
    assert row is not None
    assert len(row.columns) == 1025


def test_a_row_is_4_megabytes_at_most(client: TableClient) -> None:
    """A write of more than 4 MB is LimitExceeded."""
    with pytest.raises(LimitExceeded):
        put(client, PLAIN, "a", x="x" * 2_000_000, y="y" * 2_000_000, z="z" * 300_000)


def test_a_read_has_100_rows_at_most(client: TableClient) -> None:
    """get_rows takes 100 keys, not 101, and not none."""
    assert client.get_rows(REF, [(str(number),) for number in range(100)]) == [None] * 100
    with pytest.raises(LimitExceeded, match=r"Rows count exceeds the upper limit: 100\."):
        client.get_rows(REF, [(str(number),) for number in range(101)])
    with pytest.raises(InvalidInput, match=r"No row specified in the request of BatchGetRow\."):
        client.get_rows(REF, [])


def test_column_names_have_a_form(client: TableClient) -> None:
    """A column name has 255 characters at most, of ASCII letters, digits and _, no digit first."""
    put(client, PLAIN, "a", **{"c" * 255: 1, "_": 2, "Z9": 3})
    for name in ("c" * 256, "9c", "é", "a b", "a\n"):
        with pytest.raises(InvalidInput, match="Invalid column name"):
            put(client, PLAIN, "b", **{name: 1})

    assert keys(client, REF) == [("a",)]


def test_a_wrong_key_in_a_batch_read_is_raised(client: TableClient) -> None:
    """A failure of one row of get_rows is raised, never returned as None."""
    with pytest.raises(InvalidInput, match="Validate PK type fail"):
        client.get_rows(SESSION.ref, [("u", "s"), ("u", 1)])


def test_close_may_come_twice(client: TableClient) -> None:
    """Closing twice is no error."""
    client.close()
    client.close()


def test_a_key_named_twice_is_refused(client: TableClient) -> None:
    """A request whose key columns have other names than the table's is refused in batches too, row by row."""
    outcomes = client.write_rows([Put(TableRef("session", ("user_id", "user_id")), ("u", "s"), {})])

    assert [outcome and outcome.message for outcome in outcomes] == [
        "Validate PK name fail. Input: user_id, Meta: session_id."
    ]
