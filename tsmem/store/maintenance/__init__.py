"""Maintenance: checks whether tables are as they should be, and measures what is in them.

Called by `MemoryStore`, its tables and its collections. Each module is one function or class:

- `differences.py` compares a table or index with the layout.
- `integrity.py` finds what does not fit together; `statistics.py` counts and measures rows.
"""
