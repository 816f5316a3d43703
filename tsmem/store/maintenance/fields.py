"""Find out which columns the rows of a store have, for `MemoryStore.fields` and `tsmem fields`.

Memory is bounded: the values of columns beyond MAX_FIELDS are only counted, and only the first MAX_VALUES different
values of a column are candidates for its examples.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from tsmem.rows import Row, Value
from tsmem.store.bulk.result import BulkResult
from tsmem.store.layout import TableLayout
from tsmem.store.maintenance.scope import RowScope, read_rows
from tsmem.store.messages import Messages
from tsmem.store.sessions import Sessions

MAX_FIELDS = 500
"""Maximum number of columns of a table that are described."""
MAX_VALUES = 100
MAX_CHARACTERS = 60
"""Characters of a text that are kept as an example."""
EXAMPLES = 3
TYPES: dict[type, str] = {str: "text", int: "integer", float: "float", bool: "boolean", bytes: "bytes"}


class ExampleValue(NamedTuple):
    value: Value
    """A long text is cut, and ends in `…`."""
    rows: int


@dataclass
class FieldSummary:
    name: str
    kind: Literal["key", "field", "metadata"]
    rows: int = 0
    """Number of rows that have it."""
    types: dict[str, int] = field(default_factory=dict)
    """Number of rows by the type of the value, most frequent first."""
    examples: list[ExampleValue] = field(default_factory=list)
    """The most frequent values. Bytes are left out."""


@dataclass
class TableFields:
    rows: int = 0
    fields: list[FieldSummary] = field(default_factory=list)
    """Fields of the key, then other fields, then metadata keys, the most frequent first."""
    other_values: int = 0
    """Number of values in columns that are not described, because there are too many columns."""


class StoreFields(NamedTuple):
    sessions: TableFields
    messages: TableFields


def find_fields(sessions: Sessions, messages: Messages, scope: RowScope, result: BulkResult) -> StoreFields:
    of_sessions, of_messages = _FieldCounter(sessions.codec.layout), _FieldCounter(messages.codec.layout)
    for row in read_rows(sessions, messages, scope, result, of_sessions.count):
        of_messages.count(row)
    return StoreFields(of_sessions.found(), of_messages.found())


class _FieldCounter:
    def __init__(self, layout: TableLayout) -> None:
        self._layout = layout
        self._table = TableFields()
        self._summaries: dict[str, FieldSummary] = {}
        self._values: dict[str, dict[tuple[type, Value], int]] = {}

    def count(self, row: Row) -> None:
        self._table.rows += 1
        for name, value in zip(self._layout.ref.key, row.key, strict=True):
            self._count_value(name, value)
        for name, column_value in row.columns.items():
            self._count_value(name, column_value)

    def _count_value(self, name: str, value: Value) -> None:
        summary = self._summaries.get(name)
        if summary is None:
            if len(self._summaries) == MAX_FIELDS:
                self._table.other_values += 1
                return
            summary = self._summaries[name] = FieldSummary(name, self._kind(name))
            self._values[name] = {}
        summary.rows += 1
        type_name = TYPES[type(value)]
        summary.types[type_name] = summary.types.get(type_name, 0) + 1
        if isinstance(value, bytes):
            return
        if isinstance(value, str) and len(value) > MAX_CHARACTERS:
            value = f"{value[: MAX_CHARACTERS - 1]}…"
        values, key = self._values[name], (type(value), value)  # the type, because 1 and True are equal
        if key in values or len(values) < MAX_VALUES:
            values[key] = values.get(key, 0) + 1

    def _kind(self, name: str) -> Literal["key", "field", "metadata"]:
        if name in self._layout.ref.key:
            return "key"
        return "field" if name in self._layout.reserved_names else "metadata"

    def found(self) -> TableFields:
        for name, summary in self._summaries.items():
            summary.types = dict(sorted(summary.types.items(), key=lambda each: -each[1]))
            frequent = sorted(self._values[name].items(), key=lambda each: -each[1])[:EXAMPLES]
            summary.examples = [ExampleValue(value, rows) for (_, value), rows in frequent]
        order = {name: place for place, (name, _) in enumerate((*self._layout.schema.key, *self._layout.fields))}
        self._table.fields = sorted(
            self._summaries.values(), key=lambda each: (order.get(each.name, len(order)), -each.rows, each.name)
        )
        return self._table
