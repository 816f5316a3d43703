"""Writes and reads of single sessions and messages: types, limits, reserved names, and what each operation refuses."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.support.backends import VALUES, on_engine
from tests.support.clocks import ManualClock
from tests.support.faults import FaultyClient
from tsmem.errors import AlreadyExists, Ambiguous, InvalidInput, LimitExceeded, NotFound
from tsmem.port import TableClient
from tsmem.rows import Put, Value
from tsmem.store import Changes, MemoryStore, Message, Metadata, Session


def test_empty_content_is_not_absent_content(store: MemoryStore) -> None:
    store.messages.put(Message("s", "empty", 1, "", "", ""))
    store.messages.put(Message("s", "none", 2))

    empty, none = store.messages.get("s", "empty"), store.messages.get("s", "none")
    assert ("", "", "") == (empty.role, empty.content, empty.search_content)
    assert (None, None, None) == (none.role, none.content, none.search_content)


def session_with(metadata: dict[str, Any]) -> Callable[[MemoryStore], object]:
    return lambda store: store.sessions.put(Session("u", "s", metadata=Metadata(metadata)))


PAST_LIMITS: dict[str, Callable[[MemoryStore], object]] = {
    "user id": lambda s: s.sessions.put(Session("é" * 512 + "x", "s")),
    "session id": lambda s: s.sessions.put(Session("u", "s" * 1025)),
    "message id": lambda s: s.messages.put(Message("s", "m" * 1025, 1)),
    "content": lambda s: s.messages.put(Message("s", "m", 1, content="x" * (2 * 1024 * 1024 + 1))),
    "metadata": session_with({"x": b"x" * (2 * 1024 * 1024 + 1)}),
    "columns": session_with({f"c{n}": 1 for n in range(1025)}),
    "row": session_with(dict.fromkeys("abc", b"x" * 1_500_000)),
}


@on_engine
def test_a_value_over_a_limit_is_refused_before_any_request(store: MemoryStore, faulty: FaultyClient) -> None:
    for what, operation in PAST_LIMITS.items():
        with pytest.raises(LimitExceeded):
            operation(store)
        assert [] == faulty.calls, what


BAD: dict[str, Callable[[MemoryStore], object]] = {
    "empty user": lambda s: s.sessions.put(Session("", "s")),
    "empty session": lambda s: s.sessions.put(Session("u", "")),
    "empty message": lambda s: s.messages.put(Message("s", "", 1)),
    "user of another type": lambda s: s.sessions.put(Session(5, "s")),  # type: ignore[arg-type]
    "time of another type": lambda s: s.messages.put(Message("s", "m", "1")),  # type: ignore[arg-type]
    "boolean time": lambda s: s.messages.put(Message("s", "m", True)),
    "time past 64 bits": lambda s: s.messages.put(Message("s", "m", 2**63)),
    "update time of another type": lambda s: s.sessions.put(Session("u", "s", 1.5)),  # type: ignore[arg-type]
    "lone surrogate": lambda s: s.messages.put(Message("s", "m", 1, content="\ud800")),
    "NaN": session_with({"x": math.nan}),
    "integer past 64 bits": session_with({"x": 2**63}),
    "list": session_with({"x": [1]}),
    "None": session_with({"x": None}),
    "key beginning with #": session_with({"#b": 1}),
    "key of another type": session_with({5: 1}),  # type: ignore[dict-item]
    "key column in metadata": session_with({"user_id": 1}),
    "field in metadata": lambda s: s.messages.put(Message("s", "m", 1, metadata=Metadata({"content": "x"}))),
    "field twice": lambda s: s.messages.put(Message("s", "m", 1, content="x", metadata=Metadata({"content": 5}))),
    "update of a key column": lambda s: s.sessions.update("u", "s", changes=Changes({"session_id": "x"})),
    "update of a field as metadata": lambda s: s.sessions.update("u", "s", changes=Changes({"update_time": "x"})),
    "unset of a key column": lambda s: s.sessions.update("u", "s", changes=Changes(unset=("user_id",))),
    "set and unset": lambda s: s.sessions.update("u", "s", changes=Changes({"a": 1}, ("a",))),
    "field set and unset": lambda s: s.messages.update(
        "s", "m", create_time=1, content="x", changes=Changes(unset=("content",))
    ),
    "nothing to change": lambda s: s.sessions.update("u", "s"),
    "get without user": lambda s: s.sessions.get("", "s"),
    "find without session": lambda s: s.sessions.find("u", ""),
    "delete without session": lambda s: s.sessions.delete("u", "", with_messages=True),
    "list of nobody": lambda s: list(s.sessions.iterate("")),
    "recent of nobody": lambda s: list(s.sessions.recent("")),
    "purge of nobody": lambda s: s.sessions.purge(""),
    "messages of no session": lambda s: list(s.messages.iterate("")),
    "purge of no session": lambda s: s.messages.purge(""),
    "message without id": lambda s: s.messages.get("s", ""),
    "export of nobody": lambda s: list(s.bulk.items(user_id="")),
    "export of no session": lambda s: list(s.bulk.items(session_id="")),
}


@on_engine
def test_invalid_input_is_refused_before_any_request(store: MemoryStore, faulty: FaultyClient) -> None:
    """This includes an empty id that could be mistaken for "everyone"."""
    for what, operation in BAD.items():
        with pytest.raises(InvalidInput):
            operation(store)
        assert [] == faulty.calls, what


def test_put_overwrites_the_whole_row(store: MemoryStore) -> None:
    store.sessions.put(Session("u", "s", 1, "text", Metadata({"a": 1})))
    store.sessions.put(Session("u", "s", 2, metadata=Metadata({"b": 2})))

    assert Session("u", "s", 2, metadata=Metadata({"b": 2})) == store.sessions.get("u", "s")


def test_put_if_absent_keeps_the_existing_row(store: MemoryStore) -> None:
    store.sessions.put(Session("u", "s", 1))

    with pytest.raises(AlreadyExists, match="session 's' of user 'u' exists already"):
        store.sessions.put(Session("u", "s", 2), if_absent=True)
    assert 1 == store.sessions.get("u", "s").update_time


def test_get_raises_not_found_and_find_returns_none(store: MemoryStore) -> None:
    with pytest.raises(NotFound, match="no session 's' of user 'u'"):
        store.sessions.get("u", "s")
    with pytest.raises(NotFound, match="no message 'm' in session 's'"):
        store.messages.get("s", "m")
    assert store.sessions.find("u", "s") is None
    assert store.messages.find("s", "m") is None


def test_update_changes_only_the_given_fields(store: MemoryStore) -> None:
    store.sessions.put(Session("u", "s", 1, "text", Metadata({"a": 1, "b": 2, "c": 3})))
    store.sessions.update("u", "s", update_time=9, changes=Changes({"a": 5, "d": "new"}, unset=("b", "absent")))

    assert Session("u", "s", 9, "text", Metadata({"a": 5, "c": 3, "d": "new"})) == store.sessions.get("u", "s")


def test_update_can_replace_all_metadata(store: MemoryStore) -> None:
    store.messages.put(Message("s", "m", 1, "user", "hi", None, Metadata({"a": 1, "b": 2})))
    store.messages.update("s", "m", changes=Changes({"b": 3}, replace_metadata=True))

    assert Message("s", "m", 1, "user", "hi", None, Metadata({"b": 3})) == store.messages.get("s", "m")


@on_engine
def test_update_can_remove_a_field(store: MemoryStore) -> None:
    store.messages.put(Message("s", "m", 1, "user", "hi"))
    store.messages.update("s", "m", changes=Changes(unset=("content",)))

    assert store.messages.get("s", "m").content is None


@pytest.mark.parametrize("changes", [Changes({"a": 1}), Changes({}, replace_metadata=True), Changes(unset=("a",))])
def test_update_of_a_missing_row_is_not_found(store: MemoryStore, changes: Changes) -> None:
    with pytest.raises(NotFound):
        store.sessions.update("u", "s", changes=changes)
    with pytest.raises(NotFound):
        store.messages.update("s", "m", create_time=1, changes=changes)
    assert [] == [*store.sessions.iterate(None), *store.messages.iterate(None)]


@on_engine
def test_touch_never_lowers_the_update_time(store: MemoryStore) -> None:
    store.sessions.put(Session("u", "s"))
    store.sessions.touch("u", "s", 5)
    assert 5 == store.sessions.get("u", "s").update_time
    store.sessions.touch("u", "s", 3)
    assert 5 == store.sessions.get("u", "s").update_time
    with pytest.raises(NotFound):
        store.sessions.touch("u", "none", 3)


def test_a_message_id_used_twice_is_ambiguous(store: MemoryStore) -> None:
    store.messages.put(Message("s", "m", 1, content="one"))
    store.messages.put(Message("s", "m", 2, content="two"))

    operations: list[Callable[[], object]] = [
        lambda: store.messages.get("s", "m"),
        lambda: store.messages.find("s", "m"),
        lambda: store.messages.update("s", "m", content="new"),
        lambda: store.messages.delete("s", "m"),
    ]
    for operation in operations:
        with pytest.raises(Ambiguous) as caught:
            operation()
        assert "1 or 2" in str(caught.value.hint)
    assert ["one", "two"] == [m.content for m in store.messages.iterate("s")]
    assert "two" == store.messages.get("s", "m", create_time=2).content


def test_delete_of_a_missing_row_is_not_found(store: MemoryStore) -> None:
    deletes: list[Callable[..., object]] = [
        partial(store.sessions.delete, "u", "s"),
        partial(store.messages.delete, "s", "m"),
        partial(store.messages.delete, "s", "m", create_time=1),
    ]
    for delete in deletes:
        with pytest.raises(NotFound):
            delete()
        delete(missing_ok=True)


def test_a_new_message_put_twice_is_one_row(store: MemoryStore, clock: ManualClock) -> None:
    message = store.messages.new("s", store.new_id(), content="once")
    store.messages.put(message)
    clock.time_us += 5
    store.messages.put(message)

    assert [message] == list(store.messages.iterate("s"))


# Rows that other libraries wrote


def odd_rows(client: TableClient, store: MemoryStore) -> None:
    session, message = store.layout.session.ref, store.layout.message.ref
    client.write_row(Put(session, ("u", "s"), {"update_time": "yesterday", "search_content": 5, "topic": "x"}))
    client.write_row(Put(message, ("s", 1, "m"), {"content": 5, "role": 3, "user_id": "u", "search_content": b"\0"}))


def test_a_field_of_the_wrong_type_is_read_as_metadata(store: MemoryStore, empty_client: TableClient) -> None:
    odd_rows(empty_client, store)
    session: dict[str, Value] = {"update_time": "yesterday", "search_content": 5, "topic": "x"}
    message: dict[str, Value] = {"content": 5, "role": 3, "user_id": "u", "search_content": b"\0"}

    assert Session("u", "s", metadata=Metadata(session)) == store.sessions.get("u", "s")
    assert Message("s", "m", 1, metadata=Metadata(message)) == store.messages.get("s", "m")


@on_engine
def test_replacing_metadata_replaces_a_field_of_the_wrong_type(store: MemoryStore, empty_client: TableClient) -> None:
    odd_rows(empty_client, store)
    store.messages.update("s", "m", content="text", changes=Changes({"a": 1}, replace_metadata=True))
    store.sessions.update("u", "s", update_time=7, changes=Changes(unset=("search_content",)))

    assert Message("s", "m", 1, None, "text", None, Metadata({"a": 1})) == store.messages.get("s", "m")
    assert Session("u", "s", 7, None, Metadata({"topic": "x"})) == store.sessions.get("u", "s")


def test_putting_a_row_back_as_it_was_read_changes_nothing(store: MemoryStore, empty_client: TableClient) -> None:
    table, key = store.layout.message.ref, ("s", 1, "m")
    for value in VALUES.values():
        columns = {**VALUES, "role": value, "content": value, "search_content": value}
        empty_client.write_row(Put(table, key, columns))
        before = empty_client.get_row(table, key)
        store.messages.put(store.messages.get("s", "m", create_time=1))
        after = empty_client.get_row(table, key)

        assert before is not None
        assert after is not None
        assert Metadata(before.columns) == Metadata(after.columns)
