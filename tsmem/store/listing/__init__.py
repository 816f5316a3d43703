"""Listing: rows of a table or secondary index, page after page, and streams of items.

The collections of sessions and messages use it, and so do bulk operations and maintenance.

- `scan.py` reads the pages of a range, requests the next one early, and turns them into rows and items.
- `cursor.py` reads and writes page tokens.
- `tail.py` follows the end of a session.
"""
