"""Search: the rows that a search index finds.

Called by `engine.py` (one page of a search; create, find and delete an index) and by the write paths, which keep the
SQL tables of an index in step with its table (`index.SearchIndex`: insert, replace, delete).

How a search is answered:

1. `conditions.py` turns the query into one SQL condition on a row. What a query asks of a typed field is plain SQL.
   What it asks of a text is a Python function (`text_queries.py`) that SQL calls: it reads the text from the row and
   cuts it as the field's analyzer does (`texts.py`).
2. Each part of the query that an SQL index can narrow also gives its *candidates*: an SQL query for the rows that may
   match, from the index on a typed field or from the trigrams of a text.
3. `search.py` counts the candidates of each part, as far as a limit. The part with the fewest drives the search: its
   rows are sorted, and checked one by one until the page is full.
4. If every part has many candidates, the rows of the index are first walked in the order asked for: a page of a common
   text is full soon. After some thousands of rows the walk is given up for the candidates. If no part has candidates
   (one or two letters, `must_not` alone), the walk goes on to the end.
5. `order.py` says the order in SQL, and what comes after the last row of the page before; `tokens.py` writes that row's
   place into the page token. An order by score (`scores.py`) needs all matching rows.

`index.py` describes the SQL tables, `schemas.py` checks what an index may be.
"""
