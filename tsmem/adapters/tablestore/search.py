"""Search requests for the SDK, and pages of rows in our classes. Imported by the first search.

The service has no `Contains`: `plan_contains` searches for what the analyzer of the field can match. That finds every
row whose field contains the text as whole words, and others; the store checks the rows.

    fuzzy                   matches every part of a text, in its first 1,024 characters: a phrase
    single_word             matches words and their beginnings: a phrase, or its last word as a prefix
    max_word, min_word      the same, but words may overlap, so their positions in a text and in its part differ: all
                            words, in any order
    split                   words keep the punctuation beside them: wildcards
    case-sensitive fields   do not match a text in another case: all rows that have the field
    text without any word   such as `?!?` is in no index of words: all rows that have the field

A request states everything, also where the service has a default: an index may have been made with another order. The
service breaks ties by primary key. Source: tablestore 6.4.8, metadata.py, encoder.py, decoder.py: rows are pairs of
lists, their scores stand in the hits.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from string import ascii_letters, digits
from typing import Any

from tsmem import queries
from tsmem.adapters.tablestore.reply_checks import check_search
from tsmem.adapters.tablestore.rows import to_row, to_wire
from tsmem.adapters.tablestore.sdk import ots
from tsmem.errors import InvalidInput, Unavailable
from tsmem.folding import fold, is_case_invariant
from tsmem.port import FieldType
from tsmem.queries import Bool, Contains, HasField, Match, MatchPhrase, Operator, Query, Search, SearchPage, Sorter
from tsmem.rows import TableRef

MAX_SEARCHED = 120
"""Characters of a long text that are searched for: enough, because rows are checked. `tsmem serve` takes 256 words of
phrases in a search; two fields, each in two ways, take four times as many words as these have: 240."""
MAX_LAST_WORD = 30  # characters at the end of a long text that are left out as a part of a word
MIN_PREFIX = 3  # letters at the end of a text that are also searched for as the beginning of a word
MAX_PATTERN = 30  # characters of a word within a wildcard pattern, which the service limits to 32
_OPERATORS = {Operator.OR: ots.QueryOperator.OR, Operator.AND: ots.QueryOperator.AND}
_SAME = {
    queries.MatchAll: ots.MatchAllQuery,
    MatchPhrase: ots.MatchPhraseQuery,
    queries.Prefix: ots.PrefixQuery,
    queries.Wildcard: ots.WildcardQuery,
    HasField: ots.ExistsQuery,
}
"""Queries with the same arguments in the SDK."""


def search_request(search: Search, fields: Mapping[str, FieldType]) -> Any:
    """Return a search of an index for the SDK, without its columns. A Contains needs the fields of the index.

    Raises InvalidInput for a Contains within `must_not`: what is sent for it matches more rows, so too many would be
    left out."""
    return ots.SearchQuery(
        _sdk_query(search.query, fields),
        sort=ots.Sort([_sorter(each) for each in search.sorts or (queries.KeySort(),)]),
        get_total_count=search.count,
        next_token=search.token,
        offset=search.offset or None,
        limit=search.limit,
    )


def sdk_columns(names: Sequence[str] | None) -> Any:
    if names is None:
        return ots.ColumnsToGet(return_type=ots.ColumnReturnType.ALL)
    return ots.ColumnsToGet(list(names), ots.ColumnReturnType.SPECIFIED if names else ots.ColumnReturnType.NONE)


def to_page(table: TableRef, reply: Any, search: Search) -> SearchPage:
    """Return the page of a reply. Raises Unavailable if a part of the index did not reply, and WrongReply."""
    if not reply.is_all_succeed:
        raise Unavailable("part of the search index did not respond")
    rows = [to_row(table, *row[:2]) for row in reply.rows]
    scores = [hit.score for hit in reply.search_hits] or [None] * len(rows)
    scores = [score if score is not None and math.isfinite(score) else None for score in scores]
    total = reply.total_count if search.count else None
    found = SearchPage(rows, scores, bytes(reply.next_token) if reply.next_token else None, total)
    check_search(search, found)
    return found


def _sdk_query(query: Query, fields: Mapping[str, FieldType]) -> Any:
    if isinstance(query, Contains):
        return _sdk_query(plan_contains(query, fields), fields)
    if isinstance(query, Bool):
        if any(map(has_contains, query.must_not)):
            raise InvalidInput("a search of TableStore cannot exclude rows that contain a text")
        must, must_not, filters, should = (
            [_sdk_query(part, fields) for part in parts]
            for parts in (query.must, query.must_not, query.filter, query.should)
        )
        return ots.BoolQuery(must, must_not, filters, should, query.minimum_should_match)
    if isinstance(query, Match):
        return ots.MatchQuery(query.field, query.text, query.minimum_should_match, _OPERATORS[query.operator])
    if isinstance(query, queries.Term):
        return ots.TermQuery(query.field, to_wire(query.value))
    if isinstance(query, queries.Terms):
        return ots.TermsQuery(query.field, [to_wire(value) for value in query.values])
    if isinstance(query, queries.Between):
        start, end = (None if value is None else to_wire(value) for value in (query.start, query.end))
        return ots.RangeQuery(query.field, start, end, query.start_inclusive, query.end_inclusive)
    return _SAME[type(query)](*query)


def _sorter(sorter: Sorter) -> Any:
    order = ots.SortOrder.DESC if sorter.descending else ots.SortOrder.ASC
    if isinstance(sorter, queries.FieldSort):
        return ots.FieldSort(sorter.field, order)
    return ots.ScoreSort(order) if isinstance(sorter, queries.ScoreSort) else ots.PrimaryKeySort(order)


def has_contains(query: Query) -> bool:
    if isinstance(query, Bool):
        return any(map(has_contains, (*query.must, *query.filter, *query.should, *query.must_not)))
    return isinstance(query, Contains)


def plan_contains(query: Contains, fields: Mapping[str, FieldType]) -> Query:
    """Return a query that an index of these fields can answer, and that matches every row that contains the text."""
    if query.field not in fields:
        return HasField(query.field)  # the service says that there is no such field
    text = query.text
    if len(text) > MAX_SEARCHED:
        # It ends with a whole word, because an index does not have parts of words. In scripts without spaces words end
        # within a run of characters: no more of it is left out than a word may have.
        text = text[:MAX_SEARCHED]
        text = re.sub(rf"\w{{1,{MAX_LAST_WORD}}}\Z", "", text).rstrip() or text
    return _by_analyzer(query.field, fields[query.field], text)


def _by_analyzer(field: str, kind: FieldType, text: str) -> Query:
    if kind.analyzer == "fuzzy":
        return MatchPhrase(field, text) if len(text) >= (kind.min_chars or 1) else _with_part(field, text)
    if (kind.case_sensitive and not all(map(is_case_invariant, text))) or not any(map(str.isalnum, text)):
        return HasField(field)
    if kind.analyzer == "split":
        # The delimiter may be a letter, and the index may lowercase its texts before it splits them.
        delimiter = re.escape(kind.delimiter) if kind.delimiter else r"\s+"
        words = tuple(_with_part(field, word) for word in re.split(delimiter, text, flags=re.IGNORECASE) if word)
        return Bool(should=(Match(field, text, Operator.AND), Bool(must=words))) if words else HasField(field)
    head = text.rstrip(ascii_letters + digits)
    last = "" if head[-1:].isalnum() else text[len(head) :]  # words of other scripts may not end with a space
    overlaps = kind.analyzer in ("max_word", "min_word")
    whole, before = (
        Match(field, part, Operator.AND) if overlaps else MatchPhrase(field, part) for part in (text, head)
    )
    if len(last) < MIN_PREFIX:
        return whole
    # The text may end within a word: `reservation` is looked for in `reservations`, too.
    prefix: Query = queries.Prefix(field, fold(last))
    return Bool(should=(whole, Bool(must=(before, prefix)) if any(map(str.isalnum, head)) else prefix))


def _with_part(field: str, text: str) -> Query:
    """Return the query for words that contain the text, in each form that an index may have lowercased it to."""
    forms = dict.fromkeys((fold(text), text.lower()))
    patterns = tuple(queries.Wildcard(field, f"*{form[:MAX_PATTERN]}*") for form in forms)
    return patterns[0] if len(patterns) == 1 else Bool(should=patterns)
