"""Rows: reading and writing the rows of a table.

`engine.py` calls this room within a transaction.

To read, `reads.py` finds rows by key or by range, unpacks their cells (`cells.py`), and tests them with a filter
(`filters.py`). `versioned_reads.py` does the same where a client of the server asks for versions of cells.

To write, `writes.py` makes each write of a batch a change (`changes.py`), checks it, computes and packs the new cells,
and lets `engine/indexes/` write the row with its index entries.
"""
