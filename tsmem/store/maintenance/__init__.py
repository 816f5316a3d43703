"""Maintenance: check tables and rows, and measure a store.

`store.tables` compares existing tables with the layout (`differences.py`). `store.troubles` looks for inconsistent rows
(`integrity.py`), and `store.statistics` counts and measures rows (`statistics.py`). Both read whole tables.
"""
