"""One search index: its SQL tables, and how they are kept in step with the table that it is of.

    s<id>       a row for each row of the table: doc (its rowid there), checksum, and a column f<n> for each field that
                is not TEXT; NULL where the row lacks the field, or has it in another type. A field that is a key column
                is that column of the table's own SQL table. Every such column has an SQL index.
    s<id>_text  FTS5 with the trigrams of all TEXT fields together: contentless, without positions. No text is copied.

FTS5 must be told exactly the trigrams that it was given when a row is changed or deleted. They come from the old text,
folded again, and another Python may know another version of Unicode and fold some character otherwise. So `checksum`
keeps the CRC-32 of the folded text as it was indexed. Where the text folds to something else now, its trigrams are left
in FTS5. That is harmless: they propose a row that does not match, or none, and every row that is proposed is checked. A
text with such a character may not be found under another Python until its row is written again.

Fields of types beyond KEYWORD, LONG, DOUBLE, BOOLEAN and TEXT are described and not indexed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

from tsmem.engine.file.connections import Statement, Transaction, run_statements
from tsmem.engine.indexes.trigrams import trigram_text
from tsmem.engine.requests import invalid
from tsmem.engine.rows.cells import unpack
from tsmem.engine.tables import SearchDescription, Table
from tsmem.errors import StorageFailure, from_service
from tsmem.port import FieldType
from tsmem.rows import Key, Value

_TYPES: dict[str, type] = {"KEYWORD": str, "LONG": int, "DOUBLE": float, "BOOLEAN": bool, "TEXT": str}
_BETWEEN_FIELDS = "\x03\x03"  # stands between the texts of two fields: a trigram across it has a control character
_AUTOMERGE = 8
"""Segments that FTS5 merges at once. Measured with 20,000 messages of 400 characters in batches of 200: writing takes
0.75 of the time that it takes with FTS5's default of 4. The price: a search looks into up to twice as many segments."""
_ROWS_AT_ONCE = 200  # rows whose texts are indexed together when an index is made

Execute = Callable[[str, Sequence[object]], sqlite3.Cursor]


class Field(NamedTuple):
    name: str
    type: FieldType
    column: str
    """The SQL column: `d.f0` in s<id>, `r.k0` in the table; for a TEXT field its key column, or the row's cells."""
    key_place: int | None
    """The place in the row's key, for a key column."""

    def value(self, key: Key, columns: Mapping[str, Value]) -> Value | None:
        """Return the row's value; None where it has another type than the field."""
        value = columns.get(self.name) if self.key_place is None else key[self.key_place]
        return value if type(value) is _TYPES[self.type.name] else None


class SearchIndex:
    """The SQL of one search index. It is made once for each version of the catalog."""

    def __init__(self, table: Table, description: SearchDescription) -> None:
        self.table = table
        self.description = description
        self.types = dict(description.schema.fields)
        self.rows = f"t{table.id}"
        self.docs = f"s{description.id}"
        self.trigrams = f"{self.docs}_text"
        self.joins = f"AS c CROSS JOIN {self.docs} AS d ON d.doc = c.doc CROSS JOIN {self.rows} AS r ON r.rowid = c.doc"
        """Joins the entries and rows to a source of docs."""
        self.keys = tuple(f"r.k{place}" for place in range(len(table.key_names)))
        self.fields: dict[str, Field] = {}
        for place, (name, kind) in enumerate(description.schema.fields):
            if name in table.key_names:
                key_place = table.key_names.index(name)
                field = Field(name, kind, f"r.k{key_place}", key_place)
            else:
                field = Field(name, kind, "r.cells" if kind.name == "TEXT" else f"d.f{place}", None)
            if kind.name in _TYPES:
                self.fields[name] = field
        self._texts = [field for field in self.fields.values() if field.type.name == "TEXT"]
        typed = [field for field in self.fields.values() if field.type.name != "TEXT"]
        self._stored = [field for field in typed if field.key_place is None]
        self._wanted = frozenset(field.name for field in self.fields.values() if field.key_place is None)
        # The first key column has the SQL index that every table has on its key.
        self.sql_indexes = {
            field.column: f"{self.rows}_key" if field.key_place == 0 else f"{self.docs}_{field.column[2:]}"
            for field in typed
        }
        """The SQL index on each column of a field that is not TEXT."""
        where = " AND ".join(f"k{place} = ?" for place in range(len(table.key_names)))
        marks = ", ".join("?" * (2 + len(self._stored)))
        checksum = f"(SELECT checksum FROM {self.docs} WHERE doc = {self.rows}.rowid)"  # noqa: S608 - own names
        self._find = f"SELECT rowid, {checksum} FROM {self.rows} WHERE {where}"  # noqa: S608
        self._write = f"REPLACE INTO {self.docs} VALUES ({marks})"  # noqa: S608
        self._delete = f"DELETE FROM {self.docs} WHERE doc = ?"  # noqa: S608
        self._add_text = f"INSERT INTO {self.trigrams} (rowid, text) VALUES (?, ?)"  # noqa: S608
        self._remove_text = f"INSERT INTO {self.trigrams} ({self.trigrams}, rowid, text) VALUES ('delete', ?, ?)"  # noqa: S608

    def find_field(self, name: str) -> Field:
        """Return a field by its name. Raises InvalidInput for one that the index does not have, or cannot search."""
        field = self.fields.get(name)
        if field is not None:
            return field
        if name in self.types:
            raise invalid(f"field: {name} of type {self.types[name].name} cannot be searched here")
        raise invalid(f"field: {name} does not exist")

    def insert(self, execute: Execute, doc: int, key: Key, columns: Mapping[str, Value]) -> list[Statement]:
        """Index a new row of the table, whose rowid there is `doc`. Return the changes of the trigram table, which are
        run later."""
        text = self._trigram_text(key, columns)
        execute(self._write, (doc, _checksum(text), *(field.value(key, columns) for field in self._stored)))
        return [(self._add_text, (doc, text))] if text else []

    def replace(self, execute: Execute, key: Key, old: bytes, columns: Mapping[str, Value]) -> list[Statement]:
        """Index a row again that was written over; `old` are its former cells."""
        doc, removed = self._removal(execute, key, old)
        added = self.insert(execute, doc, key, columns)
        is_same = [parameters for _, parameters in removed] == [parameters for _, parameters in added]
        return [] if is_same else removed + added

    def delete(self, execute: Execute, key: Key, old: bytes) -> list[Statement]:
        """Remove a row from the index while it is still in its table, with the cells `old`."""
        doc, removed = self._removal(execute, key, old)
        execute(self._delete, (doc,))
        return removed

    def _removal(self, execute: Execute, key: Key, old: bytes) -> tuple[int, list[Statement]]:
        doc, checksum = execute(self._find, key).fetchone()
        text = self._trigram_text(key, self._columns(old))
        return doc, [(self._remove_text, (doc, text))] if text and checksum == _checksum(text) else []

    def _trigram_text(self, key: Key, columns: Mapping[str, Value]) -> str:
        """Return all texts of a row, each once, as the trigram table takes them."""
        texts = dict.fromkeys(str(value) for field in self._texts if (value := field.value(key, columns)) is not None)
        return trigram_text(_BETWEEN_FIELDS.join(texts))

    def _columns(self, cells: bytes) -> Mapping[str, Value]:
        """Return the indexed columns of a row; none of a damaged row, so that it can be replaced and deleted."""
        try:
            return unpack(cells, self._wanted)[1]
        except StorageFailure:
            return {}

    def create(self, connection: sqlite3.Connection) -> None:
        """Make the SQL tables, and index the rows that are there. A row that cannot be read is indexed by its key."""
        columns = ", ".join(["doc INTEGER PRIMARY KEY", "checksum", *(field.column[2:] for field in self._stored)])
        connection.execute(f"CREATE TABLE {self.docs} ({columns})")
        for column, index in self.sql_indexes.items():
            if column != "r.k0":
                connection.execute(f"CREATE INDEX {index} ON {self._owner(column)} ({column[2:]})")
        connection.execute(
            f"CREATE VIRTUAL TABLE {self.trigrams} USING fts5(text, content = '', detail = none, columnsize = 0, "
            "tokenize = 'trigram case_sensitive 1')"
        )
        connection.execute(f"INSERT INTO {self.trigrams} ({self.trigrams}, rank) VALUES ('automerge', {_AUTOMERGE})")  # noqa: S608
        rows = connection.execute(f"SELECT rowid, * FROM {self.rows}")  # noqa: S608
        while chunk := rows.fetchmany(_ROWS_AT_ONCE):
            texts: list[Statement] = []
            for doc, *values, blob in chunk:
                texts += self.insert(connection.execute, doc, tuple(values), self._columns(blob))
            run_statements(connection, texts)

    def drop(self, connection: sqlite3.Connection) -> None:
        for column, index in self.sql_indexes.items():
            if column != "r.k0" and self._owner(column) == self.rows:
                connection.execute(f"DROP INDEX {index}")
        for name in (self.trigrams, self.docs):
            connection.execute(f"DROP TABLE {name}")

    def _owner(self, column: str) -> str:
        return self.rows if column[0] == "r" else self.docs


def _checksum(text: str) -> int:
    return crc32(text.encode())


@lru_cache(maxsize=64)
def search_indexes(table: Table) -> tuple[SearchIndex, ...]:
    return tuple(SearchIndex(table, description) for description in table.search_descriptions)


def find_index(transaction: Transaction, table: str, name: str) -> SearchIndex:
    """Return a search index. Raises TableNotFound."""
    for index in search_indexes(transaction.catalog().table(table, main_only=True)):
        if index.description.schema.name == name:
            return index
    raise from_service("OTSObjectNotExist", f"search index [{name}] does not exist")
