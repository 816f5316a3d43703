"""Listings of the store: complete, in order, page by page, and resumable after a failure."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.support.backends import on_engine
from tests.support.clocks import ManualClock
from tests.support.faults import Fault, FaultyClient
from tests.support.items import ids, load
from tests.support.pages import forged_token, ids_on_pages, token_bytes, token_of
from tsmem.clock import Age
from tsmem.errors import InvalidInput, Unavailable
from tsmem.port import TableClient
from tsmem.store import MemoryStore, Message, Metadata, Page, Session

pytestmark = on_engine
MB = 1024 * 1024


def fill(store: MemoryStore, session: str, count: int, **more: Any) -> list[Message]:
    messages = [
        Message(session, f"m{n:04d}", n, "user" if n % 3 else "tool", f"text {n}", **more) for n in range(1, count + 1)
    ]
    load(store, messages)
    return messages


def test_a_failed_listing_can_be_resumed_where_it_stopped(store: MemoryStore, faulty: FaultyClient) -> None:
    for n in range(6):
        store.messages.put(Message("s", f"m{n}", n, content="x" * MB))
    faulty.expect(Fault("get_range", Unavailable("gone"), call=2))
    stream = store.messages.iterate("s")
    seen: list[str] = []
    with pytest.raises(Unavailable, match="gone"):
        seen.extend(message.message_id for message in stream)

    assert 0 < len(seen) < 6
    assert stream.next_page_token is not None
    rest = [message.message_id for message in store.messages.iterate("s", page_token=stream.next_page_token)]
    assert [f"m{n}" for n in range(6)] == seen + rest


@pytest.mark.parametrize("size", [1, 5, 7, 20, 21])
def test_pages_give_each_item_once_in_order_and_the_last_has_no_token(store: MemoryStore, size: int) -> None:
    expected = ids(fill(store, "s", 20))
    fill(store, "other", 3)

    assert expected == ids_on_pages(store.messages.page, size, session_id="s")
    assert expected[::-1] == ids_on_pages(store.messages.page, size, session_id="s", order="desc")


def test_a_page_is_empty_only_when_nothing_is_left(store: MemoryStore) -> None:
    load(store, [*(Message("s", f"m{n:04d}", n, "user") for n in range(60)), Message("s", "last", 1000, "tool")])

    page = store.messages.page("s", role="tool", limit=1)

    assert (["last"], None) == (ids(page.items), page.next_page_token)


def test_since_and_until_are_both_inclusive(store: MemoryStore) -> None:
    fill(store, "a", 5)
    fill(store, "b", 5)
    store.messages.put(Message("zero", "m", 0))

    assert ["m"] == ids(store.messages.iterate("zero", until=0))
    assert [2, 3, 4] == [m.create_time for m in store.messages.iterate("a", since=2, until=4)]
    assert [2, 3, 4, 2, 3, 4] == [m.create_time for m in store.messages.iterate(None, since=2, until=4)]
    assert [4, 3, 2, 4, 3, 2] == [m.create_time for m in store.messages.iterate(None, since=2, until=4, order="desc")]


def test_recent_gives_whole_sessions_latest_first(store: MemoryStore) -> None:
    for n in range(5):
        store.sessions.put(Session("u", f"s{n}", 100 - n, "text", Metadata({"n": n, "x": b"\0"})))
    store.sessions.put(Session("v", "other", 50))

    sessions = list(store.sessions.recent("u", limit=None))

    assert [0, 1, 2, 3, 4] == [s.metadata["n"] for s in sessions]
    assert all(s.search_content == "text" and s.metadata["x"] == b"\0" for s in sessions)


def test_recent_fills_up_a_page_after_a_session_was_deleted_meanwhile(store: MemoryStore, faulty: FaultyClient) -> None:
    for n in range(6):
        store.sessions.put(Session("u", f"s{n}", n))
    faulty.before["get_rows"] = lambda: (store.sessions.delete("u", "s4"), None)[1]

    page = store.sessions.recent("u", limit=3).page()

    assert ["s5", "s3", "s2"] == [session.session_id for session in page.items]
    rest = store.sessions.recent("u", limit=3, page_token=page.next_page_token)
    assert ["s1", "s0"] == [session.session_id for session in rest]


def test_recent_fills_up_a_page_with_few_requests_after_many_deletions(
    store: MemoryStore, faulty: FaultyClient
) -> None:
    """This also holds if most sessions that fill up the page are deleted too."""
    load(store, [Session("u", f"s{n:02d}", n) for n in range(80)])

    def delete(first: int, end: int) -> None:
        for n in range(first, end):
            store.sessions.delete("u", f"s{n:02d}")

    faulty.before["get_rows"] = lambda: delete(30, 79)
    recent = store.sessions.recent
    assert ["s79", *(f"s{n:02d}" for n in range(29, -1, -1))] == ids(recent("u", limit=40))
    assert (2, 2) == (faulty.names().count("get_range"), faulty.names().count("get_rows"))

    def again() -> None:
        delete(29, 30)
        faulty.before["get_rows"] = lambda: delete(21, 29)

    faulty.before["get_rows"] = again
    assert ["s79", "s20"] == ids(recent("u", limit=2))
    assert 4 == faulty.names().count("get_rows")


def recent_page(store: MemoryStore, **wanted: Any) -> Page[Session]:
    return store.sessions.recent(**wanted).page()


def test_recent_since_until_and_pages(store: MemoryStore) -> None:
    load(store, [Session("u", f"s{n}", 10 if n < 4 else n * 10) for n in range(7)])

    assert [60, 50, 40] == [s.update_time for s in store.sessions.recent("u", since=40, until=60)]
    walked = ids_on_pages(partial(recent_page, store), 2, user_id="u")
    assert ["s6", "s5", "s4", "s3", "s2", "s1", "s0"] == walked


def test_a_session_without_update_time_is_listed_but_not_recent(store: MemoryStore) -> None:
    store.sessions.put(Session("u", "timeless"))
    store.sessions.put(Session("u", "timed", 0))

    assert ["timed", "timeless"] == [s.session_id for s in store.sessions.iterate("u")]
    assert ["timed"] == [s.session_id for s in store.sessions.recent("u")]


def test_rows_added_or_deleted_between_pages_skip_and_repeat_no_item(store: MemoryStore) -> None:
    """The row that the token names is deleted, and another is added right after it."""
    fill(store, "s", 6)
    page = store.messages.page("s", limit=3)
    store.messages.delete("s", "m0003", create_time=3)
    store.messages.put(Message("s", "m0003x", 3))

    rest = store.messages.page("s", limit=10, page_token=page.next_page_token)

    assert ["m0003x", "m0004", "m0005", "m0006"] == [m.message_id for m in rest.items]


Queries = tuple[dict[str, Any], ...]
OF_SESSIONS: Queries = ({"user_id": "u"}, {"user_id": None}, {"user_id": "u", "filter": "not exists(a)"})
OF_MESSAGES: Queries = (
    {"session_id": "t"}, {"session_id": None}, {}, {"role": "user"}, {"filter": "not exists(a)"},
    {"filter": "not exists(b)"}, {"since": 1}, {"since": Age(10)}, {"until": Age(1)}, {"until": Age(2)},
    {"order": "desc"},
)  # fmt: skip
"""Listings, of session "s" unless they name another."""


def test_a_page_token_of_another_query_or_store_is_refused(
    store: MemoryStore, empty_client: TableClient, clock: ManualClock
) -> None:
    clock.time_us = 8
    for session in "st":
        fill(store, session, 6)
    for n in range(6):
        store.sessions.put(Session("u", f"s{n}", n))
    listings: list[Callable[..., Any]] = [
        *(partial(store.messages.page, limit=2, **{"session_id": "s", **query}) for query in OF_MESSAGES),
        *(partial(store.sessions.page, limit=2, **query) for query in OF_SESSIONS),
        *(partial(recent_page, store, limit=2, **query) for query in OF_SESSIONS[::2]),
    ]
    tokens = [listing().next_page_token for listing in listings]
    assert None not in tokens

    for place, listing in enumerate(listings):
        assert listing(page_token=tokens[place]).items
        for token in [*tokens[:place], *tokens[place + 1 :]]:
            with pytest.raises(InvalidInput, match="another query"):
                listing(page_token=token)
    with pytest.raises(InvalidInput, match="another query"):
        MemoryStore(empty_client, target="elsewhere").messages.page("t", limit=2, page_token=tokens[0])


def test_a_page_token_holds_the_longest_keys_and_works_with_another_limit(store: MemoryStore) -> None:
    session = "\x01" * 1024
    for n in range(3):
        store.messages.put(Message(session, "\x02" * 1023 + str(n), n))
        store.sessions.put(Session(session, "\x03" * 1023 + str(n), n))

    for listing in (store.messages.page, lambda s, **more: store.sessions.recent(s, **more).page()):
        token = listing(session, limit=1).next_page_token
        assert 2 == len(listing(session, limit=5, page_token=token).items)


def test_a_page_token_holds_only_what_its_query_does_not_say(store: MemoryStore) -> None:
    """A token has 7 bytes and the place of the last item; an id that the query names is not repeated."""
    session = "0190a6c2-7d5e-7c1a-9f0a-2b1c3d4e5f60"
    load(store, [*(Message(session, f"m{n}", n) for n in range(3)), *(Session("ada", f"s{n}", n) for n in range(3))])
    lengths = [
        len(token_bytes(page.next_page_token)) - 7
        for page in (
            store.messages.page(session, limit=1),
            store.messages.page(session, limit=1, until=Age(0)),
            store.messages.page(None, limit=1),
            store.sessions.page("ada", limit=1),
            store.sessions.page(None, limit=1),
            store.sessions.recent("ada", limit=1).page(),
            store.messages.search(session_id=session, limit=1).page(),
        )
    ]

    age, time, text, id_, skip = 8, 1, 1 + 2, 1 + len(session), 2
    assert [time + text, age + time + text, id_ + time + text, text, 1 + 3 + text, time + text] == lengths[:6]
    assert time + text + skip == lengths[6]


def test_every_damaged_byte_of_a_page_token_is_refused_or_gives_another_place_of_the_listing(
    store: MemoryStore, clock: ManualClock
) -> None:
    base = clock.now_us()
    load(store, [Message("s", f"m{n}", base - 100 + n) for n in range(6)])
    listings: list[Callable[..., Any]] = [
        partial(store.messages.page, "s", since=Age(1000)),
        partial(store.messages.page, None),
        lambda **more: store.messages.search(session_id="s", **more).page(),
        lambda **more: store.messages.search(sort="score", **more).page(),
    ]
    for listing in listings:
        whole = ids(listing(limit=100).items)
        record = token_bytes(listing(limit=2).next_page_token)
        for place in range(len(record)):
            for change in (1, 2, 0x10, 0x80):
                damaged = bytearray(record)
                damaged[place] ^= change
                try:
                    found = ids(listing(limit=100, page_token=token_of(damaged)).items)
                except InvalidInput:
                    continue
                assert place >= 7
                assert found == whole[len(whole) - len(found) :]


def test_an_age_counts_from_the_first_page_on_all_pages(store: MemoryStore, clock: ManualClock) -> None:
    base = clock.now_us()
    load(store, [Message("s", f"m{n}", base - 100 + n) for n in range(4)])
    page = store.messages.page("s", since=Age(100), limit=2)
    clock.time_us += 10_000

    rest = store.messages.page("s", since=Age(100), limit=2, page_token=page.next_page_token)

    assert ["m0", "m1", "m2", "m3"] == ids((*page.items, *rest.items))
    assert () == store.messages.page("s", since=Age(100), limit=2).items


def test_a_page_token_whose_window_ends_before_it_begins_is_refused(store: MemoryStore) -> None:
    fill(store, "s", 4)
    between = partial(store.messages.page, "s", since=Age(10**16), until=Age(0))
    token = between(limit=2).next_page_token

    assert ["m0003", "m0004"] == ids(between(page_token=forged_token(token, 1, 4, 2, "m0002")).items)
    with pytest.raises(InvalidInput, match="the page token is damaged"):
        between(page_token=forged_token(token, 4, 1, 2, "m0002"))


DAMAGED = ("", "x", "{}", "bnVsbA", "e30", "W10", "!!!!", "é", "A" * 20_000, "eyJ2IjoxfQ", "AgAA")
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"limit": 0}, "limit"), ({"limit": -1}, "limit"), ({"since": 5, "until": 4}, "is later than --until"),
    *(({"page_token": token}, "page token") for token in DAMAGED),
]  # fmt: skip


def test_an_invalid_limit_window_or_page_token_is_refused(store: MemoryStore) -> None:
    for wanted, words in WRONG:
        with pytest.raises(InvalidInput, match=words):
            store.messages.page("s", **wanted)


def test_owner_ids_are_distinct_and_sorted(store: MemoryStore) -> None:
    load(store, [Session(user, f"s{n}", n) for user in ("ada", "adam", "bob") for n in range(3)])

    assert ["ada", "adam", "bob"] == list(store.sessions.owner_ids())
    assert ["ada", "adam"] == list(store.sessions.owner_ids("ad"))
    assert [] == list(store.sessions.owner_ids("x"))
    assert ["s0", "s1", "s2"] == list(store.sessions.ids_of("ada", "s"))


def test_a_token_after_the_last_written_item_repeats_items_that_were_only_read(store: MemoryStore) -> None:
    fill(store, "s", 4)
    stream = store.messages.iterate("s")
    assert 1 == next(stream).create_time
    assert 2 == next(stream).create_time

    for written, expected in ((2, [3, 4]), (1, [2, 3, 4]), (0, [1, 2, 3, 4])):
        token = stream.token_after(written)
        assert expected == [m.create_time for m in store.messages.iterate("s", page_token=token)]
    assert store.messages.iterate("s").token_after(0) is None
