"""The engine: TableStore's row semantics on one SQLite file. The local adapter and the server both use it.

It decides what a request means; SQLite keeps ordered keys and packed cells. No other package imports `sqlite3`, and
nothing here knows of sessions and messages. `engine.py` has one method for each request and runs it in one transaction.
`requests.py` has what goes in and comes out. `catalog.py` reads the stored schemas,
`tables.py` makes tables of them, and `definitions.py` changes them.

    file/      making, locking and opening the file; connections and transactions
    rows/      reading and writing rows
    indexes/   secondary and search indexes, kept in step with the rows
    search/    how a search is answered
"""

from tsmem.engine.engine import Engine

__all__ = ["Engine"]
