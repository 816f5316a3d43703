"""`tsmem profile` on a file with mistakes: the commands in its hints work, and repair it."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

TWO_BROKEN = """\
default_profile = "a"

[profiles.a]
timeout = 5

[profiles.b]
backend = "tablestore"
instance = "i"
"""


def hinted(err: str) -> list[str]:
    """Return the words of the command at the end of the last hint."""
    _, found, command = err.strip().rpartition(": tsmem ")
    assert found, err
    return shlex.split(command)


@pytest.mark.parametrize("by_flag", [False, True])
def test_hints_lead_from_a_broken_profile_to_a_working_one(cli: Cli, tmp_path: Path, by_flag: bool) -> None:
    flag = ("--config", str(tmp_path / "other.toml")) if by_flag else ()
    (tmp_path / "other.toml").write_text(TWO_BROKEN)
    cli.config("" if by_flag else TWO_BROKEN)
    for profile in ("a", "b"):
        while (outcome := cli(*flag, "profile", "show", profile)).code:
            assert cli(*hinted(outcome.err)).code == 0
    assert {"a": "local", "b": "tablestore", "local": "local"} == {
        each["name"]: each["backend"] for each in cli.ok(*flag, "profile", "list", "-o", "json").json["profiles"]
    }


def test_fixing_one_of_several_mistakes_says_what_is_left(cli: Cli) -> None:
    cli.config(TWO_BROKEN)
    outcome = cli.ok("profile", "set", "b", "endpoint=https://h.example")
    assert "wrote profile 'b'" in outcome.err
    assert "warning: it cannot be used yet: " in outcome.err
    assert "needs 'access_key_id', 'access_key_secret'" in outcome.err
