"""The two tables, their indexes and columns, as data: here sessions and messages differ.

Source: the layout that the Go, Python and Java memory libraries for TableStore share.
"""

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
"""The types that a profile's `search_fields` may give a metadata column."""


class TableLayout(NamedTuple):
    """One of the two tables."""

    noun: Literal["session", "message"]
    schema: TableSchema
    fields: tuple[tuple[str, ColumnType], ...]
    """Attribute columns that are fields of the item, with their types; every other column is metadata."""
    search: SearchIndexSchema

    @property
    def ref(self) -> TableRef:
        return self.schema.ref

    @property
    def index_ref(self) -> TableRef:
        """The secondary index. Its key has every key column of the table."""
        return TableRef(self.schema.indexes[0].name, self.schema.indexes[0].key)

    @property
    def reserved(self) -> frozenset[str]:
        """Names of fields, which metadata may not use."""
        return frozenset(self.ref.key) | {name for name, _ in self.fields}

    @property
    def time(self) -> str:
        """The column with the item's time, which is the only integer."""
        return next(name for name, kind in (*self.schema.key, *self.fields) if kind is ColumnType.INTEGER)

    @property
    def texts(self) -> tuple[str, ...]:
        """The columns that a search looks into."""
        return tuple(name for name, _ in self.fields if name in ("content", "search_content"))


class Layout(NamedTuple):
    """Both tables, in the order in which they are created."""

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
    own = {name for name, _ in fields}
    for name in names.search_fields:
        if name in own:
            raise InvalidInput(
                f"search_fields of table '{names.name}' names '{name}', which is always searched",
                hint="take it out of search_fields in the profile",
            )
    chosen = tuple((name, SEARCH_FIELD_TYPES[kind]) for name, kind in names.search_fields.items())
    return SearchIndexSchema(names.name, names.search_index, fields + chosen)


DEFAULT = Layout(session_table(), message_table())
NOT_OURS = "name tsmem's own tables in the profile (tables.session.name, tables.message.name)"
_KEY_TYPES = {name: kind for table in DEFAULT for name, kind in (*table.schema.key, *table.fields)}
_COLUMN_TYPES = {python: kind for kind, python in PYTHON_TYPES.items()}


def check_key_types(table: TableRef, rows: Sequence[Row]) -> None:
    """Raise SchemaMismatch if keys have other types than the layout's. The first row of a page stands for all."""
    if not rows:
        return
    found = [_COLUMN_TYPES[type(value)] for value in rows[0].key]
    wanted = [_KEY_TYPES[name] for name in table.key]
    if found != wanted:
        named = ", ".join(f"{name} {kind}" for name, kind in zip(table.key, wanted, strict=True))
        sentence = f"table {table.name} is not one of tsmem's: the key is ({', '.join(found)}), not ({named})"
        raise SchemaMismatch(sentence, hint=NOT_OURS)
