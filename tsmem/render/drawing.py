"""Lines of what rich draws: painted, without spaces at their ends, in ASCII where the terminal shows no more."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from rich.console import Console
from rich.segment import Segment
from rich.theme import Theme

from tsmem.render.palette import Palette

if TYPE_CHECKING:
    from rich.console import RenderableType

_STYLES = {
    "markdown.code": "cyan",
    "markdown.block_quote": "dim",
    "markdown.item.bullet": "dim",
    "markdown.item.number": "dim",
    "markdown.hr": "dim",
    "markdown.table.header": "bold",
    "markdown.table.border": "dim",
}
_ASCII_SIGNS = {"•": "*", "─": "-", "━": "-", "▌": "|"}
"""Replacements for rich's own signs."""


def drawn(renderable: RenderableType, room: int) -> Iterator[list[Segment]]:
    """Draw something in `room` cells."""
    console = _console(room)
    for line in Segment.split_lines(console.render(renderable, console.options)):
        yield _stripped(line)


def painted(line: Sequence[Segment], palette: Palette) -> str:
    """Return a drawn line with its colours."""
    return "".join(_painted(segment, palette) for segment in line)


@lru_cache
def _console(room: int) -> Console:
    return Console(
        file=io.StringIO(), width=room, color_system=None, legacy_windows=False, theme=Theme(_STYLES), _environ={}
    )


def _stripped(line: list[Segment]) -> list[Segment]:
    """Return a line without the spaces at its end."""
    while line:
        last = line.pop()
        if not last.is_control and (text := last.text.rstrip(" ")):
            return [*line, Segment(text, last.style)]
    return line


def _painted(segment: Segment, palette: Palette) -> str:
    text = segment.text
    if not palette.unicode and not text.isascii():
        text = "".join(sign if sign.isascii() else _ASCII_SIGNS.get(sign, "+") for sign in text)
    return text if segment.style is None or text.isspace() else palette.paint_as(segment.style, text)
