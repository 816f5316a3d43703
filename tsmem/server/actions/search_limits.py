"""How much one search may ask for.

The service refuses a wildcard pattern of more than 32 characters. How many words it takes is not documented: the limits
on words and texts are ours. They bound the work on one row, because a search is ended between two rows, not within one.
Measured on a text of 1.8 MB: a phrase of 256 words took 2.2 s, a Match of 1,024 words 1.9 s on a fuzzy field and 0.3 s
on one of words, a part of 8,192 characters 3 ms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tsmem.engine.search import words
from tsmem.engine.search.conditions import Leaf
from tsmem.port import FieldType
from tsmem.queries import Match, MatchPhrase, Prefix, Term, Terms, Wildcard
from tsmem.rows import Value
from tsmem.server.wire.filters import invalid_parameter

MAX_PATTERN = 32
"""Characters of a wildcard pattern. Source: "Search index limits" of the service."""
MAX_WORDS = 1024
"""Words and terms of all queries of a search together."""
MAX_PHRASE_WORDS = 256
"""Words of all phrases of a search together."""

MAX_CHARACTERS = 8192
"""Characters of all that TEXT fields are asked together."""


def check_work(asks: Sequence[Leaf], kinds: Mapping[str, FieldType]) -> None:
    """Raise OTSParameterInvalid for queries that ask for too much of fields of these types."""
    words = phrase_words = characters = 0
    for each in asks:
        if isinstance(each, Wildcard) and len(each.pattern) > MAX_PATTERN:
            raise invalid_parameter(
                f"length of field value is longer than {MAX_PATTERN} for the [WILDCARD_QUERY] query"
            )
        kind = kinds.get(each.field)
        characters += _characters(each, kind)
        if characters > MAX_CHARACTERS:
            raise invalid_parameter(
                f"The number of characters in the texts of a search exceeds the limit: {MAX_CHARACTERS}."
            )
        words += _words(each, kind)
        phrase_words += _phrase_words(each, kind)
        if words > MAX_WORDS:
            raise invalid_parameter(f"The number of words and terms of a search exceeds the limit: {MAX_WORDS}.")
        if phrase_words > MAX_PHRASE_WORDS:
            raise invalid_parameter(
                f"The number of words in the phrases of a search exceeds the limit: {MAX_PHRASE_WORDS}."
            )


def _characters(wanted: Leaf, kind: FieldType | None) -> int:
    """Count the characters that are looked for in a text."""
    if kind is None or kind.name != "TEXT":
        return 0
    if isinstance(wanted, Match | MatchPhrase | Prefix):
        return len(wanted.text)
    return sum(len(value) for value in _values(wanted) if isinstance(value, str))


def _values(wanted: Leaf) -> tuple[Value, ...]:
    if isinstance(wanted, Terms):
        return wanted.values
    return (wanted.value,) if isinstance(wanted, Term) else ()


def _words(wanted: Leaf, kind: FieldType | None) -> int:
    """Count what a query looks for. A word that is asked for twice is looked for once."""
    if isinstance(wanted, Terms):
        return len(wanted.values)
    if not isinstance(wanted, Match) or kind is None or kind.name != "TEXT":
        return 1
    if kind.analyzer == "fuzzy":
        return len(set(wanted.text.split()))
    return len(words.match_groups(kind, wanted.text, alone=True))


def _phrase_words(wanted: Leaf, kind: FieldType | None) -> int:
    """Count the words that must stand side by side. To a fuzzy field a phrase is one part of its text."""
    if kind is None or kind.name != "TEXT" or kind.analyzer == "fuzzy":
        return 0
    if isinstance(wanted, MatchPhrase):
        return len(words.cut_words(kind, wanted.text))
    pieces = [words.term_words(kind, value) for value in _values(wanted) if isinstance(value, str)]
    return sum(len(each) for each in pieces if len(each) > 1)
