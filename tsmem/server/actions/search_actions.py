"""Search, ComputeSplits and ParallelScan.

Unsupported options are refused if they could change the result; routing values and timeouts are ignored. A page token
contains the sort order, because the Go and Python SDKs send no order with a token.

A parallel scan has one split and returns rows in key order. Each page has the rows as they are when it is read. All
scans share one session id, which is valid as long as the server runs. Even the page with the last rows has a token:
clients expect an empty page at the end.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from tsmem.engine import Engine
from tsmem.engine.rows.cells import CellRow
from tsmem.engine.rows.reads import View
from tsmem.engine.search import words
from tsmem.engine.search.conditions import Leaf
from tsmem.engine.search.search import SearchReply, check_limit
from tsmem.errors import TableNotFound, from_service, invalid
from tsmem.port import FieldType
from tsmem.queries import Bool, FieldSort, KeySort, Match, MatchPhrase, Prefix, Search, Term, Terms, Wildcard
from tsmem.rows import TableRef
from tsmem.server.actions import ActionContext
from tsmem.server.actions.definition_actions import DEFAULT_ANALYZER
from tsmem.server.wire.plainbuffer import encode_row
from tsmem.server.wire.schema import as_text, as_texts, new_message, parse_message, unsupported
from tsmem.server.wire.search_queries import decode_query, decode_sorters, leaves

_DEFAULT_LIMIT = 10
_UNSUPPORTED = ("collapse", "aggs", "group_bys", "highlight")
_ALL, _SPECIFIED, _NONE, _ALL_FROM_INDEX = 1, 2, 3, 4  # return types
_UNCOUNTED = -1  # the number of hits if they are not counted

_MAX_PATTERN = 32  # characters of a wildcard pattern. Source: "Search index limits" of the service.
_MAX_WORDS = 1024  # as `_count_terms` counts
_MAX_PHRASE_WORDS = 256  # as `_count_phrase_words` counts
_MAX_CHARACTERS = 8192  # to find in TEXT fields
"""These three limits are our own, and apply to all queries of a search together, because the check of one row cannot be
interrupted. Measured on a text of 1.8 MB: the check for a phrase of 256 words took 2.2 s, for a Match of 1,024 words on
a fuzzy field 1.9 s, and for a term of 8,192 characters 3 ms."""

_MAX_SCAN_LIMIT = 2000
_SESSION_ID = os.urandom(16).hex().encode()
_MORE, _END = b"\x02", b"\x03"  # first byte of a scan's token: the engine's token follows, or no rows remain


class _Index(NamedTuple):
    table: TableRef
    name: str
    fields: Mapping[str, FieldType]
    unsupported_options: dict[str, str]  # the unsupported option of each field that cannot be searched
    order: Any  # the Sort message that applies to a search without a sort of its own


def search(context: ActionContext, request: Any, response: Any) -> int:
    search_query = parse_message("SearchQuery", request.search_query)
    index = _open_index(context.engine, as_text(request.table_name), as_text(request.index_name))
    for name in _UNSUPPORTED:
        if search_query.HasField(name):
            raise unsupported(name)
    columns = _columns_to_get(request.columns_to_get, index)
    if not search_query.HasField("query"):
        raise invalid("[query] must not be null")
    query = decode_query(search_query.query)
    if search_query.HasField("filter"):
        query = Bool(must=(query,), filter=(decode_query(search_query.filter.query),))
    sorters = decode_sorters(search_query.sort)
    if not sorters and not search_query.token:
        sorters = decode_sorters(index.order)
    limit: int = search_query.limit if search_query.HasField("limit") else _DEFAULT_LIMIT
    count = search_query.get_total_count or search_query.track_total_count > 0
    engine_search = Search(query, sorters, limit, search_query.offset, search_query.token or None, count, columns)
    check_limit(index.fields, engine_search)
    reply = _find_rows(context.engine, index, engine_search, response)
    response.is_all_succeed = True
    response.total_hits = _UNCOUNTED if reply.total is None else reply.total
    if reply.token is not None:
        response.next_token = reply.token
    # Add a hit for each row: tablestore-for-agent-memory reads the hits, and the Go SDK crashes if they are fewer.
    for score in reply.scores:
        response.search_hits.add(score=math.nan if score is None else score)
    return len(reply.rows)


def compute_splits(context: ActionContext, request: Any, response: Any) -> None:
    if not request.HasField("search_index_splits_options"):
        raise invalid("[search index splits options] must not be null")
    _open_index(context.engine, as_text(request.table_name), as_text(request.search_index_splits_options.index_name))
    response.session_id = _SESSION_ID
    response.splits_size = 1


def parallel_scan(context: ActionContext, request: Any, response: Any) -> int:
    scan = parse_message("ScanQuery", request.scan_query)
    index = _open_index(context.engine, as_text(request.table_name), as_text(request.index_name))
    columns = _columns_to_get(request.columns_to_get, index)
    if columns is None:
        raise invalid("[parallel_scan.columns_to_get] must not be RETURN_ALL")
    _check_scan(scan)
    if request.session_id not in (b"", _SESSION_ID):  # the id is optional
        message = "ScanQuery'session is expired, please retry ComputeSplitsRequest and ScanQuery."
        raise from_service("OTSSessionExpired", message)
    if scan.token == _END:
        return 0
    if scan.token and not scan.token.startswith(_MORE):
        raise invalid("[parallel_scan.token] is not one of this server's")
    limit = scan.limit or _MAX_SCAN_LIMIT
    token = scan.token[len(_MORE) :] or None
    engine_search = Search(decode_query(scan.query), (KeySort(),), limit, token=token, columns=columns)
    reply = _find_rows(context.engine, index, engine_search, response)
    if reply.rows:
        response.next_token = _END if reply.token is None else _MORE + reply.token
    return len(reply.rows)


def _check_scan(scan: Any) -> None:
    if not scan.HasField("query"):
        raise invalid("[parallel_scan.query] must not be null")
    if scan.HasField("limit") and not 0 < scan.limit <= _MAX_SCAN_LIMIT:
        raise invalid(f"[parallel_scan.limit] must in (0, {_MAX_SCAN_LIMIT}], current limit is {scan.limit}")
    if scan.HasField("alive_time") and scan.alive_time <= 0:
        raise invalid(f"[parallel_scan.alive_time] must be greater than 0, current alive_time is {scan.alive_time}")
    if scan.HasField("max_parallel") and scan.max_parallel != 1:
        raise invalid(f"[parallel_scan.max_parallel_id] must in (0 ,1], current max_parallel_id is {scan.max_parallel}")
    if scan.current_parallel_id != 0:
        rule = "[parallel_scan.current_parallel_id] must in [0, max_parallel)"
        raise invalid(f"{rule}, current max_parallel is 1, current_parallel_id is {scan.current_parallel_id}")


def _open_index(engine: Engine, table: str, name: str) -> _Index:
    try:
        ref = engine.describe_table(table).ref
    except TableNotFound:
        raise invalid(f"table [{table}] does not exist") from None
    try:
        found = engine.describe_search_index(table, name)
    except TableNotFound:
        raise from_service("OTSMetaNotMatch", f"search index [{name}] does not exist") from None
    fields = dict(found.schema.fields)
    if found.definition is None:
        return _Index(ref, name, fields, {}, new_message("Sort"))
    schema = parse_message("CreateSearchIndexRequest", found.definition).schema
    options = {field.field_name: _unsupported_option(field) for field in schema.field_schemas}
    unsupported_options = {field: option for field, option in options.items() if option is not None}
    return _Index(ref, name, fields, unsupported_options, schema.index_sort)


def _unsupported_option(field: Any) -> str | None:
    if field.is_array:
        return "is_array"
    if field.is_virtual_field:
        return "is_virtual_field"
    if field.HasField("index") and not field.index:
        return "index false"
    analyzer, parameter = field.analyzer or DEFAULT_ANALYZER, field.analyzer_parameter
    if analyzer == "single_word" and parse_message("SingleWordAnalyzerParameter", parameter).delimit_word:
        return "delimit_word"
    if analyzer == "fuzzy" and parse_message("FuzzyAnalyzerParameter", parameter).case_sensitive:
        return "case_sensitive"
    return None


def _columns_to_get(message: Any, index: _Index) -> tuple[str, ...] | None:
    """Return the names of attribute columns; None means all."""
    names = as_texts(message.column_names)
    return_type = message.return_type if message.HasField("return_type") else _SPECIFIED
    if return_type == _ALL:
        return None
    if return_type == _NONE:
        return ()
    if return_type == _ALL_FROM_INDEX:
        names = tuple(sorted(index.fields))
    return tuple(name for name in names if name not in index.table.key)


def _find_rows(engine: Engine, index: _Index, engine_search: Search, response: Any) -> SearchReply[CellRow]:
    """Check a search, and add the rows of its page to the response."""
    queries = list(leaves(engine_search.query))
    sorters = [sorter for sorter in engine_search.sorts if isinstance(sorter, FieldSort)]
    for each in (*queries, *sorters):
        if each.field in index.unsupported_options:
            raise unsupported(f"{index.unsupported_options[each.field]} of field {each.field}")
    if any(isinstance(query, Wildcard) and len(query.pattern) > _MAX_PATTERN for query in queries):
        raise invalid(f"length of field value is longer than {_MAX_PATTERN} for the [WILDCARD_QUERY] query")
    field_types = [(query, index.fields.get(query.field)) for query in queries]
    on_text = [(query, field_type) for query, field_type in field_types if field_type and field_type.name == "TEXT"]
    # Characters are counted first, so that no text over the limit is split into words.
    characters = sum(len(text) for query, _ in on_text for text in _texts_to_find(query))
    _check_count("characters in the texts", characters, _MAX_CHARACTERS)
    terms = sum(_count_terms(query, field_type) for query, field_type in field_types)
    _check_count("words and terms", terms, _MAX_WORDS)
    phrase_words = sum(_count_phrase_words(query, field_type) for query, field_type in on_text)
    _check_count("words in the phrases", phrase_words, _MAX_PHRASE_WORDS)
    reply = engine.search(index.table, index.name, engine_search, View().reader, for_server=True)
    response.rows.extend(encode_row(index.table.key, row.key, row.cells) for row in reply.rows)
    return reply


def _check_count(what: str, count: int, limit: int) -> None:
    if count > limit:
        raise invalid(f"The number of {what} of a search exceeds the limit: {limit}.")


def _texts_to_find(query: Leaf) -> list[str]:
    """Return all texts but wildcard patterns, which have a limit of their own."""
    if isinstance(query, Match | MatchPhrase | Prefix):
        return [query.text]
    values = query.values if isinstance(query, Terms) else (query.value,) if isinstance(query, Term) else ()
    return [value for value in values if isinstance(value, str)]


def _count_terms(query: Leaf, field_type: FieldType | None) -> int:
    """Count the distinct words of a Match on a TEXT field, or the values of a Terms. Other queries count as 1."""
    if isinstance(query, Match) and field_type is not None and field_type.name == "TEXT":
        fuzzy = field_type.analyzer == "fuzzy"
        return len(set(query.text.split()) if fuzzy else words.match_groups(field_type, query.text, are_separate=True))
    return len(query.values) if isinstance(query, Terms) else 1


def _count_phrase_words(query: Leaf, field_type: FieldType) -> int:
    """Count the words of a MatchPhrase, and of each term of several words."""
    if field_type.analyzer == "fuzzy":  # finds a phrase as a single substring
        return 0
    if isinstance(query, MatchPhrase):
        return len(words.cut_words(field_type, query.text))
    terms = _texts_to_find(query) if isinstance(query, Term | Terms) else ()
    return sum(count for term in terms if (count := len(words.term_words(field_type, term))) > 1)
