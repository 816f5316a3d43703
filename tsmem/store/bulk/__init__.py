"""Bulk: many rows at once.

The collections use it for purges; exports, imports and copies as `store.bulk`.

- `bulk.py`: `store.bulk`, which reads, checks and writes items. A record becomes writes, which go to a `BatchWriter`; a
  refused row comes back through one callback. `stored_times.py` looks up times for it.
- `batches.py`: gathers writes into batches and sends several at once; `result.py` has the counts.
- `purge.py`: deletes sessions with their messages.
- `comparing.py`: finds the differences between two stores.
"""
