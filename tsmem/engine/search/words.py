"""Cuts a text into words, as the analyzer of its TEXT field does on the service, as far as that is known.

single_word         A word is a run of letters and digits, a single symbol, or a single character of a script without
                    spaces.
max_word, min_word  The same. But a Match looks for pairs of characters of scripts without spaces, because most Chinese
                    words have two characters, and the engine does not have the service's dictionary.
split               A word is a run of characters between delimiters, or between white space if there is no delimiter.
fuzzy               There are no words: a query looks for parts of the text.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

from tsmem.engine.indexes.search_index import NO_SPACES, NO_SPACES_CHARACTER
from tsmem.folding import fold
from tsmem.port import FieldType

_SYMBOLS = "\u20a0-\u20cf\u2100-\u2bff\U0001f000-\U0001faff"
_LETTER = rf"[^\W_{NO_SPACES}{_SYMBOLS}]"
_WORD = re.compile(rf"[{NO_SPACES}{_SYMBOLS}]|{_LETTER}+")
_RUN = re.compile(rf"[{NO_SPACES}]+|[{_SYMBOLS}]|{_LETTER}+")


def cut_words(kind: FieldType, text: str) -> list[str]:
    """The field must not be fuzzy."""
    if kind.analyzer == "split":
        return [_folded(kind, word) for word in text.split(kind.delimiter or None) if word]
    return _WORD.findall(_folded(kind, text))


def _folded(kind: FieldType, text: str) -> str:
    return text if kind.case_sensitive else fold(text)


class CutText:
    """The text of one row, folded and cut when that is first needed. (Not a cached_property, which takes 1 us longer
    for each row in Python 3.11, because of a lock.)"""

    __slots__ = ("_counts", "_folded", "_kind", "_words", "text")

    def __init__(self, kind: FieldType, text: str) -> None:
        self.text = text
        self._kind = kind
        self._folded: str | None = None
        self._words: list[str] | None = None
        self._counts: Counter[str] | None = None

    @property
    def folded(self) -> str:
        if self._folded is None:
            self._folded = fold(self.text)
        return self._folded

    @property
    def words(self) -> list[str]:
        if self._words is None:
            self._words = cut_words(self._kind, self.text)
        return self._words

    @property
    def counts(self) -> Counter[str]:
        if self._counts is None:
            self._counts = Counter(self.words)
        return self._counts


def match_groups(kind: FieldType, text: str, *, are_separate: bool) -> list[tuple[str, ...]]:
    """Cut the text of a Match into groups of alternatives. A row matches completely if it has one word of each group.

    Each word is a group of its own. For max_word and min_word, a run of characters of scripts without spaces is cut
    into overlapping pairs: 我要退款 into 我要, 要退, 退款. A row must have the first pair, the last pair, and one of
    any two neighbours: [我要], [我要 or 要退], [要退 or 退款], [退款]. It need not have all pairs, because one that
    crosses the end of a word in the service's dictionary is not a word.

    With `are_separate`, each distinct word and pair is a group of its own."""
    groups: list[tuple[str, ...]] = []
    for run in _RUN.findall(_folded(kind, text)) if _has_pairs(kind) else cut_words(kind, text):
        if _has_pairs(kind) and len(run) > 1 and NO_SPACES_CHARACTER.match(run):
            pairs = list(map("".join, pairwise(run)))
            groups += [(pairs[0],), *pairwise(pairs), (pairs[-1],)]
        else:
            groups.append((run,))
    if are_separate:
        groups = [(word,) for group in groups for word in group]
    return list(dict.fromkeys(groups))


def is_pair(kind: FieldType, word: str) -> bool:
    """Return True for a pair of characters from `match_groups`."""
    return _has_pairs(kind) and len(word) == 2 and all(map(NO_SPACES_CHARACTER.match, word))


def _has_pairs(kind: FieldType) -> bool:
    return kind.analyzer in ("max_word", "min_word")


def term_words(kind: FieldType, term: str) -> list[str]:
    """Return the successive words that match a Term: the term itself or, for max_word and min_word, the characters of a
    term that is wholly in a script without spaces."""
    if _has_pairs(kind) and len(term) > 1 and all(map(NO_SPACES_CHARACTER.match, term)):
        return list(term)
    return [term]


def count_phrase(text: CutText, phrase: list[str]) -> int:
    first, size = phrase[0], len(phrase)
    if size == 1:
        return text.counts[first]
    count, place = 0, -1
    for _ in range(text.counts[first]):
        place = text.words.index(first, place + 1)
        count += text.words[place : place + size] == phrase
    return count
