"""Bulk: read, write or delete many rows at once.

Exports, imports and copies call `store.bulk` (`bulk.py`), which turns records into writes. The purges of sessions and
messages make deletes. Both give them to a `BatchWriter` (`batches.py`), which sends them in batches and counts the
outcome of each row in a `BulkResult` (`result.py`).
"""
