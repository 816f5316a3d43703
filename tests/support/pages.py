"""Read all pages of a search, each behind the token of the one before."""

from __future__ import annotations

from collections.abc import Iterator

from tsmem.port import TableClient
from tsmem.queries import Search, SearchPage
from tsmem.rows import Key, TableRef


def pages(client: TableClient, table: TableRef, index: str, search: Search) -> Iterator[SearchPage]:
    """Return one page after the other."""
    token = None
    while True:
        page = client.search(table, index, search._replace(token=token))
        yield page
        if (token := page.token) is None:
            return


def all_keys(client: TableClient, table: TableRef, index: str, search: Search) -> list[Key]:
    """Return the keys of the rows of all pages, in order."""
    return [row.key for page in pages(client, table, index, search) for row in page.rows]
