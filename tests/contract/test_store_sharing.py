"""`sessions.shared`: which session ids other users have too, and how many searches it takes to find out."""

from __future__ import annotations

import pytest

from tests.support.backends import on_engine
from tests.support.faults import FaultyClient
from tests.support.items import load
from tsmem.store import MemoryStore, Session
from tsmem.store.sharing import MAX_IDS, MAX_USERS, split_pairs


def test_shared_returns_only_ids_that_other_users_have(store: MemoryStore) -> None:
    """If two users in one call share an id, the result names both."""
    for user, session in (("ada", "a"), ("ada", "s"), ("bob", "s"), ("cleo", "s"), ("cleo", "c")):
        store.sessions.put(Session(user, session, 1))

    assert {("ada", "s"): ["bob", "cleo"], ("bob", "s"): ["ada", "cleo"]} == store.sessions.shared(
        [("ada", "a"), ("ada", "s"), ("bob", "s"), ("bob", "new")]
    )
    assert {("zoe", "c"): ["cleo"]} == store.sessions.shared([("zoe", "c"), ("zoe", "C"), ("zoe", "a s")])


@on_engine
@pytest.mark.parametrize(("own", "others", "searches"), [(500, 0, 1), (0, 250, 3), (100, 90, 1)])
def test_a_users_own_sessions_cost_no_further_search(
    store: MemoryStore, faulty: FaultyClient, own: int, others: int, searches: int
) -> None:
    load(store, [Session("me", f"s{n:03d}", 1) for n in range(own)])
    load(store, [Session("you", f"s{n:03d}", 1) for n in range(others)])

    faulty.expect()
    found = store.sessions.shared([("me", f"s{n:03d}") for n in range(max(own, others))])

    assert [("me", f"s{n:03d}") for n in range(others)] == sorted(found)
    assert ["search"] * searches == faulty.names()


def test_pairs_are_split_at_the_limits_of_ids_and_users_of_a_search() -> None:
    one = [("me", str(n)) for n in range(MAX_IDS + 1)]
    many = [(str(n), "s") for n in range(MAX_USERS + 1)]

    assert [one[:-1], one[-1:]] == list(split_pairs(one))
    assert [many[:-1], many[-1:]] == list(split_pairs(many))
    assert [] == list(split_pairs([]))


@on_engine
def test_an_id_that_many_users_share_does_not_hide_another(store: MemoryStore) -> None:
    load(store, [*(Session(f"u{n:03d}", "default", 1) for n in range(250)), Session("zoe", "zzz", 1)])

    assert {("me", "default"), ("me", "zzz")} == set(store.sessions.shared([("me", "default"), ("me", "zzz")]))
