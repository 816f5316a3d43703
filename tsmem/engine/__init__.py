"""TableStore's row semantics on one SQLite file. The local adapter and the server both stand on it.

Its one rule: what a request means is decided here, and SQLite is only asked to keep ordered keys and packed cells. No
other package imports `sqlite3`, and nothing here knows of sessions and messages.

    engine.py         Engine: one method a request
    requests.py       what requests and replies carry beyond the row vocabulary
    reads.py          GetRow, BatchGetRow, GetRange
    writes.py         PutRow, UpdateRow, DeleteRow, BatchWriteRow
    upkeep.py         the entries of secondary and search indexes, kept in step with their table
    definitions.py    create, describe and delete tables and indexes
    search/           search indexes, loaded by those who use them
    full_requests.py  the rest of the service's vocabulary, for the server alone; so are:
    views.py          reads with versions of cells
    changes.py        writes with versions, increments and returned rows
    table_options.py  UpdateTable, and tables described in full
    catalog.py        the schemas as they are stored
    tables.py         a table in memory: key checks, SQL texts, index entries
    ranges.py         a range of keys as SQL
    filters.py        a filter as a function
    cells.py          a row's cells as bytes
    connections.py    connections and transactions
    files.py          making and opening the file
    sqlite_version.py the SQLite that is needed
    faults.py         SQLite's errors as ours
    messages.py       TableStore's error texts
"""

from tsmem.engine.engine import Engine

__all__ = ["Engine"]
