"""Indexes, kept in step with the rows of their table, so that rows are found by other columns than their key.

Called by the write path for each row that changes (`maintenance.py`), and by `definitions.py`, which creates and
deletes indexes.

A secondary index is a table of its own, whose rows `maintenance.py` writes and deletes. A search index
(`search_index.py`) is an SQL table of the typed fields of each row, and an FTS5 table of the trigrams of its texts
(`trigrams.py`). `engine/search/` answers searches from them.
"""
