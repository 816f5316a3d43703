"""The file: the SQLite database of a store.

Called by `engine.py`, which runs each request in one transaction of `connections.py`.

`files.py` makes the file, or a temporary one, locks it, opens it and checks its format. `connections.py` keeps
connections, and begins and ends transactions. `sqlite_errors.py` turns errors of SQLite into errors of ours.
"""
