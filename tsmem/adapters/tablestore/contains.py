"""Plan `Contains` for the service, which has no such query: ask what the analyzer of the field can answer.

The answer has every row whose field contains the text as whole words, and others; the store checks the rows.

    fuzzy                   knows all parts of a text, in its first 1,024 characters: a phrase
    single_word             knows words and how they begin: a phrase, or its last word as a prefix
    max_word, min_word      the same, but words may overlap, and then their places differ between a text and its part:
                            all words, in any order
    split                   words keep the punctuation beside them: wildcards
    case-sensitive fields   say nothing of a text in another case: all rows that have the field
    text without any word   is none to an index of words, such as `?!?`: all rows that have the field
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tsmem.errors import InvalidInput
from tsmem.folding import fold, is_case_invariant
from tsmem.port import FieldType
from tsmem.queries import Bool, Contains, HasField, Match, MatchPhrase, Operator, Prefix, Query, Wildcard

MAX_ASKED = 120
"""Characters of a long text that are asked for: as good as all of it, because rows are checked. `tsmem serve` takes 256
words of phrases in a search; two fields, each in two ways, ask for four times as many words as these have: 240."""
MAX_LAST_WORD = 30
"""Characters at the end of a long text that are left out as part of a word."""
MIN_PREFIX = 3
"""Letters at the end of a text that are also looked for as the beginning of a word."""
MAX_PATTERN = 30
"""Characters of a word within a wildcard pattern, which the service limits to 32."""


def has_contains(query: Query) -> bool:
    """True if a query asks for a part of a text anywhere."""
    if isinstance(query, Bool):
        return any(map(has_contains, (*query.must, *query.filter, *query.should, *query.must_not)))
    return isinstance(query, Contains)


def plan_contains(query: Query, fields: Mapping[str, FieldType]) -> Query:
    """Return the query with each Contains replaced by what an index of these fields can answer. Raises InvalidInput for
    one within `must_not`: what finds more than it should would leave out more than it should."""
    if isinstance(query, Bool):
        if any(map(has_contains, query.must_not)):
            raise InvalidInput("a search of TableStore cannot leave out the rows that contain a text")
        must, must_not, filters, should = (
            tuple(plan_contains(part, fields) for part in parts)
            for parts in (query.must, query.must_not, query.filter, query.should)
        )
        return Bool(must, must_not, filters, should, query.minimum_should_match)
    if not isinstance(query, Contains):
        return query
    if query.field not in fields:
        return HasField(query.field)  # the service says that there is no such field
    return _by_analyzer(query.field, fields[query.field], _beginning(query.text))


def _beginning(text: str) -> str:
    """Return the beginning of a long text. It ends with a word, because an index does not have parts of words. In
    scripts without spaces, words end within a run of characters: no more of it is left out than a word may have."""
    if len(text) <= MAX_ASKED:
        return text
    return re.sub(rf"\w{{1,{MAX_LAST_WORD}}}\Z", "", text[:MAX_ASKED]).rstrip() or text[:MAX_ASKED]


def _by_analyzer(field: str, kind: FieldType, text: str) -> Query:
    if kind.analyzer == "fuzzy":
        return MatchPhrase(field, text) if len(text) >= (kind.min_chars or 1) else _with_part(field, text)
    if (kind.case_sensitive and not all(map(is_case_invariant, text))) or not any(map(str.isalnum, text)):
        return HasField(field)
    if kind.analyzer == "split":
        return _by_pieces(field, kind, text)
    head, last = _last_word(text)
    whole = _by_words(field, kind, text)
    if len(last) < MIN_PREFIX:
        return whole
    # The text may end within a word: `reservation` is looked for in `reservations`, too.
    begun: Query = Prefix(field, fold(last))
    if any(map(str.isalnum, head)):
        begun = Bool(must=(_by_words(field, kind, head), begun))
    return Bool(should=(whole, begun))


def _by_words(field: str, kind: FieldType, text: str) -> Query:
    if kind.analyzer in ("max_word", "min_word"):
        return Match(field, text, Operator.AND)
    return MatchPhrase(field, text)


def _by_pieces(field: str, kind: FieldType, text: str) -> Query:
    """Return the query for a field that is split. What divides words may be a letter, and an index may make its texts
    small before."""
    divider = re.escape(kind.delimiter) if kind.delimiter else r"\s+"
    words = tuple(_with_part(field, piece) for piece in re.split(divider, text, flags=re.IGNORECASE) if piece)
    return Bool(should=(Match(field, text, Operator.AND), Bool(must=words))) if words else HasField(field)


def _with_part(field: str, text: str) -> Query:
    """Return the query for words that have the text in them, in the forms that an index may have made small."""
    forms = dict.fromkeys((fold(text), text.lower()))
    patterns = tuple(Wildcard(field, f"*{form[:MAX_PATTERN]}*") for form in forms)
    return patterns[0] if len(patterns) == 1 else Bool(should=patterns)


def _last_word(text: str) -> tuple[str, str]:
    """Split a text before the letters and digits that it ends with. Only ASCII: other scripts may be written without
    spaces, and then words end within."""
    end = len(text)
    while end and text[end - 1].isascii() and text[end - 1].isalnum():
        end -= 1
    return (text, "") if end and text[end - 1].isalnum() else (text[:end], text[end:])
