"""A conversation as text to be read: whose it is, how long it is and when it was, then message after message.

`transcript_writer.py` writes one message; here is what stands round them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tsmem.render.cells import fit, space_after, width, wrap
from tsmem.render.options import Options
from tsmem.render.palette import Palette
from tsmem.render.result import Conversation, LiveTail
from tsmem.render.text import visible_id
from tsmem.render.transcript_writer import TranscriptWriter, aside
from tsmem.render.values import age, duration, iso_time, local_time
from tsmem.store.model import Message

_SECOND = 1_000_000


def conversation_lines(conversation: Conversation, options: Options) -> Iterator[str]:
    """The session's header, then every message."""
    yield from _header(conversation, options)
    teller = TranscriptWriter(options, full=conversation.full, markdown=conversation.markdown)
    for message in conversation.messages:
        yield ""
        yield from teller.tell(message)


def tail_lines(tail: LiveTail, options: Options) -> Iterator[str]:
    """The session's name, then every message in one piece: what is told while it comes in must not stop half told."""
    palette, empty = Palette(options), True
    yield "\n".join(_painted(palette, "bold", [f"session {visible_id(tail.session_id)}"], options))
    teller = TranscriptWriter(options, full=tail.full)
    for message in tail.messages:
        empty = False
        yield "\n".join(("", *teller.tell(message)))
    if empty:
        yield palette.paint("dim", "nothing to show")


def _header(conversation: Conversation, options: Options) -> Iterator[str]:
    palette, session, messages = Palette(options), conversation.session, conversation.messages
    session_id = session.session_id if session is not None else messages[0].session_id if messages else None
    if session_id is not None:
        yield from _painted(palette, "bold", [f"session {visible_id(session_id)}"], options)
    facts = [] if session is None else [f"user {visible_id(session.user_id)}"]
    count = len(messages)
    facts.append(f"{count:,} message{'' if count == 1 else 's'}" if count else "no messages")
    facts.extend(_span(messages, options))
    yield from _painted(palette, "dim", _joined(facts, f" {palette.dot} ", options.width), options)
    if session is not None and (session.metadata or session.search_content is not None):
        yield from _painted(
            palette, "dim", [aside(session, session.metadata, options, full=conversation.full)], options
        )
    if conversation.earlier:
        yield ""
        yield palette.paint(
            "dim", fit(f"{palette.ellipsis} earlier messages left out", options.width or 80, palette.ellipsis)
        )


def _span(messages: Sequence[Message], options: Options) -> Iterator[str]:
    if not messages:
        return
    first, last = messages[0].create_time, messages[-1].create_time
    if options.width is None:
        yield f"{iso_time(first, options.timezone)} to {iso_time(last, options.timezone)}"
        return
    yield local_time(first, options.timezone, 0)
    if last - first >= _SECOND:
        yield f"over {duration(last - first)}"
    yield age(last, options.now_us)


def _joined(facts: Sequence[str], between: str, room: int | None) -> Iterator[str]:
    """The facts on one line, or on more where there is no room, none of them broken."""
    line = facts[0]
    for fact in facts[1:]:
        if room is not None and width(line + between + fact) > room:
            yield line
            line = fact
        else:
            line += between[:-1] + space_after(line, 1) + fact
    yield line


def _painted(palette: Palette, style: str, texts: Iterable[str], options: Options) -> Iterator[str]:
    for text in texts:
        lines = [text] if options.width is None else wrap(text, options.width)
        yield from (palette.paint(style, line) for line in lines)
