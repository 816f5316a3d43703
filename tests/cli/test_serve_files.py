"""`tsmem serve` and its file: what cannot be opened, made or written is said before any endpoint is."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.error import HTTPError

import pytest

from tests.cli.conftest import Cli, Processes
from tests.cli.test_failing_disks import limited, modes_count
from tests.cli.test_serve import Serving, serving
from tests.wire.raw_bodies import c, row, writing


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


def test_a_write_that_the_system_refuses_is_explained_to_whoever_runs_the_server(
    ready: Cli, process: Processes
) -> None:
    """The client is told of an internal error, as by the service; stderr has the cause, and what to look for."""
    key = {"user_id": "u", "session_id": "s"}
    put = writing("PutRow", row(key, c("topic", "x" * 2_000_000)), "session")
    started = process.start("serve", "--path", str(ready.database), "--port", "0", preexec_fn=limited(1_000_000))
    assert started.stdout is not None
    here = Serving(started, started.stdout.readline().decode().split()[-1])
    with pytest.raises(HTTPError) as caught:
        here.ask("PutRow", put)
    said = caught.value.read()
    caught.value.close()
    err = here.stop()[2]

    assert (500, True) == (caught.value.code, b"Internal server error." in said)
    assert re.search(r"error: request \S+ failed here: StorageFailure: .*could not be read or written", err)
    assert "hint: look for a quota, or a limit on the size of files (ulimit -f)\n" in err
