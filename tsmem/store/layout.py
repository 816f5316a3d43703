"""The two tables, their indexes and columns, as data. Sessions and messages differ here and nowhere else.

Source: the layout that the Go, Python and Java memory libraries for TableStore share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from tsmem.errors import InvalidInput, SchemaMismatch
from tsmem.port import FieldType, IndexSchema, KeySchema, SearchIndexSchema, TableSchema
from tsmem.rows import PYTHON_TYPES, ColumnType, Row, TableRef

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
"""What a profile's `search_fields` may say of a metadata column."""


class TableLayout(NamedTuple):
    """One of the two tables."""

    noun: Literal["session", "message"]
    schema: TableSchema
    fields: tuple[tuple[str, ColumnType], ...]
    """Attribute columns that are fields of the model, with their types; every other column is metadata."""
    search: SearchIndexSchema

    @property
    def ref(self) -> TableRef:
        """The table, for row requests."""
        return self.schema.ref

    @property
    def index_ref(self) -> TableRef:
        """The secondary index, for reads: its key holds every key column of the table."""
        return TableRef(self.schema.indexes[0].name, self.schema.indexes[0].key)

    @property
    def reserved(self) -> frozenset[str]:
        """Column names that are fields, so that metadata may not use them."""
        return frozenset(self.ref.key) | {name for name, _ in self.fields}

    @property
    def time(self) -> str:
        """The column that says when: the table's one field of integers."""
        return next(name for name, kind in (*self.schema.key, *self.fields) if kind is ColumnType.INTEGER)

    @property
    def texts(self) -> tuple[str, ...]:
        """The columns in which search looks for text."""
        return tuple(name for name, _ in self.fields if name in ("content", "search_content"))


class Layout(NamedTuple):
    """Where sessions and messages are kept."""

    session: TableLayout
    message: TableLayout

    @property
    def tables(self) -> tuple[TableLayout, TableLayout]:
        """Both, in the order in which they are created."""
        return (self.session, self.message)


class Names(NamedTuple):
    """The names that a profile may choose for one table."""

    name: str
    secondary_index: str
    search_index: str
    search_fields: Mapping[str, str]
    """Metadata columns that the search index covers, with a key of SEARCH_FIELD_TYPES each."""


SESSION_NAMES = Names("session", "session_secondary_index", "session_search_index", {})
MESSAGE_NAMES = Names("message", "message_secondary_index", "message_search_index", {})


def session_table(names: Names = SESSION_NAMES) -> TableLayout:
    """The table of sessions under these names."""
    key: KeySchema = (("user_id", ColumnType.STRING), ("session_id", ColumnType.STRING))
    update_time = ("update_time", ColumnType.INTEGER)
    index = IndexSchema(names.secondary_index, ("user_id", "update_time", "session_id"))
    search = (
        ("user_id", KEYWORD),
        ("session_id", KEYWORD),
        ("update_time", LONG),
        ("search_content", TEXT_FUZZY),
    )
    return TableLayout(
        "session",
        TableSchema(names.name, key, (index,), (update_time,)),
        (update_time, ("search_content", ColumnType.STRING)),
        _search_index(names, search),
    )


def message_table(names: Names = MESSAGE_NAMES) -> TableLayout:
    """The table of messages under these names."""
    text = ColumnType.STRING
    key: KeySchema = (("session_id", text), ("create_time", ColumnType.INTEGER), ("message_id", text))
    index = IndexSchema(names.secondary_index, ("session_id", "message_id", "create_time"))
    search = (
        ("session_id", KEYWORD),
        ("message_id", KEYWORD),
        ("role", KEYWORD),
        ("create_time", LONG),
        ("content", TEXT_MAX_WORD),
        ("search_content", TEXT_FUZZY),
    )
    return TableLayout(
        "message",
        TableSchema(names.name, key, (index,)),
        (("role", text), ("content", text), ("search_content", text)),
        _search_index(names, search),
    )


def _search_index(names: Names, fields: tuple[tuple[str, FieldType], ...]) -> SearchIndexSchema:
    own = {name for name, _ in fields}
    for name in names.search_fields:
        if name in own:
            raise InvalidInput(
                f"search_fields of table '{names.name}' names '{name}', which is searched anyway",
                hint="take it out of search_fields in the profile",
            )
    chosen = tuple((name, SEARCH_FIELD_TYPES[kind]) for name, kind in names.search_fields.items())
    return SearchIndexSchema(names.name, names.search_index, fields + chosen)


DEFAULT = Layout(session_table(), message_table())
"""The layout under its usual names."""
NOT_OURS = "name tsmem's own tables in the profile (tables.session.name, tables.message.name)"
"""What to do where a table of the profile's has another key."""
_KEY_TYPES = {
    name: kind for table in DEFAULT.tables for name, kind in (*table.schema.key, *table.schema.defined_columns)
}
"""Of every column that stands in the key of a table or of a secondary index."""
_COLUMN_TYPES = {python: kind for kind, python in PYTHON_TYPES.items()}


def check_key_types(table: TableRef, rows: Sequence[Row]) -> None:
    """Raise SchemaMismatch if the table's keys are of other types than the layout's. One row of a page tells of all."""
    if not rows:
        return
    found = [_COLUMN_TYPES[type(value)] for value in rows[0].key]
    wanted = [_KEY_TYPES[name] for name in table.key]
    if found != wanted:
        named = ", ".join(f"{name} {kind}" for name, kind in zip(table.key, wanted, strict=True))
        sentence = f"table {table.name} is not one of tsmem's: the key is ({', '.join(found)}), not ({named})"
        raise SchemaMismatch(sentence, hint=NOT_OURS)
