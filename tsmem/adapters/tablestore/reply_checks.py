"""Check each reply of the service against its request, so that the store may trust its port.

A broken or hostile server may reply with rows outside the request, with pages that never end, or with keys of another
table. The adapter calls these functions before it returns anything. They raise WrongReply, which names the broken rule
of `port.py`; `errors.py` turns it into InvalidReply with the name of the host.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tsmem.limits import MAX_KEY_BYTES, MAX_ROWS_PER_PAGE, MAX_VALUE_BYTES
from tsmem.plurals import quantity
from tsmem.rows import And, Comparison, Filter, Key, KeyBound, Not, Op, Range, Row, TableRef, Value

if TYPE_CHECKING:
    from tsmem.port import RangePage, TableSchema
    from tsmem.queries import Search, SearchPage

MAX_NAME_LENGTH = 255
_KEY_TYPES = frozenset((str, int, bytes))
_VALUE_TYPES = frozenset((str, int, float, bool, bytes))


class WrongReply(Exception):
    """A broken rule. Its message ends the sentence "HOST answered with ..."."""


def check_key_values(keys: Sequence[KeyBound]) -> None:
    """Raise WrongReply unless the keys of a reply all have the same types, possible ones, and possible lengths."""
    for values in zip(*keys, strict=True):
        types = set(map(type, values))
        if len(types) > 1:
            raise WrongReply("keys of different types")
        if not types <= _KEY_TYPES:
            raise WrongReply("a key of a type that no key has")
        if int not in types and max(map(len, values)) > MAX_KEY_BYTES:
            raise WrongReply(f"a key longer than {MAX_KEY_BYTES:,} bytes")


def check_attributes(table: TableRef, columns: Mapping[str, Value], types: set[type], count: int) -> None:
    """Raise WrongReply for attribute columns that no row has. `types` are the values' types; `count` is the number of
    columns in the reply."""
    if len(columns) != count:
        raise WrongReply("a row with one column twice")
    if not columns.keys().isdisjoint(table.key):
        raise WrongReply("a row with a key column among its attribute columns")
    if not types <= _VALUE_TYPES:
        raise WrongReply("a value of a type that no column has")
    if float in types:
        for value in columns.values():
            if type(value) is float and not math.isfinite(value):
                raise WrongReply("a number that is not finite")


def check_values(rows: Sequence[Row | None]) -> None:
    """Raise WrongReply for a value that is longer than a column can be."""
    for row in rows:
        for value in () if row is None else row.columns.values():
            if isinstance(value, str | bytes) and len(value) > MAX_VALUE_BYTES:
                raise WrongReply("a value longer than 2 MB")


def check_same_key(key: Key, row: Row | None) -> None:
    """Raise WrongReply for a row with another key than the request."""
    if row is not None and (row.key != key or bool in map(type, row.key)):
        raise WrongReply("a row of another key than it was asked for")


def check_page(table: TableRef, span: Range, limit: int | None, test: Filter | None, page: RangePage) -> None:
    """Raise WrongReply unless a page is one of the range: its rows are within the range, in its order, and not too
    many, pass the filter, and the next start is behind them."""
    most = MAX_ROWS_PER_PAGE if limit is None else min(limit, MAX_ROWS_PER_PAGE)
    if len(page.rows) > most:
        raise WrongReply(f"{len(page.rows):,} rows where {most:,} are the most")
    keys = [row.key for row in page.rows]
    check_key_values(keys if page.next_start is None else [*keys, page.next_start])
    compare = operator.gt if span.backward else operator.lt
    if not all(map(compare, keys, keys[1:])):
        raise WrongReply("rows that are out of order")
    if keys and not (span.includes(keys[0]) and span.includes(keys[-1])):
        raise WrongReply("rows outside the range that was asked for")
    if page.next_start is not None:
        check_next_start(span, page.next_start, keys[-1] if keys else None)
    if test is not None and any(passes(test, table, row) is False for row in page.rows):
        raise WrongReply("rows that the filter leaves out")


def check_next_start(span: Range, start: KeyBound, last: Key | None) -> None:
    """Raise WrongReply unless the next page begins within the range and behind the last row. After a page without rows
    it must begin behind the start of the request: otherwise pages would never end."""
    previous = span.start if last is None else last
    if start == previous or not span._replace(start=previous).includes(start):
        raise WrongReply("a next page that does not begin behind this one, within the range that was asked for")


_OPERATORS = {
    Op.EQ: operator.eq,
    Op.NE: operator.ne,
    Op.GT: operator.gt,
    Op.GE: operator.ge,
    Op.LT: operator.lt,
    Op.LE: operator.le,
}


def passes(test: Filter, table: TableRef, row: Row) -> bool | None:
    """Return True if a row passes a filter; None if only the service can tell, because types differ."""
    if isinstance(test, Comparison):
        value = row.columns.get(test.column)
        if test.column in table.key:
            value = row.key[table.key.index(test.column)]
        if value is None:
            return test.pass_if_missing
        return _OPERATORS[test.op](value, test.value) if type(value) is type(test.value) else None
    if isinstance(test, Not):
        part = passes(test.part, table, row)
        return None if part is None else not part
    parts = [passes(part, table, row) for part in test.parts]
    decisive = not isinstance(test, And)  # the result of a part that decides the whole
    return decisive if decisive in parts else None if None in parts else not decisive


def check_outcomes(outcomes: int, rows: int) -> None:
    """Raise WrongReply unless a batch has one outcome for each row."""
    if outcomes != rows:
        raise WrongReply(f"{quantity(outcomes, 'outcome')} for a batch of {rows:,}")


def check_search(search: Search, page: SearchPage) -> None:
    """Raise WrongReply unless a page of a search has no more rows than its limit, each once and with a score, a
    possible total, and another token than the request."""
    if len(page.rows) > search.limit:
        raise WrongReply(f"{len(page.rows):,} rows where {search.limit:,} are the most")
    keys = [row.key for row in page.rows]
    check_key_values(keys)
    if len(set(keys)) != len(keys):
        raise WrongReply("one row twice")
    if len(page.scores) != len(page.rows):
        raise WrongReply(f"{len(page.scores):,} scores for {len(page.rows):,} rows")
    if page.token is not None and page.token == search.token:
        raise WrongReply("the token of a next page that is this one")
    if page.total is not None and page.total < len(page.rows):
        raise WrongReply(f"{len(page.rows):,} rows of {page.total:,}")


def check_listed(names: Sequence[str]) -> list[str]:
    """Return the names of tables or indexes in order. Raise WrongReply for an impossible or a repeated name."""
    if len(set(names)) != len(names) or not all(0 < len(name) <= MAX_NAME_LENGTH for name in names):
        raise WrongReply("names that tables and indexes cannot have")
    return sorted(names)


def check_described(name: str, found: TableSchema) -> TableSchema:
    """Return the description of a table. Raise WrongReply if it is another table's, or no table's."""
    if found.name != name:
        raise WrongReply("the description of another table than it was asked for")
    if not found.key or not all(column for column, _ in found.key):
        raise WrongReply("the description of a table without a primary key")
    return found
