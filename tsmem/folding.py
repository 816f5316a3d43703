"""Text without differences of case: what a search takes for the same.

This is Unicode's case folding, so that `STRASSE` is found for `straße`. What proposes rows, what checks them and what
marks them on a terminal all use it, or a hit would be lost, or shown without what was found. A folded text may be
longer than the text; `spans` says where in the text itself something stands.
"""

from __future__ import annotations

from collections.abc import Iterator

_MADE = frozenset("\u02bc\u02be\u0300\u0301\u0307\u0308\u030a\u030c\u0313\u0331\u0342")
"""Characters without case that folding makes of others: of `\u0149` it makes `\u02bcn`, of `\u01f0` a j and a mark."""


def fold(text: str) -> str:
    """Return the text without differences of case."""
    return text.lower() if text.isascii() else text.casefold()


def has_case(text: str) -> bool:
    """True if other texts are the same as this one to a search."""
    return not text == fold(text) == text.upper() == text.lower()


def is_case_invariant(character: str) -> bool:
    """True if a character stands for itself alone: folding leaves it, and makes it of no other."""
    return character not in _MADE and not has_case(character)


def spans(text: str, part: str) -> Iterator[tuple[int, int]]:
    """Where the part stands in the text, whatever the case: begin and end of each, from the left, none in another.
    Of a character whose folding is longer, and that the part has half of, all."""
    folded, wanted = fold(text), fold(part)
    if not wanted:
        return
    places = None if len(folded) == len(text) else _places(text)
    at = folded.find(wanted)
    done = 0
    while at >= 0:
        end = at + len(wanted)
        begin, after = (at, end) if places is None else (places[at], places[end - 1] + 1)
        if begin >= done:
            yield begin, after
            done = after
        at = folded.find(wanted, end)


def _places(text: str) -> list[int]:
    """For each character of the folded text, which one of the text it comes from."""
    return [place for place, character in enumerate(text) for _ in fold(character)]
