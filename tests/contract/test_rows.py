"""Puts, updates, deletes and reads of single rows."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from tests.support.backends import BINARY, INTEGER, PLAIN, SESSION, STRING, VALUES, put
from tsmem.errors import InvalidInput, LimitExceeded, TableNotFound
from tsmem.port import TableClient, TableSchema, rows_of
from tsmem.rows import MUST_EXIST, Delete, Key, Put, Row, TableRef, Update, Value


def test_values_are_read_back_as_written(client: TableClient) -> None:
    put(client, PLAIN, "a", **VALUES)
    row = client.get_row(PLAIN.ref, ("a",))

    assert row is not None
    assert [(name, repr(value)) for name, value in sorted(VALUES.items())] == [
        (name, repr(value)) for name, value in row.columns.items()
    ]


@pytest.mark.parametrize("key", [("s" * 1024, -(2**63), b"\0" * 1024), ("", 0, b""), ("a\0b", 2**63 - 1, b"\xff")])
def test_keys_are_read_back_as_written(empty_client: TableClient, key: Key) -> None:
    schema = TableSchema("t", (("a", STRING), ("b", INTEGER), ("c", BINARY)))
    empty_client.create_table(schema)
    empty_client.write_row(Put(schema.ref, key, {"x": 1}))

    assert Row(key, {"x": 1}) == empty_client.get_row(schema.ref, key)


def test_an_update_sets_some_columns_deletes_others_and_leaves_the_rest(client: TableClient) -> None:
    put(client, PLAIN, "a", keep=1, change=2, drop=3)
    client.write_row(Update(PLAIN.ref, ("a",), {"change": "two", "add": b"4"}, ("drop", "no")))

    assert Row(("a",), {"add": b"4", "change": "two", "keep": 1}) == client.get_row(PLAIN.ref, ("a",))


@pytest.mark.parametrize(
    ("table", "key", "text"),
    [
        (TableRef("session", ("user_id",)), ("u",), "Validate PK size fail. Input: 1, Meta: 2."),
        (TableRef("session", ("user_id", "id")), ("u", "s"), "Validate PK name fail. Input: id, Meta: session_id."),
        (SESSION.ref, ("u", 1), "Validate PK type fail. Input: VT_INTEGER, Meta: VT_STRING."),
        (SESSION.ref, (b"u", "s"), "Validate PK type fail. Input: VT_BLOB, Meta: VT_STRING."),
    ],
)
def test_a_key_of_the_wrong_shape_or_type_is_refused(client: TableClient, table: TableRef, key: Key, text: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: client.get_row(table, key),
        lambda: client.write_row(Put(table, key, {})),
        lambda: client.write_row(Delete(table, key)),
        lambda: rows_of(client.get_rows(table, [key])),
        lambda: rows_of(client.write_rows([Put(table, key, {})])),
    ]
    for call in calls:
        with pytest.raises(InvalidInput) as caught:
            call()
        assert ("OTSInvalidPK", text) == (caught.value.service_code, caught.value.message)


def test_a_missing_table_is_not_found(client: TableClient) -> None:
    nope = TableRef("nope", ("k",))
    calls: list[Callable[[], object]] = [
        lambda: client.get_row(nope, ("a",)),
        lambda: client.get_rows(nope, [("a",)]),
        lambda: client.get_range(nope, nope.range_of()),
        lambda: client.write_row(Put(nope, ("a",), {})),
        lambda: client.write_row(Update(nope, ("a",), {"x": 1}, condition=MUST_EXIST)),
    ]
    for call in calls:
        with pytest.raises(TableNotFound):
            call()


def test_writing_a_key_column_or_an_unstorable_value_is_refused(client: TableClient) -> None:
    wrong: list[dict[str, Value]] = [{"k": 1}, {"x": 2**63}, {"x": math.nan}, {"x": math.inf}, {"x": "\ud800"}]
    for columns in wrong:
        with pytest.raises(InvalidInput):
            client.write_row(Put(PLAIN.ref, ("a",), columns))
    assert None is client.get_row(PLAIN.ref, ("a",))


def test_an_empty_update_is_refused(client: TableClient) -> None:
    with pytest.raises(InvalidInput):
        client.write_row(Update(PLAIN.ref, ("a",)))


def test_a_value_over_2_mb_is_refused(client: TableClient) -> None:
    put(client, PLAIN, "a", x="x" * 2097152)
    with pytest.raises(LimitExceeded, match="MaxLength:2097152 with CurrentLength:2097153"):
        put(client, PLAIN, "a", x="x" * 2097153)

    row = client.get_row(PLAIN.ref, ("a",))
    assert row is not None
    assert len(str(row.columns["x"])) == 2097152


def test_a_key_over_1024_bytes_is_refused(client: TableClient) -> None:
    put(client, PLAIN, "é" * 512)
    with pytest.raises(LimitExceeded) as caught:
        put(client, PLAIN, "é" * 513)

    assert caught.value.message == (
        "The length of primary key column: 'k' exceeds the MaxLength:1024 with CurrentLength:1026."
    )


def test_a_write_of_more_than_1024_columns_is_refused(client: TableClient) -> None:
    columns: dict[str, Value] = {f"c{number}": number for number in range(1024)}
    client.write_row(Put(PLAIN.ref, ("a",), columns))
    with pytest.raises(LimitExceeded, match="limit count: 1024, column count: 1025") as caught:
        client.write_row(Put(PLAIN.ref, ("b",), {**columns, "more": 1}))
    client.write_row(Update(PLAIN.ref, ("a",), {"more": 1}))
    row = client.get_row(PLAIN.ref, ("a",))

    assert caught.value.service_code == "OTSOutOfColumnCountLimit"
    assert row is not None
    assert len(row.columns) == 1025


def test_a_row_over_4_mb_is_refused(client: TableClient) -> None:
    with pytest.raises(LimitExceeded):
        put(client, PLAIN, "a", x="x" * 2_000_000, y="y" * 2_000_000, z="z" * 300_000)


def test_a_read_of_no_rows_or_more_than_100_is_refused(client: TableClient) -> None:
    assert client.get_rows(PLAIN.ref, [(str(number),) for number in range(100)]) == [None] * 100
    with pytest.raises(LimitExceeded, match=r"Rows count exceeds the upper limit: 100\."):
        client.get_rows(PLAIN.ref, [(str(number),) for number in range(101)])
    with pytest.raises(InvalidInput, match=r"No row specified in the request of BatchGetRow\."):
        client.get_rows(PLAIN.ref, [])
