"""Words, as the analyzers of the service cut a text, as far as that is known:

single_word         runs of letters and digits; each character alone of scripts without spaces, and of symbols
max_word, min_word  the same; but a Match looks for pairs of characters of such scripts, because most words of
                    Chinese have two, and the service's dictionary is not here
split               what stands between white space or a delimiter
fuzzy               no words: parts of the text
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

from tsmem.engine.indexes.trigrams import NO_SPACES, SINGLE
from tsmem.folding import fold
from tsmem.port import FieldType

_SYMBOLS = "\u20a0-\u20cf\u2100-\u2bff\U0001f000-\U0001faff"
_LETTER = rf"[^\W_{NO_SPACES}{_SYMBOLS}]"
_WORD = re.compile(rf"[{NO_SPACES}{_SYMBOLS}]|{_LETTER}+")
_RUN = re.compile(rf"[{NO_SPACES}]+|[{_SYMBOLS}]|{_LETTER}+")


def cut_words(kind: FieldType, text: str) -> list[str]:
    """Cut a text into the words of a field that is not fuzzy, in order."""
    if kind.analyzer == "split":
        return [_folded(kind, word) for word in text.split(kind.delimiter or None) if word]
    return _WORD.findall(_folded(kind, text))


def _folded(kind: FieldType, text: str) -> str:
    return text if kind.case_sensitive else fold(text)


class CutText:
    """The text of one row, folded and cut when first needed. (A cached_property takes a lock in Python 3.11: 1 us for
    each row.)"""

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


def match_groups(kind: FieldType, text: str, *, alone: bool) -> list[tuple[str, ...]]:
    """Cut the text of a Match. Return groups: a text matches all if it has one of each group.

    Each word is a group of its own. max_word and min_word look for pairs of characters of scripts without spaces, as
    in 我要退款: 我要, 要退, 退款. A text must have the first and the last pair, and of two neighbours one, because
    there is no pair where one word of the service's dictionary ends and the next begins: [我要], [我要 or 要退],
    [要退 or 退款], [退款]. With `alone`, each word and pair is a group, once.
    """
    groups: list[tuple[str, ...]] = []
    for run in _RUN.findall(_folded(kind, text)) if _has_pairs(kind) else cut_words(kind, text):
        if _has_pairs(kind) and len(run) > 1 and SINGLE.match(run):
            pairs = list(map("".join, pairwise(run)))
            groups += [(pairs[0],), *pairwise(pairs), (pairs[-1],)]
        else:
            groups.append((run,))
    if alone:
        groups = [(word,) for group in groups for word in group]
    return list(dict.fromkeys(groups))


def is_pair(kind: FieldType, word: str) -> bool:
    """Return True for a pair of `match_groups`, which is no word of the field."""
    return _has_pairs(kind) and len(word) == 2 and all(map(SINGLE.match, word))


def _has_pairs(kind: FieldType) -> bool:
    return kind.analyzer in ("max_word", "min_word")


def term_words(kind: FieldType, term: str) -> list[str]:
    """Return a Term as words of a text: as it is, or as characters where the field keeps each as a word."""
    if _has_pairs(kind) and len(term) > 1 and all(map(SINGLE.match, term)):
        return list(term)
    return [term]


def count_phrase(text: CutText, phrase: list[str]) -> int:
    """Count the places where the words of a phrase stand side by side."""
    first, size, found = phrase[0], len(phrase), text.words
    if size == 1:
        return text.counts[first]
    count, at = 0, -1
    for _ in range(text.counts[first]):
        at = found.index(first, at + 1)
        count += found[at : at + size] == phrase
    return count
