"""`bulk.session_time` and `bulk.message_times`: the stored times, for items that are imported without one."""

from __future__ import annotations

import pytest

from tests.support.backends import on_engine
from tsmem.port import TableClient
from tsmem.store import MemoryStore, Message, Session


def stored_times(store: MemoryStore, session_id: str, *ids: str) -> dict[str, list[int]]:
    lookup = store.bulk.message_times(session_id, ids)
    return {} if lookup is None else lookup.result()


@pytest.mark.parametrize("index", [True, False])
def test_stored_times_are_found_by_id_with_and_without_the_secondary_index(
    store: MemoryStore, empty_client: TableClient, index: bool
) -> None:
    for session, message, time in (("s", "m", 5), ("s", "m", 3), ("s", "n", 4), ("s", "z", 1), ("t", "o", 9)):
        store.messages.put(Message(session, message, time))
    if not index:
        empty_client.delete_index("message", "message_secondary_index")
    assert stored_times(store, "s", "m", "n", "o") == {"m": [3, 5], "n": [4]}
    assert stored_times(store, "u", "m") == {}


def test_stored_times_include_the_session_update_time(store: MemoryStore) -> None:
    store.sessions.put(Session("u", "s", 0))
    store.sessions.put(Session("u", "t", None))
    assert [store.bulk.session_time("u", each) for each in ("s", "t", "v")] == [0, None, None]


@on_engine
def test_there_are_no_stored_times_without_tables(empty_client: TableClient) -> None:
    store = MemoryStore(empty_client)
    assert stored_times(store, "s", "m") == {}
    assert store.bulk.session_time("u", "s") is None


@on_engine
def test_ids_that_cannot_be_keys_are_not_looked_up(empty_client: TableClient) -> None:
    bulk = MemoryStore(empty_client).bulk
    for session, message in (("", "m"), ("s", ""), ("s" * 1025, "m"), ("s", "\ud800")):
        assert bulk.message_times(session, [message]) is None
        assert bulk.session_time(session, message) is None
