"""Search: find sessions and messages through their search indexes, with the same results on every backend.

`Sessions` and `Messages` call `Finder.find` (`finder.py`). It turns the request into search criteria and a query
(`query.py`), reads the service's pages and returns the rows that match the criteria. The query only says that a field
`Contains` a text; the adapter knows how an index finds it.
"""
