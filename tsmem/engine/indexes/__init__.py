"""Search indexes. The write path updates them with each row, and `engine/search/` answers searches from them.

A search index (`search_index.py`) finds texts by their trigrams. Secondary indexes are tables (`engine/catalog.py`).
"""
