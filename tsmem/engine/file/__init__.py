"""The file: the SQLite database of a store.

`engine.py` runs each request in one transaction of `connections.py`, which has a pool of connections. `files.py`
creates and opens the file. `sqlite_errors.py` turns exceptions of SQLite and of the file system into our errors.
"""
