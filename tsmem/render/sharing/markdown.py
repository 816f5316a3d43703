"""A conversation as Markdown (GitHub's), with a heading for each message.

Speech is a quotation in which every character with a meaning in Markdown is escaped: it cannot forge a heading, load
an image or notify a user. Everything else is code between fences that are longer than any in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tsmem.render.result import Conversation, Options
from tsmem.render.sharing.blocks import Block, facts_of, message_blocks, speaker, title_of
from tsmem.render.text import visible_id
from tsmem.render.transcript import left_out_words
from tsmem.render.values import iso_time

_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "@": "&#64;"}
_SIGN = re.compile(r"[\\`*_\[\]#|~$!<>&@]")
_LINE_START = re.compile(r"([-+=]|\d{1,9}(?=[.)]))")
"""The beginning of a line that Markdown takes for a list item or an underline. `\\` before it, or before the dot,
prevents that."""
_LANGUAGES = {"json": "json", "call": "python", "text": "text"}


def shared_markdown(conversation: Conversation, options: Options) -> Iterator[str]:
    yield f"# {_escaped(title_of(conversation))}"
    yield ""
    yield " · ".join(map(_escaped, facts_of(conversation, options)))
    for position, message in enumerate(conversation.messages):
        if position in conversation.left_out:
            yield from ("", f"*{left_out_words(conversation, position)}*")
        time = iso_time(message.create_time, options.timezone)
        yield ""
        yield f"## {_escaped(speaker(message))} · {time} · {_escaped(visible_id(message.message_id))}"
        for block in message_blocks(message):
            yield ""
            yield from _block_lines(block)
    if (end := len(conversation.messages)) in conversation.left_out:
        yield from ("", f"*{left_out_words(conversation, end)}*")


def _block_lines(block: Block) -> Iterator[str]:
    if block.kind == "speech":
        lines = [_speech_line(line) for line in block.text.split("\n")]
        for line, following in zip(lines, [*lines[1:], ""], strict=True):
            yield f"> {line}\\" if line and following else f"> {line}".rstrip()
    elif block.kind == "metadata":
        yield _speech_line(block.text)
    else:
        longest = max(map(len, re.findall("`+", block.text)), default=0)
        fence = "`" * max(3, longest + 1)
        lines = [f"{fence}{_LANGUAGES[block.kind]}", *block.text.split("\n"), fence]
        if block.summary is not None:
            lines = [f"<details><summary>{block.summary}</summary>", "", *lines, "", "</details>"]
        yield from lines


def _speech_line(line: str) -> str:
    text = line.lstrip(" ")
    indent = "&nbsp;" * (len(line) - len(text))
    start = _LINE_START.match(text)
    if start is None:
        return indent + _escaped(text)
    at = start.end() if start.group()[0].isdigit() else 0
    return f"{indent}{text[:at]}\\{text[at]}{_escaped(text[at + 1 :])}"


def _escaped(text: str) -> str:
    return _SIGN.sub(lambda sign: _ENTITIES.get(sign.group(), f"\\{sign.group()}"), text)
