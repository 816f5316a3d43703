"""Decodes the queries and sorters of a search. Whatever is unknown or invalid is refused with OTSParameterInvalid.

A query that might find other rows here than on the service is unsupported. So are options that change only scores
(weights, a tie breaker), because the engine computes scores in its own way: for example, it adds up the scores of the
parts of a DisMaxQuery. Source: search.proto of the SDKs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from tsmem import queries
from tsmem.engine.search.conditions import Leaf, check_query_size
from tsmem.errors import invalid
from tsmem.queries import Bool, KeySort, Query, Sorter
from tsmem.rows import MAX, MIN, Bound, Value
from tsmem.server.wire.plainbuffer import BOUNDS, decode_literal
from tsmem.server.wire.schema import as_text, parse_message, unsupported

_AND = 2  # the operator of a MatchQuery
_SUPPORTED_VALUES = {"weight": 1.0, "slop": 0, "tie_breaker": 0.0}  # their defaults
_COUNT = re.compile(r"[0-9]{1,9}\Z")


def decode_query(message: Any) -> Query:
    return _decode_query_message(message, 0, count(1))


def decode_sorters(message: Any) -> tuple[Sorter, ...]:
    return tuple(_decode_sorter(sorter) for sorter in message.sorter)


def leaves(query: Query) -> Iterator[Leaf]:
    """Yield the queries of single fields inside a query."""
    if isinstance(query, Bool):
        for part in (*query.must, *query.must_not, *query.filter, *query.should):
            yield from leaves(part)
    elif not isinstance(query, queries.MatchAll):
        yield query


def _decode_query_message(message: Any, depth: int, counter: Iterator[int]) -> Query:
    check_query_size(depth, next(counter))
    if not message.HasField("type"):
        raise invalid("The type of a query is missing, or not known.")
    type_name = message.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number[message.type].name
    kind = type_name.title().replace("_", "")  # the body of a MATCH_QUERY is a MatchQuery
    if kind not in _FIELD_QUERIES and kind not in ("BoolQuery", "ConstScoreQuery", "DisMaxQuery", "MatchAllQuery"):
        raise unsupported(type_name)
    body = parse_message(kind, message.query)
    for name, supported in _SUPPORTED_VALUES.items():
        if name in body.DESCRIPTOR.fields_by_name and body.HasField(name) and getattr(body, name) != supported:
            raise unsupported(f"{kind}.{name}")
    if kind in _FIELD_QUERIES:
        return _FIELD_QUERIES[kind](as_text(body.field_name), body)
    if kind == "MatchAllQuery":
        return queries.MatchAll()

    def parts(messages: Any) -> tuple[Query, ...]:
        return tuple(_decode_query_message(part, depth + 1, counter) for part in messages)

    if kind == "ConstScoreQuery":
        return Bool(filter=parts([body.filter]))
    if kind == "DisMaxQuery":
        return Bool(should=parts(body.queries), minimum_should_match=1)
    must, must_not = parts(body.must_queries), parts(body.must_not_queries)
    return Bool(must, must_not, parts(body.filter_queries), parts(body.should_queries), _minimum_should_match(body))


def _decode_match(field: str, body: Any) -> Query:
    if body.operator == _AND:  # every word must match, so a minimum changes nothing
        return queries.Match(field, as_text(body.text), all_words=True)
    return queries.Match(field, as_text(body.text), minimum_should_match=_minimum_should_match(body))


def _decode_range(field: str, body: Any) -> Query:
    start, end = _decode_range_end(body, "range_from", MIN), _decode_range_end(body, "range_to", MAX)
    return queries.Between(field, start, end, body.include_lower, body.include_upper)


def _decode_range_end(body: Any, name: str, infinite: Bound) -> Value | None:
    """Return None if the range is open at this end. Some SDKs send an infinite value there."""
    data: bytes = getattr(body, name)
    if not body.HasField(name) or (len(data) == 1 and BOUNDS.get(data[0]) is infinite):
        return None
    return decode_literal(data)


def _minimum_should_match(body: Any) -> int | None:
    """Return None if there is no minimum, or if it is 0. A percentage ("75%") is unsupported."""
    minimum: int = body.minimum_should_match
    if body.HasField("new_minimum_should_match"):
        given = as_text(body.new_minimum_should_match)
        if not _COUNT.match(given):
            raise unsupported(f"minimum_should_match {given}")
        minimum = int(given)
    if minimum < 0:
        raise unsupported(f"minimum_should_match {minimum}")
    return minimum or None


_FIELD_QUERIES: dict[str, Callable[[str, Any], Query]] = {
    "MatchQuery": _decode_match,
    "MatchPhraseQuery": lambda field, body: queries.MatchPhrase(field, as_text(body.text)),
    "TermQuery": lambda field, body: queries.Term(field, decode_literal(body.term)),
    "TermsQuery": lambda field, body: queries.Terms(field, tuple(map(decode_literal, body.terms))),
    "RangeQuery": _decode_range,
    "PrefixQuery": lambda field, body: queries.Prefix(field, as_text(body.prefix)),
    "ExistsQuery": lambda field, body: queries.HasField(field),
    "WildcardQuery": lambda field, body: queries.Wildcard(field, as_text(body.value)),
}


def _decode_sorter(message: Any) -> Sorter:
    if message.HasField("field_sort"):
        for name in ("nested_filter", "missing_value", "missing_field"):
            if message.field_sort.HasField(name):
                raise unsupported(f"FieldSort.{name}")
        return queries.FieldSort(as_text(message.field_sort.field_name), message.field_sort.order == 1)
    if message.HasField("score_sort"):
        return queries.ScoreSort(message.score_sort.order == 1 or not message.score_sort.HasField("order"))
    for name in ("pk_sort", "doc_sort"):
        if message.HasField(name):
            return KeySort(getattr(message, name).order == 1)
    if message.HasField("geo_distance_sort"):
        raise unsupported("GeoDistanceSort")
    raise invalid("A sorter says nothing to sort by.")
