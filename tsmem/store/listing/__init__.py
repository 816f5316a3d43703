"""Listing: read the rows of a table or secondary index page by page, and stream the items made from them.

The collections, bulk operations and maintenance use it. A `ListRequest` holds the options of a listing or search
(`requests.py`). A `Scan` describes what is read, a `RowScan` reads it, and an `ItemStream` returns items and the token
of the next page (`scan.py`). `tail.py` follows the end of a session.
"""
