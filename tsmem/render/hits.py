"""Show people the hits of a search: a group for each session, and with each hit the command that opens it.

On a terminal, a hit shows the lines around the text that was found, with that text coloured. In a pipe, messages are
shown whole, as in a transcript.
"""

from __future__ import annotations

from collections.abc import Iterator

from tsmem.render.json_text import call_line
from tsmem.render.result import Conversation, HitGroup, Listing, Options
from tsmem.render.terminal import TOO_LONG, Palette, broken_command, fit, wrap
from tsmem.render.text import ascii_text, visible, visible_id
from tsmem.render.transcript import INDENT, READING_WIDTH, TranscriptWriter, gap_lines
from tsmem.store.model import Message, Session
from tsmem.store.tool_calls import tool_calls
from tsmem.words import quantity

HIT_LINES = 3
NEIGHBOUR_LINES = 1


def hit_lines(listing: Listing, options: Options) -> Iterator[str]:
    assert listing.grouped is not None
    options = options._replace(highlight=listing.highlight)
    messages = [item for item in listing.items if isinstance(item, Message)]
    for number, group in enumerate(listing.grouped(messages)):
        if number:
            yield ""
        yield from _group_lines(group, options)


def _group_lines(group: HitGroup, options: Options) -> Iterator[str]:
    palette, conversation = Palette(options), group.conversation
    writer = TranscriptWriter(options, full=False)
    yield from _title(conversation, options, palette)
    for position, message in enumerate(conversation.messages):
        yield from gap_lines(conversation, position, options)
        yield ""
        is_hit = position in conversation.marked
        if options.width is None:
            yield from writer.lines(message, is_marked=is_hit)
        else:
            has_neighbours = len(conversation.marked) < len(conversation.messages)
            yield writer.heading(message, is_marked=is_hit and has_neighbours)
            yield from _snippet(message, HIT_LINES if is_hit else NEIGHBOUR_LINES, options)
        if position in group.commands:
            room = None if options.width is None else options.width - len(INDENT)
            command = broken_command(group.commands[position], room) or TOO_LONG
            yield from (INDENT + palette.paint("dim", line) for line in command.split("\n"))
    yield from gap_lines(conversation, len(conversation.messages), options)


def _title(conversation: Conversation, options: Options, palette: Palette) -> Iterator[str]:
    session_id = visible_id(conversation.messages[0].session_id)
    facts = [quantity(len(conversation.marked), "hit")]
    if conversation.session is not None:
        facts = [f"user {visible_id(conversation.session.user_id)}", *facts, *_words(conversation.session)]
    text = f" {palette.dot} ".join(facts)
    yield from palette.wrapped("bold", f"session {session_id}")
    yield palette.paint("dim", text if options.width is None else fit(text, options.width, palette.ellipsis))


def _words(session: Session) -> list[str]:
    title = session.metadata.get("title", session.search_content)
    return [visible(title[:READING_WIDTH])] if isinstance(title, str) and title else []


def _snippet(message: Message, max_lines: int, options: Options) -> Iterator[str]:
    """Yield the lines around the first place of the text that was found, or the beginning of the message."""
    palette = Palette(options)
    room = max(1, min(options.width or READING_WIDTH, READING_WIDTH) - len(INDENT))
    text = " ".join(_text_of(message).split())
    found = palette.first_match(text)
    start = 0
    if found is not None and found[0] > room // 2:
        start = found[0] - room // 3
        start = text.find(" ", start, found[0]) + 1 or start  # begin with a whole word, if there are words
    shown = visible(text[start : start + max_lines * room])
    shown = (palette.ellipsis if start else "") + (shown if options.unicode else ascii_text(shown))
    lines = list(wrap(shown, room))
    if len(lines) > max_lines or start + max_lines * room < len(text):
        last = lines[:max_lines][-1]
        lines = [*lines[: max_lines - 1], fit(f"{last} {palette.ellipsis}", room, palette.ellipsis)]
    for line in lines:
        yield INDENT + "".join(palette.paint(style, part) for style, part in palette.highlighted("", line.rstrip(" ")))


def _text_of(message: Message) -> str:
    """Return the content, or what else of the message a search can have found."""
    calls = [call_line(call) for calls in tool_calls(message.metadata).values() for call in calls]
    return message.content or message.search_content or ", ".join(calls) or "(no content)"
