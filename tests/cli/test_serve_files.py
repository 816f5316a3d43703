"""`tsmem serve` and its file: what cannot be opened, made or written is said before any endpoint is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Processes
from tests.cli.test_failing_disks import modes_count
from tests.cli.test_serve import serving


def test_a_file_that_is_none_of_ours_is_said(cli: Cli) -> None:
    """Exit 1, before anything listens."""
    Path("notes.txt").write_text("some text, long enough to be looked at as a database" * 99)
    outcome = cli("serve", "--path", "notes.txt", "--port", "0")

    assert (1, b"") == (outcome.code, outcome.out)
    assert "is not a tsmem file" in outcome.err


@pytest.mark.parametrize("path", ["/proc/nofile.db", "/proc/folder/nofile.db", "file/nofile.db"])
def test_a_file_that_cannot_be_made_is_said(cli: Cli, path: str) -> None:
    """Exit 1, and no endpoint for a server that could keep nothing."""
    Path("file").touch()
    outcome = cli("serve", "--path", path, "--port", "0")

    assert (1, b"") == (outcome.code, outcome.out)
    assert re.match(f"error: (/.*/)?{path} cannot be (made|opened): ", outcome.err)


def test_a_file_that_cannot_be_written_is_said(ready: Cli, process: Processes) -> None:
    """Exit 1 for a file that could only be read."""
    ready.database.chmod(0o444)
    outcome = process.run("serve", "--path", str(ready.database), "--port", "0", before=modes_count)
    if outcome.code == 77:
        pytest.skip("root could not be told to heed modes")

    assert (1, b"") == (outcome.code, outcome.out)
    assert f"error: {ready.database} is read-only: nothing was written" in outcome.err


def test_the_file_is_there_when_the_endpoint_is(process: Processes, tmp_path: Path) -> None:
    """Who reads the endpoint may open the file beside the server."""
    path = tmp_path / "new" / "memory.db"
    with serving(process, "--path", str(path)) as here:
        assert path.stat().st_size > 0
        assert 0 == here.stop()[0]
