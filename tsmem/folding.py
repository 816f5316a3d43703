"""Text without differences of case: what search takes for the same, here and nowhere else.

Its one rule: Unicode's case folding, so that `STRASSE` is found for `straße`. What nominates rows, what decides on them
and what marks them on a terminal must agree, or a hit is lost, or is shown without what was found. A folded text may be
longer than the text; `spans` says where in the text itself something stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

_MADE = frozenset("\u02bc\u02be\u0300\u0301\u0307\u0308\u030a\u030c\u0313\u0331\u0342")
"""Characters without case that folding makes of others: of `\u0149` it makes `\u02bcn`, of `\u01f0` a j and a mark."""


def fold(text: str) -> str:
    """The text without differences of case."""
    return text.lower() if text.isascii() else text.casefold()


def forms(text: str) -> tuple[str, ...]:
    """The text as indexes may have made it small: by folding, or by lower-casing, as other backends do."""
    return tuple(dict.fromkeys((fold(text), text.lower())))


def has_case(text: str) -> bool:
    """Whether texts that differ from it are the same to search."""
    return not text == fold(text) == text.upper() == text.lower()


def is_steady(character: str) -> bool:
    """Whether a character stands for itself alone: folding leaves it, and makes it of no other."""
    return character not in _MADE and not has_case(character)


def steady_part(text: str) -> str:
    """The longest part of a text whose characters stand for themselves alone; empty where there is none."""
    runs = ("".join(run) for steady, run in groupby(text, is_steady) if steady)
    return max(runs, key=len, default="")


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
