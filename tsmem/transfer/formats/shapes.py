"""Recognise JSON values of formats that `import` cannot read, so that its errors name them and say what to do.

The keys of each format are those of its own documentation and of files that its tool wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tsmem.errors import InvalidInput
from tsmem.store.documents import brief

READABLE = (
    'import reads tsmem exports, and with --format openai conversations such as {"messages": [{"role": "user", '
    '"content": "hi"}]}; convert the file to one of them'
)
PIPE = "FILE | tsmem import --format openai --user USER"
_MAX_KEYS = 8
CONVERSATIONS = (
    ("a ChatGPT data export", "mapping"),
    ("a claude.ai data export", "chat_messages"),
    ("an Open WebUI export", "chat.history"),
    ("a LibreChat export", "messages.isCreatedByUser"),
    ("a ShareGPT file", "conversations.from", "conversation.from"),
    ("a file of conversations under 'conversations'", "conversations.messages"),
    ("a Hugging Face chat data set", "conversation.role"),
    ("a Gemini CLI session", "projectHash"),
    ("a Gemini request", "contents"),
    ("a Google ADK session", "appName events"),
    ("a Claude Code transcript", "sessionId uuid", "leafUuid summary", "messageId snapshot"),
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
"""Conversations of other formats: a name, and the sets of paths of which one leads to values throughout. A path is keys
joined by dots; a list stands for its first element."""
MESSAGES = (
    ("a ShareGPT message", "from value"),
    ("a LangChain message", "data.content type", "lc kwargs", "additional_kwargs type"),
    ("a LlamaIndex message", "blocks.block_type"),
    ("a Vercel AI SDK message", "parts.type"),
    ("a Gemini message", "parts role", "parts.text"),
    ("a Spring AI message", "messageType"),
    ("a LibreChat export", "isCreatedByUser"),
)


def find_shape(value: Mapping[str, object], shapes: Iterable[Sequence[str]]) -> str | None:
    for name, *sets in shapes:
        for paths in map(str.split, sets):
            if all(_has_path(value, path) for path in paths):
                return f"{name} (it has {' and '.join(paths)})"
    return None


def _has_path(value: object, path: str) -> bool:
    for key in path.split("."):
        if isinstance(value, list) and value:
            value = value[0]
        if not isinstance(value, dict) or key not in value:
            return False
        value = value[key]
    return True


def foreign_error(
    value: Mapping[str, object], shapes: Iterable[Sequence[str]], *, in_array: bool
) -> InvalidInput | None:
    if (shape := find_shape(value, shapes)) is None:
        return None
    hint = messages_hint(value, in_array=in_array) or READABLE
    return InvalidInput(f"this looks like {shape}, which import cannot read", hint=hint)


def key_names(value: Mapping[str, object]) -> str:
    names = [brief(name) for name in value]
    more = f" and {len(names) - _MAX_KEYS} more" if len(names) > _MAX_KEYS else ""
    return (", ".join(names[:_MAX_KEYS]) or "none") + more


def messages_hint(value: Mapping[str, object], *, in_array: bool) -> str | None:
    """Return where the messages of a value are, with the jq command that takes them from there. None if messages are in
    several places: none of them has the whole conversation."""
    if any(isinstance(inner, dict) and _is_chat_message(inner) for inner in value.values()):
        return None
    paths = [*_message_paths(value, depth=3)]
    if len(paths) != 1:
        return None
    path, each = paths[0], ".[] | " if in_array else ""
    if path.endswith("[]"):
        return f"its conversations are under {path[:-2]}: jq -c '{each}.{path}' {PIPE}"
    own_id = "id, " if isinstance(value.get("id"), str) else ""
    return f"its messages are under {path}: jq -c '{each}{{{own_id}messages: .{path}}}' {PIPE}"


def _message_paths(value: Mapping[str, object], depth: int) -> Iterator[str]:
    """Yield the paths of lists of messages, in jq's notation; those of lists of conversations end in `[]`."""
    for key, inner in value.items():
        if not re.fullmatch(r"[A-Za-z_]\w*", key, re.ASCII):
            continue
        first = inner[0] if isinstance(inner, list) and inner else None
        if isinstance(first, dict):
            if _is_chat_message(first):
                yield key
            elif isinstance(first.get("messages"), list):
                yield f"{key}[]"
        elif isinstance(inner, dict) and depth:
            yield from (f"{key}.{path}" for path in _message_paths(inner, depth - 1))


def _is_chat_message(value: Mapping[str, object]) -> bool:
    return isinstance(value.get("role"), str) and "content" in value
