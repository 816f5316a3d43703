"""UpdateTable, and what the port does not ask of a description: options of tables, definitions of search indexes.

Its one rule: options are checked as they will be together, by the same function as those of a new table. They are kept
and described, `max_versions`, `deviation_s` and `allow_update` are heeded, but rows do not expire: `time_to_live_s` is
only checked against what may stand beside it. Loaded for the server alone.
"""

from __future__ import annotations

from dataclasses import replace

from tsmem.engine import catalog as stored
from tsmem.engine import service_errors
from tsmem.engine.definitions import changed, check_options, create_table
from tsmem.engine.file.connections import Transaction
from tsmem.engine.indexes.search_schemas import find_index
from tsmem.engine.service_requests import CreateTable, SearchDescription, TableDescription, TableOptions


def create_full(transaction: Transaction, request: CreateTable) -> None:
    """Make a table with its options and secondary indexes. Raises AlreadyExists, InvalidInput."""
    unknown = request.global_indexes - {index.name for index in request.schema.indexes}
    if unknown:
        raise service_errors.invalid(f"Index '{min(unknown)}' is not among the table's.")
    create_table(
        transaction,
        request.schema,
        deviation_s=request.deviation_s,
        allow_update=request.allow_update,
        global_indexes=request.global_indexes,
    )


def update_table(transaction: Transaction, name: str, options: TableOptions) -> TableDescription:
    """Change some options. Fewer versions hide the older ones of rows there, and the next write of a column drops them.
    Raises TableNotFound, InvalidInput."""
    catalog = transaction.catalog()
    table = catalog.table(name)
    if table.main is not None:
        raise service_errors.write_to_index()
    given = {option: value for option, value in options._asdict().items() if value is not None}
    table = replace(table, **given)
    check_options(table, indexed=bool(table.indexes) or any(of_table == name for of_table, _ in catalog.search))
    stored.set_options(transaction.connection, table)
    changed(transaction)
    return describe_full(transaction, name)


def describe_full(transaction: Transaction, name: str) -> TableDescription:
    """A table with its options; a secondary index as a table, with those of its table. Raises TableNotFound."""
    table = transaction.catalog().table(name)
    global_indexes = frozenset(index.table.name for index in table.indexes if index.table.is_global)
    return TableDescription(table.schema, table.deviation_s, table.allow_update, global_indexes, table.main)


def describe_search(transaction: Transaction, table: str, name: str) -> SearchDescription:
    """What is known of a search index beside its fields. Raises TableNotFound."""
    find_index(transaction, table, name)
    definition, created_us = transaction.execute(
        "SELECT definition, created_us FROM search_indexes WHERE table_name = ? AND name = ?", (table, name)
    ).fetchone()
    return SearchDescription(definition, created_us)
