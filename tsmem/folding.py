"""Case folding for search: Unicode's, so that `STRASSE` finds `straße`.

The search index, the row matcher and the highlighting on a terminal must all fold alike, or a match would be lost or
not highlighted. A folded text may be longer than the text itself; `spans` maps matches back to the text.
"""

from __future__ import annotations

from collections.abc import Iterator

_MADE = frozenset("\u02bc\u02be\u0300\u0301\u0307\u0308\u030a\u030c\u0313\u0331\u0342")
"""Characters without case that folding produces: `\u0149` becomes `\u02bcn`, `\u01f0` a j and a combining mark."""


def fold(text: str) -> str:
    return text.lower() if text.isascii() else text.casefold()


def has_case(text: str) -> bool:
    """True if a search treats other texts as equal to this one."""
    return not text == fold(text) == text.upper() == text.lower()


def is_case_invariant(character: str) -> bool:
    """True if folding leaves the character as it is and produces it from no other."""
    return character not in _MADE and not has_case(character)


def spans(text: str, part: str) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each place where the text contains the part, ignoring case; places do not overlap. A
    character whose folding is longer counts whole, even if the part has only half of it."""
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
