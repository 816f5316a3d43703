"""Tests of one field in SQL: how an index nominates rows for each, and how one row is tested.

Its one rule: every test is SQL over the search index's own tables, exact, and used where NULL is no. `d` is the row's
entry in s<id>. Conditions have {0} for their column. SQLite bounds how deep an expression is and how many SELECTs a
UNION has; a query's parts are more, so they are joined by `joined` and `united` alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from tsmem.engine.cells import unpack_some
from tsmem.engine.search_tables import Field, SearchTables
from tsmem.errors import StorageFailure
from tsmem.folding import fold, steady_part

Sql = tuple[str, tuple[object, ...]]

MAX_UNITED = 200
"""SELECTs of one UNION; SQLite takes 500."""
MAX_LOOKED_THROUGH = 100
"""Words that are looked for in a row's own, one after the other: FTS5 takes longer for each."""
MAX_NOMINATING = 24
"""Parts of a long text; the row decides anyway."""
MAX_TRIGRAMS = 100
"""Of those, FTS5 looks at very many in the time that a look at a row takes."""
FEW, MANY = 1000, 10_000
"""Rows that are tested one by one: where FTS5 is asked of each, and where not."""
HOLDS = "tsmem_holds"
"""The SQL function `holds`."""
T = TypeVar("T")


@dataclass(eq=False)
class Test(ABC):
    """A test of one field."""

    tables: SearchTables

    @property
    def is_exact(self) -> bool:
        """Whether all that it nominates passes."""
        return True

    @property
    def singly_to(self) -> int:
        """Of how many rows each is tested by itself."""
        return MANY

    def nominate(self) -> Sql | None:
        """The documents that may pass, by an index; None where there is none."""
        return None

    @abstractmethod
    def test(self, *, singly: bool) -> Sql:
        """The test of one row; `singly`: of few rows, so that nothing is gathered beforehand."""

    def score(self) -> Sql:
        """What a row that passes counts."""
        sql, parameters = self.test(singly=False)
        return f"({sql}) IS TRUE", parameters


@dataclass(eq=False)
class ColumnTest(Test):
    """Of a field that is no TEXT."""

    column: str
    condition: str
    parameters: tuple[object, ...] = ()

    def nominate(self) -> Sql:
        """By the column's own index; the table's, for its first key column."""
        if self.column == "k0":
            source = f"SELECT rowid AS doc FROM t{self.tables.table.id}"  # noqa: S608 - ids and places only, as below
        else:
            source = f"SELECT doc FROM {self.tables.docs}"  # noqa: S608
        return f"{source} WHERE {self.condition.format(self.column)}", self.parameters

    def test(self, *, singly: bool) -> Sql:
        """The plus keeps SQLite from choosing an index by it."""
        return self.condition.format(f"+d.{self.column}"), self.parameters


@dataclass(eq=False)
class WordsTest(Test):
    """Of the words of TEXT fields, by FTS5."""

    expression: str

    @property
    def singly_to(self) -> int:
        """Of fewer than others."""
        return FEW

    def nominate(self) -> Sql:
        """Exactly."""
        return _having(self.tables.words, self.expression)

    def test(self, *, singly: bool) -> Sql:
        """By a look at one row, or at all that have the words."""
        return _found_in(self.tables.words, self.expression, singly=singly)


@dataclass(eq=False)
class KeptTest(WordsTest):
    """Of few words of one field, or their beginnings. To say whether one row has them, FTS5 takes a while, and for a
    beginning gathers all that have it: of one row the words are looked through as they are kept, a space round each."""

    column: str
    parts: Sequence[str]
    """With the spaces that they stand between."""
    joiner: str

    @property
    def singly_to(self) -> int:
        """Of many, without FTS5."""
        return MANY

    def test(self, *, singly: bool) -> Sql:
        """By the row's words, or by all that have such words."""
        if not singly:
            return super().test(singly=False)
        found = joined(["instr(kept, ?) > 0" for _ in self.parts], self.joiner)
        kept = f"SELECT ' ' || {self.column} || ' ' AS kept FROM {self.tables.text} WHERE doc = d.doc"  # noqa: S608
        return f"(SELECT {found} FROM ({kept}))", tuple(self.parts)  # noqa: S608


@dataclass(eq=False)
class JoinedTest(WordsTest):
    """Of several tests of words, which FTS5 joins better than SQL does what it found of each."""

    parts: Sequence[WordsTest]
    joiner: str

    @classmethod
    def of(cls, parts: Sequence[WordsTest], joiner: str) -> WordsTest:
        """Joined by AND or OR; each once."""
        once = {part.expression: part for part in parts}
        expression = f" {joiner} ".join(f"({each})" for each in once)
        return cls(parts[0].tables, expression, list(once.values()), joiner)

    @property
    def singly_to(self) -> int:
        """As its parts are."""
        return min(part.singly_to for part in self.parts)

    @property
    def alone(self) -> Sequence[WordsTest]:
        """Its parts that are looked through in a row's text."""
        return [
            part for part in self.parts if isinstance(part, KeptTest) or (isinstance(part, JoinedTest) and part.alone)
        ]

    def test(self, *, singly: bool) -> Sql:
        """All at once, unless some have a way of their own for one row."""
        alone = self.alone if singly else ()
        if not alone:
            return super().test(singly=singly)
        rest = [part for part in self.parts if part not in alone]
        found = [part.test(singly=True) for part in alone]
        if rest:
            found.append(JoinedTest.of(rest, self.joiner).test(singly=True))
        sql = joined([f"({each}) IS TRUE" for each, _ in found], f" {self.joiner} ")
        return sql, tuple(value for _, values in found for value in values)


@dataclass(eq=False)
class PatternTest(Test):
    """Of the words of a TEXT field, by a condition on a word."""

    column: str
    condition: str
    parameters: tuple[object, ...]

    def nominate(self) -> Sql:
        """Exactly."""
        source = f"SELECT DISTINCT doc FROM {self.tables.terms} WHERE col = ?"  # noqa: S608
        return f"{source} AND {self.condition.format('term')}", (self.column, *self.parameters)

    def test(self, *, singly: bool) -> Sql:
        """Words cannot be looked up by row."""
        sql, parameters = self.nominate()
        return f"+d.doc IN ({sql})", parameters


@dataclass(eq=False)
class TextTest(Test):
    """Of a TEXT field's text as it is kept. Nothing nominates."""

    column: str
    condition: str
    parameters: tuple[object, ...] = ()

    def test(self, *, singly: bool) -> Sql:
        """By the text."""
        condition = self.condition.format(self.column)
        return f"(SELECT {condition} FROM {self.tables.text} WHERE doc = d.doc)", self.parameters  # noqa: S608


@dataclass(eq=False)
class MarksTest(Test):
    """Of what stands between words. It only nominates, for a HoldTest beside it."""

    expression: str

    @property
    def is_exact(self) -> bool:
        """A row may have the marks, and not side by side."""
        return False

    def nominate(self) -> Sql:
        """By the marks."""
        return _having(self.tables.marks, self.expression)

    def test(self, *, singly: bool) -> Sql:
        """Of many rows those that are nominated; of few the other test says as much."""
        return ("1", ()) if singly else _found_in(self.tables.marks, self.expression, singly=False)


@dataclass(eq=False)
class HoldTest(Test):
    """Of a part of a row as it was written."""

    field: Field
    part: str
    expression: str
    """What FTS5 finds among the words of every row with the part; empty where nothing is."""

    @property
    def is_exact(self) -> bool:
        """A row may have the words and not the part."""
        return False

    def nominate(self) -> Sql | None:
        """By words that are in the part."""
        return _having(self.tables.words, self.expression) if self.expression else None

    def test(self, *, singly: bool) -> Sql:
        """By the row's own text. What folding leaves as it is stands in its bytes, too, and is found sooner there. An
        AND that is a value would evaluate both sides."""
        if self.field.place is not None:
            held: Sql = f"{HOLDS}(d.k{self.field.place}, ?, ?)", (self.field.name, fold(self.part))
        else:
            steady, table = steady_part(self.part).encode(), self.tables.table.id
            found = f"CASE WHEN instr(cells, ?) > 0 THEN {HOLDS}(cells, ?, ?) ELSE 0 END"
            held = f"(SELECT {found} FROM t{table} WHERE rowid = d.doc)", (steady, self.field.name, fold(self.part))  # noqa: S608
        if singly or not self.expression:
            return held
        sql, parameters = _found_in(self.tables.words, self.expression, singly=False)
        return f"CASE WHEN {sql} THEN {held[0]} ELSE 0 END", (*parameters, *held[1])


@dataclass(eq=False)
class MarkedTest(Test):
    """Of a part of a row that is, as a whole, what FTS5 is given of what stands beside words."""

    expression: str
    hold: HoldTest
    """The same of one row."""

    def nominate(self) -> Sql:
        """Exactly."""
        return _having(self.tables.marks, self.expression)

    def test(self, *, singly: bool) -> Sql:
        """By the row's own text, or by all that have it."""
        return self.hold.test(singly=True) if singly else _found_in(self.tables.marks, self.expression, singly=False)


def holds(kept: bytes | str, name: str, part: str) -> bool:
    """Whether a column, given as the row's cells or by itself, has a folded part. What cannot be read may have it:
    who reads the row says why it cannot."""
    if isinstance(kept, str):
        return part in fold(kept)
    try:
        text = unpack_some(kept, (name,))[1].get(name)
    except StorageFailure:
        return True
    return isinstance(text, str) and part in fold(text)


@dataclass(eq=False)
class PartTest(Test):
    """Of a part of a fuzzy field's text."""

    column: str
    part: str
    """As the field keeps it."""

    @property
    def is_exact(self) -> bool:
        """A row may have the trigrams and not the part."""
        return False

    def nominate(self) -> Sql | None:
        """By trigrams; not for a part of less than three characters."""
        return _having(self.tables.grams, trigrams(self.part)) if len(self.part) > 2 else None

    def test(self, *, singly: bool) -> Sql:
        """By the text."""
        return f"(SELECT instr({self.column}, ?) FROM {self.tables.text} WHERE doc = d.doc) > 0", (self.part,)  # noqa: S608

    def score(self) -> Sql:
        """How often the text has the part, with the saturation of BM25 (k1 = 1.2, b = 0)."""
        gone = f"length({self.column}) - length(replace({self.column}, ?, ''))"
        often = f"(SELECT ({gone}) * 1.0 / ? AS n FROM {self.tables.text} WHERE doc = d.doc)"  # noqa: S608
        return f"coalesce((SELECT 2.2 * n / (n + 1.2) FROM {often}), 0)", (self.part, len(self.part))  # noqa: S608


def joined(parts: Sequence[str], joiner: str) -> str:
    """Expressions joined two by two: a chain would be as deep as it is long."""
    while len(parts) > 1:
        parts = [joiner.join(parts[at : at + 2]) for at in range(0, len(parts), 2)]
        parts = [f"({each})" for each in parts]
    return parts[0]


def united(selects: Sequence[str]) -> str:
    """The documents of all the selections, without repetition; a UNION of UNIONs where they are many."""
    while True:
        named = [f"SELECT doc FROM ({each})" for each in selects]  # noqa: S608 - ours
        selects = [" UNION ".join(named[at : at + MAX_UNITED]) for at in range(0, len(named), MAX_UNITED)]
        if len(selects) == 1:
            return selects[0]


def _having(full: str, expression: str) -> Sql:
    """The documents that an FTS5 table nominates."""
    return f"SELECT rowid AS doc FROM {full} WHERE {full} MATCH ?", (expression,)  # noqa: S608


def _found_in(full: str, expression: str, *, singly: bool) -> Sql:
    """The test of a row by an FTS5 table."""
    if singly:
        return f"EXISTS (SELECT 1 FROM {full} WHERE {full} MATCH ? AND rowid = d.doc)", (expression,)  # noqa: S608
    return f"+d.doc IN (SELECT rowid FROM {full} WHERE {full} MATCH ?)", (expression,)  # noqa: S608


def trigrams(part: str) -> str:
    """An expression of FTS5: the trigrams of a part."""
    return " AND ".join(map(quoted, spread([part[at : at + 3] for at in range(len(part) - 2)], MAX_TRIGRAMS)))


def spread(each: Sequence[T], most: int = MAX_NOMINATING) -> Sequence[T]:
    """All of few, each once; of many some, from begin to end."""
    once = list(dict.fromkeys(each))
    if len(once) <= most:
        return once
    return [once[at * (len(once) - 1) // (most - 1)] for at in range(most)]


def quoted(text: str) -> str:
    """Text as a string of FTS5's query language."""
    return '"' + text.replace('"', '""') + '"'
