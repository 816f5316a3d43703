"""The official library `tablestore-for-agent-memory` against our server, and tsmem on the tables that it creates."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.server_in_process import METADATA, Served, sdk_client
from tsmem.store import MemoryStore

agent_memory = pytest.importorskip("tablestore_for_agent_memory", reason="the official library is not installed")


@pytest.fixture
def library(served: Served, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The library, connected to `served`, after it has created its tables and search indexes."""
    client = sdk_client(served.endpoint)
    import tablestore

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tablestore_for_agent_memory.memory import memory_store
    # the library sleeps until its tables are ready
    monkeypatch.setattr(memory_store, "time", SimpleNamespace(sleep=lambda seconds: None))
    grams = tablestore.FuzzyAnalyzerParameter(1, 4)

    def fields() -> list[Any]:  # copied, because the library appends to the list
        kinds, analyzers = tablestore.FieldType, tablestore.AnalyzerType
        return [
            tablestore.FieldSchema("topic", kinds.KEYWORD),
            tablestore.FieldSchema("parity", kinds.LONG),
            tablestore.FieldSchema("price", kinds.DOUBLE),
            tablestore.FieldSchema("vip", kinds.BOOLEAN),
            tablestore.FieldSchema("content", kinds.TEXT, analyzer=analyzers.MAXWORD),
            tablestore.FieldSchema("note", kinds.TEXT, analyzer=analyzers.FUZZY, analyzer_parameter=grams),
        ]

    library = memory_store.MemoryStore(
        tablestore_client=client, session_search_index_schema=fields(), message_search_index_schema=fields()
    )
    library.init_table()
    return library


def models() -> Any:
    from tablestore_for_agent_memory.base import base_memory_store

    return base_memory_store


def as_sent(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return metadata in the types that the library needs: its SDK takes bytes for text, and a bytearray for bytes."""
    return {name: bytearray(value) if isinstance(value, bytes) else value for name, value in metadata.items()}


def session(number: int, /, **metadata: Any) -> Any:
    return models().Session(user_id="u", session_id=f"s{number:03d}", update_time=1000 + number, metadata=metadata)


def message(number: int, /, **metadata: Any) -> Any:
    return models().Message(
        session_id="s", message_id=f"m{number:03d}", content=f"said {number}", create_time=2000 + number,
        metadata=metadata,
    )  # fmt: skip


def library_pages(listing: Any, name: str, *args: Any, **options: Any) -> list[str]:
    """Return the ids on each page of a listing of the library. Fail unless each page but the last is full."""
    pages = [listing(*args, **options)]
    while (token := pages[-1].next_token) is not None:
        pages.append(listing(*args, **options, next_token=token))
    assert len({len(page.hits) for page in pages[:-1]}) <= 1
    return [getattr(each, name) for page in pages for each in page.hits]


def test_tsmem_reads_what_the_library_writes(library: Any, store: MemoryStore) -> None:
    library.put_session(session(1, **as_sent(METADATA)))
    library.put_message(message(1, **as_sent(METADATA)))

    found = store.sessions.get("u", "s001")
    said = store.messages.get("s", "m001")

    assert (1001, METADATA) == (found.update_time, dict(found.metadata))
    assert ("said 1", 2001, METADATA) == (said.content, said.create_time, dict(said.metadata))
    assert [type(value) for value in METADATA.values()] == [type(found.metadata[name]) for name in METADATA]
    assert [found] == list(store.sessions.recent("u"))
    assert [said] == list(store.messages.iterate("s"))


def test_the_library_reads_what_tsmem_writes(library: Any, store: MemoryStore) -> None:
    store.sessions.put(store.sessions.new("u", "s001", update_time=7, metadata=METADATA))
    store.messages.put(store.messages.new("s", "m001", create_time=8, content="hello", metadata=METADATA))

    found = library.get_session("u", "s001")
    said = library.get_message("s", "m001")

    assert (7, as_sent(METADATA)) == (found.update_time, found.metadata)
    assert ("hello", 8, as_sent(METADATA)) == (said.content, said.create_time, said.metadata)


def test_an_update_of_the_library_keeps_other_metadata(library: Any, store: MemoryStore) -> None:
    store.sessions.put(store.sessions.new("u", "s001", update_time=7, metadata={"kept": 1, "topic": "old"}))
    library.update_session(session(1, topic="new"))

    found = store.sessions.get("u", "s001")
    assert (1001, {"kept": 1, "topic": "new"}) == (found.update_time, dict(found.metadata))


def test_the_library_and_tsmem_list_the_same_rows(library: Any, store: MemoryStore) -> None:
    for number in range(25):
        library.put_session(session(number))
        library.put_message(message(number))

    paged = library_pages(library.list_recent_sessions_paginated, "session_id", "u", page_size=10)

    assert [f"s{number:03d}" for number in reversed(range(25))] == paged
    assert paged == [each.session_id for each in store.sessions.recent("u")]
    listed = [each.session_id for each in store.sessions.iterate("u")]
    assert listed == [each.session_id for each in library.list_sessions("u")]
    assert [each.message_id for each in library.list_all_messages()] == [
        each.message_id for each in store.messages.iterate(None)
    ]
    assert ["m024", "m023", "m022"] == [each.message_id for each in library.list_messages("s", max_count=3)]


def test_the_server_applies_the_filters_of_the_librarys_listings(library: Any) -> None:
    from tablestore_for_agent_memory.base.filter import Filters

    for number in range(10):
        library.put_message(message(number, parity=number % 2, score=number / 2))

    kept = library.list_messages(
        "s", metadata_filter=Filters.logical_and([Filters.eq("parity", 1), Filters.gt("score", 2.0)])
    )

    assert ["m009", "m007", "m005"] == [each.message_id for each in kept]


def test_the_library_deletes_rows_that_tsmem_wrote(library: Any, store: MemoryStore) -> None:
    for number in range(5):
        library.put_session(session(number))
        library.put_message(message(number))

    library.delete_message("s", "m000")
    assert 4 == len(list(store.messages.iterate("s")))
    library.delete_messages("s")
    assert [] == list(store.messages.iterate("s"))
    library.delete_session_and_messages("u", "s000")
    assert 4 == len(list(store.sessions.iterate("u")))
    library.delete_sessions("u")
    assert [] == list(store.sessions.iterate(None))


def test_plan_finds_the_librarys_tables_and_reports_its_search_indexes_as_missing(
    library: Any, store: MemoryStore
) -> None:
    states = {(step.kind, step.state) for step in store.tables.plan().steps}

    assert {("table", "present"), ("secondary index", "present"), ("search index", "missing")} == states


def test_plan_names_differences_of_the_librarys_search_indexes(
    library: Any, served: Served, store: MemoryStore
) -> None:
    library.init_search_index()
    client = sdk_client(served.endpoint)

    assert [("message", "message_search_index")] == [tuple(found) for found in client.list_search_index("message")]
    index, _ = client.describe_search_index("message", "message_search_index")
    kinds = {field.field_name: (str(field.field_type), str(field.analyzer)) for field in index.fields}
    assert {"topic", "content", "note"} <= set(kinds)
    (step,) = [step for step in store.tables.plan().steps if step.name == "message_search_index"]
    assert "different" == step.state
    assert "field search_content is not indexed" in step.differences


# Search


def fill(library: Any, count: int = 30) -> None:
    """Write sessions and messages, half of them before and half after the search indexes are created."""
    for number in range(count):
        if number == count // 2:
            library.init_search_index()
        metadata = {
            "topic": f"t{number % 3}", "parity": number % 2, "price": number / 4, "vip": number < 5,
            "note": f"Call me at 555-{number:04d}, 谢谢",
        }  # fmt: skip
        library.put_session(session(number, **metadata))
        library.put_message(message(number, **metadata))


def filters() -> list[tuple[Any, set[int]]]:
    """Return a filter of each kind, and the numbers below thirty that match it."""
    from tablestore_for_agent_memory.base.filter import Filters

    f: Any = Filters
    everything, ones = set(range(30)), set(range(1, 30, 3))
    one = f.eq("topic", "t1")
    return [
        (f.text_match_phrase("note", "555-0003"), {3}), (f.text_match_phrase("note", "不"), set()),
        (f.text_match("note", "0004 0017"), {4, 17}), (None, everything), (one, ones),
        (f.not_eq("topic", "t1"), everything - ones), (f.eq("vip", True), set(range(5))), (f.gt("price", 7.0), {29}),
        (f.gte("price", 7.0), {28, 29}), (f.lt("price", 0.5), {0, 1}), (f.lte("price", 0.5), {0, 1, 2}),
        (f.In("topic", ["t0", "t2"]), everything - ones), (f.not_in("topic", ["t0", "t2", "none"]), ones),
        (f.logical_and([one, f.eq("parity", 1), f.gt("price", 1.0)]), {7, 13, 19, 25}),
        (f.logical_or([f.eq("vip", True), f.gte("price", 7.0)]), {*range(5), 28, 29}),
        (f.logical_and([f.logical_not([f.gte("price", 0.5), f.eq("parity", 1)]), f.text_match("note", "call")]), {0}),
    ]  # fmt: skip


def test_each_search_filter_of_the_library_finds_its_sessions_and_messages(library: Any) -> None:
    fill(library)
    wrong = {}
    for sought, expected in filters():
        sessions, messages = library.search_sessions(sought), library.search_messages(sought)
        found = ({int(each.session_id[1:]) for each in sessions.hits}, {int(e.message_id[1:]) for e in messages.hits})
        if found != (expected, expected) or (sessions.next_token, messages.next_token) != (None, None):
            wrong[repr(sought)] = (expected, found)

    assert {} == wrong
    (third,) = library.search_messages(filters()[0][0]).hits
    assert (2003, "said 3", "t0") == (third.create_time, third.content, third.metadata["topic"])
    (third,) = library.search_sessions(filters()[0][0]).hits
    assert ("u", 1003, 1) == (third.user_id, third.update_time, third.metadata["parity"])


def test_the_librarys_pages_have_each_row_once(library: Any) -> None:
    from tablestore_for_agent_memory.base.filter import Filters

    fill(library)
    for sought in (None, Filters.eq("vip", False), Filters.text_match_phrase("note", "call")):
        for search, name in ((library.search_sessions, "session_id"), (library.search_messages, "message_id")):
            whole = [getattr(each, name) for each in search(sought).hits]
            paged = library_pages(search, name, sought, limit=7)

            assert whole == paged
            assert len(whole) == len(set(whole)) == (25 if sought == Filters.eq("vip", False) else 30)


def test_the_library_waits_until_its_index_has_every_row(library: Any, served: Served) -> None:
    from tablestore_for_agent_memory.util.tablestore_helper import TablestoreHelper

    fill(library, 4)
    TablestoreHelper.wait_search_index_ready(sdk_client(served.endpoint), "message", "message_search_index", 4)

    assert "Search" == served.actions()[-1]
