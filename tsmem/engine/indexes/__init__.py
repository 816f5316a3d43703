"""Secondary indexes and search indexes, which find rows by other columns than those of their key.

The write path calls `maintenance.py`, which writes a row together with its entries in all indexes. `definitions.py`
calls this room to create and drop the SQL tables of an index. The read path reads a secondary index as a table of its
own; `engine/search/` answers searches from a search index.

A search index (`search_index.py`) has one SQL table with the typed fields of each row, and one FTS5 table with the
trigrams of its texts (`trigrams.py`).
"""
