"""Translation of search criteria to a query, for the fields that an index has."""

from __future__ import annotations

from tsmem.port import FieldType
from tsmem.queries import Between, Bool, HasField, MatchAll, Prefix, Query, Term
from tsmem.store.filters.row_filter import RowFilter
from tsmem.store.layout import DEFAULT, KEYWORD, LONG
from tsmem.store.search.query import IndexQuery, SearchCriteria, index_query

MESSAGE = dict(DEFAULT.message.search.fields)
FIELDS = {**MESSAGE, "topic": KEYWORD, "vip": FieldType("BOOLEAN"), "n": LONG, "score": FieldType("DOUBLE")}


def query_for(criteria: SearchCriteria, fields: dict[str, FieldType] = MESSAGE) -> IndexQuery:
    return index_query(DEFAULT.message, fields, criteria)


def test_a_filter_narrows_the_query_by_keywords_booleans_and_numbers() -> None:
    """A filter on a number also matches the other type of number, as 5.0 for 5, which a LONG field does not index. A
    KEYWORD field may not index a text of more than 4 KB. So both queries also ask for rows without the field."""

    def or_missing(inside: Between | Prefix) -> Query:
        return Bool(should=(inside, Bool(must_not=(HasField(inside.field),))))

    topic, vip = Term("topic", "a"), Term("vip", True)
    narrowed: dict[str, Query] = {
        'topic == "a"': topic, "vip": vip, 'topic == "a" and unknown > 1': topic,
        'topic == "a" and (n < 1 or unknown)': topic, 'topic == "a" and vip': Bool(filter=(topic, vip)),
        'topic == "a" or vip == False': Bool(should=(topic, Term("vip", False))),
        "n > 2": or_missing(Between("n", 2, start_inclusive=False)),
        "n == 7": or_missing(Between("n", 7, 7)), "score <= 0.5": or_missing(Between("score", None, 0.5)),
        'startswith(topic, "a")': or_missing(Prefix("topic", "a")),
        f"startswith(topic, '{'é' * 500}')": or_missing(Prefix("topic", "é" * 500)),
    }  # fmt: skip
    for text, query in narrowed.items():
        assert Bool(filter=(query,)) == query_for(SearchCriteria(filter=RowFilter(text)), FIELDS).query, text
    for text in (
        'topic == "a" or unknown == 1', 'not topic == "a"', 'topic != "a"', 'topic > "a"', 'content == "tea"',
        "exists(topic)", "topic == 5", "n > 2.5", "score == 5",
        'startswith(content, "tea")', 'contains(content, "tea")', 'contains(topic, "a")', 'startswith(topic, "")',
        f"startswith(topic, '{'é' * 501}')", 'not startswith(topic, "a")', 'startswith(n, "5")',
    ):  # fmt: skip
        assert MatchAll() == query_for(SearchCriteria(filter=RowFilter(text)), FIELDS).query, text
