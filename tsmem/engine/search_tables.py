"""The SQL tables of a search index, and how they are kept in step with their table.

Its one rule: what a row has in them is a function of its key and columns, written in the row's own transaction; what
FTS5 is told, triggers tell it, from texts that are kept as they were given. So no old row is read for a new one, a
write that leaves the texts as they are leaves FTS5 alone, and a row can be taken out whatever analyzers say by then.

    s<id>        doc (the row's rowid in its table), key columns k0, k1, ..., a column for each field that is no TEXT,
                 NULL where the row lacks it or has it in another type; a partial index on each
    s<id>_texts  doc, and a column for each TEXT field, as `analysis.kept` makes it; a second one for each that
                 is kept as words, with what stands between them. Its name was another before there were those: who
                 does not know them, because it had the file open when it was brought up, cannot write
    s<id>_words  FTS5 over the fields that are kept as words
    s<id>_marks  FTS5 over what stands between words, as `analysis.kept` makes it, without places
    s<id>_terms  the words themselves, for patterns
    s<id>_grams  FTS5 over fuzzy fields: a row's trigrams, without their places; what they nominate is tested on
                 s<id>_texts

A field that is a key column of its type is that key column. Rowids are kept by VACUUM, because the table has an index
of its own. Field types beyond KEYWORD, LONG, DOUBLE, BOOLEAN and TEXT are described and not kept.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from tsmem.engine.analysis import GRAMS, WORDS, kept, kept_part, shape
from tsmem.engine.cells import unpack_some
from tsmem.engine.tables import Table
from tsmem.errors import StorageFailure
from tsmem.folding import fold
from tsmem.port import FieldType, SearchIndexSchema
from tsmem.rows import ColumnType, Key, Value

EXACT = "exact"
_PLACELESS = "detail = none, columnsize = 0"
_TRIGRAMS = f"tokenize = 'trigram case_sensitive 1', {_PLACELESS}"
_PUNCTUATION = "".join(chr(code) for code in range(33, 127) if not chr(code).isalnum())
_WHOLE = f"""tokenize = "ascii tokenchars '{_PUNCTUATION.replace("'", "''").replace('"', '""')}'", {_PLACELESS}"""
"""Spaces alone divide."""
_TYPES: dict[str, type] = {"KEYWORD": str, "LONG": int, "DOUBLE": float, "BOOLEAN": bool, "TEXT": str}
_KEY_TYPES = {("KEYWORD", ColumnType.STRING), ("LONG", ColumnType.INTEGER)}


class Field(NamedTuple):
    """A field, and where it is kept."""

    name: str
    type: FieldType
    shape: str
    """EXACT, WORDS or GRAMS."""
    column: str
    """Its SQL column."""
    place: int | None
    """In the row's key, for a key column."""

    @property
    def in_key(self) -> bool:
        """Whether its SQL column is that of the key."""
        return self.column[0] == "k"

    @property
    def columns(self) -> list[str]:
        """Its SQL column, and of a field that is kept as words that of the marks between them."""
        return [self.column, _marks(self.column)] if self.shape == WORDS else [self.column]

    def values(self, key: Key, columns: Mapping[str, Value]) -> tuple[Value | None, ...]:
        """What is kept of a row, for each SQL column."""
        value = columns.get(self.name) if self.place is None else key[self.place]
        if type(value) is not _TYPES[self.type.name]:
            return (None, None) if self.shape == WORDS else (None,)
        if self.shape == EXACT:
            return (value,)
        assert isinstance(value, str)
        return kept(self.type, value) if self.shape == WORDS else (kept_part(fold(value)),)


class SearchTables:
    """The SQL of one search index, made once a catalog version."""

    def __init__(self, table: Table, index_id: int, schema: SearchIndexSchema) -> None:
        self.table = table
        self.name = schema.name
        self.types = dict(schema.fields)
        self.docs = f"s{index_id}"
        self.text, self.words = f"{self.docs}_texts", f"{self.docs}_words"
        self.terms, self.grams = f"{self.docs}_terms", f"{self.docs}_grams"
        self.marks = f"{self.docs}_marks"
        self.keys = tuple(f"k{place}" for place in range(len(table.key)))
        self.fields = {
            name: _field(table, place, name, kind)
            for place, (name, kind) in enumerate(schema.fields)
            if kind.name in _TYPES
        }
        fields = self.fields.values()
        self.wanted = frozenset(field.name for field in fields if field.place is None)
        self.exact = [field for field in fields if field.shape == EXACT and not field.in_key]
        self.texts = [field for field in fields if field.shape != EXACT]
        where = " AND ".join(f"{name} = ?" for name in self.keys)
        self._writes = [(self._write_sql(self.docs, ", ".join(self.keys), self.exact, where), self.exact)]
        found = f"(SELECT rowid FROM t{table.id} WHERE {where})"  # noqa: S608 - ids and places only
        self._deletes = [f"DELETE FROM {self.docs} WHERE doc = {found}"]  # noqa: S608
        if self.texts:
            self._writes.append((self._write_sql(self.text, "", self.texts, where), self.texts))
            self._deletes.append(f"DELETE FROM {self.text} WHERE doc = {found}")  # noqa: S608

    def _write_sql(self, into: str, keys: str, fields: list[Field], where: str) -> str:
        names = [name for field in fields for name in field.columns]
        kept = ", ".join(filter(None, ["doc", keys, *names]))
        given = ", ".join(filter(None, ["rowid", keys, *("?" for _ in names)]))
        change = "NOTHING"
        if names:
            old, new = (", ".join(f"{source}.{name}" for name in names) for source in (into, "excluded"))
            sets = ", ".join(f"{name} = excluded.{name}" for name in names)
            change = f"UPDATE SET {sets} WHERE ({old}) IS NOT ({new})"
        source = f"SELECT {given} FROM t{self.table.id} WHERE {where}"  # noqa: S608 - ids and places only
        return f"INSERT INTO {into} ({kept}) {source} ON CONFLICT (doc) DO {change}"

    def of_write(self, key: Key, columns: Mapping[str, Value]) -> list[tuple[str, list[object]]]:
        """What a row that stands in its table with these columns changes here."""
        return [
            (sql, [*(value for field in fields for value in field.values(key, columns)), *key])
            for sql, fields in self._writes
        ]

    def of_delete(self, key: Key) -> list[tuple[str, Key]]:
        """What the deletion of a row that still stands in its table changes here."""
        return [(sql, key) for sql in self._deletes]


def _field(table: Table, place: int, name: str, kind: FieldType) -> Field:
    in_key = table.names.index(name) if name in table.names else None
    if kind.name == "TEXT":
        return Field(name, kind, shape(kind), f"f{place}", in_key)
    same = in_key is not None and (kind.name, table.key[in_key][1]) in _KEY_TYPES
    return Field(name, kind, EXACT, f"k{in_key}" if same else f"f{place}", in_key)


def _marks(column: str) -> str:
    return f"{column}_marks"


@lru_cache(maxsize=64)
def of_table(table: Table) -> tuple[SearchTables, ...]:
    """A table's search indexes."""
    return tuple(SearchTables(table, index_id, schema) for index_id, schema in table.searches)


def create(connection: sqlite3.Connection, tables: SearchTables, *, damaged: bool = False) -> None:
    """Make the SQL tables, and put the rows in that are there. `damaged`: also those that cannot be read, without
    columns. Raises StorageFailure for such a row otherwise."""
    for statement in _definitions(tables):
        connection.execute(statement)
    for *values, blob in connection.execute(f"SELECT * FROM t{tables.table.id}"):  # noqa: S608 - an id only
        key: Key = tuple(values)
        try:
            columns = unpack_some(blob, tables.wanted)[1]
        except StorageFailure:
            if not damaged:
                raise
            columns = {}
        for sql, parameters in tables.of_write(key, columns):
            connection.execute(sql, parameters)


def drop(connection: sqlite3.Connection, tables: SearchTables) -> None:
    """Delete the SQL tables. One that is not there is no error: a file may have fewer."""
    before = f"{tables.docs}_text"  # in files of format 3
    for name in (tables.terms, tables.words, tables.marks, tables.grams, tables.text, before, tables.docs):
        connection.execute(f"DROP TABLE IF EXISTS {name}")


def _definitions(tables: SearchTables) -> list[str]:
    docs, names = tables.docs, [field.column for field in tables.exact]
    columns = ", ".join(["doc INTEGER PRIMARY KEY", *(f"{key} NOT NULL" for key in tables.keys), *names])
    statements = [f"CREATE TABLE {docs} ({columns})"]
    # The table's own index begins with k0, so that k0 needs none here.
    ordered = [field.column for field in tables.fields.values() if field.in_key and field.column != "k0"]
    statements += [f"CREATE INDEX {docs}_{name} ON {docs} ({name})" for name in ordered]
    statements += [f"CREATE INDEX {docs}_{name} ON {docs} ({name}) WHERE {name} IS NOT NULL" for name in names]
    if tables.texts:
        columns = ", ".join(name for field in tables.texts for name in field.columns)
        statements.append(f"CREATE TABLE {tables.text} (doc INTEGER PRIMARY KEY, {columns})")
    words = [field.column for field in tables.texts if field.shape == WORDS]
    parts = [field.column for field in tables.texts if field.shape == GRAMS]
    if words:
        statements += _full_text(tables.text, tables.words, words, "tokenize = 'ascii'")
        statements.append(f"CREATE VIRTUAL TABLE {tables.terms} USING fts5vocab({tables.words}, instance)")
        statements += _full_text(tables.text, tables.marks, list(map(_marks, words)), _WHOLE)
    if parts:
        statements += _full_text(tables.text, tables.grams, parts, _TRIGRAMS)
    return statements


def _full_text(text: str, full: str, columns: list[str], options: str) -> list[str]:
    """An FTS5 table over columns of the texts, and the triggers that tell it of changes. Not of rows without any, but
    where it keeps sizes: it counts those rows, too, and its check of itself misses them."""
    names = ", ".join(columns)
    old, new = (", ".join(f"{side}.{name}" for name in columns) for side in ("old", "new"))
    had, has = (" OR ".join(f"{side}.{name} IS NOT NULL" for name in columns) for side in ("old", "new"))
    if not options.endswith(_PLACELESS):
        had = has = "1"
    take_out = f"INSERT INTO {full} ({full}, rowid, {names}) SELECT 'delete', old.doc, {old} WHERE {had};"
    put_in = f"INSERT INTO {full} (rowid, {names}) SELECT new.doc, {new} WHERE {has};"
    changed = f"OF {names} ON {text} WHEN ({old}) IS NOT ({new})"
    return [
        f"CREATE VIRTUAL TABLE {full} USING fts5({names}, content = '{text}', content_rowid = 'doc', {options})",
        f"CREATE TRIGGER {full}_insert AFTER INSERT ON {text} BEGIN {put_in} END",
        f"CREATE TRIGGER {full}_delete AFTER DELETE ON {text} BEGIN {take_out} END",
        f"CREATE TRIGGER {full}_update AFTER UPDATE {changed} BEGIN {take_out} {put_in} END",
    ]
