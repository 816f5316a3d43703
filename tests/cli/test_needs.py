"""A module or SQLite that this machine lacks is named by the commands that need it."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli, Processes

LACKING = """
import sys
sys.modules[{name!r}] = None
sys.argv[1:] = {line!r}.split()
from tsmem.__main__ import run
run()
"""


@pytest.mark.parametrize(
    ("name", "line", "code"),
    [
        ("sqlite3", "session list", 1),
        ("fcntl", "profile set x backend=local path=x.db", 1),
        ("resource", "serve --memory --port 0", 1),
        ("sqlite3", "profile list", 0),
    ],
)
def test_a_module_that_this_python_lacks_is_named(process: Processes, name: str, line: str, code: int) -> None:
    (process.folder / "run.py").write_text(LACKING.format(name=name, line=line))
    outcome = process.shell(f"{process.argv()[0]} run.py")

    said = f"error: this Python has no module '{name}', which this command needs"
    errors = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert (outcome.code, errors) == (code, [said] if code else [])


def test_an_old_sqlite_is_named(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 34, 1))
    monkeypatch.setattr("sqlite3.sqlite_version", "3.34.1")
    for line in ("init-tables", "session list", "serve --memory --port 0"):
        outcome = cli(*line.split())
        assert outcome.code == 1
        assert outcome.err.splitlines()[-2:] == [
            "error: this Python has SQLite 3.34.1; the embedded store and serve need SQLite 3.35 with FTS5",
            "hint: use a newer Python or SQLite; profiles of TableStore work without it",
        ]
    assert not cli.database.parent.exists()


def test_doctor_works_without_asserts(cli: Cli, process: Processes) -> None:
    """python -O runs none: opening the store must not be part of one."""
    cli.config('[profiles.x]\nbackend = "tablestore"\nendpoint = "http://127.0.0.1:9"\ninstance = "i"\n'
               'access_key_id = "env:NONE"\naccess_key_secret = "env:NONE"\n')  # fmt: skip
    outcome = process.run("-p", "x", "doctor", environ={"PYTHONOPTIMIZE": "1"})

    assert outcome.out == cli("-p", "x", "doctor").out
    assert b"credentials" in outcome.out
