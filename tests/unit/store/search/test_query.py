"""The store's criteria as a query for an index, by the fields that it has."""

from __future__ import annotations

from tsmem.port import FieldType
from tsmem.queries import Between, Bool, Contains, FieldSort, HasField, MatchAll, Query, Term
from tsmem.store.filters.row_filter import RowFilter
from tsmem.store.layout import DEFAULT, KEYWORD, LONG, TEXT_MAX_WORD
from tsmem.store.listing.cursor import Window
from tsmem.store.search.query import IndexQuery, SearchCriteria, index_query

MESSAGE = dict(DEFAULT.message.search.fields)
FIELDS = {**MESSAGE, "topic": KEYWORD, "vip": FieldType("BOOLEAN"), "n": LONG, "score": FieldType("DOUBLE")}
PYTHON_LIBRARY = {"session_id": KEYWORD, "message_id": KEYWORD, "create_time": LONG, "content": TEXT_MAX_WORD}
"""The index over messages that the official Python library makes."""
BOTH = Bool(should=(Contains("content", "茶"), Contains("search_content", "茶")))


def asked(criteria: SearchCriteria, fields: dict[str, FieldType] = MESSAGE) -> IndexQuery:
    return index_query(DEFAULT.message, fields, criteria)


def test_index_query_contains_what_the_index_has_fields_for() -> None:
    """The text, what must be equal, the window and the time; the query is not exact if anything is left to the row."""
    window = Bool(filter=(Term("session_id", "s"), Between("create_time", 1, None)))
    cases: list[tuple[dict[str, FieldType], SearchCriteria, Query, bool]] = [
        (MESSAGE, SearchCriteria(), MatchAll(), True), (MESSAGE, SearchCriteria("茶"), BOTH, True),
        (MESSAGE, SearchCriteria("茶", {"role": "tool"}), Bool(must=(BOTH,), filter=(Term("role", "tool"),)), True),
        (MESSAGE, SearchCriteria(None, {"session_id": "s"}, Window(1, None)), window, True),
        (MESSAGE, SearchCriteria(dated=True), Bool(filter=(HasField("create_time"),)), True),
        (PYTHON_LIBRARY, SearchCriteria("茶", {"role": "user"}), Contains("content", "茶"), False),
        (MESSAGE, SearchCriteria(filter=RowFilter("vip")), MatchAll(), False),
    ]  # fmt: skip
    for fields, criteria, query, exact in cases:
        assert IndexQuery(query, FieldSort("create_time", descending=True), exact) == asked(criteria, fields)


def test_a_filter_narrows_the_query_by_keywords_booleans_and_numbers() -> None:
    """A filter on a number finds rows with the other type of number, as 5.0 for 5, which a LONG field does not hold:
    rows without the field are asked for, too."""

    def number(inside: Between) -> Query:
        return Bool(should=(inside, Bool(must_not=(HasField(inside.field),))))

    topic, vip = Term("topic", "a"), Term("vip", True)
    narrowed: dict[str, Query] = {
        'topic == "a"': topic, "vip": vip, 'topic == "a" and unknown > 1': topic,
        'topic == "a" and (n < 1 or unknown)': topic, 'topic == "a" and vip': Bool(filter=(topic, vip)),
        'topic == "a" or vip == False': Bool(should=(topic, Term("vip", False))),
        "n > 2": number(Between("n", 2, start_inclusive=False)), "n == 7": number(Between("n", 7, 7)),
        "score <= 0.5": number(Between("score", None, 0.5)),
    }  # fmt: skip
    for text, query in narrowed.items():
        assert Bool(filter=(query,)) == asked(SearchCriteria(filter=RowFilter(text)), FIELDS).query, text
    for text in (
        'topic == "a" or unknown == 1', 'not topic == "a"', 'topic != "a"', 'topic > "a"', 'content == "tea"',
        "exists(topic)", "topic == 5", "n > 2.5", "score == 5",
    ):  # fmt: skip
        assert MatchAll() == asked(SearchCriteria(filter=RowFilter(text)), FIELDS).query, text
