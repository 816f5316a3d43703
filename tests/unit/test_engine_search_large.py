"""Searches of very many parts: SQLite's bounds on a statement are none of a query's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.clocks import ManualClock
from tsmem.engine import Engine
from tsmem.engine.requests import BatchWriteRow
from tsmem.errors import InvalidInput
from tsmem.port import FieldType, SearchIndexSchema, TableSchema
from tsmem.queries import (
    Between,
    Bool,
    FieldSort,
    HasField,
    KeySort,
    Match,
    MatchPhrase,
    Operator,
    Prefix,
    Query,
    ScoreSort,
    Search,
    Sorter,
    Term,
    Terms,
    Wildcard,
)
from tsmem.rows import ColumnType, Put, Value

TABLE = TableSchema("t", (("k", ColumnType.STRING),))
FIELDS = (
    ("n", FieldType("LONG")),
    ("tag", FieldType("KEYWORD")),
    ("words", FieldType("TEXT", "max_word")),
    ("parts", FieldType("TEXT", "fuzzy", 1, 4)),
)
ROWS: dict[str, dict[str, Value]] = {
    "a": {"n": 1, "tag": "t1", "words": "word1 word2", "parts": "word1 word2"},
    "b": {"n": 2, "tag": "t2", "words": "word2 word3", "parts": "word2 word3"},
    "c": {"words": "other", "parts": "other"},
}
MANY = 1000
"""Parts of a query; those with low numbers are some row's."""
ALL_WORDS = " ".join(f"word{number}" for number in range(MANY))


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine with three rows and their index."""
    with closing(Engine(None, ManualClock())) as engine:
        engine.create_table(TABLE)
        engine.create_search_index(SearchIndexSchema("t", "search", FIELDS))
        engine.write_rows(BatchWriteRow([Put(TABLE.ref, (key,), columns) for key, columns in ROWS.items()]))
        yield engine


def found(engine: Engine, query: Query, *sorts: Sorter) -> str:
    """The keys of the rows that a query finds, joined; as many as are counted."""
    page = engine.search(TABLE.ref, "search", Search(query, sorts, columns=(), count=True)).page
    assert page.total == len(page.rows)
    return "".join(str(row.key[0]) for row in page.rows)


def each(make: type, field: str, text: str = "{}") -> tuple[Query, ...]:
    """A thousand queries of one field, each with its own number."""
    return tuple(make(field, text.format(number)) for number in range(MANY))


LARGE: dict[str, tuple[Query, str]] = {
    "one of many terms": (Bool(should=each(Term, "n")), "ab"),
    "two of many terms": (Bool(should=each(Term, "n"), minimum_should_match=2), ""),
    "one of many texts": (Bool(should=each(Term, "tag", "t{}")), "ab"),
    "one of many words": (Bool(should=each(Term, "words", "word{}")), "ab"),
    "one of many phrases": (Bool(should=each(MatchPhrase, "words", "word{} word2")), "a"),
    "one of many patterns": (Bool(should=each(Wildcard, "words", "?ord{}")), "ab"),
    "one of many prefixes": (Bool(should=each(Prefix, "tag", "t{}")), "ab"),
    "one of many ranges": (Bool(should=tuple(Between("n", number, number) for number in range(MANY))), "ab"),
    "one of many parts": (Bool(should=each(MatchPhrase, "parts", "word{}")), "ab"),
    "one of many patterns of texts": (Bool(should=each(Wildcard, "parts", "w?rd{}")), "ab"),
    "a message as a match": (Match("parts", ALL_WORDS), "ab"),
    "a message as a match of two": (Match("parts", ALL_WORDS, minimum_should_match=2), "ab"),
    "a message as a match of all": (Match("parts", ALL_WORDS, Operator.AND), ""),
    "a message as a match of three words": (Match("words", ALL_WORDS, minimum_should_match=3), ""),
    "five thousand words": (Match("words", " ".join(f"word{number}" for number in range(5000))), "ab"),
    "a phrase of five thousand": (MatchPhrase("words", " ".join(f"word{number}" for number in range(5000))), ""),
    "many that must": (Bool(must=(HasField("n"),) * MANY), "ab"),
    "many ranges that must": (Bool(must=tuple(Between("n", -number) for number in range(MANY))), "ab"),
    "many patterns that must": (Bool(must=(Wildcard("words", "word*"),) * MANY), "ab"),
    "many filters": (Bool(filter=(HasField("parts"),) * MANY), "abc"),
    "many that must not": (Bool(must_not=each(Term, "n")), "c"),
    "many texts that must not": (Bool(must_not=each(MatchPhrase, "parts", "word{}")), "c"),
    "many in many": (
        Bool(should=tuple(Bool(must_not=each(Term, "n")[at : at + 50]) for at in range(0, MANY, 50))), "abc"),
    "many values of many": (Bool(should=tuple(Terms("n", tuple(range(1, 1001))) for _ in range(4))), "ab"),
}  # fmt: skip
SORTS: dict[str, tuple[Sorter, ...]] = {
    "by key": (), "by field": (FieldSort("n", True),), "by score": (ScoreSort(), KeySort()),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("name", LARGE)
def test_large_queries_are_answered(engine: Engine, name: str, sort: str) -> None:
    """A query of a thousand parts finds what its parts say, in every order."""
    query, keys = LARGE[name]

    assert sorted(keys) == sorted(found(engine, query, *SORTS[sort]))


@pytest.mark.parametrize(
    "query",
    [
        Bool(should=tuple(Terms("n", tuple(range(1024))) for _ in range(5))),
        Match("parts", " ".join(map(str, range(5000)))),
        Match("words", " ".join(map(str, range(5000))), minimum_should_match=2),
        Match("words", "".join(map(chr, range(0x4E00, 0x4E00 + 5000))), Operator.AND),
    ],
    ids=["terms", "parts", "two words", "pairs of characters"],
)
def test_words_and_terms_of_a_search_have_a_bound(engine: Engine, query: Query) -> None:
    """Beyond 4096 of them a search is refused, and says why."""
    with pytest.raises(InvalidInput, match="The number of words and terms of a search exceeds the limit: 4096"):
        found(engine, query)


@pytest.mark.parametrize("field", ["tag", "words", "parts"])
def test_patterns_have_a_bound(engine: Engine, field: str) -> None:
    """A wildcard pattern of 256 characters is answered, one of more refused."""
    assert "" == found(engine, Wildcard(field, "*a*[" * 64))
    with pytest.raises(InvalidInput, match="The length of a wildcard pattern exceeds the limit: 256"):
        found(engine, Wildcard(field, "*a*" * 30_000))
