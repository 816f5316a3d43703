"""Find sessions and messages through their search indexes, with the same results on every backend.

`sessions.py` and `messages.py` call `Finder.find` (`finder.py`). It turns the request into criteria, and the criteria
into a query for the fields that the index has (`query.py`); then it reads page after page and keeps the rows that
match. How an index finds text is the adapter's concern: the query says `Contains`.
"""
