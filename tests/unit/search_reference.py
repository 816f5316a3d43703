"""What a search finds, evaluated in plain Python over plain rows: the reference that the engine is compared with.

It knows the types KEYWORD, LONG, single_word and fuzzy, and texts of the letters that the tests draw.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

from tsmem.queries import (
    Between,
    Bool,
    FieldSort,
    HasField,
    KeySort,
    Match,
    MatchAll,
    MatchPhrase,
    Operator,
    Prefix,
    Query,
    Sorter,
    Term,
    Terms,
    Wildcard,
)
from tsmem.rows import Key, Value

Rows = Mapping[Key, Mapping[str, Value]]

FIELDS = {"k": "KEYWORD", "tag": "KEYWORD", "n": "LONG", "text": "single_word", "fuzzy": "fuzzy"}
_TYPES = {"KEYWORD": str, "LONG": int, "single_word": str, "fuzzy": str}


def words(text: str) -> list[str]:
    """Runs of letters, and each Chinese character."""
    return re.findall(r"[a-zß]+|[一-鿿]|😀", text.casefold())


def passes(query: Query, row: Mapping[str, Value]) -> bool:
    """Whether a row, its key among its columns, is found."""
    if isinstance(query, MatchAll):
        return True
    if isinstance(query, Bool):
        least = query.minimum_should_match
        if least is None:
            least = 1 if query.should and not query.must and not query.filter else 0
        return (
            all(passes(part, row) for part in (*query.must, *query.filter))
            and not any(passes(part, row) for part in query.must_not)
            and sum(passes(part, row) for part in query.should) >= least
        )
    value = row.get(query.field)
    if value is None or type(value) is not _TYPES[FIELDS[query.field]]:
        return False
    if isinstance(query, HasField):
        return True
    if isinstance(value, str) and FIELDS[query.field] == "fuzzy":
        assert isinstance(query, MatchPhrase)
        return bool(query.text) and query.text.casefold() in value.casefold()
    if isinstance(value, str) and FIELDS[query.field] == "single_word":
        return _has(query, words(value))
    return _is(query, value)


def _has(query: Query, found: list[str]) -> bool:
    if isinstance(query, Match):
        wanted = set(words(query.text))
        least = len(wanted) if query.operator is Operator.AND else max(1, query.minimum_should_match or 1)
        return bool(wanted) and len(wanted & set(found)) >= least
    if isinstance(query, MatchPhrase):
        wanted_words = words(query.text)
        size = len(wanted_words)
        return bool(size) and any(wanted_words == found[at : at + size] for at in range(len(found)))
    if isinstance(query, Term):
        return query.value in found
    if isinstance(query, Terms):
        return any(value in found for value in query.values)
    if isinstance(query, Prefix):
        return bool(query.text) and any(word.startswith(query.text) for word in found)
    assert isinstance(query, Wildcard)
    return any(fnmatchcase(word, query.pattern) for word in found)


def _is(query: Query, value: Value) -> bool:
    if isinstance(query, Term):
        return value == query.value
    if isinstance(query, Terms):
        return value in query.values
    if isinstance(query, Match | MatchPhrase):
        return value == query.text
    if isinstance(query, Prefix):
        return str(value).startswith(query.text)
    if isinstance(query, Wildcard):
        return fnmatchcase(str(value), query.pattern)
    assert isinstance(query, Between)
    low = query.start is None or query.start < value or (query.start_inclusive and query.start == value)  # type: ignore[operator]
    high = query.end is None or value < query.end or (query.end_inclusive and query.end == value)  # type: ignore[operator]
    return low and high


def search(rows: Rows, query: Query, sorts: tuple[Sorter, ...]) -> list[Key]:
    """The keys of all rows that are found, in order."""
    found = [key for key in sorted(rows) if passes(query, {"k": key[0], **rows[key]})]
    for sort in reversed(sorts):
        if isinstance(sort, KeySort):
            found.sort(reverse=sort.descending)
            continue
        assert isinstance(sort, FieldSort)
        kind = _TYPES[FIELDS[sort.field]]
        values = {key: {"k": key[0], **rows[key]}.get(sort.field) for key in found}
        there = [key for key in found if type(values[key]) is kind]
        there.sort(key=lambda key: values[key], reverse=sort.descending)  # type: ignore[arg-type,return-value]
        found = there + [key for key in found if type(values[key]) is not kind]
    return found
