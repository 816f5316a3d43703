"""The queries of one field: what each means for the field's type.

Its one rule: only Match and MatchPhrase analyze. Words that a client names in a Term, Prefix or Wildcard are taken as
they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from tsmem.engine import analysis, marks, messages
from tsmem.engine import search_values as values
from tsmem.engine.analysis import GRAMS, WORDS
from tsmem.engine.search_tables import EXACT, Field, SearchTables
from tsmem.engine.search_terms import (
    MAX_LOOKED_THROUGH,
    ColumnTest,
    HoldTest,
    KeptTest,
    MarkedTest,
    MarksTest,
    PartTest,
    PatternTest,
    TextTest,
    WordsTest,
    quoted,
    spread,
)
from tsmem.engine.search_tree import NOTHING, Least, Node, every
from tsmem.folding import fold, steady_part
from tsmem.queries import Between, HasField, Match, MatchPhrase, MayHold, Operator, Prefix, Term, Terms, Wildcard
from tsmem.rows import Value

Leaf = Match | MatchPhrase | Term | Terms | Between | Prefix | Wildcard | HasField | MayHold
Phrase = tuple[str, ...]
MAX_PIECES = 4096
"""Of a search's queries together: terms, and words that are tests or questions each for itself. What FTS5 is told in
one expression is none."""


class Leaves:
    """Makes the tests of one search's fields."""

    def __init__(self, tables: SearchTables, asks: Callable[[str, str], bool]) -> None:
        """`asks`: whether some row has what an FTS5 table is asked."""
        self._tables = tables
        self._asks = asks
        self._left = MAX_PIECES

    def node(self, query: Leaf) -> Node:
        """The test that a query is. Raises InvalidInput."""
        field = find_field(self._tables, query.field)
        if isinstance(query, HasField):
            kind = ColumnTest if field.shape == EXACT else TextTest
            return kind(self._tables, field.column, "{0} IS NOT NULL")
        if isinstance(query, MayHold):
            return self._holding(field, query)
        if field.shape == EXACT:
            return self._exact(field, query)
        return self._fuzzy(field, query) if field.shape == GRAMS else self._words(field, query)

    def _count(self, pieces: int) -> None:
        self._left -= pieces
        if self._left < 0:
            raise messages.invalid(f"The number of words and terms of a search exceeds the limit: {MAX_PIECES}.")

    def _terms(self, query: Terms) -> tuple[Value, ...]:
        self._count(len(query.values))
        return values.checked_terms(query.values)

    def _holding(self, field: Field, query: MayHold) -> Node:
        if field.shape == EXACT:
            raise _cannot(field, query)
        text = values.text_of(field, query.text)
        tables = self._tables
        if field.shape != WORDS:
            return every([self._part(field, text), HoldTest(tables, field, text, "")])
        lettered, steady = any(map(str.isalnum, text)), steady_part(text)
        # A mark that folds to a letter may end a word; words that are kept with their case say nothing of others.
        marked = text if lettered or fold(text) == text else steady
        beside = marks.asked(marked, beside=field.type.analyzer != "split" or not lettered)
        words: Phrase = ()
        if not lettered:
            words = analysis.symbols(field.type, steady)
        elif steady == text or not field.type.case_sensitive:
            words = tuple(analysis.words(field.type, text))
        hold = HoldTest(tables, field, text, _together(field, words, text) if words else "")
        expressions = _expressions(beside)
        if tables.marks_of_one and len(beside) == 1 and marks.says(beside[0][0], text):
            return MarkedTest(tables, expressions[0], hold)
        return every([*(MarksTest(tables, each) for each in expressions), hold])

    def _exact(self, field: Field, query: Leaf) -> Node:
        if isinstance(query, Match | MatchPhrase):
            condition: values.Condition = "{0} = ?", (values.exact(field, query.text),)
        elif isinstance(query, Term):
            condition = "{0} = ?", (values.exact(field, query.value),)
        elif isinstance(query, Terms):
            terms = tuple(values.exact(field, value) for value in self._terms(query))
            condition = f"{{0}} IN ({', '.join('?' * len(terms))})", terms
        elif isinstance(query, Between):
            condition = values.between(field, query)
        elif field.type.name != "KEYWORD":
            raise _cannot(field, query)
        elif isinstance(query, Prefix):
            condition = values.prefixed(values.check_prefix(query.text))
        else:
            condition = values.like(_pattern(field, query))
        return ColumnTest(self._tables, field.column, *condition)

    # TEXT fields that are kept as words

    def _words(self, field: Field, query: Leaf) -> Node:
        if isinstance(query, Match):
            return self._match(field, query)
        if isinstance(query, MatchPhrase):
            return self._having(field, [tuple(analysis.words(field.type, values.text_of(field, query.text)))])
        if isinstance(query, Term):
            return self._having(field, [_word(field, query.value)])
        if isinstance(query, Terms):
            return self._having(field, [_word(field, value) for value in self._terms(query)])
        if isinstance(query, Between):
            raise _cannot(field, query)
        if isinstance(query, Prefix):
            begun = analysis.hidden(values.check_prefix(query.text))
            expression = f"({field.column} : {quoted(begun)} *)"
            return KeptTest(self._tables, expression, field.column, [f" {begun}"], "") if begun else NOTHING
        pattern = _pattern(field, query)
        condition = values.fits("".join(each if each in "*?" else analysis.hidden(each) for each in pattern))
        return PatternTest(self._tables, field.column, *condition)

    def _match(self, field: Field, query: Match) -> Node:
        text = values.text_of(field, query.text)
        phrases = list(dict.fromkeys(analysis.phrases(field.type, text)))
        if query.operator is Operator.AND:
            return self._having(field, self._in_vocabulary(field, phrases), " AND ")
        least = 1 if query.minimum_should_match is None else query.minimum_should_match
        if least <= 1:
            return self._having(field, phrases)
        self._count(len(phrases))
        return Least([self._having(field, [phrase]) for phrase in self._in_vocabulary(field, phrases)], least)

    def _having(self, field: Field, phrases: list[Phrase], joined: str = " OR ") -> Node:
        found = {_expression(field, phrase): phrase for phrase in phrases if any(phrase)}
        if not found:
            return NOTHING
        if len(found) > MAX_LOOKED_THROUGH:
            return WordsTest(self._tables, joined.join(found))
        parts = [f" {_hidden(phrase)} " for phrase in found.values()]
        return KeptTest(self._tables, joined.join(found), field.column, parts, joined)

    def _in_vocabulary(self, field: Field, phrases: list[Phrase]) -> list[Phrase]:
        """Without pairs of characters that no row has and that stand between two that some row has: there one word ends
        and the next begins."""
        self._count(sum(len(phrase) > 1 for phrase in phrases))
        there = [len(phrase) == 1 or self._is_there(field, phrase) for phrase in phrases]
        return [
            phrase
            for place, phrase in enumerate(phrases)
            if there[place] or not (0 < place < len(phrases) - 1 and there[place - 1] and there[place + 1])
        ]

    def _is_there(self, field: Field, pair: Phrase) -> bool:
        """Whether some row has two characters side by side. What stands beside words says sooner that none has."""
        tables, joined = self._tables, quoted("".join(pair))
        if not field.marks_apart and not self._asks(tables.marks, joined):
            return False
        return self._asks(tables.words, _expression(field, pair))

    # TEXT fields that are fuzzy

    def _fuzzy(self, field: Field, query: Leaf) -> Node:
        if isinstance(query, Match):
            words = list(dict.fromkeys(values.text_of(field, query.text).split()))
            self._count(len(words))
            parts = [self._part(field, word) for word in words]
            asked = 1 if query.minimum_should_match is None else query.minimum_should_match
            return Least(parts, len(parts) if query.operator is Operator.AND else max(1, asked)) if parts else NOTHING
        if isinstance(query, MatchPhrase):
            return self._part(field, values.text_of(field, query.text))
        if isinstance(query, Term):
            return self._gram(field, query.value)
        if isinstance(query, Terms):
            return Least([self._gram(field, value) for value in self._terms(query)], 1)
        if isinstance(query, Prefix):
            return self._part(field, values.check_prefix(query.text), folded=False)
        if isinstance(query, Wildcard):
            glob = values.glob(analysis.kept_part(_pattern(field, query)))
            return TextTest(self._tables, field.column, "{0} GLOB ?", (f"*{glob}*",))
        raise _cannot(field, query)

    def _part(self, field: Field, text: str, *, folded: bool = True) -> Node:
        part = analysis.kept_part(fold(text) if folded else text)
        return PartTest(self._tables, field.column, part) if part else NOTHING

    def _gram(self, field: Field, value: Value) -> Node:
        """A Term: one of the n-grams that the service would make."""
        word = values.text_of(field, value)
        shortest, longest = field.type.min_chars or 1, field.type.max_chars or math.inf
        return self._part(field, word, folded=False) if shortest <= len(word) <= longest else NOTHING


def find_field(tables: SearchTables, name: str) -> Field:
    """A field by its name. Raises InvalidInput for one that the index has not, or of a type that is not kept."""
    field = tables.fields.get(name)
    if field is not None:
        return field
    if name in tables.types:
        raise messages.invalid(f"field: {name} of type {tables.types[name].name} cannot be searched here")
    raise messages.field_missing(name)


def _expression(field: Field, phrase: Phrase) -> str:
    return f"({field.column} : {quoted(_hidden(phrase))})"


def _together(field: Field, phrase: Phrase, text: str) -> str:
    """A text's words side by side; its last may go on, if it has some letters."""
    goes_on = fold(text)[-1:].isalnum() and len(phrase[-1]) >= analysis.BEGUN
    return f"({field.column} : {quoted(_hidden(phrase))}{' *' if goes_on else ''})"


def _expressions(asked: list[tuple[str, bool]]) -> list[str]:
    """What nominates by what stands between words; which field has it is not known without places. What may go on is
    by itself: FTS5 gathers all that begin so before it looks at any, which is not needed where the others are rare."""
    whole = [quoted(mark) for mark, goes_on in asked if not goes_on]
    begun = [f"{quoted(mark)} *" for mark, goes_on in asked if goes_on]
    return [" AND ".join(spread(each)) for each in (whole, begun) if each]


def _hidden(phrase: Phrase) -> str:
    return " ".join(map(analysis.hidden, phrase))


def _word(field: Field, value: Value) -> Phrase:
    return tuple(analysis.pieces(field.type, values.text_of(field, value)))


def _pattern(field: Field, query: Leaf) -> str:
    assert isinstance(query, Wildcard)
    return values.check_pattern(values.text_of(field, query.pattern))


def _cannot(field: Field, query: Leaf) -> Exception:
    kind = type(query).__name__
    return messages.invalid(f"field: {field.name} of type {field.type.name} cannot answer a query of kind {kind}")
