"""Text without letters and digits: what stands between words is indexed by its trigrams, and found by them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.clocks import ManualClock
from tsmem.adapters.local import LocalClient
from tsmem.engine import analysis
from tsmem.folding import fold
from tsmem.port import FieldType, SearchIndexSchema
from tsmem.rows import Put
from tsmem.store import MemoryStore, Message
from tsmem.store.layout import DEFAULT, TEXT_FUZZY
from tsmem.store.records import Record
from tsmem.store.tally import Tally

ANALYZERS = {
    "single_word": FieldType("TEXT", "single_word"),
    "max_word": FieldType("TEXT", "max_word"),
    "split": FieldType("TEXT", "split", delimiter="?"),
    "case kept": FieldType("TEXT", "min_word", case_sensitive=True),
}
LETTERLESS = "?!-. \n_🎉Ⓐⓐ\u0301\u0345\0"
"""Marks, a symbol, symbols with case, combining marks of which one folds to a letter, and where SQLite ends a text."""

texts = st.none() | st.text(LETTERLESS + "aß退", max_size=12)
parts = st.text(LETTERLESS, min_size=1, max_size=5)
rows = st.dictionaries(st.sampled_from("abcdef"), st.tuples(texts, texts), max_size=6)


@contextmanager
def indexed(kind: FieldType) -> Iterator[MemoryStore]:
    """An empty store in memory whose index has contents of a kind."""
    with closing(LocalClient(None, ManualClock())) as client:
        client.create_table(DEFAULT.message.schema)
        fields = (("create_time", FieldType("LONG")), ("content", kind), ("search_content", TEXT_FUZZY))
        client.create_search_index(SearchIndexSchema("message", DEFAULT.message.search.name, fields))
        yield MemoryStore(client, target="test")


@pytest.mark.parametrize("name", ANALYZERS)
@settings(max_examples=60, deadline=None)
@given(first=rows, then=rows, gone=st.sampled_from("abcdef"), asked=st.lists(parts, min_size=1, max_size=6))
def test_text_without_letters_is_found_wherever_it_stands(
    name: str,
    first: dict[str, tuple[str | None, str | None]],
    then: dict[str, tuple[str | None, str | None]],
    gone: str,
    asked: list[str],
) -> None:
    """After writes, changes and a deletion a search finds what plain Python finds, newest first."""
    with indexed(ANALYZERS[name]) as store:
        for batch in (first, then):
            for time, (called, (content, search)) in enumerate(sorted(batch.items())):
                store.messages.put(Message("s", called, time, content=content, search_content=search))
        there = {(m.create_time, m.message_id): m for m in store.messages.iterate("s")}
        for key, message in list(there.items()):
            if message.message_id == gone:
                store.messages.delete("s", gone, create_time=message.create_time)
                del there[key]
        for part in asked:
            expected = [
                key
                for key, message in sorted(there.items(), key=lambda item: (-item[0][0], item[0][1]))
                if any(text and fold(part) in fold(text) for text in (message.content, message.search_content))
            ]
            assert expected == [(m.create_time, m.message_id) for m in store.messages.search(part)]


def test_marks_are_what_stands_between_words() -> None:
    """Three characters and more without letter or digit, each once; where SQLite would end a text is hidden."""
    assert ["?!?!", '": ', "..."] == analysis.marks('really?!?!a no? a": 1, 2 and?!?!b...')
    assert [[], ["?!\U0010ff00"]] == [analysis.marks(text) for text in ("so, there. 100%!a_b", "a?!\0b")]
    assert [None, "?!?a..."] == [analysis.stored_marks(text) for text in ("fine, so!", "no?!?so...")]


def test_a_search_for_marks_reads_those_rows_alone() -> None:
    """Of a thousand messages those with the text are read, wherever they stand."""
    with indexed(ANALYZERS["max_word"]) as store:
        contents = ["why?!? - so" if number in (3, 500) else "so - so" for number in range(1000)]
        said = [Message("s", f"m{number:04d}", number, content=content) for number, content in enumerate(contents)]
        store.transfer.load((Record(n, item) for n, item in enumerate(said)), tally=Tally())
        scanned = []
        for part, limit, count in (("?!?", 10, 2), ("?!?!", 10, 0)):
            before = store.cost
            assert count == len(list(store.messages.search(part, limit=limit)))
            scanned.append(store.cost.rows_scanned - before.rows_scanned)
    assert [2, 0] == scanned


def test_marks_beside_a_common_word_nominate() -> None:
    """A word that all messages have does not make all of them be read where what stands beside it is rare."""
    with indexed(ANALYZERS["max_word"]) as store:
        contents = ["so?!? - so" if number in (3, 500) else "so - so" for number in range(1000)]
        said = [Message("s", f"m{number:04d}", number, content=content) for number, content in enumerate(contents)]
        store.transfer.load((Record(n, item) for n, item in enumerate(said)), tally=Tally())
        before = store.cost
        assert ["m0500", "m0003"] == [message.message_id for message in store.messages.search("SO?!?")]
    assert 2 == store.cost.rows_scanned - before.rows_scanned


def test_long_blanks_are_found_by_parts() -> None:
    """What of a long text is asked for is never nothing, also where it is blank."""
    with closing(LocalClient(None, ManualClock())) as client:
        client.create_table(DEFAULT.message.schema)
        fields = (("create_time", FieldType("LONG")), ("search_content", TEXT_FUZZY))
        client.create_search_index(SearchIndexSchema("message", DEFAULT.message.search.name, fields))
        store = MemoryStore(client, target="test")
        for number, blanks in enumerate((300, 2, 2, 2)):
            store.messages.put(Message("s", str(number), number, search_content="x" + " " * blanks))
        before = store.cost
        assert ["0"] == [message.message_id for message in store.messages.search(" " * 300)]
    assert 1 == store.cost.rows_scanned - before.rows_scanned


def test_fts5_finds_no_fault_in_its_tables(tmp_path: Path) -> None:
    """After texts came, changed and went, FTS5's comparison of each of its tables with the rows finds them the same."""
    path = tmp_path / "memory.db"
    with closing(LocalClient(path, ManualClock())) as client:
        client.create_table(DEFAULT.message.schema)
        kinds = {"content": ANALYZERS["max_word"], "other": ANALYZERS["split"], "search_content": TEXT_FUZZY}
        client.create_search_index(SearchIndexSchema("message", "all", tuple(kinds.items())))
        values = (None, "", "a", "?!?", "a?!?b")
        for at, (first, then) in enumerate(product(values, repeat=2)):
            for name in kinds:
                for value in (first, then):
                    columns = {} if value is None else {name: value}
                    client.write_rows([Put(DEFAULT.message.ref, ("s", at, name), columns)])
    with closing(sqlite3.connect(path)) as raw:
        for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE sql LIKE '%USING fts5(%'").fetchall():
            raw.execute(f"INSERT INTO {name} ({name}, rank) VALUES ('integrity-check', 1)")
