"""Searches in the SDK's words, and pages of rows back in ours.

Its one rule: what is asked is said outright, also where the service has a default of its own: the order, because an
index may have been made with another one. Ties the service breaks by primary key. Loaded by those who search alone.

Source: tablestore 6.4.8, metadata.py, encoder.py, decoder.py: rows come as pairs of lists, scores beside them in hits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from tsmem.adapters.tablestore.reply_checks import check_search
from tsmem.adapters.tablestore.rows import to_row, to_wire
from tsmem.adapters.tablestore.sdk import ots
from tsmem.errors import Unavailable
from tsmem.queries import (
    Between,
    Bool,
    Contains,
    FieldSort,
    HasField,
    KeySort,
    Match,
    MatchAll,
    MatchPhrase,
    Operator,
    Prefix,
    Query,
    ScoreSort,
    Search,
    SearchPage,
    Sorter,
    Term,
    Terms,
    Wildcard,
)
from tsmem.rows import TableRef, Value

_OPERATORS = {Operator.OR: ots.QueryOperator.OR, Operator.AND: ots.QueryOperator.AND}
_SAME = {
    MatchAll: ots.MatchAllQuery,
    MatchPhrase: ots.MatchPhraseQuery,
    Prefix: ots.PrefixQuery,
    Wildcard: ots.WildcardQuery,
    HasField: ots.ExistsQuery,
}
"""Queries that take the same in the SDK."""


class _Found(NamedTuple):
    """A row of a search as `rows.py` takes one."""

    primary_key: Sequence[tuple[str, Any]]
    attribute_columns: Sequence[tuple[str, Any]]


def request(search: Search) -> Any:
    """What is searched for, without its columns."""
    return ots.SearchQuery(
        sdk_query(search.query),
        sort=ots.Sort([_sorter(each) for each in search.sorts or (KeySort(),)]),
        get_total_count=search.count,
        next_token=search.token,
        offset=search.offset or None,
        limit=search.limit,
    )


def columns(names: Sequence[str] | None) -> Any:
    """The columns to read: all, none, or those named."""
    if names is None:
        return ots.ColumnsToGet(return_type=ots.ColumnReturnType.ALL)
    kind = ots.ColumnReturnType.SPECIFIED if names else ots.ColumnReturnType.NONE
    return ots.ColumnsToGet(list(names), kind)


def page(table: TableRef, answer: Any, search: Search) -> SearchPage:
    """What the SDK read of an answer. Raises Unavailable for an answer of a part of the index, and WrongReply."""
    if not answer.is_all_succeed:
        raise Unavailable("a part of the search index did not answer")
    rows = [to_row(table, _Found(*found[:2])) for found in answer.rows]
    scores = [_score(hit.score) for hit in answer.search_hits] or [None] * len(rows)
    total = answer.total_count if search.count else None
    found = SearchPage(rows, scores, bytes(answer.next_token) if answer.next_token else None, total)
    check_search(search, found)
    return found


def _score(score: float | None) -> float | None:
    return None if score is None or not math.isfinite(score) else score


def sdk_query(wanted: Query) -> Any:
    """Return a query as the SDK has it. Each Contains was replaced before: see `contains.py`."""
    assert not isinstance(wanted, Contains)
    if isinstance(wanted, Bool):
        must, must_not, filters, should = (
            [sdk_query(part) for part in parts]
            for parts in (wanted.must, wanted.must_not, wanted.filter, wanted.should)
        )
        return ots.BoolQuery(must, must_not, filters, should, wanted.minimum_should_match)
    if isinstance(wanted, Match):
        operator = _OPERATORS[wanted.operator]
        return ots.MatchQuery(wanted.field, wanted.text, wanted.minimum_should_match, operator)
    if isinstance(wanted, Term):
        return ots.TermQuery(wanted.field, to_wire(wanted.value))
    if isinstance(wanted, Terms):
        return ots.TermsQuery(wanted.field, [to_wire(value) for value in wanted.values])
    if isinstance(wanted, Between):
        start, end = _end(wanted.start), _end(wanted.end)
        return ots.RangeQuery(wanted.field, start, end, wanted.start_inclusive, wanted.end_inclusive)
    return _SAME[type(wanted)](*wanted)


def _end(value: Value | None) -> Any:
    return None if value is None else to_wire(value)


def _sorter(wanted: Sorter) -> Any:
    order = ots.SortOrder.DESC if wanted.descending else ots.SortOrder.ASC
    if isinstance(wanted, FieldSort):
        return ots.FieldSort(wanted.field, order)
    return ots.ScoreSort(order) if isinstance(wanted, ScoreSort) else ots.PrimaryKeySort(order)
