"""Reads the first rows of a table, or of one user or session, to explain why a result is empty."""

from __future__ import annotations

from typing import NamedTuple

from tsmem.port import TableClient
from tsmem.rows import MAX, MIN, Range, TableRef
from tsmem.store.layout import check_key_types

MAX_SAMPLE = 100
"""Rows that are read with all their columns."""
MAX_IDS = 1000
"""Rows whose keys are read, to find an id like the given one."""


class Sample(NamedTuple):
    rows: int
    columns: frozenset[str]
    whole: bool
    """True if there are no other rows."""


def sample(client: TableClient, table: TableRef, first: str | None) -> Sample:
    """Read the first rows whose key begins with the value `first`, or of all rows. Cost: 1 request."""
    span = table.range_of() if first is None else table.range_of(first)
    page = client.get_range(table, span, limit=MAX_SAMPLE)
    check_key_types(table, page.rows)
    columns = frozenset(name for row in page.rows for name in row.columns)
    return Sample(len(page.rows), columns, page.next_start is None)


def first_values(client: TableClient, table: TableRef, like: str) -> list[str]:
    """Return values of the key's first column, each once and in order, from the first 1,000 rows that begin with the
    first letter of `like`, whatever its case, or later. Cost: 1 request."""
    rest = len(table.key) - 1
    span = Range((min(like[:1], like[:1].upper()), *[MIN] * rest), (MAX,) * (rest + 1))
    page = client.get_range(table, span, limit=MAX_IDS, columns=table.key[:1])
    check_key_types(table, page.rows)
    return list(dict.fromkeys(str(row.key[0]) for row in page.rows))
