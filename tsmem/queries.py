"""The vocabulary of search: what may be asked of a search index, and what it answers. It knows no SDK and no SQL.

Everything here is data; what it means is the port's contract (`TableClient.search`). Source: "Search" of the service's
API reference, search.proto, and the SDKs' tests. Loaded by those who search alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from tsmem.rows import Row, Value


class Operator(StrEnum):
    """How the words of a Match are joined."""

    OR = "OR"
    AND = "AND"


class Match(NamedTuple):
    """The field has one of the text's words, or all of them. On a KEYWORD field: equal to the text."""

    field: str
    text: str
    operator: Operator = Operator.OR
    minimum_should_match: int | None = None
    """Of OR: how many words at least; None: one."""


class MatchPhrase(NamedTuple):
    """The field has the text's words, one behind the other. On a field with the analyzer fuzzy: the text is a part of
    the field's, whatever the case."""

    field: str
    text: str


class Term(NamedTuple):
    """The field is equal to the value; a TEXT field has it for a word."""

    field: str
    value: Value


class Terms(NamedTuple):
    """The field is equal to one of the values."""

    field: str
    values: tuple[Value, ...]


class Between(NamedTuple):
    """The field's value is in a range; None is an open end."""

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
    """The field, or one of a TEXT field's words, is as the pattern says: `*` for any characters, `?` for one."""

    field: str
    pattern: str


class HasField(NamedTuple):
    """The row has the field, with a value that the index could take."""

    field: str


class Contains(NamedTuple):
    """The TEXT field contains the text, whatever its case. The answer has every such row, and perhaps others: the
    caller checks the rows. The embedded engine answers exactly; on the service it depends on the field's analyzer.
    Not within `must_not`."""

    field: str
    text: str


class MatchAll(NamedTuple):
    """Every row of the index."""


class Bool:
    """All of `must` and `filter`, none of `must_not`, and of `should` so many at least. A class, because equal tuples
    of different queries would be equal."""

    __slots__ = ("filter", "minimum_should_match", "must", "must_not", "should")

    def __init__(
        self,
        must: tuple[Query, ...] = (),
        must_not: tuple[Query, ...] = (),
        filter: tuple[Query, ...] = (),  # noqa: A002 - TableStore's own word for it
        should: tuple[Query, ...] = (),
        minimum_should_match: int | None = None,
    ) -> None:
        """Without a minimum: one of `should` where there is neither `must` nor `filter`, else none."""
        self.must = must
        self.must_not = must_not
        self.filter = filter
        self.should = should
        self.minimum_should_match = minimum_should_match

    def __repr__(self) -> str:
        return f"Bool({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__slots__)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bool) and all(getattr(self, n) == getattr(other, n) for n in self.__slots__)

    def __hash__(self) -> int:
        return hash(tuple(getattr(self, name) for name in self.__slots__))


Query = Match | MatchPhrase | Term | Terms | Between | Prefix | Wildcard | HasField | Contains | MatchAll | Bool
"""What is looked for."""


class FieldSort(NamedTuple):
    """By a field's value; rows without it come last."""

    field: str
    descending: bool = False


class KeySort(NamedTuple):
    """By primary key."""

    descending: bool = False


class ScoreSort(NamedTuple):
    """By score, which is the backend's own; best first."""

    descending: bool = True


Sorter = FieldSort | KeySort | ScoreSort


class Search(NamedTuple):
    """What is asked of a search index."""

    query: Query
    sorts: tuple[Sorter, ...] = ()
    """None: by primary key. Ties are broken by primary key. With a token they must be as they were."""
    limit: int = 100
    """Rows of one page, 100 at most when columns are read, 0 to count alone."""
    offset: int = 0
    """Rows to pass over; not together with a token."""
    token: bytes | None = None
    """Where the page before ended."""
    count: bool = False  # type: ignore[assignment] # tuples have a method of that name
    """Whether the total is wanted."""
    columns: Sequence[str] | None = None
    """Attribute columns to read: None for all, none for the key alone."""


class SearchPage(NamedTuple):
    """What one search brought."""

    rows: list[Row]
    scores: list[float | None]
    """One a row; None where nothing was scored."""
    token: bytes | None
    """None when nothing is left."""
    total: int | None
    """How many rows match; None where it was not asked for."""
    total_is_exact: bool = True
    """False if fewer rows may match than `total` says: others were counted with them."""
