"""Check that a reply fits its request: the rows are those that were requested, and paging comes to an end.

Replies are signed, so nobody can alter them on the way: the checks catch faults of the service, such as a page that
starts where the previous one started. `errors.py` turns WrongReply into InvalidReply with the name of the host.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from tsmem.limits import MAX_ROWS_PER_PAGE
from tsmem.rows import Key, Range, Row
from tsmem.words import quantity

if TYPE_CHECKING:
    from tsmem.port import RangePage
    from tsmem.queries import Search, SearchPage


class WrongReply(Exception):
    """The reply does not fit the request. The message completes the sentence "HOST answered with ..."."""


def check_same_key(key: Key, row: Row | None) -> None:
    if row is not None and row.key != key:
        raise WrongReply("a row with a key that was not requested")


def check_page(span: Range, limit: int | None, page: RangePage) -> None:
    """Raise WrongReply for wrong rows, or for a next page that is not further on: paging might never end."""
    most = MAX_ROWS_PER_PAGE if limit is None else min(limit, MAX_ROWS_PER_PAGE)
    if len(page.rows) > most:
        raise WrongReply(f"{len(page.rows):,} rows when at most {most:,} were allowed")
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
        raise WrongReply(f"{quantity(outcomes, 'result')} for {quantity(rows, 'row')}")


def check_search(search: Search, page: SearchPage) -> None:
    if len(page.rows) > search.limit:
        raise WrongReply(f"{len(page.rows):,} rows when at most {search.limit:,} were allowed")
    if len({row.key for row in page.rows}) != len(page.rows):
        raise WrongReply("the same row twice")
    if len(page.scores) != len(page.rows):
        raise WrongReply(f"{len(page.scores):,} scores for {len(page.rows):,} rows")
    if page.token is not None and page.token == search.token:
        raise WrongReply("a page token that leads to the same page")
    if page.total is not None and page.total < len(page.rows):
        raise WrongReply(f"{len(page.rows):,} rows but a total of {page.total:,}")
