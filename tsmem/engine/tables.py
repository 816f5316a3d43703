"""The classes Table and SecondaryIndex: a schema with all that can be prepared for the requests on its table.

`catalog.py` builds them once for each version of the catalog. Nothing here uses the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tsmem.engine.requests import invalid
from tsmem.engine.rows.cells import Cell, pack_cells
from tsmem.errors import TsmemError, from_service
from tsmem.limits import check_key, name_bytes
from tsmem.port import IndexSchema, SearchIndexSchema, TableSchema
from tsmem.rows import PYTHON_TYPES, Bound, ColumnType, Key, KeyValue, TableRef, Value

SQL_TYPES = {ColumnType.STRING: "TEXT", ColumnType.INTEGER: "INTEGER", ColumnType.BINARY: "BLOB"}
_SERVICE_TYPES = {str: "STRING", int: "INTEGER", float: "DOUBLE", bool: "BOOLEAN", bytes: "BLOB"}


class SearchDescription(NamedTuple):
    id: int
    schema: SearchIndexSchema
    definition: bytes | None
    """The request of the server's client that created the index; None if the local adapter created it."""
    created_us: int


class Table:
    """A table or a secondary index. Immutable: a changed schema makes a new Table."""

    def __init__(
        self,
        table_id: int,
        schema: TableSchema,
        indexes: Sequence[SecondaryIndex] = (),
        search_descriptions: Sequence[SearchDescription] = (),
    ) -> None:
        self.id = table_id
        self.schema = schema
        self.indexes = indexes
        self.search_descriptions = search_descriptions
        self.key_names = schema.ref.key
        self.key_types = tuple(PYTHON_TYPES[kind] for _, kind in schema.key)
        self._names_bytes = sum(map(name_bytes, self.key_names))
        self.needs_old_row = bool(search_descriptions) or any(index.attribute_columns for index in indexes)
        """True if a write must read the row that it replaces, because an index depends on its attribute columns."""
        columns = [f"k{place}" for place in range(len(schema.key))]
        where = " AND ".join(f"{column} = ?" for column in columns)
        self.insert_sql = f"INSERT INTO t{table_id} VALUES ({'?, ' * len(columns)}?) ON CONFLICT DO NOTHING"  # noqa: S608 - ids and places only
        self.upsert_sql = self.insert_sql.replace(
            "DO NOTHING", f"({', '.join(columns)}) DO UPDATE SET cells = excluded.cells"
        )
        self.read_sql = f"SELECT cells FROM t{table_id} WHERE {where}"  # noqa: S608
        self.delete_sql = f"DELETE FROM t{table_id} WHERE {where}"  # noqa: S608

    def check_key(self, ref: TableRef, key: Sequence[object], *, is_bound: bool = False) -> None:
        """Raise the service's error unless a key has this table's columns and types. With `is_bound`, columns after MIN
        or MAX are not checked."""
        if ref.key == self.key_names and tuple(map(type, key)) == self.key_types:
            return
        for size in (len(key), len(ref.key)):
            if size != len(self.key_names):
                raise _invalid_key("size", size, len(self.key_names))
        for given_name, name in zip(ref.key, self.key_names, strict=True):
            if given_name != name:
                raise _invalid_key("name", given_name, name)
        for value, kind in zip(key, self.key_types, strict=True):
            if isinstance(value, Bound):
                if is_bound:
                    return
                raise invalid(f"VT_INF_{value.name} is an invalid type for the primary key.")
            if type(value) is not kind:
                given = _SERVICE_TYPES.get(type(value), type(value).__name__.upper())
                raise _invalid_key("type", f"VT_{given}", f"VT_{_SERVICE_TYPES[kind]}")

    def key_bytes(self, key: Key) -> int:
        """Return the size of a valid key by TableStore's rule, which includes the names of its columns."""
        size = self._names_bytes
        for value in key:
            if type(value) is int:
                size += 8
            elif type(value) is bytes or value.isascii():  # type: ignore[union-attr]
                size += len(value)  # type: ignore[arg-type]
            else:
                size += len(value.encode())  # type: ignore[union-attr]
        return size


def _invalid_key(what: str, given: object, expected: object) -> TsmemError:
    return from_service("OTSInvalidPK", f"Validate PK {what} fail. Input: {given}, Meta: {expected}.")


class SecondaryIndex(Table):
    """A table with entries for the rows of its main table. Its key is the index's own key columns, followed by the
    missing ones of the main table. A row has an entry if it has all of them in the declared types."""

    def __init__(self, table_id: int, main: TableSchema, index: IndexSchema) -> None:
        super().__init__(table_id, index_as_table(main, index))
        self.index = index
        names = main.ref.key
        self._key_places = tuple(names.index(name) if name in names else None for name in self.key_names)
        self.attribute_columns = frozenset((*self.key_names, *index.columns)).difference(names)
        """The attribute columns that an entry takes from its row, for its key or to carry them."""

    def entry_key(self, key: Key, columns: Mapping[str, Value]) -> Key | None:
        """Return None if the row has no entry. Raises LimitExceeded for a text that is too long for a key."""
        if not self.attribute_columns:
            return tuple([key[place] for place in self._key_places])  # type: ignore[index]
        values: list[KeyValue] = []
        for place, name, kind in zip(self._key_places, self.key_names, self.key_types, strict=True):
            value = columns.get(name) if place is None else key[place]
            if type(value) is not kind:
                return None
            values.append(value)  # type: ignore[arg-type]
        check_key(self.key_names, tuple(values))
        return tuple(values)

    def entry(
        self, key: Key, columns: Mapping[str, Value], versions_ms: Mapping[str, int]
    ) -> tuple[object, ...] | None:
        """Return a row's entry: its key, and its packed cells, which have the same versions as in the row. Return None
        if it has none. Raises LimitExceeded."""
        entry_key = self.entry_key(key, columns)
        if entry_key is None:
            return None
        names = [name for name in sorted(self.index.columns) if name in columns]
        carried = [Cell(name, columns[name], versions_ms[name]) for name in names]
        return (*entry_key, pack_cells(self.key_bytes(entry_key), carried))


def index_as_table(main: TableSchema, index: IndexSchema) -> TableSchema:
    types = {**dict(main.defined_columns), **dict(main.key)}
    names = (*index.key, *(name for name in main.ref.key if name not in index.key))
    key = tuple((name, types[name]) for name in names)
    return main._replace(name=index.name, key=key, indexes=(), defined_columns=())
