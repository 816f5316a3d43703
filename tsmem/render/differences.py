"""Two conversations side by side, without what is equal: lines of the first begin with `-`, of the second with `+`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from tsmem.render.json_text import call_line
from tsmem.render.result import Differences, Options
from tsmem.render.terminal import ROLE_STYLES, Palette, fit, wrap
from tsmem.render.text import ascii_text, visible, visible_id
from tsmem.render.transcript import INDENT, READING_WIDTH
from tsmem.store.differences import MessageDifference, ValueDifference
from tsmem.store.model import Message
from tsmem.store.tool_calls import tool_calls
from tsmem.words import quantity

MAX_LINES = 8
"""Maximum lines of a text on each side; more are folded on a terminal."""
MAX_COMPARED_LINES = 2_000
"""Longer texts are not compared line by line."""
_STYLES = {"-": "red", "+": "green"}


def difference_lines(differences: Differences, options: Options) -> Iterator[str]:
    writer = _Writer(options, differences.full)
    comparison = differences.comparison
    for sign, session_id in zip("-+", differences.session_ids, strict=True):
        yield from writer.signed(sign, f"session {visible_id(session_id)}", indent="")
    yield from writer.values(comparison.metadata, "")
    for part in comparison.parts:
        yield ""
        if isinstance(part, int):
            yield writer.note(quantity(part, "equal message"))
        else:
            yield from writer.message(part)


class _Writer:
    def __init__(self, options: Options, full: bool) -> None:
        self._options = options
        self._palette = Palette(options)
        self._folds = options.width is not None and not full
        self._room = None if options.width is None else max(1, min(options.width, READING_WIDTH) - len(INDENT) - 2)

    def note(self, text: str) -> str:
        palette = self._palette
        return palette.paint("dim", fit(f"{palette.ellipsis} {text}", self._options.width or 80, palette.ellipsis))

    def message(self, part: MessageDifference) -> Iterator[str]:
        for sign, message, other in (("-", part.first, part.second), ("+", part.second, part.first)):
            if message is not None:
                yield self._heading(sign, message)
            if message is not None and other is None:
                yield from self.texts(sign, _text_of(message).split("\n"))
        if part.first is None or part.second is None:
            return
        if part.first.content != part.second.content:
            yield from self._contents(part.first.content or "", part.second.content or "")
        yield from self.values(part.metadata, INDENT)
        for call in part.calls:
            yield INDENT + self._palette.paint("yellow", f"{self._palette.arrow} {visible(call.tool)}")
            yield from self.values(call.arguments, INDENT * 2)

    def values(self, differences: Sequence[ValueDifference], indent: str) -> Iterator[str]:
        for name, *sides in differences:
            for sign, value in zip("-+", sides, strict=True):
                if value is not None:
                    yield from self.signed(sign, visible(f"{name}={value}" if name else value), indent)

    def texts(self, sign: str, lines: Sequence[str]) -> Iterator[str]:
        shown = [line for text in lines for line in self.signed(sign, visible(text), INDENT)]
        yield from shown[:MAX_LINES] if self._folds else shown
        if self._folds and len(shown) > MAX_LINES:
            yield INDENT + self.note(f"{len(shown) - MAX_LINES} more lines (--full shows them)")

    def signed(self, sign: str, text: str, indent: str) -> Iterator[str]:
        text = text if self._options.unicode else ascii_text(text)
        room = None if self._room is None else max(1, self._room - len(indent))
        for line in [text] if room is None else wrap(text, room):
            yield indent + self._palette.paint(_STYLES[sign], f"{sign} {line}".rstrip())

    def _heading(self, sign: str, message: Message) -> str:
        palette = self._palette
        role = "(no role)" if message.role is None else visible_id(message.role)
        tool = message.metadata.get("name")
        if message.role == "tool" and isinstance(tool, str):
            role += f" {visible_id(tool)}"
        style = ROLE_STYLES.get(message.role or "", "bold")
        text = f"{role} {palette.speaker_sign} {visible_id(message.message_id)}"
        room = None if self._options.width is None else self._options.width - 2
        shown = text if room is None else fit(text, room, palette.ellipsis)
        return palette.paint(_STYLES[sign], sign) + " " + palette.paint(style, shown)

    def _contents(self, first: str, second: str) -> Iterator[str]:
        ours, theirs = first.split("\n"), second.split("\n")
        if max(len(ours), len(theirs)) > MAX_COMPARED_LINES:
            yield from self.texts("-", ours)
            yield from self.texts("+", theirs)
            return
        for tag, start, end, other_start, other_end in SequenceMatcher(None, ours, theirs).get_opcodes():
            if tag == "equal":
                yield INDENT + self.note(quantity(end - start, "equal line"))
            else:
                yield from self.texts("-", ours[start:end])
                yield from self.texts("+", theirs[other_start:other_end])


def _text_of(message: Message) -> str:
    calls = [call_line(call) for calls in tool_calls(message.metadata).values() for call in calls]
    return "\n".join(([] if message.content is None else [message.content]) + calls) or "(no content)"
