"""A conversation as a transcript: a header with its id, user, length and time, then one message after the other.

Only headings and day lines begin at the left edge. Content is indented, so that no message can pass itself off as the
heading of another one. On a terminal, lines are wrapped, and long content is folded with a note that says so. In a
pipe, nothing is wrapped or folded, and times are complete.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from tsmem.render.json_text import call_line, call_lines, pretty_lines
from tsmem.render.result import Conversation, LiveTail, Options
from tsmem.render.terminal import ROLE_STYLES, Palette, fit, fit_middle, space_after, width, wrap
from tsmem.render.text import ascii_text, visible, visible_id
from tsmem.render.values import age, duration, iso_time, local_day, local_time, metadata_pairs, size
from tsmem.store.metadata import Metadata
from tsmem.store.model import Message, Session
from tsmem.store.tool_calls import parsed_json, tool_calls
from tsmem.words import quantity

INDENT = "  "
READING_WIDTH = 100
FOLD_LINES = 12
FOLDED_ROLES = ("tool", "system")
MIN_HIDDEN_LINES = 3
"""Content is folded only if at least this many lines are then hidden."""
FOLD_CHARACTERS = 20_000
"""Content beyond this is folded without being wrapped first, which would take too long."""
METADATA_CHARACTERS = 400
"""Metadata is formatted up to this length, and then cut to two lines."""
_US_PER_SECOND = 1_000_000
_NAME = re.compile(r"[\w.-]{1,40}\Z")
_BULLET = re.compile(r" *(?:[-*+•] |\d{1,3}[.)] )?")


def conversation_lines(conversation: Conversation, options: Options) -> Iterator[str]:
    yield from _header(conversation, options)
    writer = TranscriptWriter(options, full=conversation.full, rendered=conversation.rendered)
    for position, message in enumerate(conversation.messages):
        yield from gap_lines(conversation, position, options)
        yield ""
        yield from writer.lines(message, is_marked=position in conversation.marked)
    yield from gap_lines(conversation, len(conversation.messages), options)


def gap_lines(conversation: Conversation, position: int, options: Options) -> Iterator[str]:
    if position in conversation.left_out:
        yield ""
        note = f"{Palette(options).ellipsis} {left_out_words(conversation, position)}"
        yield Palette(options).paint("dim", fit(note, options.width or 80, Palette(options).ellipsis))


def left_out_words(conversation: Conversation, position: int) -> str:
    """Return `12 messages left out`, or which ones if their number is not known."""
    count = conversation.left_out[position]
    if count is None:
        which = "earlier " if position == 0 else "later " if position == len(conversation.messages) else ""
        return f"{which}messages left out"
    return f"{quantity(count, 'message')} left out"


def message_lines(message: Message, options: Options) -> Iterator[str]:
    yield from Palette(options).wrapped("bold", f"session {visible_id(message.session_id)}")
    yield ""
    yield from TranscriptWriter(options, full=True).lines(message)


def tail_lines(tail: LiveTail, options: Options) -> Iterator[str]:
    """Yield each message as a single string of several lines, so that it is written whole as soon as it arrives."""
    palette, is_empty = Palette(options), True
    yield "\n".join(palette.wrapped("bold", f"session {visible_id(tail.session_id)}"))
    writer = TranscriptWriter(options, full=tail.full)
    for message in tail.messages:
        is_empty = False
        yield "\n".join(("", *writer.lines(message)))
    if is_empty:
        yield palette.paint("dim", "nothing to show")


def _header(conversation: Conversation, options: Options) -> Iterator[str]:
    palette, session, messages = Palette(options), conversation.session, conversation.messages
    session_id = session.session_id if session is not None else messages[0].session_id if messages else None
    if session_id is not None:
        yield from palette.wrapped("bold", f"session {visible_id(session_id)}")
    first, *others = _facts(conversation, options)
    lines = [first]
    for fact in others:
        longer = f"{lines[-1]} {palette.dot}" + space_after(lines[-1], 1) + fact
        if options.width is None or width(longer) <= options.width:
            lines[-1] = longer
        else:
            lines.append(fact)
    for line in lines:
        yield from palette.wrapped("dim", line)
    if session is not None and (session.metadata or session.search_content is not None):
        yield from palette.wrapped("dim", _metadata_line(session, session.metadata, options, full=conversation.full))


def _facts(conversation: Conversation, options: Options) -> Iterator[str]:
    session, messages = conversation.session, conversation.messages
    if session is not None:
        yield f"user {visible_id(session.user_id)}"
    if not messages:
        yield "no messages"
        return
    yield quantity(len(messages), "message") + (" shown" if conversation.left_out else "")
    first, last = messages[0].create_time, messages[-1].create_time
    if options.width is None:
        yield f"{iso_time(first, options.timezone)} to {iso_time(last, options.timezone)}"
        return
    yield local_time(first, options.timezone, whole_seconds=True)
    if last - first >= _US_PER_SECOND:
        yield f"over {duration(last - first)}"
    yield age(last, options.now_us)


class TranscriptWriter:
    """Formats messages one after the other. It remembers the day and the time of the last message."""

    def __init__(self, options: Options, *, full: bool, rendered: bool = False) -> None:
        self._options = options
        self._palette = Palette(options)
        self._full = full
        self._folds = options.width is not None and not full
        self._wrap_width = None if options.width is None else max(1, min(options.width, READING_WIDTH) - len(INDENT))
        self._line_width = self._wrap_width or READING_WIDTH
        self._rendered = rendered
        self._last_time_us: int | None = None
        self._day: str | None = None

    def lines(self, message: Message, *, is_marked: bool = False) -> Iterator[str]:
        day = local_day(message.create_time, self._options.timezone)
        if self._options.width is not None and day is not None and day != self._day:  # in a pipe, times have dates
            self._day = day
            rule = self._palette.rule * 2
            yield self._palette.paint("dim", fit(f"{rule} {day} {rule}", self._options.width, self._palette.ellipsis))
            yield ""
        yield self.heading(message, is_marked=is_marked, has_day=day is not None)
        calls_by_key = tool_calls(message.metadata)
        if message.content:
            yield from self._content(message.content, message.role)
        elif message.content == "" or not calls_by_key:
            yield INDENT + self._palette.paint("dim", "(no content)" if message.content is None else "(empty)")
        arrow = f"{self._palette.arrow} "
        for call in (call for calls in calls_by_key.values() for call in calls):
            shown = "\n".join(call_lines(call, self._line_width - len(arrow)))
            yield from self._folded_text(arrow + shown, call_line(call), "yellow")
        yield from self._metadata(message, calls_by_key)
        self._last_time_us = message.create_time

    def heading(self, message: Message, *, is_marked: bool = False, has_day: bool = False) -> str:
        """Return `role ▸ time · +time since the last message · id`. If it is too wide for the terminal, the id is
        shortened first, then the role, which keeps at least a third of the line."""
        palette, room, time_us = self._palette, self._options.width, message.create_time
        role = "(no role)" if message.role is None else _name(message.role)
        tool = message.metadata.get("name")
        if message.role == "tool" and isinstance(tool, str):
            role += f" {_name(tool)}"
        if is_marked:
            role = f"{palette.speaker_sign} {role}"
        if room is None:
            facts = [iso_time(time_us, self._options.timezone)]
        else:  # the line of the day has the date
            facts = [local_time(time_us, self._options.timezone, whole_seconds=True)[11 if has_day else 0 :]]
        if self._last_time_us is not None and time_us - self._last_time_us >= _US_PER_SECOND:
            facts.append(f"+{duration(time_us - self._last_time_us)}")
        facts.append(visible_id(message.message_id))
        between = f" {palette.dot} "
        if room is not None:
            min_role_width = room // 3
            taken = width(between.join(facts[:-1])) + len(between) + len(palette.speaker_sign) + 2
            facts[-1] = fit_middle(facts[-1], room - taken - min(width(role), min_role_width), palette.ellipsis)
            role = fit(role, max(min_role_width, room - taken - width(facts[-1])), palette.ellipsis)
        style = f"{ROLE_STYLES.get(message.role or '', 'bold')}{' reverse' if is_marked else ''}"
        speaker = palette.paint(style, f"{role} {palette.speaker_sign}")
        return speaker + space_after(role, 1) + palette.paint("dim", between.join(facts))

    def _content(self, content: str, role: str | None) -> Iterator[str]:
        """Draw JSON over several lines, and Markdown if asked for, but not in the output of a tool. Only the output of
        tools and system prompts are folded: what people and models say is shown whole."""
        folds = role in FOLDED_ROLES
        if parsed := parsed_json(content):
            yield from self._folded_text("\n".join(pretty_lines(parsed, self._line_width)), content, folds=folds)
            return
        if self._rendered and role != "tool":
            from tsmem.render.markdown import markdown_lines

            if (drawn := markdown_lines(content, self._line_width, self._palette)) is not None:
                yield from self._folded(drawn, content, folds=folds)
                return
        yield from self._folded_text(content, content, folds=folds)

    def _metadata(self, message: Message, shown_keys: Collection[str]) -> Iterator[str]:
        """Yield JSON in lines of its own, then the rest on one line. `_json` lists the keys that hold JSON."""
        shown = {"_json", *shown_keys} | ({"name"} if message.role == "tool" else set())
        if self._folds:
            shown.add("tool_call_id")  # the call stands above
        for key in str(message.metadata.get("_json", "")).split(","):
            text = message.metadata.get(key)
            if key not in shown and isinstance(text, str) and (parsed := parsed_json(text)) is not None:
                shown.add(key)
                pretty = "\n".join(pretty_lines(parsed, self._line_width, f"{visible(key)}="))
                yield from self._folded_text(pretty, text, "dim")
        rest = Metadata({key: value for key, value in message.metadata.items() if key not in shown})
        if rest or message.search_content is not None:
            yield from self._indented(_metadata_line(message, rest, self._options, full=self._full), "dim")

    def _folded_text(self, shown: str, stored: str, style: str = "", *, folds: bool = True) -> Iterator[str]:
        is_complete = not (folds and self._folds) or len(shown) <= FOLD_CHARACTERS
        beginning = visible(shown if is_complete else shown[:FOLD_CHARACTERS], keep_newlines=True)
        lines = [line.removeprefix(INDENT) for line in self._indented(beginning, style)]
        yield from self._folded(lines, stored, folds=folds, is_complete=is_complete)

    def _folded(
        self, lines: Sequence[str], stored: str, *, folds: bool = True, is_complete: bool = True
    ) -> Iterator[str]:
        """Yield the lines, indented. Long content on a terminal is cut, with a note that says the size of `stored`."""
        hides = folds and self._folds and (not is_complete or len(lines) >= FOLD_LINES + MIN_HIDDEN_LINES)
        shown = list(lines[:FOLD_LINES] if hides else lines)
        while hides and shown and not shown[-1]:
            shown.pop()
        yield from (INDENT + line if line else "" for line in shown)
        if hides:
            more = f"{len(lines) - len(shown)} more lines, " if is_complete else ""
            total = size(len(stored.encode(errors="surrogatepass")))
            yield from self._indented(f"{self._palette.ellipsis} {more}{total} in all (--full shows them)", "dim")

    def _indented(self, text: str, style: str = "") -> Iterator[str]:
        """Yield safe text in indented lines, wrapped on a terminal. Lines of a list item align after its bullet."""
        text = text if self._palette.unicode else ascii_text(text)  # escapes in JSON became characters
        for whole_line in text.split("\n"):
            if self._wrap_width is None:
                bullet, parts = "", [whole_line]
            else:
                bullet = _BULLET.match(whole_line).group() if width(whole_line) > self._wrap_width else ""  # type: ignore[union-attr]
                bullet = bullet if len(bullet) <= self._wrap_width // 3 else ""
                parts = [*wrap(whole_line[len(bullet) :], self._wrap_width - len(bullet))]
            for position, part in enumerate(parts):
                line = (" " * len(bullet) if position else bullet) + part
                yield INDENT + self._palette.paint(style, line.rstrip(" ")) if line.strip(" ") else ""


def _metadata_line(item: Session | Message, metadata: Metadata, options: Options, *, full: bool) -> str:
    if item.search_content is not None:
        metadata = Metadata({**metadata, "search_content": item.search_content})
    if options.width is None or full:
        return metadata_pairs(metadata, limit=None)
    return fit(metadata_pairs(metadata, limit=METADATA_CHARACTERS), 2 * options.width, Palette(options).ellipsis)


def _name(text: str) -> str:
    """Return a role or the name of a tool, in quotes if it could be taken for more than a name."""
    return text if _NAME.match(text) and visible_id(text) == text else f'"{visible_id(text)}"'
