"""The SQL tables of a search index, and how they are kept in step with their table.

Its one rule: what a row has in them is a function of its key and columns, written in the row's own transaction; what
FTS5 is told is made of texts that are kept as they were given. So a write that leaves the texts as they are leaves FTS5
alone, and a row can be taken out whatever analyzers say by then.

    s<id>        doc (the row's rowid in its table), key columns k0, k1, ..., a column for each field that is no TEXT,
                 NULL where the row lacks it or has it in another type; a partial index on each
    s<id>_texts  doc, and a column for each TEXT field; a second one for each that is kept as words, with what stands
                 between them, as `marks.kept` makes it. Its name was another before there were those: who does not know
                 them, because it had the file open when it was brought up, cannot write
    s<id>_words  FTS5 over the fields that are kept as words
    s<id>_marks  FTS5 over what stands beside and between words, as `marks.indexed` makes it of both columns, without
                 places
    s<id>_terms  the words themselves, for patterns
    s<id>_grams  FTS5 over fuzzy fields: a row's trigrams, without their places; what they nominate is tested on
                 s<id>_texts

A field that is a key column of its type is that key column. Rowids are kept by VACUUM, because the table has an index
of its own. Field types beyond KEYWORD, LONG, DOUBLE, BOOLEAN and TEXT are described and not kept.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import NamedTuple

from tsmem.engine import full_text, marks
from tsmem.engine.analysis import GRAMS, WORDS, joined_words, kept_part, shape
from tsmem.engine.cells import unpack_some
from tsmem.engine.full_text import Execute, FullText, Texts
from tsmem.engine.tables import Table
from tsmem.errors import StorageFailure
from tsmem.folding import fold
from tsmem.port import FieldType, SearchIndexSchema
from tsmem.rows import ColumnType, Key, Value

EXACT = "exact"
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

    @property
    def marks_apart(self) -> bool:
        """Whether other words are kept than those that marks stand beside."""
        return self.type.analyzer == "split" or bool(self.type.case_sensitive)

    def values(self, key: Key, columns: Mapping[str, Value]) -> tuple[Value | None, ...]:
        """What is kept of a row, for each SQL column."""
        value = columns.get(self.name) if self.place is None else key[self.place]
        if type(value) is not _TYPES[self.type.name]:
            return (None, None) if self.shape == WORDS else (None,)
        if self.shape == EXACT:
            return (value,)
        assert isinstance(value, str)
        if self.shape == GRAMS:
            return (kept_part(fold(value)),)
        found, between = marks.kept(value, apart=self.marks_apart)
        return (joined_words(self.type, value) if self.marks_apart else found), between


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
        self.full = self._full_texts()
        self.marks_of_one = sum(field.shape == WORDS for field in self.texts) == 1
        """Whether it is known which field has the marks."""
        where = " AND ".join(f"t.{name} = ?" for name in self.keys)
        exact, texts = ([name for field in fields for name in field.columns] for fields in (self.exact, self.texts))
        kept = ", ".join(["t.rowid", "d.doc", *(f"d.{name}" for name in exact), *(f"x.{name}" for name in texts)])
        joined = f"t{table.id} AS t LEFT JOIN {self.docs} AS d ON d.doc = t.rowid"
        if texts:
            joined += f" LEFT JOIN {self.text} AS x ON x.doc = t.rowid"
        # ids and places only, as below
        self._kept_sql = f"SELECT {kept} FROM {joined} WHERE {where}"  # noqa: S608
        self._exact_insert = _insert(self.docs, [*self.keys, *exact])
        self._texts_insert = _insert(self.text, texts)
        self._exact_update, self._texts_update = _update(self.docs, exact), _update(self.text, texts)

    def _full_texts(self) -> list[FullText]:
        """Of each what it is given of what is kept of the texts."""
        names = [name for field in self.texts for name in field.columns]
        words = [field for field in self.texts if field.shape == WORDS]
        grams = [field for field in self.texts if field.shape == GRAMS]
        found = []
        for name, fields, options in ((self.words, words, full_text.WORDS), (self.grams, grams, full_text.TRIGRAMS)):
            if fields:
                columns = [field.column for field in fields]
                found.append(FullText(name, columns, _values_at([names.index(each) for each in columns]), options))
        if words:
            columns = [_marks(field.column) for field in words]
            places = [(None if field.marks_apart else names.index(field.column)) for field in words]
            given = partial(_marks_at, list(zip(places, map(names.index, columns), strict=True)))
            found.append(FullText(self.marks, columns, given, full_text.MARKS))
        return found

    def put(self, execute: Execute, key: Key, columns: Mapping[str, Value]) -> None:
        """Keep a row that stands in its table with these columns."""
        doc, there, *before = execute(self._kept_sql, key).fetchone()
        if there is None:
            self.insert(execute, doc, key, columns)
            return
        exact, texts = before[: len(self.exact)], before[len(self.exact) :]
        now, now_texts = self._values(self.exact, key, columns), self._values(self.texts, key, columns)
        if exact != now:
            execute(self._exact_update, (*now, doc))
        if texts != now_texts:
            execute(self._texts_update, (*now_texts, doc))
            for full in self.full:
                full.change(execute, doc, texts, now_texts)

    def insert(self, execute: Execute, doc: int, key: Key, columns: Mapping[str, Value]) -> None:
        """Keep a row of which nothing is kept."""
        execute(self._exact_insert, (doc, *key, *self._values(self.exact, key, columns)))
        if self.texts:
            texts = self._values(self.texts, key, columns)
            execute(self._texts_insert, (doc, *texts))
            for full in self.full:
                full.put_in(execute, doc, texts)

    def delete(self, execute: Execute, key: Key) -> None:
        """Keep no more of a row that still stands in its table, if there is one."""
        found = execute(self._kept_sql, key).fetchone()
        if found is None or found[1] is None:
            return
        doc, texts = found[0], found[2 + len(self.exact) :]
        for full in self.full:
            full.take_out(execute, doc, texts)
        for name in [self.docs, *([self.text] if self.texts else [])]:
            execute(f"DELETE FROM {name} WHERE doc = ?", (doc,))  # noqa: S608 - a name of ours

    @staticmethod
    def _values(fields: list[Field], key: Key, columns: Mapping[str, Value]) -> list[Value | None]:
        return [value for field in fields for value in field.values(key, columns)]


def _field(table: Table, place: int, name: str, kind: FieldType) -> Field:
    in_key = table.names.index(name) if name in table.names else None
    if kind.name == "TEXT":
        return Field(name, kind, shape(kind), f"f{place}", in_key)
    same = in_key is not None and (kind.name, table.key[in_key][1]) in _KEY_TYPES
    return Field(name, kind, EXACT, f"k{in_key}" if same else f"f{place}", in_key)


def _insert(into: str, names: list[str]) -> str:
    columns, values = ", ".join(["doc", *names]), ", ".join(["?", *("?" for _ in names)])
    return f"INSERT INTO {into} ({columns}) VALUES ({values})"  # noqa: S608


def _update(table: str, names: list[str]) -> str:
    return f"UPDATE {table} SET {', '.join(f'{name} = ?' for name in names)} WHERE doc = ?"  # noqa: S608


def _values_at(places: list[int]) -> Callable[[Texts], list[Value | None]]:
    return lambda texts: [texts[place] for place in places]


def _marks_at(places: list[tuple[int | None, int]], texts: Texts) -> list[Value | None]:
    """What is given of the words and of what is between them that are kept at these places."""
    return [marks.indexed(None if words is None else texts[words], texts[between]) for words, between in places]  # type: ignore[arg-type]


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
    for doc, *values, blob in connection.execute(f"SELECT rowid, * FROM t{tables.table.id}"):  # noqa: S608 - an id only
        key: Key = tuple(values)
        try:
            columns = unpack_some(blob, tables.wanted)[1]
        except StorageFailure:
            if not damaged:
                raise
            columns = {}
        tables.insert(connection.execute, doc, key, columns)


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
    statements += [full.definition for full in tables.full]
    if any(field.shape == WORDS for field in tables.texts):
        statements.append(f"CREATE VIRTUAL TABLE {tables.terms} USING fts5vocab({tables.words}, instance)")
    return statements
