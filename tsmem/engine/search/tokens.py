"""Page tokens of searches: where a page ended, in bytes that only a search of the same query takes back.

A token is checked as if anyone had made it up. It carries its sorters, because clients may leave them out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

from tsmem.engine.search.order import Position
from tsmem.engine.service_errors import invalid
from tsmem.limits import MAX_INTEGER, MIN_INTEGER
from tsmem.queries import FieldSort, KeySort, Query, ScoreSort, Sorter

_VERSION = 1
_LETTERS: dict[type, str] = {FieldSort: "f", KeySort: "k", ScoreSort: "s"}
_SORTS = {letter: kind for kind, letter in _LETTERS.items()}


class PageStart(NamedTuple):
    """The place where a page begins."""

    sorts: tuple[Sorter, ...]
    position: Position | None = None
    """The last row of the page before."""
    offset: int = 0
    """Matching rows to skip: the request's offset, or, in the order of score, the rows of the pages before."""


def write_token(table: str, index: str, query: Query, place: PageStart) -> bytes:
    """Return the token of a place."""
    sorts = [[_LETTERS[type(sort)], *sort] for sort in place.sorts]
    rows = place.offset if place.position is None else [[_packed(each) for each in unit] for unit in place.position]
    return json.dumps([_VERSION, _digest(table, index, query), sorts, rows], separators=(",", ":")).encode()


def read_token(table: str, index: str, query: Query, sorts: Sequence[Sorter], token: bytes) -> PageStart:
    """Return the place in a token. Raises InvalidInput for a damaged token, or one of another search."""
    try:
        version, digest, packed, rows = json.loads(token)
        found = tuple(_sort(*each) for each in packed)
        if type(rows) is int:
            place = PageStart(found, None, rows)
        else:
            place = PageStart(found, [tuple(_unpacked(each) for each in unit) for unit in rows])
        if place.offset < 0:
            raise ValueError
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise invalid("The token of the search cannot be read.") from error
    if (version, digest) != (_VERSION, _digest(table, index, query)) or (sorts and tuple(sorts) != found):
        raise invalid("The token is of another search.")
    return place


def _digest(table: str, index: str, query: Query) -> str:
    return blake2b(repr((table, index, query)).encode(), digest_size=8).hexdigest()


def _sort(letter: str, *options: object) -> Sorter:
    sort = _SORTS[letter](*options)
    if not all(type(value) is (str if name == "field" else bool) for name, value in sort._asdict().items()):
        raise ValueError
    if isinstance(sort, FieldSort):
        sort.field.encode()  # raises ValueError for a lone surrogate
    return sort  # type: ignore[no-any-return]


def _packed(value: object) -> object:
    return {"b": value.hex()} if isinstance(value, bytes) else value


def _unpacked(value: object) -> object:
    if isinstance(value, dict):
        return bytes.fromhex(value["b"])
    if isinstance(value, bool) or not isinstance(value, str | int | float | None):
        raise ValueError
    if isinstance(value, int) and not MIN_INTEGER <= value <= MAX_INTEGER:
        raise ValueError
    if isinstance(value, str):
        value.encode()  # raises ValueError for a lone surrogate
    return value
