"""What stands beside and between the words of a text: how it is kept, what FTS5 is given of it, and what is asked.

Its one rule: what FTS5 is given (`indexed`) is made from what is kept alone, whenever it is put in or taken out: it
heeds nothing that another version of Unicode sees otherwise. Who changes it makes the contents of every file anew.

FTS5 is given each word with what stands behind it and the next word: `a quarter`, `a_quarter`; so two words that stand
side by side are found by how they are joined. Where more than a space stands before a word, it is given the last mark
or two with the word, for a text that begins there. And what goes on from each character of three and more side by side.
"""

from __future__ import annotations

import re

from tsmem.engine.analysis import PRIVATE, goes_alone, parted
from tsmem.folding import fold

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_HIDDEN = {code: PRIVATE + code for code in (*range(9), 11, 12, *range(14, 32), 127)}
DIVIDER = "\x1f"
"""Stands between what FTS5 is given, and between what is kept."""
_WORDS = "\x1e"
"""Stands behind words that are kept with what is between them."""
_SHORTEST, _LONGEST = 3, 8
"""Characters of a part of what stands between words."""
_BESIDE = 64
"""Letters of a word, those next to a mark."""


def kept(text: str, *, apart: bool) -> tuple[str, str | None]:
    """A text's words, joined by spaces, and what stands round them where FTS5 is given something of that. `apart`: what
    is kept holds the words, too, because others are kept of the text."""
    found, runs = _parted(text)
    words, between = " ".join(found), DIVIDER.join(runs)
    if len(found) < 2 and indexed(words, between) is None:
        return words, None
    return words, f"{words}{_WORDS}{between}" if apart else between


def indexed(words: str | None, between: str | None) -> str | None:
    """What FTS5 is given, divided, of what `kept` made. None where there is nothing."""
    if between is None:
        return None
    if words is None:
        words, _, between = between.partition(_WORDS)
    runs = between.split(DIVIDER)
    begins = ends = words.split(" ") if words else []
    if max(map(len, ends), default=0) > _BESIDE:
        begins, ends = [word[:_BESIDE] for word in begins], [word[-_BESIDE:] for word in ends]
    given = _joined(ends, runs[1:], [*begins[1:], ""])
    if given and not runs[-1]:
        given.pop()  # that is a word
    kinds = set(runs) - {"", " "}
    for last in ({run: run[-2:] for run in kinds if len(run) > 1}, {run: run[-1] for run in kinds if run[-1] != " "}):
        given += [last[run] + word for run, word in zip(runs, begins, strict=False) if run in last]
    for run in kinds:
        given += dict.fromkeys(run[at : at + _LONGEST] for at in range(len(run) - _SHORTEST + 1))
    return DIVIDER.join(given) or None


def _joined(words: list[str], runs: list[str], next_words: list[str]) -> list[str]:
    """Each word with what stands behind it, and with the next word where that is not far."""
    if max(map(len, runs), default=0) > _LONGEST:
        next_words = ["" if len(run) > _LONGEST else word for run, word in zip(runs, next_words, strict=False)]
        runs = [run[:_LONGEST] for run in runs]
    return [f"{one}{run}{two}" for one, run, two in zip(words, runs, next_words, strict=False)]


def asked(text: str, *, beside: bool = True) -> list[tuple[str, bool]]:
    """What FTS5 is given of every text that this one is a part of, its words whole but the last; and of each, whether
    it may go on. `beside`: whether what has words is asked, too."""
    found, runs = _parted(text)
    each = _with_words(found, runs) if beside and found else []
    for place, run in enumerate(runs):
        last, ends = len(run) - _LONGEST, place < len(found)
        places = (*range(0, last, _LONGEST), last) if last > 0 else (0,)
        each += [(run[at : at + _LONGEST], last < 0 and not ends) for at in places if len(run) >= _SHORTEST]
    return list(dict.fromkeys(each))


def says(mark: str, text: str) -> bool:
    """Whether texts of which FTS5 is given this have the other in them, and no more need be asked of them."""
    return mark == fold(text) and max(map(ord, mark)) < PRIVATE


def _with_words(found: list[str], runs: list[str]) -> list[tuple[str, bool]]:
    may_go_on = not runs[-1] and not goes_alone(found[-1])
    last = len(found) - 1
    each: list[tuple[str, bool]] = []
    if runs[0] and runs[0] != " ":
        each.append((runs[0][-2:] + found[0][:_BESIDE], may_go_on and last == 0))
    for place, word in enumerate(found):
        run, end = runs[place + 1], word[-_BESIDE:]
        if len(run) > _LONGEST:
            each.append((end + run[:_LONGEST], False))
        elif place < last:
            each.append((end + run + found[place + 1][:_BESIDE], may_go_on and place + 1 == last))
        elif run:
            each.append((end + run, True))
    return each


def _parted(text: str) -> tuple[list[str], list[str]]:
    """A text's folded words, and what stands before, between and behind them. What would divide is hidden."""
    text = fold(text)
    return parted(text.translate(_HIDDEN) if _CONTROL.search(text) else text)
