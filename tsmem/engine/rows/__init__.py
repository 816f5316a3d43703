"""Rows: reading and writing the rows of one table.

Called by `engine.py` within a transaction.

`cells.py` packs the columns of a row into bytes. `reads.py` reads rows by their keys and by ranges, and tests filters
(`filters.py`); `versioned_reads.py` adds what clients of the server may read, the versions of cells.
`writes.py` writes a batch: each write becomes a change (`changes.py`), is checked, and is applied together with the
entries in indexes (`engine/indexes/`).
"""
