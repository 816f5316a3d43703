"""Filters: the expression language of `--filter`, such as `topic == "billing" and not (score < 3)`.

The collections and the search make a `RowFilter` of the text. `syntax.py` parses it into a tree (`tree.py`).
`row_filter.py` turns the tree into a filter for the service, and into a test of the rows that come back.
"""
