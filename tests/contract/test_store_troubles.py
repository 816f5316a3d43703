"""What `store.troubles` finds, whatever the order and however many idses it takes, and in how many requests."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.clocks import ManualClock
from tests.contract.faults import FaultyClient
from tsmem.limits import MAX_INTEGER
from tsmem.port import TableClient
from tsmem.rows import Put
from tsmem.store import MemoryStore, Message, Metadata, Session
from tsmem.store.bulk.loading import ImportedItem
from tsmem.store.bulk.result import BulkResult
from tsmem.store.maintenance.integrity import MARGIN_US, Behind, IdRange, Orphans, Shared
from tsmem.store.maintenance.statistics import NEAR_LIMIT_BYTES, CellSize

ITEMS: list[Session | Message] = [
    Session("ada", "behind", 5),
    Session("ada", "fine", 9),
    Session("ada", "shared", 1),
    Session("bob", "empty", 1),
    Session("bob", "quiet", 1),
    Session("bob", "shared", 1),
    Session("cleo", "quiet", 1),
    Session("cleo", "timeless"),
    Message("behind", "m1", 4),
    Message("behind", "m2", 6),
    Message("fine", "m1", 9),
    Message("gone", "m1", 1),
    Message("gone", "m2", 3),
    Message("shared", "m1", 7),
    Message("timeless", "m1", 2),
    Message("zoe", "m1", 8),
]
FOUND = {
    Behind("ada", "behind", 5, 6),
    Behind("cleo", "timeless", None, 2),
    Orphans("gone", 2, 1, 3),
    Orphans("zoe", 1, 8, 8),
    Shared("quiet", ("bob", "cleo"), 2, 0),
    Shared("shared", ("ada", "bob"), 2, 1),
}


@pytest.fixture
def filled(store: MemoryStore) -> MemoryStore:
    """The items above."""
    store.bulk.load([ImportedItem(place, item) for place, item in enumerate(ITEMS)], result=BulkResult())
    return store


@pytest.mark.parametrize("ids_at_once", [1, 2, 3, 4, 50_000])
def test_each_trouble_is_found_once(filled: MemoryStore, ids_at_once: int) -> None:
    """Orphan messages, shared ids with and without messages, and update times that lag behind or are missing; in one
    ids of session ids or in many."""
    result = BulkResult()

    found = Counter(filled.troubles(ids_at_once=ids_at_once, result=result))

    assert Counter(FOUND) == found
    assert (8, 8) == (result.sessions, result.messages)


def test_a_store_in_order_has_none(store: MemoryStore) -> None:
    """A session without messages, and one as late as its last message, are in order; so is nothing at all."""
    assert [] == list(store.troubles())
    store.sessions.put(Session("u", "empty"))
    store.sessions.put(Session("u", "s", 5))
    store.messages.put(Message("s", "m", 5))

    assert [] == list(store.troubles())


def test_cells_near_the_limit_are_found_once(store: MemoryStore) -> None:
    """In both tables, although the session table is read once for each ids."""
    big = "x" * NEAR_LIMIT_BYTES
    for name in ("a", "b", "c"):
        store.sessions.put(Session("u", name, 5, metadata=Metadata({"note": big} if name == "b" else {})))
    store.messages.put(Message("c", "m", 1, None, big))

    assert [
        CellSize("session", ("u", "b"), "note", NEAR_LIMIT_BYTES),
        CellSize("message", ("c", 1, "m"), "content", NEAR_LIMIT_BYTES),
    ] == list(store.troubles(ids_at_once=1))


def test_orphans_of_the_last_15_minutes_are_marked_as_recent(store: MemoryStore, clock: ManualClock) -> None:
    """Their session may be written after sessions were read, by a clock that differs from ours."""
    for name, time in (("new", -MARGIN_US), ("soon", MARGIN_US), ("old", -MARGIN_US - 1), ("future", MARGIN_US + 1)):
        store.messages.put(Message(name, "m", clock.now_us() + time))

    assert {"new": True, "soon": True, "old": False, "future": False} == {
        each.session_id: each.recent for each in store.troubles() if isinstance(each, Orphans)
    }


def test_an_update_time_of_another_type_is_behind_nothing(store: MemoryStore) -> None:
    """What another library wrote there cannot be compared."""
    store._client.write_row(Put(store.layout.session.ref, ("u", "s"), {"update_time": "yesterday"}))
    store.messages.put(Message("s", "m", MAX_INTEGER))

    assert [] == list(store.troubles())


def test_many_users_of_one_id_are_counted_and_ten_named(store: MemoryStore) -> None:
    """Memory does not grow with them."""
    items = [Session(f"u{n:02d}", "default", 1) for n in range(15)]
    store.bulk.load([ImportedItem(place, item) for place, item in enumerate(items)], result=BulkResult())

    assert [Shared("default", tuple(f"u{n:02d}" for n in range(10)), 15, 0)] == list(store.troubles())


@pytest.mark.parametrize(("ids_at_once", "requests"), [(50_000, 2), (3, 4), (2, 6)])
def test_the_cost_is_what_is_said(
    filled: MemoryStore, empty_client: TableClient, ids_at_once: int, requests: int
) -> None:
    """A page of sessions and one of messages for each ids: of six ids, one, two or three idses."""
    client = FaultyClient(empty_client)

    list(MemoryStore(client).troubles(ids_at_once=ids_at_once))

    assert len(client.calls) <= requests
    assert {"get_range"} == set(client.names())


def test_the_clock_of_the_service_is_told(store: MemoryStore, empty_client: TableClient) -> None:
    """Where it has one of its own: this test's server has this machine's, and the embedded store has none."""
    skew_s = store.clock_skew_s()

    assert skew_s == empty_client.clock_skew_s()
    assert skew_s is None or abs(skew_s) < 60


@given(
    st.lists(st.tuples(st.sampled_from("uvw"), st.text("abc\u00e9\U0001f600", min_size=1, max_size=3)), unique=True),
    st.integers(1, 4),
)
def test_ranges_of_ids_cover_every_id_once(keys: list[tuple[str, str]], most: int) -> None:
    """However sessions are ordered, the ranges follow one another, keep at most twice as many ids as they are told,
    and find each shared id once, and every id in the range that it belongs to."""
    ids, shared, known = IdRange(None, most), [], []
    while True:
        for user, session_id in sorted(keys):
            ids.add(user, session_id, 5)
            assert len(ids._owners) < 2 * most
        mine = sorted(ids._owners)
        known += mine
        for session_id in mine[::2]:
            shared += list(ids.check(Orphans(session_id, 1, 5, 5), 0))
        shared += list(ids.check_rest())
        if ids.end is None:
            break
        assert len(mine) >= most
        ids = IdRange(ids.end, most)

    users = Counter(session_id for _, session_id in keys)
    assert sorted(users) == known
    assert {session_id: count for session_id, count in users.items() if count > 1} == {
        each.session_id: each.user_count for each in shared if isinstance(each, Shared)
    }
