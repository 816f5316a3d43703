"""Queries and sorts of the wire as the port's.

Its one rule: which rows a query finds is exact, or the query is refused by name. So is what would change scores alone
(weights, a tie breaker): scores are the engine's own here. A constant score finds what its filter finds, and a
disjunction (dis_max) what one of its parts does, with the sum of their scores. Source: search.proto of the SDKs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tsmem.engine.search.conditions import Leaf, check_size
from tsmem.queries import (
    Between,
    Bool,
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
    Sorter,
    Term,
    Terms,
    Wildcard,
)
from tsmem.rows import MAX, MIN, Bound, Value
from tsmem.server.wire import schema
from tsmem.server.wire.filters import invalid_parameter, text
from tsmem.server.wire.plainbuffer import BOUNDS, variant

(
    _MATCH, _PHRASE, _TERM, _RANGE, _PREFIX, _BOOL, _CONST_SCORE, _WILDCARD, _ALL, _TERMS, _EXISTS, _DIS_MAX,
) = 1, 2, 3, 4, 5, 6, 7, 10, 11, 15, 16, 20  # fmt: skip
_BODIES = {
    _MATCH: "MatchQuery", _PHRASE: "MatchPhraseQuery", _TERM: "TermQuery", _RANGE: "RangeQuery",
    _PREFIX: "PrefixQuery", _BOOL: "BoolQuery", _CONST_SCORE: "ConstScoreQuery", _WILDCARD: "WildcardQuery",
    _ALL: "MatchAllQuery", _TERMS: "TermsQuery", _EXISTS: "ExistsQuery", _DIS_MAX: "DisMaxQuery",
}  # fmt: skip
_AND = 2
_NEUTRAL = {"weight": 1.0, "slop": 0, "tie_breaker": 0.0}
"""Options that are not there here, with the value at which they change nothing."""
_COUNT = re.compile(r"[0-9]{1,9}\Z")


def decode_query(message: Any) -> Query:
    """A query out of its message. Raises OTSParameterInvalid, for one that is not there here too."""
    return _Reader().read(message, 0)


def sorts(message: Any) -> tuple[Sorter, ...]:
    """What a search is sorted by; nothing where the message says nothing. Raises OTSParameterInvalid."""
    return tuple(_sorter(each) for each in message.sorter)


def leaves(wanted: Query) -> Iterator[Leaf]:
    """Yield the queries of one field that a query is made of."""
    if isinstance(wanted, Bool):
        for part in (*wanted.must, *wanted.must_not, *wanted.filter, *wanted.should):
            yield from leaves(part)
    elif not isinstance(wanted, MatchAll):
        yield wanted


class _Reader:
    """Reads one query with all that is inside it, and counts."""

    def __init__(self) -> None:
        self._count = 0

    def read(self, message: Any, depth: int) -> Query:
        self._count += 1
        check_size(depth, self._count)
        kind = message.type
        if not message.HasField("type"):
            raise invalid_parameter("The type of a query is missing, or not known.")
        if kind not in _BODIES:
            raise _unsupported(_name_of(message, kind))
        body = schema.parse_message(_BODIES[kind], message.query)
        _refuse_options(body)
        if kind == _BOOL:
            return self._bool(body, depth)
        if kind == _CONST_SCORE:
            return Bool(filter=(self.read(body.filter, depth + 1),))
        if kind == _DIS_MAX:
            return Bool(should=self._all(body.queries, depth), minimum_should_match=1)
        return _leaf(kind, body)

    def _bool(self, body: Any, depth: int) -> Query:
        return Bool(
            self._all(body.must_queries, depth),
            self._all(body.must_not_queries, depth),
            self._all(body.filter_queries, depth),
            self._all(body.should_queries, depth),
            _minimum(body),
        )

    def _all(self, messages: Any, depth: int) -> tuple[Query, ...]:
        return tuple(self.read(each, depth + 1) for each in messages)


def _leaf(kind: int, body: Any) -> Query:
    """A query that has no other inside it."""
    if kind == _ALL:
        return MatchAll()
    field = text(body.field_name)
    if kind == _MATCH:
        # of all words there is no minimum, whatever is said
        operator = Operator.AND if body.operator == _AND else Operator.OR
        return Match(field, text(body.text), operator, _minimum(body) if operator is Operator.OR else None)
    if kind == _PHRASE:
        return MatchPhrase(field, text(body.text))
    if kind == _TERM:
        return Term(field, variant(body.term))
    if kind == _TERMS:
        return Terms(field, tuple(map(variant, body.terms)))
    if kind == _RANGE:
        start = _end(body, "range_from", MIN)
        return Between(field, start, _end(body, "range_to", MAX), body.include_lower, body.include_upper)
    if kind == _PREFIX:
        return Prefix(field, text(body.prefix))
    return HasField(field) if kind == _EXISTS else Wildcard(field, text(body.value))


def _end(body: Any, name: str, infinite: Bound) -> Value | None:
    """One end of a range; None where it is open: absent, or infinite as some SDKs say it."""
    data: bytes = getattr(body, name)
    if not body.HasField(name) or (len(data) == 1 and BOUNDS.get(data[0]) is infinite):
        return None
    return variant(data)


def _minimum(body: Any) -> int | None:
    """How many should match; 0 says what nothing says. A share of them ("75%") is not there here."""
    minimum: int = body.minimum_should_match
    if body.HasField("new_minimum_should_match"):
        given = text(body.new_minimum_should_match)
        if not _COUNT.match(given):
            raise _unsupported(f"minimum_should_match {given}")
        minimum = int(given)
    if minimum < 0:
        raise _unsupported(f"minimum_should_match {minimum}")
    return minimum or None


def _refuse_options(body: Any) -> None:
    for name, neutral in _NEUTRAL.items():
        if name in body.DESCRIPTOR.fields_by_name and body.HasField(name) and getattr(body, name) != neutral:
            raise _unsupported(f"{body.DESCRIPTOR.name}.{name}")


def _sorter(message: Any) -> Sorter:
    if message.HasField("field_sort"):
        for name in ("nested_filter", "missing_value", "missing_field"):
            if message.field_sort.HasField(name):
                raise _unsupported(f"FieldSort.{name}")
        return FieldSort(text(message.field_sort.field_name), message.field_sort.order == 1)
    if message.HasField("score_sort"):
        return ScoreSort(message.score_sort.order == 1 or not message.score_sort.HasField("order"))
    if message.HasField("pk_sort"):
        return KeySort(message.pk_sort.order == 1)
    if message.HasField("doc_sort"):
        return KeySort(message.doc_sort.order == 1)
    if message.HasField("geo_distance_sort"):
        raise _unsupported("GeoDistanceSort")
    raise invalid_parameter("A sorter says nothing to sort by.")


def _name_of(message: Any, number: int) -> str:
    """A query type's name, as the SDKs have it."""
    name: str = message.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number[number].name
    return name


def _unsupported(what: str) -> Exception:
    return invalid_parameter(f"Unsupported operation: '{what}'.")
