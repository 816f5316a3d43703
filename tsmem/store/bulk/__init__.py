"""Bulk: many rows at once.

Called by the collections (purge), and as `store.bulk` by exports, imports and copies.

`bulk.py` is `store.bulk`: all items of a store, and many of them checked, written and looked for. `loading.py` writes
the items of an import, and `stored_times.py` looks times up for it. `batches.py` gathers writes into batches, sends
several at once and keeps the writes of one row in order. `result.py` counts what was done, and what was not. `purge.py`
deletes sessions with their messages. `comparing.py` finds the differences between two stores.
"""
