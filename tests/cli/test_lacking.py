"""Machines that lack something: a home directory, threads, a module of Python, a recent SQLite."""

from __future__ import annotations

import os
import threading
import urllib.request
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Processes, export_lines, messages, sessions
from tests.support.privileges import UNKNOWN_USER, needs_root, run_as_unknown_user
from tests.support.server_in_process import environ, serving
from tsmem.store import Message, Session

ROWS: list[Session | Message] = [*sessions(3), *messages(450)]


@pytest.fixture
def homeless(ready: Cli, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line of a user without a home directory. XDG_DATA_HOME names the place of the store."""
    monkeypatch.setattr(os, "getuid", lambda: UNKNOWN_USER)
    del ready.environ["HOME"], ready.environ["XDG_CONFIG_HOME"]
    return ready


def test_commands_work_without_a_home(homeless: Cli) -> None:
    Path("in").write_bytes(export_lines(ROWS))
    for line in ("import in", "import in --resume", "message list", "export", "profile list", "demo"):
        outcome = homeless(*line.split())
        assert outcome.code == 0, (line, outcome)
    assert homeless("doctor").text.startswith("ok       profile: local (built in)")
    assert homeless("import", "in", "--resume").err == "no home directory is known, so no earlier run was recorded\n"


def test_the_local_store_without_a_home_says_what_to_set(homeless: Cli) -> None:
    outcome = homeless("session", "list", environ={"XDG_DATA_HOME": ""})

    assert outcome.code == 2
    assert outcome.err == (
        f"error: no home directory is known: HOME is not set, and the system has no user {UNKNOWN_USER}\n"
        "hint: set HOME, or XDG_DATA_HOME for the store of the profile 'local' and XDG_CONFIG_HOME for profiles\n"
    )


def test_a_named_profile_needs_no_home(homeless: Cli) -> None:
    Path("mine.toml").write_text('default_profile = "x"\n[profiles.x]\nbackend = "local"\npath = "x.db"\n')
    Path("mine.toml").chmod(0o600)
    nowhere = {"XDG_DATA_HOME": ""}

    assert homeless("--config", "mine.toml", "init-tables", environ=nowhere).code == 0
    assert homeless("--config", "mine.toml", "profile", "list", environ=nowhere).code == 0
    assert homeless("profile", "set", "y", "backend=local", "path=y.db", environ=nowhere).code == 2


@needs_root
def test_a_process_of_an_unknown_user_works() -> None:
    outcome = run_as_unknown_user("demo")

    assert (outcome.code, outcome.err) == (0, "")
    assert "That was all of it" in outcome.text


def without_threads(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name in names:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)


def test_bulk_commands_work_without_threads(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    without_threads(monkeypatch, "tsmem call", "tsmem look-up")
    data = export_lines(ROWS)
    with serving(None) as served:
        cli.environ |= environ(served.endpoint)
        cli.ok("init-tables")
        assert cli.ok("import", "-o", "json", stdin=data).json["messages"] == 450
        assert len(cli.ok("export").out.splitlines()) == 455
        purged = cli.ok("session", "purge", "--everyone", "--with-messages", "--yes", "-o", "json").json

    assert (purged["sessions"], purged["messages"]) == (3, 450)


def test_serve_answers_one_client_at_a_time_without_threads(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    without_threads(monkeypatch, "tsmem-connection")
    with serving(None) as served:
        cli.environ |= environ(served.endpoint)
        cli.ok("init-tables")
        cli.ok("import", stdin=export_lines(ROWS))
        assert len(cli.ok("export").out.splitlines()) == 455
        request = urllib.request.Request(f"{served.endpoint}/ListTable", b"", method="POST")
        with pytest.raises(urllib.error.HTTPError) as refused, urllib.request.urlopen(request):
            pass

    with refused.value as reply:
        assert reply.headers["Connection"] == "close"


@pytest.mark.parametrize("name", ["tsmem-accept", "tsmem-stderr"])
def test_serve_reports_that_it_cannot_start_any_thread(cli: Cli, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    without_threads(monkeypatch, name)
    outcome = cli("serve", "--memory", "--port", "0")

    assert outcome.code == 1
    assert outcome.err.splitlines()[-2:] == [
        "error: cannot start a thread: the limit on processes is reached",
        "hint: raise it (ulimit -u, or the container's limit on processes), or end other processes",
    ]


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
def test_an_error_names_the_module_that_this_python_lacks(process: Processes, name: str, line: str, code: int) -> None:
    (process.folder / "run.py").write_text(LACKING.format(name=name, line=line))
    outcome = process.shell(f"{process.argv()[0]} run.py")

    said = f"error: this Python has no module '{name}', which this command needs"
    errors = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert (outcome.code, errors) == (code, [said] if code else [])


def test_an_error_names_an_sqlite_that_is_too_old(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 34, 1))
    monkeypatch.setattr("sqlite3.sqlite_version", "3.34.1")
    for line in ("init-tables", "session list", "serve --memory --port 0"):
        outcome = cli(*line.split())
        assert outcome.code == 1
        assert outcome.err.splitlines()[-2:] == [
            "error: this Python has SQLite 3.34.1; the embedded store and `tsmem serve` need SQLite 3.35 with FTS5",
            "hint: use a newer Python or SQLite; profiles that use TableStore work without it",
        ]
    assert not cli.database.parent.exists()
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 35, 0))
    cli.ok("init-tables")


def test_doctor_works_without_asserts(cli: Cli, process: Processes) -> None:
    """python -O skips asserts, so opening the store must not be part of one."""
    cli.config('[profiles.x]\nbackend = "tablestore"\nendpoint = "http://127.0.0.1:9"\ninstance = "i"\n'
               'access_key_id = "env:NONE"\naccess_key_secret = "env:NONE"\n')  # fmt: skip
    outcome = process.run("-p", "x", "doctor", environ={"PYTHONOPTIMIZE": "1"})

    assert outcome.out == cli("-p", "x", "doctor").out
    assert b"credentials" in outcome.out
