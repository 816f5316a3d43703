"""Provisioning: the first apply, a repeated one, two at once, and tables that others created."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.support.backends import on_engine
from tests.support.clocks import ManualClock
from tests.support.faults import Fault, FaultyClient
from tsmem.errors import InvalidInput, SchemaMismatch, Throttled
from tsmem.port import IndexSchema, SearchIndexSchema, TableClient, TableSchema
from tsmem.rows import ColumnType
from tsmem.store import MemoryStore
from tsmem.store.layout import DEFAULT, KEYWORD

STATES = {"table", "secondary index", "search index"}


def store_without_tables(client: TableClient) -> MemoryStore:
    return MemoryStore(client, target="test")


def test_apply_creates_everything(empty_client: TableClient) -> None:
    store = store_without_tables(empty_client)
    plan = store.tables.plan()
    assert ["missing"] * 6 == [step.state for step in plan.steps]

    done = store.tables.apply()

    assert [("present", True)] * 6 == [(step.state, step.created) for step in done.steps]
    assert STATES == {step.kind for step in done.steps}
    for name in ("session", "message"):  # with a secondary index, a time to live would forbid updates
        schema = empty_client.describe_table(name)
        assert (-1, 1) == (schema.time_to_live_s, schema.max_versions)
    assert DEFAULT.session.search == empty_client.describe_search_index("session", "session_search_index")
    assert DEFAULT.message.search == empty_client.describe_search_index("message", "message_search_index")


def test_a_second_apply_changes_nothing(store: MemoryStore, faulty: FaultyClient) -> None:
    again = store.tables.apply()

    assert [("present", False)] * 6 == [(step.state, step.created) for step in again.steps]
    assert {"describe_table", "describe_search_index"} == set(faulty.names())


@on_engine
def test_two_applies_at_once_both_succeed(empty_client: TableClient, faulty: FaultyClient) -> None:
    faulty.before["create_table"] = lambda: (store_without_tables(empty_client).tables.apply(), None)[1]
    done = store_without_tables(faulty).tables.apply()

    assert ["present"] * 6 == [step.state for step in done.steps]
    assert not any(step.created for step in done.steps if step.kind != "secondary index")


@on_engine
def test_apply_can_leave_out_search_indexes(empty_client: TableClient) -> None:
    done = store_without_tables(empty_client).tables.apply(search=False)

    assert {"table", "secondary index"} == {step.kind for step in done.steps}
    assert [] == empty_client.list_search_indexes("session")


def test_apply_names_differences_and_changes_nothing_that_exists(empty_client: TableClient) -> None:
    """The differences include an index that would not work: one with a column of another type or with more key columns,
    which would miss rows or refuse reads."""
    session, message, text = DEFAULT.session.schema, DEFAULT.message.schema, ColumnType.STRING
    longer = IndexSchema("message_secondary_index", ("session_id", "message_id", "create_time", "x"))
    for schema in (
        session._replace(defined_columns=(("update_time", text),), max_versions=1),
        message._replace(indexes=(longer,), defined_columns=(("x", text),)),
    ):
        empty_client.create_table(schema)
    empty_client.create_search_index(SearchIndexSchema("session", "session_search_index", (("user_id", KEYWORD),)))
    before = [empty_client.describe_table(name) for name in ("session", "message")]

    texts = "\n".join(store_without_tables(empty_client).tables.plan().differences)

    assert "secondary index session_secondary_index: column update_time is defined as STRING, not INTEGER" in texts
    assert "the key is (session_id, message_id, create_time, x), not (session_id, message_id, create_time)" in texts
    assert "session_search_index: field update_time is not indexed" in texts
    assert before == [empty_client.describe_table(name) for name in ("session", "message")]


FOREIGN = [
    TableSchema("session", (("user_id", ColumnType.BINARY), ("session_id", ColumnType.STRING))),
    TableSchema("session", (("user_id", ColumnType.STRING),)),
    TableSchema("message", (("session_id", ColumnType.STRING), ("create_time", ColumnType.STRING))),
    TableSchema("message", DEFAULT.message.schema.key[::-1]),
]


@pytest.mark.parametrize("foreign", FOREIGN, ids=[f"{table.name} {len(table.key)}" for table in FOREIGN])
def test_apply_creates_no_index_on_a_table_with_another_key(empty_client: TableClient, foreign: TableSchema) -> None:
    """The table gets neither index; the other table gets both. The plan does not count these indexes as ones to
    create."""
    empty_client.create_table(foreign)
    before = empty_client.describe_table(foreign.name)
    store = store_without_tables(empty_client)

    assert foreign.name not in {step.table for step in store.tables.plan().missing}
    done = store.tables.apply()

    assert before == empty_client.describe_table(foreign.name)
    assert [] == empty_client.list_search_indexes(foreign.name)
    assert {"session", "message"} - {foreign.name} == {step.table for step in done.steps if step.created}
    assert [3] == [sum(step.is_foreign for step in done.steps)]


@on_engine
def test_apply_creates_no_index_on_a_foreign_table_created_meanwhile(
    empty_client: TableClient, faulty: FaultyClient
) -> None:
    faulty.before["create_table"] = lambda: empty_client.create_table(FOREIGN[1])
    done = store_without_tables(faulty).tables.apply()

    assert [] == empty_client.list_search_indexes("session")
    assert {"message"} == {step.table for step in done.steps if step.created}


@pytest.mark.parametrize("foreign", FOREIGN[1:3], ids=["session", "message"])
def test_drop_keeps_a_table_with_another_key(empty_client: TableClient, foreign: TableSchema) -> None:
    empty_client.create_table(foreign)
    store = store_without_tables(empty_client)
    store.tables.apply()
    before = empty_client.list_tables()

    with pytest.raises(
        SchemaMismatch, match=f"table '{foreign.name}' cannot be the (session|message) table: its primary key is"
    ):
        store.tables.drop()
    assert before == empty_client.list_tables()


def test_drop_deletes_everything_and_can_be_repeated(store: MemoryStore, empty_client: TableClient) -> None:
    assert 4 == len(store.tables.drop())
    assert [] == empty_client.list_tables()
    assert () == store.tables.drop()


@on_engine
def test_drop_deletes_a_table_whose_search_index_is_deleted_meanwhile(
    store: MemoryStore, empty_client: TableClient, faulty: FaultyClient
) -> None:
    faulty.before["delete_search_index"] = lambda: empty_client.delete_search_index("session", "session_search_index")
    dropped = store.tables.drop()

    assert ("table session", "search index message_search_index", "table message") == dropped
    assert [] == empty_client.list_tables()


def test_apply_names_what_the_service_refuses_and_creates_the_rest(empty_client: TableClient) -> None:
    empty_client.create_table(TableSchema("session", DEFAULT.session.schema.key, time_to_live_s=86400, max_versions=2))
    done = store_without_tables(empty_client).tables.apply()

    steps = {step.name: step for step in done.steps}
    assert ("different", "missing") == (steps["session"].state, steps["session_secondary_index"].state)
    assert [1] == [len(steps["session_secondary_index"].differences)]
    assert ("present", True) == (steps["message"].state, steps["message"].created)
    assert ("present", True) == (steps["message_search_index"].state, steps["message_search_index"].created)


def test_apply_reports_a_name_that_another_table_has_taken(empty_client: TableClient) -> None:
    empty_client.create_table(TableSchema("session_secondary_index", (("k", ColumnType.STRING),)))
    done = store_without_tables(empty_client).tables.apply()

    missing = {step.name: step.differences for step in done.missing}
    assert {"session", "session_secondary_index", "session_search_index"} == set(missing)
    assert all(len(differences) == 1 for differences in missing.values())
    assert 3 == len(done.differences)


def busy(count: int) -> list[Fault]:
    """Return faults that make the first `count` reads of tables fail."""
    error = Throttled("The table is not ready.", service_code="OTSTableNotReady")
    return [Fault("get_range", error, call) for call in range(1, count + 1)]


@on_engine
def test_wait_lasts_until_all_tables_and_indexes_can_be_read(
    store: MemoryStore, faulty: FaultyClient, clock: ManualClock
) -> None:
    faulty.expect(*busy(5))
    plan = store.tables.plan()
    said: list[Sequence[str]] = []
    store.tables.wait(plan, 10, said.append)

    tables, indexes = ["table session", "table message"], ["session_secondary_index", "message_secondary_index"]
    everything = [step.kind + " " + step.name for step in plan.steps]
    unready = [tables[0], f"secondary index {indexes[0]}", tables[1], f"secondary index {indexes[1]}"]
    assert [everything, unready] == said
    assert [1.0, 1.0] == clock.slept_s
    assert 9 == faulty.names().count("get_range")


@on_engine
def test_wait_lasts_until_a_secondary_index_is_built(
    store: MemoryStore, faulty: FaultyClient, clock: ManualClock
) -> None:
    """The service refuses reads of an unfinished index with OTSParameterInvalid. Other errors of that code are
    raised."""
    building = InvalidInput("Disallow read index table in building base state", service_code="OTSParameterInvalid")
    faulty.expect(Fault("get_range", building, 2), Fault("get_range", building, 5))
    plan = store.tables.plan()
    store.tables.wait(plan, 10)
    assert [1.0, 1.0] == clock.slept_s

    faulty.expect(Fault("get_range", InvalidInput("something else")))
    with pytest.raises(InvalidInput, match="something else"):
        store.tables.wait(plan, 10)
