"""Listing: rows of a table or secondary index, page after page, and streams of items.

Called by the collections of sessions and messages, by the bulk operations and by maintenance.

`pages.py` reads the pages of a range, the next one ahead of time. `scan.py` makes rows of them, and items, and counts
what was given out. Where a secondary index lacks columns, `whole_rows.py` fetches the rows from their table.
`cursor.py` reads and writes page tokens. `tail.py` follows the end of a session.
"""
