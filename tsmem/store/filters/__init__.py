"""Filters: the language of `--filter`.

Called by the collections, by search and by the bulk operations, through `RowFilter` (`row_filter.py`).

A text is parsed (`syntax.py`) into a tree (`tree.py`). `slips.py` knows what people write by mistake, and what to write
instead. `row_filter.py` cuts the tree in two: what the service can test is sent with a read, and the whole tree is
tested on each row that comes back.
"""
