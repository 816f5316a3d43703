"""Turns a query on a TEXT field into a test, which finds and scores texts.

A `TextTest` has an FTS5 query, whose trigrams find candidates, and patterns, which are counted in the text of each
candidate. The score of a row is BM25 with a fixed mean length:

    score  = sum over the tests of weight * tf * (K + 1) / (tf + K * (1 - B + B * length / MEAN_LENGTH))
    weight = ln(1 + (n - df + 0.5) / (df + 0.5))

tf is how often the text has the patterns of the test, and n is the number of rows in the index. df is the number of
candidates of the test, or n / 2 if it has no FTS5 query. The service's own formula is not known.

A Contains query and a query on a fuzzy field look in the folded text. The words of other fields are folded unless the
field is case-sensitive. Where the text is folded, the value of a Contains, Match or MatchPhrase is folded too. That of
a Term, Prefix or Wildcard never is: Term "Tea" finds nothing in folded text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tsmem.engine.indexes.search_index import Field, all_of, any_of
from tsmem.engine.rows.cells import unpack_columns
from tsmem.engine.search import values
from tsmem.engine.search.words import CutText, count_phrase, cut_words, is_pair, match_groups, term_words
from tsmem.folding import fold, is_case_invariant
from tsmem.queries import Contains, HasField, Match, MatchPhrase, Prefix, Term, Terms, Wildcard

K = 1.2
B = 0.75
MEAN_LENGTH = 400  # characters

TextQuery = Match | MatchPhrase | Term | Terms | Prefix | Wildcard | HasField | Contains


class Pattern(NamedTuple):
    count: Callable[[CutText], int]
    parts: Sequence[str] = ()
    """Fragments that a text must contain, in any case, if it has the pattern."""


class TextTest(NamedTuple):
    """A text matches if it has at least `min_patterns` of the patterns."""

    field: Field
    patterns: Sequence[Pattern]
    min_patterns: int = 1

    @property
    def fts5_query(self) -> str | None:
        """An FTS5 query whose candidates include all rows that match; None if trigrams do not narrow them."""
        if self.min_patterns == len(self.patterns):
            return all_of([part for pattern in self.patterns for part in pattern.parts])
        return any_of([all_of(pattern.parts) for pattern in self.patterns])

    @property
    def literal(self) -> str | None:
        """A text that every matching text contains byte for byte; None if no such text is known."""
        parts = self.patterns[0].parts
        return parts[0] if len(self.patterns) == len(parts) == 1 and all(map(is_case_invariant, parts[0])) else None

    def score(self, source: object) -> float:
        """Return the score of a row without its weight, or 0 if it does not match. `source` is the packed cells of the
        row, or the text of a key column."""
        if isinstance(source, bytes):
            source = unpack_columns(source, (self.field.name,))[1].get(self.field.name)
        if not isinstance(source, str):
            return 0.0
        text = CutText(self.field.type, source)
        counts = [pattern.count(text) for pattern in self.patterns]
        if len(counts) - counts.count(0) < self.min_patterns:
            return 0.0
        frequency = sum(counts)
        return frequency * (K + 1) / (frequency + K * (1 - B + B * len(source) / MEAN_LENGTH))


def bm25_weight(row_count: int, candidate_count: int) -> float:
    return math.log(1 + (row_count - candidate_count + 0.5) / (candidate_count + 0.5))


def text_test(field: Field, query: TextQuery) -> TextTest | None:
    """Return None if no text can match. On a fuzzy field a query finds any part of a text, on others words."""
    kind, is_fuzzy = field.type, field.type.analyzer == "fuzzy"
    patterns: list[Pattern | None]
    if isinstance(query, Match):
        return _match(field, query)
    if isinstance(query, HasField):
        patterns = [Pattern(lambda text: 1)]
    elif isinstance(query, Contains) or (is_fuzzy and isinstance(query, MatchPhrase)):
        patterns = [_part_pattern(fold(values.query_text(field, query.text)))]
    elif isinstance(query, MatchPhrase):
        patterns = [_phrase_pattern(cut_words(kind, values.query_text(field, query.text)))]
    elif isinstance(query, Prefix):
        prefix = values.check_prefix(query.text)
        of_words = Pattern(lambda text: sum(word.startswith(prefix) for word in text.words), [prefix])
        patterns = [_part_pattern(prefix) if is_fuzzy or not prefix else of_words]
    elif isinstance(query, Wildcard):
        pattern = values.pattern_text(field, query.pattern)
        parts = [part for part in re.split(r"[*?]", pattern) if part]
        matches = values.wildcard(f"*{pattern}*" if is_fuzzy else pattern)
        patterns = [Pattern(lambda text: sum(map(matches, [text.folded] if is_fuzzy else text.words)), parts)]
    else:
        given = values.check_terms(query.values) if isinstance(query, Terms) else (query.value,)
        terms = dict.fromkeys(values.query_text(field, value) for value in given)
        if is_fuzzy:  # on the service, a Term finds n-grams of the field, whose lengths are limited
            shortest, longest = kind.min_chars or 1, kind.max_chars or math.inf
            patterns = [_part_pattern(term) for term in terms if shortest <= len(term) <= longest]
        else:
            patterns = [_phrase_pattern(term_words(kind, term)) for term in terms]
    possible = [pattern for pattern in patterns if pattern is not None]
    return TextTest(field, possible) if possible else None


def _match(field: Field, query: Match) -> TextTest | None:
    text, min_patterns = values.query_text(field, query.text), max(1, query.minimum_should_match or 1)
    if field.type.analyzer == "fuzzy":
        groups: list[tuple[str, ...]] = [(part,) for part in dict.fromkeys(fold(text).split())]
    else:
        groups = match_groups(field.type, text, are_separate=not query.all_words)
    if not groups:
        return None
    patterns = [_alternatives_pattern(field, group) for group in groups]
    return TextTest(field, patterns, len(patterns) if query.all_words else min_patterns)


def _part_pattern(part: str) -> Pattern | None:
    return Pattern(lambda text: text.folded.count(part), [part]) if part else None


def _phrase_pattern(phrase: list[str]) -> Pattern | None:
    return Pattern(lambda text: count_phrase(text, phrase), phrase) if phrase else None


def _alternatives_pattern(field: Field, group: tuple[str, ...]) -> Pattern:
    """Return a pattern that counts every word of one group of a Match. Pairs of characters, and all words on a
    fuzzy field, count wherever the text has them; others count only as whole words."""
    parts = [word for word in group if field.type.analyzer == "fuzzy" or is_pair(field.type, word)]
    whole = [word for word in group if word not in parts]

    def count(text: CutText) -> int:
        return sum(map(text.folded.count, parts)) + sum(text.counts[word] for word in whole)

    return Pattern(count, group if len(group) == 1 else ())
