"""One finding, and the command for it, which can be copied: it is broken between its words alone, with the sign by
which a shell goes on reading.

A command with a word longer than a line is not shown: broken within the word it would be another command, and hostile
text in the word could choose which.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tsmem.render.cells import width
from tsmem.render.grid import GAP, MAX_ALIGNED, Column, Overflow, TableCell, table_lines
from tsmem.render.options import Options
from tsmem.render.palette import Palette
from tsmem.render.result import Advice
from tsmem.render.text import visible

_WORD_CELLS = 7
_CONTINUED = " \\"
_TOO_LONG = "(the command is too long for this terminal: -o json shows it)"
_STYLES = {"ok": "green", "mended": "green", "note": "dim", "warning": "bold yellow", "error": "bold red"}


def advice_lines(advice: Advice, options: Options) -> Iterator[str]:
    """How bad it is at the left edge, and nothing else there; the sentence beside it, and the command beneath."""
    room = None if options.width is None else max(8, options.width - _WORD_CELLS - GAP)
    word = visible(advice.word)
    rows = [(TableCell(word, _STYLES.get(word)), TableCell(visible(advice.sentence)))]
    if advice.command:
        words = [visible(word) for word in advice.command]
        lines = [" ".join(words)] if room is None else _broken(words, room)
        shown = TableCell(_TOO_LONG) if lines is None else TableCell("\n".join(lines), "cyan")
        rows.append((TableCell(""), shown))
    overflow: Overflow = "push" if room is None else "wrap"
    widths = (_WORD_CELLS, room or MAX_ALIGNED)
    return table_lines((Column(""), Column("")), rows, widths, Palette(options), overflow=overflow, titled=False)


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
