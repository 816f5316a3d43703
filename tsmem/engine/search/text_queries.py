"""Tests and scores of texts: each query on a TEXT field as patterns that are counted in a text, and as trigrams that
propose rows.

A score is BM25 with a fixed mean length:

    score(row) = sum over the tests of weight * tf * (K + 1) / (tf + K * (1 - B + B * length / MEAN_LENGTH))
    weight     = ln(1 + (n - df + 0.5) / (df + 0.5))

tf counts the patterns of the test in the text, n is the number of rows of the index, and df the number of those that
the trigrams propose for the test; half of n if they propose none. So no text is read before the first row is scored.
The service's own formula is not known.

Contains and fuzzy fields always ignore case. Other fields fold their words, and those of a Match or MatchPhrase, unless
they are case-sensitive. What a client names in a Term, Prefix or Wildcard is never folded: Term "Tea" finds nothing in
a field that folds its words.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tsmem.engine.indexes.search_index import Field
from tsmem.engine.indexes.trigrams import all_of, any_of
from tsmem.engine.rows.cells import unpack
from tsmem.engine.search import values
from tsmem.engine.search.words import CutText, count_phrase, cut_words, is_pair, match_groups, term_words
from tsmem.folding import fold, is_case_invariant
from tsmem.queries import Contains, HasField, Match, MatchPhrase, Operator, Prefix, Term, Terms, Wildcard

K = 1.2
B = 0.75
MEAN_LENGTH = 400  # characters

TextQuery = Match | MatchPhrase | Term | Terms | Prefix | Wildcard | HasField | Contains


class Pattern(NamedTuple):
    count: Callable[[CutText], int]
    parts: Sequence[str] = ()
    """Parts that every matching text contains, whatever their case."""


class TextTest(NamedTuple):
    """A test of the text in one field of a row: it matches if at least `least` of the patterns are found in it."""

    field: Field
    patterns: Sequence[Pattern]
    least: int = 1

    @property
    def proposed(self) -> str | None:
        """The FTS5 query for all rows that may match; None if trigrams do not narrow them."""
        if self.least == len(self.patterns):
            return all_of([part for pattern in self.patterns for part in pattern.parts])
        return any_of([all_of(pattern.parts) for pattern in self.patterns])

    @property
    def literal(self) -> str | None:
        """A part that every text that matches has byte for byte; None if its case may differ."""
        parts = self.patterns[0].parts
        return parts[0] if len(self.patterns) == len(parts) == 1 and all(map(is_case_invariant, parts[0])) else None

    def score(self, source: object) -> float:
        """Return the score of a row, given what stands in the field's column: its cells, or the text itself; 0 if it
        does not match."""
        if isinstance(source, bytes):
            source = unpack(source, (self.field.name,))[1].get(self.field.name)
        if not isinstance(source, str):
            return 0.0
        text = CutText(self.field.type, source)
        counts = [pattern.count(text) for pattern in self.patterns]
        if len(counts) - counts.count(0) < self.least:
            return 0.0
        frequency = sum(counts)
        return frequency * (K + 1) / (frequency + K * (1 - B + B * len(source) / MEAN_LENGTH))


def weight(rows: int, proposed: int) -> float:
    return math.log(1 + (rows - proposed + 0.5) / (proposed + 0.5))


def text_test(field: Field, query: TextQuery) -> TextTest | None:
    """Return the test of a query; None if nothing matches it. A fuzzy field finds any part of a text, other fields find
    words. Raises InvalidInput."""
    kind, is_fuzzy = field.type, field.type.analyzer == "fuzzy"
    patterns: list[Pattern | None]
    if isinstance(query, Match):
        return _match(field, query)
    if isinstance(query, HasField):
        patterns = [Pattern(lambda text: 1)]
    elif isinstance(query, Contains) or (is_fuzzy and isinstance(query, MatchPhrase)):
        patterns = [_part(fold(values.query_text(field, query.text)))]
    elif isinstance(query, MatchPhrase):
        patterns = [_phrase(cut_words(kind, values.query_text(field, query.text)))]
    elif isinstance(query, Prefix):
        begin = values.check_prefix(query.text)
        of_words = Pattern(lambda text: sum(word.startswith(begin) for word in text.words), [begin])
        patterns = [_part(begin) if is_fuzzy or not begin else of_words]
    elif isinstance(query, Wildcard):
        pattern = values.pattern_text(field, query.pattern)
        parts, matches = values.literal_parts(pattern), values.wildcard(f"*{pattern}*" if is_fuzzy else pattern)
        patterns = [Pattern(lambda text: sum(map(matches, [text.folded] if is_fuzzy else text.words)), parts)]
    else:
        given = values.check_terms(query.values) if isinstance(query, Terms) else (query.value,)
        terms = dict.fromkeys(values.query_text(field, value) for value in given)
        # On a fuzzy field a Term is one of the n-grams that the service would make.
        shortest, longest = kind.min_chars or 1, kind.max_chars or math.inf
        if is_fuzzy:
            patterns = [_part(term) for term in terms if shortest <= len(term) <= longest]
        else:
            patterns = [_phrase(term_words(kind, term)) for term in terms]
    wanted = [pattern for pattern in patterns if pattern is not None]
    return TextTest(field, wanted) if wanted else None


def _match(field: Field, query: Match) -> TextTest | None:
    text, least = values.query_text(field, query.text), max(1, query.minimum_should_match or 1)
    if field.type.analyzer == "fuzzy":
        groups: list[tuple[str, ...]] = [(part,) for part in dict.fromkeys(fold(text).split())]
    else:
        groups = match_groups(field.type, text, alone=query.operator is Operator.OR)
    if not groups:
        return None
    patterns = [_any(field, group) for group in groups]
    return TextTest(field, patterns, len(patterns) if query.operator is Operator.AND else least)


def _part(part: str) -> Pattern | None:
    return Pattern(lambda text: text.folded.count(part), [part]) if part else None


def _phrase(phrase: list[str]) -> Pattern | None:
    return Pattern(lambda text: count_phrase(text, phrase), phrase) if phrase else None


def _any(field: Field, group: tuple[str, ...]) -> Pattern:
    """Return the pattern of any word of a Match's group. Pairs, and all words of a fuzzy field, are looked for as parts
    of the text, the others as whole words."""
    parts = [word for word in group if field.type.analyzer == "fuzzy" or is_pair(field.type, word)]
    whole = [word for word in group if word not in parts]

    def count(text: CutText) -> int:
        return sum(map(text.folded.count, parts)) + sum(text.counts[word] for word in whole)

    return Pattern(count, group if len(group) == 1 else ())
