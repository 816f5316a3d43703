"""Plan `Contains` for the service, which has no such query: search for what the analyzer of the field can match.

The result has every row whose field contains the text as whole words, and others; the store checks the rows.

    fuzzy                   matches every part of a text, in its first 1,024 characters: a phrase
    single_word             matches words and their beginnings: a phrase, or its last word as a prefix
    max_word, min_word      the same, but words may overlap, so their positions in a text and in its part differ: all
                            words, in any order
    split                   words keep the punctuation beside them: wildcards
    case-sensitive fields   do not match a text in another case: all rows that have the field
    text without any word   such as `?!?` is in no index of words: all rows that have the field
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import ascii_letters, digits

from tsmem.errors import InvalidInput
from tsmem.folding import fold, is_case_invariant
from tsmem.port import FieldType
from tsmem.queries import Bool, Contains, HasField, Match, MatchPhrase, Operator, Prefix, Query, Wildcard

MAX_SEARCHED = 120
"""Characters of a long text that are searched for: enough, because rows are checked. `tsmem serve` takes 256 words of
phrases in a search; two fields, each in two ways, take four times as many words as these have: 240."""
MAX_LAST_WORD = 30  # characters at the end of a long text that are left out as a part of a word
MIN_PREFIX = 3  # letters at the end of a text that are also searched for as the beginning of a word
MAX_PATTERN = 30  # characters of a word within a wildcard pattern, which the service limits to 32


def has_contains(query: Query) -> bool:
    if isinstance(query, Bool):
        return any(map(has_contains, (*query.must, *query.filter, *query.should, *query.must_not)))
    return isinstance(query, Contains)


def plan_contains(query: Query, fields: Mapping[str, FieldType]) -> Query:
    """Return the query with each Contains replaced by a query that an index of these fields can answer. Raises
    InvalidInput for a Contains within `must_not`: its query matches too many rows, so too many would be left out."""
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
    text = query.text
    if len(text) > MAX_SEARCHED:
        # It ends with a whole word, because an index does not have parts of words. In scripts without spaces words end
        # within a run of characters: no more of it is left out than a word may have.
        text = text[:MAX_SEARCHED]
        text = re.sub(rf"\w{{1,{MAX_LAST_WORD}}}\Z", "", text).rstrip() or text
    return _by_analyzer(query.field, fields[query.field], text)


def _by_analyzer(field: str, kind: FieldType, text: str) -> Query:
    if kind.analyzer == "fuzzy":
        return MatchPhrase(field, text) if len(text) >= (kind.min_chars or 1) else _with_part(field, text)
    if (kind.case_sensitive and not all(map(is_case_invariant, text))) or not any(map(str.isalnum, text)):
        return HasField(field)
    if kind.analyzer == "split":
        # The delimiter may be a letter, and the index may lowercase its texts before it splits them.
        delimiter = re.escape(kind.delimiter) if kind.delimiter else r"\s+"
        words = tuple(_with_part(field, word) for word in re.split(delimiter, text, flags=re.IGNORECASE) if word)
        return Bool(should=(Match(field, text, Operator.AND), Bool(must=words))) if words else HasField(field)
    head = text.rstrip(ascii_letters + digits)
    last = "" if head[-1:].isalnum() else text[len(head) :]  # words of other scripts may not end with a space
    overlaps = kind.analyzer in ("max_word", "min_word")
    whole, before = (
        Match(field, part, Operator.AND) if overlaps else MatchPhrase(field, part) for part in (text, head)
    )
    if len(last) < MIN_PREFIX:
        return whole
    # The text may end within a word: `reservation` is looked for in `reservations`, too.
    prefix: Query = Prefix(field, fold(last))
    return Bool(should=(whole, Bool(must=(before, prefix)) if any(map(str.isalnum, head)) else prefix))


def _with_part(field: str, text: str) -> Query:
    """Return the query for words that contain the text, in each form that an index may have lowercased it to."""
    forms = dict.fromkeys((fold(text), text.lower()))
    patterns = tuple(Wildcard(field, f"*{form[:MAX_PATTERN]}*") for form in forms)
    return patterns[0] if len(patterns) == 1 else Bool(should=patterns)
