"""The parts of a message in a shared document: speech, code and metadata."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from tsmem.render.json_text import call_line, call_lines, pretty_lines
from tsmem.render.result import Conversation, Options
from tsmem.render.text import visible, visible_id
from tsmem.render.transcript import FOLDED_ROLES
from tsmem.render.values import iso_time, metadata_pairs, size
from tsmem.store.model import Message, Session
from tsmem.store.tool_calls import parsed_json, tool_calls
from tsmem.words import quantity

MAX_OPEN_LINES = 12
MAX_OPEN_CHARACTERS = 2_000
LINE_WIDTH = 100


class Block(NamedTuple):
    kind: Literal["speech", "json", "call", "text", "metadata"]
    text: str
    """Safe to show, but not escaped for Markdown or HTML."""
    summary: str | None = None
    """The words that stand for a long block until the reader opens it; None for a block that is always open."""


def message_blocks(message: Message) -> Iterator[Block]:
    """Yield the content, the tool calls and the other metadata of a message. Tool output and system prompts are folded
    if they are long; what people and models say is not."""
    calls_by_key = tool_calls(message.metadata)
    content = message.content
    if content:
        parsed = parsed_json(content)
        if parsed is not None:
            yield _folded(Block("json", "\n".join(pretty_lines(parsed, LINE_WIDTH))), content)
        elif message.role in FOLDED_ROLES:
            yield _folded(Block("text", content), content)
        else:
            yield Block("speech", visible(content, keep_newlines=True))
    elif content == "" or not calls_by_key:
        yield Block("metadata", "(no content)" if content is None else "(empty)")
    for call in (call for calls in calls_by_key.values() for call in calls):
        yield _folded(Block("call", "\n".join(call_lines(call, LINE_WIDTH))), call_line(call))
    rest = metadata_pairs(message.metadata, limit=None, excluded_keys={"_json", "name", *calls_by_key})
    if rest:
        yield Block("metadata", rest)


def _folded(block: Block, stored: str) -> Block:
    text = visible(block.text, keep_newlines=True)
    is_long = len(text) > MAX_OPEN_CHARACTERS or text.count("\n") >= MAX_OPEN_LINES
    summary = f"{block.kind}, {size(len(stored.encode(errors='surrogatepass')))}" if is_long else None
    return block._replace(text=text, summary=summary)


def title_of(conversation: Conversation) -> str:
    session, messages = conversation.session, conversation.messages
    session_id = session.session_id if session is not None else messages[0].session_id
    return f"session {visible_id(session_id)}"


def facts_of(conversation: Conversation, options: Options) -> Iterator[str]:
    """Yield the user, the number of messages, their time, and the session's metadata, as far as they are known."""
    session, messages = conversation.session, conversation.messages
    if session is not None:
        yield f"user {visible_id(session.user_id)}"
    yield quantity(len(messages), "message") + (" shown" if conversation.left_out else "")
    if messages:
        first, last = (iso_time(each.create_time, options.timezone) for each in (messages[0], messages[-1]))
        yield first if first == last else f"{first} to {last}"
    if session is not None and (metadata := _session_metadata(session)):
        yield metadata


def _session_metadata(session: Session) -> str:
    metadata = dict(session.metadata)
    if session.search_content is not None:
        metadata["search_content"] = session.search_content
    return metadata_pairs(metadata, limit=None)


def speaker(message: Message) -> str:
    """Return the role of a message, and for the output of a tool the tool's name."""
    tool = message.metadata.get("name")
    role = "(no role)" if message.role is None else visible_id(message.role)
    return f"{role} {visible_id(tool)}" if message.role == "tool" and isinstance(tool, str) else role
