"""`store.count_by`: sessions and messages by the values of fields."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.support.backends import on_engine
from tests.support.items import load
from tsmem.errors import InvalidInput
from tsmem.rows import Put, Value
from tsmem.store import MemoryStore, Message, Metadata, Session
from tsmem.store.maintenance import groups
from tsmem.store.maintenance.groups import Group, UnknownField

pytestmark = on_engine
DAY = 86_400_000_000
ITEMS: list[Session | Message] = [
    Session("ada", "a1", 1, None, Metadata({"topic": "tea", "day": "Monday"})),
    Session("ada", "shared", DAY, None, Metadata({"topic": "tea"})),
    Session("bob", "shared", None, None, Metadata({"topic": "coffee"})),
    Message("a1", "m1", 0, "user", "hi"),
    Message("a1", "m2", DAY - 1, "tool", "Error: no", None, Metadata({"name": "book"})),
    Message("a1", "m3", DAY, "tool", "fine", None, Metadata({"name": "book"})),
    Message("orphan", "m1", 2 * DAY, "tool", '{"error": "no"}', None, Metadata({"name": "find"})),
    Message("shared", "m1", DAY, "user", "Error: I am no tool"),
]  # fmt: skip


@pytest.fixture
def filled(store: MemoryStore) -> MemoryStore:
    load(store, ITEMS)
    return store


def counts(store: MemoryStore, *fields: str, **options: object) -> list[tuple[Value | None, ...]]:
    return [(*group.values, group.sessions, group.messages) for group in store.count_by(fields, **options).groups]  # type: ignore[arg-type]


def test_rows_are_counted_by_a_field_most_frequent_first(filled: MemoryStore) -> None:
    assert counts(filled, "role") == [("tool", 0, 3), ("user", 0, 2)]
    assert counts(filled, "session_id") == [("a1", 1, 3), ("shared", 2, 1), ("orphan", 0, 1)]


def test_rows_are_counted_by_several_fields(filled: MemoryStore) -> None:
    expected = [("book", "tool", 0, 2), (None, "user", 0, 2), ("find", "tool", 0, 1)]
    assert sorted(expected, key=str) == sorted(counts(filled, "name", "role"), key=str)


def test_the_day_is_that_of_the_creation_or_of_the_last_update(filled: MemoryStore) -> None:
    expected = [("1970-01-01", 1, 2), ("1970-01-02", 1, 2), ("1970-01-03", 0, 1), (None, 1, 0)]
    assert counts(filled, "day") == expected
    assert counts(filled, "metadata.day") == [(None, 2, 0), ("Monday", 1, 0)]


def test_messages_count_for_the_first_user_of_their_session(filled: MemoryStore) -> None:
    assert counts(filled, "user_id") == [("ada", 2, 4), ("bob", 1, 0), (None, 0, 1)]
    assert counts(filled, "user_id", user_id="bob") == [("bob", 1, 1)]


def test_what_no_session_or_no_message_has_is_not_counted_there(filled: MemoryStore) -> None:
    by_topic, by_both = filled.count_by(["topic"]), filled.count_by(["topic", "role"])
    assert (by_topic.has_sessions, by_topic.has_messages) == (True, False)
    assert by_topic.groups == [Group(("tea",), 2, 0), Group(("coffee",), 1, 0)]
    assert (by_both.has_sessions, by_both.has_messages, by_both.groups, by_both.unknown) == (False, False, [], [])


def test_a_field_that_no_row_has_is_reported_with_a_similar_name(filled: MemoryStore) -> None:
    found = filled.count_by(["topik"])
    assert ([], [UnknownField("topik", "topic")]) == (found.groups, found.unknown)


def test_failed_counts_only_tool_messages_that_report_an_error(filled: MemoryStore) -> None:
    assert counts(filled, "name", failed=True) == [("book", 0, 1), ("find", 0, 1)]
    assert counts(filled, "session_id", failed=True) == [("a1", 0, 1), ("orphan", 0, 1)]
    assert not filled.count_by(["session_id"], failed=True).has_sessions
    assert counts(filled, "name", failed=True, until=DAY) == [("book", 0, 1)]


@pytest.mark.parametrize("scope", [{}, {"user_id": "ada"}, {"session_id": "a1"}])
def test_a_window_restricts_sessions_by_update_and_messages_by_creation(
    filled: MemoryStore, scope: dict[str, str]
) -> None:
    assert counts(filled, "session_id", since=DAY - 1, until=DAY - 1, **scope) == [("a1", 0, 1)]
    assert counts(filled, "session_id", since=1, until=1, **scope) == [("a1", 1, 0)]
    found = filled.statistics(since=1, until=DAY - 1, **scope)  # type: ignore[arg-type]
    assert (found.sessions, found.users, found.messages, found.first_time) == (1, 1, 1, DAY - 1)


def test_values_of_different_types_are_different_groups(store: MemoryStore) -> None:
    values: Sequence[Value] = (1, True, 1.0, "1", b"1")
    load(store, [Session("u", f"s{n}", 1, None, Metadata({"k": value})) for n, value in enumerate(values)])
    assert {(type(value), value) for value in values} == {(type(v), v) for v, *_ in counts(store, "k")}


def test_a_time_outside_the_calendar_has_no_day(store: MemoryStore) -> None:
    for time in (2**63 - 1, -(2**63)):
        store._client.write_row(Put(store.layout.message.ref, ("s", time, "m"), {"role": "user"}))
    assert counts(store, "day", "role") == []
    store.messages.put(Message("s", "m", 1, "user"))
    assert counts(store, "day", "role") == [(None, "user", 0, 2), ("1970-01-01", "user", 0, 1)]


def test_long_values_and_too_many_groups_are_counted_together(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(store, [Message("s", f"m{n}", n, f"role {n % 5}") for n in range(20)])
    load(store, [Message("s", "long", 99, "r" * (groups.MAX_VALUE_LENGTH + 1))])
    monkeypatch.setattr(groups, "MAX_GROUPS", 3)
    found = store.count_by(["role"])
    assert (3, 12, 9) == (len(found.groups), sum(group.messages for group in found.groups), found.other_messages)


def test_messages_whose_user_is_not_remembered_are_counted_together(
    filled: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "MAX_OWNERS", 1)
    found = filled.count_by(["user_id"])
    assert (found.groups, found.other_messages) == ([Group(("ada",), 2, 3), Group(("bob",), 1, 0)], 2)
    assert filled.count_by(["user_id"], user_id="bob").other_messages == 0


@pytest.mark.parametrize("fields", [[], [""], ["metadata."], ["a", "a"], ["#a"], ["a\0"], list("abcdef")])
def test_impossible_fields_are_refused(store: MemoryStore, fields: list[str]) -> None:
    with pytest.raises(InvalidInput):
        store.count_by(fields)
