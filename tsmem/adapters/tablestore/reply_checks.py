"""Check that a reply fits its request: the rows are those that were requested, and paging comes to an end.

`client.py`, `rows.py` and `search.py` call these checks on results in the port's types. A failed check raises
WrongReply, which `errors.py` turns into InvalidReply with the name of the host. Replies are signed, so nobody can alter
them on the way: the checks catch faults of the service, such as a page that starts where the previous one started.
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
    """The reply does not fit the request. The message completes the sentence "HOST answered with ..."."""


def check_same_key(key: Key, row: Row | None) -> None:
    if row is not None and row.key != key:
        raise WrongReply("a row with a key that was not requested")


def check_page(span: Range, limit: int | None, page: RangePage) -> None:
    """Raise WrongReply unless all of this holds:

    - The page has at most `limit` rows. They are within the range and in its order.
    - The next page starts within the range, after the last row of this one. If this page is empty, the next one starts
      after the start of the range; otherwise paging could go on forever."""
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
    """Raise WrongReply unless the page has at most `search.limit` rows, each of them once and with a score. The total,
    if there is one, must be at least the number of rows, and the token of the next page must be a new one."""
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
