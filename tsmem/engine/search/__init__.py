"""Search: answering the searches on a search index.

`engine/indexes/search_index.py` describes the SQL tables of an index.

1. `conditions.py` compiles the query into one SQL condition on a row. A query on a typed field becomes plain SQL. A
   query on a text becomes a call of a Python function (`text_queries.py`), which reads the text from the row, cuts it
   as the field's analyzer does (`words.py`), and scores it.
2. Each part of the query that an index can narrow also has *candidates*: an SQL query for the rows that can match, from
   the SQL index on a typed field or from the trigrams of a text.
3. `search.py` counts the candidates of each part. The part with the fewest is the *driver*. If its candidates are few,
   they are sorted. If they are many, an SQL index is scanned in the requested order, and rows that are not candidates
   are skipped. If no part has candidates (one or two letters, or only `must_not`), all rows are scanned.
4. `order.py` has the order in SQL, and the condition that a row comes after the last row of the previous page, whose
   position is in the page token. In an order by score, all candidates are checked and scored.
"""
