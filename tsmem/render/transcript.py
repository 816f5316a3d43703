"""A conversation as text to be read: who spoke, when, and what was said, as if it were being told.

Only lines of this module's own making begin at the left edge. What was said is indented, so no message can pass itself
off as another speaker's. On a terminal lines wrap and long content is folded, which always says so; in a pipe nothing
is wrapped or folded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence

from tsmem.render.calls import parsed_json, tool_calls
from tsmem.render.cells import fit, fit_middle, width, wrap
from tsmem.render.ink import ROLE_STYLES, Ink
from tsmem.render.options import Options
from tsmem.render.result import Conversation, Tail
from tsmem.render.text import visible
from tsmem.render.values import age, duration, iso_time, local_time, pairs, size
from tsmem.store.metadata import Metadata
from tsmem.store.model import Message, Session

INDENT = "  "
READING_WIDTH = 100
"""Cells in a line of text at most: longer lines are hard to read."""
FOLD_LINES = 12
FOLD_SLACK = 3
"""Lines hidden at least, where any are."""
FOLD_CHARACTERS = 20_000
"""Past so many, only the beginning is wrapped."""
PRETTY_CHARACTERS = 100_000
"""JSON longer than this is shown as it is."""
_SECOND = 1_000_000
_NAME = re.compile(r"[\w.-]{1,40}\Z")


def conversation_lines(conversation: Conversation, options: Options) -> Iterator[str]:
    """The session's header, then every message."""
    yield from _header(conversation, options)
    teller = _Teller(options, full=conversation.full)
    for message in conversation.messages:
        yield ""
        yield from teller.tell(message)


def tail_lines(tail: Tail, options: Options) -> Iterator[str]:
    """The session's name, then every message in one piece: what is told while it comes in must not stop half told."""
    ink, empty = Ink(options), True
    yield "\n".join(_painted(ink, "bold", [f"session {visible(tail.session_id)}"], options))
    teller = _Teller(options, full=tail.full)
    for message in tail.messages:
        empty = False
        yield "\n".join(("", *teller.tell(message)))
    if empty:
        yield ink.paint("dim", "nothing to show")


def _header(conversation: Conversation, options: Options) -> Iterator[str]:
    ink, session, messages = Ink(options), conversation.session, conversation.messages
    session_id = session.session_id if session is not None else messages[0].session_id if messages else None
    if session_id is not None:
        yield from _painted(ink, "bold", [f"session {visible(session_id)}"], options)
    facts = [] if session is None else [f"user {visible(session.user_id)}"]
    count = len(messages)
    facts.append(f"{count} message{'' if count == 1 else 's'}" if count else "no messages")
    facts.extend(_span(messages, options))
    yield from _painted(ink, "dim", [f" {ink.dot} ".join(facts)], options)
    if session is not None and session.metadata:
        yield from _painted(ink, "dim", [_aside(session, session.metadata, options)], options)
    if conversation.earlier:
        yield ""
        yield ink.paint("dim", fit(f"{ink.ellipsis} earlier messages left out", options.width or 80, ink.ellipsis))


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


class _Teller:
    """Tells messages one after the other, and remembers when the last one was."""

    def __init__(self, options: Options, *, full: bool) -> None:
        self._options = options
        self._ink = Ink(options)
        self._folds = options.width is not None and not full
        self._room = None if options.width is None else max(1, min(options.width, READING_WIDTH) - len(INDENT))
        self._last: int | None = None

    def tell(self, message: Message) -> Iterator[str]:
        """The lines of one message: who and when, what was said, what was called, what else is known."""
        yield self._heading(message)
        calls = tool_calls(message.metadata.get("tool_calls"))
        if message.content is None:
            if calls is None:
                yield INDENT + self._ink.paint("dim", "(no content)")
        elif message.content == "":
            yield INDENT + self._ink.paint("dim", "(empty)")
        else:
            yield from self._content(message)
        for call in calls or ():
            yield from self._indented(f"{self._ink.arrow} {visible(call)}", "yellow", hang=True)
        yield from self._rest(message, calls is not None)
        self._last = message.create_time

    def _heading(self, message: Message) -> str:
        role = "(no role)" if message.role is None else _name(message.role)
        tool = message.metadata.get("name")
        if message.role == "tool" and isinstance(tool, str):
            role += f" {_name(tool)}"
        facts = [self._when(message.create_time)]
        if self._last is not None and message.create_time - self._last >= _SECOND:
            facts.append(f"+{duration(message.create_time - self._last)}")
        facts.append(visible(message.message_id))
        between = f" {self._ink.dot} "
        if self._options.width is not None:
            least = self._options.width // 3
            taken = width(between.join(facts[:-1])) + len(between) + len(self._ink.speaks) + 2
            facts[-1] = fit_middle(facts[-1], self._options.width - taken - min(width(role), least), self._ink.ellipsis)
            role = fit(role, max(least, self._options.width - taken - width(facts[-1])), self._ink.ellipsis)
        style = ROLE_STYLES.get(message.role or "", "bold")
        return f"{self._ink.paint(style, f'{role} {self._ink.speaks}')} {self._ink.paint('dim', between.join(facts))}"

    def _when(self, time_us: int) -> str:
        """The time of day alone, where the day is that of the message before."""
        if self._options.width is None:
            return iso_time(time_us, self._options.timezone)
        now = local_time(time_us, self._options.timezone, 0)
        before = "" if self._last is None else local_time(self._last, self._options.timezone, 0)
        return now[11:] if now[:11] == before[:11] and len(now) == 19 else now

    def _content(self, message: Message) -> Iterator[str]:
        content = message.content or ""
        text = _pretty(content, self._room or READING_WIDTH) if message.role == "tool" else content
        if not self._folds:
            yield from self._indented(visible(text, keep_newlines=True))
            return
        lines = list(self._indented(visible(text[:FOLD_CHARACTERS], keep_newlines=True)))
        hidden = len(lines) - FOLD_LINES
        if hidden < FOLD_SLACK and len(text) <= FOLD_CHARACTERS:
            yield from lines
            return
        yield from lines[:FOLD_LINES]
        more = f"{hidden} more lines, " if len(text) <= FOLD_CHARACTERS else ""
        total = size(len(content.encode(errors="surrogatepass")))
        yield from self._indented(f"{self._ink.ellipsis} {more}{total} in all (--full shows them)", "dim")

    def _rest(self, message: Message, called: bool) -> Iterator[str]:
        told = {"_json"} | ({"tool_calls"} if called else set()) | ({"name"} if message.role == "tool" else set())
        rest = Metadata({key: value for key, value in message.metadata.items() if key not in told})
        if rest or message.search_content is not None:
            yield from self._indented(_aside(message, rest, self._options), "dim")

    def _indented(self, text: str, style: str = "", *, hang: bool = False) -> Iterator[str]:
        lines = text.split("\n") if self._room is None else wrap(text, self._room - 2 * hang)
        for position, line in enumerate(lines):
            lead = INDENT + "  " * (hang and position > 0)
            yield (lead + self._ink.paint(style, line)).rstrip(" ")


def _painted(ink: Ink, style: str, texts: Iterable[str], options: Options) -> Iterator[str]:
    for text in texts:
        lines = [text] if options.width is None else wrap(text, options.width)
        yield from (ink.paint(style, line) for line in lines)


def _aside(item: Session | Message, metadata: Metadata, options: Options) -> str:
    """What is known beside what was said: metadata, cut on a terminal where it is long, and the search text."""
    known = metadata if item.search_content is None else metadata.merged({"search_content": item.search_content})
    text = pairs(known, limit=None if options.width is None else 400)
    return text if options.width is None else fit(text, 2 * options.width, Ink(options).ellipsis)


def _name(text: str) -> str:
    """A role or a tool's name; quoted, where it could be taken for more than a name."""
    return text if _NAME.match(text) and visible(text) == text else f'"{visible(text)}"'


def _pretty(content: str, room: int) -> str:
    """A JSON object or list, broken into lines where it is longer than one; any other content as it is."""
    parsed = parsed_json(content) if len(content) <= PRETTY_CHARACTERS else None
    try:
        return "\n".join(_outline(parsed, room)) if parsed else content
    except RecursionError:
        return content


def _outline(value: object, room: int, name: str = "", comma: str = "") -> Iterator[str]:
    """JSON in lines: what fits on one line stands on one, and the rest is opened a level."""
    line = name + json.dumps(value, ensure_ascii=False) + comma
    if width(line) <= room or not isinstance(value, dict | list) or not value:
        yield line
        return
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    parts = (
        [(f"{json.dumps(k, ensure_ascii=False)}: ", v) for k, v in value.items()]
        if isinstance(value, dict)
        else [("", v) for v in value]
    )
    yield name + opening
    for position, (label, part) in enumerate(parts, 1):
        for inner in _outline(part, room - 2, label, "," if position < len(parts) else ""):
            yield "  " + inner
    yield closing + comma
