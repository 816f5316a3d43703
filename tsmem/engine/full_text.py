"""FTS5 tables over the texts of a search index: how they are made, and told of changes.

Its one rule: each change is told by statements of one row with its values. For a trigger, or rows that are selected,
SQLite begins a savepoint, and FTS5 then writes out what it has gathered, each row by itself: measured, more than twice
the time of these tables. So what is kept of a row is read before it is changed; FTS5 takes out what it is given again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from tsmem.rows import Value

Execute = Callable[[str, Sequence[object]], sqlite3.Cursor]
Texts = Sequence[Value | None]
"""What is kept of a row's texts."""

PLACELESS = "detail = none, columnsize = 0"
WORDS = "tokenize = 'ascii'"
TRIGRAMS = f"tokenize = 'trigram case_sensitive 1', {PLACELESS}"
_PUNCTUATION = "".join(each for each in map(chr, (9, 10, 13, *range(32, 127))) if not each.isalnum())
MARKS = f"""tokenize = "ascii tokenchars '{_PUNCTUATION.replace("'", "''").replace('"', '""')}'", {PLACELESS}"""
"""The divider of `marks` alone divides."""


class FullText:
    """One FTS5 table, and what it is given of a row."""

    def __init__(self, name: str, columns: Sequence[str], given: Callable[[Texts], list[Value | None]], options: str):
        self.name = name
        self._given = given
        names, values = ", ".join(columns), ", ".join("?" for _ in columns)
        self._put_in = f"INSERT INTO {name} (rowid, {names}) VALUES (?, {values})"  # noqa: S608 - names of ours
        self._take_out = f"INSERT INTO {name} ({name}, rowid, {names}) VALUES ('delete', ?, {values})"  # noqa: S608
        self._keeps_sizes = not options.endswith(PLACELESS)
        self.definition = f"CREATE VIRTUAL TABLE {name} USING fts5({names}, content = '', {options})"

    def put_in(self, execute: Execute, doc: int, texts: Texts) -> None:
        """Tell it of a row."""
        self._tell(execute, self._put_in, doc, self._given(texts))

    def take_out(self, execute: Execute, doc: int, texts: Texts) -> None:
        """Tell it that a row has these texts no more."""
        self._tell(execute, self._take_out, doc, self._given(texts))

    def change(self, execute: Execute, doc: int, before: Texts, now: Texts) -> None:
        """Tell it of other texts of a row."""
        had, has = self._given(before), self._given(now)
        if had != has:
            self._tell(execute, self._take_out, doc, had)
            self._tell(execute, self._put_in, doc, has)

    def _tell(self, execute: Execute, sql: str, doc: int, given: list[Value | None]) -> None:
        """Not of a row without any text, but where it keeps sizes: it counts those rows, too, and its check of itself
        misses them."""
        if self._keeps_sizes or any(each is not None for each in given):
            execute(sql, (doc, *given))
