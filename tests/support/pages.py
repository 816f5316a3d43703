"""Reads all pages of a search or a listing, each with the token of the page before, and forges tokens."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

from tests.support.items import ids
from tsmem.port import TableClient
from tsmem.queries import Search, SearchPage
from tsmem.rows import Key, TableRef
from tsmem.store.listing.page_tokens import DIGEST_BYTES, Packable, pack_token


def search_pages(client: TableClient, table: TableRef, index: str, search: Search) -> Iterator[SearchPage]:
    token = None
    while True:
        page = client.search(table, index, search._replace(token=token))
        yield page
        if (token := page.token) is None:
            return


def all_keys(client: TableClient, table: TableRef, index: str, search: Search) -> list[Key]:
    return [row.key for page in search_pages(client, table, index, search) for row in page.rows]


def all_pages(listing: Callable[..., Any], size: int, **wanted: Any) -> list[list[Any]]:
    """Return the pages of a store's listing. Fail unless each page but the last is full."""
    found = [listing(limit=size, page_token=None, **wanted)]
    while (token := found[-1].next_page_token) is not None:
        assert size == len(found[-1].items)
        found.append(listing(limit=size, page_token=token, **wanted))
    return [list(page.items) for page in found]


def ids_on_pages(listing: Callable[..., Any], size: int, **wanted: Any) -> list[str]:
    return [each for page in all_pages(listing, size, **wanted) for each in ids(page)]


def forged_token(token: str | None, *values: Packable) -> str:
    """Return a page token of the same query with other values."""
    return pack_token(token_bytes(token)[1 : 1 + DIGEST_BYTES], values)


def token_bytes(token: str | None) -> bytes:
    assert token is not None
    return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))


def token_of(record: bytes | bytearray) -> str:
    return base64.urlsafe_b64encode(record).decode().rstrip("=")
