"""Rows: reading and writing the rows of one table.

Called by `engine.py` within a transaction.

`cells.py` packs the columns of a row into bytes. `reads.py` reads rows by their keys and by ranges (`ranges.py`), and
tests filters (`filters.py`). `writes.py` checks the writes of a batch (`checked_writes.py`) and applies them, with what
they change in the indexes (`engine/indexes/`). Clients of the server may also ask for versions of cells: that is done
by `versioned_reads.py` and `versioned_writes.py`.
"""
