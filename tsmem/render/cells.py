"""Text measured, cut, padded and wrapped in terminal cells: wide characters take two, combining marks none.

Where terminals differ, the widest is believed: a joined or tinted emoji is measured as if its parts stood side by
side, and a mark that takes room of its own, as in Hindi, takes a cell. A line that is a little short is better than one
that runs over into a forged row. All text here has passed `visible`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from rich.cells import cell_len, get_character_cell_size

_WORD = re.compile(r" *(?:[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uff60]|[^ \u2e80-\u9fff\uac00-\ud7af]+)| +")
"""What stays together in wrapping: a word with the spaces before it; East Asian text breaks anywhere."""
_ROOMY = re.compile("[\u0897-\u1cff\u302e\u302f\ua800-\uabff\ud7b0-\ud7ff\U00010d00-\U0001e7ff\U0001f3fb-\U0001f3ff]")
"""Among these are all characters that rich takes for marks without a width, and terminals may not."""


def width(text: str) -> int:
    """The cells that text takes at most."""
    if text.isascii():
        return len(text)
    if _ROOMY.search(text) is not None:
        return sum(map(_cells, text))
    return cell_len(text.replace("\u200d", ""))


def cut(text: str, cells: int) -> str:
    """The longest beginning that fits into so many cells."""
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
    """The cells of one character at most, wherever it stands."""
    if character == "\ufe0f":  # may make an emoji of what is before it, which is wider
        return 1
    if "\U0001f3fb" <= character <= "\U0001f3ff":
        return 2
    size = get_character_cell_size(character)
    return 1 if size == 0 and unicodedata.category(character) in ("Mc", "Cn") else size


def fit(text: str, cells: int, ellipsis: str) -> str:
    """The text in so many cells, with an ellipsis where its end is missing."""
    if width(text) <= cells:
        return text
    return cut(text, cells - len(ellipsis)) + ellipsis[:cells]


def fit_middle(text: str, cells: int, ellipsis: str) -> str:
    """The text in so many cells: ids differ at either end, so the middle goes."""
    if width(text) <= cells:
        return text
    room = max(0, cells - len(ellipsis))
    tail = cut(text[::-1], room // 2)[::-1]
    while tail and not width(tail[0]):  # a mark whose letter is cut off
        tail = tail[1:]
    return cut(text, room - width(tail)) + ellipsis[:cells] + tail


def pad(text: str, cells: int) -> str:
    """The text with spaces after it, so that it takes at least so many cells."""
    return text + " " * (cells - width(text))


def wrap(text: str, cells: int) -> Iterator[str]:
    """Lines of at most so many cells, broken between words where that can be; newlines in the text break too."""
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
