"""What a search asks of an index, and the rows that it finds there.

Its one rule: an index answers only by fields that the engine understands as they were described. A field that holds
arrays, or whose words are cut in a way that the engine does not know, is refused by name when a search asks about it,
and does no harm before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tsmem.engine import Engine
from tsmem.engine.requests import BatchGetRow
from tsmem.engine.rows.cells import CellRow
from tsmem.engine.rows.versioned_reads import View
from tsmem.engine.search.search import MAX_INDEXED_LIMIT
from tsmem.errors import TableNotFound, from_service
from tsmem.limits import MAX_ROWS_PER_READ
from tsmem.port import FieldType
from tsmem.queries import FieldSort, Search, Sorter
from tsmem.rows import Key, TableRef
from tsmem.server.actions.search_index_actions import DEFAULT_ANALYZER
from tsmem.server.actions.search_limits import check_work
from tsmem.server.wire import row_writer, schema
from tsmem.server.wire.filters import invalid_parameter, texts
from tsmem.server.wire.search_queries import leaves, sorts

ALL, SPECIFIED, NONE, ALL_FROM_INDEX = 1, 2, 3, 4
_LATEST = View()


class TargetIndex(NamedTuple):
    """A search index that is asked."""

    table: TableRef
    name: str
    fields: Mapping[str, FieldType]
    odd: dict[str, str]
    """Fields that cannot be asked about here, with what is odd about them."""
    order: Any
    """The message of the order that its rows have where a search says nothing of it."""

    @property
    def sorts(self) -> tuple[Sorter, ...]:
        """That order."""
        return sorts(self.order)

    def check(self, asked: Search) -> None:
        """Raises OTSParameterInvalid for a search by a field that is odd, and for one that asks for too much."""
        asks = tuple(leaves(asked.query))
        for field in (
            *(each.field for each in asks),
            *(sort.field for sort in asked.sorts if isinstance(sort, FieldSort)),
        ):
            if field in self.odd:
                raise invalid_parameter(f"Unsupported operation: '{self.odd[field]} of field {field}'.")
        check_work(asks, self.fields)


class ColumnsToGet(NamedTuple):
    """Which columns of a row are answered."""

    names: tuple[str, ...] | None
    """Attribute columns; None: all of them."""
    are_indexed: bool
    """Whether the index alone could give them."""


class EncodedPage(NamedTuple):
    """What a search found."""

    rows: list[bytes]
    """Each with its header."""
    scores: list[float | None]
    """One a row."""
    token: bytes | None
    total: int | None


def open_index(engine: Engine, table: str, name: str) -> TargetIndex:
    """An index, with what it says of itself. Raises OTSParameterInvalid for a missing table, OTSMetaNotMatch for a
    missing index."""
    try:
        ref = engine.describe_table(table).ref
    except TableNotFound:
        raise from_service("OTSParameterInvalid", f"table [{table}] does not exist") from None
    try:
        described = engine.describe_search_index(table, name)
        definition = engine.describe_search(table, name).definition
    except TableNotFound:
        raise from_service("OTSMetaNotMatch", f"search index [{name}] does not exist") from None
    odd: dict[str, str] = {}
    order = schema.new_message("Sort")
    if definition is not None:
        meant = schema.parse_message("CreateSearchIndexRequest", definition).schema
        odd = {field.field_name: what for field in meant.field_schemas if (what := _oddity(field))}
        order = meant.index_sort
    return TargetIndex(ref, name, dict(described.fields), odd, order)


def _oddity(field: Any) -> str | None:
    """What the engine does not know of a field's description."""
    if field.is_array:
        return "is_array"
    if field.is_virtual_field:
        return "is_virtual_field"
    if field.HasField("index") and not field.index:
        return "index false"
    analyzer, parameter = field.analyzer or DEFAULT_ANALYZER, field.analyzer_parameter
    if analyzer == "single_word" and schema.parse_message("SingleWordAnalyzerParameter", parameter).delimit_word:
        return "delimit_word"
    if analyzer == "fuzzy" and schema.parse_message("FuzzyAnalyzerParameter", parameter).case_sensitive:
        return "case_sensitive"
    return None


def columns_of(message: Any, index: TargetIndex) -> ColumnsToGet:
    """The columns that a request wants. Without a word on them: the key alone."""
    names = texts(message.column_names)
    kind = message.return_type if message.HasField("return_type") else SPECIFIED
    if kind == ALL:
        return ColumnsToGet(None, False)
    if kind == NONE:
        return ColumnsToGet((), True)
    if kind == ALL_FROM_INDEX:
        names = tuple(sorted(index.fields))
    attributes = tuple(name for name in names if name not in index.table.key)
    return ColumnsToGet(attributes, index.fields.keys() >= set(attributes))


def find(engine: Engine, index: TargetIndex, asked: Search, columns: ColumnsToGet) -> EncodedPage:
    """One page of any length. Rows are read when their keys are found; one that is deleted in between is left out, and
    the next ones fill its place. Raises OTSParameterInvalid."""
    index.check(asked)
    found = EncodedPage([], [], None, None)
    while True:
        limit = min(asked.limit - len(found.rows), MAX_INDEXED_LIMIT)
        page = engine.search(index.table, index.name, asked._replace(limit=limit, columns=()), exact_count=True).page
        rows = _read(engine, index, [row.key for row in page.rows], columns)
        there = [(row, score) for row, score in zip(rows, page.scores, strict=True) if row is not None]
        found.rows.extend(row for row, _ in there)
        found.scores.extend(score for _, score in there)
        found = found._replace(token=page.token, total=page.total if asked.count else found.total)
        if page.token is None or len(found.rows) >= asked.limit:
            return found
        asked = asked._replace(token=page.token, offset=0, count=False)


def _read(engine: Engine, index: TargetIndex, keys: Sequence[Key], columns: ColumnsToGet) -> list[bytes | None]:
    """The rows of some keys, each in its own bytes; None for one that is gone."""
    names = index.table.key
    if columns.names == ():
        return [row_writer.row(names, key) for key in keys]
    # With a key column among those asked for, a row that has none of the others is a row all the same.
    wanted = None if columns.names is None else (*columns.names, names[0])
    rows: list[CellRow | None] = []
    for start in range(0, len(keys), MAX_ROWS_PER_READ):
        request = BatchGetRow(index.table, keys[start : start + MAX_ROWS_PER_READ], wanted)
        rows += engine.read_rows(request, _LATEST).rows
    return [None if row is None else row_writer.row(names, row.key, row.cells) for row in rows]
