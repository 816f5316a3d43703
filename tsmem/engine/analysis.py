"""Texts as an index of words or of characters takes them: which words a text has, and how FTS5 is given them.

Its one rule: words are ours. FTS5 gets them joined by spaces, in a form that its tokenizer `ascii` leaves alone: ASCII
characters that are neither small letters nor digits are moved to a private plane. So what a word is does not depend on
SQLite. A file keeps what it was given, and takes exactly that out of the index again: another version of Unicode, in
another Python, does no harm.

single_word, max_word and min_word make the same words: runs of letters and digits, and each character alone of scripts
that are written without spaces, and of symbols such as emoji. A query on a max_word or min_word field looks for pairs
of such characters (`pairs`), because a word of Chinese mostly has two. fuzzy keeps the text, for parts of it are looked
for. All are folded, which holds for every part of a text, too.

What stands between words, such as `?!?`, is none; that is for `marks`.
"""

from __future__ import annotations

import re
from itertools import pairwise

from tsmem.folding import fold
from tsmem.port import FieldType

WORDS = "words"
GRAMS = "grams"
PRIVATE = 0x10FF00
"""Private characters stand here for the ASCII ones that must not divide or fold a word."""
_HIDDEN = {code: PRIVATE + code for code in range(128) if not chr(code).islower() and not chr(code).isdigit()}
_ALONE = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3040-\u30fa"
    "\u30fc-\u318f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7ff"
    "\uf900-\ufaff\uff66-\uffdc\U00020000-\U0003ffff"
)
"""Characters of scripts without spaces: each is a word."""
_SYMBOLS = "\u20a0-\u20cf\u2100-\u2bff\U0001f000-\U0001faff"
_LETTER = rf"[^\W_{_ALONE}{_SYMBOLS}]"
_WORD = re.compile(rf"[{_ALONE}{_SYMBOLS}]|{_LETTER}+")
_RUN = re.compile(rf"[{_ALONE}]+|[{_SYMBOLS}]|{_LETTER}+")
_PARTS = re.compile(rf"({_LETTER}++|[{_ALONE}{_SYMBOLS}])")
_ASCII_PARTS = re.compile(r"([0-9a-z]++)")
"""Of folded text, and a third quicker."""
BEGUN = 3
"""Letters of a last word that may be the beginning of a longer one: FTS5 gathers all that begin so."""
_IS_ALONE = re.compile(rf"[{_ALONE}]")
_ONE = re.compile(rf"[{_ALONE}{_SYMBOLS}]")


def shape(kind: FieldType) -> str:
    """How a TEXT field is kept: WORDS, or GRAMS for the analyzer fuzzy."""
    return GRAMS if kind.analyzer == "fuzzy" else WORDS


def words(kind: FieldType, text: str) -> list[str]:
    """The words of a text, in order, by the analyzer of a field that is kept as WORDS."""
    text = text if kind.case_sensitive else fold(text)
    if kind.analyzer == "split":
        return [word for word in text.split(kind.delimiter or None) if word]
    return _WORD.findall(text)


def joined_words(kind: FieldType, text: str) -> str:
    """The words of a text as FTS5 is given them."""
    return " ".join(map(hidden, words(kind, text)))


def phrases(kind: FieldType, text: str) -> list[tuple[str, ...]]:
    """What a Match looks for: the words of the text, each in one piece; of max_word and min_word fields, pairs of
    characters that stand side by side."""
    if kind.analyzer not in ("max_word", "min_word"):
        return [(word,) for word in words(kind, text)]
    found: list[tuple[str, ...]] = []
    for run in _RUN.findall(text if kind.case_sensitive else fold(text)):
        if len(run) > 1 and _IS_ALONE.match(run):
            found += pairwise(run)
        else:
            found.append((run,))
    return found


def symbols(kind: FieldType, text: str) -> tuple[str, ...]:
    """Those words that a text without letters has, side by side, wherever it stands in another: symbols, where each is
    a word."""
    return () if kind.analyzer == "split" else tuple(words(kind, text))


def pieces(kind: FieldType, word: str) -> list[str]:
    """A word as a client names it, unchanged: several where the field keeps its characters apart."""
    if kind.analyzer in ("max_word", "min_word") and len(word) > 1 and all(map(_IS_ALONE.match, word)):
        return list(word)
    return [word]


def hidden(word: str) -> str:
    """A word as FTS5 is given it."""
    return word.translate(_HIDDEN)


def kept_part(text: str) -> str:
    """A folded text, or a part of one, as a fuzzy field keeps it. The trigram tokenizer ends at NUL: that is hidden."""
    return text.replace("\0", chr(PRIVATE))


def parted(text: str) -> tuple[list[str], list[str]]:
    """A folded text's words, and what stands before, between and behind them."""
    parts = (_ASCII_PARTS if text.isascii() else _PARTS).split(text)
    return parts[1::2], parts[::2]


def goes_alone(word: str) -> bool:
    """Whether a word is one of those characters that are words by themselves."""
    return _ONE.match(word) is not None
