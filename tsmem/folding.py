"""Fold the case of text for search, by Unicode's rules: `STRASSE` finds `straße`.

The search index, the row matcher and the highlighting on a terminal all use these functions. If one of them folded
differently, matches would be lost or not highlighted. Folded text can be longer than the original; `spans` finds
matches in the original.
"""

from __future__ import annotations

from collections.abc import Iterator

_FOLDING_RESULTS = frozenset("\u02bc\u02be\u0300\u0301\u0307\u0308\u030a\u030c\u0313\u0331\u0342")
"""Characters without case that folding others makes: `\u0149` becomes `\u02bcn`, `\u01f0` a j and a combining mark."""


def fold(text: str) -> str:
    return text.lower() if text.isascii() else text.casefold()


def has_case(text: str) -> bool:
    """True if a search treats other texts as equal to this one."""
    return not text == fold(text) == text.upper() == text.lower()


def is_case_invariant(character: str) -> bool:
    """True if folding does not change the character, and does not turn another one into it."""
    return character not in _FOLDING_RESULTS and not has_case(character)


def spans(text: str, part: str) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each place where the text contains the part, ignoring case. Places do not overlap. If
    a match begins or ends within the folding of one character (`ß` is folded to `ss`), the whole character belongs to
    it."""
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
