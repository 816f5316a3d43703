"""How much one search may ask for.

The service refuses a wildcard pattern of more than 32 characters. How many words it takes is not documented; the limits
on words are ours. A phrase costs most: SQLite compares all its words at every place of a text, and nothing ends that
before the text is done (100 words on a text of 900,000 words took 2.9 s).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tsmem.engine import analysis
from tsmem.port import FieldType
from tsmem.queries import Bool, Match, MatchAll, MatchPhrase, Query, Terms, Wildcard
from tsmem.server.filters import invalid

MAX_PATTERN = 32
"""Characters of a wildcard pattern. Source: "Search index limits" of the service."""
MAX_WORDS = 1024
"""Words and terms of all queries of a search together."""
MAX_PHRASE_WORDS = 256
"""Words of all phrases of a search together."""


def leaves(wanted: Query) -> Iterator[Query]:
    """Yield the queries that have a field."""
    if isinstance(wanted, Bool):
        for part in (*wanted.must, *wanted.must_not, *wanted.filter, *wanted.should):
            yield from leaves(part)
    elif not isinstance(wanted, MatchAll):
        yield wanted


def check_size(wanted: Query, kinds: Mapping[str, FieldType]) -> None:
    """Raise OTSParameterInvalid for a search that asks for too much of fields of these types."""
    words = phrase_words = 0
    for each in leaves(wanted):
        if isinstance(each, Wildcard) and len(each.pattern) > MAX_PATTERN:
            raise invalid(f"length of field value is longer than {MAX_PATTERN} for the [WILDCARD_QUERY] query")
        kind = kinds.get(each.field)  # type: ignore[union-attr]
        words += _words(each, kind)
        phrase_words += _phrase_words(each, kind)
    if words > MAX_WORDS:
        raise invalid(f"The number of words and terms of a search exceeds the limit: {MAX_WORDS}.")
    if phrase_words > MAX_PHRASE_WORDS:
        raise invalid(f"The number of words in the phrases of a search exceeds the limit: {MAX_PHRASE_WORDS}.")


def _words(wanted: Query, kind: FieldType | None) -> int:
    """Count what a query looks for. A word that is asked for twice is looked for once."""
    if isinstance(wanted, Terms):
        return len(wanted.values)
    if not isinstance(wanted, Match) or kind is None or kind.name != "TEXT":
        return 1
    if analysis.shape(kind) == analysis.GRAMS:
        return len(set(wanted.text.split()))
    return len(set(analysis.phrases(kind, wanted.text)))


def _phrase_words(wanted: Query, kind: FieldType | None) -> int:
    """Count the words of a phrase. To a fuzzy field a phrase is one part of its text."""
    if isinstance(wanted, MatchPhrase) and kind is not None and kind.name == "TEXT":
        return len(analysis.words(kind, wanted.text)) if analysis.shape(kind) == analysis.WORDS else 0
    return 0
