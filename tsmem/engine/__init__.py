"""The engine: TableStore's row semantics on one SQLite file. The local adapter and the server both use it.

It decides what a request means; SQLite keeps ordered keys and packed cells. No other package imports `sqlite3`, and
nothing here knows of sessions and messages.

    engine.py          Engine: one method for each request, run in one transaction
    requests.py        requests and replies that the vocabulary of rows lacks
    service_errors.py  TableStore's error texts
    catalog.py         the schemas as they are stored
    tables.py          a table in memory: key checks, SQL texts, index entries
    definitions.py     create, change and delete tables and indexes
    file/              making, locking and opening the file; connections and transactions
    rows/              reading and writing rows
    indexes/           secondary and search indexes, kept in step with the rows
    search/            how a search is answered
"""

from tsmem.engine.engine import Engine

__all__ = ["Engine"]
