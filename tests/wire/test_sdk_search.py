"""Search through the Python SDK's own client: what each query finds, in what order, on which pages, and what is
refused in which words."""

from __future__ import annotations

import math
from collections.abc import Callable
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

Case = tuple[Callable[[Any], Any], set[int]]
FOUND: dict[str, Case] = {
    "match all": (lambda t: t.MatchAllQuery(), set(range(ROWS))),
    "match a word": (lambda t: t.MatchQuery("text", "17"), {17}),
    "match whatever the case": (lambda t: t.MatchQuery("text", "THIS"), set(range(ROWS))),
    "match one word of two": (lambda t: t.MatchQuery("text", "17 18"), {17, 18}),
    "match all words": (lambda t: t.MatchQuery("text", "is 17", operator=t.QueryOperator.AND), {17}),
    "match two words of three": (lambda t: t.MatchQuery("text", "is 17 18", minimum_should_match=2), {17, 18}),
    "match by a count in words": (lambda t: t.MatchQuery("text", "is 17 18", minimum_should_match="2"), {17, 18}),
    "match all words at least 0": (
        lambda t: t.MatchQuery("text", "is this 3", minimum_should_match=0, operator=t.QueryOperator.AND),
        {3},
    ),
    "match a keyword": (lambda t: t.MatchQuery("word", "key05"), {5}),
    "match nothing": (lambda t: t.MatchQuery("text", "not"), set()),
    "phrase": (lambda t: t.MatchPhraseQuery("text", "is 17"), {17}),
    "phrase the wrong way round": (lambda t: t.MatchPhraseQuery("text", "17 is"), set()),
    "phrase of a keyword": (lambda t: t.MatchPhraseQuery("word", "key05"), {5}),
    "phrase inside a word": (lambda t: t.MatchPhraseQuery("note", "OTE1"), {1, *range(10, 20)}),
    "phrase of two characters": (lambda t: t.MatchPhraseQuery("note", "梅岛"), set(range(ROWS))),
    "phrase of one character": (lambda t: t.MatchPhraseQuery("note", "苏"), set(range(ROWS))),
    "term of a keyword": (lambda t: t.TermQuery("word", "key00"), {0}),
    "term of a text": (lambda t: t.TermQuery("text", "17"), {17}),
    "term of a long": (lambda t: t.TermQuery("number", 17), {17}),
    "term of a long as text": (lambda t: t.TermQuery("number", "17"), {17}),
    "term of a boolean": (lambda t: t.TermQuery("even", True), set(range(0, ROWS, 2))),
    "term of a double": (lambda t: t.TermQuery("price", 0.25), {1}),
    "term of a key": (lambda t: t.TermQuery("who", "w1"), set(range(1, ROWS, 3))),
    "terms of a keyword": (lambda t: t.TermsQuery("word", ["key00", "key49", "key50"]), {0, 49}),
    "terms of a text": (lambda t: t.TermsQuery("text", ["17", "18"]), {17, 18}),
    "terms of a long": (lambda t: t.TermsQuery("number", [0, 49, 50, MISTYPED]), {0, 49}),
    "range": (lambda t: t.RangeQuery("number", 10, 20), set(range(10, 20))),
    "range with both ends": (lambda t: t.RangeQuery("number", 10, 20, include_upper=True), set(range(10, 21))),
    "range without ends": (lambda t: t.RangeQuery("number", 10, 20, include_lower=False), set(range(11, 20))),
    "range from": (lambda t: t.RangeQuery("price", range_from=12.0), {48, 49}),
    "range to": (lambda t: t.RangeQuery("n", range_to=2), {0, 1}),
    "range of a keyword": (lambda t: t.RangeQuery("word", "key10", "key12"), {10, 11}),
    "prefix of a keyword": (lambda t: t.PrefixQuery("word", "key0"), set(range(10))),
    "prefix of a word": (lambda t: t.PrefixQuery("text", "4"), {4, *range(40, 50)}),
    "prefix of two words": (lambda t: t.PrefixQuery("text", "this is"), set()),
    "wildcard for many": (lambda t: t.WildcardQuery("word", "k*5"), {5, 15, 25, 35, 45}),
    "wildcard for one": (lambda t: t.WildcardQuery("word", "key?1"), {1, 11, 21, 31, 41}),
    "wildcard in a word": (lambda t: t.WildcardQuery("text", "1?"), set(range(10, 20))),
    "exists": (lambda t: t.ExistsQuery("number"), COUNTED),
    "bool": (
        lambda t: t.BoolQuery(
            must_queries=[t.RangeQuery("number", 10, 30)],
            must_not_queries=[t.TermQuery("even", True), t.TermQuery("number", 11)],
            filter_queries=[t.PrefixQuery("word", "key1")],
            should_queries=[t.MatchQuery("text", "13")],
        ),
        {13, 15, 17, 19},
    ),
    "bool of none": (lambda t: t.BoolQuery(must_not_queries=[t.ExistsQuery("number")]), {MISTYPED, LACKING}),
    "bool of one at least": (
        lambda t: t.BoolQuery(should_queries=[t.TermQuery("number", 1), t.TermQuery("word", "key02")]),
        {1, 2},
    ),
    "bool of two at least": (
        lambda t: t.BoolQuery(
            should_queries=[t.TermQuery("number", n) for n in (1, 2)] + [t.TermQuery("word", "key02")],
            minimum_should_match=2,
        ),
        {2},
    ),
    "bool in bool": (
        lambda t: t.BoolQuery(
            must_queries=[
                t.BoolQuery(should_queries=[t.TermQuery("number", n) for n in (1, 2, 3)]),
                t.BoolQuery(must_not_queries=[t.TermQuery("number", 2)]),
            ]
        ),
        {1, 3},
    ),
    "one of several": (lambda t: t.DisMaxQuery([t.TermQuery("number", 1), t.TermQuery("word", "key02")]), {1, 2}),
    "with a neutral weight": (lambda t: t.TermQuery("number", 1, weight=1.0), {1}),
}


@pytest.fixture
def client(served: Served) -> Any:
    """The SDK's client on a table of fifty rows with an index."""
    return fill(served)


def test_each_query_finds_what_it_says(client: Any) -> None:
    """Every type of query, over every type of field: the rows in key order, and how many they are."""
    import tablestore

    wrong = {}
    for name, (make, expected) in FOUND.items():
        answer = search(client, make(tablestore), get_total_count=True)
        found = (numbers(answer), answer.total_count, bool(answer.next_token), answer.is_all_succeed)
        if (wanted := ([n for n in BY_KEY if n in expected], len(expected), False, True)) != found:
            wrong[name] = (wanted, found)

    assert {} == wrong


def test_rows_are_sorted(client: Any) -> None:
    """By a field up and down, rows without it last; by key and by document; ties by key."""
    import tablestore as t

    without = [n for n in BY_KEY if n not in COUNTED]
    everything = t.MatchAllQuery()
    for sorters, expected in [
        ([t.FieldSort("number", t.SortOrder.ASC)], sorted(COUNTED) + without),
        ([t.FieldSort("number", t.SortOrder.DESC)], sorted(COUNTED, reverse=True) + without),
        ([t.FieldSort("price")], list(range(ROWS))),
        ([t.FieldSort("word", t.SortOrder.DESC)], list(reversed(range(ROWS)))),
        ([t.PrimaryKeySort(t.SortOrder.ASC)], BY_KEY),
        ([t.PrimaryKeySort(t.SortOrder.DESC)], BY_KEY[::-1]),
        ([t.DocSort(t.SortOrder.ASC)], BY_KEY),
        ([t.FieldSort("even", t.SortOrder.DESC), t.FieldSort("number", t.SortOrder.DESC)],
         [*range(48, -1, -2), *(n for n in range(49, 0, -2) if n in COUNTED), *without]),
        ([t.FieldSort("even")], [n for n in BY_KEY if n % 2] + [n for n in BY_KEY if n % 2 == 0]),
    ]:  # fmt: skip
        assert expected == numbers(search(client, everything, sort=t.Sort(sorters)))


def test_each_row_has_a_hit_with_its_score(client: Any) -> None:
    """Sorted by score, best first, scores are numbers; sorted by key they are NaN. A row has one hit either way."""
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


@pytest.mark.parametrize("limit", [7, 10, 49, 50])
def test_pages_join_to_the_whole(client: Any, limit: int) -> None:
    """Page by page with the token of the one before, no row twice and none left out, no token at the end; the sort
    need be said only once."""
    import tablestore as t

    descending = t.Sort([t.FieldSort("number", t.SortOrder.DESC)])
    for sort, expected in ((None, BY_KEY), (descending, numbers(search(client, t.MatchAllQuery(), sort=descending)))):
        found = list(pages(client, t.MatchAllQuery(), limit=limit, sort=sort, get_total_count=True))

        assert expected == [n for answer in found for n in numbers(answer)]
        assert [limit] * (len(found) - 1) == [len(answer.rows) for answer in found[:-1]]
        assert {ROWS} == {answer.total_count for answer in found}


def test_a_token_goes_with_its_sort_and_its_query(client: Any) -> None:
    """The same sort may be said again, another one is refused; so are an offset, and bytes that are no token."""
    import tablestore as t

    everything, sort = t.MatchAllQuery(), t.Sort([t.FieldSort("number", t.SortOrder.DESC)])
    token = search(client, everything, sort=sort, limit=7).next_token
    again = search(client, everything, sort=sort, limit=7, next_token=token)
    assert list(range(42, 35, -1)) == numbers(again)

    other = t.Sort([t.FieldSort("number", t.SortOrder.ASC)])
    for how in (
        {"sort": other, "next_token": token}, {"offset": 3, "next_token": token}, {"next_token": b"nonsense"},
        {"next_token": token[:3]}, {"next_token": token + b"x"},
    ):  # fmt: skip
        assert (400, "OTSParameterInvalid") == refusal(lambda how=how: search(client, everything, **how))[:2]


def test_offsets_pass_rows_over(client: Any) -> None:
    """The same rows as a page further on; beyond the last there are none."""
    import tablestore as t

    everything = t.MatchAllQuery()
    assert BY_KEY[20:27] == numbers(search(client, everything, offset=20, limit=7))
    assert [] == numbers(search(client, everything, offset=ROWS, limit=7))


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


def test_the_columns_asked_for_are_given(client: Any) -> None:
    """All of them, those named, none, or those of the index; values of every type, with their timestamps."""
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
    """A missing table, index and field; a reach too far; numbers below zero."""
    import tablestore as t

    everything = t.SearchQuery(t.MatchAllQuery())
    invalid = "OTSParameterInvalid"
    for call, code, words in [
        (lambda: client.search("none", "said_index", everything), invalid, "table [none] does not exist"),
        (lambda: client.search("said", "none", everything), "OTSMetaNotMatch", "search index [none] does not exist"),
        (lambda: search(client, t.TermQuery("nothing", 1)), invalid, "field: nothing does not exist"),
        (lambda: search(client, t.MatchAllQuery(), sort=t.Sort([t.FieldSort("nothing")])), invalid,
         "field: nothing does not exist"),
        (lambda: search(client, t.MatchAllQuery(), offset=99_901), invalid, "exceed the limit: 100000"),
        (lambda: search(client, t.MatchAllQuery(), offset=-1), invalid, "offset of a search cannot be less than 0"),
        (lambda: search(client, t.MatchAllQuery(), limit=-1), invalid, "must be in range: [0, 1000]"),
        (lambda: search(client, t.MatchAllQuery(), sort=t.Sort([t.FieldSort("text")])), invalid, "text"),
    ]:  # fmt: skip
        status, found_code, said = refusal(call)
        assert (400, code) == (status, found_code), said
        assert words in said


def test_what_is_not_there_is_refused_by_name(client: Any) -> None:
    """Queries, sorts, options and parts of the service's search that this server does not have."""
    import tablestore as t

    term = t.TermQuery("n", 1)
    highlight = t.Highlight([t.HighlightParameter("text")])
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
        (
            term,
            {"sort": t.Sort([t.FieldSort("n", nested_filter=t.NestedFilter("word", term))])},
            "FieldSort.nested_filter",
        ),
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


def test_words_are_cut_as_the_field_says(client: Any) -> None:
    """At another delimiter, or with their case."""
    import tablestore as t

    cases = {
        "split": t.FieldSchema("word", t.FieldType.TEXT, analyzer=t.AnalyzerType.SPLIT,
                               analyzer_parameter=t.SplitAnalyzerParameter("y")),
        "exact": t.FieldSchema("text", t.FieldType.TEXT, analyzer=t.AnalyzerType.SINGLEWORD,
                               analyzer_parameter=t.SingleWordAnalyzerParameter(case_sensitive=True)),
    }  # fmt: skip

    def found(index: str, query: Any) -> int:
        return len(client.search("said", index, t.SearchQuery(query, limit=100)).rows)

    for index, field in cases.items():
        client.create_search_index("said", index, t.SearchIndexMeta([field]))
    assert (1, ROWS, 0) == tuple(found("split", t.TermQuery("word", word)) for word in ("07", "ke", "key07"))
    assert (ROWS, 0) == tuple(found("exact", t.MatchQuery("text", word)) for word in ("This", "this"))
    for name, field in cases.items():
        (described,) = client.describe_search_index("said", name)[0].fields
        assert vars(field.analyzer_parameter) == vars(described.analyzer_parameter)


def test_an_index_has_an_order_of_its_own(client: Any) -> None:
    """Where a search says nothing of its order, the index's holds, also page by page."""
    import tablestore as t

    by_word = t.Sort([t.FieldSort("word", t.SortOrder.DESC)])
    fields = [t.FieldSchema("word", t.FieldType.KEYWORD)]
    client.create_search_index("said", "backward", t.SearchIndexMeta(fields, index_sort=by_word))

    first = client.search("said", "backward", t.SearchQuery(t.MatchAllQuery(), limit=5))
    then = client.search("said", "backward", t.SearchQuery(t.MatchAllQuery(), limit=5, next_token=first.next_token))

    assert list(range(49, 39, -1)) == numbers(first) + numbers(then)


def test_routing_values_do_not_filter(client: Any) -> None:
    """They are taken, and all rows are found; so is a timeout."""
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
    """CONST_SCORE_QUERY, which the Java and Go SDKs send."""
    body = schema.make("ConstScoreQuery", filter=term("n", 3))

    assert 1 == len(answered(served, query=schema.make("Query", type=7, query=body.SerializeToString())).rows)


def test_a_filter_stands_beside_the_query(served: Served, client: Any) -> None:
    """SearchQuery.filter narrows what the query finds."""
    everything, third = schema.make("Query", type=11), schema.make("SearchFilter", query=term("n", 3))

    assert 1 == len(answered(served, query=everything, filter=third).rows)
    assert 0 == len(answered(served, query=term("n", 4), filter=third).rows)


def test_what_other_sdks_say_of_sorts_is_refused_by_name(served: Served, client: Any) -> None:
    """Values of another kind for rows without the field."""
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
    """Too deep and too many are refused."""
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

    def search_then_delete(*asked: Any) -> Any:
        reply = found(*asked)
        engine.write_rows(BatchWriteRow([Delete(TABLE.ref, key(3))]))
        return reply

    engine.search = search_then_delete  # type: ignore[method-assign, assignment]
    whole = t.ColumnsToGet(return_type=t.ColumnReturnType.ALL)
    answer = search(client, t.RangeQuery("n", 2, 5), columns=whole, limit=1, get_total_count=True)

    assert ([4], 1, 3) == (numbers(answer), len(answer.search_hits), answer.total_count)
    assert [2] == numbers(search(client, t.RangeQuery("n", 2, 5), columns=whole, next_token=answer.next_token))
