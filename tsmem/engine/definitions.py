"""CreateTable, DescribeTable, DeleteTable, CreateIndex and DeleteIndex.

Its one rule: a schema is checked whole before anything is made, and whatever changes a schema raises the catalog's
version in the same transaction. Limits and texts: facts of TableStore's "General limits" and its SDKs' test suites.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from tsmem.engine import catalog as stored
from tsmem.engine import service_errors
from tsmem.engine.catalog import Catalog
from tsmem.engine.file.connections import Transaction
from tsmem.engine.indexes import maintenance
from tsmem.engine.requests import CreateIndex
from tsmem.engine.tables import SQL_TYPES, Table, plan_index
from tsmem.limits import check_column_name, check_name
from tsmem.port import IndexSchema, KeySchema, TableSchema

MAX_TABLES = 64
"""Of an instance, secondary indexes included."""
MAX_INDEXES = 5
"""Secondary indexes of one table."""
MAX_KEY_COLUMNS = 4
MAX_DEFINED_COLUMNS = 32
MIN_TIME_TO_LIVE_S = 86400
MAX_TIME_TO_LIVE_S = 2**31 - 1
"""What the wire's 32-bit field holds."""
MAX_VERSIONS = 2**31 - 1
"""As well."""
MAX_DEVIATION_S = 2**63 - 1
"""What the wire's 64-bit field holds."""


def create_table(
    transaction: Transaction,
    schema: TableSchema,
    *,
    deviation_s: int = 86400,
    allow_update: bool = True,
    global_indexes: Collection[str] = (),
) -> None:
    """Make a table with its secondary indexes. Raises AlreadyExists, InvalidInput."""
    catalog = transaction.catalog()
    check_table(schema)
    main = Table(0, schema.name, schema.key, None, (), schema.defined_columns, schema.time_to_live_s,
                 schema.max_versions, deviation_s, allow_update)  # fmt: skip
    check_options(main, indexed=bool(schema.indexes))
    indexes = [_index_table(main, index, is_global=index.name in global_indexes) for index in schema.indexes]
    names = [schema.name, *(index.name for index in indexes)]
    if any(name in catalog.tables for name in names) or len(set(names)) < len(names):
        raise service_errors.table_exists()
    if len(indexes) > MAX_INDEXES:
        raise service_errors.too_many_indexes(MAX_INDEXES)
    _check_quota(catalog, len(names))
    for table in (main, *indexes):
        stored.add_table(transaction.connection, table)
    changed(transaction)


def describe_table(transaction: Transaction, name: str) -> TableSchema:
    """A table's schema, or a secondary index's. Raises TableNotFound."""
    return transaction.catalog().table(name).schema


def list_tables(transaction: Transaction) -> list[str]:
    """Names of tables and secondary indexes, in order."""
    return sorted(transaction.catalog().tables)


def delete_table(transaction: Transaction, name: str) -> None:
    """Delete a table and its secondary indexes. Raises TableNotFound, InvalidInput while a search index stands."""
    catalog = transaction.catalog()
    table = catalog.table(name)
    if table.main is not None:
        raise service_errors.write_to_index()
    if any(of_table == name for of_table, _ in catalog.search):
        raise service_errors.has_search_index(name)
    for each in (*(index.table for index in table.indexes), table):
        stored.remove_table(transaction.connection, each)
    changed(transaction)


def create_index(transaction: Transaction, request: CreateIndex) -> None:
    """Add a secondary index. Raises TableNotFound, AlreadyExists, InvalidInput."""
    catalog = transaction.catalog()
    table = catalog.main_table(request.table)
    if request.schema.name in catalog.tables:
        raise service_errors.table_exists()
    if len(table.indexes) >= MAX_INDEXES:
        raise service_errors.too_many_indexes(MAX_INDEXES)
    _check_quota(catalog, 1)
    added = new_defined(table, request.defined)
    schema = table.schema
    check_table(TableSchema(schema.name, schema.key, (request.schema,), schema.defined_columns + added,
                             schema.time_to_live_s, schema.max_versions))  # fmt: skip
    check_options(table, indexed=True)
    main = replace(table, defined=table.defined + added)
    made = stored.add_table(transaction.connection, _index_table(main, request.schema, is_global=request.is_global))
    stored.add_defined(transaction.connection, table.id, added)
    if request.include_base_data:
        maintenance.build_secondary_index(transaction, table, plan_index(table.key, made))
    changed(transaction)


def delete_index(transaction: Transaction, table: str, name: str) -> None:
    """Delete a secondary index. Raises TableNotFound."""
    for index in transaction.catalog().main_table(table).indexes:
        if index.table.name == name:
            stored.remove_table(transaction.connection, index.table)
            changed(transaction)
            return
    raise service_errors.index_missing(name)


def changed(transaction: Transaction) -> None:
    """Tell every connection, this one included, that a schema changed."""
    stored.raise_version(transaction.connection)
    transaction.forget()


def _check_quota(catalog: Catalog, more: int) -> None:
    if len(catalog.tables) + more > MAX_TABLES:
        raise service_errors.too_many_tables(MAX_TABLES)


def new_defined(table: Table, defined: KeySchema) -> KeySchema:
    """Those of the columns that the table does not define yet. Raises InvalidInput where it has another type."""
    known = dict(table.defined)
    for name, kind in defined:
        if known.get(name, kind) is not kind:
            raise service_errors.invalid(f"Defined column '{name}' is of type {known[name]}, not {kind}.")
    return tuple((name, kind) for name, kind in dict(defined).items() if name not in known)


def check_table(schema: TableSchema) -> None:
    """Raises InvalidInput for a table that the service would not make: its name, its key, its defined columns."""
    check_name("table", schema.name)
    if not 1 <= len(schema.key) <= MAX_KEY_COLUMNS:
        raise service_errors.invalid(f"The number of primary key columns must be in range: [1, {MAX_KEY_COLUMNS}].")
    names = [name for name, _ in schema.key]
    for name in names:
        check_name("column", name)
    _check_distinct(names, "Duplicated primary key name: '{}'.")
    for name, kind in schema.key:
        if kind not in SQL_TYPES:
            raise service_errors.invalid(f"{kind} is an invalid type for the primary key column '{name}'.")
    if len(schema.defined_columns) > MAX_DEFINED_COLUMNS:
        raise service_errors.invalid(f"The number of defined columns must be in range: [0, {MAX_DEFINED_COLUMNS}].")
    _check_distinct([*names, *(name for name, _ in schema.defined_columns)], "Duplicated column name: '{}'.")


def _check_distinct(names: Sequence[str], text: str) -> None:
    for place, name in enumerate(names):
        check_column_name(name)
        if name in names[:place]:
            raise service_errors.invalid(text.format(name))


def check_options(table: Table, *, indexed: bool) -> None:
    """Raises InvalidInput unless a table, with or without indexes, secondary or search, may have its options."""
    lasting = table.time_to_live_s == -1
    if not lasting and table.time_to_live_s < 1:
        raise service_errors.invalid("TimeToLive cannot be 0 or less than -1.")
    if not lasting and table.time_to_live_s < MIN_TIME_TO_LIVE_S:
        raise service_errors.invalid(f"TimeToLive cannot be less than {MIN_TIME_TO_LIVE_S}.")
    if table.time_to_live_s > MAX_TIME_TO_LIVE_S:
        raise service_errors.invalid(f"TimeToLive cannot be greater than {MAX_TIME_TO_LIVE_S}.")
    if table.max_versions < 1:
        raise service_errors.versions_not_positive()
    if table.max_versions > MAX_VERSIONS:
        raise service_errors.invalid(f"The maximum versions cannot be greater than {MAX_VERSIONS}.")
    if not 1 <= table.deviation_s <= MAX_DEVIATION_S:
        raise service_errors.invalid(f"The deviation of cell versions must be in range: [1, {MAX_DEVIATION_S}].")
    if indexed and not lasting and table.allow_update:
        raise service_errors.update_with_ttl()
    if indexed and table.max_versions != 1:
        raise service_errors.invalid("Max versions of a table with index must be 1.")


def _index_table(main: Table, index: IndexSchema, *, is_global: bool) -> Table:
    """A secondary index as a table: its key with the missing columns of its table's key. Raises InvalidInput."""
    check_name("index", index.name)
    types = {**dict(main.defined), **dict(main.key)}
    _check_distinct(index.key, "Duplicated primary key name: '{}'.")
    if not 1 <= len(index.key) <= MAX_KEY_COLUMNS:
        raise service_errors.invalid(
            f"The number of primary key columns must be in range: [1, {MAX_KEY_COLUMNS}] in index."
        )
    for name in (*index.key, *index.columns):
        if name not in types:
            raise service_errors.invalid(f"Index '{index.name}' uses column '{name}', which the table does not define.")
    for name in index.key:
        if types[name] not in SQL_TYPES:
            raise service_errors.invalid(f"{types[name]} is an invalid type for the primary key column '{name}'.")
    if not is_global and index.key[0] != main.names[0]:
        raise service_errors.invalid(
            f"Local index '{index.name}' must begin with primary key column '{main.names[0]}'."
        )
    _check_distinct(index.columns, "Duplicated column name: '{}'.")
    missing = [name for name in main.names if name not in index.key]
    key = [*index.key, *missing]
    for name in index.columns:
        if name in key:
            raise service_errors.invalid(f"Index '{index.name}' carries column '{name}', which is in its key.")
    whole = tuple((name, types[name]) for name in key)
    return Table(0, index.name, whole, main.name, index.columns, is_global=is_global, own_columns=len(index.key))
