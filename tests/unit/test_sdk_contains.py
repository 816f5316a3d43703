"""What the service is asked for a part of a text, by the analyzer of the field."""

from __future__ import annotations

import pytest

from tsmem.adapters.sdk_contains import has_contains, plan
from tsmem.errors import InvalidInput
from tsmem.port import FieldType
from tsmem.queries import Bool, Contains, HasField, Match, MatchAll, MatchPhrase, Operator, Prefix, Query, Wildcard

SINGLE, SPLIT, MAX = (FieldType("TEXT", name) for name in ("single_word", "split", "max_word"))
FUZZY = FieldType("TEXT", "fuzzy", 2, 4)
CASED = FieldType("TEXT", "single_word", case_sensitive=True)
COMMA = FieldType("TEXT", "split", delimiter=",")


def words(text: str) -> Query:
    return Match("t", text, Operator.AND)


def phrase(text: str) -> Query:
    return MatchPhrase("t", text)


def pattern(text: str) -> Query:
    return Wildcard("t", text)


def either(*queries: Query) -> Query:
    return Bool(should=queries)


def begun(by: Query, end: str) -> Query:
    return Bool(must=(by, Prefix("t", end)))


def parts(*patterns: Query) -> Query:
    return Bool(must=patterns)


ANY = HasField("t")
PLANNED: list[tuple[FieldType, str, Query]] = [
    # Words; the last of three letters or more may go on.
    (SINGLE, "to be", phrase("to be")),
    (FieldType("TEXT"), "to be", phrase("to be")),
    (SINGLE, "Tea", either(phrase("Tea"), Prefix("t", "tea"))),
    (SINGLE, "red TEA", either(phrase("red TEA"), begun(phrase("red "), "tea"))),
    (SINGLE, "!tea", either(phrase("!tea"), Prefix("t", "tea"))),
    (MAX, "退款", words("退款")),
    (MAX, "茶 tea4", either(words("茶 tea4"), begun(words("茶 "), "tea4"))),
    (FieldType("TEXT", "min_word"), "a", words("a")),
    *((MAX, text, words(text)) for text in ("te", "tea ", "tea?", "茶tea", "tea茶", "a?!b ?!? a")),
    # No words: every row with the field.
    *((SINGLE, text, ANY) for text in (" ", "!!", "🎉", "\u0301")),
    (MAX, "?!?", ANY),
    (SPLIT, " ", ANY),
    (COMMA, ",", ANY),
    # Case that the index keeps.
    (CASED, "Tea", ANY),
    (CASED, "退款", phrase("退款")),
    (FieldType("TEXT", "split", case_sensitive=True), "tea", ANY),
    # Parts of texts.
    (FUZZY, "te", phrase("te")),
    (FUZZY, "!!", phrase("!!")),
    (FUZZY, "T", pattern("*t*")),
    (FieldType("TEXT", "fuzzy"), "!", phrase("!")),
    (FieldType("TEXT", "fuzzy", 3, 7), "ß", either(pattern("*ss*"), pattern("*ß*"))),
    # Words with the punctuation beside them.
    (SPLIT, "on Time", either(words("on Time"), parts(pattern("*on*"), pattern("*time*")))),
    (SPLIT, "Straße", either(words("Straße"), parts(either(pattern("*strasse*"), pattern("*straße*"))))),
    (COMMA, "on time,late", either(words("on time,late"), parts(pattern("*on time*"), pattern("*late*")))),
    (FieldType("TEXT", "split", delimiter="E"), "tea",
     either(words("tea"), parts(pattern("*t*"), pattern("*a*")))),
    (SPLIT, "x" * 99, either(words("x" * 99), parts(pattern(f"*{'x' * 30}*")))),
    # Long texts: their first 200 characters, which end with a whole word where they have one.
    (FUZZY, "x" * 2000, phrase("x" * 200)),
    (SINGLE, " ".join(["é" * 150] * 9), phrase("é" * 150)),
    (SINGLE, "a " * 1000, phrase(("a " * 100).rstrip())),
    (SINGLE, " " * 300, ANY),
    (FUZZY, " " * 300, phrase(" " * 200)),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "expected"), PLANNED)
def test_a_field_is_asked_for_what_its_analyzer_knows(kind: FieldType, text: str, expected: Query) -> None:
    assert expected == plan(Contains("t", text), {"t": kind})


def test_a_part_is_planned_wherever_it_is_in_a_query() -> None:
    part, by_phrase = Contains("t", "to"), phrase("to")
    within = Bool((part,), (MatchAll(),), (Bool(should=(part,)), MatchAll()), (part,), 1)
    planned = Bool((by_phrase,), (MatchAll(),), (Bool(should=(by_phrase,)), MatchAll()), (by_phrase,), 1)

    assert has_contains(within)
    assert planned == plan(within, {"t": SINGLE})
    assert not has_contains(planned)


def test_a_field_that_the_index_lacks_is_left_to_the_service() -> None:
    assert HasField("u") == plan(Contains("u", "to"), {"t": SINGLE})


def test_rows_that_contain_a_text_cannot_be_left_out() -> None:
    with pytest.raises(InvalidInput):
        plan(Bool(must_not=(Bool(should=(Contains("t", "to"),)),)), {"t": SINGLE})
