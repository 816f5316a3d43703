"""Check replies of the service against their requests: pages end, and rows are those that were asked for.

Replies are signed, so these checks only guard against faults of the service, such as a page that begins where the one
before began. They raise WrongReply; `errors.py` turns it into InvalidReply with the name of the host. The store checks
the types of keys itself.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from tsmem.limits import MAX_ROWS_PER_PAGE
from tsmem.plurals import quantity
from tsmem.rows import Key, Range, Row

if TYPE_CHECKING:
    from tsmem.port import RangePage
    from tsmem.queries import Search, SearchPage


class WrongReply(Exception):
    """A broken rule. Its message ends the sentence "HOST answered with ..."."""


def check_same_key(key: Key, row: Row | None) -> None:
    if row is not None and row.key != key:
        raise WrongReply("a row with a key that was not requested")


def check_page(span: Range, limit: int | None, page: RangePage) -> None:
    """Raise WrongReply unless the rows of a page are within the range, in its order, and not too many, and the next
    page begins behind them. Without rows, it must begin behind the start of the request: else pages never end."""
    most = MAX_ROWS_PER_PAGE if limit is None else min(limit, MAX_ROWS_PER_PAGE)
    if len(page.rows) > most:
        raise WrongReply(f"{len(page.rows):,} rows where {most:,} are the most")
    keys = [row.key for row in page.rows]
    compare = operator.gt if span.backward else operator.lt
    try:
        in_order = all(map(compare, keys, keys[1:]))
    except TypeError:
        raise WrongReply("keys of different types") from None
    if not in_order:
        raise WrongReply("rows that are out of order")
    if keys and not (span.includes(keys[0]) and span.includes(keys[-1])):
        raise WrongReply("rows outside the requested range")
    previous = keys[-1] if keys else span.start
    start = page.next_start
    if start is not None and (start == previous or not span._replace(start=previous).includes(start)):
        raise WrongReply("a next page that does not start after this one, within the requested range")


def check_outcomes(outcomes: int, rows: int) -> None:
    if outcomes != rows:
        raise WrongReply(f"{quantity(outcomes, 'outcome')} for a batch of {rows:,}")


def check_search(search: Search, page: SearchPage) -> None:
    """Raise WrongReply unless a page of a search has no more rows than its limit, each once and with a score, a
    possible total, and another token than the request."""
    if len(page.rows) > search.limit:
        raise WrongReply(f"{len(page.rows):,} rows where {search.limit:,} are the most")
    if len({row.key for row in page.rows}) != len(page.rows):
        raise WrongReply("one row twice")
    if len(page.scores) != len(page.rows):
        raise WrongReply(f"{len(page.scores):,} scores for {len(page.rows):,} rows")
    if page.token is not None and page.token == search.token:
        raise WrongReply("a page token that leads to the same page")
    if page.total is not None and page.total < len(page.rows):
        raise WrongReply(f"{len(page.rows):,} rows of {page.total:,}")
