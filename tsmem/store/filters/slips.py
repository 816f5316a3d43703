"""What to say of a filter that Python's parser does not take: what was likely meant, and the place under a caret.

Its one rule: a sentence names what is allowed instead. Python's own words stand where they do, as for a text that does
not end; it knows nothing of this language, so where it has none they are replaced.
"""

from __future__ import annotations

import keyword
import re
from unicodedata import category, east_asian_width

_EXCERPT = 72
"""Characters of a long filter that are shown round an error."""
_SIGNS = {
    "=": "equality is ==",
    "&": "both is and",
    "|": "one of two is or",
    "!": "negation is not",
    "<": "inequality is !=",
}
"""What stands where the parser stops, and what was likely meant."""
_JOINERS = ("and", "or", "not", "in")
_OWN = (*_JOINERS, "True", "False")
_PART = "a part of a text is for search; a filter compares whole values"
_OTHERS = {
    "between": "a range is 1 <= column <= 5",
    **dict.fromkeys(("contains", "has", "like", "ilike", "matches", "startswith", "endswith"), _PART),
}
"""Words of other languages."""


def slip(source: str, at: int, said: str) -> str:
    """What is wrong where the parser stopped, and said this."""
    for place in (at, at - 1):
        if 0 <= place < len(source) and (sign := _SIGNS.get(source[place])) is not None:
            return sign
    if source[at - 1 : at] == "\n":
        return "a filter of several lines stands in parentheses"
    word = re.match(r"\w*", source[at:])
    known = _of_word(word.group() if word is not None else "", source[:at])
    if known is not None:
        return known
    said = said.partition(" (")[0].partition(".")[0]
    is_helpful = said.isascii() and said.isprintable() and not said.startswith(("invalid syntax", "Missing"))
    return said if is_helpful else "and, or, or a comparison such as == is missing here"


def _of_word(word: str, before: str) -> str | None:
    small = word.lower()
    if small in _OTHERS:
        return _OTHERS[small]
    last = "".join(re.findall(r"\w+\s*\Z", before)).strip()
    for each in (last, word):
        if each.lower() in _JOINERS and each not in _JOINERS:
            return f"{each} is written {each.lower()}"
    if word in ("and", "or"):
        return f"{word} stands between two tests"
    if keyword.iskeyword(word) and word not in _OWN:
        return f'"{word}" is a word of the language; a column of that name is metadata["{word}"]'
    return "exists(column) has parentheses" if last == "exists" else None


def pointed(line: str, at: int) -> str:
    """A line, or what of a long one is round a place, and a caret under the place."""
    first = max(0, min(at - _EXCERPT // 2, len(line) - _EXCERPT))
    shown = "".join(each if each.isprintable() else "?" for each in line[first : first + _EXCERPT])
    before, after = "..." if first else "", "..." if first + _EXCERPT < len(line) else ""
    room = len(before) + sum(map(_width, shown[: at - first]))
    return f"  {before}{shown}{after}\n  {' ' * room}^"


def _width(character: str) -> int:
    """Of a character on a terminal: accents and selectors stand on the one before."""
    if category(character) in ("Mn", "Me"):
        return 0
    return 1 + (east_asian_width(character) in "WF")
