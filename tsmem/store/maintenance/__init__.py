"""Maintenance: whether tables are as they should be, and what is in them.

Called by `MemoryStore` and by its tables.

`differences.py` compares a table or index with the layout, and `readiness.py` waits until a table that was made can be
used. `integrity.py` checks that sessions and messages fit together. `statistics.py` counts and measures rows, by
samples of a large table (`sampling.py`).
"""
