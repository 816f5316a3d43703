"""Turn the criteria of a search into a query for a search index, and into a test of rows. `Finder` calls both.

The query can find more rows than match; the test then decides. Another library may have created the index with fewer
fields. Conditions on missing fields are left to the test, but text in a missing text field is not found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from tsmem.errors import InvalidInput
from tsmem.folding import fold
from tsmem.limits import MAX_PREFIX_BYTES
from tsmem.port import FieldType
from tsmem.queries import (
    Between,
    Bool,
    Contains,
    FieldSort,
    HasField,
    MatchAll,
    Prefix,
    Query,
    ScoreSort,
    Sorter,
    Term,
    Terms,
)
from tsmem.rows import Op, Row
from tsmem.store.failures import is_failed
from tsmem.store.filters.tree import Compared, Either, Every, StartsWith, Tree
from tsmem.store.layout import TableLayout
from tsmem.store.listing.requests import Window
from tsmem.store.model import Message, Session, Sort
from tsmem.store.sharing import MAX_IDS

if TYPE_CHECKING:
    from tsmem.store.filters.row_filter import RowFilter

MAX_NESTED = 6
"""Maximum nesting of a filter that becomes part of the query. The service allows a query to be nested 16 deep."""


class SearchCriteria(NamedTuple):
    text: str | None = None
    equal: Mapping[str, str] = MappingProxyType({})
    window: Window = Window(None, None)
    filter: RowFilter | None = None
    sort: Sort = "newest"
    needs_time: bool = False
    """True to leave out items without a time, even if the window has no bounds."""
    session_ids: frozenset[str] | None = None
    """The sessions whose items match; None for any."""
    failed: bool = False
    """True to match only tool messages that report an error."""

    @property
    def has_window(self) -> bool:
        return self.window != (None, None)

    def includes(self, time: int | None) -> bool:
        since, until = self.window
        if time is None:
            return not self.needs_time and not self.has_window
        return (since is None or time >= since) and (until is None or time <= until)


def row_matcher(layout: TableLayout, criteria: SearchCriteria) -> Callable[[Row, Session | Message], bool]:
    folded = None if criteria.text is None else fold(criteria.text)
    passes_filter = None if criteria.filter is None else criteria.filter.test(layout.ref.key)

    def matches(row: Row, item: Session | Message) -> bool:
        if any(getattr(item, name) != value for name, value in criteria.equal.items()):
            return False
        if not criteria.includes(getattr(item, layout.time_column)):
            return False
        if folded is not None:
            texts = (getattr(item, name) for name in layout.text_columns)
            if not any(text is not None and folded in fold(text) for text in texts):
                return False
        if criteria.session_ids is not None and item.session_id not in criteria.session_ids:
            return False
        if criteria.failed and not (isinstance(item, Message) and is_failed(item)):
            return False
        return passes_filter is None or passes_filter(row)

    return matches


class IndexQuery(NamedTuple):
    query: Query
    sorter: Sorter
    has_all_criteria: bool
    """False if the query can find rows that do not match, because there is a filter or a missing field."""


def index_query(layout: TableLayout, fields: Mapping[str, FieldType], criteria: SearchCriteria) -> IndexQuery:
    """Raises InvalidInput if the index lacks the time to sort by, or has no field to find the text in."""
    time = layout.time_column
    has_time = _has_field(fields, time, "LONG")
    if criteria.sort == "newest" and not has_time:
        raise _missing_field_error(layout, f"LONG field {time}, which is needed to sort by newest first")
    conditions: list[Query] = [
        Term(name, value) for name, value in criteria.equal.items() if _has_field(fields, name, "KEYWORD")
    ]
    exact = len(conditions) == len(criteria.equal) and criteria.filter is None and not criteria.failed
    if criteria.session_ids is not None:
        by_session = _by_session(fields, criteria.session_ids)
        exact = exact and by_session is not None
        conditions += [] if by_session is None else [by_session]
    if criteria.needs_time or criteria.has_window:
        exact = exact and has_time
        if has_time:
            between = Between(time, *criteria.window)
            conditions.append(between if criteria.has_window else HasField(time))
    if criteria.filter is not None and (by_filter := _by_filter(fields, criteria.filter.tree)) is not None:
        conditions.append(by_filter)
    filters = tuple(conditions)
    sorter: Sorter = FieldSort(time, descending=True) if criteria.sort == "newest" else ScoreSort()
    if criteria.text is None:
        return IndexQuery(Bool(filter=filters) if filters else MatchAll(), sorter, exact)
    texts = tuple(Contains(name, criteria.text) for name in layout.text_columns if _has_field(fields, name, "TEXT"))
    if not texts:
        raise _missing_field_error(layout, f"text field {' or '.join(layout.text_columns)}, so text cannot be searched")
    by_text = texts[0] if len(texts) == 1 else Bool(should=texts)
    exact = exact and len(texts) == len(layout.text_columns)
    return IndexQuery(Bool(must=(by_text,), filter=filters) if filters else by_text, sorter, exact)


def _has_field(fields: Mapping[str, FieldType], name: str, kind: str) -> bool:
    return name in fields and fields[name].name == kind


def _by_session(fields: Mapping[str, FieldType], session_ids: frozenset[str]) -> Query | None:
    """Return None if the sessions are too many for a query, or if the index has no session ids."""
    if not session_ids:
        return Bool(must_not=(MatchAll(),))
    if len(session_ids) > MAX_IDS or not _has_field(fields, "session_id", "KEYWORD"):
        return None
    return Terms("session_id", tuple(sorted(session_ids)))


def _by_filter(fields: Mapping[str, FieldType], tree: Tree, depth: int = 0) -> Query | None:
    """Return a query that finds every row that a filter passes, and perhaps others; None if it would find all rows."""
    if depth == MAX_NESTED:
        return None
    if isinstance(tree, Every | Either):
        found = (_by_filter(fields, part, depth + 1) for part in tree.parts)
        parts = tuple(part for part in found if part is not None)
        if isinstance(tree, Either):
            return Bool(should=parts) if len(parts) == len(tree.parts) else None
        if len(parts) > 1:
            return Bool(filter=parts)
        return parts[0] if parts else None
    if not isinstance(tree, Compared | StartsWith) or tree.column not in fields:
        return None
    kind = fields[tree.column].name
    return _by_comparison(tree, kind) if isinstance(tree, Compared) else _by_prefix(tree, kind)


def _by_prefix(test: StartsWith, kind: str) -> Query | None:
    """The documentation does not say how the service indexes a KEYWORD that is longer than 4 KB, so the query also
    finds the rows that the index of the field lacks."""
    size = len(test.text.encode())
    return _or_not_indexed(Prefix(*test)) if kind == "KEYWORD" and 0 < size <= MAX_PREFIX_BYTES else None


def _by_comparison(test: Compared, kind: str) -> Query | None:
    """In a filter 5 equals 5.0, but a field indexes integers or doubles, never both. A row whose number is of the other
    type is not in the index of the field, so the query for a number also finds the rows that are not."""
    column, op, value = test
    if (kind == "KEYWORD" and type(value) is str) or (kind == "BOOLEAN" and type(value) is bool):
        return Term(column, value) if op is Op.EQ else None
    is_number = (kind == "LONG" and type(value) is int) or (kind == "DOUBLE" and type(value) is float)
    if not is_number or op is Op.NE:
        return None
    start = value if op in (Op.EQ, Op.GE, Op.GT) else None
    end = value if op in (Op.EQ, Op.LE, Op.LT) else None
    return _or_not_indexed(Between(column, start, end, start_inclusive=op is not Op.GT, end_inclusive=op is not Op.LT))


def _or_not_indexed(query: Between | Prefix) -> Query:
    return Bool(should=(query, Bool(must_not=(HasField(query.field),))))


def _missing_field_error(layout: TableLayout, what: str) -> InvalidInput:
    index, table = layout.search.name, layout.schema.name
    return InvalidInput(
        f"search index '{index}' of table '{table}' has no {what}",
        hint=f"set tables.{layout.noun}.search_index in the profile to a new name; "
        "init-tables then creates an index with the field",
    )
