"""Indexes: what is kept of each row beside the row, so that it is found by other columns than its key.

Called by the write paths, for each row that changes (`maintenance.py`), and by whoever creates, lists, finds or deletes
a search index (`search_schemas.py`).

A secondary index is a table of its own, whose rows `maintenance.py` writes and deletes. A search index
(`search_index.py`) is an SQL table of the typed fields of each row, and an FTS5 table of the trigrams of its texts
(`trigrams.py`). How a search is answered from them is the matter of `engine/search/`.
"""
