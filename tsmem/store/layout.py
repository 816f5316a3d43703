"""The session table and the message table as data: their keys, columns and indexes.

The layout is the one that the Go, Python and Java memory libraries for TableStore share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from tsmem.errors import InvalidInput, SchemaMismatch
from tsmem.port import FieldType, IndexSchema, KeySchema, SearchIndexSchema, TableSchema
from tsmem.rows import MESSAGE_NAMES, PYTHON_TYPES, SESSION_NAMES, ColumnType, Row, TableNames, TableRef

KEYWORD, LONG = FieldType("KEYWORD"), FieldType("LONG")
TEXT_MAX_WORD = FieldType("TEXT", "max_word")
TEXT_FUZZY = FieldType("TEXT", "fuzzy", 1, 7)
SEARCH_FIELD_TYPES: dict[str, FieldType] = {
    "keyword": KEYWORD,
    "long": LONG,
    "double": FieldType("DOUBLE"),
    "boolean": FieldType("BOOLEAN"),
    "text": TEXT_MAX_WORD,
}


class TableLayout(NamedTuple):
    noun: Literal["session", "message"]
    schema: TableSchema
    fields: tuple[tuple[str, ColumnType], ...]
    """The attribute columns that hold fields of the item, with their types. Other attribute columns are metadata."""
    search: SearchIndexSchema

    @property
    def ref(self) -> TableRef:
        return self.schema.ref

    @property
    def index_ref(self) -> TableRef:
        return TableRef(self.schema.indexes[0].name, self.schema.indexes[0].key)

    @property
    def reserved_names(self) -> frozenset[str]:
        return frozenset(self.ref.key) | {name for name, _ in self.fields}

    @property
    def time_column(self) -> str:
        """The column with the item's time, which is the only integer column."""
        return next(name for name, kind in (*self.schema.key, *self.fields) if kind is ColumnType.INTEGER)

    @property
    def text_columns(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.fields if name in ("content", "search_content"))


class Layout(NamedTuple):
    session: TableLayout
    message: TableLayout


def session_table(names: TableNames = SESSION_NAMES) -> TableLayout:
    text = ColumnType.STRING
    update_time = ("update_time", ColumnType.INTEGER)
    index = IndexSchema(names.secondary_index, ("user_id", "update_time", "session_id"))
    search = (("user_id", KEYWORD), ("session_id", KEYWORD), ("update_time", LONG), ("search_content", TEXT_FUZZY))
    return TableLayout(
        "session",
        TableSchema(names.name, (("user_id", text), ("session_id", text)), (index,), (update_time,)),
        (update_time, ("search_content", text)),
        _search_index(names, search),
    )


def message_table(names: TableNames = MESSAGE_NAMES) -> TableLayout:
    text = ColumnType.STRING
    key: KeySchema = (("session_id", text), ("create_time", ColumnType.INTEGER), ("message_id", text))
    index = IndexSchema(names.secondary_index, ("session_id", "message_id", "create_time"))
    search = (("session_id", KEYWORD), ("message_id", KEYWORD), ("role", KEYWORD), ("create_time", LONG))
    return TableLayout(
        "message",
        TableSchema(names.name, key, (index,)),
        (("role", text), ("content", text), ("search_content", text)),
        _search_index(names, (*search, ("content", TEXT_MAX_WORD), ("search_content", TEXT_FUZZY))),
    )


def _search_index(names: TableNames, fields: tuple[tuple[str, FieldType], ...]) -> SearchIndexSchema:
    layout_fields = {name for name, _ in fields}
    for name in names.search_fields:
        if name in layout_fields:
            raise InvalidInput(
                f"search_fields of table '{names.name}' names '{name}', which is always in the search index",
                hint="take it out of search_fields in the profile",
            )
    chosen = tuple((name, SEARCH_FIELD_TYPES[kind]) for name, kind in names.search_fields.items())
    return SearchIndexSchema(names.name, names.search_index, fields + chosen)


DEFAULT = Layout(session_table(), message_table())
FOREIGN_TABLE_HINT = "name tsmem's own tables in the profile (tables.session.name, tables.message.name)"
_KEY_TYPES = {name: kind for table in DEFAULT for name, kind in (*table.schema.key, *table.fields)}
_COLUMN_TYPES = {python: kind for kind, python in PYTHON_TYPES.items()}


def check_key_types(table: TableRef, rows: Sequence[Row]) -> None:
    """Raise SchemaMismatch if the first row's key has other types than the layout's. All keys of a table have the same
    types."""
    if not rows:
        return
    found = [_COLUMN_TYPES[type(value)] for value in rows[0].key]
    expected = [_KEY_TYPES[name] for name in table.key]
    if found != expected:
        named = ", ".join(f"{name} {kind}" for name, kind in zip(table.key, expected, strict=True))
        keys = f"its primary key is ({', '.join(found)}), not ({named})"
        raise SchemaMismatch(f"table {table.name} is not a table of tsmem: {keys}", hint=FOREIGN_TABLE_HINT)
