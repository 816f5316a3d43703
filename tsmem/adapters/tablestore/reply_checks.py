"""Check each answer of the service against the request that was sent, so that the store may trust its port.

A server that is broken or hostile may answer with rows that nobody asked for, with pages that never end, or with keys
of another table. The adapter calls these functions before it returns anything. A broken rule raises WrongReply, which
names the rule; the adapter turns it into InvalidReply with the name of the host. The rules are those of `port.py`.
"""

from __future__ import annotations

import math
import operator
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

from tsmem.limits import MAX_KEY_BYTES, MAX_ROWS_PER_PAGE, MAX_VALUE_BYTES
from tsmem.plurals import quantity
from tsmem.rows import (
    And,
    Comparison,
    Filter,
    Key,
    KeyBound,
    Not,
    Op,
    Range,
    Row,
    TableRef,
    Value,
)

if TYPE_CHECKING:
    from tsmem.port import RangePage, TableSchema
    from tsmem.queries import Search, SearchPage

MAX_NAME_LENGTH = 255
_KEY_TYPES = frozenset((str, int, bytes))
_VALUE_TYPES = frozenset((str, int, float, bool, bytes))


class WrongReply(Exception):
    """A broken rule, as the end of a sentence: "HOST answered with ..."."""


# Keys and rows


def check_key_values(keys: Sequence[KeyBound]) -> None:
    """Raise WrongReply unless all keys of an answer have the same types, which keys can have, and possible lengths."""
    for values in zip(*keys, strict=True):
        types = set(map(type, values))
        if len(types) > 1:
            raise WrongReply("keys of different types")
        if not types <= _KEY_TYPES:
            raise WrongReply("a key of a type that no key has")
        if int not in types and max(map(len, values)) > MAX_KEY_BYTES:
            raise WrongReply(f"a key longer than {MAX_KEY_BYTES:,} bytes")


def check_attributes(table: TableRef, columns: Mapping[str, Value], types: set[type], count: int) -> None:
    """Raise WrongReply for attribute columns that no row has. `types` are those of the values, `count` is how many
    columns the answer had."""
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


def check_same_key(asked: Key, row: Row | None) -> None:
    """Raise WrongReply unless a row is the one that was asked for."""
    if row is not None and (row.key != asked or bool in map(type, row.key)):
        raise WrongReply("a row of another key than it was asked for")


# Ranges


def check_page(table: TableRef, span: Range, limit: int | None, test: Filter | None, page: RangePage) -> None:
    """Raise WrongReply unless a page is one of the range: rows within it, in its order, no more than were asked for,
    and a next start behind them."""
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
    """Raise WrongReply unless the next page begins within the range and behind the last row, or, after a page without
    rows, behind the start of the request: otherwise pages would never end."""
    end = span.start if last is None else last
    if start == end or not span._replace(start=end).includes(start):
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
    """True if a row passes a filter; None where values of different types are compared, which is the service's to
    decide."""
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
    decided = not isinstance(test, And)  # one such part decides
    return decided if decided in parts else None if None in parts else not decided


# Batches and searches


def check_outcomes(found: int, asked: int) -> None:
    """Raise WrongReply unless there is one outcome for each row that was asked for."""
    if found != asked:
        raise WrongReply(f"{quantity(found, 'outcome')} for a batch of {asked:,}")


def check_search(search: Search, page: SearchPage) -> None:
    """Raise WrongReply unless a page of a search has no more rows than were asked for, each once, a score for each, a
    possible total, and another token than the one that was sent."""
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


# Tables


def check_listed(names: Sequence[str]) -> list[str]:
    """The names of tables or indexes, in order. Raise WrongReply for one that is twice there, or that none can have."""
    if len(set(names)) != len(names) or not all(0 < len(name) <= MAX_NAME_LENGTH for name in names):
        raise WrongReply("names that tables and indexes cannot have")
    return sorted(names)


def check_described(name: str, found: TableSchema) -> TableSchema:
    """The description of a table. Raise WrongReply where it is another's, or none."""
    if found.name != name:
        raise WrongReply("the description of another table than it was asked for")
    if not found.key or not all(column for column, _ in found.key):
        raise WrongReply("the description of a table without a primary key")
    return found


# Before an answer is decoded

LARGE_BYTES = 2**20
"""Of an answer: decoding a smaller one takes no more than some 100 MB, whatever it holds."""
_HUGE_BYTES = 16 * 2**20
_MAX_CELLS = 2**21
"""Of a page: the service ends one at 4 MB, counted without the frame round each cell, and a cell has a byte of name and
a byte of value at least. Decoded, these are 600 MB."""
_MANY_ROWS = 4 * MAX_ROWS_PER_PAGE
_ROW_END = re.compile(rb"\x09(?=.[\x01\x02])", re.DOTALL)
"""A row's checksum, and the beginning of the next row. Other bytes may look so, too."""
_CELL_SUM, _ROW_SUM = 10, 9
_VALUE_BYTES = {0: 8, 1: 8, 2: 1, 3: None, 7: None}
"""Bytes of a value by its type in PlainBuffer; None for one that begins with its length."""
_LENGTH = struct.Struct("<i")


def has_too_much(rows: bytes) -> bool:
    """True if rows in PlainBuffer are more, or have more cells, than a page can. They are looked through only if they
    may be: the shortest row has 3 bytes and takes 300 when it is decoded."""
    if len(rows) < _HUGE_BYTES and sum(1 for _ in islice(_ROW_END.finditer(rows), _MANY_ROWS)) < _MANY_ROWS:
        return False
    counts = {_ROW_SUM: _MANY_ROWS, _CELL_SUM: _MAX_CELLS}
    for tag in _tags(rows):
        if tag in counts:
            counts[tag] -= 1
            if counts[tag] < 0:
                return True
    return False


def _tags(rows: bytes) -> Iterator[int]:
    """The tags of rows in PlainBuffer, read as the SDK reads them: by the types of values, not by the lengths beside
    them. It stops where the SDK does."""
    place = 4
    with suppress(IndexError, KeyError, ValueError, struct.error):
        while place < len(rows):
            tag = rows[place]
            yield tag
            place += 1
            if tag == 4:  # a name
                place += 4 + _length_at(rows, place)
            elif tag == 5:  # a value
                size = _VALUE_BYTES[rows[place + 4]]
                place += 5 + (4 + _length_at(rows, place + 5) if size is None else size)
            elif tag == 7:  # a time
                place += 8
            elif tag in (6, _ROW_SUM, _CELL_SUM):  # an operation, a checksum
                place += 1
            elif tag not in (1, 2, 3, 8):
                return


def _length_at(rows: bytes, place: int) -> int:
    length: int = _LENGTH.unpack_from(rows, place)[0]
    if length < 0:
        raise ValueError("a negative length")
    return length
