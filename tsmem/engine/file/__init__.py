"""The file: the SQLite database of a store.

`engine.py` runs each request in one transaction of `connections.py`, which keeps a pool of connections. A new
connection comes from `files.py`: it creates the file if necessary, opens it, and checks that tsmem made it. Both pass
exceptions of SQLite and of the file system to `sqlite_errors.py`, which turns them into errors of `tsmem.errors`.
"""
