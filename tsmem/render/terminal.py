"""Measure, cut, wrap and colour text in terminal cells: wide characters take two cells, combining marks none.

All text here has passed `visible`. Where terminals differ, the largest width counts: a joined or tinted emoji is
measured as if its parts stood side by side, and a mark that takes room of its own, as in Hindi, counts one cell. A line
that is a little short does no harm, but one that runs over could continue on the next line as a forged row.

Colours only decorate: the words alone say everything.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache

from rich.cells import get_character_cell_size
from rich.color import ColorSystem
from rich.style import Style

from tsmem.folding import spans
from tsmem.render.result import Options
from tsmem.render.text import visible

ROLE_STYLES = {"user": "bold green", "assistant": "bold cyan", "system": "bold magenta", "tool": "bold yellow"}
_LINE_CONTINUATION = " \\"
TOO_LONG = "(the command is too long for this terminal: -o json shows it)"
HIGHLIGHT_STYLE = "bold red"
_WORD = re.compile(r" *(?:[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uff60]|[^ \u2e80-\u9fff\uac00-\ud7af]+)| +")
"""A unit that wrapping keeps together: a word with the spaces before it, or one East Asian character."""
_TWO_CELLS = re.compile("[\u302e\u302f\u3248-\u324f\u4dc0-\u4dff\U00016ff0\U00016ff1\U0001f3fb-\U0001f3ff]")
"""Characters that take two cells on some terminals although some version of rich counts fewer: Hangul tone marks,
circled numbers on black squares, hexagrams, Vietnamese reading marks and skin tones. Found by measuring every character
in tmux 3.3a (glibc 2.36)."""
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
_LEFT_TO_RIGHT_BLANK = "\u2800"
"""The blank Braille pattern: it shows nothing and counts as left-to-right in the algorithm of UAX 9."""


def width(text: str) -> int:
    return len(text) if text.isascii() else sum(map(_character_width, text))


def cut(text: str, cells: int) -> str:
    if text.isascii():
        return text[: max(0, cells)]
    used = 0
    for position, character in enumerate(text):
        used += _character_width(character)
        if used > cells:
            return text[:position].rstrip("\u200d")
    return text


@lru_cache(4096)
def _character_width(character: str) -> int:
    if character == "\ufe0f":  # turns some characters before it into wider emoji
        return 1
    if _TWO_CELLS.match(character) is not None:
        return 2
    size = get_character_cell_size(character)
    is_drawn = unicodedata.category(character) in ("Mc", "Cn", "Cf") and character not in "\u200c\u200d"
    return 1 if size == 0 and is_drawn else size


def fit(text: str, cells: int, ellipsis: str) -> str:
    return text if width(text) <= cells else cut(text, cells - len(ellipsis)) + ellipsis[:cells]


def fit_middle(text: str, cells: int, ellipsis: str) -> str:
    """Return the text if it fits in the given number of cells, else its two ends: ids differ there."""
    if width(text) <= cells:
        return text
    room = max(0, cells - len(ellipsis))
    tail = cut(text[::-1], room // 2)[::-1]
    while tail and not width(tail[0]):  # a combining mark whose letter was cut off
        tail = tail[1:]
    return cut(text, room - width(tail)) + ellipsis[:cells] + tail


def space_after(text: str, cells: int) -> str:
    """Return space that keeps a text apart from the next one on its line.

    A terminal that reorders text treats two right-to-left texts, with the spaces and numbers between them, as one text
    and draws the second one first. A blank left-to-right character between them prevents this. So would isolates
    (U+2068, U+2069), but they would be copied with an id, and terminals lose one at the left edge."""
    if cells < 1 or _RIGHT_TO_LEFT.search(text) is None:
        return " " * cells
    gap = " " * (cells > 1)  # a double click on an id would select a blank that touches it
    return gap + _LEFT_TO_RIGHT_BLANK + " " * (cells - len(gap) - 1)


def wrap(text: str, cells: int) -> Iterator[str]:
    """Yield lines of at most the given number of cells. They end at newlines and, where possible, between words."""
    for line in text.split("\n"):
        if width(line) <= cells:
            yield line
        else:
            yield from _wrap_line(line, max(2, cells))


def _wrap_line(line: str, cells: int) -> Iterator[str]:
    pieces: list[str] = []
    used = 0
    for word in _WORD.findall(line):
        size = width(word)
        if pieces and used + size > cells:
            yield "".join(pieces)
            word = word.lstrip(" ")
            pieces, used, size = [], 0, width(word)
        start = 0
        while size > cells:
            head = cut(word[start : start + cells * 8], cells) or word[start]
            if (part_end := head.rfind("/") + 1) > len(head) // 3:  # break a path between its parts
                head = head[:part_end]
            yield head
            start += len(head)
            size -= width(head)
        word = word[start:]
        pieces.append(word)
        used += size
    if used or not line:
        yield "".join(pieces)


def broken_command(words: Sequence[str], room: int | None) -> str | None:
    """Return a command line in lines of at most `room` cells that a shell reads as one; None if a word is too long."""
    if room is None:
        return " ".join(words)
    lines = [words[0]]
    for word in words[1:]:
        if width(lines[-1]) + 1 + width(word) + len(_LINE_CONTINUATION) > room:
            lines[-1] += _LINE_CONTINUATION
            lines.append(f"  {word}")
        else:
            lines[-1] += f" {word}"
    return "\n".join(lines) if all(width(line) <= room for line in lines) else None


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
