"""Parts of conversations: the last messages, those around one, and those that pass a test."""

from __future__ import annotations

import pytest

from tests.support.items import load
from tsmem.errors import InvalidInput, NotFound
from tsmem.store import MemoryStore, Message, Metadata, Session
from tsmem.store.listing.excerpt import Selection

FAILED = Metadata({"is_error": True})


@pytest.fixture
def filled(store: MemoryStore) -> MemoryStore:
    """Twelve messages of the session `s`; the messages 3 and 8 are tool messages, and 8 has failed."""
    said = [Message("s", f"m{n}", n, "tool" if n in (3, 8) else "user", f"text {n}") for n in range(12)]
    said[8] = Message("s", "m8", 8, "tool", "no", None, FAILED)
    load(store, [*said, Message("r", "m0", 5, "user"), Message("t", "m0", 5, "user")])
    return store


def part(store: MemoryStore, **selection: object) -> tuple[list[int], dict[int, int | None], list[int]]:
    excerpt = store.messages.excerpt("s", Selection(**selection))  # type: ignore[arg-type]
    return [message.create_time for message in excerpt.messages], excerpt.left_out, [*excerpt.marked]


def test_an_excerpt_without_conditions_is_the_whole_conversation(filled: MemoryStore) -> None:
    assert part(filled) == ([*range(12)], {}, [])
    assert part(filled, last=2) == ([10, 11], {0: None}, [])
    assert part(filled, last=12) == ([*range(12)], {}, [])


@pytest.mark.parametrize(
    ("message", "neighbours", "times", "left_out"),
    [
        ("m0", 2, [0, 1, 2], {3: None}),
        ("m5", 2, [3, 4, 5, 6, 7], {0: None, 5: None}),
        ("m11", 2, [9, 10, 11], {0: None}),
        ("m5", 0, [5], {0: None, 1: None}),
        ("m5", 50, [*range(12)], {}),
    ],
)
def test_around_a_message_are_its_neighbours(
    filled: MemoryStore, message: str, neighbours: int, times: list[int], left_out: dict[int, int | None]
) -> None:
    shown, gaps, marked = part(filled, around=message, neighbours=neighbours)
    assert (times, left_out) == (shown, gaps)
    assert [message] == [f"m{shown[position]}" for position in marked]


def test_conditions_choose_messages_and_neighbours_are_added(filled: MemoryStore) -> None:
    assert part(filled, role="tool") == ([3, 8], {}, [])
    assert part(filled, since=2, until=4) == ([2, 3, 4], {}, [])
    assert part(filled, failed=True) == ([8], {0: 8, 1: 3}, [])
    assert part(filled, role="tool", neighbours=1) == ([2, 3, 4, 7, 8, 9], {0: 2, 3: 2, 6: 2}, [])
    assert part(filled, role="tool", last=1) == ([8], {0: None}, [])
    assert part(filled, role="tool", last=1, neighbours=1) == ([7, 8, 9], {0: 7, 3: 2}, [])
    assert part(filled, failed=True, until=7) == ([], {}, [])


def test_an_excerpt_refuses_what_does_not_exist_or_cannot_be(filled: MemoryStore) -> None:
    with pytest.raises(NotFound, match="no message 'x' in session 's'"):
        part(filled, around="x")
    for impossible in ({"last": 0}, {"neighbours": -1}, {"around": "m1", "role": "user"}, {"around": "m1", "last": 1}):
        with pytest.raises(InvalidInput):
            part(filled, **impossible)


def test_sessions_are_found_by_their_id_whoever_their_user_is(store: MemoryStore) -> None:
    sessions = [Session("ada", "s", 1), Session("bob", "s", 2, None, Metadata({"topic": "x"})), Session("ada", "s2", 3)]
    load(store, sessions)

    assert sessions[:2] == sorted(store.sessions.start_lookup("s").result(), key=lambda session: session.user_id)
    assert [] == store.sessions.start_lookup("none").result()


def test_no_session_is_found_by_its_id_without_a_search_index(store: MemoryStore) -> None:
    store.sessions.put(Session("ada", "s", 1))
    store._client.delete_search_index("session", "session_search_index")

    assert [] == store.sessions.start_lookup("s").result()
