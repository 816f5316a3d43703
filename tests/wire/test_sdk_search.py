"""Search through the Python SDK's own client: queries, orders, pages, columns, and what is refused in which words."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.serving import Served
from tests.wire.said import BY_KEY, INDEX, LACKING, MISTYPED, ROWS, TABLE, columns, fill, key, numbers, pages, search
from tests.wire.test_sdk_rows import refusal
from tsmem.adapters.tablestore.sdk import ots as t
from tsmem.clock import SystemClock
from tsmem.errors import InvalidInput
from tsmem.port import FieldType
from tsmem.rows import Delete
from tsmem.server.dispatch import Dispatcher
from tsmem.server.wire import schema

EVERY = set(range(ROWS))
COUNTED = EVERY - {MISTYPED, LACKING}
"""The rows whose `number` the index took."""
INVALID = "OTSParameterInvalid"


ONE, TWO, EVEN = t.TermQuery("number", 1), t.TermQuery("number", 2), t.TermQuery("even", True)
QUERIES: list[tuple[Any, set[int]]] = [
    (t.MatchAllQuery(), EVERY), (t.MatchQuery("text", "17 18"), {17, 18}),
    (t.MatchQuery("text", "is 17", operator=t.QueryOperator.AND), {17}),
    (t.MatchQuery("text", "is 17 18", minimum_should_match=2), {17, 18}),
    (t.MatchQuery("text", "is 17 18", minimum_should_match="2"), {17, 18}),
    (t.MatchQuery("text", "is this 3", minimum_should_match=0, operator=t.QueryOperator.AND), {3}),
    (t.MatchPhraseQuery("text", "is 17"), {17}), (t.MatchPhraseQuery("note", "岛 NOTE1"), {1, *range(10, 20)}),
    (t.TermQuery("word", "key00"), {0}), (t.TermQuery("number", 1, weight=1.0), {1}),
    (t.TermQuery("price", 0.25), {1}), (EVEN, set(range(0, ROWS, 2))),
    (t.TermsQuery("number", [0, 49, 50, MISTYPED]), {0, 49}), (t.RangeQuery("price", range_from=12.0), {48, 49}),
    (t.RangeQuery("number", 10, 20, include_lower=False, include_upper=True), set(range(11, 21))),
    (t.RangeQuery("n", range_to=2), {0, 1}), (t.PrefixQuery("word", "key0"), set(range(10))),
    (t.WildcardQuery("word", "k*5"), {5, 15, 25, 35, 45}), (t.ExistsQuery("number"), COUNTED),
    (t.BoolQuery([t.RangeQuery("number", 10, 30)], [EVEN, t.TermQuery("number", 11)],
                 [t.PrefixQuery("word", "key1")], [t.MatchQuery("text", "13")]), {13, 15, 17, 19}),
    (t.BoolQuery(should_queries=[ONE, TWO, t.TermQuery("word", "key02")], minimum_should_match=2), {2}),
    (t.DisMaxQuery([ONE, TWO]), {1, 2}),
]  # fmt: skip
"""Each kind of query of the SDK with its options, over every type of field, and the rows that it finds."""


@pytest.fixture
def client(served: Served) -> Any:
    return fill(served)


def test_each_query_finds_what_it_says(client: Any) -> None:
    wrong = {}
    for place, (query, expected) in enumerate(QUERIES):
        answer = search(client, query, get_total_count=True)
        found = (numbers(answer), answer.total_count, bool(answer.next_token), answer.is_all_succeed)
        if (wanted := ([n for n in BY_KEY if n in expected], len(expected), False, True)) != found:
            wrong[place] = (wanted, found)

    assert {} == wrong


def test_each_row_has_a_hit_with_its_score(client: Any) -> None:
    query = t.BoolQuery([t.MatchQuery("text", "this")], should_queries=[t.MatchQuery("text", "17")])
    by_score, by_key = search(client, query, sort=t.Sort([t.ScoreSort()])), search(client, query)
    scores = [hit.score for hit in by_score.search_hits]

    assert (ROWS, [17]) == (len(scores), numbers(by_score)[:1])
    assert sorted(scores, reverse=True) == scores
    assert all(map(math.isfinite, scores))
    assert [hit.row for hit in by_score.search_hits] == by_score.rows
    assert [True] * ROWS == [math.isnan(hit.score) for hit in by_key.search_hits]


def test_pages_join_to_the_whole(client: Any) -> None:
    by_number = sorted(COUNTED, reverse=True) + [n for n in BY_KEY if n not in COUNTED]
    for sorter, expected in (
        (t.FieldSort("number", t.SortOrder.DESC), by_number), (t.PrimaryKeySort(t.SortOrder.DESC), BY_KEY[::-1]),
        (t.DocSort(t.SortOrder.ASC), BY_KEY),
    ):  # fmt: skip
        found = list(pages(client, t.MatchAllQuery(), limit=7, sort=t.Sort([sorter]), get_total_count=True))

        assert expected == [n for answer in found for n in numbers(answer)]
        assert [(7, ROWS)] * 7 == [(len(answer.rows), answer.total_count) for answer in found[:-1]]


def test_rows_are_counted_where_that_is_asked(client: Any) -> None:
    """-1 otherwise. A limit of 0 counts alone; the default limit is 10."""
    for how, expected in (
        ({"limit": 0, "get_total_count": True}, (0, 40, False)), ({"limit": None}, (10, -1, True)),
        ({"limit": 100}, (40, -1, False)), ({"limit": 7, "offset": 20}, (7, -1, True)),
    ):  # fmt: skip
        answer = search(client, t.RangeQuery("n", 10, 50), **how)
        assert expected == (len(answer.rows), answer.total_count, bool(answer.next_token))


def test_the_columns_asked_for_are_given(client: Any) -> None:
    def found(columns: Any) -> list[tuple[str, Any]]:
        ((_, cells),) = search(client, t.TermQuery("n", 3), columns=columns).rows
        assert all(stamp > 10**12 for _, _, stamp in cells)
        return [(name, value) for name, value, _ in cells]

    whole = [(name, bytearray(value) if type(value) is bytes else value) for name, value in columns(3).items()]
    kinds = t.ColumnReturnType
    for wanted, expected in (
        (t.ColumnsToGet(return_type=kinds.ALL), whole), (None, []), (t.ColumnsToGet(return_type=kinds.NONE), []),
        (t.ColumnsToGet(["number", "nothing"], kinds.SPECIFIED), [("number", 3)]),
        (t.ColumnsToGet(["nothing", "who"], kinds.SPECIFIED), []),
        (t.ColumnsToGet(return_type=kinds.ALL_FROM_INDEX), [pair for pair in whole if pair[0] != "raw"]),
    ):  # fmt: skip
        assert expected == found(wanted)


def words(count: int) -> str:
    return " ".join(f"w{n}" for n in range(count))


def either(*parts: Any) -> Any:
    return t.BoolQuery(should_queries=parts)


MANY = "The number of words and terms of a search exceeds the limit: 1024."
PHRASES = "The number of words in the phrases of a search exceeds the limit: 256."
CHARACTERS = "The number of characters in the texts of a search exceeds the limit: 8192."
LONG = "length of field value is longer than 32 for the [WILDCARD_QUERY] query"
ASKED: list[tuple[Any, int | str]] = [
    (t.MatchQuery("text", words(1023) + " is is"), ROWS), (t.MatchQuery("note", words(1024)), 0),
    (t.MatchQuery("text", words(1025)), MANY), (t.MatchQuery("note", words(1025)), MANY),
    (either(t.MatchQuery("text", "w"), t.TermsQuery("word", words(1024).split())), MANY),
    (t.MatchPhraseQuery("text", "is " * 256), 0), (t.MatchPhraseQuery("note", "is " * 2000), 0),
    (either(*(t.MatchPhraseQuery("text", "is " * n) for n in (129, 128))), PHRASES),
    (t.TermQuery("spaceless", "北" * 257), PHRASES), (t.TermsQuery("spaceless", ["北" * 129, "京" * 128]), PHRASES),
    (t.MatchPhraseQuery("note", "i" * 8192), 0), (t.TermQuery("word", "i" * 10_000), 0),
    (either(t.TermQuery("text", "i" * 4096), t.MatchQuery("note", "i" * 4097)), CHARACTERS),
    (t.WildcardQuery("word", "*" * 27 + "key03"), 1), (t.WildcardQuery("word", "*" * 28 + "key03"), LONG),
]  # fmt: skip


def test_a_search_asks_for_so_much_at_most(served: Served, client: Any) -> None:
    """A word that is said twice counts once, in a phrase twice; words of all queries count together, terms too; what is
    no TEXT is looked up, however long it is."""
    fields = (*INDEX.fields, ("spaceless", FieldType("TEXT", "max_word")))
    served.engine.delete_search_index("said", "said_index")
    served.engine.create_search_index(INDEX._replace(fields=fields))
    for query, expected in ASKED:
        if isinstance(expected, int):
            assert expected == len(search(client, query).rows)
        else:
            assert (400, INVALID, expected) == refusal(lambda query=query: search(client, query))


def test_what_is_not_there_is_refused_by_name(client: Any) -> None:
    term, nested = t.TermQuery("n", 1), t.NestedQuery("word", t.TermQuery("n", 1))
    by_nested = t.FieldSort("n", nested_filter=t.NestedFilter("word", term))
    unsupported: list[tuple[str, Any, dict[str, Any]]] = [
        ("GEO_DISTANCE_QUERY", t.GeoDistanceQuery("word", "1,1", 5), {}), ("NESTED_QUERY", nested, {}),
        ("GEO_BOUNDING_BOX_QUERY", t.GeoBoundingBoxQuery("word", "1,1", "2,2"), {}),
        ("GEO_POLYGON_QUERY", t.GeoPolygonQuery("word", ["1,1", "2,2"]), {}), ("NESTED_QUERY", either(nested), {}),
        ("FUNCTION_SCORE_QUERY", t.FunctionScoreQuery(term, t.FieldValueFactor("n")), {}),
        ("KNN_VECTOR_QUERY", t.KnnVectorQuery("word", 3, [1.0]), {}),
        ("TermQuery.weight", t.TermQuery("n", 1, weight=2.0), {}),
        ("MatchPhraseQuery.slop", t.MatchPhraseQuery("text", "is this", slop=1), {}),
        ("DisMaxQuery.tie_breaker", t.DisMaxQuery([term], tie_breaker=0.5), {}),
        ("minimum_should_match 75%", t.MatchQuery("text", "is this", minimum_should_match="75%"), {}),
        ("collapse", term, {"collapse_field": t.Collapse("word")}), ("aggs", term, {"aggs": [t.Max("n")]}),
        ("group_bys", term, {"group_bys": [t.GroupByField("word")]}),
        ("highlight", term, {"highlight": t.Highlight([t.HighlightParameter("text")])}),
        ("GeoDistanceSort", term, {"sort": t.Sort([t.GeoDistanceSort("word", ["1,1"])])}),
        ("FieldSort.nested_filter", term, {"sort": t.Sort([by_nested])}),
    ]  # fmt: skip
    for name, query, how in unsupported:
        said = (400, INVALID, f"Unsupported operation: '{name}'.")
        assert said == refusal(lambda query=query, how=how: search(client, query, **how))


def test_fields_that_mean_more_than_is_known_here_are_refused_when_asked(client: Any) -> None:
    """Arrays, words that are cut at their capitals and fields outside the index do no harm until a query asks."""
    cut = t.SingleWordAnalyzerParameter(case_sensitive=False, delimit_word=True)
    fields = [
        t.FieldSchema("word", t.FieldType.KEYWORD, is_array=True), t.FieldSchema("n", t.FieldType.LONG),
        t.FieldSchema("text", t.FieldType.TEXT, analyzer=t.AnalyzerType.SINGLEWORD, analyzer_parameter=cut),
        t.FieldSchema("price", t.FieldType.DOUBLE, index=False),
    ]  # fmt: skip
    client.create_search_index("said", "odd", t.SearchIndexMeta(fields))

    def searches(name: str) -> list[Any]:
        query = t.BoolQuery(must_not_queries=[t.ExistsQuery(name)])
        return [t.SearchQuery(query), t.SearchQuery(t.MatchAllQuery(), sort=t.Sort([t.FieldSort(name)]))]

    assert all(client.search("said", "odd", each).is_all_succeed for each in searches("n"))
    for name, what in (("word", "is_array"), ("text", "delimit_word"), ("price", "index false")):
        said = f"Unsupported operation: '{what} of field {name}'."
        for each in searches(name):
            assert (400, INVALID, said) == refusal(lambda each=each: client.search("said", "odd", each))


def test_an_index_has_an_order_of_its_own_and_routing_values_do_not_filter(client: Any) -> None:
    by_word = t.Sort([t.FieldSort("word", t.SortOrder.DESC)])
    fields = [t.FieldSchema("word", t.FieldType.KEYWORD)]
    client.create_search_index("said", "backward", t.SearchIndexMeta(fields, index_sort=by_word))

    def found(**how: Any) -> Any:
        asked = t.SearchQuery(t.MatchAllQuery(), limit=5, **how)
        return client.search("said", "backward", asked, None, [[("who", "w0"), ("n", 0)]], 5)

    for sort, expected in ((None, list(range(49, 39, -1))), (t.Sort([t.PrimaryKeySort()]), BY_KEY[:10])):
        first = found(sort=sort)
        assert expected == numbers(first) + numbers(found(next_token=first.next_token))


def answered(served: Served, **fields: Any) -> Any:
    wanted = schema.new_message("SearchQuery", limit=100, **fields).SerializeToString()
    request = schema.new_message("SearchRequest", table_name="said", index_name="said_index", search_query=wanted)
    answer = Dispatcher(served.engine, SystemClock()).answer("Search", request.SerializeToString())
    return schema.parse_message("SearchResponse", answer.body)


def message(kind: int, body: Any = None) -> Any:
    return schema.new_message("Query", type=kind, query=b"" if body is None else body.SerializeToString())


def term(name: str, number: int) -> Any:
    return message(3, schema.new_message("TermQuery", field_name=name, term=b"\x00" + number.to_bytes(8, "little")))


def test_what_the_python_sdk_cannot_say_is_answered(served: Served, client: Any) -> None:
    """A constant score, a filter beside the query, INF_MIN and INF_MAX for ends that are not there, and counting as
    Java asks for it. The end of the rows is no token at all: the Java SDK goes on while the field is there."""
    everything, third = message(11), schema.new_message("SearchFilter", query=term("n", 3))
    constant = message(7, schema.new_message("ConstScoreQuery", filter=term("n", 3)))
    endless = message(4, schema.new_message("RangeQuery", field_name="n", range_from=b"\x09", range_to=b"\x0a"))
    for fields, rows, total in [
        ({"query": constant}, 1, -1), ({"query": endless}, ROWS, -1), ({"query": everything, "filter": third}, 1, -1),
        ({"query": term("n", 4), "filter": third}, 0, -1),
        ({"query": everything, "track_total_count": 2**31 - 1}, ROWS, ROWS),
        ({"query": everything, "track_total_count": -1}, ROWS, -1),
    ]:  # fmt: skip
        answer = answered(served, **fields)
        assert (rows, total, False) == (len(answer.rows), answer.total_hits, answer.HasField("next_token")), fields


def test_what_the_python_sdk_cannot_say_is_refused(served: Served, client: Any) -> None:
    deep = term("n", 3)
    for _ in range(17):
        deep = message(6, schema.new_message("BoolQuery", must_queries=[deep]))
    wide = message(6, schema.new_message("BoolQuery", should_queries=[term("n", 3)] * 1024))
    cases: list[tuple[Any, dict[str, Any], str]] = [
        (deep, {}, "depth of the query exceeds the limit: 16"),
        (wide, {}, "number of sub-queries exceeds the limit: 1024"),
        (message(11), {"missing_field": "m"}, "Unsupported operation: 'FieldSort.missing_field'."),
        (message(11), {"missing_value": b"x"}, "Unsupported operation: 'FieldSort.missing_value'."),
    ]
    for query, sorter, said in cases:
        with pytest.raises(InvalidInput, match=said):
            answered(served, query=query, sort={"sorter": [{"field_sort": {"field_name": "n", **sorter}}]})


def test_a_row_that_goes_meanwhile_is_left_out(served: Served, client: Any) -> None:
    """Between its key being found and its columns being read: neither the row nor its hit is answered, and the next
    row fills its place."""
    engine, found = served.engine, served.engine.search

    def search_then_delete(*asked: Any, **options: Any) -> Any:
        reply = found(*asked, **options)
        engine.write_rows([Delete(TABLE.ref, key(3))])
        return reply

    engine.search = search_then_delete  # type: ignore[method-assign]
    whole = t.ColumnsToGet(return_type=t.ColumnReturnType.ALL)
    answer = search(client, t.RangeQuery("n", 2, 5), columns=whole, limit=1, get_total_count=True)

    assert ([4], 1, 3) == (numbers(answer), len(answer.search_hits), answer.total_count)
    assert [2] == numbers(search(client, t.RangeQuery("n", 2, 5), columns=whole, next_token=answer.next_token))
