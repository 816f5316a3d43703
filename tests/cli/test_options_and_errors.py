"""Global options stand anywhere; what is wrong is said in one line, with a next step, before anything is done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Outcome, messages, sessions
from tsmem.store import Session


@pytest.mark.parametrize(
    "argv",
    [
        ("-o", "json", "session", "get", "u", "s"),
        ("session", "--output", "json", "get", "u", "s"),
        ("session", "get", "-ojson", "u", "s"),
        ("session", "get", "u", "s", "--output=json"),
        ("-o", "csv", "session", "-o", "table", "get", "u", "s", "-o", "json"),
        ("-p", "local", "session", "get", "u", "s", "-o", "json"),
    ],
)
def test_global_options_stand_before_and_after(ready: Cli, argv: tuple[str, ...]) -> None:
    """At the root, at the noun, at the command; the last one counts."""
    ready.ok("session", "put", "u", "s")
    assert ready.ok(*argv).json["session_id"] == "s"


def test_fields_choose_in_every_format(ready: Cli) -> None:
    """In the order asked, a missing metadata value null, in all formats."""
    ready.ok("session", "put", "u", "s", "-m", "topic=x")
    fields = ("--fields", "session_id,metadata.topic, metadata.none")

    assert ready.ok("session", "list", "-o", "csv", *fields).text.splitlines()[1] == "s,x,"
    assert ready.ok(*fields, "session", "list", "-o", "jsonl").lines == [
        {"session_id": "s", "metadata.topic": "x", "metadata.none": None}
    ]
    assert ready.ok("session", "get", "u", "s", "-o", "json", *fields).json["metadata.topic"] == "x"
    assert ready.ok("session", "list", *fields).text.split()[:3] == ["session_id", "metadata.topic", "metadata.none"]


@pytest.mark.parametrize("fields", ["bogus", "", "user_id,", "user_id,user_id", "metadata.", "metadata.#b", "role"])
def test_bad_fields_are_refused_before_anything_is_written(ready: Cli, fields: str) -> None:
    """`put --fields bogus` writes nothing, wherever the option stands."""
    for argv in (
        ("session", "put", "u", "s", "--fields", fields),
        ("--fields", fields, "session", "put", "u", "s"),
        ("session", "list", "--fields", fields),
        ("show", "s", "--fields", "user_id"),
        ("message", "put", "s", "m", "--fields", "update_time"),
    ):
        outcome = ready(*argv, "-o", "json")
        assert (outcome.code, outcome.out) == (2, b"")
        assert outcome.error["code"] == "InvalidInput"
        assert "field" in outcome.error["message"]
    assert ready.export().count(b"\n") == 2


@pytest.mark.parametrize(
    "argv",
    [
        ("init-tables",),
        ("drop-tables", "--yes"),
        ("session", "update", "ada", "s00000", "-m", "a=1"),
        ("session", "delete", "ada", "s00000"),
        ("session", "purge", "--everyone", "--yes"),
        ("message", "update", "s00000", "m00000", "-m", "a=1"),
        ("message", "delete", "s00000", "m00000"),
        ("message", "purge", "--everything", "--yes"),
        ("export",),
        ("export", "out.jsonl"),
        ("import",),
        ("profile", "list"),
        ("profile", "set", "x", "backend=local"),
        ("completion", "bash"),
        ("demo",),
    ],
)
def test_fields_are_refused_where_there_is_nothing_to_choose(ready: Cli, argv: tuple[str, ...]) -> None:
    """A command that shows no items refuses --fields, and does nothing."""
    ready.fill([*sessions(1), *messages(1)])
    before = ready.export()
    outcome = ready(*argv, "--fields", "session_id", stdin=b'{"user_id": "u", "session_id": "s"}\n')

    assert (outcome.code, outcome.out) == (2, b"")
    assert outcome.err.startswith("error: --fields chooses among the fields of sessions and messages")
    assert ready.export() == before
    assert not Path("out.jsonl").exists()
    assert not (ready.folder / "config").exists()


WRONG = [
    (("sesion",), "Did you mean 'session'?"),
    (("session", "lst"), "Did you mean 'list'?"),
    (("session", "list", "--usr", "x"), "--user"),
    (("--ouput", "json", "session", "list"), "--output"),
    (("session", "list", "--quux"), "--quux"),
    (("session", "get", "u"), "SESSION"),
    (("session", "get", "u", "s", "more"), "more"),
    (("session", "list", "--limit", "x"), "x"),
    (("session", "list", "--limit", "-1"), "-1"),
    (("session", "list", "-o", "xml"), "xml"),
    (("message", "list", "--order", "up"), "up"),
    (("message", "list", "--last", "3"), "--last"),
    (("message", "list", "--session", "s", "--last", "0"), "0"),
    (("show", "s", "--last", "0"), "0"),
    (("session", "recent", "--user", "u", "--since", "yesterday"), "--since"),
    (("session", "recent", "--user", "u", "--since", "1h", "--until", "2h"), "empty"),
    (("session", "update", "u", "s"), "nothing to change"),
    (("session", "put", "u", "s", "-m", "x"), "x"),
    (("session", "put", "u", "s", "-m", "a=1", "-m", "a=2"), "twice"),
    (("session", "put", "u", "s", "-m", "=2"), "key"),
    (("session", "put", "u", "s", "-m", "#b=2"), "#b"),
    (("session", "put", "u", "s", "-m", f"{'k' * 256}=2"), "key"),
    (("session", "put", "u", "s", "-m", "update_time=2"), "update_time"),
    (("session", "put", "u", "s", "-m", "user_id=2"), "user_id"),
    (("message", "put", "s", "m", "-m", "role=2"), "role"),
    (("message", "put", "s", "m", "-m", "create_time:=2"), "create_time"),
    (("session", "put", "u", "s", "-m", "a:=NaN"), "NaN"),
    (("session", "put", "u", "s", "-m", "a:=1e999"), "1e999"),
    (("session", "put", "u", "s", "-m", "a:=9223372036854775808"), "64 bits"),
    (("session", "put", "u", "s", "-m", "a:=[1]"), "flat"),
    (("session", "put", "u", "s", "-m", "a:=null"), "null"),
    (("session", "put", "u", "s", "-m", "a@/no/such/file"), "/no/such/file"),
    (("session", "put", "u", "s", "-m", "a@x\0"), "null byte"),
    (("message", "put", "s", "m", "--content", "x", "--content-file", "-"), "--content-file"),
    (("message", "put", "s", "m", "--content-file", "-", "-m", "a@-"), "standard input"),
    (("message", "put", "s", "m", "--content-file", "/no/such/file"), "/no/such/file"),
    (("message", "put", "s", "m", "--create-time", "-5d"), "no time"),
    (("session", "update", "u", "s", "--unset", "user_id"), "key"),
    (("session", "update", "u", "s", "-m", "a=1", "--unset", "a"), "both"),
    (
        (
            "session",
            "purge",
        ),
        "--everyone",
    ),
    (("session", "purge", "--user", "u", "--everyone"), "--everyone"),
    (
        (
            "message",
            "purge",
        ),
        "--everything",
    ),
    (("message", "purge", "--session", "s", "--everything"), "--everything"),
    (("init-tables", "--check", "--dry-run"), "--check"),
    (("import", "--format", "xml"), "xml"),
    (("import", "--on-conflict", "merge"), "merge"),
    (("import", "--user", "u"), "--user"),
    (("import", "/no/such/file"), "/no/such/file"),
    (("import", "."), "directory"),
    (("export", "/no/such/folder/file"), "/no/such/folder/file"),
    (("export", "--user", "u", "--session", "s"), "both"),
    (("profile", "show", "nowhere"), "nowhere"),
    (("-p", "nowhere", "session", "list"), "nowhere"),
    (("--config", "/no/such/file", "session", "list"), "/no/such/file"),
    (("session", "list", "\udcff"), "UTF-8"),
]


@pytest.mark.parametrize(("argv", "word"), WRONG, ids=[" ".join(argv)[:60].replace("\udcff", "?") for argv, _ in WRONG])
@pytest.mark.parametrize("output", ["table", "jsonl"])
def test_wrong_use_is_exit_2_and_nothing_is_done(ready: Cli, argv: tuple[str, ...], word: str, output: str) -> None:
    """One `error:` line or one JSON object on stderr, nothing on stdout, nothing written."""
    outcome = ready("-o", output, *argv) if "xml" not in argv or argv[0] == "import" else ready(*argv)

    assert (outcome.code, outcome.out) == (2, b"")
    assert word in outcome.err
    assert ready.export().count(b"\n") == 2
    if output in ("json", "jsonl") and "-o" not in argv:
        assert list(outcome.error) == ["code", "message", "hint", "request_id"]
    else:
        assert [line.partition(":")[0] for line in outcome.err.splitlines()] in (["error"], ["error", "hint"])


@pytest.mark.parametrize(
    "argv",
    [
        ("session", "put", ""),
        ("session", "put", "u", ""),
        ("session", "get", "", "s"),
        ("session", "update", "u", "", "-m", "a=1"),
        ("session", "delete", "", "s00000", "--with-messages"),
        ("session", "delete", "ada", "", "--missing-ok"),
        ("session", "purge", "--user", "", "--yes"),
        ("session", "purge", "--user", "", "--dry-run"),
        ("session", "list", "--user", ""),
        ("session", "recent", "--user", ""),
        ("message", "put", ""),
        ("message", "put", "s", ""),
        ("message", "put", "s00000", "m9", "--touch", ""),
        ("message", "get", "", "m"),
        ("message", "update", "s00000", "", "--content", "x"),
        ("message", "delete", "", "m00000"),
        ("message", "purge", "--session", "", "--yes"),
        ("message", "list", "--session", ""),
        ("message", "list", "--session", "", "--last", "1"),
        ("show", ""),
        ("show", "s00000", "--user", ""),
        ("export", "--user", ""),
        ("export", "--session", ""),
        ("import", "--format", "openai", "--user", ""),
    ],
)
def test_an_empty_id_is_never_everyone(ready: Cli, argv: tuple[str, ...]) -> None:
    """An empty id is refused with exit 2, empty stdout and nothing changed."""
    ready.fill([*sessions(2), *messages(2)])
    before = ready.export()
    outcome = ready(*argv, stdin=b'[{"role": "user", "content": "x"}]\n')

    assert (outcome.code, outcome.out) == (2, b"")
    assert "empty" in outcome.err
    assert ready.export() == before


def test_an_error_in_the_profile_file_names_file_and_line(cli: Cli) -> None:
    """An unknown key is refused with its place and the nearest valid one."""
    path = cli.config('[profiles.x]\nbackend = "local"\npaht = "y"\n')
    outcome = cli("-p", "x", "session", "list")

    assert outcome.code == 2
    assert f"{path}" in outcome.err
    assert "3" in outcome.err
    assert "'path'" in outcome.err


def test_a_profile_chooses_the_format_of_errors_too(cli: Cli) -> None:
    """`output = "json"` in a profile makes its errors JSON."""
    cli.config('default_profile = "x"\n[profiles.x]\nbackend = "local"\npath = "x.db"\noutput = "json"\n')
    outcome = cli("session", "list")

    assert (outcome.code, outcome.error["code"]) == (3, "TableNotFound")
    assert cli("-o", "table", "session", "list").err.startswith("error: ")


def test_help_works_when_the_profile_file_is_broken(cli: Cli) -> None:
    """Help, version, completion scripts and profile path need no profile."""
    cli.config("nonsense")
    for argv, said in (
        (("--help",), "Usage: tsmem"),
        (("session", "list", "--help"), "Usage: tsmem session list"),
        (("--version",), "tsmem "),
        ((), "Usage: tsmem"),
        (("profile", "path"), "config.toml"),
        (("completion", "bash"), "complete -o default"),
    ):
        assert said in cli.ok(*argv).text


def test_debug_shows_a_traceback_and_the_error_line_all_the_same(ready: Cli) -> None:
    """--debug adds the traceback; without it there is none."""
    debugged = ready("session", "get", "u", "s", "--debug")
    assert "Traceback" in debugged.err
    assert debugged.err.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in ready("session", "get", "u", "s").err


def test_warnings_about_times_are_talk(ready: Cli) -> None:
    """A time that looks like seconds is taken as microseconds, with a warning on stderr."""
    put = ready.ok("session", "put", "u", "s", "--update-time", "1760000000", "-o", "json")
    assert put.json["update_time"] == 1760000000
    assert put.err.startswith("warning: --update-time: 1760000000 looks like seconds")


@pytest.mark.parametrize("output", ["json", "jsonl"])
def test_not_found_and_conflict_in_json(ready: Cli, output: str) -> None:
    """Errors of every kind have the same shape in JSON."""
    ready.fill([Session("u", "s", 1)])
    cases: list[tuple[Outcome, int, str]] = [
        (ready("session", "get", "u", "x", "-o", output), 3, "NotFound"),
        (ready("session", "put", "u", "s", "--if-absent", "-o", output), 4, "AlreadyExists"),
        (ready("import", "--on-conflict", "fail", "-o", output, stdin=ready.export()), 4, "AlreadyExists"),
    ]
    for outcome, code, name in cases:
        assert (outcome.code, outcome.out, outcome.error["code"]) == (code, b"", name)
        assert json.dumps(outcome.error)


def test_hint_names_the_double_dash_for_text_that_begins_with_a_dash(ready: Cli) -> None:
    """https://github.com/pallets/click/issues/1624: the parser takes such a text for an option."""
    ready.ok("message", "put", "s", "m", "--content", "- milk")
    outcome = ready("message", "search", "- milk", "-o", "json")

    assert outcome.code == 2
    assert "tsmem message search -- TEXT" in outcome.error["hint"]
    assert [row["message_id"] for row in ready.ok("message", "search", "-o", "jsonl", "--", "- milk").lines] == ["m"]
