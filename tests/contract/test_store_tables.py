"""Provisioning: everything at once, twice, in two places, and beside tables that others made."""

from __future__ import annotations

from tests.contract.faults import FaultyClient
from tsmem.port import IndexSchema, SearchIndexSchema, TableClient, TableSchema
from tsmem.rows import ColumnType, Put
from tsmem.store import MemoryStore, Session
from tsmem.store.layout import DEFAULT, KEYWORD

STATES = {"table", "secondary index", "search index"}


def fresh(client: TableClient) -> MemoryStore:
    """A store on tables that nobody made yet."""
    return MemoryStore(client, target="test")


def test_a_first_apply_creates_everything(empty_client: TableClient) -> None:
    """Tables, secondary indexes and search indexes are all made, and said to be."""
    store = fresh(empty_client)
    plan = store.tables.plan()
    assert ["missing"] * 6 == [step.state for step in plan.steps]

    done = store.tables.apply()

    assert [("present", True)] * 6 == [(step.state, step.created) for step in done.steps]
    assert STATES == {step.kind for step in done.steps}
    assert DEFAULT.session.search == empty_client.describe_search_index("session", "session_search_index")
    assert DEFAULT.message.search == empty_client.describe_search_index("message", "message_search_index")


def test_tables_are_made_without_retention(empty_client: TableClient) -> None:
    """A time to live beside a secondary index would forbid updates: rows are kept for ever, in one version."""
    fresh(empty_client).tables.apply()

    for name in ("session", "message"):
        schema = empty_client.describe_table(name)
        assert (-1, 1) == (schema.time_to_live_s, schema.max_versions)


def test_a_second_apply_changes_nothing(store: MemoryStore, empty_client: TableClient) -> None:
    """Doing it again only looks."""
    client = FaultyClient(empty_client)
    again = MemoryStore(client, target="test").tables.apply()

    assert [("present", False)] * 6 == [(step.state, step.created) for step in again.steps]
    assert {"describe_table", "describe_search_index"} == set(client.names())


def test_two_applies_at_once_both_succeed(empty_client: TableClient) -> None:
    """What another job created in between is no error, and is not said to be ours."""
    client = FaultyClient(empty_client)
    client.before["create_table"] = lambda: (fresh(empty_client).tables.apply(), None)[1]
    done = MemoryStore(client, target="test").tables.apply()

    assert ["present"] * 6 == [step.state for step in done.steps]
    assert not any(step.created for step in done.steps if step.kind != "secondary index")


def test_search_indexes_can_be_left_out(empty_client: TableClient) -> None:
    """search=False neither makes nor compares them."""
    done = fresh(empty_client).tables.apply(search=False)

    assert {"table", "secondary index"} == {step.kind for step in done.steps}
    assert [] == empty_client.list_search_indexes("session")


def test_an_index_added_later_includes_the_rows_already_there(empty_client: TableClient) -> None:
    """A table that another library made without the index gets it, with its base data."""
    bare = DEFAULT.session.schema._replace(indexes=(), defined_columns=())
    empty_client.create_table(bare)
    empty_client.put_row(Put(bare.ref, ("u", "s"), {"update_time": 5}))
    store = fresh(empty_client)
    store.tables.apply()

    assert [Session("u", "s", 5)] == list(store.sessions.recent("u"))


def test_differences_are_named_and_left_alone(empty_client: TableClient) -> None:
    """A key, an option, an index key and a search field that differ are each named; nothing that exists is altered."""
    text, integer = ColumnType.STRING, ColumnType.INTEGER
    session = TableSchema(
        "session",
        (("user_id", text), ("session_id", text)),
        (IndexSchema("session_secondary_index", ("user_id", "session_id")),),
        max_versions=1,
    )
    message = TableSchema("message", (("session_id", text), ("create_time", integer)), time_to_live_s=86400 * 7)
    for schema in (session, message):
        empty_client.create_table(schema)
    empty_client.create_search_index(SearchIndexSchema("session", "session_search_index", (("user_id", KEYWORD),)))
    store = fresh(empty_client)

    plan = store.tables.plan()

    texts = "\n".join(plan.differences)
    assert "session_secondary_index: the key is (user_id, session_id), not (user_id, update_time, session_id)" in texts
    assert "message: the key is (session_id STRING, create_time INTEGER), not" in texts
    assert "time to live is 604800 s, not -1" in texts
    assert "session_search_index: field update_time is not indexed" in texts
    assert session.key == empty_client.describe_table("session").key
    assert ("user_id", "session_id") == empty_client.describe_table("session").indexes[0].key[:2]


def test_drop_deletes_everything_and_can_be_repeated(store: MemoryStore, empty_client: TableClient) -> None:
    """Both tables go with their indexes, search indexes first; what is gone already is passed over."""
    assert 4 == len(store.tables.drop())
    assert [] == empty_client.list_tables()
    assert () == store.tables.drop()
