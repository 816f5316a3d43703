"""A conversation as text to be read: whose it is, how long it is and when it was, then message after message.

Only headings and the line of a new day begin at the left edge. Content is indented, so no message can pass itself off
as another speaker's. On a terminal lines wrap under where they began, and what is long is folded, which always says so;
in a pipe nothing is wrapped or folded, and times are whole.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from tsmem.plurals import quantity
from tsmem.render.cells import fit, fit_middle, space_after, width, wrap
from tsmem.render.json_text import outline, parsed_json, tool_calls
from tsmem.render.palette import ROLE_STYLES, Palette
from tsmem.render.result import Conversation, LiveTail, Options
from tsmem.render.text import ascii_text, visible, visible_id
from tsmem.render.values import age, duration, iso_time, local_day, local_time, pairs, size
from tsmem.store.metadata import Metadata
from tsmem.store.model import Message, Session

INDENT = "  "
READING_WIDTH = 100
FOLD_LINES = 12
FOLD_SLACK = 3
"""The least number of lines worth hiding."""
FOLD_CHARACTERS = 20_000
"""Characters that are wrapped before folding: more take too long."""
ASIDE_CHARACTERS = 400
"""The same of metadata, which is cut to two lines."""
_SECOND = 1_000_000
_NAME = re.compile(r"[\w.-]{1,40}\Z")
_BULLET = re.compile(r" *(?:[-*+•] |\d{1,3}[.)] )?")


def conversation_lines(conversation: Conversation, options: Options) -> Iterator[str]:
    yield from _header(conversation, options)
    writer = TranscriptWriter(options, full=conversation.full, markdown=conversation.markdown)
    for message in conversation.messages:
        yield ""
        yield from writer.lines(message)


def tail_lines(tail: LiveTail, options: Options) -> Iterator[str]:
    """Yield the session's id, then every message in one piece, so that none stops in the middle while the next is
    awaited."""
    palette, empty = Palette(options), True
    yield "\n".join(palette.wrapped("bold", f"session {visible_id(tail.session_id)}"))
    writer = TranscriptWriter(options, full=tail.full)
    for message in tail.messages:
        empty = False
        yield "\n".join(("", *writer.lines(message)))
    if empty:
        yield palette.paint("dim", "nothing to show")


def _header(conversation: Conversation, options: Options) -> Iterator[str]:
    palette, session, messages = Palette(options), conversation.session, conversation.messages
    session_id = session.session_id if session is not None else messages[0].session_id if messages else None
    if session_id is not None:
        yield from palette.wrapped("bold", f"session {visible_id(session_id)}")
    line, *facts = _facts(session, messages, options)
    for fact in facts:
        begun = f"{line} {palette.dot}"
        if options.width is not None and width(f"{begun} {fact}") > options.width:
            yield from palette.wrapped("dim", line)
            line = fact
        else:
            line = begun + space_after(begun, 1) + fact
    yield from palette.wrapped("dim", line)
    if session is not None and (session.metadata or session.search_content is not None):
        yield from palette.wrapped("dim", _aside(session, session.metadata, options, full=conversation.full))
    if conversation.earlier:
        yield ""
        note = f"{palette.ellipsis} earlier messages left out"
        yield palette.paint("dim", fit(note, options.width or 80, palette.ellipsis))


def _facts(session: Session | None, messages: Sequence[Message], options: Options) -> Iterator[str]:
    if session is not None:
        yield f"user {visible_id(session.user_id)}"
    if not messages:
        yield "no messages"
        return
    yield quantity(len(messages), "message")
    first, last = messages[0].create_time, messages[-1].create_time
    if options.width is None:
        yield f"{iso_time(first, options.timezone)} to {iso_time(last, options.timezone)}"
        return
    yield local_time(first, options.timezone, 0)
    if last - first >= _SECOND:
        yield f"over {duration(last - first)}"
    yield age(last, options.now_us)


class TranscriptWriter:
    """Formats messages one after the other, and remembers when the last one was."""

    def __init__(self, options: Options, *, full: bool, markdown: bool = False) -> None:
        self._options = options
        self._palette = Palette(options)
        self._full = full
        self._folds = options.width is not None and not full
        self._room = None if options.width is None else max(1, min(options.width, READING_WIDTH) - len(INDENT))
        self._page = self._room or READING_WIDTH
        self._markdown = markdown
        self._last: int | None = None
        self._day: str | None = None

    def lines(self, message: Message) -> Iterator[str]:
        """Yield the day if it has changed, the speaker and the time, the content, calls, and what else is known."""
        day = local_day(message.create_time, self._options.timezone)
        if self._options.width is not None and day is not None and day != self._day:  # in a pipe times have their date
            self._day = day
            rule = self._palette.rule * 2
            yield self._palette.paint("dim", fit(f"{rule} {day} {rule}", self._options.width, self._palette.ellipsis))
            yield ""
        yield self._heading(message, day)
        called = tool_calls(message.metadata)
        if message.content:
            yield from self._content(message.content, message.role)
        elif message.content == "" or not called:
            yield INDENT + self._palette.paint("dim", "(no content)" if message.content is None else "(empty)")
        arrow = f"{self._palette.arrow} "
        for call in (call for calls in called.values() for call in calls):
            shown = "\n".join(call.lines(self._page - len(arrow)))
            yield from self._folded_text(arrow + shown, call.line(), "yellow")
        yield from self._metadata(message, called)
        self._last = message.create_time

    def _heading(self, message: Message, day: str | None) -> str:
        palette, room, time_us = self._palette, self._options.width, message.create_time
        role = "(no role)" if message.role is None else _name(message.role)
        tool = message.metadata.get("name")
        if message.role == "tool" and isinstance(tool, str):
            role += f" {_name(tool)}"
        if room is None:
            facts = [iso_time(time_us, self._options.timezone)]
        else:  # below the line of its day it needs no date
            facts = [local_time(time_us, self._options.timezone, 0)[0 if day is None else 11 :]]
        if self._last is not None and time_us - self._last >= _SECOND:
            facts.append(f"+{duration(time_us - self._last)}")
        facts.append(visible_id(message.message_id))
        between = f" {palette.dot} "
        if room is not None:
            least = room // 3
            taken = width(between.join(facts[:-1])) + len(between) + len(palette.speaks) + 2
            facts[-1] = fit_middle(facts[-1], room - taken - min(width(role), least), palette.ellipsis)
            role = fit(role, max(least, room - taken - width(facts[-1])), palette.ellipsis)
        speaker = palette.paint(ROLE_STYLES.get(message.role or "", "bold"), f"{role} {palette.speaks}")
        return speaker + space_after(role, 1) + palette.paint("dim", between.join(facts))

    def _content(self, content: str, role: str | None) -> Iterator[str]:
        """Yield JSON broken into lines, Markdown drawn if that is asked for, other text as it is. The output of tools
        is not Markdown."""
        if parsed := parsed_json(content):
            yield from self._folded_text("\n".join(outline(parsed, self._page)), content)
            return
        if self._markdown and role != "tool":
            from tsmem.render.markdown import markdown_lines

            if (drawn := markdown_lines(content, self._page, self._palette)) is not None:
                yield from self._folded(drawn, content)
                return
        yield from self._folded_text(content, content)

    def _metadata(self, message: Message, called: Collection[str]) -> Iterator[str]:
        """Yield JSON under its key, in lines of its own, then the rest on one line."""
        shown = {"_json", *called} | ({"name"} if message.role == "tool" else set())
        for key in str(message.metadata.get("_json", "")).split(","):
            text = message.metadata.get(key)
            if key not in shown and isinstance(text, str) and (parsed := parsed_json(text)) is not None:
                shown.add(key)
                opened = "\n".join(outline(parsed, self._page, f"{visible(key)}="))
                yield from self._folded_text(opened, text, "dim")
        rest = Metadata({key: value for key, value in message.metadata.items() if key not in shown})
        if rest or message.search_content is not None:
            yield from self._indented(_aside(message, rest, self._options, full=self._full), "dim")

    def _folded_text(self, shown: str, stored: str, style: str = "") -> Iterator[str]:
        complete = not self._folds or len(shown) <= FOLD_CHARACTERS
        beginning = visible(shown if complete else shown[:FOLD_CHARACTERS], keep_newlines=True)
        lines = [line.removeprefix(INDENT) for line in self._indented(beginning, style)]
        yield from self._folded(lines, stored, complete=complete)

    def _folded(self, lines: Sequence[str], stored: str, *, complete: bool = True) -> Iterator[str]:
        hides = self._folds and (not complete or len(lines) >= FOLD_LINES + FOLD_SLACK)
        shown = list(lines[:FOLD_LINES] if hides else lines)
        while hides and shown and not shown[-1]:
            shown.pop()
        yield from (INDENT + line if line else "" for line in shown)
        if hides:
            more = f"{len(lines) - len(shown)} more lines, " if complete else ""
            total = size(len(stored.encode(errors="surrogatepass")))
            yield from self._indented(f"{self._palette.ellipsis} {more}{total} in all (--full shows them)", "dim")

    def _indented(self, text: str, style: str = "") -> Iterator[str]:
        """Yield safe text, indented, in lines as wide as there is room; a list item wraps under its text."""
        text = text if self._palette.unicode else ascii_text(text)  # JSON had escapes, which were read
        for line in text.split("\n"):
            if self._room is None:
                bullet, parts = "", [line]
            else:
                bullet = _BULLET.match(line).group() if width(line) > self._room else ""  # type: ignore[union-attr]
                bullet = bullet if len(bullet) <= self._room // 3 else ""
                parts = [*wrap(line[len(bullet) :], self._room - len(bullet))]
            for position, part in enumerate(parts):
                begun = (" " * len(bullet) if position else bullet) + part
                yield INDENT + self._palette.paint(style, begun.rstrip(" ")) if begun.strip(" ") else ""


def _aside(item: Session | Message, metadata: Metadata, options: Options, *, full: bool) -> str:
    """Return metadata and the search text on one line, cut on a terminal where it is long."""
    known = metadata if item.search_content is None else metadata.merged({"search_content": item.search_content})
    if options.width is None or full:
        return pairs(known, limit=None)
    return fit(pairs(known, limit=ASIDE_CHARACTERS), 2 * options.width, Palette(options).ellipsis)


def _name(text: str) -> str:
    """Return a role or a tool's name, in quotes if it could be taken for more than a name."""
    return text if _NAME.match(text) and visible_id(text) == text else f'"{visible_id(text)}"'
