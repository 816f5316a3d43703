"""Texts as a search index takes them: trigrams that propose rows, and words that analyzers cut.

Trigrams are all runs of three characters of the folded text. A text that contains another has all of its trigrams, so
the trigrams of what is looked for propose every row that has it. They also propose others: the row is always checked.

Words are what the analyzers of the service make, as far as that is known:

    single_word         runs of letters and digits; each character alone of scripts without spaces, and of symbols
    max_word, min_word  the same; but a Match looks for pairs of characters of such scripts, because most words of
                        Chinese have two, and the service's dictionary is not here
    split               what stands between white space or a delimiter
    fuzzy               no words: parts of the text
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from tsmem.folding import fold
from tsmem.port import FieldType

_NO_SPACES = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3040-\u30fa"
    "\u30fc-\u318f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7ff"
    "\uf900-\ufaff\uff66-\uffdc\U00020000-\U0003ffff"
)
"""Characters of scripts that are written without spaces, or whose words are often of two characters."""
_SYMBOLS = "\u20a0-\u20cf\u2100-\u2bff\U0001f000-\U0001faff"
_LETTER = rf"[^\W_{_NO_SPACES}{_SYMBOLS}]"
_SINGLE = re.compile(rf"[{_NO_SPACES}]")
_WORD = re.compile(rf"[{_NO_SPACES}{_SYMBOLS}]|{_LETTER}+")
_RUN = re.compile(rf"[{_NO_SPACES}]+|[{_SYMBOLS}]|{_LETTER}+")

_PADDING = "\x01"
_NUL = "\x02"
_STEP = 3
"""Every third trigram of a longer text is looked up, and the last: all characters, once. Measured on 200,000 messages:
`quarter to quarter` takes 7 ms so, and 28 ms by all its trigrams; what is proposed wrongly is a few in a hundred."""
MAX_TRIGRAMS = 16
"""Trigrams of one text that are looked up. The check of the row looks at the rest."""
MAX_ALTERNATIVES = 64
"""Texts that are looked up together. More propose no rows: then every row is checked."""


def trigram_text(text: str) -> str:
    """Return a text as the trigram table takes it: folded, without NUL, at which SQLite's tokenizer ends.

    Each character of a script without spaces is followed by a padding character, so that two of them make trigrams.
    This is done character by character, so that a part of a text becomes a part of what the text becomes.
    """
    folded = fold(text)
    if not folded.isascii():
        folded = _SINGLE.sub(rf"\g<0>{_PADDING}", folded)
    return folded.replace("\0", _NUL)


def trigram_query(part: str) -> str | None:
    """Return an FTS5 query that proposes all texts that contain a part, by some of its trigrams; None if the part is
    too short for one."""
    text = trigram_text(part)
    last = len(text) - 3
    if last < 0:
        return None
    step = max(_STEP, -(-last // MAX_TRIGRAMS)) if last > _STEP else 1
    return " AND ".join(dict.fromkeys(_quoted(text[at : at + 3]) for at in (*range(0, last, step), last)))


def _quoted(trigram: str) -> str:
    return '"' + trigram.replace('"', '""') + '"'


def all_of(parts: Sequence[str]) -> str | None:
    """Return an FTS5 query that proposes all texts that contain every part; None if all parts are too short."""
    found = [query for part in parts[:MAX_ALTERNATIVES] if (query := trigram_query(part)) is not None]
    return " AND ".join(dict.fromkeys(found)) or None


def any_of(queries: Sequence[str | None]) -> str | None:
    """Return an FTS5 query that proposes what any of several does; None if one of them cannot propose."""
    found = [f"({query})" for query in queries if query is not None]
    if len(found) < len(queries) or len(found) > MAX_ALTERNATIVES:
        return None
    return " OR ".join(dict.fromkeys(found))


def words(kind: FieldType, text: str) -> list[str]:
    """Cut a text into the words of a field that is not fuzzy, in order."""
    if kind.analyzer == "split":
        return [_folded(kind, word) for word in text.split(kind.delimiter or None) if word]
    return _WORD.findall(_folded(kind, text))


def _folded(kind: FieldType, text: str) -> str:
    return text if kind.case_sensitive else fold(text)


class CutText:
    """The text of one row, folded and cut when that is asked for. (A cached_property takes a lock in Python 3.11: 1 us
    for each row.)"""

    __slots__ = ("_counts", "_folded", "_kind", "_words", "text")

    def __init__(self, kind: FieldType, text: str) -> None:
        self.text = text
        self._kind = kind
        self._folded: str | None = None
        self._words: list[str] | None = None
        self._counts: Counter[str] | None = None

    @property
    def folded(self) -> str:
        """The folded text."""
        if self._folded is None:
            self._folded = fold(self.text)
        return self._folded

    @property
    def words(self) -> list[str]:
        """The words, in order."""
        if self._words is None:
            self._words = words(self._kind, self.text)
        return self._words

    @property
    def counts(self) -> Counter[str]:
        """How often each word stands in the text."""
        if self._counts is None:
            self._counts = Counter(self.words)
        return self._counts


def match_groups(kind: FieldType, text: str, *, alone: bool) -> list[list[str]]:
    """Cut the text of a Match. Return groups: a text matches all if it has one of each group.

    Each word is a group of its own. max_word and min_word look for pairs of characters of scripts without spaces, as
    in 我要退款: 我要, 要退, 退款. A text must have the first and the last pair, and of two neighbours one, because
    there is no pair where one word of the service's dictionary ends and the next begins: [我要], [我要 or 要退],
    [要退 or 退款], [退款]. With `alone`, each word and pair is a group, once.
    """
    groups: list[list[str]] = []
    for run in _RUN.findall(_folded(kind, text)) if _has_pairs(kind) else words(kind, text):
        if _has_pairs(kind) and len(run) > 1 and _SINGLE.match(run):
            pairs = list(map("".join, pairwise(run)))
            groups += [pairs[:1], *map(list, pairwise(pairs)), pairs[-1:]]
        else:
            groups.append([run])
    return [[word] for word in dict.fromkeys(word for group in groups for word in group)] if alone else groups


def is_pair(kind: FieldType, word: str) -> bool:
    """True for a pair of `match_groups`, which is no word of the field."""
    return _has_pairs(kind) and len(word) == 2 and all(map(_SINGLE.match, word))


def _has_pairs(kind: FieldType) -> bool:
    return kind.analyzer in ("max_word", "min_word")


def term_words(kind: FieldType, term: str) -> list[str]:
    """Return a Term as words of a text: as it is, or as characters where the field keeps each as a word."""
    if _has_pairs(kind) and len(term) > 1 and all(map(_SINGLE.match, term)):
        return list(term)
    return [term]


def count_phrase(text: CutText, phrase: list[str]) -> int:
    """Count where the words of a phrase stand side by side in a text."""
    first, size, found = phrase[0], len(phrase), text.words
    if size == 1:
        return text.counts[first]
    count, at = 0, -1
    for _ in range(text.counts[first]):
        at = found.index(first, at + 1)
        count += found[at : at + size] == phrase
    return count
