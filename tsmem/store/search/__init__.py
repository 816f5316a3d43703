"""Search: find sessions and messages through their search indexes, with the same results on every backend.

`Sessions` and `Messages` call `Finder.find` (`finder.py`). It resolves the request to search criteria and turns these
into a query for the fields that the index has (`query.py`). It then reads the service's pages and returns the rows that
match the criteria. The query only says that a field `Contains` a text; the adapter knows how an index finds it.
"""
