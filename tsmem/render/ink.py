"""Colours and signs: what a terminal can show decides, and no sign carries what the words do not say."""

from __future__ import annotations

from functools import lru_cache

from rich.color import ColorSystem
from rich.style import Style

from tsmem.render.options import Options

ROLE_STYLES = {"user": "bold green", "assistant": "bold cyan", "system": "bold magenta", "tool": "bold yellow"}


class Ink:
    """Paints text that is already safe. Rich makes every escape sequence; no markup is ever read."""

    def __init__(self, options: Options) -> None:
        self._color = options.color
        self.ellipsis = "…" if options.unicode else "..."
        self.arrow = "→" if options.unicode else "->"
        self.speaks = "▸" if options.unicode else ">"
        self.rule = "─" if options.unicode else "-"
        self.dot = "·" if options.unicode else "-"

    def paint(self, style: str, text: str) -> str:
        """The text in a style, or as it is where there is no colour."""
        if not self._color or not style:
            return text
        return _style(style).render(text, color_system=ColorSystem.STANDARD)


@lru_cache
def _style(definition: str) -> Style:
    return Style.parse(definition)
