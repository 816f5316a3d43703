"""Bulk: read, write or delete many rows at once.

Exports, imports and copies call `store.bulk`; the purges of sessions and messages use the batches directly.

- `bulk.py`: `store.bulk`, which turns records into writes and hands them to a `BatchWriter`.
- `batches.py`: `BatchWriter`, which sends writes in batches and checks each row's outcome.
- `result.py`: the counts of a bulk command.
- `purge.py`: deletes sessions with their messages.
- `stored_times.py`: looks up the times of rows that exist, for imported items without a time.
- `comparing.py`: finds the differences between two stores.
"""
