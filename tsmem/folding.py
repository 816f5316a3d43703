"""Fold the case of text for search, by Unicode's rules: `STRASSE` finds `straße`.

The search index, the row matcher and the highlighting on a terminal must all fold like this. Otherwise, matches would
be lost or not highlighted.
"""

from __future__ import annotations

from collections.abc import Iterator

_FOLDING_RESULTS = frozenset("\u02bc\u02be\u0300\u0301\u0307\u0308\u030a\u030c\u0313\u0331\u0342")
"""Characters without case that folding others makes: `\u0149` becomes `\u02bcn`, `\u01f0` a j and a combining mark."""


def fold(text: str) -> str:
    return text.lower() if text.isascii() else text.casefold()


def is_case_invariant(character: str) -> bool:
    """True if folding does not change the character, and does not turn another one into it."""
    return character not in _FOLDING_RESULTS and character == fold(character) == character.upper() == character.lower()


def spans(text: str, part: str) -> Iterator[tuple[int, int]]:
    """Yield the start and end (exclusive) of each place where the text contains the part, ignoring case. Places do not
    overlap. A match that begins or ends within the folding of a character (`ß` is folded to `ss`) has all of it."""
    folded, wanted = fold(text), fold(part)
    if not wanted:
        return
    sources = None
    if len(folded) != len(text):  # for each folded character, the place of its original
        sources = [place for place, character in enumerate(text) for _ in fold(character)]
    at = folded.find(wanted)
    done = 0
    while at >= 0:
        end = at + len(wanted)
        begin, after = (at, end) if sources is None else (sources[at], sources[end - 1] + 1)
        if begin >= done:
            yield begin, after
            done = after
        at = folded.find(wanted, end)
