"""How much one search may ask for over the wire."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.serving import serving
from tests.wire.said import fill, search
from tests.wire.test_sdk_rows import refusal
from tsmem.port import FieldType, SearchIndexSchema

WORDS = "The number of words and terms of a search exceeds the limit: 1024."
PHRASES = "The number of words in the phrases of a search exceeds the limit: 256."
CHARACTERS = "The number of characters in the texts of a search exceeds the limit: 8192."
PATTERN = "length of field value is longer than 32 for the [WILDCARD_QUERY] query"
SPACELESS = SearchIndexSchema("said", "spaceless", (("text", FieldType("TEXT", "max_word")),))


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """The SDK's client of a table of fifty rows with two indexes."""
    with serving(None) as served:
        client = fill(served)
        served.engine.create_search_index(SPACELESS)
        yield client


def words(count: int, start: int = 0) -> str:
    """So many words."""
    return " ".join(f"w{n}" for n in range(start, start + count))


def cases(t: Any) -> list[tuple[Any, str | int]]:
    """Queries, and how many rows each finds or why it is refused. A word that is said twice counts once, in a phrase
    twice; those of all queries count together, terms too; what is no TEXT is looked up, however long it is."""
    return [
        (t.MatchQuery("text", words(1023) + " is is"), 50),
        (t.MatchQuery("note", words(1024)), 0),
        (t.MatchQuery("text", words(1025)), WORDS),
        (t.MatchQuery("note", words(1025)), WORDS),
        (t.BoolQuery(should_queries=[t.MatchQuery("text", words(513)), t.MatchQuery("text", words(512))]), WORDS),
        (t.BoolQuery(should_queries=[t.MatchQuery("text", "w"), t.TermsQuery("word", words(1024).split())]), WORDS),
        (t.MatchPhraseQuery("text", "is " * 256), 0),
        (t.MatchPhraseQuery("text", "is " * 257), PHRASES),
        (t.BoolQuery(should_queries=[t.MatchPhraseQuery("text", "is " * count) for count in (129, 128)]), PHRASES),
        (t.MatchPhraseQuery("note", "is " * 2000), 0),  # a part of a fuzzy field is one text
        (t.MatchPhraseQuery("note", "i" * 8192), 0),
        (t.MatchPhraseQuery("note", "i" * 8193), CHARACTERS),
        (t.BoolQuery(should_queries=[t.TermQuery("text", "i" * 4096), t.MatchQuery("note", "i" * 4097)]), CHARACTERS),
        (t.TermQuery("word", "i" * 10_000), 0),
        (t.WildcardQuery("word", "*" * 27 + "key03"), 1),
        (t.WildcardQuery("word", "*" * 28 + "key03"), PATTERN),
    ]


@pytest.mark.parametrize("place", range(16))
def test_a_search_asks_for_so_much_at_most(client: Any, place: int) -> None:
    import tablestore

    query, expected = cases(tablestore)[place]
    if isinstance(expected, int):
        assert expected == search(client, query, get_total_count=True).total_count
    else:
        assert ("OTSParameterInvalid", expected) == refusal(lambda: search(client, query))[1:]


def test_a_term_whose_characters_are_words_is_a_phrase(client: Any) -> None:
    """The analyzer max_word cuts such a term into one word a character."""
    import tablestore

    for query in (tablestore.TermQuery("text", "北" * 257), tablestore.TermsQuery("text", ["北" * 129, "京" * 128])):
        assert (
            PHRASES == refusal(lambda query=query: client.search("said", "spaceless", tablestore.SearchQuery(query)))[2]
        )
