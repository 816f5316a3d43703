"""Secondary indexes: which rows they have, how they follow their table, and how they are read."""

from __future__ import annotations

import pytest

from tests.support.backends import BY_TIME, INTEGER, MESSAGE, PLAIN, SESSION, STRING, keys, put
from tsmem.errors import AlreadyExists, InvalidInput, TableNotFound, TsmemError
from tsmem.port import IndexSchema, TableClient, TableSchema
from tsmem.rows import Delete, Put, Row, TableRef, Update, Value

CARRYING = IndexSchema("carrying", ("user_id", "update_time", "session_id"), ("topic", "score"))
CARRIED = (("topic", STRING), ("score", INTEGER))


def test_a_secondary_index_follows_puts_updates_and_deletes(client: TableClient) -> None:
    put(client, SESSION, "u", "s", update_time=1)
    put(client, SESSION, "u", "s", update_time=2)
    assert keys(client, BY_TIME) == [("u", 2, "s")]
    client.write_row(Update(SESSION.ref, ("u", "s"), {"update_time": 3}))
    assert keys(client, BY_TIME) == [("u", 3, "s")]
    client.write_row(Update(SESSION.ref, ("u", "s"), {"topic": "t"}))
    assert keys(client, BY_TIME) == [("u", 3, "s")]
    client.write_row(Delete(SESSION.ref, ("u", "s")))
    assert keys(client, BY_TIME) == []


def test_a_row_with_a_missing_or_mistyped_index_column_has_no_index_entry(client: TableClient) -> None:
    put(client, SESSION, "u", "s")
    wrong: list[Value] = ["3", 3.0, True]
    for value in wrong:
        put(client, SESSION, "u", str(value), update_time=value)
    assert keys(client, BY_TIME) == []
    client.write_row(Update(SESSION.ref, ("u", "s"), {"update_time": 1}))
    assert keys(client, BY_TIME) == [("u", 1, "s")]
    client.write_row(Update(SESSION.ref, ("u", "s"), delete=("update_time",)))
    assert keys(client, BY_TIME) == []


def test_an_index_entry_is_read_by_its_key(client: TableClient) -> None:
    put(client, SESSION, "u", "s", update_time=1)

    assert client.get_row(BY_TIME, ("u", 1, "s")) == Row(("u", 1, "s"), {})
    assert client.get_rows(BY_TIME, [("u", 2, "s")]) == [None]


def test_writing_to_an_index_is_refused(client: TableClient) -> None:
    with pytest.raises(InvalidInput, match="Can't write index table directly"):
        client.write_row(Put(BY_TIME, ("u", 1, "s"), {}))


def test_a_secondary_index_carries_its_defined_columns(client: TableClient) -> None:
    client.create_index("session", CARRYING, CARRIED)
    table = TableRef("carrying", BY_TIME.key)
    put(client, SESSION, "u", "s", update_time=1, topic="t", other=2)
    assert client.get_range(table, table.range_of()).rows == [Row(("u", 1, "s"), {"topic": "t"})]
    client.write_row(Update(SESSION.ref, ("u", "s"), {"score": 7}, ("topic",)))
    assert client.get_range(table, table.range_of()).rows == [Row(("u", 1, "s"), {"score": 7})]


def test_a_new_secondary_index_includes_existing_rows(client: TableClient) -> None:
    put(client, SESSION, "u", "s", update_time=1, topic="t")
    put(client, SESSION, "u", "none")
    client.create_index("session", CARRYING, CARRIED)
    table = TableRef("carrying", BY_TIME.key)

    assert client.get_range(table, table.range_of()).rows == [Row(("u", 1, "s"), {"topic": "t"})]
    assert client.describe_table("session").indexes == (*SESSION.indexes, CARRYING)
    assert dict(client.describe_table("session").defined_columns) == {"update_time": INTEGER, **dict(CARRIED)}


def test_an_index_key_ends_with_the_table_key_columns_that_it_does_not_name(client: TableClient) -> None:
    client.create_index("message", IndexSchema("short", ("session_id", "message_id")))
    put(client, MESSAGE, "s", 5, "m")

    assert keys(client, TableRef("short", ("session_id", "message_id", "create_time"))) == [("s", "m", 5)]


def test_a_deleted_index_cannot_be_read(client: TableClient) -> None:
    put(client, SESSION, "u", "s", update_time=1)
    client.delete_index("session", "session_by_time")
    with pytest.raises(TableNotFound):
        keys(client, BY_TIME)
    assert client.describe_table("session").indexes == ()
    client.create_index("session", SESSION.indexes[0])
    assert keys(client, BY_TIME) == [("u", 1, "s")]


def test_creating_an_existing_index_or_deleting_a_missing_one_is_an_error(client: TableClient) -> None:
    with pytest.raises(AlreadyExists):
        client.create_index("session", SESSION.indexes[0])
    with pytest.raises(TableNotFound):
        client.create_index("nope", SESSION.indexes[0])
    for table, index in (("session", "nope"), ("nope", "session_by_time")):
        with pytest.raises(TableNotFound):
            client.delete_index(table, index)


def test_a_table_has_five_indexes_at_most(empty_client: TableClient) -> None:
    six = tuple(IndexSchema(f"i{number}", ("a", "b")) for number in range(6))
    table = TableSchema("t", (("a", STRING), ("b", STRING)), six)
    quota = r"Number of index per table exceeds the quota:5\."
    with pytest.raises(TsmemError, match=quota) as caught:
        empty_client.create_table(table)
    assert "OTSParameterInvalid" == caught.value.service_code
    empty_client.create_table(table._replace(indexes=six[:5]))
    with pytest.raises(TsmemError, match=quota):
        empty_client.create_index("t", six[5])


def test_an_index_key_has_the_length_limit_of_a_primary_key(client: TableClient) -> None:
    client.create_index("session", IndexSchema("by_topic", ("user_id", "topic")), (("topic", STRING),))
    with pytest.raises(InvalidInput, match="MaxLength:1024 with CurrentLength:1025"):
        put(client, SESSION, "u", "s", update_time=1, topic="t" * 1025)

    assert keys(client, SESSION.ref) == []
    assert keys(client, BY_TIME) == []


def test_an_index_on_undefined_columns_is_refused(client: TableClient) -> None:
    with pytest.raises(InvalidInput):
        client.create_index("plain", IndexSchema("i", ("k", "c")))
    assert client.describe_table("plain") == PLAIN
