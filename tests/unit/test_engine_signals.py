"""A signal ends what SQLite is doing, however long the statement is."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tsmem.engine.file.connections import Connections

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"


@contextmanager
def interrupt_after(seconds: float) -> Iterator[None]:
    """What Ctrl-C does comes while the block runs."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("path", [None, "memory.db"])
def test_a_signal_ends_a_long_statement(tmp_path: Path, path: str | None) -> None:
    """The connection can be used again."""
    connections = Connections(None if path is None else str(tmp_path / path))
    with connections.write():
        pass
    with pytest.raises(KeyboardInterrupt), interrupt_after(0.1), connections.read() as session:
        session.execute(ENDLESS).fetchone()
    with connections.read() as session:
        assert session.execute("SELECT 1").fetchone() == (1,)
    connections.close()


def test_a_signal_while_the_file_is_made_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the lock file stays, as ever."""

    def interrupt(source: str, target: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "rename", interrupt)
    connections = Connections(str(tmp_path / "memory.db"))
    with pytest.raises(KeyboardInterrupt), connections.write():
        pass
    connections.close()

    assert [tmp_path / "memory.db.lock"] == list(tmp_path.iterdir())
