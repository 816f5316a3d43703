"""Putting, updating, deleting and reading single rows."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from tests.contract.backends import BINARY, INTEGER, PLAIN, SESSION, STRING, put
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
}


def test_values_come_back_as_they_were_written(client: TableClient) -> None:
    """Every type of value comes back bit for bit and type for type, in order of column name."""
    put(client, PLAIN, "a", **VALUES)
    row = client.get_row(PLAIN.ref, ("a",))

    assert row is not None
    assert sorted(VALUES) == list(row.columns)
    assert {name: (type(value), value) for name, value in VALUES.items()} == {
        name: (type(value), value) for name, value in row.columns.items()
    }


def test_negative_zero_keeps_its_sign(client: TableClient) -> None:
    """-0.0 is not 0.0."""
    put(client, PLAIN, "a", x=-0.0)
    row = client.get_row(PLAIN.ref, ("a",))

    assert row is not None
    assert math.copysign(1.0, float(row.columns["x"])) == -1.0


@pytest.mark.parametrize("key", [("s" * 1024, -(2**63), b"\0" * 1024), ("", 0, b""), ("a\0b", 2**63 - 1, b"\xff")])
def test_keys_come_back_as_they_were_written(empty_client: TableClient, key: Key) -> None:
    """Text, integer and binary key columns hold every value up to their limits."""
    schema = TableSchema("t", (("a", STRING), ("b", INTEGER), ("c", BINARY)))
    empty_client.create_table(schema)
    empty_client.write_row(Put(schema.ref, key, {"x": 1}))

    assert Row(key, {"x": 1}) == empty_client.get_row(schema.ref, key)


def test_a_missing_row_is_none(client: TableClient) -> None:
    """get_row gives None for a key without a row."""
    assert None is client.get_row(PLAIN.ref, ("a",))


def test_put_replaces_the_whole_row(client: TableClient) -> None:
    """A put leaves nothing of the row before it."""
    put(client, PLAIN, "a", x=1, y=2)
    put(client, PLAIN, "a", z=3)

    assert Row(("a",), {"z": 3}) == client.get_row(PLAIN.ref, ("a",))


def test_a_row_may_be_its_key_alone(client: TableClient) -> None:
    """A put without columns makes a row without columns."""
    put(client, PLAIN, "a")

    assert Row(("a",), {}) == client.get_row(PLAIN.ref, ("a",))


def test_update_merges(client: TableClient) -> None:
    """An update sets some columns, deletes others, and leaves the rest; deleting a missing one is no error."""
    put(client, PLAIN, "a", keep=1, change=2, drop=3)
    client.write_row(Update(PLAIN.ref, ("a",), {"change": "two", "add": b"4"}, ("drop", "nope")))

    assert Row(("a",), {"add": b"4", "change": "two", "keep": 1}) == client.get_row(PLAIN.ref, ("a",))


def test_update_creates(client: TableClient) -> None:
    """An update of a missing row makes it."""
    client.write_row(Update(PLAIN.ref, ("a",), {"x": 1}))

    assert Row(("a",), {"x": 1}) == client.get_row(PLAIN.ref, ("a",))


def test_update_that_only_deletes_does_not_create(client: TableClient) -> None:
    """Deleting columns of a missing row succeeds and makes no row."""
    client.write_row(Update(PLAIN.ref, ("a",), delete=("x",)))

    assert None is client.get_row(PLAIN.ref, ("a",))


def test_a_row_outlives_its_columns(client: TableClient) -> None:
    """A row whose columns are all deleted stays, as its key alone."""
    put(client, PLAIN, "a", x=1)
    client.write_row(Update(PLAIN.ref, ("a",), delete=("x",)))

    assert Row(("a",), {}) == client.get_row(PLAIN.ref, ("a",))


def test_delete_removes_one_row(client: TableClient) -> None:
    """A deleted row is gone, and its neighbour is not."""
    put(client, PLAIN, "a")
    put(client, PLAIN, "b")
    client.write_row(Delete(PLAIN.ref, ("a",)))

    assert [None, Row(("b",), {})] == client.get_rows(PLAIN.ref, [("a",), ("b",)])


def test_deleting_a_missing_row_is_no_error(client: TableClient) -> None:
    """A delete expects nothing of the row unless told to."""
    put(client, PLAIN, "b", x=1)
    client.write_row(Delete(PLAIN.ref, ("a",)))

    assert [None, Row(("b",), {"x": 1})] == client.get_rows(PLAIN.ref, [("a",), ("b",)])


def test_rows_come_in_the_order_of_their_keys(client: TableClient) -> None:
    """get_rows answers in the order asked, a key as often as it is asked, None for a missing one."""
    put(client, PLAIN, "a", x=1)
    put(client, PLAIN, "b", x=2)
    rows = client.get_rows(PLAIN.ref, [("b",), ("nope",), ("a",), ("b",)])

    assert [Row(("b",), {"x": 2}), None, Row(("a",), {"x": 1}), Row(("b",), {"x": 2})] == rows


def test_columns_are_picked(client: TableClient) -> None:
    """With columns named, a row has those and no others."""
    put(client, PLAIN, "a", x=1, y="two", z=b"3")

    assert Row(("a",), {"x": 1, "z": b"3"}) == client.get_row(PLAIN.ref, ("a",), ["z", "x", "nope"])
    assert [Row(("a",), {"y": "two"})] == client.get_rows(PLAIN.ref, [("a",)], ["y"])


def test_a_row_without_the_columns_asked_for_is_none(client: TableClient) -> None:
    """A row that has none of the columns named is None, unless a key column is named too."""
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
    """A key of the wrong size, names or types is InvalidInput, with the service's text, for reads and writes."""
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
    """Reading or writing a row of a missing table is TableNotFound."""
    nope = TableRef("nope", ("k",))
    calls: list[Callable[[], object]] = [
        lambda: client.get_row(nope, ("a",)),
        lambda: client.get_rows(nope, [("a",)]),
        lambda: client.write_row(Put(nope, ("a",), {})),
        lambda: client.write_row(Update(nope, ("a",), {"x": 1}, condition=MUST_EXIST)),
    ]
    for call in calls:
        with pytest.raises(TableNotFound):
            call()


@pytest.mark.parametrize("columns", [{"k": 1}, {"#b": 1}, {"x": 2**63}, {"x": math.nan}, {"x": math.inf}, {"": 1}])
def test_wrong_columns_are_refused(client: TableClient, columns: dict[str, Value]) -> None:
    """A column with a wrong name, a key column's name, or a value that no column holds is InvalidInput."""
    with pytest.raises(InvalidInput):
        client.write_row(Put(PLAIN.ref, ("a",), columns))
    assert None is client.get_row(PLAIN.ref, ("a",))


def test_a_lone_surrogate_is_refused(client: TableClient) -> None:
    """Text that has no UTF-8 form is InvalidInput, in columns and keys."""
    with pytest.raises(InvalidInput):
        put(client, PLAIN, "a", x="\ud800")
    with pytest.raises(InvalidInput):
        client.get_row(PLAIN.ref, ("\ud800",))


def test_an_update_of_nothing_is_refused(client: TableClient) -> None:
    """An update that sets and deletes nothing is InvalidInput."""
    with pytest.raises(InvalidInput):
        client.write_row(Update(PLAIN.ref, ("a",)))


def test_a_value_is_as_long_as_two_megabytes(client: TableClient) -> None:
    """A value of 2 MB is kept, one byte more is LimitExceeded."""
    put(client, PLAIN, "a", x="x" * 2097152)
    with pytest.raises(LimitExceeded, match="MaxLength:2097152 with CurrentLength:2097153"):
        put(client, PLAIN, "a", x="x" * 2097153)

    row = client.get_row(PLAIN.ref, ("a",))
    assert row is not None
    assert len(str(row.columns["x"])) == 2097152
