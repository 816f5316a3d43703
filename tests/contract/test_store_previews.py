"""Titles and numbers of messages of sessions in lists."""

from __future__ import annotations

import pytest

from tests.support.items import load
from tsmem.store import MemoryStore, Message, Metadata, Session
from tsmem.store.listing.previews import FIRST_MESSAGES, TITLE_CHARACTERS


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
