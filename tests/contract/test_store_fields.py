"""`store.fields`: the columns that sessions and messages have."""

from __future__ import annotations

import pytest

from tests.support.backends import on_engine
from tests.support.items import load
from tsmem.errors import InvalidInput
from tsmem.rows import Put
from tsmem.store import MemoryStore, Message, Metadata, Session
from tsmem.store.maintenance import fields
from tsmem.store.maintenance.fields import ExampleValue, FieldSummary

pytestmark = on_engine


def test_fields_have_their_kind_types_rows_and_most_frequent_values(store: MemoryStore) -> None:
    topics = ["tea", "milk", "coffee", "coffee", "water"]
    load(store, [Session("u", f"s{n}", n, None, Metadata({"topic": topic})) for n, topic in enumerate(topics)])
    store.sessions.put(
        Session("u", "s5", None, "text", Metadata({"topic": 7, "raw": b"\0", "vip": True, "score": 0.5}))
    )

    found = store.fields().sessions

    assert found.rows == 6
    summaries = {each.name: each for each in found.fields}
    assert list(summaries) == ["user_id", "session_id", "update_time", "search_content", "topic", "raw", "score", "vip"]
    assert summaries["user_id"] == FieldSummary("user_id", "key", 6, {"text": 6}, [ExampleValue("u", 6)])
    assert (summaries["update_time"].kind, summaries["update_time"].rows) == ("field", 5)
    assert summaries["topic"].types == {"text": 5, "integer": 1}
    assert summaries["topic"].examples == [ExampleValue("coffee", 2), ExampleValue("tea", 1), ExampleValue("milk", 1)]
    assert summaries["raw"] == FieldSummary("raw", "metadata", 1, {"bytes": 1}, [])
    assert (summaries["vip"].types, summaries["score"].types) == ({"boolean": 1}, {"float": 1})


def test_fields_of_a_user_or_of_a_session_id(store: MemoryStore) -> None:
    load(store, [Session(user, user, 1, None, Metadata({user: 1})) for user in ("ada", "bob")])
    load(store, [Message(session, "m", 1, session) for session in ("ada", "bob", "orphan")])
    for scope in ({"user_id": "ada"}, {"session_id": "ada"}):
        found = store.fields(**scope)  # type: ignore[arg-type]
        assert [each.name for each in found.sessions.fields if each.kind == "metadata"] == ["ada"]
        assert [each.examples for each in found.messages.fields if each.name == "role"] == [[ExampleValue("ada", 1)]]
    with pytest.raises(InvalidInput):
        store.fields(user_id="ada", session_id="ada")


def test_a_column_with_a_value_of_another_type_is_still_a_field(store: MemoryStore) -> None:
    store._client.write_row(Put(store.layout.message.ref, ("s", 1, "m"), {"role": 5}))
    (role,) = (each for each in store.fields().messages.fields if each.name == "role")
    assert role == FieldSummary("role", "field", 1, {"integer": 1}, [ExampleValue(5, 1)])


def test_equal_values_of_different_types_are_different_examples(store: MemoryStore) -> None:
    load(store, [Session("u", f"s{n}", None, None, Metadata({"k": value})) for n, value in enumerate((True, 1, 1.0))])
    examples = store.fields().sessions.fields[-1].examples
    assert [bool, int, float] == [type(example.value) for example in examples]


def test_long_texts_are_cut_in_examples(store: MemoryStore) -> None:
    store.messages.put(Message("s", "m", 1, None, "x" * 100_000))
    content = store.fields().messages.fields[-1]
    assert content.examples == [ExampleValue("x" * (fields.MAX_CHARACTERS - 1) + "…", 1)]


def test_columns_and_values_are_bounded_and_the_rest_is_counted(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fields, "MAX_FIELDS", 5)
    monkeypatch.setattr(fields, "MAX_VALUES", 2)
    load(store, [Session("u", f"s{n}", 1, None, Metadata({f"k{n % 4}": n, "z": 1})) for n in range(8)])

    found = store.fields().sessions

    assert [each.name for each in found.fields] == ["user_id", "session_id", "update_time", "z", "k0"]
    assert (found.other_values, found.fields[-1].rows, len(found.fields[1].examples)) == (6, 2, 2)
