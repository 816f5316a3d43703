"""Recognise the formats that `import` cannot read, so that its errors can name them and say what to do.

The keys of each format come from its documentation and from files that its tool wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tsmem.errors import InvalidInput
from tsmem.store.documents import brief

READABLE = (
    'import reads tsmem exports and, with --format openai, conversations such as {"messages": [{"role": "user", '
    '"content": "hi"}]}; convert the file to one of these'
)
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
"""Conversations of other formats: a name, then texts of which at least one must fit. A text is a list of paths that the
value has, separated by spaces. A path is keys joined by dots, and goes into the first element of a list."""
MESSAGES = (
    ("a ShareGPT message", "from value"),
    ("a LangChain message", "data.content type", "lc kwargs", "additional_kwargs type"),
    ("a LlamaIndex message", "blocks.block_type"),
    ("a Vercel AI SDK message", "parts.type"),
    ("a Gemini message", "parts role", "parts.text"),
    ("a Spring AI message", "messageType"),
    ("a LibreChat export", "isCreatedByUser"),
)


def foreign_error(
    value: Mapping[str, object], shapes: Iterable[Sequence[str]], what: str = "this"
) -> InvalidInput | None:
    """Return the error for a value that has one of the shapes, or None. The error calls the value `what`."""
    for name, *alternatives in shapes:
        for paths in map(str.split, alternatives):
            if all(_has_path(value, path) for path in paths):
                shape = f"{name} (it has {' and '.join(paths)})"
                return InvalidInput(f"{what} looks like {shape}, which import cannot read", hint=READABLE)
    return None


def _has_path(value: object, path: str) -> bool:
    for key in path.split("."):
        if isinstance(value, list) and value:
            value = value[0]
        if not isinstance(value, dict) or key not in value:
            return False
        value = value[key]
    return True


def key_names(value: Mapping[str, object]) -> str:
    names = [brief(name) for name in value]
    more = f" and {len(names) - _MAX_KEYS} more" if len(names) > _MAX_KEYS else ""
    return (", ".join(names[:_MAX_KEYS]) or "none") + more
