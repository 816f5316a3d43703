"""Convert searches into the SDK's classes, and the pages of their results into ours.

Only `Contains`, which finds a text anywhere in a field, has no counterpart in the service: `plan_contains` replaces it
by a query that the index can answer. That query finds every row that contains the text as whole words, and possibly
other rows; the store checks them. It depends on the analyzer, which has cut the field into words:

    fuzzy                 a phrase: every part of the first 1,024 characters of a field is indexed
    single_word           a phrase. The text can end within a word, so its last word is also searched for as a prefix.
    max_word, min_word    all words in any order, the last one also as a prefix. The words of a field overlap, so their
                          positions in the field and in a part of it differ.
    split                 wildcards: words include the punctuation beside them
    other cases           any row that has the field. The other cases are case-sensitive analyzers, which do not match a
                          text in another case, and texts without any word, such as `?!?`.

A request always states the order, because an index can have another one as its default. The service breaks ties by
primary key. Source: tablestore 6.4.8, metadata.py, encoder.py, decoder.py.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from string import ascii_letters, digits
from typing import Any

from tsmem import queries
from tsmem.adapters.tablestore.rows import to_row, to_wire
from tsmem.adapters.tablestore.sdk import WrongReply, ots
from tsmem.errors import InvalidInput, Unavailable
from tsmem.folding import fold, is_case_invariant
from tsmem.port import FieldType
from tsmem.queries import Bool, Contains, HasField, Match, MatchPhrase, Query, Search, SearchPage, Sorter
from tsmem.rows import TableRef

MAX_TEXT_CHARS = 120
"""A longer text is cut before it is searched for. The rows are checked with the whole text. 120 characters have at most
60 words, and a search for them in two fields, in two ways each, stays below the 256 words that `tsmem serve` allows."""
MAX_LAST_WORD_CHARS = 30  # length of the last word, which is left out of a text that was cut
MIN_PREFIX_CHARS = 3  # a last word with fewer characters is not searched for as a prefix
MAX_PATTERN_CHARS = 30  # length of the text in a wildcard pattern; the service allows 32 with the two asterisks
_SAME_ARGUMENTS = {
    queries.MatchAll: ots.MatchAllQuery,
    MatchPhrase: ots.MatchPhraseQuery,
    queries.Prefix: ots.PrefixQuery,
    queries.Wildcard: ots.WildcardQuery,
    HasField: ots.ExistsQuery,
}
"""Queries whose classes in the SDK take the same arguments in the same order."""


def search_request(search: Search, fields: Mapping[str, FieldType]) -> Any:
    """`fields` are those of the index, and are needed only for a Contains. Raises InvalidInput for a Contains within
    `must_not`: the query that replaces it can match more rows, and those would be excluded too."""
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
    if not reply.is_all_succeed:
        raise Unavailable("part of the search index did not respond")
    rows = [to_row(table, *row[:2]) for row in reply.rows]
    scores = [hit.score for hit in reply.search_hits] or [None] * len(rows)
    scores = [score if score is not None and math.isfinite(score) else None for score in scores]
    total = reply.total_count if search.count else None
    page = SearchPage(rows, scores, bytes(reply.next_token) if reply.next_token else None, total)
    check_search(search, page)
    return page


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
        operator = ots.QueryOperator.AND if query.all_words else ots.QueryOperator.OR
        return ots.MatchQuery(query.field, query.text, query.minimum_should_match, operator)
    if isinstance(query, queries.Term):
        return ots.TermQuery(query.field, to_wire(query.value))
    if isinstance(query, queries.Terms):
        return ots.TermsQuery(query.field, [to_wire(value) for value in query.values])
    if isinstance(query, queries.Between):
        start, end = (None if value is None else to_wire(value) for value in (query.start, query.end))
        return ots.RangeQuery(query.field, start, end, query.start_inclusive, query.end_inclusive)
    return _SAME_ARGUMENTS[type(query)](*query)


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
    if query.field not in fields:
        return HasField(query.field)  # the service's error will say that there is no such field
    text = query.text
    if len(text) > MAX_TEXT_CHARS:
        # The cut can fall within a word, which the index then does not have, so that word is left out. In scripts
        # without spaces, many words can follow each other without a break: only the length of one word is left out.
        text = text[:MAX_TEXT_CHARS]
        text = re.sub(rf"\w{{1,{MAX_LAST_WORD_CHARS}}}\Z", "", text).rstrip() or text
    return _by_analyzer(query.field, fields[query.field], text)


def _by_analyzer(field: str, kind: FieldType, text: str) -> Query:
    if kind.analyzer == "fuzzy":
        return MatchPhrase(field, text) if len(text) >= (kind.min_chars or 1) else _words_with(field, text)
    if (kind.case_sensitive and not all(map(is_case_invariant, text))) or not any(map(str.isalnum, text)):
        return HasField(field)
    if kind.analyzer == "split":
        # IGNORECASE: the delimiter can be a letter, and the index may lowercase a text before it splits it.
        delimiter = re.escape(kind.delimiter) if kind.delimiter else r"\s+"
        words = tuple(_words_with(field, word) for word in re.split(delimiter, text, flags=re.IGNORECASE) if word)
        return Bool(should=(Match(field, text, all_words=True), Bool(must=words))) if words else HasField(field)
    head = text.rstrip(ascii_letters + digits)
    # After a letter of another script, the last letters and digits may belong to the same word as that letter.
    last_word = "" if head[-1:].isalnum() else text[len(head) :]
    words_overlap = kind.analyzer in ("max_word", "min_word")
    whole, before = (
        Match(field, part, all_words=True) if words_overlap else MatchPhrase(field, part) for part in (text, head)
    )
    if len(last_word) < MIN_PREFIX_CHARS:
        return whole
    # The text may end within a word: `reservation` must also find `reservations`.
    prefix: Query = queries.Prefix(field, fold(last_word))
    return Bool(should=(whole, Bool(must=(before, prefix)) if any(map(str.isalnum, head)) else prefix))


def _words_with(field: str, text: str) -> Query:
    """The index may have lowercased its words in one of two ways."""
    forms = dict.fromkeys((fold(text), text.lower()))
    patterns = tuple(queries.Wildcard(field, f"*{form[:MAX_PATTERN_CHARS]}*") for form in forms)
    return patterns[0] if len(patterns) == 1 else Bool(should=patterns)
