"""The language of `--filter`.

The collections, search and the bulk operations use `RowFilter` (`row_filter.py`). A text is parsed (`syntax.py`) into a
tree (`tree.py`). `row_filter.py` sends the part of the tree that the service can test with a read, and tests the whole
tree on each row that comes back.
"""
