"""How much one search may ask for over the wire."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.serving import serving
from tests.wire.said import fill, search
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


def refusal(client: Any, query: Any) -> tuple[str, str]:
    """Code and message of a search that is refused."""
    from tablestore.error import OTSServiceError

    with pytest.raises(OTSServiceError) as caught:
        search(client, query, get_total_count=True)
    return caught.value.get_error_code(), caught.value.get_error_message()


def count(client: Any, query: Any) -> int:
    """How many rows a search finds."""
    total: int = search(client, query, get_total_count=True).total_count
    return total


def test_a_search_has_at_most_1024_words(client: Any) -> None:
    """A word that is said twice counts once; those of all queries count together, terms too."""
    from tablestore import BoolQuery, MatchQuery, TermsQuery

    assert 50 == count(client, MatchQuery("text", words(1023) + " is is"))
    assert 0 == count(client, MatchQuery("note", words(1024)))
    for query in (
        MatchQuery("text", words(1025)),
        MatchQuery("note", words(1025)),
        BoolQuery(should_queries=[MatchQuery("text", words(513)), MatchQuery("text", words(512))]),
        BoolQuery(should_queries=[MatchQuery("text", words(1)), TermsQuery("word", [f"w{n}" for n in range(1024)])]),
    ):
        assert ("OTSParameterInvalid", WORDS) == refusal(client, query)


def test_a_search_has_at_most_256_words_in_phrases(client: Any) -> None:
    """Words that are the same stand in several places, and count."""
    from tablestore import BoolQuery, MatchPhraseQuery

    assert 0 == count(client, MatchPhraseQuery("text", "is " * 256))
    for query in (
        MatchPhraseQuery("text", "is " * 257),
        BoolQuery(should_queries=[MatchPhraseQuery("text", "is " * 129), MatchPhraseQuery("text", "is " * 128)]),
    ):
        assert ("OTSParameterInvalid", PHRASES) == refusal(client, query)


def test_a_long_phrase_is_one_part_of_a_fuzzy_field(client: Any) -> None:
    """It is looked for as one text, so its words are not counted."""
    from tablestore import MatchPhraseQuery

    assert 0 == count(client, MatchPhraseQuery("note", "is " * 2000))


def test_texts_of_a_search_have_at_most_8192_characters(client: Any) -> None:
    """What is no TEXT is looked up, however long it is."""
    from tablestore import BoolQuery, MatchPhraseQuery, MatchQuery, TermQuery

    assert 0 == count(client, MatchPhraseQuery("note", "i" * 8192))
    assert 0 == count(client, TermQuery("word", "i" * 10_000))
    for query in (
        MatchPhraseQuery("note", "i" * 8193),
        BoolQuery(should_queries=[TermQuery("text", "i" * 4096), MatchQuery("note", "i" * 4097)]),
    ):
        assert ("OTSParameterInvalid", CHARACTERS) == refusal(client, query)


def test_a_term_whose_characters_are_words_is_a_phrase(client: Any) -> None:
    """The analyzer cuts such a term into one word a character."""
    import tablestore

    for query in (tablestore.TermQuery("text", "北" * 257), tablestore.TermsQuery("text", ["北" * 129, "京" * 128])):
        with pytest.raises(tablestore.OTSServiceError) as caught:
            client.search("said", "spaceless", tablestore.SearchQuery(query))
        assert PHRASES == caught.value.get_error_message()


def test_a_wildcard_pattern_has_at_most_32_characters(client: Any) -> None:
    """The limit and its text are the service's own."""
    from tablestore import WildcardQuery

    assert 1 == count(client, WildcardQuery("word", "*" * 27 + "key03"))
    assert ("OTSParameterInvalid", PATTERN) == refusal(client, WildcardQuery("word", "*" * 28 + "key03"))
