"""What the values of an import look like: check that they are conversations in the OpenAI format, and name the tool
that wrote what is none.

`openai.py` checks each conversation here before it makes rows of it. `records.py` asks for the look of a line that is
no tsmem record. The keys of each format are those of its own documentation and of files that its tool wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tsmem.errors import InvalidInput
from tsmem.store.documents import brief

ITEM_TYPES = frozenset(
    (
        *("reasoning", "compaction", "item_reference", "web_search_call", "file_search_call", "code_interpreter_call"),
        *("image_generation_call", "mcp_call", "mcp_list_tools", "mcp_approval_request", "mcp_approval_response"),
        *(
            f"{tool}{end}"
            for tool in ("function", "custom_tool", "computer", "local_shell", "shell", "apply_patch")
            for end in ("_call", "_call_output")
        ),
    )
)
"""Types of the items of OpenAI's Responses API that have no role."""
_IS_OPENAI = "this looks like conversations in the OpenAI format"
_OPENAI = "add --format openai --user USER"
_FORMAT = (
    'import reads tsmem exports, and with --format openai conversations such as {"messages": [{"role": "user", '
    '"content": "hi"}]}; convert the file to one of them'
)
_PIPE = "FILE | tsmem import --format openai --user USER"
_JOIN = f"put the messages of a conversation into one list: jq -s . {_PIPE}"
_OTHER_CONTENT = frozenset(("parts", "blocks", "text", "value", "message"))
"""Where other formats have what a message says, instead of `content`."""
_MAX_KEYS = 8
"""Keys that an error names."""


class _Shape(NamedTuple):
    name: str
    paths: tuple[str, ...]
    """All of these lead to a value: keys with dots between them, and into the first element of a list."""

    def __str__(self) -> str:
        return f"{self.name} (it has {' and '.join(self.paths)})"


_CONVERSATION_SHAPES = tuple(
    _Shape(name, tuple(paths.split()))
    for name, paths in (
        ("a ChatGPT data export", "mapping"),
        ("a claude.ai data export", "chat_messages"),
        ("an Open WebUI export", "chat.history"),
        ("a LibreChat export", "messages.isCreatedByUser"),
        ("a ShareGPT file", "conversations.from"),
        ("a ShareGPT file", "conversation.from"),
        ("a file of conversations under 'conversations'", "conversations.messages"),
        ("a Hugging Face chat data set", "conversation.role"),
        ("a Gemini CLI session", "projectHash"),
        ("a Gemini request", "contents"),
        ("a Google ADK session", "appName events"),
        ("a Claude Code transcript", "sessionId uuid"),
        ("a Claude Code transcript", "leafUuid summary"),
        ("a Claude Code transcript", "messageId snapshot"),
        ("a Codex CLI session", "payload type"),
        ("a LangGraph state", "values.messages"),
        ("an answer of Alibaba Cloud's memory store", "session.messages"),
        ("an OpenAI preference file", "preferred_output"),
        ("a preference file", "chosen rejected"),
        ("an instruction file (Alpaca)", "instruction output"),
        ("an OpenAI batch request", "custom_id body"),
        ("an OpenAI batch answer", "custom_id response"),
        ("an OpenAI chat completion", "choices.message"),
        ("an OpenAI response", "object output.type"),
        ("an Ollama answer", "message done"),
        ("a Langfuse trace", "sessionId input output"),
        ("a DashScope request", "input.messages parameters"),
    )
)
_MESSAGE_SHAPES = tuple(
    _Shape(name, tuple(paths.split()))
    for name, paths in (
        ("a ShareGPT message", "from value"),
        ("a LangChain message", "data.content type"),
        ("a LangChain message", "lc kwargs"),
        ("a LangChain message", "additional_kwargs type"),
        ("a LlamaIndex message", "blocks.block_type"),
        ("a Vercel AI SDK message", "parts.type"),
        ("a Gemini message", "parts role"),
        ("a Gemini message", "parts.text"),
        ("a Spring AI message", "messageType"),
        ("a LibreChat export", "isCreatedByUser"),
    )
)


def checked_conversation(value: object, *, element: int | None = None) -> dict[str, Any]:
    """Return the value, an object with a list of messages, each with a role or an item's type. Raises InvalidInput for
    another value. `element` is its place in the array that it stands in."""
    error = _conversation_error(value, in_array=element is not None)
    if error is not None:
        raise error
    assert isinstance(value, dict)
    return value


def other_format(first: object, *, in_array: bool) -> InvalidInput | None:
    """Return the error for a value that is no tsmem record, where it looks like something known; else None. `in_array`
    tells that it is an element of an array."""
    if not isinstance(first, dict) or "kind" in first:
        return None
    if isinstance(first.get("messages"), list):
        return _conversation_error(first, in_array=in_array) or InvalidInput(_IS_OPENAI, hint=_OPENAI)
    if look := _look(first, _CONVERSATION_SHAPES + _MESSAGE_SHAPES):
        return _foreign(look, first, in_array=in_array)
    if _is_message(first) and in_array:
        return InvalidInput(_IS_OPENAI, hint=_OPENAI)
    if _is_message(first):
        return None if "message_id" in first else InvalidInput("this is one message in the OpenAI format", hint=_JOIN)
    path = _path_to_messages(first)
    return None if path is None else InvalidInput("this is not a tsmem export", hint=_taken(path, first, in_array))


def _conversation_error(value: object, *, in_array: bool) -> InvalidInput | None:
    if not isinstance(value, dict):
        return InvalidInput("a conversation is an object with a list of 'messages'", hint=_FORMAT)
    if value.get("kind") in ("tsmem", "session", "message") and "messages" not in value:
        return InvalidInput("this looks like a tsmem export", hint="leave out --format openai, --user and --start-time")
    messages = value.get("messages")
    if isinstance(messages, list):
        faults = (_message_error(place, message) for place, message in enumerate(messages))
        error = next(filter(None, faults), None)
    elif _is_message(value):
        error = InvalidInput("this is one message; a conversation has a list of 'messages'", hint=_JOIN)
    else:
        error = InvalidInput(
            f"a conversation has a list of 'messages'; the keys here are {_keys(value)}",
            hint=_where_messages_are(value, in_array=in_array),
        )
    if error is not None and (look := _look(value, _CONVERSATION_SHAPES)):
        return _foreign(look, value, in_array=in_array)
    return error


def _message_error(place: int, message: object) -> InvalidInput | None:
    if not isinstance(message, dict):
        return InvalidInput(f"message {place} is not an object", hint=_FORMAT)
    if _is_message(message) and message.get("content") is not None:
        return None
    if look := _look(message, _CONVERSATION_SHAPES):
        return _foreign(look, message, in_array=True)
    if look := _look(message, _MESSAGE_SHAPES):
        return InvalidInput(f"message {place} looks like {look}, which import cannot read", hint=_FORMAT)
    if _is_message(message) and message.keys().isdisjoint(_OTHER_CONTENT):
        return None
    what = "content" if _is_message(message) else "role"
    return InvalidInput(f"message {place} has no {what}; its keys are {_keys(message)}", hint=_FORMAT)


def _is_message(value: Mapping[str, object]) -> bool:
    kind = value.get("type")
    return isinstance(value.get("role"), str) or (isinstance(kind, str) and kind in ITEM_TYPES)


def _foreign(look: _Shape, value: Mapping[str, object], *, in_array: bool) -> InvalidInput:
    hint = _where_messages_are(value, in_array=in_array)
    return InvalidInput(f"this looks like {look}, which import cannot read", hint=hint)


def _look(value: Mapping[str, object], shapes: tuple[_Shape, ...]) -> _Shape | None:
    return next((shape for shape in shapes if all(_leads(value, path) for path in shape.paths)), None)


def _leads(value: object, path: str) -> bool:
    for key in path.split("."):
        if isinstance(value, list) and value:
            value = value[0]
        if not isinstance(value, dict) or key not in value:
            return False
        value = value[key]
    return True


def _keys(value: Mapping[str, object]) -> str:
    names = [brief(name) for name in value]
    more = f" and {len(names) - _MAX_KEYS} more" if len(names) > _MAX_KEYS else ""
    return (", ".join(names[:_MAX_KEYS]) or "none") + more


def _where_messages_are(value: Mapping[str, object], *, in_array: bool) -> str:
    path = _path_to_messages(value)
    return _FORMAT if path is None else _taken(path, value, in_array)


def _taken(path: str, value: Mapping[str, object], in_array: bool) -> str:
    """Return the hint that says how to take messages from where they are."""
    each = ".[] | " if in_array else ""
    if path.endswith("[]"):
        return f"its conversations are under {path[:-2]}: jq -c '{each}.{path}' {_PIPE}"
    own_id = "id, " if isinstance(value.get("id"), str) else ""
    return f"its messages are under {path}: jq -c '{each}{{{own_id}messages: .{path}}}' {_PIPE}"


def _path_to_messages(value: Mapping[str, object]) -> str | None:
    """Return where in a value there is a list of messages, as jq writes it, or of conversations, with [] behind; None
    where messages are in several places, because none of them has the whole conversation."""
    single = any(isinstance(inner, dict) and _is_said(inner) for inner in value.values())
    paths = [*_paths(value, depth=3)]
    return paths[0] if len(paths) == 1 and not single else None


def _paths(value: Mapping[str, object], depth: int) -> Iterator[str]:
    for key, inner in value.items():
        if not re.fullmatch(r"[A-Za-z_]\w*", key, re.ASCII):
            continue
        first = inner[0] if isinstance(inner, list) and inner else None
        if isinstance(first, dict):
            if _is_said(first):
                yield key
            elif isinstance(first.get("messages"), list):
                yield f"{key}[]"
        elif isinstance(inner, dict) and depth:
            yield from (f"{key}.{path}" for path in _paths(inner, depth - 1))


def _is_said(value: Mapping[str, object]) -> bool:
    return isinstance(value.get("role"), str) and "content" in value
