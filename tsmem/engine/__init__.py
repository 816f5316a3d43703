"""The engine: TableStore's row semantics on one SQLite file. The local adapter and the server both stand on it.

What a request means is decided here; SQLite keeps ordered keys and packed cells. No other package imports `sqlite3`,
and nothing here knows of sessions and messages.

    engine.py            Engine: one method for each request, run in one transaction
    requests.py          what requests and replies carry beyond the vocabulary of rows
    service_requests.py  the rest of the service's requests, for the server alone
    service_errors.py    TableStore's error texts
    catalog.py           the schemas as they are stored
    tables.py            a table in memory: key checks, SQL texts, index entries
    definitions.py       create, describe and delete tables and indexes; table_options.py and defined_columns.py
                         change what a client of the server may change
    file/                making, locking and opening the file; connections and transactions
    rows/                reading and writing rows
    indexes/             what is kept of each row beside the row
    search/              how a search is answered
"""

from tsmem.engine.engine import Engine

__all__ = ["Engine"]
