"""Listing: read the rows of a table or secondary index page by page, and stream the items made from them.

`Sessions` and `Messages` use it for every listing, and so do bulk operations and maintenance. A `Scan` describes what
is read, a `RowScan` reads it, and an `ItemStream` returns items and the token of the next page.

- `scan.py`: `Scan`, `RowScan` and `ItemStream`.
- `cursor.py`: page tokens and time windows.
- `tail.py`: follows the end of a session.
"""
