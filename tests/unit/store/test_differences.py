from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tsmem.store import Message, Metadata, Session
from tsmem.store.differences import CallDifference, MessageDifference, ValueDifference, compare_conversations

ROLES = ("user", "assistant", "tool")
CONVERSATION = st.lists(st.tuples(st.sampled_from(ROLES), st.sampled_from("abc")), max_size=8).map(
    lambda said: [Message("s", f"{n}", n, role, content) for n, (role, content) in enumerate(said)]
)


def call(tool: str, **arguments: object) -> Message:
    function = {"name": tool, "arguments": json.dumps(arguments)}
    return Message("s", "m", 1, "assistant", None, None, Metadata({"tool_calls": json.dumps([{"function": function}])}))


@given(CONVERSATION, CONVERSATION)
def test_each_message_is_equal_changed_or_on_one_side(first: list[Message], second: list[Message]) -> None:
    comparison = compare_conversations(first, second)
    ours: list[Message] = []
    theirs: list[Message] = []
    for part in comparison.parts:
        if isinstance(part, int):
            ours += first[len(ours) : len(ours) + part]
            theirs += second[len(theirs) : len(theirs) + part]
            assert [(m.role, m.content) for m in ours[-part:]] == [(m.role, m.content) for m in theirs[-part:]]
        else:
            ours += [] if part.first is None else [part.first]
            theirs += [] if part.second is None else [part.second]
            if part.first is not None and part.second is not None:
                assert part.first.role == part.second.role
                assert part.first.content != part.second.content
    assert (first, second) == (ours, theirs)


@given(CONVERSATION)
def test_ids_times_and_call_ids_are_not_compared(said: list[Message]) -> None:
    moved = [
        replace(
            each, session_id="other", message_id=f"x{n}", create_time=n, metadata=Metadata({"tool_call_id": f"{n}"})
        )
        for n, each in enumerate(said)
    ]
    assert [len(said)] * bool(said) == [*compare_conversations(said, moved).parts]


def test_tool_calls_are_compared_argument_by_argument() -> None:
    first, second = call("book", seat=1, meal="no", day="1"), call("book", seat=2, meal="no", note=[1])
    (part,) = compare_conversations([first], [second]).parts
    assert part == MessageDifference(
        first,
        second,
        [],
        [
            CallDifference(
                "book",
                [
                    ValueDifference("seat", "1", "2"),
                    ValueDifference("day", '"1"', None),
                    ValueDifference("note", None, "[1]"),
                ],
            )
        ],
    )


def test_calls_of_different_tools_are_not_paired() -> None:
    first, second = call("book", seat=1), call("cancel", seat=1)
    assert [MessageDifference(first, None), MessageDifference(None, second)] == [
        *compare_conversations([first], [second]).parts
    ]


def test_metadata_of_messages_and_sessions_is_compared() -> None:
    first, second = (Message("s", "m", 1, "user", "x", None, Metadata({"k": value, "b": b"1"})) for value in (1, True))
    sessions = (Session("u", "s", 1, None, Metadata({"reward": 0.0})), Session("u", "t", 2, None, Metadata({})))
    comparison = compare_conversations([first], [second], sessions)
    assert [ValueDifference("reward", "0.0", None)] == comparison.metadata
    (part,) = comparison.differences
    assert [ValueDifference("k", "1", "true")] == part.metadata
