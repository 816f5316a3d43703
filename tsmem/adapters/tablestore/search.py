"""Search requests for the SDK, and pages of rows in our classes. Imported by the first search.

A request states everything, also where the service has a default: an index may have been made with another order. The
service breaks ties by primary key.

Source: tablestore 6.4.8, metadata.py, encoder.py, decoder.py: rows are pairs of lists, their scores stand in the hits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tsmem import queries
from tsmem.adapters.tablestore.reply_checks import check_search
from tsmem.adapters.tablestore.rows import to_row, to_wire
from tsmem.adapters.tablestore.sdk import ots
from tsmem.errors import Unavailable
from tsmem.queries import Query, Search, SearchPage, Sorter
from tsmem.rows import TableRef

_OPERATORS = {queries.Operator.OR: ots.QueryOperator.OR, queries.Operator.AND: ots.QueryOperator.AND}
_SAME = {
    queries.MatchAll: ots.MatchAllQuery,
    queries.MatchPhrase: ots.MatchPhraseQuery,
    queries.Prefix: ots.PrefixQuery,
    queries.Wildcard: ots.WildcardQuery,
    queries.HasField: ots.ExistsQuery,
}
"""Queries with the same arguments in the SDK."""


def search_request(search: Search) -> Any:
    return ots.SearchQuery(
        sdk_query(search.query),
        sort=ots.Sort([_sorter(each) for each in search.sorts or (queries.KeySort(),)]),
        get_total_count=search.count,
        next_token=search.token,
        offset=search.offset or None,
        limit=search.limit,
    )


def sdk_columns(names: Sequence[str] | None) -> Any:
    if names is None:
        return ots.ColumnsToGet(return_type=ots.ColumnReturnType.ALL)
    return ots.ColumnsToGet(list(names), ots.ColumnReturnType.SPECIFIED if names else ots.ColumnReturnType.NONE)


def to_page(table: TableRef, reply: Any, search: Search) -> SearchPage:
    """Return the page of a reply. Raises Unavailable if a part of the index did not reply, and WrongReply."""
    if not reply.is_all_succeed:
        raise Unavailable("a part of the search index did not answer")
    rows = [to_row(table, *row[:2]) for row in reply.rows]
    scores = [hit.score for hit in reply.search_hits] or [None] * len(rows)
    scores = [score if score is not None and math.isfinite(score) else None for score in scores]
    total = reply.total_count if search.count else None
    found = SearchPage(rows, scores, bytes(reply.next_token) if reply.next_token else None, total)
    check_search(search, found)
    return found


def sdk_query(query: Query) -> Any:
    """Return a query for the SDK. `contains.py` has replaced each Contains."""
    assert not isinstance(query, queries.Contains)
    if isinstance(query, queries.Bool):
        must, must_not, filters, should = (
            [sdk_query(part) for part in parts] for parts in (query.must, query.must_not, query.filter, query.should)
        )
        return ots.BoolQuery(must, must_not, filters, should, query.minimum_should_match)
    if isinstance(query, queries.Match):
        return ots.MatchQuery(query.field, query.text, query.minimum_should_match, _OPERATORS[query.operator])
    if isinstance(query, queries.Term):
        return ots.TermQuery(query.field, to_wire(query.value))
    if isinstance(query, queries.Terms):
        return ots.TermsQuery(query.field, [to_wire(value) for value in query.values])
    if isinstance(query, queries.Between):
        start, end = (None if value is None else to_wire(value) for value in (query.start, query.end))
        return ots.RangeQuery(query.field, start, end, query.start_inclusive, query.end_inclusive)
    return _SAME[type(query)](*query)


def _sorter(sorter: Sorter) -> Any:
    order = ots.SortOrder.DESC if sorter.descending else ots.SortOrder.ASC
    if isinstance(sorter, queries.FieldSort):
        return ots.FieldSort(sorter.field, order)
    return ots.ScoreSort(order) if isinstance(sorter, queries.ScoreSort) else ots.PrimaryKeySort(order)
