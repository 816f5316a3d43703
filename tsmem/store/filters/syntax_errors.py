"""Explanations for a filter that Python's parser refuses, with the correct spelling and a caret below the mistake.

Python's own message is kept only where it helps, as for an unterminated string: Python does not know this language.
"""

from __future__ import annotations

import keyword
import re
from unicodedata import category, east_asian_width

_EXCERPT = 72
"""Characters of a long filter that are shown around an error."""
_CHARACTERS = {
    "=": "equality is ==",
    "&": "both is and",
    "|": "one of two is or",
    "!": "negation is not",
    "<": "inequality is !=",
}
"""Explanations for the character at which the parser stops."""
_JOINERS = ("and", "or", "not", "in")
_OPERATOR_WORDS = (*_JOINERS, "True", "False")
_PART = "a part of a text is for search; a filter compares whole values"
_FOREIGN_WORDS = {
    "between": "a range is 1 <= column <= 5",
    **dict.fromkeys(("contains", "has", "like", "ilike", "matches", "startswith", "endswith"), _PART),
}
"""Explanations for words of other languages."""


def explain_error(source: str, at: int, message: str) -> str:
    """Return what is wrong where the parser stopped with this message."""
    for place in (at, at - 1):
        if 0 <= place < len(source) and (sign := _CHARACTERS.get(source[place])) is not None:
            return sign
    if source[at - 1 : at] == "\n":
        return "a filter of several lines stands in parentheses"
    word = re.match(r"\w*", source[at:])
    if (known := _explain_word("" if word is None else word.group(), source[:at])) is not None:
        return known
    message = message.partition(" (")[0].partition(".")[0]
    is_helpful = message.isascii() and message.isprintable() and not message.startswith(("invalid syntax", "Missing"))
    return message if is_helpful else "and, or, or a comparison such as == is missing here"


def _explain_word(word: str, before: str) -> str | None:
    if word.lower() in _FOREIGN_WORDS:
        return _FOREIGN_WORDS[word.lower()]
    last = "".join(re.findall(r"\w+\s*\Z", before)).strip()
    for each in (last, word):
        if each.lower() in _JOINERS and each not in _JOINERS:
            return f"{each} is written {each.lower()}"
    if word in ("and", "or"):
        return f"{word} stands between two tests"
    if keyword.iskeyword(word) and word not in _OPERATOR_WORDS:
        return f'"{word}" is a word of the language; a column of that name is metadata["{word}"]'
    return "exists(column) has parentheses" if last == "exists" else None


def line_with_caret(line: str, at: int) -> str:
    """Return a line, shortened around a place if it is long, with a caret below the place."""
    first = max(0, min(at - _EXCERPT // 2, len(line) - _EXCERPT))
    shown = "".join(each if each.isprintable() else "?" for each in line[first : first + _EXCERPT])
    before, after = "..." if first else "", "..." if first + _EXCERPT < len(line) else ""
    indent = len(before)
    for character in shown[: at - first]:
        if category(character) not in ("Mn", "Me"):  # combining marks have no width of their own
            indent += 1 + (east_asian_width(character) in "WF")
    return f"  {before}{shown}{after}\n  {' ' * indent}^"
