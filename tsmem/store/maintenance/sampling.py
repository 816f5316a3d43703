"""A look at the first rows of a table, or of one user or session, to say why a result may be empty."""

from __future__ import annotations

from typing import NamedTuple

from tsmem.port import TableClient
from tsmem.rows import MAX, MIN, Range, TableRef
from tsmem.store.layout import check_key_types

MAX_SAMPLE = 100
"""Rows that are read with all their columns."""
MAX_IDS = 1000
"""Rows whose keys are read, to find an id like the one that was given."""


class Sample(NamedTuple):
    """The first rows of what was looked at."""

    rows: int
    columns: frozenset[str]
    """The attribute columns that they have."""
    whole: bool
    """True if there are no other rows."""


def sample(client: TableClient, table: TableRef, first: str | None) -> Sample:
    """Look at the rows whose key begins with this value, or at all. Cost: 1 request."""
    rest = len(table.key) - 1
    whole = Range((MIN,) * (rest + 1), (MAX,) * (rest + 1))
    span = whole if first is None else Range((first, *[MIN] * rest), (first, *[MAX] * rest))
    page = client.get_range(table, span, limit=MAX_SAMPLE)
    check_key_types(table, page.rows)
    columns = frozenset(name for row in page.rows for name in row.columns)
    return Sample(len(page.rows), columns, page.next_start is None)


def first_values(client: TableClient, table: TableRef, like: str) -> list[str]:
    """Return different values of the key's first column, in order, from the first letter of `like` on, whatever its
    case: those that the first 1,000 rows from there have. Cost: 1 request."""
    rest = len(table.key) - 1
    start = min(like[:1], like[:1].upper())
    page = client.get_range(
        table, Range((start, *[MIN] * rest), (MAX,) * (rest + 1)), limit=MAX_IDS, columns=table.key[:1]
    )
    check_key_types(table, page.rows)
    return list(dict.fromkeys(str(row.key[0]) for row in page.rows))
