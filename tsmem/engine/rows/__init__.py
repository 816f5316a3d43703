"""Rows: reading and writing the rows of one table.

Called by `engine.py` within a transaction.

`cells.py` packs the columns of a row into bytes. `reads.py` reads rows by their keys and by ranges (`ranges.py`), and
tests filters (`filters.py`). `writes.py` takes a batch: every write becomes a change
(`changes.py`), is checked (`checked_writes.py`) and applied, with what it changes in the indexes (`engine/indexes/`).
Clients of the server may also read versions of cells: `versioned_reads.py`.
"""
