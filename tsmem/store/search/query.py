"""The query for an index that has some of the fields of the criteria.

It finds at least every row that the criteria match; the row matcher decides. What the index has no field for costs
requests, never an answer. An index made by another library serves with the fields that it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tsmem.errors import InvalidInput
from tsmem.port import FieldType
from tsmem.queries import (
    Between,
    Bool,
    Contains,
    FieldSort,
    HasField,
    MatchAll,
    Query,
    ScoreSort,
    Sorter,
    Term,
)
from tsmem.rows import Op
from tsmem.store.filters.tree import Compared, Either, Every, Tree
from tsmem.store.layout import TableLayout
from tsmem.store.search.criteria import SearchCriteria

MAX_NESTED = 6
"""Depth to which a filter is taken over into the query, which may be nested 16 deep."""


class IndexQuery(NamedTuple):
    """A query for one index."""

    query: Query
    sorter: Sorter
    exact: bool
    """True if all criteria are in the query; the backend says whether it answers exactly."""

    @property
    def by_time(self) -> bool:
        """True if rows come newest first."""
        return not isinstance(self.sorter, ScoreSort)


def index_query(layout: TableLayout, fields: Mapping[str, FieldType], criteria: SearchCriteria) -> IndexQuery:
    """Return the query for an index of these fields. Raises InvalidInput where the index cannot answer: text without a
    text field, or newest first without the field for the time."""
    if criteria.sort == "newest" and not _is(fields, layout.time, "LONG"):
        raise _lacks(layout, f"field {layout.time} of type LONG, by which newest first is ordered")
    conditions, exact = _conditions(layout, fields, criteria)
    sorter: Sorter = FieldSort(layout.time, descending=True) if criteria.sort == "newest" else ScoreSort()
    if criteria.text is None:
        return IndexQuery(Bool(filter=conditions) if conditions else MatchAll(), sorter, exact)
    by_text = _by_text(layout, fields, criteria.text)
    exact = exact and all(_is(fields, name, "TEXT") for name in layout.texts)
    return IndexQuery(Bool(must=(by_text,), filter=conditions) if conditions else by_text, sorter, exact)


def _conditions(
    layout: TableLayout, fields: Mapping[str, FieldType], criteria: SearchCriteria
) -> tuple[tuple[Query, ...], bool]:
    """Return what the index can say beside the text, and whether that is all."""
    conditions: list[Query] = []
    exact = True
    for name, value in criteria.equal.items():
        if _is(fields, name, "KEYWORD"):
            conditions.append(Term(name, value))
        else:
            exact = False
    since, until = criteria.window
    bounded = since is not None or until is not None
    if bounded or criteria.dated:
        if _is(fields, layout.time, "LONG"):
            conditions.append(Between(layout.time, since, until) if bounded else HasField(layout.time))
        else:
            exact = False
    if criteria.filter is not None:
        exact = False
        by_filter = _by_filter(fields, criteria.filter.tree)
        if by_filter is not None:
            conditions.append(by_filter)
    return tuple(conditions), exact


def _is(fields: Mapping[str, FieldType], name: str, kind: str) -> bool:
    return name in fields and fields[name].name == kind


def _by_text(layout: TableLayout, fields: Mapping[str, FieldType], text: str) -> Query:
    queries = tuple(Contains(name, text) for name in layout.texts if _is(fields, name, "TEXT"))
    if not queries:
        raise _lacks(layout, f"text field {' or '.join(layout.texts)}, so no text can be found")
    return queries[0] if len(queries) == 1 else Bool(should=queries)


def _by_filter(fields: Mapping[str, FieldType], tree: Tree, depth: int = 0) -> Query | None:
    """Return a query for at least every row that a filter keeps; None where the index cannot narrow it."""
    if depth == MAX_NESTED:
        return None
    if isinstance(tree, Every):
        parts = tuple(part for each in tree.parts if (part := _by_filter(fields, each, depth + 1)) is not None)
        return None if not parts else parts[0] if len(parts) == 1 else Bool(filter=parts)
    if isinstance(tree, Either):
        either = tuple(part for each in tree.parts if (part := _by_filter(fields, each, depth + 1)) is not None)
        return Bool(should=either) if len(either) == len(tree.parts) else None
    if not isinstance(tree, Compared) or tree.column not in fields:
        return None
    return _by_comparison(tree, fields[tree.column].name)


def _by_comparison(test: Compared, kind: str) -> Query | None:
    """Return a query for a comparison. A field holds the values of one type alone, and a filter compares numbers of
    both types: rows without the field may have a number of the other type, so they are found too."""
    column, op, value = test
    if (kind == "KEYWORD" and type(value) is str) or (kind == "BOOLEAN" and type(value) is bool):
        return Term(column, value) if op is Op.EQ else None
    same = (kind == "LONG" and type(value) is int) or (kind == "DOUBLE" and type(value) is float)
    if not same or op is Op.NE:
        return None
    start = value if op in (Op.EQ, Op.GE, Op.GT) else None
    end = value if op in (Op.EQ, Op.LE, Op.LT) else None
    inside = Between(column, start, end, start_inclusive=op is not Op.GT, end_inclusive=op is not Op.LT)
    return Bool(should=(inside, Bool(must_not=(HasField(column),))))


def _lacks(layout: TableLayout, what: str) -> InvalidInput:
    index, table = layout.search.name, layout.schema.name
    return InvalidInput(
        f"search index '{index}' of table '{table}' has no {what}",
        hint=f"name another in the profile as tables.{layout.noun}.search_index, and init-tables makes one that has",
    )
