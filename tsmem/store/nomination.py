"""What of a search its index can say, and what is left to the rows. One rule: indexes nominate, the row decides.

A query made here nominates at least every row that has the text as whole words, whatever fields the index has; the test
made here says of each row whether it is found, and is the same on every backend. What an index cannot narrow, the test
does alone: that costs requests, never an answer.

How text nominates depends on a field's analyzer. fuzzy knows all parts of a text. Those that cut it into words know
words, and how words begin; punctuation and emoji are none for them, so for a text without any word the rows are
nominated that may hold it, which on the service are all that have the field. So are they where the index keeps the case
of letters, because search does not. An index made by another library serves with the fields that it has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

from tsmem.errors import InvalidInput
from tsmem.folding import fold, forms, steady_part
from tsmem.port import FieldType
from tsmem.queries import (
    Between,
    Bool,
    FieldSort,
    HasField,
    Match,
    MatchAll,
    MatchPhrase,
    MayHold,
    Operator,
    Prefix,
    Query,
    ScoreSort,
    Sorter,
    Term,
    Wildcard,
)
from tsmem.rows import PYTHON_TYPES, Op, Row
from tsmem.store.cursor import Window
from tsmem.store.filter_tree import Compared, Either, Every, Tree
from tsmem.store.layout import TableLayout
from tsmem.store.model import Message, Session

if TYPE_CHECKING:
    from tsmem.store.filters import RowFilter

Sort = Literal["newest", "score"]
SORTS: tuple[Sort, ...] = ("newest", "score")
MAX_ASKED = 200
"""Characters of a text that are asked for of an index."""
MAX_HELD = 2000
"""Characters of a long text that an index is told, which it may heed or not."""
MAX_NESTED = 6
"""How deep a filter is taken over into the query, which may be nested 16 deep; the rows decide on the rest."""
MIN_PREFIX = 3
"""Letters at the end of a text that are also looked for as the beginning of a word."""
MIN_COUNTED = 3
"""Characters of a text by which an index need not look through its rows: for less it stops when a page is full."""
MAX_PATTERN = 30
"""Characters of a word within a wildcard pattern, which the service limits to 32."""


class Sought(NamedTuple):
    """What is looked for, its ages already points in time."""

    text: str | None = None
    equal: Mapping[str, str] = MappingProxyType({})
    """Columns with the value they must have."""
    window: Window = Window(None, None)
    filter: RowFilter | None = None
    sort: Sort = "newest"
    dated: bool = False
    """Whether items without a time are left out although the window is open: in a listing by time, not counted."""


class Plan(NamedTuple):
    """What is asked of the index."""

    query: Query
    sorts: tuple[Sorter, ...]
    certain: bool
    """Whether all that is nominated is found, so that the index's count is the count."""
    narrow: bool
    """Whether most of what is nominated is likely found, so that few rows need be read for few items. False with a
    filter, and with a text that has no words for an index of words."""
    counted: bool
    """Whether to count what is nominated: that says something, and takes no more than finding it."""

    @property
    def by_time(self) -> bool:
        """Whether rows come newest first."""
        return not isinstance(self.sorts[0], ScoreSort)


def nominate(layout: TableLayout, fields: Mapping[str, FieldType], sought: Sought) -> Plan:
    """The query for an index of these fields. Raises InvalidInput where the index cannot answer: text without a text
    field, or newest first without the field for the time."""
    if sought.sort == "newest" and not _is(fields, layout.time, "LONG"):
        raise _lacks(layout, f"field {layout.time} of type LONG, by which newest first is ordered")
    conditions, left = _conditions(layout, fields, sought)
    by_text: list[Query] = []
    if sought.text is None:
        query: Query = Bool(filter=conditions) if conditions else MatchAll()
    else:
        by_text = _by_text(layout, fields, sought.text)
        one = by_text[0] if len(by_text) == 1 else Bool(should=tuple(by_text))
        query = Bool(must=(one,), filter=conditions) if conditions else one
    sorter: Sorter = FieldSort(layout.time, descending=True) if sought.sort == "newest" else ScoreSort()
    known = not any(isinstance(each, HasField | MayHold) for each in by_text)
    certain = not left and sought.text is None
    narrow = known and sought.filter is None
    counted = narrow and not sought.dated and (sought.text is None or len(sought.text) >= MIN_COUNTED)
    return Plan(query, (sorter,), certain, narrow, counted)


def _conditions(layout: TableLayout, fields: Mapping[str, FieldType], sought: Sought) -> tuple[tuple[Query, ...], bool]:
    """What the index can say beside the text, and whether anything is left to the rows."""
    conditions: list[Query] = []
    left = False
    for name, value in sought.equal.items():
        if _is(fields, name, "KEYWORD"):
            conditions.append(Term(name, value))
        else:
            left = True
    since, until = sought.window
    bounded = since is not None or until is not None
    if bounded or sought.dated:
        if _is(fields, layout.time, "LONG"):
            conditions.append(Between(layout.time, since, until) if bounded else HasField(layout.time))
        else:
            left = True
    if sought.filter is not None:
        left = True
        by_filter = _by_filter(fields, sought.filter.tree)
        if by_filter is not None:
            conditions.append(by_filter)
    return tuple(conditions), left


def _is(fields: Mapping[str, FieldType], name: str, kind: str) -> bool:
    return name in fields and fields[name].name == kind


# Filters


def _by_filter(fields: Mapping[str, FieldType], tree: Tree, depth: int = 0) -> Query | None:
    """What nominates every row that a filter keeps; None where the index cannot narrow it, or where it is nested deeper
    than a query may be."""
    if depth == MAX_NESTED:
        return None
    if isinstance(tree, Every):
        parts = tuple(part for each in tree.parts if (part := _by_filter(fields, each, depth + 1)) is not None)
        return None if not parts else parts[0] if len(parts) == 1 else Bool(filter=parts)
    if isinstance(tree, Either):
        either = tuple(part for each in tree.parts if (part := _by_filter(fields, each, depth + 1)) is not None)
        return Bool(should=either) if len(either) == len(tree.parts) else None
    if not isinstance(tree, Compared) or tree.column not in fields:
        return None
    return _by_comparison(tree, fields[tree.column].name)


def _by_comparison(test: Compared, kind: str) -> Query | None:
    """A field holds the values of one type alone, and a filter compares numbers of both: rows that do not have the
    field may have a number of the other type, so they are nominated too."""
    column, op, value = test
    if (kind == "KEYWORD" and type(value) is str) or (kind == "BOOLEAN" and type(value) is bool):
        return Term(column, value) if op is Op.EQ else None
    same = (kind == "LONG" and type(value) is int) or (kind == "DOUBLE" and type(value) is float)
    if not same or op is Op.NE:
        return None
    start = value if op in (Op.EQ, Op.GE, Op.GT) else None
    end = value if op in (Op.EQ, Op.LE, Op.LT) else None
    inside = Between(column, start, end, start_inclusive=op is not Op.GT, end_inclusive=op is not Op.LT)
    return Bool(should=(inside, Bool(must_not=(HasField(column),))))


# Text


def _by_text(layout: TableLayout, fields: Mapping[str, FieldType], text: str) -> list[Query]:
    begun, held = _beginning(text), _held(text)
    queries = [_nominator(name, fields[name], begun, held) for name in layout.texts if _is(fields, name, "TEXT")]
    if not queries:
        names = " or ".join(layout.texts)
        raise _lacks(layout, f"text field {names}, so no text can be found")
    return queries


def _beginning(text: str) -> str:
    """What of a long text is asked for: as good as all of it, because rows are verified. It ends with a word."""
    if len(text) <= MAX_ASKED:
        return text
    cut = text[:MAX_ASKED]
    if not (cut[-1].isalnum() and text[MAX_ASKED].isalnum()):
        return cut.rstrip() or cut
    whole = re.sub(r"\w+\Z", "", cut)  # a part of a word is none that an index has
    return whole.rstrip() if any(character.isalnum() for character in whole) else cut


def _held(text: str) -> str:
    """What of a long text a row may hold. It ends with what is asked for in any case, or where a word ends, or with
    letters that may go on."""
    begun = _beginning(text)
    if begun == text:
        return text
    held = text[:MAX_HELD]
    last = held[-MIN_PREFIX:]
    if not (last.isascii() and last.isalnum() and held == text):
        end = len(held)
        while end and any(map(str.isalnum, fold(held[end - 1]))):
            end -= 1
        held = held[:end]
    return held if len(held) > len(begun) else begun


def _nominator(field: str, kind: FieldType, text: str, held: str) -> Query:
    """What nominates every row whose field has the text as whole words; the last may go on if it has some letters.
    `held`: more of a long text."""
    if kind.analyzer == "fuzzy":
        if len(text) < (kind.min_chars or 1):
            return _parts(field, text)
        by_part = MatchPhrase(field, text)
        return by_part if held == text else Bool(must=(by_part,), filter=(MayHold(field, held),))
    if kind.case_sensitive and steady_part(text) != text:
        return HasField(field)
    if kind.case_sensitive and steady_part(held) != held:
        held = text
    if kind.analyzer == "split":
        return _by_pieces(field, kind, text)
    if not any(character.isalnum() for character in text):
        return MayHold(field, text)
    by_words = _by_all_words(field, kind, text)
    if text.isascii() and text.isalnum():
        return by_words  # one word: whatever has it has the text
    return Bool(must=(by_words,), filter=(MayHold(field, held),))


def _by_all_words(field: str, kind: FieldType, text: str) -> Query:
    whole, head, last = _by_words(field, kind, text), *_parted(text)
    if len(last) < MIN_PREFIX:
        return whole
    # Its end may be within a word: `reservation` is looked for in `reservations`, too.
    begun = Prefix(field, fold(last))
    if any(character.isalnum() for character in head):
        return Bool(should=(whole, Bool(must=(_by_words(field, kind, head), begun))))
    return Bool(should=(whole, begun))


def _by_pieces(field: str, kind: FieldType, text: str) -> Query:
    """Words of the analyzer split keep the punctuation that stands next to them: 'time' is a part of 'time?'. What
    divides them may be a letter, and an index may make its texts small before."""
    divider = re.escape(kind.delimiter) if kind.delimiter else r"\s+"
    words = tuple(_parts(field, piece) for piece in re.split(divider, text, flags=re.IGNORECASE) if piece)
    if words:
        return Bool(should=(Match(field, text, Operator.AND), Bool(must=words)))
    return HasField(field) if any(map(str.isalnum, text)) else MayHold(field, text)


def _parts(field: str, text: str) -> Query:
    """Words with the text in them, in the forms that an index may have given it."""
    patterns = tuple(Wildcard(field, f"*{form[:MAX_PATTERN]}*") for form in forms(text))
    return patterns[0] if len(patterns) == 1 else Bool(should=patterns)


def _by_words(field: str, kind: FieldType, text: str) -> Query:
    if kind.analyzer in ("max_word", "min_word"):
        # No phrase: these words may overlap, and then their places differ between a text and its part.
        return Match(field, text, Operator.AND)
    return MatchPhrase(field, text)


def _parted(text: str) -> tuple[str, str]:
    """The text without the letters and digits that it ends with, and those. Only ASCII: other scripts may be written
    without spaces, and then words end within."""
    end = len(text)
    while end and text[end - 1].isascii() and text[end - 1].isalnum():
        end -= 1
    if end and text[end - 1].isalnum():
        return text, ""
    return text[:end], text[end:]


def _lacks(layout: TableLayout, what: str) -> InvalidInput:
    index, table = layout.search.name, layout.schema.name
    return InvalidInput(
        f"search index '{index}' of table '{table}' has no {what}",
        hint=f"name another in the profile as tables.{layout.noun}.search_index, and init-tables makes one that has",
    )


# Rows


def verifier(layout: TableLayout, sought: Sought) -> Callable[[Row, Session | Message], bool]:
    """The test that says whether a row, given with its item, is found."""
    folded = None if sought.text is None else fold(sought.text)
    since, until = sought.window
    dated = sought.dated or since is not None or until is not None
    keeps = None if sought.filter is None else _keeps(layout, sought.filter)

    def is_found(row: Row, item: Session | Message) -> bool:
        if any(getattr(item, name) != value for name, value in sought.equal.items()):
            return False
        time = getattr(item, layout.time)
        if dated and (time is None or (since is not None and time < since) or (until is not None and time > until)):
            return False
        if folded is not None:
            texts = (getattr(item, name) for name in layout.texts)
            if not any(text is not None and folded in fold(text) for text in texts):
                return False
        return keeps is None or keeps(row)

    return is_found


def _keeps(layout: TableLayout, wanted: RowFilter) -> Callable[[Row], bool]:
    from tsmem.store.filters import Readable

    return wanted.test(Readable({name: PYTHON_TYPES[kind] for name, kind in layout.schema.key}))
