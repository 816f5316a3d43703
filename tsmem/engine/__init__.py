"""The engine: tables with TableStore's row semantics in one SQLite file.

The local adapter and the server call it. The engine decides what a request means; SQLite keeps ordered keys and packed
cells. No other package imports `sqlite3`, and nothing here knows of sessions and messages.

A request enters through a method of `engine.py`, which runs it in one transaction and returns a reply. `catalog.py`
builds a `Table` from each schema that the file keeps, and `definitions.py` changes schemas. Where the service's error
texts are known, they are used, because test suites of SDKs expect them from our server. Source: those suites, and the
service's "Error codes" page.

    file/      creating, locking and opening the file; connections and transactions
    rows/      reading and writing rows
    indexes/   search indexes
    search/    answering searches
"""

from tsmem.engine.engine import Engine

__all__ = ["Engine"]
