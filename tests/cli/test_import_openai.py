"""Import of conversations in the OpenAI format: rules for ids and times, nothing lost, and the same rows from the same
input.
"""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.conftest import Cli
from tsmem.errors import InvalidInput
from tsmem.store.documents import export_line
from tsmem.transfer.formats.conversations import Conversion
from tsmem.transfer.importing import ImportSource, read_records

OPENAI = ("import", "--format", "openai")
START = "2026-01-01T00:00:00Z"
START_US = 1_767_225_600_000_000


def jsonl(*conversations: object) -> bytes:
    return b"".join(json.dumps(conversation).encode() + b"\n" for conversation in conversations)


def listed(cli: Cli, noun: str) -> list[Any]:
    return cli.ok(noun, "list", "-o", "jsonl").lines


def test_an_array_of_messages_is_one_conversation(ready: Cli) -> None:
    said = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": None}, {"role": "x", "content": ""}]
    data = json.dumps(said, indent=2).encode()
    ready.ok(*OPENAI, "--user", "u", "--start-time", START, stdin=data)

    (session,) = listed(ready, "session")
    assert uuid.UUID(session["session_id"]).version == 5
    assert session["update_time"] == START_US + 2
    found = listed(ready, "message")
    assert [m["message_id"] for m in found] == ["000000", "000001", "000002"]
    assert [m["create_time"] for m in found] == [START_US, START_US + 1, START_US + 2]
    assert [(m["role"], m["content"]) for m in found] == [("user", "hi"), ("assistant", None), ("x", "")]


def test_session_ids_and_users_are_taken_from_the_conversation_or_options(ready: Cli) -> None:
    ready.ok(
        *OPENAI,
        "--start-time",
        START,
        stdin=jsonl(
            {"user_id": "u1", "session_id": "s", "conversation_id": "c", "id": "i", "messages": []},
            {"user_id": "u2", "conversation_id": "7", "id": "i", "messages": []},
            {"user_id": "u3", "id": "i", "messages": []},
        ),
    )
    found = [(s["user_id"], s["session_id"], s["metadata"]) for s in listed(ready, "session")]
    assert found == [("u1", "s", {"conversation_id": "c", "id": "i"}), ("u2", "7", {"id": "i"}), ("u3", "i", {})]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("create_time", START_US),
        ("timestamp", START_US),
        *(("created_at", time) for time in (START_US // 1000, START_US // 10**6, START_US * 1000, START_US / 10**6)),
        *(("created_at", time) for time in (START, "2026-01-01T00:00:00+00:00")),
    ],
)
def test_times_of_messages_are_read_in_any_unit(ready: Cli, key: str, value: object) -> None:
    data = jsonl({"id": "s", "messages": [{"role": "user", key: value, "message_id": "m"}]})
    ready.ok(*OPENAI, "--user", "u", stdin=data)
    (message,) = listed(ready, "message")
    assert (message["create_time"], message["message_id"], message["metadata"]) == (START_US, "m", {})
    assert listed(ready, "session")[0]["update_time"] == START_US


def test_the_start_time_is_reported_once_and_only_if_messages_lack_times(ready: Cli) -> None:
    """The file is read twice."""
    own = {"id": "s", "messages": [{"role": "user", "timestamp": 1}]}
    Path("own").write_bytes(jsonl(own))
    assert "" == ready.ok(*OPENAI, "own", "--user", "u").err
    for more in ({"id": "t", "messages": [{"role": "user"}, {"role": "user"}]}, {"id": "v", "messages": []}):
        Path("some").write_bytes(jsonl(own, more))
        assert 1 == ready.ok(*OPENAI, "some", "--user", "u").err.count("--start-time")


def test_odd_keys_and_values_are_kept(ready: Cli) -> None:
    calls = [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]
    unnamed = {"session_id": "mine", "#b": 1, "": {"deep": [None]}, "_json": "x", "a,b": [2]}
    values = {"n": 1.0, "big": 2**70, "flag": False, "none": None, "price-2": 5, "价格,": "x"}
    content = [{"type": "text", "text": "hi 退款"}]
    message = {"role": "assistant", "content": content, "tool_calls": calls, **unnamed, **values}
    ready.ok(*OPENAI, "--user", "u", "--start-time", START, stdin=jsonl({"id": "s", "#k": [], "messages": [message]}))

    (found,) = listed(ready, "message")
    metadata = found["metadata"]
    assert set(metadata["_json"].split(",")) == {"content", "tool_calls", "big", "_other"}
    assert json.loads(found["content"]) == content
    assert "退款" in found["content"]
    assert [calls, 2**70, unnamed] == [json.loads(metadata[name]) for name in ("tool_calls", "big", "_other")]
    assert (metadata["n"], metadata["flag"], "none" in metadata) == (1.0, False, False)
    assert (metadata["price-2"], metadata["价格,"]) == (5, "x")
    assert json.loads(listed(ready, "session")[0]["metadata"]["_other"]) == {"#k": []}


def test_content_that_is_not_text_is_kept_as_it_is(ready: Cli) -> None:
    data = jsonl({"id": "s", "messages": [{"role": "tool", "content": 5, "search_content": True}]})
    ready.ok(*OPENAI, "--user", "u", "--start-time", START, stdin=data)
    (found,) = listed(ready, "message")
    assert (found["content"], found["search_content"]) == (None, None)
    assert found["metadata"] == {"content": 5, "search_content": True}
    before = ready.export()
    ready.ok("import", stdin=before)
    assert ready.export() == before


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
names = texts | st.sampled_from(["role", "content", "id", "_json", "_other", "metadata", "name", "user_id"])
numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=2),
    max_leaves=4,
)
objects = st.dictionaries(names, values, max_size=4)


def leaves(value: object) -> Iterator[object]:
    """Yield the scalar values inside a value. JSON in text is searched too."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    elif value is not None:
        yield value
        if isinstance(value, str) and value[:1] in ("{", "[", "-", *"0123456789"):
            try:
                yield from leaves(json.loads(value))
            except ValueError:
                return


def typed(values: Iterator[object]) -> set[tuple[type, str]]:
    """Return a value that tells 1, 1.0, true and -0.0 apart in comparisons."""
    return {(type(value), repr(value)) for value in values}


@settings(max_examples=40)
@given(st.lists(st.tuples(objects, st.lists(objects, max_size=3)), max_size=3))
def test_every_value_of_the_input_is_found_in_the_export(
    conversations: list[tuple[dict[str, Any], list[dict[str, Any]]]],
) -> None:
    given_in = [
        {
            **{k: v for k, v in rest.items() if k != "metadata"},
            "session_id": f"s{n}",
            "messages": [{**each, "role": "user"} for each in said],
        }
        for n, (rest, said) in enumerate(conversations)
    ]
    source = ImportSource(io.BytesIO(jsonl(*given_in)), "openai", Conversion("u", START_US))
    try:
        exported = typed(leaves([json.loads(export_line(each.item)) for each in read_records(source)]))
    except InvalidInput as error:
        assert "same id and the same time" in error.message  # noqa: PT017 - only some inputs are refused
        return
    assert typed(leaves(given_in)) - exported == set()
