"""Options of every command, and rules that hold for all commands."""

from __future__ import annotations

import shlex
from pathlib import Path

from tests.cli.conftest import Cli, messages, sessions


def test_global_options_work_before_and_after_the_command(ready: Cli) -> None:
    ready.ok("session", "put", "u", "s")
    for line in (
        "-o json session get u s",
        "session --output json get u s",
        "session get -ojson u s",
        "session get u s --output=json",
        "-o csv session -o table get u s -o json",
        "-p local session get u s -o json",
    ):
        assert ready.ok(*line.split()).json["session_id"] == "s", line


def test_fields_are_refused_by_commands_that_show_no_items(ready: Cli) -> None:
    ready.fill([*sessions(1), *messages(1)])
    before = ready.export()
    for line in (
        "init-tables", "drop-tables --yes", "session update ada s00000 -m a=1", "session delete ada s00000",
        "session purge --everyone --yes", "message update s00000 m00000 -m a=1", "message delete s00000 m00000",
        "message purge --everything --yes", "export", "export out.jsonl", "import", "profile list",
        "profile set x backend=local", "completion bash", "demo",
    ):  # fmt: skip
        outcome = ready(*line.split(), "--fields", "session_id", stdin=b'{"user_id": "u", "session_id": "s"}\n')
        assert (outcome.code, outcome.out) == (2, b""), line
        assert outcome.err.startswith("error: --fields does not apply"), line

    assert ready.export() == before
    assert not Path("out.jsonl").exists()
    assert not (ready.folder / "config").exists()


def test_an_empty_id_is_never_everyone(ready: Cli) -> None:
    ready.fill([*sessions(2), *messages(2)])
    before = ready.export()
    for line in (
        "session put ''", "session put u ''", "session get '' s", "session update u '' -m a=1",
        "session delete '' s00000 --with-messages", "session delete ada '' --missing-ok",
        "session purge --user '' --yes", "session purge --user '' --dry-run", "session list --user ''",
        "session recent --user ''", "session search tea --user ''", "message put ''", "message put s ''",
        "message put s00000 m9 --touch ''", "message get '' m", "message update s00000 '' --content x",
        "message delete '' m00000", "message purge --session '' --yes", "message list --session ''",
        "message list --session '' --last 1", "message search tea --session ''", "show ''", "show s00000 --user ''",
        "export --user ''", "export --session ''", "import --format openai --user ''", "stats --user ''",
        "stats --by role --session ''", "fields --user ''",
    ):  # fmt: skip
        outcome = ready(*shlex.split(line), stdin=b'[{"role": "user", "content": "x"}]\n')
        assert (outcome.code, outcome.out) == (2, b""), line
        assert "empty" in outcome.err, line

    assert ready.export() == before


def test_help_works_when_the_profile_file_is_broken(cli: Cli) -> None:
    cli.config("nonsense")
    for argv, said in (
        (("--help",), "Usage: tsmem"),
        (("session", "list", "--help"), "Usage: tsmem session list"),
        (("--version",), "tsmem "),
        ((), "Usage: tsmem"),
        (("profile", "path"), "config.toml"),
        (("completion", "bash"), "complete -F"),
    ):
        assert said in cli.ok(*argv).text


def test_a_time_that_looks_like_seconds_is_accepted_with_a_warning(ready: Cli) -> None:
    put = ready.ok("session", "put", "u", "s", "--update-time", "1760000000", "-o", "json")
    assert put.json["update_time"] == 1760000000
    assert put.err.startswith("warning: --update-time: 1760000000 looks like seconds")


def test_hint_names_the_double_dash_for_text_that_begins_with_a_dash(ready: Cli) -> None:
    """The parser takes such a text for an option (https://github.com/pallets/click/issues/1624)."""
    ready.ok("message", "put", "s", "m", "--content", "- milk")
    outcome = ready("message", "search", "- milk", "-o", "json")

    assert outcome.code == 2
    assert "tsmem message search -- TEXT" in outcome.error["hint"]
    assert [row["message_id"] for row in ready.ok("message", "search", "-o", "jsonl", "--", "- milk").lines] == ["m"]


def test_commands_in_hints_name_the_profile_that_was_chosen(cli: Cli) -> None:
    cli.config('[profiles."my own"]\nbackend = "local"\npath = "own.db"\n')
    chosen = ("-p", "my own")
    missing = cli(*chosen, "init-tables", "--check").err
    found = cli(*chosen, "doctor").text
    cli.ok(*chosen, "init-tables")
    cli.ok(*chosen, "session", "put", "ada", "s1")
    purged = cli.ok(*chosen, "session", "purge", "--user=ada", "--yes").err
    nothing = cli(*chosen, "show", "none").err

    own = "tsmem --profile 'my own'"
    assert f"hint: {own} init-tables creates what is missing" in missing
    assert f"{own} init-tables\n" in found
    assert f"{own} doctor lists the messages that are left" in purged
    assert f"hint: {own} session list shows" in nothing
