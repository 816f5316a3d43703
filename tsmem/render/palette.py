"""Colours and signs of the output for people. Colours only decorate: the words alone say everything."""

from __future__ import annotations

from collections.abc import Iterator

from rich.color import ColorSystem
from rich.style import Style

from tsmem.folding import spans
from tsmem.render.cells import wrap
from tsmem.render.result import Options
from tsmem.render.text import visible

ROLE_STYLES = {"user": "bold green", "assistant": "bold cyan", "system": "bold magenta", "tool": "bold yellow"}
HIGHLIGHT_STYLE = "bold red"


class Palette:
    """Colours text that is already safe. Rich makes the escape sequences; it never reads the text as markup."""

    def __init__(self, options: Options) -> None:
        self._color = options.color
        self.width = options.width
        self.unicode = options.unicode
        self._searched = None if options.highlight is None else visible(options.highlight)
        signs = ("…", "→", "▸", "─", "·") if options.unicode else ("...", "->", ">", "-", "-")
        self.ellipsis, self.arrow, self.speaker_sign, self.rule, self.dot = signs

    def paint(self, style: str | Style, text: str) -> str:
        """Return the text with the escape sequences of the style, if there are colours. No link is ever made."""
        if not self._color or not style:
            return text
        style = Style.parse(style) if isinstance(style, str) else style
        return style.update_link(None).render(text, color_system=ColorSystem.STANDARD)

    def wrapped(self, style: str, text: str) -> Iterator[str]:
        for line in [text] if self.width is None else wrap(text, self.width):
            yield self.paint(style, line)

    def highlighted(self, style: str, text: str) -> Iterator[tuple[str, str]]:
        done = 0
        for begin, end in () if self._searched is None else spans(text, self._searched):
            yield style, text[done:begin]
            yield HIGHLIGHT_STYLE, text[begin:end]
            done = end
        yield style, text[done:]

    def first_match(self, text: str) -> tuple[int, int] | None:
        return None if self._searched is None else next(spans(text, self._searched), None)
