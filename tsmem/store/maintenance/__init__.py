"""Maintenance: `store.troubles` checks the rows of a store. `store.statistics` measures them, `store.count_by` counts
them by the values of fields, and `store.fields` says which columns they have.
"""
