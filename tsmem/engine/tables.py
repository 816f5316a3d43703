"""Tables in memory: what their keys must be, the SQL that reaches them, and the entries in secondary indexes.

Nothing here touches the file. `catalog.py` makes a table once for each version of the catalog, so that SQL texts are
joined, types looked up and index entries planned once, and not for every request.
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
    """The request of a client that created it; None where the port created it."""
    created_us: int
    """Microseconds since 1970 UTC."""


class Table:
    """A table or a secondary index. It is never changed: another schema is another Table."""

    def __init__(
        self,
        table_id: int,
        schema: TableSchema,
        indexes: Sequence[SecondaryIndex] = (),
        searches: Sequence[SearchDescription] = (),
    ) -> None:
        """The rows are in the SQL table t<id>."""
        self.id = table_id
        self.schema = schema
        self.indexes = indexes
        self.searches = searches
        self.names = schema.ref.key
        self.types = tuple(PYTHON_TYPES[kind] for _, kind in schema.key)
        self._names_bytes = sum(map(name_bytes, self.names))
        self.needs_old_row = bool(searches) or any(index.wanted for index in indexes)
        """True if an index depends on the columns of a row that is replaced, so that it must be read."""
        columns = [f"k{place}" for place in range(len(schema.key))]
        where = " AND ".join(f"{column} = ?" for column in columns)
        self.insert_sql = f"INSERT INTO t{table_id} VALUES ({'?, ' * len(columns)}?) ON CONFLICT DO NOTHING"  # noqa: S608 - ids and places only
        self.write_sql = self.insert_sql.replace(
            "DO NOTHING", f"({', '.join(columns)}) DO UPDATE SET cells = excluded.cells"
        )
        self.read_sql = f"SELECT cells FROM t{table_id} WHERE {where}"  # noqa: S608
        self.delete_sql = f"DELETE FROM t{table_id} WHERE {where}"  # noqa: S608

    def check_key(self, ref: TableRef, key: Sequence[object], *, is_bound: bool = False) -> None:
        """Raise InvalidInput, with the service's text, unless the key has this table's columns and types. In one end of
        a range, columns after MIN or MAX do not matter."""
        if ref.key == self.names and tuple(map(type, key)) == self.types:
            return
        for size in (len(key), len(ref.key)):
            if size != len(self.names):
                raise _invalid_key("size", size, len(self.names))
        for given_name, name in zip(ref.key, self.names, strict=True):
            if given_name != name:
                raise _invalid_key("name", given_name, name)
        for value, kind in zip(key, self.types, strict=True):
            if isinstance(value, Bound):
                if is_bound:
                    return
                raise invalid(f"VT_INF_{value.name} is an invalid type for the primary key.")
            if type(value) is not kind:
                given = _SERVICE_TYPES.get(type(value), type(value).__name__.upper())
                raise _invalid_key("type", f"VT_{given}", f"VT_{_SERVICE_TYPES[kind]}")

    def key_bytes(self, key: Key) -> int:
        """Return the size of a key that was checked, names included."""
        size = self._names_bytes
        for value in key:
            if type(value) is int:
                size += 8
            elif type(value) is bytes or value.isascii():  # type: ignore[union-attr]
                size += len(value)  # type: ignore[arg-type]
            else:
                size += len(value.encode())  # type: ignore[union-attr]
        return size


def _invalid_key(what: str, given: object, wanted: object) -> TsmemError:
    return from_service("OTSInvalidPK", f"Validate PK {what} fail. Input: {given}, Meta: {wanted}.")


class SecondaryIndex(Table):
    """A secondary index: a table that has an entry for each row of another one."""

    def __init__(self, table_id: int, main: TableSchema, index: IndexSchema) -> None:
        super().__init__(table_id, index_as_table(main, index))
        self.index = index
        names = main.ref.key
        self._places = tuple(names.index(name) if name in names else None for name in self.names)
        """For each key column of an entry, its place in the row's key; None for an attribute column."""
        self.wanted = frozenset((*self.names, *index.columns)).difference(names)
        """The attribute columns that an entry depends on. Without any, no old row has to be read to replace it."""

    def entry_key(self, key: Key, columns: Mapping[str, Value]) -> Key | None:
        """Return the entry's key; None for a row that lacks a key column of the declared type. Raises LimitExceeded for
        a text that is too long for a key."""
        if not self.wanted:
            return tuple([key[place] for place in self._places])  # type: ignore[index]
        values: list[KeyValue] = []
        for place, name, kind in zip(self._places, self.names, self.types, strict=True):
            value = columns.get(name) if place is None else key[place]
            if type(value) is not kind:
                return None
            values.append(value)  # type: ignore[arg-type]
        check_key(self.names, tuple(values))
        return tuple(values)

    def entry_blob(self, entry_key: Key, columns: Mapping[str, Value], stamps: Mapping[str, int]) -> bytes:
        """Return the entry's cells: the columns that the index carries, in the versions that the row has."""
        carried = [Cell(name, columns[name], stamps[name]) for name in sorted(self.index.columns) if name in columns]
        return pack_cells(self.key_bytes(entry_key), carried)


def index_as_table(main: TableSchema, index: IndexSchema) -> TableSchema:
    """Return the schema of a secondary index as a table: its key ends in the missing columns of its table's key."""
    types = {**dict(main.defined_columns), **dict(main.key)}
    names = (*index.key, *(name for name in main.ref.key if name not in index.key))
    key = tuple((name, types[name]) for name in names)
    return main._replace(name=index.name, key=key, indexes=(), defined_columns=())
