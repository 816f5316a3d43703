"""Compare two conversations, such as a good and a bad run of the same task, for `tsmem diff`.

Ids and times always differ between two runs, so they are not compared: two messages are equal if they have the same
role, content, tool calls and other metadata. Messages are aligned in two steps: first the longest runs of equal
messages are found; between them, messages of the same kind (role, and names of the tools) are paired as changed.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import NamedTuple, TypeVar

from tsmem.store.documents import item_document
from tsmem.store.model import Message, Session
from tsmem.store.tool_calls import CALL_KEYS, ToolCall, tool_calls

IDENTIFIERS = ("tool_call_id", "_json")
"""Metadata that names a call, or says which values are JSON: it says nothing about the conversation."""
MAX_EXACT = 1_000
"""Longest conversation in which every message counts for the alignment. In longer ones, messages that are very frequent
are not used to find equal runs, because that would take quadratic time."""
Key = TypeVar("Key", bound=Hashable)


class ValueDifference(NamedTuple):
    """A value that two conversations have under the same name: metadata, or an argument of a tool call."""

    name: str
    first: str | None
    """The value as JSON; None if it is absent."""
    second: str | None


class CallDifference(NamedTuple):
    tool: str
    arguments: Sequence[ValueDifference]


@dataclass(frozen=True)
class MessageDifference:
    first: Message | None
    """None if only the second conversation has the message."""
    second: Message | None
    metadata: Sequence[ValueDifference] = ()
    """Metadata that a changed message has with two values."""
    calls: Sequence[CallDifference] = ()
    """Tool calls of a changed message that have other arguments."""


@dataclass(frozen=True)
class ConversationDifferences:
    metadata: Sequence[ValueDifference]
    """Metadata of the two sessions that differs."""
    parts: Sequence[MessageDifference | int]
    """The differences in order; a number stands for so many equal messages."""

    @property
    def differences(self) -> list[MessageDifference]:
        return [part for part in self.parts if not isinstance(part, int)]

    @property
    def equal(self) -> int:
        return sum(part for part in self.parts if isinstance(part, int))


def compare_conversations(
    first: Sequence[Message],
    second: Sequence[Message],
    sessions: tuple[Session | None, Session | None] = (None, None),
) -> ConversationDifferences:
    """Compare messages, and the metadata of their sessions as far as these are known."""
    parts: list[MessageDifference | int] = []
    for is_equal, left, right in _blocks([*map(_said, first)], [*map(_said, second)]):
        if is_equal:
            parts.append(len(left))
        else:
            parts += _changes([first[at] for at in left], [second[at] for at in right])
    ours, theirs = ({} if session is None else _as_json(session) for session in sessions)
    return ConversationDifferences(_value_differences(ours, theirs), parts)


def _blocks(first: Sequence[Key], second: Sequence[Key]) -> Iterator[tuple[bool, range, range]]:
    """Yield the blocks of an alignment: True if both sides are equal, and the positions on each side."""
    matcher = SequenceMatcher(None, first, second, autojunk=max(len(first), len(second)) > MAX_EXACT)
    for tag, start, end, other_start, other_end in matcher.get_opcodes():
        yield tag == "equal", range(start, end), range(other_start, other_end)


def _changes(first: Sequence[Message], second: Sequence[Message]) -> Iterator[MessageDifference]:
    for is_pair, ours, theirs in _blocks([*map(_kind, first)], [*map(_kind, second)]):
        if is_pair:
            yield from (_changed(first[at], second[to]) for at, to in zip(ours, theirs, strict=True))
        else:
            yield from (MessageDifference(first[at], None) for at in ours)
            yield from (MessageDifference(None, second[to]) for to in theirs)


def _changed(first: Message, second: Message) -> MessageDifference:
    calls = [
        CallDifference(call.name, arguments)
        for call, other in zip(_calls(first), _calls(second), strict=True)
        if (arguments := _value_differences(_arguments(call), _arguments(other)))
    ]
    return MessageDifference(first, second, _value_differences(_other_metadata(first), _other_metadata(second)), calls)


def _said(message: Message) -> Hashable:
    calls = tuple((call.name, tuple(sorted(_arguments(call).items()))) for call in _calls(message))
    return message.role, message.content, message.search_content, calls, tuple(sorted(_other_metadata(message).items()))


def _kind(message: Message) -> Hashable:
    return message.role, str(message.metadata.get("name")), tuple(call.name for call in _calls(message))


def _calls(message: Message) -> list[ToolCall]:
    return [call for calls in tool_calls(message.metadata).values() for call in calls]


def _arguments(call: ToolCall) -> dict[str, str]:
    if isinstance(call.arguments, str):
        return {"": call.arguments}
    return {name: json.dumps(value, ensure_ascii=False) for name, value in call.arguments.items()}


def _other_metadata(message: Message) -> dict[str, str]:
    excluded = {*IDENTIFIERS, *(CALL_KEYS if _calls(message) else ())}
    return {key: value for key, value in _as_json(message).items() if key not in excluded}


def _as_json(item: Session | Message) -> dict[str, str]:
    """Return the metadata, each value as JSON."""
    values: dict[str, object] = item_document(item)["metadata"]
    return {key: json.dumps(value, ensure_ascii=False) for key, value in values.items()}


def _value_differences(first: Mapping[str, str], second: Mapping[str, str]) -> list[ValueDifference]:
    names = dict.fromkeys((*first, *second))
    found = (ValueDifference(name, first.get(name), second.get(name)) for name in names)
    return [each for each in found if each.first != each.second]
