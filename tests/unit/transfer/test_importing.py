"""Exports and imports through the library, without the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.faults import Fault, FaultyClient
from tests.support.items import load
from tsmem import MemoryStore, Message, Session, open_store
from tsmem.adapters.local import LocalClient
from tsmem.clock import SystemClock
from tsmem.errors import Unavailable
from tsmem.transfer import ImportOptions, export_file, import_file

MESSAGES = [Message("s", f"m{number:04}", number + 1, content="hello") for number in range(450)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MemoryStore]:
    """An embedded store with one session and its messages."""
    with open_store(environ={"HOME": str(tmp_path / "home")}) as store:
        store.tables.apply()
        load(store, [Session("ada", "s", 1), *MESSAGES])
        yield store


def test_an_export_is_imported_into_a_fresh_store(store: MemoryStore, tmp_path: Path) -> None:
    """The import creates the tables and says so."""
    said: list[str] = []
    exported = export_file(store, str(tmp_path / "memory.jsonl.gz"))
    with open_store(environ={"HOME": str(tmp_path / "other")}) as fresh:
        imported = import_file(fresh, str(tmp_path / "memory.jsonl.gz"), say=said.append)
        assert list(store.bulk.items()) == list(fresh.bulk.items())
        assert [f"created the tables in {fresh.target}"] == said
    assert (1, 450) == (exported.sessions, exported.messages) == (imported.sessions, imported.messages)


def test_a_stopped_import_resumes(store: MemoryStore, tmp_path: Path) -> None:
    exported, folder = str(tmp_path / "memory.jsonl"), tmp_path / "state"
    export_file(store, exported)
    said: list[str] = []
    with closing(LocalClient(tmp_path / "fresh.db", SystemClock())) as client:
        MemoryStore(client).tables.apply()
        failing = MemoryStore(FaultyClient(client, Fault("write_rows", Unavailable("gone"), call=3)))
        with pytest.raises(Unavailable, match="400 rows had been done before"):
            import_file(failing, exported, resume_folder=folder)
        fresh = MemoryStore(client)
        done = import_file(fresh, exported, ImportOptions(resume=True), resume_folder=folder, say=said.append)
        assert list(store.bulk.items()) == list(fresh.bulk.items())

    assert 51 == done.done
    assert ["continuing after 400 records; looked for 101 rows of them, all there"] == said
