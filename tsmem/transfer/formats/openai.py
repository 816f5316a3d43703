"""Check conversations in OpenAI's chat format: an object with a list of `messages`. Each message has a `role`, or is an
item of the Responses API with one of the types in `ITEM_TYPES`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tsmem.errors import InvalidInput
from tsmem.transfer.formats import shapes

# Types of items in the Responses API that have no `role`.
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
_FOREIGN_CONTENT_KEYS = frozenset(("parts", "blocks", "text", "value", "message"))


def read_conversation(value: object) -> dict[str, Any]:
    if error := conversation_error(value):
        raise error
    assert isinstance(value, dict)
    return value


def conversation_error(value: object) -> InvalidInput | None:
    """Return the error for a value that is not a conversation. It names the value's format if that is known."""
    if not isinstance(value, dict):
        return InvalidInput(
            "this is not a conversation, which is an object with a list 'messages'", hint=shapes.READABLE
        )
    if value.get("kind") in ("tsmem", "session", "message") and "messages" not in value:
        return InvalidInput("this looks like a tsmem export", hint="leave out --format openai, --user and --start-time")
    messages = value.get("messages")
    if isinstance(messages, list):
        errors = (_message_error(number, message) for number, message in enumerate(messages))
        error = next(filter(None, errors), None)
    elif is_message(value):
        error = single_message_error("this is one message; a conversation has a list 'messages'")
    else:
        error = InvalidInput(
            f"this conversation has no list 'messages'; its keys are {shapes.key_names(value)}",
            hint=shapes.READABLE,
        )
    return error and (shapes.foreign_error(value, shapes.CONVERSATIONS) or error)


def is_message(value: Mapping[str, object]) -> bool:
    kind = value.get("type")
    return isinstance(value.get("role"), str) or (isinstance(kind, str) and kind in ITEM_TYPES)


def single_message_error(text: str) -> InvalidInput:
    join = "jq -s . FILE | tsmem import --format openai --user USER"
    return InvalidInput(text, hint=f"put the messages of a conversation into one list: {join}")


def _message_error(number: int, message: object) -> InvalidInput | None:
    if not isinstance(message, dict):
        return InvalidInput(f"message {number} is not an object", hint=shapes.READABLE)
    if is_message(message) and message.get("content") is not None:
        return None
    if foreign := shapes.foreign_error(message, shapes.CONVERSATIONS):
        return foreign
    if foreign := shapes.foreign_error(message, shapes.MESSAGES, f"message {number}"):
        return foreign
    if is_message(message) and message.keys().isdisjoint(_FOREIGN_CONTENT_KEYS):
        return None
    what = "content" if is_message(message) else "role"
    return InvalidInput(
        f"message {number} has no {what}; its keys are {shapes.key_names(message)}", hint=shapes.READABLE
    )
