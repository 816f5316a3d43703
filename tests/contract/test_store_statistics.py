"""`store.statistics`: the counts of everything, of one user, and of one session id."""

from __future__ import annotations

from datetime import date

import pytest

from tests.support.backends import on_engine
from tests.support.faults import Fault, FaultyClient
from tests.support.items import load
from tsmem.errors import InvalidInput, Unavailable
from tsmem.limits import MAX_VALUE_BYTES
from tsmem.rows import Put
from tsmem.store import MemoryStore, Message, Metadata, Session
from tsmem.store.bulk.result import BulkResult
from tsmem.store.maintenance.statistics import NEAR_LIMIT_BYTES, CellSize, SessionSize

pytestmark = on_engine
DAY = 86_400_000_000
ITEMS: list[Session | Message] = [
    Session("ada", "a1", 1), Session("ada", "shared", 1), Session("bob", "shared", 1),
    Session("bob", "b1", None, "é", Metadata({"n": 1, "vip": True})),
    Message("a1", "m1", 0, "user", "hi"), Message("a1", "m2", DAY - 1, "assistant", None),
    Message("a1", "m3", DAY, "user", ""), Message("b1", "m1", 5 * DAY + 7, None, "x" * 100),
    Message("orphan", "m1", 2 * DAY, "user", "y"), Message("shared", "m1", DAY, "tool", "z"),
]  # fmt: skip


@pytest.fixture
def filled(store: MemoryStore) -> MemoryStore:
    load(store, ITEMS)
    return store


def test_statistics_count_everything(filled: MemoryStore) -> None:
    found = filled.statistics()

    assert (4, 2, 6) == (found.sessions, found.users, found.messages)
    assert (0, 5 * DAY + 7) == (found.first_time, found.last_time)
    assert [("user", 3), (None, 1), ("assistant", 1), ("tool", 1)] == list(found.roles.items())
    assert {date(1970, 1, 1): 2, date(1970, 1, 2): 2, date(1970, 1, 3): 1, date(1970, 1, 6): 1} == found.days
    assert (0, 0, 0) == (found.other_roles, found.undated, found.near_limit)


def test_bytes_count_keys_names_and_values(store: MemoryStore) -> None:
    """Sizes are those of the service: text in UTF-8, 8 bytes for a number, 1 for a boolean."""
    store.sessions.put(Session("bob", "b1", None, "é", Metadata({"n": 1, "vip": True})))
    store.messages.put(Message("b1", "m", 1, "user"))
    session = len("user_idbobsession_idb1search_content") + 2 + len("n") + 8 + len("vip") + 1
    message = len("session_idb1create_time") + 8 + len("message_idmroleuser")

    assert session + message == store.statistics().bytes


def test_statistics_of_a_user_cover_that_users_sessions(filled: MemoryStore) -> None:
    found = filled.statistics(user_id="ada")

    assert (2, 1, 4) == (found.sessions, found.users, found.messages)
    assert ["a1", "shared"] == sorted(session.session_id for session in found.biggest)


def test_statistics_of_a_session_id_cover_all_users_who_have_it(filled: MemoryStore) -> None:
    """The key of a message has no user, so the messages of all users who share the id are counted."""
    found = filled.statistics(session_id="shared")

    assert (2, 2, 1) == (found.sessions, found.users, found.messages)
    (session,) = found.biggest
    assert ("shared", 1, DAY, DAY) == (session.session_id, session.messages, session.first_time, session.last_time)


def test_statistics_of_an_empty_store_or_an_unknown_id_are_empty(store: MemoryStore) -> None:
    for found in (store.statistics(), store.statistics(user_id="no"), store.statistics(session_id="no")):
        assert (0, 0, 0, 0) == (found.sessions, found.users, found.messages, found.bytes)
        assert (None, None) == (found.first_time, found.last_time)
        assert ({}, {}, [], []) == (found.roles, found.days, found.biggest, found.cells)


def test_statistics_name_the_ten_biggest_sessions_by_bytes(store: MemoryStore) -> None:
    load(store, [Message(f"s{n:02d}", "m", 1, None, "x" * (n // 2)) for n in range(30)])

    found = store.statistics().biggest

    assert ["s28", "s29", "s26", "s27", "s24", "s25", "s22", "s23", "s20", "s21"] == [s.session_id for s in found]
    assert SessionSize("s28", 1, len("session_ids28create_timemessage_idmcontent") + 8 + 14, 1, 1) == found[0]


def test_statistics_name_cells_near_the_size_limit(store: MemoryStore) -> None:
    store.messages.put(Message("s", "full", 1, None, "x" * MAX_VALUE_BYTES))
    store.messages.put(Message("s", "near", 2, None, "é" * (NEAR_LIMIT_BYTES // 2 + 1)))
    store.messages.put(Message("s", "fits", 3, None, "x" * (NEAR_LIMIT_BYTES - 1)))
    store.sessions.put(Session("u", "s", metadata=Metadata({"raw": b"\0" * NEAR_LIMIT_BYTES})))

    found = store.statistics()

    assert 3 == found.near_limit
    assert [
        CellSize("message", ("s", 1, "full"), "content", MAX_VALUE_BYTES),
        CellSize("message", ("s", 2, "near"), "content", NEAR_LIMIT_BYTES // 2 * 2 + 2),
        CellSize("session", ("u", "s"), "raw", NEAR_LIMIT_BYTES),
    ] == found.cells


def test_statistics_count_rows_of_other_libraries(store: MemoryStore) -> None:
    """A role that is not text counts as no role. A time outside the calendar belongs to no day, but can be the first or
    the last time."""
    table = store.layout.message.ref
    store._client.write_row(Put(table, ("s", 2**63 - 1, "m"), {"role": 5}))
    store._client.write_row(Put(table, ("s", -(2**63), "m"), {"role": "user"}))

    found = store.statistics()

    assert {None: 1, "user": 1} == found.roles
    assert (2, {}) == (found.undated, found.days)
    assert (-(2**63), 2**63 - 1) == (found.first_time, found.last_time)


def test_a_hundred_short_roles_are_counted_and_the_rest_together(store: MemoryStore) -> None:
    items = [Message("s", f"m{n}", n, f"role {n}") for n in range(150)]
    load(store, [*items, Message("s", "long", 999, "r" * 101)])

    found = store.statistics()

    assert (100, 51) == (len(found.roles), found.other_roles)


def test_statistics_report_rows_bytes_and_each_page_as_progress(filled: MemoryStore) -> None:
    result, heard = BulkResult(), []
    filled.sessions.read_progress.on_page = filled.messages.read_progress.on_page = lambda: heard.append(result.done)

    found = filled.statistics(result=result)

    assert (4, 6, found.bytes) == (result.sessions, result.messages, result.bytes)
    assert 2 == len(heard)


def test_an_error_in_the_middle_of_counting_is_raised(filled: MemoryStore, faulty: FaultyClient) -> None:
    faulty.expect(Fault("get_range", Unavailable("gone"), call=2))
    with pytest.raises(Unavailable):
        filled.statistics()


def test_statistics_of_an_invalid_scope_are_refused(store: MemoryStore) -> None:
    for scope in ({"user_id": "u", "session_id": "s"}, {"user_id": ""}, {"session_id": ""}):
        with pytest.raises(InvalidInput):
            store.statistics(**scope)  # type: ignore[arg-type]
