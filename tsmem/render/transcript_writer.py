"""One message told: who spoke and when, what was said, what was called, what else is known.

Only headings and the line of a new day begin at the left edge. What was said is indented, so no message can pass itself
off as another speaker's. On a terminal lines wrap under where they began, and what is long is folded, which always says
so; in a pipe nothing is wrapped or folded, and times are whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tsmem.render.ascii import ascii_text
from tsmem.render.calls import ToolCall, tool_calls
from tsmem.render.cells import fit, fit_middle, space_after, width, wrap
from tsmem.render.markdown import markdown_lines
from tsmem.render.options import Options
from tsmem.render.outline import outline, parsed_json, pretty
from tsmem.render.palette import ROLE_STYLES, Palette
from tsmem.render.text import visible, visible_id
from tsmem.render.values import duration, iso_time, local_day, local_time, pairs, size
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
_SECOND = 1_000_000
_NAME = re.compile(r"[\w.-]{1,40}\Z")
_LEAD = re.compile(r" *(?:[-*+•] |\d{1,3}[.)] )?")
"""What a list's item and an indented line begin with: where they wrap, they go on under their text."""


class TranscriptWriter:
    """Tells messages one after the other, and remembers when the last one was."""

    def __init__(self, options: Options, *, full: bool, markdown: bool = False) -> None:
        self._options = options
        self._ink = Palette(options)
        self._full = full
        self._folds = options.width is not None and not full
        self._room = None if options.width is None else max(1, min(options.width, READING_WIDTH) - len(INDENT))
        self._page = self._room or READING_WIDTH
        self._markdown = markdown
        self._last: int | None = None
        self._day: str | None = None

    def tell(self, message: Message) -> Iterator[str]:
        """The message's lines, after that of the day where it is another one."""
        yield from self._new_day(message.create_time)
        yield self._heading(message)
        called = tool_calls(message.metadata)
        if message.content:
            yield from self._content(message.content, message.role)
        elif message.content == "" or not called:
            yield INDENT + self._ink.paint("dim", "(no content)" if message.content is None else "(empty)")
        for call in (call for calls in called.values() for call in calls):
            yield from self._call(call)
        yield from self._rest(message, tuple(called))
        self._last = message.create_time

    def _new_day(self, time_us: int) -> Iterator[str]:
        """A line where the day changes. In a pipe each time has its date."""
        day = local_day(time_us, self._options.timezone)
        if self._options.width is None or day is None or day == self._day:
            return
        self._day = day
        rule = self._ink.rule * 2
        yield self._ink.paint("dim", fit(f"{rule} {day} {rule}", self._options.width, self._ink.ellipsis))
        yield ""

    def _heading(self, message: Message) -> str:
        role = "(no role)" if message.role is None else _name(message.role)
        tool = message.metadata.get("name")
        if message.role == "tool" and isinstance(tool, str):
            role += f" {_name(tool)}"
        facts = [self._when(message.create_time)]
        if self._last is not None and message.create_time - self._last >= _SECOND:
            facts.append(f"+{duration(message.create_time - self._last)}")
        facts.append(visible_id(message.message_id))
        between = f" {self._ink.dot} "
        if self._options.width is not None:
            least = self._options.width // 3
            taken = width(between.join(facts[:-1])) + len(between) + len(self._ink.speaks) + 2
            facts[-1] = fit_middle(facts[-1], self._options.width - taken - min(width(role), least), self._ink.ellipsis)
            role = fit(role, max(least, self._options.width - taken - width(facts[-1])), self._ink.ellipsis)
        style = ROLE_STYLES.get(message.role or "", "bold")
        spoken = self._ink.paint(style, f"{role} {self._ink.speaks}") + space_after(role, 1)
        return spoken + self._ink.paint("dim", between.join(facts))

    def _when(self, time_us: int) -> str:
        """The time of day, below the line of its day; in a pipe all of the time."""
        if self._options.width is None:
            return iso_time(time_us, self._options.timezone)
        now = local_time(time_us, self._options.timezone, 0)
        return now if local_day(time_us, self._options.timezone) is None else now[11:]

    def _content(self, content: str, role: str | None) -> Iterator[str]:
        """JSON broken into lines, Markdown drawn where that is asked for, other text as it is. What tools say is no
        Markdown."""
        opened = pretty(content, self._page)
        drawn = None
        if opened is None and self._markdown and role != "tool":
            drawn = markdown_lines(content, self._page, self._ink)
        if drawn is not None:
            yield from self._folded(drawn, content)
        else:
            yield from self._folded_text(content if opened is None else opened, content)

    def _call(self, call: ToolCall) -> Iterator[str]:
        arrow = f"{self._ink.arrow} "
        lines = list(call.lines(self._page - len(arrow)))
        whole = "\n".join((arrow + lines[0], *lines[1:]))
        yield from self._folded_text(whole, call.line(), "yellow")

    def _rest(self, message: Message, called: Sequence[str]) -> Iterator[str]:
        """What else is known: JSON under its name, in lines of its own, then the rest on one."""
        told = {"_json", *called} | ({"name"} if message.role == "tool" else set())
        for key in str(message.metadata.get("_json", "")).split(","):
            text = message.metadata.get(key)
            if key not in told and isinstance(text, str) and (parsed := parsed_json(text)) is not None:
                told.add(key)
                yield from self._json(key, text, parsed)
        rest = Metadata({key: value for key, value in message.metadata.items() if key not in told})
        if rest or message.search_content is not None:
            yield from self._wrapped(aside(message, rest, self._options, full=self._full), "dim")

    def _json(self, key: str, text: str, parsed: object) -> Iterator[str]:
        try:
            lines = "\n".join(outline(parsed, self._page, f"{visible(key)}="))
        except RecursionError:
            lines = f"{visible(key)}={text}"
        yield from self._folded_text(lines, text, "dim")

    def _folded_text(self, shown: str, stored: str, style: str = "") -> Iterator[str]:
        if not self._folds:
            yield from self._wrapped(visible(shown, keep_newlines=True), style)
            return
        beginning = visible(shown[:FOLD_CHARACTERS], keep_newlines=True)
        lines = [line.removeprefix(INDENT) for line in self._wrapped(beginning, style)]
        yield from self._folded(lines, stored, ends=len(shown) <= FOLD_CHARACTERS)

    def _folded(self, lines: Sequence[str], stored: str, *, ends: bool = True) -> Iterator[str]:
        """Lines that are ready, and below the first of them how much there is more; `ends` when these are all."""
        hidden = len(lines) - FOLD_LINES
        if not self._folds or (ends and hidden < FOLD_SLACK):
            yield from (INDENT + line if line else "" for line in lines)
            return
        shown = list(lines[:FOLD_LINES])
        while shown and not shown[-1]:
            shown.pop()
        yield from (INDENT + line if line else "" for line in shown)
        more = f"{len(lines) - len(shown)} more lines, " if ends else ""
        total = size(len(stored.encode(errors="surrogatepass")))
        yield from self._wrapped(f"{self._ink.ellipsis} {more}{total} in all (--full shows them)", "dim")

    def _wrapped(self, text: str, style: str = "") -> Iterator[str]:
        """Safe text, indented, in lines as wide as there is room; what a line goes on with stands under its text."""
        text = text if self._ink.unicode else ascii_text(text)  # JSON has spelled some, and was read
        for line in text.split("\n"):
            lead = ""
            if self._room is not None and width(line) > self._room:
                lead = _LEAD.match(line).group()  # type: ignore[union-attr]
                lead = lead if len(lead) <= self._room // 3 else ""
            parts = [line] if self._room is None else wrap(line[len(lead) :], self._room - len(lead))
            for position, part in enumerate(parts):
                begun = part if not lead else (" " * len(lead) if position else lead) + part
                yield INDENT + self._ink.paint(style, begun.rstrip(" ")) if begun.strip(" ") else ""


def aside(item: Session | Message, metadata: Metadata, options: Options, *, full: bool = False) -> str:
    """What is known beside what was said: metadata, cut on a terminal where it is long, and the search text."""
    known = metadata if item.search_content is None else metadata.merged({"search_content": item.search_content})
    cuts = options.width is not None and not full
    text = pairs(known, limit=400 if cuts else None)
    return fit(text, 2 * options.width, Palette(options).ellipsis) if cuts and options.width else text


def _name(text: str) -> str:
    """A role or a tool's name; quoted, where it could be taken for more than a name."""
    return text if _NAME.match(text) and visible_id(text) == text else f'"{visible_id(text)}"'
