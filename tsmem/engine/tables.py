"""A table in memory: what its keys must be, the SQL that reaches it, and how its rows look in its secondary indexes.

Nothing here touches the file. `catalog.py` makes a table once for each version of the catalog, so that SQL texts are
joined, types looked up and index entries planned once, and not for every request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tsmem.engine.rows.cells import Cell, pack_cells
from tsmem.engine.service_errors import invalid
from tsmem.errors import TsmemError, from_service
from tsmem.limits import check_key, name_bytes
from tsmem.port import IndexSchema, KeySchema, SearchIndexSchema, TableSchema
from tsmem.rows import PYTHON_TYPES, Bound, ColumnType, Key, KeyBound, KeyValue, TableRef, Value

SQL_TYPES = {ColumnType.STRING: "TEXT", ColumnType.INTEGER: "INTEGER", ColumnType.BINARY: "BLOB"}
"""The types of key columns, in SQL."""
_SERVICE_TYPES = {str: "STRING", int: "INTEGER", float: "DOUBLE", bool: "BOOLEAN", bytes: "BLOB"}


@dataclass(eq=False, repr=False)
class Table:
    """A table or a secondary index. It is never changed: another schema is another Table."""

    id: int
    """Its SQL table is t<id>."""
    name: str
    key: KeySchema
    """For an index, its own key columns and the missing ones of its table."""
    main: str | None = None
    """For an index, the name of its table."""
    columns: tuple[str, ...] = ()
    """For an index, the attribute columns that it carries."""
    defined: KeySchema = ()
    time_to_live_s: int = -1
    max_versions: int = 1
    deviation_s: int = 86400
    allow_update: bool = True
    is_global: bool = False
    own_columns: int = 0
    """For an index, the number of key columns that it was created with; 0: not known."""
    indexes: tuple[SecondaryIndex, ...] = ()
    searches: tuple[tuple[int, SearchIndexSchema], ...] = ()
    """Its search indexes, each with its id."""
    names: tuple[str, ...] = field(init=False)
    types: tuple[type, ...] = field(init=False)
    needs_old_row: bool = field(init=False)
    """True if an index depends on the columns of a row that is replaced, so that it must be read."""
    read_sql: str = field(init=False)
    insert_sql: str = field(init=False)
    """Inserts a row that is not there, and changes nothing where it is."""
    write_sql: str = field(init=False)
    delete_sql: str = field(init=False)

    def __post_init__(self) -> None:
        names = [f"k{place}" for place in range(len(self.key))]
        where = " AND ".join(f"{name} = ?" for name in names)
        insert = f"INSERT INTO t{self.id} VALUES ({'?, ' * len(names)}?) ON CONFLICT"  # noqa: S608 - ids and places only
        self.names = tuple(name for name, _ in self.key)
        self.types = tuple(PYTHON_TYPES[kind] for _, kind in self.key)
        self._names_bytes = sum(map(name_bytes, self.names))
        self.needs_old_row = bool(self.searches) or any(index.wanted for index in self.indexes)
        self.read_sql = f"SELECT cells FROM t{self.id} WHERE {where}"  # noqa: S608
        self.delete_sql = f"DELETE FROM t{self.id} WHERE {where}"  # noqa: S608
        self.insert_sql = f"{insert} DO NOTHING"
        self.write_sql = f"{insert} ({', '.join(names)}) DO UPDATE SET cells = excluded.cells"

    @property
    def schema(self) -> TableSchema:
        indexes = tuple(
            IndexSchema(index.name, index.names[: index.own_columns or None], index.columns, index.is_global)
            for index, _, _ in self.indexes
        )
        return TableSchema(self.name, self.key, indexes, self.defined, self.time_to_live_s, self.max_versions,
                           self.allow_update, self.deviation_s)  # fmt: skip

    def _check_names(self, ref: TableRef, length: int) -> None:
        for given in (length, len(ref.key)):
            if given != len(self.names):
                raise _invalid_key("size", given, len(self.names))
        for given_name, wanted_name in zip(ref.key, self.names, strict=True):
            if given_name != wanted_name:
                raise _invalid_key("name", given_name, wanted_name)

    def check_key(self, ref: TableRef, key: Sequence[object]) -> None:
        """Raise InvalidInput, with the service's text, unless the key has this table's columns and types."""
        if ref.key == self.names and tuple(map(type, key)) == self.types:
            return
        self._check_names(ref, len(key))
        for value, wanted in zip(key, self.types, strict=True):
            if isinstance(value, Bound):
                raise invalid(f"VT_INF_{value.name} is an invalid type for the primary key.")
            _check_type(value, wanted)

    def check_bound(self, ref: TableRef, bound: KeyBound) -> None:
        """Check one end of a range as `check_key` does. Columns after MIN or MAX do not matter."""
        self._check_names(ref, len(bound))
        for name, value, wanted in zip(self.names, bound, self.types, strict=True):
            if isinstance(value, Bound):
                return
            _check_type(value, wanted)
            check_key((name,), (value,))

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


def _check_type(value: object, wanted: type) -> None:
    if type(value) is not wanted:
        given = _SERVICE_TYPES.get(type(value), type(value).__name__.upper())
        raise _invalid_key("type", f"VT_{given}", f"VT_{_SERVICE_TYPES[wanted]}")


def _invalid_key(what: str, given: object, wanted: object) -> TsmemError:
    return from_service("OTSInvalidPK", f"Validate PK {what} fail. Input: {given}, Meta: {wanted}.")


class SecondaryIndex(NamedTuple):
    """A secondary index, seen from its table: the entry that a row has in it."""

    table: Table
    """The index as a table of its own."""
    places: tuple[int | None, ...]
    """For each of its key columns, the place in the table's key; None for an attribute column."""
    wanted: frozenset[str]
    """The attribute columns that an entry depends on. Without any, no old row has to be read to replace it."""

    def entry_key(self, key: Key, columns: Mapping[str, Value]) -> Key | None:
        """Return the entry's key; None for a row that lacks a key column of the declared type. Raises LimitExceeded for
        a text that is too long for a key."""
        table = self.table
        if not self.wanted:
            return tuple([key[place] for place in self.places])  # type: ignore[index]
        values: list[KeyValue] = []
        for place, name, kind in zip(self.places, table.names, table.types, strict=True):
            value = columns.get(name) if place is None else key[place]
            if type(value) is not kind:
                return None
            values.append(value)  # type: ignore[arg-type]
        check_key(table.names, tuple(values))
        return tuple(values)

    def entry_blob(self, entry_key: Key, columns: Mapping[str, Value], stamps: Mapping[str, int]) -> bytes:
        """Return the entry's cells: the columns that the index carries, in the versions that the row has."""
        carried = [Cell(name, columns[name], stamps[name]) for name in sorted(self.table.columns) if name in columns]
        return pack_cells(self.table.key_bytes(entry_key), carried)


def plan_index(main_key: KeySchema, index: Table) -> SecondaryIndex:
    """Return how rows with such a key stand in an index."""
    names = [name for name, _ in main_key]
    places = tuple(names.index(name) if name in names else None for name in index.names)
    from_columns = {name for name, place in zip(index.names, places, strict=True) if place is None}
    return SecondaryIndex(index, places, frozenset(from_columns | set(index.columns)))
