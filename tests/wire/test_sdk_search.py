"""Searches and parallel scans through the Python SDK's client: each kind of query, orders, pages, columns, limits.

Which rows a query finds by the type of its field is in tests/contract/test_search.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.support import search_table as table
from tests.support.clocks import ManualClock
from tests.support.server_in_process import Served, sdk_client, sdk_refusal, serving
from tsmem.adapters.tablestore.sdk import ots as t
from tsmem.clock import SystemClock
from tsmem.errors import InvalidInput
from tsmem.port import FieldType
from tsmem.rows import Put
from tsmem.server.dispatch import Dispatcher
from tsmem.server.wire import schema

INVALID = "OTSParameterInvalid"


@pytest.fixture(scope="module")
def clock() -> ManualClock:
    """The server's clock, which stands still until a test moves it."""
    return ManualClock(SystemClock().now_us())


@pytest.fixture(scope="module")
def searched(clock: ManualClock) -> Iterator[Served]:
    """A server with the table of tests/support/search_table.py. No test changes its rows."""
    with serving(None, clock=clock) as served:
        table.fill(served)
        yield served


@pytest.fixture
def client(searched: Served, clock: ManualClock) -> Any:
    clock.time_us = SystemClock().now_us()
    return sdk_client(searched.endpoint)


def test_each_kind_of_query_finds_its_rows(client: Any) -> None:
    wrong = {}
    for place, (query, expected) in enumerate(table.QUERIES):
        answer = table.search(client, query, get_total_count=True)
        found = (table.numbers(answer), answer.total_count, bool(answer.next_token), answer.is_all_succeed)
        if (wanted := ([n for n in table.BY_KEY if n in expected], len(expected), False, True)) != found:
            wrong[place] = (wanted, found)

    assert {} == wrong


def test_a_search_returns_10_rows_without_columns_or_total_by_default(client: Any) -> None:
    answer = table.search(client, t.RangeQuery("n", 10, 50), limit=None)

    assert (10, -1, True) == (len(answer.rows), answer.total_count, bool(answer.next_token))
    assert [[]] * 10 == [cells for _, cells in answer.rows]


def words(count: int) -> str:
    return " ".join(f"w{n}" for n in range(count))


def either(*parts: Any) -> Any:
    return t.BoolQuery(should_queries=parts)


MANY = "The number of words and terms of a search exceeds the limit: 1024."
PHRASES = "The number of words in the phrases of a search exceeds the limit: 256."
CHARACTERS = "The number of characters in the texts of a search exceeds the limit: 8192."
LONG = "length of field value is longer than 32 for the [WILDCARD_QUERY] query"
ASKED: list[tuple[Any, int | str]] = [
    (t.MatchQuery("text", words(1023) + " is is"), table.ROWS), (t.MatchQuery("note", words(1024)), 0),
    (t.MatchQuery("text", words(1025)), MANY), (t.MatchQuery("note", words(1025)), MANY),
    (either(t.MatchQuery("text", "w"), t.TermsQuery("word", words(1024).split())), MANY),
    (t.MatchPhraseQuery("text", "is " * 256), 0), (t.MatchPhraseQuery("note", "is " * 2000), 0),
    (either(*(t.MatchPhraseQuery("text", "is " * n) for n in (129, 128))), PHRASES),
    (t.TermQuery("spaceless", "北" * 257), PHRASES), (t.TermsQuery("spaceless", ["北" * 129, "京" * 128]), PHRASES),
    (t.MatchPhraseQuery("note", "i" * 8192), 0), (t.TermQuery("word", "i" * 10_000), 0),
    (either(t.TermQuery("text", "i" * 4096), t.MatchQuery("note", "i" * 4097)), CHARACTERS),
    (t.WildcardQuery("word", "*" * 27 + "key03"), 1), (t.WildcardQuery("word", "*" * 28 + "key03"), LONG),
]  # fmt: skip


def test_a_search_has_limits_on_words_phrases_characters_and_patterns(served: Served) -> None:
    """A repeated word counts once, but in a phrase each time. Words and terms of all parts of a query count
    together. Text for a field that is not TEXT can have any length."""
    client = table.fill(served)
    fields = (*table.INDEX.fields, ("spaceless", FieldType("TEXT", "max_word")))
    served.engine.definitions.delete_search_index("notes", "notes_index")
    served.engine.definitions.create_search_index(table.INDEX._replace(fields=fields))
    for query, expected in ASKED:
        if isinstance(expected, int):
            assert expected == len(table.search(client, query).rows)
        else:
            assert (400, INVALID, expected) == sdk_refusal(partial(table.search, client, query))


def test_unsupported_queries_sorts_and_options_are_refused_by_name(client: Any) -> None:
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
        refusal = (400, INVALID, f"Unsupported operation: '{name}'.")
        assert refusal == sdk_refusal(partial(table.search, client, query, **how))


def test_an_unsupported_field_type_is_refused_only_when_used(client: Any) -> None:
    cut = t.SingleWordAnalyzerParameter(case_sensitive=False, delimit_word=True)
    fields = [
        t.FieldSchema("word", t.FieldType.KEYWORD, is_array=True), t.FieldSchema("n", t.FieldType.LONG),
        t.FieldSchema("text", t.FieldType.TEXT, analyzer=t.AnalyzerType.SINGLEWORD, analyzer_parameter=cut),
        t.FieldSchema("price", t.FieldType.DOUBLE, index=False),
    ]  # fmt: skip
    client.create_search_index("notes", "odd", t.SearchIndexMeta(fields))

    def searches(name: str) -> list[Any]:
        query = t.BoolQuery(must_not_queries=[t.ExistsQuery(name)])
        return [t.SearchQuery(query), t.SearchQuery(t.MatchAllQuery(), sort=t.Sort([t.FieldSort(name)]))]

    assert all(client.search("notes", "odd", each).is_all_succeed for each in searches("n"))
    for name, what in (("word", "is_array"), ("text", "delimit_word"), ("price", "index false")):
        refusal = (400, INVALID, f"Unsupported operation: '{what} of field {name}'.")
        for each in searches(name):
            assert refusal == sdk_refusal(partial(client.search, "notes", "odd", each))


def test_a_search_uses_the_index_sort_and_ignores_routing_values(client: Any) -> None:
    by_word = t.Sort([t.FieldSort("word", t.SortOrder.DESC)])
    fields = [t.FieldSchema("word", t.FieldType.KEYWORD)]
    client.create_search_index("notes", "backward", t.SearchIndexMeta(fields, index_sort=by_word))

    def search_notes(**how: Any) -> Any:
        asked = t.SearchQuery(t.MatchAllQuery(), limit=5, **how)
        return client.search("notes", "backward", asked, None, [[("who", "w0"), ("n", 0)]], 5)

    for sort, expected in ((None, list(range(49, 39, -1))), (t.Sort([t.PrimaryKeySort()]), table.BY_KEY[:10])):
        first = search_notes(sort=sort)
        assert expected == table.numbers(first) + table.numbers(search_notes(next_token=first.next_token))


# Queries that the Python SDK cannot send


def answered(served: Served, **fields: Any) -> Any:
    wanted = schema.new_message("SearchQuery", limit=100, **fields).SerializeToString()
    request = schema.new_message("SearchRequest", table_name="notes", index_name="notes_index", search_query=wanted)
    dispatcher = Dispatcher(served.engine, SystemClock())
    answer = dispatcher.answer(dispatcher.parse("Search", request.SerializeToString()))
    return schema.parse_message("SearchResponse", answer.body)


def message(kind: int, body: Any = None) -> Any:
    return schema.new_message("Query", type=kind, query=b"" if body is None else body.SerializeToString())


def term(name: str, number: int) -> Any:
    return message(3, schema.new_message("TermQuery", field_name=name, term=b"\x00" + number.to_bytes(8, "little")))


def test_queries_of_other_sdks_are_answered(searched: Served) -> None:
    """They include a constant score, a filter beside the query, infinite ends of a range, and the way in which Java
    asks for a count. After the last row the reply has no token field at all, because the Java SDK goes on as long as
    there is one."""
    everything, third = message(11), schema.new_message("SearchFilter", query=term("n", 3))
    constant = message(7, schema.new_message("ConstScoreQuery", filter=term("n", 3)))
    endless = message(4, schema.new_message("RangeQuery", field_name="n", range_from=b"\x09", range_to=b"\x0a"))
    for fields, rows, total in [
        ({"query": constant}, 1, -1), ({"query": endless}, table.ROWS, -1),
        ({"query": everything, "filter": third}, 1, -1),
        ({"query": term("n", 4), "filter": third}, 0, -1),
        ({"query": everything, "track_total_count": 2**31 - 1}, table.ROWS, table.ROWS),
        ({"query": everything, "track_total_count": -1}, table.ROWS, -1),
    ]:  # fmt: skip
        answer = answered(searched, **fields)
        assert (rows, total, False) == (len(answer.rows), answer.total_hits, answer.HasField("next_token")), fields


def test_deep_and_wide_queries_and_missing_values_of_other_sdks_are_refused(searched: Served) -> None:
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
    for query, sorter, refusal in cases:
        with pytest.raises(InvalidInput, match=refusal):
            answered(searched, query=query, sort={"sorter": [{"field_sort": {"field_name": "n", **sorter}}]})


# Parallel scans


def scan(client: Any, session: str | None, query: Any = None, *, columns: Any = None, **how: Any) -> Any:
    options = {"limit": 35, "next_token": None, "current_parallel_id": 0, "max_parallel": 1, "alive_time": 30} | how
    asked = t.ScanQuery(t.MatchAllQuery() if query is None else query, **options)
    return client.parallel_scan("notes", "notes_index", asked, session, columns)


def test_a_scan_ends_with_an_empty_page(client: Any) -> None:
    from_index = t.ColumnsToGet(return_type=t.ColumnReturnType.ALL_FROM_INDEX)
    splits = client.compute_splits("notes", "notes_index")
    assert 1 == splits.splits_size
    first = scan(client, splits.session_id, columns=from_index)
    second = scan(client, splits.session_id, columns=from_index, next_token=first.next_token)
    third = scan(client, splits.session_id, columns=from_index, next_token=second.next_token)

    assert (35, 15, 0) == (len(first.rows), len(second.rows), len(third.rows))
    assert (True, True, False) == (bool(first.next_token), bool(second.next_token), bool(third.next_token))
    assert table.BY_KEY == table.numbers(first) + table.numbers(second)
    wanted = [(name, value) for name, value in table.columns(table.BY_KEY[0]).items() if name != "raw"]
    assert wanted == [(name, value) for name, value, _ in first.rows[0][1]]


def test_a_scan_without_a_session_finds_what_its_query_finds(client: Any) -> None:
    named = t.ColumnsToGet(["number"], t.ColumnReturnType.SPECIFIED)
    found = scan(client, None, t.RangeQuery("n", 3, 5), columns=named)

    assert [([("who", "w0"), ("n", 3)], [("number", 3)]), ([("who", "w1"), ("n", 4)], [("number", 4)])] == [
        (key, [(name, value) for name, value, _ in cells]) for key, cells in found.rows
    ]
    assert [] == scan(client, None, t.TermQuery("n", 99)).rows


def test_a_page_of_a_scan_has_up_to_2000_rows(served: Served) -> None:
    client = table.fill(served)
    for start in range(table.ROWS, 1450, 200):
        served.engine.write_rows([Put(table.TABLE.ref, table.key(n), {"number": n}) for n in range(start, start + 200)])
    first = scan(client, None, limit=1400)
    second = scan(client, None, limit=1400, next_token=first.next_token)

    assert (1400, 50) == (len(first.rows), len(second.rows))
    assert sorted(range(1450), key=table.key) == table.numbers(first) + table.numbers(second)
    assert 1450 == len(scan(client, None, limit=2000).rows) == len(scan(client, None, limit=None).rows)


EXPIRED = "ScanQuery'session is expired, please retry ComputeSplitsRequest and ScanQuery."
OUT_OF_SPLITS = (
    "[parallel_scan.current_parallel_id] must in [0, max_parallel), current max_parallel is 1, "
    "current_parallel_id is 101"
)


def test_invalid_parallel_scans_are_refused(client: Any) -> None:
    session = client.compute_splits("notes", "notes_index").session_id
    everything = t.ColumnsToGet(return_type=t.ColumnReturnType.ALL)
    for call, code, text in [
        (lambda: client.compute_splits("notes", None), INVALID, "[search index splits options] must not be null"),
        (lambda: client.compute_splits("notes", "none"), "OTSMetaNotMatch", "search index [none] does not exist"),
        (lambda: client.compute_splits("none", "notes_index"), INVALID, "table [none] does not exist"),
        (lambda: scan(client, "of another server"), "OTSSessionExpired", EXPIRED),
        (lambda: scan(client, session, current_parallel_id=101), INVALID, OUT_OF_SPLITS),
        (lambda: scan(client, session, max_parallel=2), INVALID,
         "[parallel_scan.max_parallel_id] must in (0 ,1], current max_parallel_id is 2"),
        (lambda: scan(client, session, columns=everything), INVALID,
         "[parallel_scan.columns_to_get] must not be RETURN_ALL"),
        (lambda: scan(client, session, next_token=b"nonsense"), INVALID,
         "[parallel_scan.token] is not one of this server's"),
        (lambda: scan(client, session, t.TermQuery("none", 1)), INVALID, "field: none does not exist"),
    ]:  # fmt: skip
        assert (400, code, text) == sdk_refusal(call)
    for limit in (0, 2001, -1):
        refusal = (400, INVALID, f"[parallel_scan.limit] must in (0, 2000], current limit is {limit}")
        assert refusal == sdk_refusal(partial(scan, client, None, limit=limit))
