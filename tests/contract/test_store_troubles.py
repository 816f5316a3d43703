"""`store.troubles`: its findings are the same for any order of sessions and any number of session ids held at once."""

from __future__ import annotations

from collections import Counter
from itertools import product
from random import Random

import pytest

from tests.support.backends import on_engine
from tests.support.clocks import ManualClock
from tests.support.faults import FaultyClient
from tests.support.items import load
from tsmem.limits import MAX_INTEGER
from tsmem.rows import Put
from tsmem.store import MemoryStore, Message, Session
from tsmem.store.bulk.result import BulkResult
from tsmem.store.maintenance.integrity import MARGIN_US, OrphanMessages, OutdatedSession, SharedSessionId

pytestmark = on_engine
ITEMS: list[Session | Message] = [
    Session("ada", "behind", 5), Session("ada", "fine", 9), Session("ada", "shared", 1), Session("bob", "empty", 1),
    Session("bob", "quiet", 1), Session("bob", "shared", 1), Session("cleo", "quiet", 1), Session("cleo", "timeless"),
    Message("behind", "m1", 4), Message("behind", "m2", 6), Message("fine", "m1", 9), Message("gone", "m1", 1),
    Message("gone", "m2", 3), Message("shared", "m1", 7), Message("timeless", "m1", 2), Message("zoe", "m1", 8),
]  # fmt: skip
FOUND = {
    OutdatedSession("ada", "behind", 5, 6),
    OutdatedSession("cleo", "timeless", None, 2),
    OrphanMessages("gone", 2, 1, 3),
    OrphanMessages("zoe", 1, 8, 8),
    SharedSessionId("quiet", ("bob", "cleo"), 2, 0),
    SharedSessionId("shared", ("ada", "bob"), 2, 1),
}


@pytest.fixture
def filled(store: MemoryStore) -> MemoryStore:
    load(store, ITEMS)
    return store


@pytest.mark.parametrize("ids_at_once", [1, 3, 50_000])
def test_each_trouble_is_reported_once(filled: MemoryStore, ids_at_once: int) -> None:
    result = BulkResult()

    found = Counter(filled.troubles(ids_at_once=ids_at_once, result=result))

    assert Counter(FOUND) == found
    assert (8, 8) == (result.sessions, result.messages)


def test_a_consistent_store_has_no_troubles(store: MemoryStore) -> None:
    """An update time of the wrong type is not reported as too old."""
    assert [] == list(store.troubles())
    store._client.write_row(Put(store.layout.session.ref, ("u", "odd"), {"update_time": "yesterday"}))
    load(store, [Session("u", "empty"), Session("u", "s", 5), Message("s", "m", 5), Message("odd", "m", MAX_INTEGER)])

    assert [] == list(store.troubles())


def test_orphans_of_the_last_15_minutes_are_marked_as_recent(store: MemoryStore, clock: ManualClock) -> None:
    """Their session could have been written after the sessions were read, by a client whose clock differs from ours."""
    for name, time in (("new", -MARGIN_US), ("soon", MARGIN_US), ("old", -MARGIN_US - 1), ("future", MARGIN_US + 1)):
        store.messages.put(Message(name, "m", clock.now_us() + time))

    assert {"new": True, "soon": True, "old": False, "future": False} == {
        each.session_id: each.is_recent for each in store.troubles() if isinstance(each, OrphanMessages)
    }


@pytest.mark.parametrize("ids_at_once", [1, 2, 3])
def test_each_shared_id_is_reported_once_in_any_order_of_sessions(store: MemoryStore, ids_at_once: int) -> None:
    source = Random(3)
    for _ in range(10):
        pairs = source.sample([*product("uvw", ("a", "b", "ab", "é", "😀"))], 11)
        sessions = [Session(user, session_id, 5) for user, session_id in pairs]
        users = Counter(session_id for _, session_id in pairs)
        load(store, sessions)

        shared = [each for each in store.troubles(ids_at_once=ids_at_once) if isinstance(each, SharedSessionId)]

        assert len(shared) == len({each.session_id for each in shared})
        assert {name: count for name, count in users.items() if count > 1} == {
            each.session_id: each.user_count for each in shared
        }
        store.sessions.purge(None)


def test_users_of_a_shared_id_are_counted_and_ten_are_named(store: MemoryStore) -> None:
    load(store, [Session(f"u{n:02d}", "default", 1) for n in range(15)])

    assert [SharedSessionId("default", tuple(f"u{n:02d}" for n in range(10)), 15, 0)] == list(store.troubles())


@pytest.mark.parametrize(("ids_at_once", "requests"), [(50_000, 2), (3, 4), (2, 6)])
def test_each_range_of_ids_costs_a_page_of_sessions_and_one_of_messages(
    filled: MemoryStore, faulty: FaultyClient, ids_at_once: int, requests: int
) -> None:
    faulty.expect()
    list(filled.troubles(ids_at_once=ids_at_once))

    assert ["get_range"] * len(faulty.calls) == faulty.names()
    assert len(faulty.calls) <= requests
