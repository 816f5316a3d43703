"""Rows: reading and writing the rows of a table. `engine.py` calls this room within a transaction.

To read, `reads.py` finds rows by key or by range, unpacks their cells (`cells.py`), and tests them with a filter
(`filters.py`).

To write, `writes.py` computes the new cells of each row (`changes.py`), packs them, and updates the indexes.
"""
