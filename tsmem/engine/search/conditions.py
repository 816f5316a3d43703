"""Turns a query into one SQL condition on a row, and into candidates: SELECT statements for the rows that can match.

The whole query is compiled before any row is read, so that an invalid query is always refused. A condition that SQL
cannot express, on a TEXT field or with a wildcard, calls the SQL function TEXT_SCORE. `search.py` defines it; it runs
the `TextTest`s that are collected in `QueryCompiler.tests`.
"""

from __future__ import annotations

from typing import NamedTuple

from tsmem.engine.indexes.search_index import MAX_ALTERNATIVES, Field, SearchIndex
from tsmem.engine.search import values
from tsmem.engine.search.text_queries import Pattern, TextQuery, TextTest, text_test
from tsmem.engine.search.values import Sql, all_sql, join_sql
from tsmem.errors import invalid
from tsmem.queries import Between, Bool, Contains, HasField, Match, MatchAll, MatchPhrase, Prefix, Query, Term, Terms

MAX_DEPTH = 16  # of queries within queries
MAX_QUERIES = 1024  # of one search, nested queries included
MAX_PARAMETERS = 10_000  # values of one search. A statement can contain each twice, and SQLite allows 32,766 values.
TEXT_SCORE = "text_score"
"""The SQL function that returns the score of a text, or 0 if it does not match. Its arguments are the place of the test
in `QueryCompiler.tests`, the row's number (`doc`), and the value of the field's SQL column."""

Leaf = TextQuery | Between


class Candidates(NamedTuple):
    """The rows that can match a query, as one index finds them."""

    sql: Sql
    """A SELECT of their numbers, as the column `doc`."""
    column: str | None = None
    """The SQL column that `sql` tests. None if it searches the trigrams, or joins several SELECTs by UNION."""
    condition: Sql = Sql("1")
    """The condition on that column, in a form for which SQLite uses the column's index. Within IS TRUE, as in
    `RowCondition.sql`, it would not."""


class RowCondition(NamedTuple):
    sql: Sql
    """An expression that is 1 or 0, never NULL. In it, `d` is the row in s<index>, and `r` the row in t<table>."""
    candidates: tuple[Candidates, ...] = ()
    """Each includes all rows that match. Empty if no index narrows the query."""


ALL_ROWS = RowCondition(Sql("1"))
NO_ROWS = RowCondition(Sql("0"), (Candidates(Sql("SELECT 0 AS doc WHERE 0")),))


def check_query_size(depth: int, count: int) -> None:
    if depth > MAX_DEPTH:
        raise invalid(f"The depth of the query exceeds the limit: {MAX_DEPTH}.")
    if count > MAX_QUERIES:
        raise invalid(f"The number of sub-queries exceeds the limit: {MAX_QUERIES}.")


class QueryCompiler:
    def __init__(self, index: SearchIndex, query: Query) -> None:
        self._index = index
        self.tests: list[TextTest] = []
        self.scored: list[tuple[str, TextTest]] = []
        """The tests that count for the score of a row, each with its call of TEXT_SCORE."""
        self._query_count = 0
        self.condition = self._condition(query, 0, is_scored=True)
        if len(self.condition.sql.parameters) > MAX_PARAMETERS:
            raise invalid(f"The number of values of a search exceeds the limit: {MAX_PARAMETERS}.")

    def _condition(self, query: Query, depth: int, *, is_scored: bool) -> RowCondition:
        self._query_count += 1
        check_query_size(depth, self._query_count)
        if isinstance(query, MatchAll):
            return ALL_ROWS
        if isinstance(query, Bool):
            return self._bool(query, depth + 1, is_scored=is_scored)
        field = self._index.find_field(query.field)
        if field.type.name != "TEXT":
            return self._on_typed_field(field, query)
        if isinstance(query, Between):
            raise _cannot_answer(field, query)
        return self._on_text_field(field, query, is_scored=is_scored)

    def _bool(self, query: Bool, depth: int, *, is_scored: bool) -> RowCondition:
        parts = [self._condition(part, depth, is_scored=is_scored) for part in query.must]
        parts += [self._condition(part, depth, is_scored=False) for part in query.filter]
        excluded = [self._condition(part, depth, is_scored=False).sql for part in query.must_not]
        parts += [RowCondition(Sql(f"NOT ({sql.text})", sql.parameters)) for sql in excluded]
        should = [self._condition(part, depth, is_scored=is_scored) for part in query.should]
        min_matches = query.minimum_should_match
        if min_matches is None:
            min_matches = 1 if should and not query.must and not query.filter else 0
        if min_matches > 0:
            parts.append(_at_least(should, min_matches))
        return _all(parts)

    def _on_typed_field(self, field: Field, query: Leaf) -> RowCondition:
        column = field.column
        if isinstance(query, HasField):
            return self._on_column(column, Sql(f"{column} IS NOT NULL"))
        if isinstance(query, Match | MatchPhrase | Term):
            value = query.value if isinstance(query, Term) else query.text
            return self._on_column(column, Sql(f"{column} = ?", (values.comparable(field, value),)))
        if isinstance(query, Terms):
            terms = tuple(values.comparable(field, value) for value in values.check_terms(query.values))
            return self._on_column(column, Sql(f"{column} IN ({', '.join('?' * len(terms))})", terms))
        if isinstance(query, Between):
            return self._on_column(column, values.between(field, query))
        if field.type.name != "KEYWORD" or isinstance(query, Contains):
            raise _cannot_answer(field, query)
        if isinstance(query, Prefix):
            return self._on_column(column, values.starts_with(field, values.check_prefix(query.text)))
        pattern = values.pattern_text(field, query.pattern)
        prefix = pattern.replace("?", "*").partition("*")[0]
        matches = values.wildcard(pattern)
        whole = RowCondition(self._text_condition(TextTest(field, [Pattern(lambda text: matches(text.text))])))
        return _all([self._on_column(column, values.starts_with(field, prefix)), whole])

    def _on_column(self, column: str, condition: Sql) -> RowCondition:
        index = self._index
        doc, source = ("d.doc", index.doc_table) if column[0] == "d" else ("r.rowid AS doc", index.row_table)
        text = f"SELECT {doc} FROM {source} AS {column[0]} WHERE {condition.text}"  # noqa: S608 - names of ours
        select = Sql(text, condition.parameters)
        never_null = Sql(f"({condition.text}) IS TRUE", condition.parameters)
        return RowCondition(never_null, (Candidates(select, column, condition),))

    def _on_text_field(self, field: Field, query: TextQuery, *, is_scored: bool) -> RowCondition:
        test = text_test(field, query)
        if test is None:
            return NO_ROWS
        sql = self._text_condition(test, is_scored=is_scored)
        if test.fts5_query is None:
            return RowCondition(sql)
        name = self._index.trigram_table
        select = f"SELECT rowid AS doc FROM {name} WHERE {name} MATCH ?"  # noqa: S608 - a name of ours
        return RowCondition(sql, (Candidates(Sql(select, (test.fts5_query,))),))

    def _text_condition(self, test: TextTest, *, is_scored: bool = False) -> Sql:
        column = test.field.column
        sql = f"{TEXT_SCORE}({len(self.tests)}, r.rowid, {column})"
        self.tests.append(test)
        if is_scored:
            self.scored.append((sql, test))
        if test.literal is None or test.field.key_place is not None:
            return Sql(f"{sql} > 0")
        # SQLite finds bytes ten times faster than our function. That matters for a text that is too short for trigrams,
        # such as a single 退 or 🎉, because then every row is tested.
        return Sql(f"(instr({column}, ?) AND {sql} > 0)", (test.literal.encode(),))


def _all(parts: list[RowCondition]) -> RowCondition:
    if len(parts) == 1:
        return parts[0]
    candidates = tuple(each for part in parts for each in part.candidates)
    return RowCondition(all_sql([part.sql for part in parts]), candidates)


def _at_least(parts: list[RowCondition], min_matches: int) -> RowCondition:
    if min_matches > len(parts):
        return NO_ROWS
    if min_matches == len(parts):
        return _all(parts)
    sql = join_sql([part.sql for part in parts], " OR " if min_matches == 1 else " + ")
    if min_matches > 1:
        sql = Sql(f"{sql.text} >= {min_matches}", sql.parameters)
    if len(parts) > MAX_ALTERNATIVES or not all(part.candidates for part in parts):
        return RowCondition(sql)
    # The candidates of two TEXT fields are often the same query, because one FTS5 table has the texts of all fields.
    queries = list(dict.fromkeys(part.candidates[0].sql for part in parts))
    union = " UNION ".join(f"SELECT doc FROM ({each.text})" for each in queries)  # noqa: S608 - made above
    return RowCondition(sql, (Candidates(Sql(union, tuple(value for each in queries for value in each.parameters))),))


def _cannot_answer(field: Field, query: object) -> Exception:
    kind = type(query).__name__
    return invalid(f"field: {field.name} of type {field.type.name} cannot answer a query of kind {kind}")
