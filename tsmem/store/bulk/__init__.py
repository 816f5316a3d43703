"""Bulk: many rows at once.

Called by the collections (purge), by imports and copies, and by `MemoryStore.differences`.

`batches.py` gathers writes into batches, sends several at once and keeps the writes of one row in order. `result.py`
counts what was done, and what was not. `purge.py` deletes sessions with their messages. `comparing.py` finds the
differences between two stores.
"""
