"""Find sessions and messages through their search indexes, with the same answer on every backend.

Called by `sessions.py` and `messages.py` with a `SearchRequest`. `criteria.py` has the criteria that it comes to, and
the row matcher, which decides what is found. `query.py` says as much of the criteria as the index has fields for as a
query of the port. `finder.py` asks for page after page, keeps the rows that match, and says where a page ended
(`places.py`). How text is looked up in an index is the adapter's concern: the query says `Contains`.
"""
