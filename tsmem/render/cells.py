"""Text measured, cut and wrapped in terminal cells: wide characters take two, combining marks none.

Where terminals differ, the widest is believed: a joined or tinted emoji is measured as if its parts stood side by
side, and a mark that takes room of its own, as in Hindi, takes a cell. A line that is a little short is better than one
that runs over into a forged row. All text here has passed `visible`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from rich.cells import get_character_cell_size

_WORD = re.compile(r" *(?:[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uff60]|[^ \u2e80-\u9fff\uac00-\ud7af]+)| +")
"""The unit of wrapping: a word with the spaces before it. East Asian text breaks anywhere."""
_TWO_CELLS = re.compile("[\u302e\u302f\u3248-\u324f\u4dc0-\u4dff\U00016ff0\U00016ff1\U0001f3fb-\U0001f3ff]")
"""Two cells on some terminals, and fewer by some version of rich: Hangul tone marks, circled numbers on black squares,
hexagrams, Vietnamese reading marks and skin tones. Found by measuring every character in tmux 3.3a (glibc 2.36)."""
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
"""The blocks that Unicode keeps for scripts written from right to left, and their numbers."""
_LEFT_TO_RIGHT_BLANK = "\u2800"
"""A blank pattern of Braille: a letter written from left to right to Unicode Standard Annex 9."""


def width(text: str) -> int:
    """Return the cells that text takes at most."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def cut(text: str, cells: int) -> str:
    if text.isascii():
        return text[: max(0, cells)]
    used = 0
    for position, character in enumerate(text):
        used += _cells(character)
        if used > cells:
            return text[:position].rstrip("\u200d")
    return text


@lru_cache(4096)
def _cells(character: str) -> int:
    if character == "\ufe0f":  # may make an emoji of what is before it, which is wider
        return 1
    if _TWO_CELLS.match(character) is not None:
        return 2
    size = get_character_cell_size(character)
    is_drawn = unicodedata.category(character) in ("Mc", "Cn", "Cf") and character not in "\u200c\u200d"
    return 1 if size == 0 and is_drawn else size


def fit(text: str, cells: int, ellipsis: str) -> str:
    """Return the text in so many cells, with an ellipsis where its end is missing."""
    return text if width(text) <= cells else cut(text, cells - len(ellipsis)) + ellipsis[:cells]


def fit_middle(text: str, cells: int, ellipsis: str) -> str:
    """Return the text in so many cells: ids differ at either end, so the middle is cut."""
    if width(text) <= cells:
        return text
    room = max(0, cells - len(ellipsis))
    tail = cut(text[::-1], room // 2)[::-1]
    while tail and not width(tail[0]):  # a mark whose letter is cut off
        tail = tail[1:]
    return cut(text, room - width(tail)) + ellipsis[:cells] + tail


def space_after(text: str, cells: int) -> str:
    """Return so many cells of space to stand between a text and the next one on its line.

    A terminal that reorders text takes two texts written from right to left for one, with the spaces and numbers
    between them, and draws the second one first. The blank prevents this. Isolates (U+2068, U+2069) would too, but
    they would be copied with an id, and terminals lose one at the left edge."""
    if cells < 1 or _RIGHT_TO_LEFT.search(text) is None:
        return " " * cells
    before = " " * (cells > 1)  # away from an id, which may be selected with all that stands next to it
    return before + _LEFT_TO_RIGHT_BLANK + " " * (cells - len(before) - 1)


def wrap(text: str, cells: int) -> Iterator[str]:
    """Yield lines of at most so many cells, broken between words where possible; newlines in the text break too."""
    for line in text.split("\n"):
        if width(line) <= cells:
            yield line
        else:
            yield from _wrap_line(line, max(2, cells))


def _wrap_line(line: str, cells: int) -> Iterator[str]:
    built: list[str] = []
    used = 0
    for word in _WORD.findall(line):
        size = width(word)
        if built and used + size > cells:
            yield "".join(built)
            word = word.lstrip(" ")
            built, used, size = [], 0, width(word)
        start = 0
        while size > cells:
            head = cut(word[start : start + cells * 8], cells) or word[start]
            if (behind := head.rfind("/") + 1) > len(head) // 3:  # a path is broken between its parts
                head = head[:behind]
            yield head
            start += len(head)
            size -= width(head)
        word = word[start:]
        built.append(word)
        used += size
    if used or not line:
        yield "".join(built)
