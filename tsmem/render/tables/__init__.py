"""Tables for people. `listing.py` shows sessions or messages as rows; `report.py` shows a single one, or a report.

Both turn values into cells, those of sessions and messages as in `listing.py`, and leave the drawing to `grid.py`.
"""
