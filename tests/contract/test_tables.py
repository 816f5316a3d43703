"""Creating, describing, listing and deleting tables and search indexes."""

from __future__ import annotations

import pytest

from tests.contract.backends import BINARY, DOUBLE, INTEGER, MESSAGE, PLAIN, SESSION, STRING, keys, put
from tsmem.errors import AlreadyExists, InvalidInput, TableNotFound, TsmemError
from tsmem.port import FieldType, IndexSchema, SearchIndexSchema, TableClient, TableSchema

SEARCH = SearchIndexSchema(
    "plain",
    "plain_search",
    (("title", FieldType("KEYWORD")), ("body", FieldType("TEXT", "fuzzy", 1, 7)), ("n", FieldType("LONG"))),
)


def test_an_instance_begins_without_tables(empty_client: TableClient) -> None:
    """A new instance lists no table."""
    assert empty_client.list_tables() == []


@pytest.mark.parametrize("schema", [SESSION, MESSAGE, PLAIN], ids=lambda schema: str(schema.name))
def test_a_table_is_described_as_it_was_created(empty_client: TableClient, schema: TableSchema) -> None:
    """describe_table gives back what create_table was given."""
    empty_client.create_table(schema)

    assert schema == empty_client.describe_table(schema.name)


def test_options_are_kept(empty_client: TableClient) -> None:
    """Time to live and versions are described as they were created."""
    schema = TableSchema("t", (("a", BINARY), ("b", INTEGER)), time_to_live_s=86400, max_versions=3)
    empty_client.create_table(schema)

    assert schema == empty_client.describe_table("t")


def test_tables_are_listed_in_order(client: TableClient) -> None:
    """list_tables gives every table, in order of name."""
    assert [name for name in client.list_tables() if "_by_" not in name] == ["message", "plain", "session"]


def test_a_name_is_taken_once(client: TableClient) -> None:
    """A second table of the same name is AlreadyExists, with the service's code."""
    with pytest.raises(AlreadyExists, match=r"Requested table already exists\.") as caught:
        client.create_table(PLAIN)

    assert caught.value.service_code == "OTSObjectAlreadyExist"


@pytest.mark.parametrize(
    ("schema", "text"),
    [
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
    ],
)  # fmt: skip
def test_a_wrong_schema_is_refused(empty_client: TableClient, schema: TableSchema, text: str) -> None:
    """A schema outside TableStore's rules is InvalidInput and makes nothing."""
    with pytest.raises(InvalidInput) as caught:
        empty_client.create_table(schema)

    assert text in caught.value.message
    assert empty_client.list_tables() == []


def test_deleting_takes_rows_and_indexes(client: TableClient) -> None:
    """A deleted table is gone with its rows and secondary indexes, and its name is free."""
    put(client, SESSION, "u", "s", update_time=1)
    client.delete_table("session")
    assert {"message", "plain"} == {name for name in client.list_tables() if "_by_" not in name}

    client.create_table(SESSION)
    assert keys(client, SESSION.ref) == []


def test_a_missing_table_is_not_found(client: TableClient) -> None:
    """Describing or deleting a missing table is TableNotFound, with the table's name and the service's code."""
    for call in (client.describe_table, client.delete_table):
        with pytest.raises(TableNotFound, match="there is no table or index 'nope'") as caught:
            call("nope")
        assert caught.value.service_code == "OTSObjectNotExist"


def test_an_instance_holds_64_tables(empty_client: TableClient) -> None:
    """The 65th table is refused, and secondary indexes count."""
    for number in range(62):
        empty_client.create_table(TableSchema(f"t{number}", (("k", STRING),)))
    empty_client.create_table(MESSAGE)

    with pytest.raises(TsmemError, match=r"Number of tables exceeds the quota:64\."):
        empty_client.create_table(PLAIN)


def test_a_search_index_is_described_as_it_was_created(client: TableClient) -> None:
    """A search index is listed and described with its fields in order."""
    client.create_search_index(SEARCH)

    assert client.list_search_indexes("plain") == ["plain_search"]
    assert client.describe_search_index("plain", "plain_search") == SEARCH


def test_a_search_index_blocks_its_table(client: TableClient) -> None:
    """A table with a search index cannot be deleted; without it, it can."""
    client.create_search_index(SEARCH)
    with pytest.raises(InvalidInput, match="who has at least one search index cannot be deleted"):
        client.delete_table("plain")
    client.delete_search_index("plain", "plain_search")

    assert client.list_search_indexes("plain") == []
    client.delete_table("plain")


def test_search_indexes_have_their_errors(client: TableClient) -> None:
    """A search index that exists is AlreadyExists; a missing one, and a missing table, are TableNotFound."""
    client.create_search_index(SEARCH)
    with pytest.raises(AlreadyExists):
        client.create_search_index(SEARCH)
    with pytest.raises(TableNotFound):
        client.create_search_index(SEARCH._replace(table="nope"))
    with pytest.raises(TableNotFound, match="there is no table or index 'nope'"):
        client.list_search_indexes("nope")
    for call in (client.describe_search_index, client.delete_search_index):
        with pytest.raises(TableNotFound):
            call("plain", "nope")


def test_an_index_is_described_as_it_was_created(empty_client: TableClient) -> None:
    """With the key that it was given, not the one that the service completed; and as a table with the whole one."""
    short = IndexSchema("short", ("user_id", "update_time"))
    schema = SESSION._replace(indexes=(short, *SESSION.indexes))
    empty_client.create_table(schema)

    assert schema == empty_client.describe_table("session")
    assert ("user_id", "update_time", "session_id") == tuple(
        name for name, _ in empty_client.describe_table("short").key
    )


def test_an_index_too_many_is_refused(empty_client: TableClient) -> None:
    """Five secondary indexes a table, by the service's own code and text."""
    indexes = tuple(IndexSchema(f"i{n}", ("user_id", "session_id")) for n in range(6))

    with pytest.raises(InvalidInput, match=r"Number of index per table exceeds the quota:5\.") as caught:
        empty_client.create_table(SESSION._replace(indexes=indexes))
    assert "OTSParameterInvalid" == caught.value.service_code
