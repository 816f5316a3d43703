"""The store's criteria as a query for an index, by the fields that it has."""

from __future__ import annotations

from functools import reduce

import pytest

from tsmem.errors import InvalidInput
from tsmem.port import FieldType
from tsmem.queries import Between, Bool, Contains, FieldSort, HasField, MatchAll, Query, ScoreSort, Term
from tsmem.store.cursor import Window
from tsmem.store.filters import RowFilter
from tsmem.store.layout import DEFAULT, KEYWORD, LONG, TEXT_MAX_WORD
from tsmem.store.search.criteria import SearchCriteria
from tsmem.store.search.query import IndexQuery, index_query

SESSION, MESSAGE = dict(DEFAULT.session.search.fields), dict(DEFAULT.message.search.fields)
FIELDS = {**MESSAGE, "topic": KEYWORD, "vip": FieldType("BOOLEAN"), "n": LONG, "score": FieldType("DOUBLE")}
PYTHON_LIBRARY = {"session_id": KEYWORD, "message_id": KEYWORD, "create_time": LONG, "content": TEXT_MAX_WORD}
"""The index over messages that the official Python library makes."""
TOPIC, BOTH = Term("topic", "a"), Bool(should=(Contains("content", "茶"), Contains("search_content", "茶")))


def asked(criteria: SearchCriteria, fields: dict[str, FieldType] = MESSAGE) -> IndexQuery:
    return index_query(DEFAULT.message, fields, criteria)


@pytest.mark.parametrize(
    ("fields", "criteria", "query", "exact"),
    [
        (MESSAGE, SearchCriteria(), MatchAll(), True),
        (MESSAGE, SearchCriteria("茶"), BOTH, True),
        (MESSAGE, SearchCriteria("茶", {"role": "tool"}), Bool(must=(BOTH,), filter=(Term("role", "tool"),)), True),
        (MESSAGE, SearchCriteria(None, {"session_id": "s"}, Window(1, None)),
         Bool(filter=(Term("session_id", "s"), Between("create_time", 1, None))), True),
        (MESSAGE, SearchCriteria(dated=True), Bool(filter=(HasField("create_time"),)), True),
        (PYTHON_LIBRARY, SearchCriteria("茶", {"role": "user"}), Contains("content", "茶"), False),
        (MESSAGE, SearchCriteria(None, {"unknown": "x"}), MatchAll(), False),
        (MESSAGE, SearchCriteria(filter=RowFilter("vip")), MatchAll(), False),
    ],
)  # fmt: skip
def test_the_query_says_what_the_index_has_fields_for(
    fields: dict[str, FieldType], criteria: SearchCriteria, query: Query, exact: bool
) -> None:
    assert IndexQuery(query, FieldSort("create_time", descending=True), exact) == asked(criteria, fields)


def test_a_session_has_one_text() -> None:
    assert Contains("search_content", "茶") == index_query(DEFAULT.session, SESSION, SearchCriteria("茶")).query


@pytest.mark.parametrize("fields", [{"create_time": LONG}, {"create_time": LONG, "content": KEYWORD}])
def test_text_needs_a_text_field(fields: dict[str, FieldType]) -> None:
    with pytest.raises(InvalidInput, match="no text field content or search_content") as caught:
        asked(SearchCriteria("tea"), fields)
    assert "tables.message.search_index" in str(caught.value.hint)
    assert MatchAll() == asked(SearchCriteria(), fields).query


def test_newest_first_needs_the_time_and_score_does_not() -> None:
    fields = {"content": TEXT_MAX_WORD}
    with pytest.raises(InvalidInput, match="no field create_time of type LONG"):
        asked(SearchCriteria("tea"), fields)
    found = asked(SearchCriteria("tea", window=Window(1, 2), sort="score"), fields)
    assert IndexQuery(Contains("content", "tea"), ScoreSort(), False) == found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('topic == "a"', TOPIC),
        ("vip", Term("vip", True)),
        ('topic == "a" and unknown > 1', TOPIC),
        ('topic == "a" and (n < 1 or unknown)', TOPIC),
        ('topic == "a" or vip == False', Bool(should=(TOPIC, Term("vip", False)))),
        ('topic == "a" and vip', Bool(filter=(TOPIC, Term("vip", True)))),
        *((text, None) for text in (
            'topic == "a" or unknown == 1', 'not topic == "a"', 'topic != "a"', 'topic > "a"', 'content == "tea"',
            "exists(topic)", "topic == 5", "n > 2.5", "score == 5",
        )),
    ],
)  # fmt: skip
def test_a_filter_narrows_by_equal_keywords_and_booleans(text: str, expected: Query | None) -> None:
    wanted = MatchAll() if expected is None else Bool(filter=(expected,))

    assert wanted == asked(SearchCriteria(filter=RowFilter(text)), FIELDS).query


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("n > 2", Between("n", 2, None, start_inclusive=False)), ("score <= 0.5", Between("score", None, 0.5)),
        ("n == 7", Between("n", 7, 7)),
    ],
)  # fmt: skip
def test_a_filter_on_a_number_finds_rows_with_the_other_type_of_number(text: str, inside: Between) -> None:
    """A LONG field has no 5.0, and a filter finds it: rows without the field are asked for, too."""
    either = Bool(should=(inside, Bool(must_not=(HasField(inside.field),))))

    assert Bool(filter=(either,)) == asked(SearchCriteria(filter=RowFilter(text)), FIELDS).query


def test_a_deep_filter_narrows_as_far_as_a_query_may_be_nested() -> None:
    nested = reduce(lambda inner, place: f'(topic == "{place}" {("or", "and")[place % 2]} {inner})', range(40), "vip")

    def depth(query: Query) -> int:
        return 1 + max(map(depth, (*query.filter, *query.should)), default=0) if isinstance(query, Bool) else 0

    assert 2 < depth(asked(SearchCriteria("x", filter=RowFilter(nested)), FIELDS).query) <= 14
