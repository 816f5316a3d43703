"""Tables for people: `listing.py` shows many sessions or messages, `report.py` one of them, or a report.

Both turn values into cells (`items.py` those of sessions and messages) and leave the drawing to `grid.py`, which alone
uses rich's tables.
"""
