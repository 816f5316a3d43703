"""Queries that look for a part of a text, translated for the SDK according to the analyzer of the field."""

from __future__ import annotations

from functools import partial

import pytest

from tsmem import queries as q
from tsmem.adapters.tablestore.sdk import WrongReply
from tsmem.adapters.tablestore.search import check_search, has_contains, plan_contains, search_request
from tsmem.errors import InvalidInput
from tsmem.port import FieldType
from tsmem.rows import Row

SINGLE, SPLIT, MAX, MIN = (FieldType("TEXT", name) for name in ("single_word", "split", "max_word", "min_word"))
FUZZY = FieldType("TEXT", "fuzzy", 2, 4)
CASED = FieldType("TEXT", "single_word", case_sensitive=True)
COMMA = FieldType("TEXT", "split", delimiter=",")


phrase, pattern = partial(q.MatchPhrase, "t"), partial(q.Wildcard, "t")
words = partial(q.Match, "t", all_words=True)


def either(*queries: q.Query) -> q.Query:
    return q.Bool(should=queries)


def both(*queries: q.Query) -> q.Query:
    return q.Bool(must=queries)


ANY = q.HasField("t")
PLANNED: list[tuple[FieldType, str, q.Query]] = [
    # Words. The last one can be the beginning of a word if it has three letters or more.
    (SINGLE, "to be", phrase("to be")), (SINGLE, "Tea", either(phrase("Tea"), q.Prefix("t", "tea"))),
    (SINGLE, "red TEA", either(phrase("red TEA"), both(phrase("red "), q.Prefix("t", "tea")))),
    (MAX, "茶 tea4", either(words("茶 tea4"), both(words("茶 "), q.Prefix("t", "tea4")))),
    *((MAX, text, words(text)) for text in ("退款", "te", "tea?", "茶tea", "tea茶")), (MIN, "a", words("a")),
    # No words, or an index that keeps case: every row with the field.
    (SINGLE, "\u0301", ANY), (MAX, "?!?", ANY), (COMMA, ",", ANY), (CASED, "Tea", ANY), (CASED, "退款", phrase("退款")),
    # Parts of texts.
    (FUZZY, "te", phrase("te")), (FUZZY, "T", pattern("*t*")), (FUZZY, "ß", either(pattern("*ss*"), pattern("*ß*"))),
    # Words with adjacent punctuation.
    (COMMA, "on time,late", either(words("on time,late"), both(pattern("*on time*"), pattern("*late*")))),
    (FieldType("TEXT", "split", delimiter="E"), "tea", either(words("tea"), both(pattern("*t*"), pattern("*a*")))),
    (SPLIT, "x" * 99, either(words("x" * 99), both(pattern(f"*{'x' * 30}*")))),
    # Long texts: the first 120 characters, without a word of up to 30 characters that is cut off at the end.
    (FUZZY, "x" * 2000, phrase("x" * 90)), (SINGLE, " ".join(["é" * 100] * 9), phrase("é" * 100)),
    (SINGLE, "a " * 1000, phrase(("a " * 60).rstrip())), (SINGLE, "é" * 2000, phrase("é" * 90)),
    (MAX, "“" + "退" * 2000, words("“" + "退" * 89)), (SINGLE, " " * 300, ANY),
]  # fmt: skip


def test_the_query_for_a_text_depends_on_the_fields_analyzer() -> None:
    assert PLANNED == [(kind, text, plan_contains(q.Contains("t", text), {"t": kind})) for kind, text, _ in PLANNED]


def test_contains_is_translated_inside_any_query_and_refused_under_not() -> None:
    part, by_phrase = q.Contains("t", "to"), phrase("to")
    within = q.Bool((part,), (q.MatchAll(),), (q.Bool(should=(part,)), q.MatchAll()), (part,), 1)
    planned = q.Bool((by_phrase,), (q.MatchAll(),), (q.Bool(should=(by_phrase,)), q.MatchAll()), (by_phrase,), 1)

    assert (True, False) == (has_contains(within), has_contains(planned))
    sent = [search_request(q.Search(query, limit=1), {"t": SINGLE}).query for query in (within, planned)]
    assert fields_of(sent[0]) == fields_of(sent[1])
    with pytest.raises(InvalidInput):
        search_request(q.Search(q.Bool(must_not=(q.Bool(should=(part,)),)), limit=1), {"t": SINGLE})


def fields_of(query: object) -> object:
    """Return the fields of an SDK query as values that can be compared."""
    if isinstance(query, list):
        return list(map(fields_of, query))
    return {name: fields_of(value) for name, value in vars(query).items()} if hasattr(query, "__dict__") else query


def test_contains_on_a_field_that_the_index_lacks_is_left_to_the_service_to_refuse() -> None:
    assert q.HasField("u") == plan_contains(q.Contains("u", "to"), {"t": SINGLE})


def test_a_search_with_more_rows_than_its_limit_is_refused() -> None:
    page = q.SearchPage([Row(("a", n), {}) for n in range(3)], [None] * 3, None, None)
    check_search(q.Search(q.MatchAll(), limit=3), page)
    with pytest.raises(WrongReply, match="were allowed"):
        check_search(q.Search(q.MatchAll(), limit=2), page)
