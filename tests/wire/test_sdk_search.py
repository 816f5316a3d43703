"""Search through the Python SDK's own client: what each query finds, in what order, on which pages, and what is
refused in which words."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.serving import Served
from tests.wire.said import BY_KEY, LACKING, MISTYPED, ROWS, TABLE, columns, fill, key, numbers, pages, search
from tests.wire.test_sdk_rows import refusal
from tsmem.clock import SystemClock
from tsmem.engine.requests import BatchWriteRow
from tsmem.errors import InvalidInput
from tsmem.rows import Delete
from tsmem.server import schema
from tsmem.server.dispatch import Dispatcher

COUNTED = set(range(ROWS)) - {MISTYPED, LACKING}
"""The rows whose `number` the index took."""

EVERY = set(range(ROWS))


def queries(t: Any) -> list[tuple[Any, set[int]]]:
    """Every query of the SDK, over every type of field, and the rows that it finds."""
    one, two, even = t.TermQuery("number", 1), t.TermQuery("number", 2), t.TermQuery("even", True)
    second = t.TermQuery("word", "key02")
    return [
        (t.MatchAllQuery(), EVERY),
        (t.MatchQuery("text", "17 18"), {17, 18}),
        (t.MatchQuery("text", "is 17", operator=t.QueryOperator.AND), {17}),
        (t.MatchQuery("text", "is 17 18", minimum_should_match=2), {17, 18}),
        (t.MatchQuery("text", "is 17 18", minimum_should_match="2"), {17, 18}),
        (t.MatchQuery("text", "is this 3", minimum_should_match=0, operator=t.QueryOperator.AND), {3}),
        (t.MatchPhraseQuery("text", "is 17"), {17}),
        (t.MatchPhraseQuery("note", "OTE1"), {1, *range(10, 20)}),
        (t.MatchPhraseQuery("note", "苏梅"), EVERY),
        (t.TermQuery("word", "key00"), {0}),
        (t.TermQuery("number", 17), {17}),
        (t.TermQuery("number", 1, weight=1.0), {1}),
        (even, set(range(0, ROWS, 2))),
        (t.TermQuery("price", 0.25), {1}),
        (t.TermQuery("who", "w1"), set(range(1, ROWS, 3))),
        (t.TermsQuery("word", ["key00", "key49", "key50"]), {0, 49}),
        (t.TermsQuery("number", [0, 49, 50, MISTYPED]), {0, 49}),
        (t.RangeQuery("number", 10, 20), set(range(10, 20))),
        (t.RangeQuery("number", 10, 20, include_lower=False, include_upper=True), set(range(11, 21))),
        (t.RangeQuery("price", range_from=12.0), {48, 49}),
        (t.RangeQuery("n", range_to=2), {0, 1}),
        (t.PrefixQuery("word", "key0"), set(range(10))),
        (t.WildcardQuery("word", "k*5"), {5, 15, 25, 35, 45}),
        (t.ExistsQuery("number"), COUNTED),
        (t.BoolQuery([t.RangeQuery("number", 10, 30)], [even, t.TermQuery("number", 11)],
                     [t.PrefixQuery("word", "key1")], [t.MatchQuery("text", "13")]), {13, 15, 17, 19}),
        (t.BoolQuery(should_queries=[one, second]), {1, 2}),
        (t.BoolQuery(should_queries=[one, two, second], minimum_should_match=2), {2}),
        (t.BoolQuery([t.BoolQuery(should_queries=[one, two]), t.BoolQuery(must_not_queries=[two])]), {1}),
        (t.DisMaxQuery([one, second]), {1, 2}),
    ]  # fmt: skip


@pytest.fixture
def client(served: Served) -> Any:
    """The SDK's client on a table of fifty rows with an index."""
    return fill(served)


def test_each_query_finds_what_it_says(client: Any) -> None:
    import tablestore

    wrong = {}
    for place, (query, expected) in enumerate(queries(tablestore)):
        answer = search(client, query, get_total_count=True)
        found = (numbers(answer), answer.total_count, bool(answer.next_token), answer.is_all_succeed)
        if (wanted := ([n for n in BY_KEY if n in expected], len(expected), False, True)) != found:
            wrong[place] = (wanted, found)

    assert {} == wrong


def test_each_row_has_a_hit_with_its_score(client: Any) -> None:
    import tablestore as t

    query = t.BoolQuery(
        must_queries=[t.MatchQuery("text", "this")], should_queries=[t.MatchQuery("text", "17"), t.TermQuery("n", 17)]
    )
    by_score = search(client, query, sort=t.Sort([t.ScoreSort()]))
    scores = [hit.score for hit in by_score.search_hits]
    by_key = search(client, query)

    assert ROWS == len(scores) == len(by_key.search_hits)
    assert sorted(scores, reverse=True) == scores
    assert all(map(math.isfinite, scores))
    assert [hit.row for hit in by_score.search_hits] == by_score.rows
    assert all(math.isnan(hit.score) for hit in by_key.search_hits)


def test_pages_join_to_the_whole(client: Any) -> None:
    import tablestore as t

    without = [n for n in BY_KEY if n not in COUNTED]
    for sorter, expected in (
        (None, BY_KEY),
        (t.FieldSort("number", t.SortOrder.DESC), sorted(COUNTED, reverse=True) + without),
        (t.PrimaryKeySort(t.SortOrder.DESC), BY_KEY[::-1]),
        (t.DocSort(t.SortOrder.ASC), BY_KEY),
    ):
        sort = None if sorter is None else t.Sort([sorter])
        found = list(pages(client, t.MatchAllQuery(), limit=7, sort=sort, get_total_count=True))

        assert expected == [n for answer in found for n in numbers(answer)]
        assert [7] * 7 == [len(answer.rows) for answer in found[:-1]]
        assert {ROWS} == {answer.total_count for answer in found}


def test_a_token_goes_with_its_sort_and_its_query(client: Any) -> None:
    """The same sort may be said again, another one is refused; so are an offset, and bytes that are no token."""
    import tablestore as t

    everything, sort = t.MatchAllQuery(), t.Sort([t.FieldSort("number", t.SortOrder.DESC)])
    token = search(client, everything, sort=sort, limit=7).next_token
    again = search(client, everything, sort=sort, limit=7, next_token=token)
    assert list(range(42, 35, -1)) == numbers(again)

    other = t.Sort([t.FieldSort("number", t.SortOrder.ASC)])
    for how in ({"sort": other, "next_token": token}, {"offset": 3, "next_token": token}, {"next_token": token[:3]}):
        assert (400, "OTSParameterInvalid") == refusal(lambda how=how: search(client, everything, **how))[:2]


def test_rows_are_counted_where_that_is_asked(client: Any) -> None:
    """-1 otherwise. A limit of 0 counts alone; the default limit is 10."""
    import tablestore as t

    def found(**how: Any) -> tuple[int, int, bool]:
        answer = search(client, t.RangeQuery("n", 10, 50), **how)
        return len(answer.rows), answer.total_count, bool(answer.next_token)

    assert (0, 40, False) == found(limit=0, get_total_count=True)
    assert (10, -1, True) == found(limit=None)
    assert (40, -1, False) == found(limit=100)
    assert (1, 40, True) == found(limit=1, get_total_count=True)
    assert (7, -1, True) == found(limit=7, offset=20)


def test_the_columns_asked_for_are_given(client: Any) -> None:
    import tablestore as t

    def found(columns: Any) -> list[tuple[str, Any]]:
        ((_, cells),) = search(client, t.TermQuery("n", 3), columns=columns).rows
        assert all(stamp > 10**12 for _, _, stamp in cells)
        return [(name, value) for name, value, _ in cells]

    whole = [(name, bytearray(value) if type(value) is bytes else value) for name, value in columns(3).items()]
    kinds = t.ColumnReturnType
    assert whole == found(t.ColumnsToGet(return_type=kinds.ALL))
    assert [("number", 3), ("raw", bytearray((0, 255, 3)))] == found(
        t.ColumnsToGet(["raw", "number", "nothing"], kinds.SPECIFIED)
    )
    assert [] == found(t.ColumnsToGet(["nothing", "who"], kinds.SPECIFIED))
    assert [] == found(t.ColumnsToGet(return_type=kinds.NONE)) == found(None)
    assert [pair for pair in whole if pair[0] != "raw"] == found(t.ColumnsToGet(return_type=kinds.ALL_FROM_INDEX))


def test_more_rows_may_be_asked_of_the_index_alone(client: Any) -> None:
    """100 with columns of the table, 1000 where the index or the key has them all."""
    import tablestore as t

    kinds = t.ColumnReturnType
    for wanted, most in [
        (t.ColumnsToGet(return_type=kinds.ALL), 100),
        (t.ColumnsToGet(["word", "raw"], kinds.SPECIFIED), 100),
        (t.ColumnsToGet(["word", "who"], kinds.SPECIFIED), 1000),
        (t.ColumnsToGet(return_type=kinds.ALL_FROM_INDEX), 1000),
        (None, 1000),
    ]:
        assert ROWS == len(search(client, t.MatchAllQuery(), columns=wanted, limit=most).rows)
        assert (400, "OTSParameterInvalid", f"The limit of a search must be in range: [0, {most}].") == refusal(
            lambda wanted=wanted, most=most: search(client, t.MatchAllQuery(), columns=wanted, limit=most + 1)
        )


def test_what_is_wrong_is_said(client: Any) -> None:
    import tablestore as t

    everything = t.SearchQuery(t.MatchAllQuery())
    invalid = "OTSParameterInvalid"
    for call, code, words in [
        (lambda: client.search("none", "said_index", everything), invalid, "table [none] does not exist"),
        (lambda: client.search("said", "none", everything), "OTSMetaNotMatch", "search index [none] does not exist"),
        (lambda: search(client, t.TermQuery("nothing", 1)), invalid, "field: nothing does not exist"),
        (lambda: search(client, t.MatchAllQuery(), offset=99_901), invalid, "exceed the limit: 100000"),
        (lambda: search(client, t.MatchAllQuery(), offset=-1), invalid, "offset of a search cannot be less than 0"),
        (lambda: search(client, t.MatchAllQuery(), limit=-1), invalid, "must be in range: [0, 1000]"),
        (lambda: search(client, t.MatchAllQuery(), sort=t.Sort([t.FieldSort("text")])), invalid, "text"),
    ]:  # fmt: skip
        status, found_code, said = refusal(call)
        assert (400, code) == (status, found_code), said
        assert words in said


def test_what_is_not_there_is_refused_by_name(client: Any) -> None:
    import tablestore as t

    term = t.TermQuery("n", 1)
    highlight = t.Highlight([t.HighlightParameter("text")])
    by_nested = t.FieldSort("n", nested_filter=t.NestedFilter("word", term))
    for query, how, name in [
        (t.GeoDistanceQuery("word", "1,1", 5), {}, "GEO_DISTANCE_QUERY"),
        (t.GeoBoundingBoxQuery("word", "1,1", "2,2"), {}, "GEO_BOUNDING_BOX_QUERY"),
        (t.GeoPolygonQuery("word", ["1,1", "2,2"]), {}, "GEO_POLYGON_QUERY"),
        (t.NestedQuery("word", term), {}, "NESTED_QUERY"),
        (t.FunctionScoreQuery(term, t.FieldValueFactor("n")), {}, "FUNCTION_SCORE_QUERY"),
        (t.KnnVectorQuery("word", 3, [1.0]), {}, "KNN_VECTOR_QUERY"),
        (t.BoolQuery(should_queries=[t.NestedQuery("word", term)]), {}, "NESTED_QUERY"),
        (t.TermQuery("n", 1, weight=2.0), {}, "TermQuery.weight"),
        (t.MatchPhraseQuery("text", "is this", slop=1), {}, "MatchPhraseQuery.slop"),
        (t.DisMaxQuery([term], tie_breaker=0.5), {}, "DisMaxQuery.tie_breaker"),
        (t.MatchQuery("text", "is this", minimum_should_match="75%"), {}, "minimum_should_match 75%"),
        (term, {"collapse_field": t.Collapse("word")}, "collapse"),
        (term, {"aggs": [t.Max("n")]}, "aggs"),
        (term, {"group_bys": [t.GroupByField("word")]}, "group_bys"),
        (term, {"highlight": highlight}, "highlight"),
        (term, {"sort": t.Sort([t.GeoDistanceSort("word", ["1,1"])])}, "GeoDistanceSort"),
        (term, {"sort": t.Sort([by_nested])}, "FieldSort.nested_filter"),
    ]:
        expected = (400, "OTSParameterInvalid", f"Unsupported operation: '{name}'.")
        assert expected == refusal(lambda query=query, how=how: search(client, query, **how))


def test_fields_that_mean_more_than_is_known_here_are_refused_when_asked(client: Any) -> None:
    """Arrays, words that are cut at their capitals and fields outside the index do no harm until a query asks."""
    import tablestore as t

    kinds = t.FieldType
    cut = t.SingleWordAnalyzerParameter(case_sensitive=False, delimit_word=True)
    fields = {
        "word": (t.FieldSchema("word", kinds.KEYWORD, is_array=True), "is_array"),
        "text": (t.FieldSchema("text", kinds.TEXT, analyzer=t.AnalyzerType.SINGLEWORD, analyzer_parameter=cut),
                 "delimit_word"),
        "price": (t.FieldSchema("price", kinds.DOUBLE, index=False), "index false"),
        "n": (t.FieldSchema("n", kinds.LONG), None),
    }  # fmt: skip
    client.create_search_index("said", "odd", t.SearchIndexMeta([field for field, _ in fields.values()]))

    for name, (_, what) in fields.items():
        query = t.BoolQuery(must_not_queries=[t.ExistsQuery(name)])
        for asked in (t.SearchQuery(query), t.SearchQuery(t.MatchAllQuery(), sort=t.Sort([t.FieldSort(name)]))):
            if what is not None:
                said = f"Unsupported operation: '{what} of field {name}'."
                assert (400, "OTSParameterInvalid", said) == refusal(
                    lambda asked=asked: client.search("said", "odd", asked)
                )
            else:
                assert client.search("said", "odd", asked).is_all_succeed


def test_an_index_has_an_order_of_its_own(client: Any) -> None:
    import tablestore as t

    by_word = t.Sort([t.FieldSort("word", t.SortOrder.DESC)])
    fields = [t.FieldSchema("word", t.FieldType.KEYWORD)]
    client.create_search_index("said", "backward", t.SearchIndexMeta(fields, index_sort=by_word))

    first = client.search("said", "backward", t.SearchQuery(t.MatchAllQuery(), limit=5))
    then = client.search("said", "backward", t.SearchQuery(t.MatchAllQuery(), limit=5, next_token=first.next_token))

    assert list(range(49, 39, -1)) == numbers(first) + numbers(then)


def test_routing_values_do_not_filter(client: Any) -> None:
    import tablestore as t

    asked = t.SearchQuery(t.TermQuery("even", True), limit=100)
    answer = client.search("said", "said_index", asked, None, [[("who", "w0"), ("n", 0)]], 5)

    assert ROWS // 2 == len(answer.rows)


# What other SDKs send


def answered(served: Served, **fields: Any) -> Any:
    """The answer to a SearchQuery of these fields."""
    wanted = schema.make("SearchQuery", limit=100, **fields).SerializeToString()
    request = schema.make("SearchRequest", table_name="said", index_name="said_index", search_query=wanted)
    answer = Dispatcher(served.engine, SystemClock()).answer("Search", request.SerializeToString())
    return schema.parse("SearchResponse", answer.body)


def term(name: str, number: int) -> Any:
    """A TermQuery's message."""
    body = schema.make("TermQuery", field_name=name, term=b"\x00" + number.to_bytes(8, "little"))
    return schema.make("Query", type=3, query=body.SerializeToString())


def test_a_constant_score_finds_what_its_filter_finds(served: Served, client: Any) -> None:
    body = schema.make("ConstScoreQuery", filter=term("n", 3))

    assert 1 == len(answered(served, query=schema.make("Query", type=7, query=body.SerializeToString())).rows)


def test_a_filter_stands_beside_the_query(served: Served, client: Any) -> None:
    everything, third = schema.make("Query", type=11), schema.make("SearchFilter", query=term("n", 3))

    assert 1 == len(answered(served, query=everything, filter=third).rows)
    assert 0 == len(answered(served, query=term("n", 4), filter=third).rows)


def test_what_other_sdks_say_of_sorts_is_refused_by_name(served: Served, client: Any) -> None:
    everything = schema.make("Query", type=11)
    for sort, name in (
        (schema.make("Sort", sorter=[{"field_sort": {"field_name": "n", "missing_field": "m"}}]), "missing_field"),
        (schema.make("Sort", sorter=[{"field_sort": {"field_name": "n", "missing_value": b"x"}}]), "missing_value"),
    ):
        with pytest.raises(InvalidInput, match=f"Unsupported operation: 'FieldSort.{name}'."):
            answered(served, query=everything, sort=sort)


def test_java_counts_in_another_way(served: Served, client: Any) -> None:
    """track_total_count of the greatest integer counts, -1 does not."""
    everything = schema.make("Query", type=11)

    assert ROWS == answered(served, query=everything, track_total_count=2**31 - 1).total_hits
    assert -1 == answered(served, query=everything, track_total_count=-1).total_hits


def test_infinite_ends_are_open(served: Served, client: Any) -> None:
    """INF_MIN and INF_MAX, which stand for an end that is not there, are none."""
    body = schema.make("RangeQuery", field_name="n", range_from=b"\x09", range_to=b"\x0a")

    assert ROWS == len(answered(served, query=schema.make("Query", type=4, query=body.SerializeToString())).rows)


def test_the_end_of_the_rows_is_no_token_at_all(served: Served, client: Any) -> None:
    """The field is absent, because the Java SDK goes on while it is there."""
    assert not answered(served, query=schema.make("Query", type=11)).HasField("next_token")


def test_queries_in_queries_have_an_end(served: Served, client: Any) -> None:
    deep = term("n", 3)
    for _ in range(40):
        body = schema.make("BoolQuery", must_queries=[deep])
        deep = schema.make("Query", type=6, query=body.SerializeToString())
    wide = schema.make("BoolQuery", should_queries=[term("n", 3)] * 1100)
    with pytest.raises(InvalidInput, match="depth of the query exceeds the limit: 16"):
        answered(served, query=deep)
    with pytest.raises(InvalidInput, match="number of sub-queries exceeds the limit: 1024"):
        answered(served, query=schema.make("Query", type=6, query=wide.SerializeToString()))


def test_a_row_that_goes_meanwhile_is_left_out(served: Served, client: Any) -> None:
    """Between its key being found and its columns being read: neither the row nor its hit is answered, and the next
    row fills its place."""
    import tablestore as t

    engine, found = served.engine, served.engine.search

    def search_then_delete(*asked: Any, **options: Any) -> Any:
        reply = found(*asked, **options)
        engine.write_rows(BatchWriteRow([Delete(TABLE.ref, key(3))]))
        return reply

    engine.search = search_then_delete  # type: ignore[method-assign]
    whole = t.ColumnsToGet(return_type=t.ColumnReturnType.ALL)
    answer = search(client, t.RangeQuery("n", 2, 5), columns=whole, limit=1, get_total_count=True)

    assert ([4], 1, 3) == (numbers(answer), len(answer.search_hits), answer.total_count)
    assert [2] == numbers(search(client, t.RangeQuery("n", 2, 5), columns=whole, next_token=answer.next_token))
