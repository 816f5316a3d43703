"""What each kind of query asks of a text, and which rows trigrams propose for it.

Texts are folded, unless the field is case-sensitive. So are the texts of Contains, Match and MatchPhrase. What a client
names in a Term, Prefix or Wildcard is taken as it is: Term "Tea" finds no text of a field that is folded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tsmem.engine import messages
from tsmem.engine.cells import unpack_some
from tsmem.engine.search import values
from tsmem.engine.search.index import Field
from tsmem.engine.search.texts import (
    all_of,
    any_of,
    count_phrase,
    count_words,
    match_groups,
    term_words,
    trigram_query,
    words,
)
from tsmem.folding import fold, is_case_invariant
from tsmem.queries import Contains, HasField, Match, MatchPhrase, Operator, Prefix, Term, Terms, Wildcard

TextQuery = Match | MatchPhrase | Term | Terms | Prefix | Wildcard | HasField | Contains
Count = Callable[[str], int]


class TextTest(NamedTuple):
    """A test of the text in one field of a row."""

    field: Field
    count: Count
    """Counts what is looked for in the text; 0: the row does not match."""
    proposed: str | None = None
    """The FTS5 query for all rows that may match; None if trigrams do not narrow them."""
    literal: str | None = None
    """A part that every text that matches has byte for byte; None if its case may differ."""

    def text(self, source: object) -> str | None:
        """Return the text of a row, given what stands in the field's column: its cells, or the text itself."""
        if isinstance(source, bytes):
            source = unpack_some(source, (self.field.name,))[1].get(self.field.name)
        return source if isinstance(source, str) else None


def text_test(field: Field, query: TextQuery) -> TextTest | None:
    """Return the test that a query is; None if nothing matches it. Raises InvalidInput."""
    if isinstance(query, HasField):
        return TextTest(field, lambda text: 1, None)
    if isinstance(query, Contains):
        return _parts(field, [fold(values.text_of(field, query.text))], 1)
    if isinstance(query, Wildcard):
        return _wildcard(field, values.check_pattern(values.text_of(field, query.pattern)))
    return _fuzzy(field, query) if field.type.analyzer == "fuzzy" else _words(field, query)


def _wildcard(field: Field, pattern: str) -> TextTest:
    proposed = all_of(values.literal_parts(pattern))
    if field.type.analyzer == "fuzzy":
        part = values.wildcard(f"*{pattern}*")
        return TextTest(field, lambda text: part(fold(text)), proposed)
    word = values.wildcard(pattern)
    return TextTest(field, lambda text: sum(map(word, words(field.type, text))), proposed)


# Fuzzy fields: parts of the text


def _fuzzy(field: Field, query: Match | MatchPhrase | Term | Terms | Prefix) -> TextTest | None:
    if isinstance(query, Match):
        parts = fold(values.text_of(field, query.text)).split()
        return _parts(field, parts, _least(query, len(set(parts))))
    if isinstance(query, MatchPhrase):
        return _parts(field, [fold(values.text_of(field, query.text))], 1)
    if isinstance(query, Prefix):
        return _parts(field, [values.check_prefix(query.text)], 1)
    # A Term is one of the n-grams that the service would make.
    shortest, longest = field.type.min_chars or 1, field.type.max_chars or math.inf
    return _parts(field, [gram for gram in _terms(field, query) if shortest <= len(gram) <= longest], 1)


def _parts(field: Field, parts: Sequence[str], least: int) -> TextTest | None:
    """Return the test for so many of the parts."""
    wanted = list(dict.fromkeys(filter(None, parts)))
    if not wanted:
        return None

    def count(text: str) -> int:
        folded = fold(text)
        return _enough([folded.count(part) for part in wanted], least)

    literal = wanted[0] if len(wanted) == 1 and all(map(is_case_invariant, wanted[0])) else None
    proposed = all_of(wanted) if least == len(wanted) else any_of([trigram_query(part) for part in wanted])
    return TextTest(field, count, proposed, literal)


# Other fields: words of the text


def _words(field: Field, query: Match | MatchPhrase | Term | Terms | Prefix) -> TextTest | None:
    kind = field.type
    if isinstance(query, Match):
        return _match(field, query)
    if isinstance(query, Prefix):
        begin = values.check_prefix(query.text)
        if not begin:
            return None
        return TextTest(field, lambda text: sum(word.startswith(begin) for word in words(kind, text)), all_of([begin]))
    if isinstance(query, MatchPhrase):
        phrases = [tuple(words(kind, values.text_of(field, query.text)))]
    else:
        phrases = [term_words(kind, term) for term in _terms(field, query)]
    wanted = [phrase for phrase in phrases if phrase]
    if not wanted:
        return None

    def count(text: str) -> int:
        found = words(kind, text)
        return sum(count_phrase(found, phrase) for phrase in wanted)

    return TextTest(field, count, any_of([all_of(phrase) for phrase in wanted]))


def _match(field: Field, query: Match) -> TextTest | None:
    kind = field.type
    groups = match_groups(kind, values.text_of(field, query.text))
    wanted = list(dict.fromkeys(word for group in groups for word in group))
    if not wanted:
        return None
    least = _least(query, 0)
    if least:
        return TextTest(
            field,
            lambda text: _enough(count_words(kind, text, wanted), least),
            any_of(list(map(trigram_query, wanted))),
        )

    def count(text: str) -> int:
        counts = dict(zip(wanted, count_words(kind, text, wanted), strict=True))
        return sum(counts.values()) if all(any(counts[word] for word in group) for group in groups) else 0

    return TextTest(field, count, all_of([group[0] for group in groups if len(group) == 1]))


# Both


def _terms(field: Field, query: Term | Terms) -> list[str]:
    given = values.check_terms(query.values) if isinstance(query, Terms) else (query.value,)
    return [values.text_of(field, value) for value in given]


def _least(query: Match, parts: int) -> int:
    return parts if query.operator is Operator.AND else max(1, query.minimum_should_match or 1)


def _enough(counts: list[int], least: int) -> int:
    return sum(counts) if sum(map(bool, counts)) >= least else 0


def cannot_answer(field: Field, query: object) -> Exception:
    """Return the error of a query that the field's type cannot answer."""
    kind = type(query).__name__
    return messages.invalid(f"field: {field.name} of type {field.type.name} cannot answer a query of kind {kind}")
