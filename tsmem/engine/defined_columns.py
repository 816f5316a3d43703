"""AddDefinedColumn and DeleteDefinedColumn: attribute columns with a declared type, which secondary indexes may use.

Its one rule: a column that an index uses stays. Source: "Defined column operations" of the API reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tsmem.engine import catalog as stored
from tsmem.engine import definitions, service_errors
from tsmem.engine.file.connections import Transaction
from tsmem.port import KeySchema


def add(transaction: Transaction, name: str, columns: KeySchema) -> None:
    """Declare columns; those that are declared with the same type already stay. Raises TableNotFound, InvalidInput."""
    table = transaction.catalog().main_table(name)
    added = definitions.new_defined(table, columns)
    definitions.check_table(replace(table, defined=table.defined + added).schema)
    stored.add_defined(transaction.connection, table.id, added)
    definitions.changed(transaction)


def delete_columns(transaction: Transaction, name: str, columns: Sequence[str]) -> None:
    """Declare columns no longer; what rows hold in them stays. Raises TableNotFound, InvalidInput."""
    table = transaction.catalog().main_table(name)
    declared = dict(table.defined)
    for column in columns:
        if column not in declared:
            raise service_errors.invalid(f"Defined column '{column}' does not exist.")
        for index in table.indexes:
            if column in (*index.table.names, *index.table.columns):
                raise service_errors.invalid(f"Defined column '{column}' is used by index '{index.table.name}'.")
    stored.remove_defined(transaction.connection, table.id, columns)
    definitions.changed(transaction)
