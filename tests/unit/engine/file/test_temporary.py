"""The temporary file of a store without a path."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.store_files import raise_version, read_version
from tsmem.engine import catalog
from tsmem.engine.file.connections import Connections
from tsmem.errors import StorageFailure, TsmemError


def test_a_temporary_file_has_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    connections = Connections(None)
    raise_version(connections)

    assert [] == list(tmp_path.iterdir())
    connections.close()


def test_a_temporary_file_without_a_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with pytest.raises(StorageFailure, match="the temporary file cannot be made: No such file or directory"):
        read_version(Connections(None))


def test_a_temporary_file_that_cannot_be_opened_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(catalog, "SCHEMA", ("CREATE TABLE wrong",))
    with pytest.raises(StorageFailure, match="the temporary file failed: "):
        read_version(Connections(None))

    assert [] == list(tmp_path.iterdir())


def test_a_closed_temporary_store_does_not_become_an_empty_one() -> None:
    connections = Connections(None)
    raise_version(connections)
    connections.close()
    with pytest.raises(TsmemError, match="the store is closed"):
        read_version(connections)
