"""Search: the rows that a search index finds. Called by `engine.py`, for one page.

What a search index keeps is said in `engine/indexes/`: an SQL table with a row for each row of the main table, with the
typed fields of that row, and an FTS5 table of the trigrams of all its texts. Texts themselves stand in the main table
alone.

How a search is answered:

1. `conditions.py` turns the query into one SQL condition on a row. What a query asks of a typed field is plain SQL.
   What it asks of a text is a Python function (`text_queries.py`) that SQL calls: it reads the text from the row, cuts
   it as the field's analyzer does (`words.py`), and scores it. Text without a score does not match.
2. Each part of the query that an SQL index can narrow also gives its *candidates*: an SQL query for the rows that may
   match, from the index on a typed field or from the trigrams of a text.
3. `search.py` counts the candidates of each part. The part with the fewest drives the search. If they are few, they are
   sorted. If they are many, an SQL index is walked in the order asked for, and rows that are no candidates are passed
   over. If no part has candidates (one or two letters, `must_not` alone), all rows are walked. The rows are checked one
   by one, until the page is full.
4. `order.py` says the order in SQL, and what comes after the last row of the page before, whose place is in the page
   token. In an order by score all candidates are checked and scored.
"""
