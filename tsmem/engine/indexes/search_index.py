"""A search index: its SQL tables, and the changes to them for each written row.

    t<table>       the table itself. Its rowid identifies a row in the other two, where it is called doc.
    s<index>       for each row: doc, a checksum, and a column f<n> for each field that is neither TEXT nor a key
                   column; NULL if the row does not have the field in the declared type. Each column of a field that is
                   not TEXT, here or in t<table>, has an SQL index.
    s<index>_text  an FTS5 table with the trigrams of all TEXT fields together: contentless and without positions, so
                   that no text is copied. Trigrams are all runs of three characters in a folded text. Those of a
                   search text find every row that contains it, and some rows that do not; the search checks each.

<table> is the id of the table, and <index> that of the search index.

To delete old trigrams from FTS5, it must be given the text that was added. That text is computed again from the old
cells, but they can be damaged, and another Python can have another version of Unicode and fold a character differently.
If the CRC-32 of the text is then not `checksum`, the trigrams stay in FTS5. At worst a search gets a candidate that
does not match, and it checks every candidate. And a text with a character that two Pythons fold differently may not be
found under one of them, until its row is written again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from sqlite3 import Connection
from typing import NamedTuple
from zlib import crc32

from tsmem.engine.catalog import SearchDescription, Table
from tsmem.engine.file.connections import Statement, Transaction, run_statements
from tsmem.engine.rows.cells import unpack_columns
from tsmem.errors import StorageFailure, from_service, invalid
from tsmem.folding import fold
from tsmem.port import FieldType
from tsmem.rows import Key, Value

_PYTHON_TYPES: dict[str, type] = {"KEYWORD": str, "LONG": int, "DOUBLE": float, "BOOLEAN": bool, "TEXT": str}
_BETWEEN_FIELDS = "\x03\x03"  # joins the texts of two fields: every trigram across it has a control character
_AUTOMERGE = 8
"""Writing takes 0.75 of the time of FTS5's default, 4 (measured with 20,000 messages of 400 characters in batches of
200). In return, a search reads up to twice as many segments."""
_ROWS_PER_BATCH = 200  # rows whose texts are indexed together when an index is created

NO_SPACES = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3040-\u30fa"
    "\u30fc-\u318f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7ff"
    "\uf900-\ufaff\uff66-\uffdc\U00020000-\U0003ffff"
)
"""Characters of scripts that are written without spaces, or whose words often have only two characters."""
NO_SPACES_CHARACTER = re.compile(rf"[{NO_SPACES}]")

_PADDING = "\x01"
_NUL_REPLACEMENT = "\x02"
_STEP = 3
"""The distance between the trigrams of a text that are looked up. On 200,000 messages, `quarter to quarter` takes 7 ms
this way and 28 ms with all its trigrams; a few in a hundred of the rows found do not match (measured)."""
MAX_TRIGRAMS = 16  # trigrams of one text that are looked up. The check of each row covers the rest of the text.
MAX_ALTERNATIVES = 64  # texts that one FTS5 query looks up. A search for more alternatives checks every row instead.


class Field(NamedTuple):
    """A field that can be searched: its type is in `_PYTHON_TYPES`. Fields of other types stand only in the schema."""

    name: str
    type: FieldType
    column: str
    """`d.f0` in s<index>, `r.k0` in t<table> for a key column, or `r.cells`, the packed cells of the row, for a TEXT
    field that is not in the key."""
    key_place: int | None
    """None for an attribute column."""

    def value(self, key: Key, columns: Mapping[str, Value]) -> Value | None:
        """Return None if the value is missing, or of another type than the field."""
        value = columns.get(self.name) if self.key_place is None else key[self.key_place]
        return value if type(value) is _PYTHON_TYPES[self.type.name] else None


class SearchIndex:
    def __init__(self, table: Table, description: SearchDescription) -> None:
        self.table = table
        self.description = description
        self.field_types = dict(description.schema.fields)
        self.row_table = f"t{table.id}"
        self.doc_table = f"s{description.id}"
        self.trigram_table = f"{self.doc_table}_text"
        join_rows = f"CROSS JOIN {self.row_table} AS r ON r.rowid = c.doc"
        self.row_joins = f"AS c CROSS JOIN {self.doc_table} AS d ON d.doc = c.doc {join_rows}"
        """SQL that follows a query for docs, and joins the rows of s<index> (d) and t<table> (r)."""
        self.key_columns = tuple(f"r.k{place}" for place in range(len(table.key_names)))
        self.fields: dict[str, Field] = {}
        for place, (name, kind) in enumerate(description.schema.fields):
            if name in table.key_names:
                key_place = table.key_names.index(name)
                field = Field(name, kind, f"r.k{key_place}", key_place)
            else:
                field = Field(name, kind, "r.cells" if kind.name == "TEXT" else f"d.f{place}", None)
            if kind.name in _PYTHON_TYPES:
                self.fields[name] = field
        self._text_fields = [field for field in self.fields.values() if field.type.name == "TEXT"]
        not_text = [field for field in self.fields.values() if field.type.name != "TEXT"]
        self._doc_fields = [field for field in not_text if field.key_place is None]
        self._attribute_names = frozenset(field.name for field in self.fields.values() if field.key_place is None)
        # The index on the first key column is that of the table's key.
        self.sql_indexes = {
            field.column: f"{self.row_table}_key" if field.key_place == 0 else f"{self.doc_table}_{field.column[2:]}"
            for field in not_text
        }
        """The SQL index on the column of each field that is not TEXT."""
        where = " AND ".join(f"k{place} = ?" for place in range(len(table.key_names)))
        marks = ", ".join("?" * (2 + len(self._doc_fields)))
        checksum = f"(SELECT checksum FROM {self.doc_table} WHERE doc = {self.row_table}.rowid)"  # noqa: S608 - own names
        self._find_sql = f"SELECT rowid, {checksum} FROM {self.row_table} WHERE {where}"  # noqa: S608
        self._write_sql = f"REPLACE INTO {self.doc_table} VALUES ({marks})"  # noqa: S608
        self._delete_sql = f"DELETE FROM {self.doc_table} WHERE doc = ?"  # noqa: S608
        fts5 = self.trigram_table
        self._add_text_sql = f"INSERT INTO {fts5} (rowid, text) VALUES (?, ?)"  # noqa: S608
        self._remove_text_sql = f"INSERT INTO {fts5} ({fts5}, rowid, text) VALUES ('delete', ?, ?)"  # noqa: S608

    def find_field(self, name: str) -> Field:
        if name in self.fields:
            return self.fields[name]
        if name in self.field_types:
            raise invalid(f"field: {name} of type {self.field_types[name].name} cannot be searched here")
        raise invalid(f"field: {name} does not exist")

    def insert(self, connection: Connection, doc: int, key: Key, columns: Mapping[str, Value]) -> list[Statement]:
        """Index a new row with the rowid `doc`. The caller must run the returned changes of the trigram table."""
        text = self._trigram_text(key, columns)
        values = (field.value(key, columns) for field in self._doc_fields)
        connection.execute(self._write_sql, (doc, crc32(text.encode()), *values))
        return [(self._add_text_sql, (doc, text))] if text else []

    def replace(self, connection: Connection, key: Key, old: bytes, columns: Mapping[str, Value]) -> list[Statement]:
        """Index a row again that was overwritten. `old` are its former cells, packed."""
        doc, removed = self._removal(connection, key, old)
        added = self.insert(connection, doc, key, columns)
        is_same = [parameters for _, parameters in removed] == [parameters for _, parameters in added]
        return [] if is_same else removed + added

    def delete(self, connection: Connection, key: Key, old: bytes) -> list[Statement]:
        """Remove a row from the index. It must still be in the table. `old` are its cells, packed."""
        doc, removed = self._removal(connection, key, old)
        connection.execute(self._delete_sql, (doc,))
        return removed

    def _removal(self, connection: Connection, key: Key, old: bytes) -> tuple[int, list[Statement]]:
        """Return the doc of a row, and the statement that removes its trigrams, if that is possible and necessary."""
        doc, checksum = connection.execute(self._find_sql, key).fetchone()
        text = self._trigram_text(key, self._indexed_columns(old))
        return doc, [(self._remove_text_sql, (doc, text))] if text and checksum == crc32(text.encode()) else []

    def _trigram_text(self, key: Key, columns: Mapping[str, Value]) -> str:
        texts = dict.fromkeys(
            str(value) for field in self._text_fields if (value := field.value(key, columns)) is not None
        )
        return trigram_text(_BETWEEN_FIELDS.join(texts))

    def _indexed_columns(self, cells: bytes) -> Mapping[str, Value]:
        """Return nothing if the cells are damaged, so that the row can be replaced and deleted."""
        try:
            return unpack_columns(cells, self._attribute_names)[1]
        except StorageFailure:
            return {}

    def create(self, connection: Connection) -> None:
        """Create the SQL tables, and index all existing rows, those with damaged cells only by their key."""
        columns = ", ".join(["doc INTEGER PRIMARY KEY", "checksum", *(field.column[2:] for field in self._doc_fields)])
        connection.execute(f"CREATE TABLE {self.doc_table} ({columns})")
        for column, index in self.sql_indexes.items():
            if column != "r.k0":
                table = self.row_table if column[0] == "r" else self.doc_table
                connection.execute(f"CREATE INDEX {index} ON {table} ({column[2:]})")
        fts5 = self.trigram_table
        connection.execute(
            f"CREATE VIRTUAL TABLE {fts5} USING fts5(text, content = '', detail = none, columnsize = 0, "
            "tokenize = 'trigram case_sensitive 1')"
        )
        connection.execute(f"INSERT INTO {fts5} ({fts5}, rank) VALUES ('automerge', {_AUTOMERGE})")  # noqa: S608
        rows = connection.execute(f"SELECT rowid, * FROM {self.row_table}")  # noqa: S608
        while chunk := rows.fetchmany(_ROWS_PER_BATCH):
            texts: list[Statement] = []
            for doc, *values, blob in chunk:
                texts += self.insert(connection, doc, tuple(values), self._indexed_columns(blob))
            run_statements(connection, texts)

    def drop(self, connection: Connection) -> None:
        for column, index in self.sql_indexes.items():
            if column[0] == "r" and column != "r.k0":
                connection.execute(f"DROP INDEX {index}")
        for name in (self.trigram_table, self.doc_table):
            connection.execute(f"DROP TABLE {name}")


@lru_cache(maxsize=64)
def search_indexes(table: Table) -> tuple[SearchIndex, ...]:
    return tuple(SearchIndex(table, description) for description in table.search_descriptions)


def find_index(transaction: Transaction, table: str, name: str) -> SearchIndex:
    for index in search_indexes(transaction.catalog().table(table, main_only=True)):
        if index.description.schema.name == name:
            return index
    raise from_service("OTSObjectNotExist", f"search index [{name}] does not exist")


def trigram_text(text: str) -> str:
    """Return the form of a text in the trigram table: folded, and with NUL replaced, because SQLite's tokenizer stops
    at it. Each character of a script without spaces is followed by a padding character, so that a word of two such
    characters has trigrams. The form of a part of a text is always a part of the form of the whole text."""
    folded = fold(text)
    if not folded.isascii():
        folded = NO_SPACES_CHARACTER.sub(rf"\g<0>{_PADDING}", folded)
    return folded.replace("\0", _NUL_REPLACEMENT)


def trigram_query(part: str) -> str | None:
    """Return an FTS5 query that finds all texts that contain a part; None if the part is too short."""
    text = trigram_text(part)
    last = len(text) - 3
    if last < 0:
        return None
    step = max(_STEP, -(-last // MAX_TRIGRAMS)) if last > _STEP else 1
    trigrams = dict.fromkeys(text[at : at + 3].replace('"', '""') for at in (*range(0, last, step), last))
    return " AND ".join(f'"{trigram}"' for trigram in trigrams)


def all_of(parts: Sequence[str]) -> str | None:
    """Return None if all parts are too short."""
    found = [query for part in parts[:MAX_ALTERNATIVES] if (query := trigram_query(part)) is not None]
    return " AND ".join(dict.fromkeys(found)) or None


def any_of(queries: Sequence[str | None]) -> str | None:
    """Join queries by OR. Return None if one query is None, or if they are too many."""
    if None in queries or len(queries) > MAX_ALTERNATIVES:
        return None
    return " OR ".join(f"({query})" for query in dict.fromkeys(queries))
