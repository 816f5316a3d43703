"""Messages of all sessions of a user, and messages that report an error, in listings and searches."""

from __future__ import annotations

import pytest

from tests.support.items import ids, load
from tests.support.pages import ids_on_pages
from tsmem.errors import InvalidInput
from tsmem.store import MemoryStore, Message, Session
from tsmem.store.sharing import MAX_IDS


@pytest.fixture
def filled(store: MemoryStore) -> MemoryStore:
    """ada has the sessions a1 and a2, bob has b1; each has four messages, the last of which is a failed tool call."""
    items: list[Session | Message] = [Session("ada", "a2", 1), Session("ada", "a1", 2), Session("bob", "b1", 3)]
    for number, session in enumerate(("a1", "a2", "b1")):
        for n in range(4):
            role, content = ("tool", "Error: no tea") if n == 3 else ("user", f"tea {n}")
            items.append(Message(session, f"{session}-{n}", 10 * n + number, role, content))
    load(store, items)
    return store


A1, A2 = ([f"{session}-{n}" for n in range(4)] for session in ("a1", "a2"))


def test_messages_of_a_user_are_listed_session_by_session(filled: MemoryStore) -> None:
    messages = filled.messages

    assert [*A1, *A2] == ids(messages.iterate(None, user_id="ada"))
    assert [*A1, *A2][::-1] == ids(messages.iterate(None, user_id="ada", order="desc"))
    assert ["a1-3", "a2-3"] == ids(messages.iterate(None, user_id="ada", role="tool"))
    assert ["a1-2", "a2-1", "a2-2"] == ids(messages.iterate(None, user_id="ada", since=11, until=25))
    assert ["a2-1"] == ids(messages.iterate(None, user_id="ada", filter="message_id == 'a2-1'"))
    assert [] == ids(messages.iterate(None, user_id="zoe"))


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("size", [1, 3, 4, 7, 8])
def test_pages_of_a_users_messages_give_each_message_once(filled: MemoryStore, size: int, order: str) -> None:
    def page(**options: object) -> object:
        return filled.messages.iterate(None, user_id="ada", order=order, **options).page()  # type: ignore[arg-type]

    expected = [*A1, *A2]
    assert (expected if order == "asc" else expected[::-1]) == ids_on_pages(page, size)


def test_a_page_token_of_another_user_is_refused(filled: MemoryStore) -> None:
    token = filled.messages.iterate(None, user_id="ada", limit=1).page().next_page_token
    with pytest.raises(InvalidInput, match="page token"):
        filled.messages.iterate(None, user_id="bob", page_token=token).page()
    found = filled.messages.search("tea", user_id="ada", limit=1).page()
    with pytest.raises(InvalidInput, match="page token"):
        filled.messages.search("tea", user_id="bob", page_token=found.next_page_token).page()


def test_a_search_finds_only_messages_of_a_users_sessions(filled: MemoryStore) -> None:
    def found(**options: object) -> list[str]:
        return ids(filled.messages.search("tea", limit=None, **options))  # type: ignore[arg-type]

    assert ["a2-3", "a1-3", "a2-2", "a1-2", "a2-1", "a1-1", "a2-0", "a1-0"] == found(user_id="ada")
    assert ["a2-3", "a1-3"] == found(user_id="ada", failed=True)
    assert ["b1-3", "a2-3", "a1-3"] == found(failed=True)
    assert [] == found(user_id="zoe")


def test_the_sessions_of_a_user_can_be_more_than_a_query_can_name(filled: MemoryStore) -> None:
    load(filled, [Session("ada", f"x{n}", 1) for n in range(MAX_IDS)])
    assert ["a2-3", "a1-3"] == ids(filled.messages.search("tea", user_id="ada", role="tool"))


def test_contradictory_scopes_are_refused(filled: MemoryStore) -> None:
    messages = filled.messages
    with pytest.raises(InvalidInput, match="a session or a user, not both"):
        messages.search("x", user_id="ada", session_id="a1")
    with pytest.raises(InvalidInput, match="a session or a user, not both"):
        messages.iterate("a1", user_id="ada")
    with pytest.raises(InvalidInput, match="only messages with the role 'tool' report errors"):
        messages.search("x", failed=True, role="user")


@pytest.mark.parametrize("neighbours", [0, 1, 2, 5])
def test_hits_come_by_session_with_their_neighbours(filled: MemoryStore, neighbours: int) -> None:
    hits = [message for message in filled.messages.search("tea", limit=None) if message.create_time // 10 in (0, 3)]
    found = list(filled.messages.hits_by_session(hits, neighbours))

    assert ["b1", "a2", "a1"] == [excerpt.messages[0].session_id for excerpt in found]
    times = {0: [0, 3], 1: [0, 1, 2, 3], 2: [0, 1, 2, 3], 5: [0, 1, 2, 3]}[neighbours]
    for excerpt in found:
        shown = [message.create_time // 10 for message in excerpt.messages]
        assert (times, []) == (shown, [*excerpt.left_out])
        assert [0, 3] == [shown[position] for position in excerpt.marked]
