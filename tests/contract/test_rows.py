"""Putting, updating, deleting and reading single rows."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from tests.support.backends import BINARY, INTEGER, PLAIN, SESSION, STRING, everything, put
from tsmem.errors import InvalidInput, LimitExceeded, TableNotFound
from tsmem.port import TableClient, TableSchema
from tsmem.rows import MUST_EXIST, Delete, Key, Put, Row, TableRef, Update, Value

VALUES: dict[str, Value] = {
    "empty": "",
    "nul": "a\0b",
    "wide": "退款 😀 \u202e",
    "long": "x" * 100_000,
    "zero": 0,
    "one": 1,
    "low": -(2**63),
    "high": 2**63 - 1,
    "yes": True,
    "no": False,
    "float_one": 1.0,
    "tiny": 5e-324,
    "huge": 1.7976931348623157e308,
    "nothing": b"",
    "bytes": bytes(range(256)),
    "minus_zero": -0.0,
}


def test_values_come_back_as_they_were_written(client: TableClient) -> None:
    put(client, PLAIN, "a", **VALUES)
    row = client.get_row(PLAIN.ref, ("a",))

    assert row is not None
    assert sorted(VALUES) == list(row.columns)
    assert {name: repr(value) for name, value in VALUES.items()} == {
        name: repr(value) for name, value in row.columns.items()
    }


@pytest.mark.parametrize("key", [("s" * 1024, -(2**63), b"\0" * 1024), ("", 0, b""), ("a\0b", 2**63 - 1, b"\xff")])
def test_keys_come_back_as_they_were_written(empty_client: TableClient, key: Key) -> None:
    schema = TableSchema("t", (("a", STRING), ("b", INTEGER), ("c", BINARY)))
    empty_client.create_table(schema)
    empty_client.write_row(Put(schema.ref, key, {"x": 1}))

    assert Row(key, {"x": 1}) == empty_client.get_row(schema.ref, key)


def test_put_replaces_the_whole_row(client: TableClient) -> None:
    put(client, PLAIN, "a", x=1, y=2)
    put(client, PLAIN, "a", z=3)

    assert Row(("a",), {"z": 3}) == client.get_row(PLAIN.ref, ("a",))


def test_a_row_may_be_its_key_alone(client: TableClient) -> None:
    put(client, PLAIN, "a")

    assert Row(("a",), {}) == client.get_row(PLAIN.ref, ("a",))


def test_update_sets_some_columns_deletes_others_and_leaves_the_rest(client: TableClient) -> None:
    put(client, PLAIN, "a", keep=1, change=2, drop=3)
    client.write_row(Update(PLAIN.ref, ("a",), {"change": "two", "add": b"4"}, ("drop", "nope")))

    assert Row(("a",), {"add": b"4", "change": "two", "keep": 1}) == client.get_row(PLAIN.ref, ("a",))


def test_update_creates_a_missing_row(client: TableClient) -> None:
    client.write_row(Update(PLAIN.ref, ("a",), {"x": 1}))

    assert Row(("a",), {"x": 1}) == client.get_row(PLAIN.ref, ("a",))


def test_update_that_only_deletes_does_not_create(client: TableClient) -> None:
    client.write_row(Update(PLAIN.ref, ("a",), delete=("x",)))

    assert None is client.get_row(PLAIN.ref, ("a",))


def test_a_row_stays_without_its_columns(client: TableClient) -> None:
    put(client, PLAIN, "a", x=1)
    client.write_row(Update(PLAIN.ref, ("a",), delete=("x",)))

    assert Row(("a",), {}) == client.get_row(PLAIN.ref, ("a",))


def test_delete_removes_one_row_and_may_find_none(client: TableClient) -> None:
    put(client, PLAIN, "a")
    put(client, PLAIN, "b")
    client.write_row(Delete(PLAIN.ref, ("a",)))
    client.write_row(Delete(PLAIN.ref, ("none",)))

    assert None is client.get_row(PLAIN.ref, ("a",))
    assert [None, Row(("b",), {})] == client.get_rows(PLAIN.ref, [("a",), ("b",)])


def test_get_rows_gives_a_row_or_none_for_each_key_in_order(client: TableClient) -> None:
    put(client, PLAIN, "a", x=1)
    put(client, PLAIN, "b", x=2)
    rows = client.get_rows(PLAIN.ref, [("b",), ("nope",), ("a",), ("b",)])

    assert [Row(("b",), {"x": 2}), None, Row(("a",), {"x": 1}), Row(("b",), {"x": 2})] == rows


def test_a_read_gives_the_columns_asked_for(client: TableClient) -> None:
    put(client, PLAIN, "a", x=1, y="two", z=b"3")

    assert Row(("a",), {"x": 1, "z": b"3"}) == client.get_row(PLAIN.ref, ("a",), ["z", "x", "nope"])
    assert [Row(("a",), {"y": "two"})] == client.get_rows(PLAIN.ref, [("a",)], ["y"])


def test_a_row_without_the_columns_asked_for_is_none(client: TableClient) -> None:
    put(client, PLAIN, "a", x=1)

    assert None is client.get_row(PLAIN.ref, ("a",), ["nope"])
    assert Row(("a",), {}) == client.get_row(PLAIN.ref, ("a",), ["nope", "k"])


@pytest.mark.parametrize(
    ("table", "key", "text"),
    [
        (TableRef("session", ("user_id",)), ("u",), "Validate PK size fail. Input: 1, Meta: 2."),
        (TableRef("session", ("user_id", "id")), ("u", "s"), "Validate PK name fail. Input: id, Meta: session_id."),
        (SESSION.ref, ("u", 1), "Validate PK type fail. Input: VT_INTEGER, Meta: VT_STRING."),
        (SESSION.ref, (b"u", "s"), "Validate PK type fail. Input: VT_BLOB, Meta: VT_STRING."),
    ],
)
def test_a_wrong_key_is_refused(client: TableClient, table: TableRef, key: Key, text: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: client.get_row(table, key),
        lambda: client.write_row(Put(table, key, {})),
        lambda: client.write_row(Delete(table, key)),
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
        lambda: client.get_range(nope, everything(nope)),
        lambda: client.write_row(Put(nope, ("a",), {})),
        lambda: client.write_row(Update(nope, ("a",), {"x": 1}, condition=MUST_EXIST)),
    ]
    for call in calls:
        with pytest.raises(TableNotFound):
            call()


def test_key_columns_and_values_that_no_column_holds_are_refused(client: TableClient) -> None:
    wrong: list[dict[str, Value]] = [{"k": 1}, {"x": 2**63}, {"x": math.nan}, {"x": math.inf}, {"x": "\ud800"}]
    for columns in wrong:
        with pytest.raises(InvalidInput):
            client.write_row(Put(PLAIN.ref, ("a",), columns))
    assert None is client.get_row(PLAIN.ref, ("a",))


def test_an_update_of_nothing_is_refused(client: TableClient) -> None:
    with pytest.raises(InvalidInput):
        client.write_row(Update(PLAIN.ref, ("a",)))


def test_a_value_has_2_megabytes_at_most(client: TableClient) -> None:
    put(client, PLAIN, "a", x="x" * 2097152)
    with pytest.raises(LimitExceeded, match="MaxLength:2097152 with CurrentLength:2097153"):
        put(client, PLAIN, "a", x="x" * 2097153)

    row = client.get_row(PLAIN.ref, ("a",))
    assert row is not None
    assert len(str(row.columns["x"])) == 2097152
