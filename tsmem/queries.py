"""The data types of searches: queries, sort orders and pages of results.

`TableClient.search` takes a `Search` and returns a `SearchPage`. Source: "Search" of the service's API reference,
search.proto, and the SDKs' tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tsmem.rows import Row, Value


class Match(NamedTuple):
    """The TEXT field has one of the text's words, or with `all_words` each of them. A KEYWORD field equals the text."""

    field: str
    text: str
    all_words: bool = False
    minimum_should_match: int | None = None
    """Minimum number of words without `all_words`; None means one."""


class MatchPhrase(NamedTuple):
    """The field has the text's words next to each other in this order. A field with the analyzer fuzzy contains the
    text, ignoring case."""

    field: str
    text: str


class Term(NamedTuple):
    """The field equals the value; a TEXT field has it as a word."""

    field: str
    value: Value


class Terms(NamedTuple):
    field: str
    values: tuple[Value, ...]


class Between(NamedTuple):
    """The field's value lies in a range. None means no bound at that end."""

    field: str
    start: Value | None = None
    end: Value | None = None
    start_inclusive: bool = True
    end_inclusive: bool = True


class Prefix(NamedTuple):
    """The field, or one of a TEXT field's words, begins with the text."""

    field: str
    text: str


class Wildcard(NamedTuple):
    """The field, or one of a TEXT field's words, matches the pattern: `*` for any characters, `?` for one."""

    field: str
    pattern: str


class HasField(NamedTuple):
    """The row has the field, with a value of the field's type in the index."""

    field: str


class Contains(NamedTuple):
    """The TEXT field contains the text, ignoring case. On the service, the result can have other rows too, depending on
    the field's analyzer, so the caller must check each row. Not allowed in `must_not`."""

    field: str
    text: str


class MatchAll(NamedTuple): ...


class Bool(NamedTuple):
    """All of `must` and `filter`, none of `must_not`, and at least `minimum_should_match` of `should`."""

    must: tuple[Query, ...] = ()
    must_not: tuple[Query, ...] = ()
    filter: tuple[Query, ...] = ()
    should: tuple[Query, ...] = ()
    minimum_should_match: int | None = None
    """None means one if `must` and `filter` are empty, else zero."""


Query = Match | MatchPhrase | Term | Terms | Between | Prefix | Wildcard | HasField | Contains | MatchAll | Bool


class FieldSort(NamedTuple):
    """Order by a field's value; rows without it come last."""

    field: str
    descending: bool = False


class KeySort(NamedTuple):
    descending: bool = False


class ScoreSort(NamedTuple):
    descending: bool = True


Sorter = FieldSort | KeySort | ScoreSort


class Search(NamedTuple):
    query: Query
    sorts: tuple[Sorter, ...] = ()
    """Empty for the order of the primary key. Ties are in the order of the primary key too. A search with a token must
    have the sorts of the search that returned it."""
    limit: int = 100
    """Maximum number of rows in the page, at most 100, or 1,000 if all requested columns are indexed. 0 only counts."""
    offset: int = 0
    """Rows to skip; not allowed with a token."""
    token: bytes | None = None
    """Token of the previous page."""
    count: bool = False  # type: ignore[assignment] # tuples have a method of that name
    columns: Sequence[str] | None = None
    """Attribute columns to read: None for all, empty for the key alone."""


class SearchPage(NamedTuple):
    rows: list[Row]
    scores: list[float | None]
    token: bytes | None
    """Token of the next page; None on the last page."""
    total: int | None
    """Number of matching rows; None without `count`."""
    total_is_exact: bool = True
    """False if `total` is an upper bound."""
