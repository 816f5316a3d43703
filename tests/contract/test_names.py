"""Names of attribute columns and of search fields: 1 to 255 bytes that do not begin with #."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.backends import PLAIN, STRING, everything
from tsmem.errors import InvalidInput
from tsmem.port import Cost, FieldType, SearchIndexSchema, TableClient, TableSchema
from tsmem.queries import Search, Term
from tsmem.rows import Comparison, Condition, Delete, Not, Op, Put, Row, Update, Value
from tsmem.store import MemoryStore, Message, Metadata, Session
from tsmem.store.collection import Changes
from tsmem.store.documents import export_line, item_from_document, loads
from tsmem.store.layout import MESSAGE_NAMES, SESSION_NAMES, message_table, session_table

REF = PLAIN.ref
NAMES = [
    "a.b", "9c", " ", " a ", "价格", "価" * 85, "c" * 255, "😀", "a\n", "\x01", "\x1b[31m",
    "'", '"', "`", "';--", "$ & * ( ) /", "[x]", "a,b", "a@b", "a#", "\u202e", "k0", "\\", "%s{0}",
]  # fmt: skip
FIELDS = message_table(MESSAGE_NAMES).reserved | session_table(SESSION_NAMES).reserved
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=60)
values = st.integers(-9, 9) | texts | st.booleans() | st.binary(max_size=3)
names = texts.filter(lambda name: name[0] != "#" and len(name.encode()) <= 255)


def test_a_column_of_any_name_is_written_tested_and_deleted(client: TableClient) -> None:
    for name in NAMES:
        _write_test_and_delete(client, name)


def _write_test_and_delete(client: TableClient, name: str) -> None:
    row = Row(("a",), {name: "x"})
    client.write_row(Put(REF, *row))
    assert client.get_row(REF, ("a",), [name]) == row
    assert client.get_rows(REF, [("a",)], [name]) == [row]

    is_x = Comparison(name, Op.EQ, "x")
    assert client.get_range(REF, everything(REF), filter=is_x).rows == [row]
    assert client.get_range(REF, everything(REF), columns=[name], filter=Not(is_x)).rows == []

    client.write_row(Update(REF, ("a",), {name: b"y", "z": 1}, condition=Condition(filter=is_x)))
    client.write_row(Update(REF, ("a",), delete=(name,)))
    assert client.get_row(REF, ("a",)) == Row(("a",), {"z": 1})

    assert client.write_rows([Put(REF, ("b",), {name: 2.5}), Delete(REF, ("a",), Condition(filter=Not(is_x)))]) == [
        None, None,
    ]  # fmt: skip
    assert client.get_range(REF, everything(REF)).rows == [Row(("b",), {name: 2.5})]
    client.write_row(Delete(REF, ("b",)))


def test_columns_come_in_the_order_of_the_bytes_of_their_names(client: TableClient) -> None:
    columns: dict[str, Value] = dict.fromkeys(NAMES, 1)
    client.write_row(Put(REF, ("a",), columns))
    row = client.get_row(REF, ("a",))

    assert row is not None
    assert list(row.columns) == sorted(NAMES, key=str.encode)


def test_a_name_costs_its_bytes(client: TableClient) -> None:
    """1,365 characters of three bytes, and the key's name k: 4,096 bytes with the value."""

    def units(text: str) -> Cost:
        before = client.meter.total
        client.write_row(Put(REF, ("",), {"价" * 85: text}))
        return Cost(*(after - earlier for after, earlier in zip(client.meter.total, before, strict=True)))

    assert (1, 2) == (units("x" * 3840).write_units, units("x" * 3841).write_units)


def test_key_columns_and_tables_keep_plain_names(empty_client: TableClient) -> None:
    for schema in (TableSchema("a-b", (("k", STRING),)), TableSchema("t", (("价", STRING),))):
        with pytest.raises(InvalidInput, match=r"Invalid (table|column) name"):
            empty_client.create_table(schema)


@pytest.mark.parametrize("name", ["价格", "';--", '"'])
def test_a_search_field_may_have_any_columns_name(client: TableClient, name: str) -> None:
    client.write_row(Put(REF, ("a",), {name: "x"}))
    schema = SearchIndexSchema("plain", "by_name", ((name, FieldType("KEYWORD")), ("k", FieldType("KEYWORD"))))
    client.create_search_index(schema)
    client.write_row(Put(REF, ("b",), {name: "y"}))

    assert client.describe_search_index("plain", "by_name").fields == schema.fields
    for key, value in (("a", "x"), ("b", "y")):
        page = client.search(REF, "by_name", Search(Term(name, value)))
        assert [row.key for row in page.rows] == [(key,)]


@pytest.mark.slow
@settings(max_examples=25, deadline=None, derandomize=True, database=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])  # fmt: skip
@given(st.dictionaries(names, values, min_size=1, max_size=4))
def test_metadata_of_any_names_comes_back(store: MemoryStore, metadata: dict[str, Value]) -> None:
    kept = Metadata({name: value for name, value in metadata.items() if name not in FIELDS})
    message = Message("s", "m", 1, "user", "hi", None, kept)
    session = Session("u", "s", 1, None, kept)
    store.messages.put(message)
    store.sessions.put(session)

    assert store.messages.get("s", "m", create_time=1) == message
    assert store.sessions.get("u", "s") == session
    assert list(store.messages.iterate("s")) == [message]
    for name, value in kept.items():
        assert list(store.messages.iterate("s", filter=f"metadata[{name!r}] == {value!r}")) == [message]
        assert list(store.messages.iterate("s", filter=f"not exists(metadata[{name!r}])")) == []
    assert [item_from_document(loads(export_line(item))) for item in (session, message)] == [session, message]

    store.messages.update("s", "m", create_time=1, content="bye", changes=Changes(unset=tuple(kept)))
    assert store.messages.get("s", "m", create_time=1).metadata == Metadata()
