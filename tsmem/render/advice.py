"""One thing that was found, and the command for it, which can be copied: it is broken between its words alone, with the
sign by which a shell goes on reading, unless one word is longer than a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tsmem.render.cells import pad, width, wrap
from tsmem.render.ink import Ink
from tsmem.render.options import Options
from tsmem.render.result import Advice
from tsmem.render.text import visible

_INDENT = 9
_STYLES = {"ok": "green", "mended": "green", "note": "dim", "warning": "bold yellow", "error": "bold red"}


def advice_lines(advice: Advice, options: Options) -> Iterator[str]:
    """How bad it is at the left edge, and nothing else there; the sentence beside it, and the command beneath."""
    ink = Ink(options)
    room = None if options.width is None else max(8, options.width - _INDENT)
    sentence = visible(advice.sentence)
    first, *more = [sentence] if room is None else wrap(sentence, room)
    word = visible(advice.word)
    yield (ink.paint(_STYLES.get(word, ""), word) + pad(word, _INDENT)[len(word) :] + first).rstrip(" ")
    yield from (" " * _INDENT + line for line in more)
    if advice.command:
        words = [visible(word) for word in advice.command]
        lines = [" ".join(words)] if room is None else _broken(words, room)
        yield from (" " * _INDENT + ink.paint("cyan", line) for line in lines)


def _broken(words: Sequence[str], room: int) -> Iterator[str]:
    """A command line in lines of so many cells."""
    line = words[0]
    for word in words[1:]:
        if width(line) + 1 + width(word) + 2 > room:
            yield from wrap(f"{line} \\", room)
            line = "  " + word
        else:
            line += f" {word}"
    yield from wrap(line, room)
