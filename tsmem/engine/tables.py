"""A table in memory: what its keys must be, the SQL that reaches it, and how its rows look in its secondary indexes.

Its one rule: nothing here touches the file. A table is made once a catalog version and used by every request after, so
that SQL texts are joined, types looked up and index entries planned once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tsmem.engine import service_errors
from tsmem.engine.rows.cells import Cell, pack_cells
from tsmem.limits import check_key, name_bytes
from tsmem.port import IndexSchema, KeySchema, SearchIndexSchema, TableSchema
from tsmem.rows import PYTHON_TYPES, Bound, ColumnType, Key, KeyBound, KeyValue, TableRef, Value

SQL_TYPES = {ColumnType.STRING: "TEXT", ColumnType.INTEGER: "INTEGER", ColumnType.BINARY: "BLOB"}
"""The types of key columns, in SQL."""


@dataclass(eq=False, repr=False)
class Table:
    """A table or a secondary index. Nothing changes one: another schema is another Table."""

    id: int
    """Its SQL table is t<id>."""
    name: str
    key: KeySchema
    """Of an index: its own key columns and the missing ones of its table."""
    main: str | None = None
    """Of an index: the name of its table."""
    columns: tuple[str, ...] = ()
    """Of an index: the attribute columns that it carries."""
    defined: tuple[tuple[str, ColumnType], ...] = ()
    time_to_live_s: int = -1
    max_versions: int = 1
    deviation_s: int = 86400
    """How far an explicit version may be from now."""
    allow_update: bool = True
    """Whether UpdateRow is allowed."""
    is_global: bool = False
    """Of an index: whether it was asked for as a global one."""
    own_columns: int = 0
    """Of an index: how many of its key's columns it was created with; the rest was appended. 0: not known."""
    indexes: tuple[SecondaryIndex, ...] = ()
    searches: tuple[tuple[int, SearchIndexSchema], ...] = ()
    """Its search indexes, each with its id."""
    names: tuple[str, ...] = field(init=False)
    types: tuple[type, ...] = field(init=False)
    names_bytes: int = field(init=False)
    needs_old_row: bool = field(init=False)
    """Whether a row that is replaced must be read, because an index depends on its columns."""
    read_sql: str = field(init=False)
    insert_sql: str = field(init=False)
    """Inserts a row that is not there, and changes nothing where it is."""
    write_sql: str = field(init=False)
    delete_sql: str = field(init=False)

    def __post_init__(self) -> None:
        names = [f"k{place}" for place in range(len(self.key))]
        key = ", ".join(names)
        where = " AND ".join(f"{name} = ?" for name in names)
        marks = "?, " * len(names) + "?"
        self.names = tuple(name for name, _ in self.key)
        self.types = tuple(PYTHON_TYPES[kind] for _, kind in self.key)
        self.names_bytes = sum(map(name_bytes, self.names))
        self.needs_old_row = bool(self.searches) or any(index.wanted for index in self.indexes)
        self.read_sql = f"SELECT cells FROM t{self.id} WHERE {where}"  # noqa: S608 - ids and places only
        self.delete_sql = f"DELETE FROM t{self.id} WHERE {where}"  # noqa: S608
        self.insert_sql = f"INSERT INTO t{self.id} VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608
        self.write_sql = (
            f"INSERT INTO t{self.id} VALUES ({marks}) ON CONFLICT ({key}) DO UPDATE SET cells = excluded.cells"  # noqa: S608
        )

    @property
    def schema(self) -> TableSchema:
        """As it is described."""
        indexes = tuple(each.table.index_schema for each in self.indexes)
        return TableSchema(self.name, self.key, indexes, self.defined, self.time_to_live_s, self.max_versions,
                           self.allow_update)  # fmt: skip

    @property
    def index_schema(self) -> IndexSchema:
        """An index as its table's description has it: with the key that it was created with."""
        key = self.names[: self.own_columns] if self.own_columns else self.names
        return IndexSchema(self.name, key, self.columns, self.is_global)

    def check_names(self, ref: TableRef, length: int) -> None:
        """Raises InvalidInput, with the service's text, unless a key of so many values has this table's columns."""
        if length != len(self.names) or len(ref.key) != len(self.names):
            given = length if length != len(self.names) else len(ref.key)
            raise service_errors.key_size(given, len(self.names))
        for given_name, wanted_name in zip(ref.key, self.names, strict=True):
            if given_name != wanted_name:
                raise service_errors.key_name(given_name, wanted_name)

    def check_key(self, ref: TableRef, key: Sequence[object]) -> None:
        """Raises InvalidInput, with the service's text, unless the key has this table's columns and types."""
        if ref.key == self.names and tuple(map(type, key)) == self.types:
            return
        self.check_names(ref, len(key))
        for value, wanted in zip(key, self.types, strict=True):
            if isinstance(value, Bound):
                raise service_errors.bound_in_key(value.name)
            if type(value) is not wanted:
                raise service_errors.key_type(type(value), wanted)

    def check_bound(self, ref: TableRef, bound: KeyBound) -> None:
        """As `check_key`, for one end of a range. Columns after MIN or MAX do not matter."""
        self.check_names(ref, len(bound))
        for place, value in enumerate(bound):
            if isinstance(value, Bound):
                return
            if type(value) is not self.types[place]:
                raise service_errors.key_type(type(value), self.types[place])
            check_key((self.names[place],), (value,))

    def key_bytes(self, key: Key) -> int:
        """The size of a key that was checked, names included."""
        size = self.names_bytes
        for value in key:
            if type(value) is int:
                size += 8
            elif type(value) is bytes or value.isascii():  # type: ignore[union-attr]
                size += len(value)  # type: ignore[arg-type]
            else:
                size += len(value.encode())  # type: ignore[union-attr]
        return size


class SecondaryIndex(NamedTuple):
    """A secondary index, seen from its table: which entry a row has in it."""

    table: Table
    """The index as a table of its own."""
    places: tuple[int | None, ...]
    """For each of its key columns: the place in the table's key, None for an attribute column."""
    wanted: frozenset[str]
    """The attribute columns that an entry depends on."""

    @property
    def follows_key(self) -> bool:
        """Whether an entry depends on the row's key alone; then no old row has to be read to replace it."""
        return not self.wanted

    def entry_key(self, key: Key, columns: Mapping[str, Value]) -> Key | None:
        """The entry's key; None for a row that lacks a key column of the declared type. Raises LimitExceeded for a text
        that is too long for a key."""
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
        """The entry's cells: the columns that the index carries, in the versions that the row has."""
        size = self.table.key_bytes(entry_key)
        if not self.table.columns:
            return pack_cells(size, ())
        carried = [Cell(name, columns[name], stamps[name]) for name in sorted(self.table.columns) if name in columns]
        return pack_cells(size, carried)


def plan_index(main_key: KeySchema, index: Table) -> SecondaryIndex:
    """How rows with such a key stand in an index."""
    names = [name for name, _ in main_key]
    places = tuple(names.index(name) if name in names else None for name in index.names)
    from_columns = {name for name, place in zip(index.names, places, strict=True) if place is None}
    return SecondaryIndex(index, places, frozenset(from_columns | set(index.columns)))
