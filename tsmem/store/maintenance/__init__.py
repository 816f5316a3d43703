"""Maintenance: `store.troubles` checks the rows of a store, and `store.statistics` measures them."""
