"""Search.

Its one rule: an answer is whole or an error. What changes an answer and is not there here (aggregations, groups,
collapsing, highlights) is refused by name. Every row is a buffer with its header and has one hit, because the official
memory library reads the hits, and the Go SDK ends its process where the two differ in number. The end of the rows is no
token at all. A token is the engine's, which knows its sort: the Go and Python SDKs say none beside a token.

Routing values and timeouts are taken and mean nothing.
"""

from __future__ import annotations

import math
from typing import Any

from tsmem.engine import Engine
from tsmem.engine.search.search import MAX_INDEXED_LIMIT, MAX_LIMIT
from tsmem.queries import Bool, Query, Search, Sorter
from tsmem.server.actions.context import ActionResult
from tsmem.server.actions.search_target import ColumnsToGet, TargetIndex, columns_of, find, open_index
from tsmem.server.wire import schema
from tsmem.server.wire.filters import invalid_parameter, text
from tsmem.server.wire.search_queries import decode_query, sorts

DEFAULT_LIMIT = 10
_UNSUPPORTED = ("collapse", "aggs", "group_bys", "highlight")
_UNCOUNTED = -1


def search(engine: Engine, body: bytes) -> ActionResult:
    """Search: one page."""
    message = schema.parse_message("SearchRequest", body)
    wanted = schema.parse_message("SearchQuery", message.search_query)
    index = open_index(engine, text(message.table_name), text(message.index_name))
    for name in _UNSUPPORTED:
        if wanted.HasField(name):
            raise invalid_parameter(f"Unsupported operation: '{name}'.")
    columns = columns_of(message.columns_to_get, index)
    asked = Search(
        _query(wanted),
        _sorts(wanted, index),
        _limit(wanted, columns),
        wanted.offset,
        wanted.token or None,
        wanted.get_total_count or wanted.track_total_count > 0,
    )
    found = find(engine, index, asked, columns)
    answer = schema.new_message("SearchResponse", rows=found.rows, is_all_succeed=True, next_token=found.token)
    answer.total_hits = _UNCOUNTED if found.total is None else found.total
    for score in found.scores:
        answer.search_hits.add(score=math.nan if score is None else score)
    return ActionResult(answer.SerializeToString(), index.table.name, len(found.rows))


def _query(wanted: Any) -> Query:
    if not wanted.HasField("query"):
        raise invalid_parameter("[query] must not be null")
    if wanted.HasField("filter"):
        return Bool(must=(decode_query(wanted.query),), filter=(decode_query(wanted.filter.query),))
    return decode_query(wanted.query)


def _sorts(wanted: Any, index: TargetIndex) -> tuple[Sorter, ...]:
    """What is said; else what the token was made with, and without one the index's own order."""
    return sorts(wanted.sort) or (() if wanted.token else index.sorts)


def _limit(wanted: Any, columns: ColumnsToGet) -> int:
    limit: int = wanted.limit if wanted.HasField("limit") else DEFAULT_LIMIT
    most = MAX_INDEXED_LIMIT if columns.are_indexed else MAX_LIMIT
    if not 0 <= limit <= most:
        raise invalid_parameter(f"The limit of a search must be in range: [0, {most}].")
    return limit
