"""One finding, and the command for it, which can be copied: it is broken between its words alone, with the sign by
which a shell goes on reading.

A command with a word longer than a line is not shown: broken within the word it would be another command, and hostile
text in the word could choose which.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tsmem.render.cells import pad, width, wrap
from tsmem.render.options import Options
from tsmem.render.palette import Palette
from tsmem.render.result import Advice
from tsmem.render.text import visible

_INDENT = 9
_CONTINUED = " \\"
_TOO_LONG = "(the command is too long for this terminal: -o json shows it)"
_STYLES = {"ok": "green", "mended": "green", "note": "dim", "warning": "bold yellow", "error": "bold red"}


def advice_lines(advice: Advice, options: Options) -> Iterator[str]:
    """How bad it is at the left edge, and nothing else there; the sentence beside it, and the command beneath."""
    ink = Palette(options)
    room = None if options.width is None else max(8, options.width - _INDENT)
    sentence = visible(advice.sentence)
    first, *more = [sentence] if room is None else wrap(sentence, room)
    word = visible(advice.word)
    yield (ink.paint(_STYLES.get(word, ""), word) + pad(word, _INDENT)[len(word) :] + first).rstrip(" ")
    yield from (" " * _INDENT + line for line in more)
    if advice.command:
        words = [visible(word) for word in advice.command]
        lines = [" ".join(words)] if room is None else _broken(words, room)
        if lines is None:
            yield from (" " * _INDENT + line for line in wrap(_TOO_LONG, room or 0))
        else:
            yield from (" " * _INDENT + ink.paint("cyan", line) for line in lines)


def _broken(words: Sequence[str], room: int) -> list[str] | None:
    """Return a command line in lines of so many cells; None where a word does not fit in one."""
    lines, line = [], words[0]
    for word in words[1:]:
        if width(line) + 1 + width(word) + len(_CONTINUED) > room:
            lines.append(line + _CONTINUED)
            line = "  " + word
        else:
            line += f" {word}"
    lines.append(line)
    return lines if all(width(line) <= room for line in lines) else None
