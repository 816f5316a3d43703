"""Creation, description, listing and deletion of tables and search indexes."""

from __future__ import annotations

import pytest

from tests.support.backends import BINARY, DOUBLE, INTEGER, MESSAGE, PLAIN, SESSION, STRING, keys, put
from tsmem.errors import AlreadyExists, InvalidInput, TableNotFound
from tsmem.port import FieldType, IndexSchema, SearchIndexSchema, TableClient, TableSchema

OPTIONS = TableSchema("t", (("a", BINARY), ("b", INTEGER)), time_to_live_s=86400, max_versions=3)


@pytest.mark.parametrize("schema", [SESSION, MESSAGE, PLAIN, OPTIONS], ids=lambda schema: str(schema.name))
def test_a_table_is_described_as_it_was_created(empty_client: TableClient, schema: TableSchema) -> None:
    empty_client.create_table(schema)

    assert schema == empty_client.describe_table(schema.name)


def test_tables_are_listed_in_order(client: TableClient) -> None:
    assert [name for name in client.list_tables() if "_by_" not in name] == ["message", "plain", "session"]


def test_creating_a_table_that_exists_is_an_error(client: TableClient) -> None:
    with pytest.raises(AlreadyExists, match=r"Requested table already exists\.") as caught:
        client.create_table(PLAIN)

    assert caught.value.service_code == "OTSObjectAlreadyExist"


WRONG = [
        (TableSchema("1t", (("k", STRING),)), "Invalid table name: '1t'."),
        (TableSchema("t", ()), "The number of primary key columns must be in range: [1, 4]."),
        (TableSchema("t", tuple((f"k{n}", STRING) for n in range(5))), "must be in range: [1, 4]."),
        (TableSchema("t", (("k", STRING), ("k", STRING))), "Duplicated primary key name: 'k'."),
        (TableSchema("t", (("k-k", STRING),)), "Invalid column name: 'k-k'."),
        (TableSchema("t", (("k", DOUBLE),)), "invalid type for the primary key"),
        (TableSchema("t", (("k", STRING),), time_to_live_s=0), "TimeToLive cannot be 0 or less than -1."),
        (TableSchema("t", (("k", STRING),), time_to_live_s=-2), "TimeToLive cannot be 0 or less than -1."),
        (TableSchema("t", (("k", STRING),), max_versions=0), "versions cannot be less than or equal to 0."),
        (TableSchema("t", (("k", STRING),), (IndexSchema("i", ("k", "c")),)), "does not define"),
        (SESSION._replace(time_to_live_s=86400), "Don't support allow update operation on table with index and ttl"),
]  # fmt: skip


def test_an_invalid_schema_is_refused_and_creates_nothing(empty_client: TableClient) -> None:
    for schema, text in WRONG:
        with pytest.raises(InvalidInput) as caught:
            empty_client.create_table(schema)
        assert text in caught.value.message
    assert empty_client.list_tables() == []


def test_deleting_a_table_deletes_its_rows_and_indexes(client: TableClient) -> None:
    put(client, SESSION, "u", "s", update_time=1)
    client.delete_table("session")
    assert {"message", "plain"} == {name for name in client.list_tables() if "_by_" not in name}

    client.create_table(SESSION)
    assert keys(client, SESSION.ref) == []


def test_a_missing_table_is_not_found(client: TableClient) -> None:
    for call in (client.describe_table, client.delete_table):
        with pytest.raises(TableNotFound, match="there is no table or index 'nope'") as caught:
            call("nope")
        assert caught.value.service_code == "OTSObjectNotExist"


def test_creating_an_existing_search_index_or_deleting_a_missing_one_is_an_error(client: TableClient) -> None:
    index = SearchIndexSchema("plain", "plain_search", (("title", FieldType("KEYWORD")),))
    client.create_search_index(index)
    with pytest.raises(AlreadyExists):
        client.create_search_index(index)
    with pytest.raises(TableNotFound):
        client.create_search_index(index._replace(table="nope"))
    with pytest.raises(TableNotFound, match="there is no table or index 'nope'"):
        client.list_search_indexes("nope")
    for call in (client.describe_search_index, client.delete_search_index):
        with pytest.raises(TableNotFound):
            call("plain", "nope")


def test_a_secondary_index_is_described_as_it_was_created(empty_client: TableClient) -> None:
    """The index lists the key that was given. Described as a table, it has the key that the service completed."""
    short = IndexSchema("short", ("user_id", "update_time"))
    schema = SESSION._replace(indexes=(short, *SESSION.indexes))
    empty_client.create_table(schema)

    assert schema == empty_client.describe_table("session")
    assert ("user_id", "update_time", "session_id") == tuple(
        name for name, _ in empty_client.describe_table("short").key
    )


def test_close_can_be_called_twice(client: TableClient) -> None:
    client.close()
    client.close()
