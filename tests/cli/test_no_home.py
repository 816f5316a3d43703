"""A user id that the system does not know, and no HOME, as a container may be run: what needs no home works."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, export_lines, messages, sessions
from tests.support.privileges import STRANGER, needs_root, run_as_stranger
from tsmem.store import Message, Session

ROWS: list[Session | Message] = [*sessions(1), *messages(450)]


@pytest.fixture
def homeless(ready: Cli, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line of a user without a home directory; a store is where XDG_DATA_HOME says."""
    monkeypatch.setattr(os, "getuid", lambda: STRANGER)
    del ready.environ["HOME"], ready.environ["XDG_CONFIG_HOME"]
    return ready


def test_commands_work_without_a_home(homeless: Cli) -> None:
    Path("in").write_bytes(export_lines(ROWS))
    for line in ("import in", "import in --resume", "message list", "export", "profile list", "demo"):
        outcome = homeless(*line.split())
        assert outcome.code == 0, (line, outcome)
    assert homeless("doctor").text.startswith("ok       profile: local (built in)")
    assert homeless("import", "in", "--resume").err == "no home directory is known, so no earlier run was noted\n"


def test_the_local_store_without_a_home_says_what_to_set(homeless: Cli) -> None:
    outcome = homeless("session", "list", environ={"XDG_DATA_HOME": ""})

    assert outcome.code == 2
    assert outcome.err == (
        f"error: no home directory is known: HOME is not set, and the system has no user {STRANGER}\n"
        "hint: set HOME, or XDG_DATA_HOME for the store of the profile 'local' and XDG_CONFIG_HOME for profiles\n"
    )


def test_a_profile_that_is_named_needs_no_home(homeless: Cli) -> None:
    Path("mine.toml").write_text('default_profile = "x"\n[profiles.x]\nbackend = "local"\npath = "x.db"\n')
    Path("mine.toml").chmod(0o600)
    nowhere = {"XDG_DATA_HOME": ""}

    assert homeless("--config", "mine.toml", "init-tables", environ=nowhere).code == 0
    assert homeless("--config", "mine.toml", "profile", "list", environ=nowhere).code == 0
    assert homeless("profile", "set", "y", "backend=local", "path=y.db", environ=nowhere).code == 2


@needs_root
def test_a_process_of_an_unknown_user_works() -> None:
    outcome = run_as_stranger("demo")

    assert (outcome.code, outcome.err) == (0, "")
    assert "That was all of it" in outcome.text
