"""CreateSearchIndex, ListSearchIndex, DescribeSearchIndex and DeleteSearchIndex.

Its one rule: what is described is what was created, and an index holds all rows from its first moment.
"""

from __future__ import annotations

from tsmem.engine import catalog as stored
from tsmem.engine import messages, search_tables
from tsmem.engine.connections import Session
from tsmem.engine.definitions import changed
from tsmem.engine.search_tables import SearchTables
from tsmem.limits import check_name
from tsmem.port import SearchIndexSchema

MAX_FIELDS = 1000


def create_search_index(session: Session, schema: SearchIndexSchema, definition: bytes | None, created_us: int) -> None:
    """Make a search index, with a definition that is kept as it comes. Raises TableNotFound, AlreadyExists,
    InvalidInput."""
    catalog = session.catalog()
    table = catalog.main_table(schema.table)
    check_name("index", schema.name)
    if (schema.table, schema.name) in catalog.search:
        raise messages.search_index_exists(schema.name)
    names = [name for name, _ in schema.fields]
    if not 1 <= len(names) <= MAX_FIELDS:
        raise messages.invalid(f"The number of fields must be in range: [1, {MAX_FIELDS}].")
    if len(set(names)) < len(names):
        raise messages.invalid("Duplicated field name in the search index.")
    for name in names:
        check_name("field", name)
    if table.max_versions != 1:
        raise messages.invalid("Max versions of a table with a search index must be 1.")
    if table.time_to_live_s != -1 and table.allow_update:
        raise messages.update_with_ttl()
    index_id = stored.add_search(session.connection, schema, definition, created_us)
    search_tables.create(session.connection, SearchTables(table, index_id, schema))
    changed(session)


def list_search_indexes(session: Session, table: str) -> list[str]:
    """Names of a table's search indexes, in order. Raises TableNotFound."""
    catalog = session.catalog()
    catalog.main_table(table)
    return sorted(name for of_table, name in catalog.search if of_table == table)


def describe_search_index(session: Session, table: str, name: str) -> SearchIndexSchema:
    """A search index's schema. Raises TableNotFound."""
    catalog = session.catalog()
    catalog.main_table(table)
    found = catalog.search.get((table, name))
    if found is None:
        raise messages.search_index_missing(name)
    return found


def find_tables(session: Session, table: str, name: str) -> SearchTables:
    """A search index's SQL tables. Raises TableNotFound."""
    for tables in search_tables.of_table(session.catalog().main_table(table)):
        if tables.name == name:
            return tables
    raise messages.search_index_missing(name)


def delete_search_index(session: Session, table: str, name: str) -> None:
    """Delete a search index; the rows stay. Raises TableNotFound."""
    search_tables.drop(session.connection, find_tables(session, table, name))
    stored.remove_search(session.connection, table, name)
    changed(session)
