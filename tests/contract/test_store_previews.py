"""Titles and numbers of messages of sessions in lists."""

from __future__ import annotations

import pytest

from tests.support.items import load
from tsmem.store import MemoryStore, Message, Metadata, Session
from tsmem.store.listing.previews import FIRST_MESSAGES
from tsmem.store.model import TITLE_CHARACTERS


def said(session: str, *roles: str, content: str = "Hello,\n  world") -> list[Message]:
    return [Message(session, f"m{n}", n, role, content) for n, role in enumerate(roles)]


@pytest.mark.parametrize(
    ("session", "messages", "title"),
    [
        (Session("u", "s", 1, "found", Metadata({"title": "A \n title"})), said("s", "user"), "A title"),
        (Session("u", "s", 1, "found", Metadata({"title": 5})), said("s", "user"), "found"),
        (Session("u", "s", 1, " "), said("s", "user"), "Hello, world"),
        (Session("u", "s"), said("s", "system", "user"), "Hello, world"),
        (Session("u", "s"), said("s", "user", content="x" * 5000), "x" * TITLE_CHARACTERS),
        (Session("u", "s"), said("s", "system", "assistant"), None),
        (Session("u", "s"), said("s", *["system"] * FIRST_MESSAGES, "system", "user"), None),
        (Session("u", "s"), said("s", *["user"] * FIRST_MESSAGES), "Hello, world"),
        (Session("u", "s"), [], None),
    ],
)
def test_a_preview_has_a_title_of_one_line_and_counts_messages(
    store: MemoryStore, session: Session, messages: list[Message], title: str | None
) -> None:
    load(store, [session, *messages, *said("r", "user"), *said("t", "user")])

    (preview,) = store.previews([session])
    assert (title, len(messages)) == (preview.title, preview.messages)
    (with_title,) = store.previews([session], count=False)
    assert (title, None) == (with_title.title, with_title.messages)
    (with_count,) = store.previews([session], title=False)
    assert (None, len(messages)) == (with_count.title, with_count.messages)
    assert session.metadata == preview.metadata


def test_previews_come_in_the_order_of_the_sessions(store: MemoryStore) -> None:
    sessions = [Session("u", f"s{n}") for n in range(30)]
    load(store, sessions)
    load(store, [message for n in range(30) for message in said(f"s{n}", *["user"] * n)])
    assert [*range(30)] == [preview.messages for preview in store.previews(sessions)]


def test_messages_without_role_and_content_are_counted(store: MemoryStore) -> None:
    bare = [Message("s", f"m{n}", n, None, None, None, Metadata({"x": n})) for n in range(3)]
    load(store, [*bare, Message("s", "m3", 3, "user", "hi")])

    assert [("hi", 4)] == [(each.title, each.messages) for each in store.previews([Session("u", "s")])]


def test_large_first_messages_are_read_with_one_request_and_not_kept(store: MemoryStore) -> None:
    load(store, [Message("s", f"m{n}", n, "user" if n == 1 else "tool", "x" * 1_500_000) for n in range(6)])
    began = store.cost.requests

    (preview,) = store.previews([Session("u", "s")])
    assert ("x" * TITLE_CHARACTERS, 6) == (preview.title, preview.messages)
    assert 2 == store.cost.requests - began


def test_previews_ask_only_for_what_is_wanted(store: MemoryStore) -> None:
    load(store, said("s", *["user"] * 20))
    titled = Session("u", "s", 1, "a title")
    for options, requests in (({"count": False}, 0), ({"title": False}, 1), ({}, 1)):
        began = store.cost.requests
        list(store.previews([titled], **options))
        assert requests == store.cost.requests - began


def test_a_list_whose_preview_fails_continues_after_the_last_item_shown(store: MemoryStore) -> None:
    """Sessions are read ahead, so the stream is further on than the list."""
    load(store, [Session("u", f"s{n:02}", n) for n in range(30)])
    stream = store.sessions.iterate("u")
    previews = store.previews(stream)
    shown = [next(previews).session_id for _ in range(12)]

    for written in (12, 11):
        rest = store.sessions.iterate("u", page_token=stream.token_after(written))
        assert [f"s{n:02}" for n in range(written, 30)] == [session.session_id for session in rest]
    assert "s11" == shown[-1]
