"""Colours and signs: what a terminal can show decides, and no sign carries what the words do not say."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from rich.color import ColorSystem
from rich.style import Style

from tsmem.folding import spans
from tsmem.render.options import Options
from tsmem.render.text import visible

ROLE_STYLES = {"user": "bold green", "assistant": "bold cyan", "system": "bold magenta", "tool": "bold yellow"}
MARK_STYLE = "bold red"


class Palette:
    """Paints text that is already safe. Rich makes every escape sequence; no markup is ever read."""

    def __init__(self, options: Options) -> None:
        self._color = options.color
        self.unicode = options.unicode
        self._marks = None if options.marks is None else visible(options.marks)
        self.ellipsis = "…" if options.unicode else "..."
        self.arrow = "→" if options.unicode else "->"
        self.speaks = "▸" if options.unicode else ">"
        self.rule = "─" if options.unicode else "-"
        self.dot = "·" if options.unicode else "-"

    def paint(self, style: str, text: str) -> str:
        """The text in a style, or as it is where there is no colour."""
        if not self._color or not style:
            return text
        return self.paint_as(style_of(style), text)

    def paint_as(self, style: Style, text: str) -> str:
        """The text in a style of rich's own; a link in it is not made."""
        if not self._color or not style:
            return text
        return style.update_link(None).render(text, color_system=ColorSystem.STANDARD)

    def marked_parts(self, style: str, text: str, is_said: bool) -> Iterator[tuple[str, str]]:
        """Cut a text into (style, part): in what was said, what was searched for has another style."""
        done = 0
        for begin, end in spans(text, self._marks) if is_said and self._marks is not None else ():
            yield style, text[done:begin]
            yield MARK_STYLE, text[begin:end]
            done = end
        yield style, text[done:]

    def marked(self, text: str) -> tuple[int, int] | None:
        """Where in a text it stands first that was searched for."""
        return None if self._marks is None else next(spans(text, self._marks), None)


@lru_cache
def style_of(definition: str) -> Style:
    """Return a style by its name; an empty name is no style."""
    return Style.parse(definition)
