"""Each command does what it says, and says what it did; each exit code has its cause."""

from __future__ import annotations

import io
import json
import re
import uuid

import pytest

from tests.cli.conftest import Cli, messages, sessions
from tsmem.cli.app.main import main
from tsmem.cli.io.streams import Streams
from tsmem.store import Message, Session

NOW = 1_767_225_600_000_000


def test_a_session_is_written_read_changed_and_deleted(ready: Cli) -> None:
    """put prints what it wrote, get the same, update merges, delete removes."""
    put = ready.ok("session", "put", "u", "s", "-m", "topic=billing", "-m", "n:=3", "-o", "json")
    expected = {"user_id": "u", "session_id": "s", "update_time": NOW, "search_content": None}
    assert put.json == {**expected, "metadata": {"n": 3, "topic": "billing"}}
    assert ready.ok("session", "get", "u", "s", "-o", "json").json == put.json

    changed = ready.ok("session", "update", "u", "s", "-m", "n:=4.0", "--unset", "topic", "--search-content", "")
    assert (changed.out, changed.err) == (b"", "updated session 's' of user 'u'\n")
    got = ready.ok("session", "get", "u", "s", "-o", "json")
    assert got.json == {**expected, "search_content": "", "metadata": {"n": 4.0}}
    assert b'"n": 4.0' in got.out

    assert ready.ok("session", "delete", "u", "s").err == (
        "deleted session 's' of user 'u'\n"
        "its messages stay, if it had any; this deletes them, whoever's they are: tsmem message purge --session s\n"
    )
    assert ready("session", "get", "u", "s").code == 3


def test_a_message_is_written_read_changed_and_deleted(ready: Cli) -> None:
    """A message is found by its id alone."""
    put = ready.ok("message", "put", "s", "m", "--role", "user", "--content", "", "-o", "json")
    expected = {"session_id": "s", "message_id": "m", "create_time": NOW, "role": "user", "search_content": None}
    assert put.json == {**expected, "content": "", "metadata": {}}
    assert ready.ok("message", "get", "s", "m", "-o", "json").out == put.out

    ready.ok("message", "update", "s", "m", "--content", "new", "--unset", "role", "-m", "a=1")
    assert ready.ok("message", "get", "s", "m", "-o", "json").json == {
        **expected,
        "role": None,
        "content": "new",
        "metadata": {"a": "1"},
    }

    ready.ok("message", "delete", "s", "m")
    assert ready("message", "get", "s", "m").code == 3


@pytest.mark.parametrize("output", ["table", "json", "jsonl", "csv"])
def test_an_omitted_id_is_made_and_printed(ready: Cli, output: str) -> None:
    """put makes a UUID where no id is given, and every format prints it."""
    for noun in ("session", "message"):
        out = ready.ok(noun, "put", "owner", "-m", "a=1", "-o", output).text
        found = re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", out)
        assert found is not None
        assert str(uuid.UUID(found[0])) == found[0]
        ready.ok(noun, "get", "owner", found[0])


def test_put_replaces_and_update_replaces_metadata_when_asked(ready: Cli) -> None:
    """A second put leaves nothing of the first; --replace-metadata leaves the fields alone."""
    ready.ok("session", "put", "u", "s", "-m", "a=1", "--search-content", "x")
    ready.ok("session", "update", "u", "s", "-m", "b=2", "--replace-metadata")
    got = ready.ok("session", "get", "u", "s", "-o", "json").json
    assert (got["metadata"], got["search_content"]) == ({"b": "2"}, "x")

    ready.ok("session", "put", "u", "s")
    got = ready.ok("session", "get", "u", "s", "-o", "json").json
    assert (got["metadata"], got["search_content"]) == ({}, None)


def test_touch_sets_the_time_to_now(ready: Cli) -> None:
    """--touch is now; with --update-time it is refused."""
    ready.ok("session", "put", "u", "s", "--update-time", "2020-01-01T00:00:00Z")
    ready.ok("session", "update", "u", "s", "--touch")
    assert ready.ok("session", "get", "u", "s", "-o", "json").json["update_time"] == NOW
    assert ready("session", "update", "u", "s", "--touch", "--update-time", "5").code == 2


def test_a_message_can_touch_its_session(ready: Cli) -> None:
    """--touch raises the session's time, and never lowers it."""
    ready.ok("session", "put", "u", "s", "--update-time", "1h")
    ready.ok("message", "put", "s", "m1", "--content", "x", "--touch", "u", "--create-time", "1m")
    assert ready.ok("session", "get", "u", "s", "-o", "json").json["update_time"] == NOW - 60_000_000
    ready.ok("message", "put", "s", "m2", "--content", "x", "--touch", "u", "--create-time", "2h")
    assert ready.ok("session", "get", "u", "s", "-o", "json").json["update_time"] == NOW - 60_000_000


def test_touching_a_missing_session_is_partly_done(ready: Cli) -> None:
    """The message is written and its id is said, although the session is not there: exit 7."""
    outcome = ready("message", "put", "s", "--content", "x", "--touch", "nobody")

    assert (outcome.code, outcome.out) == (7, b"")
    (made,) = ready.ok("message", "list", "-o", "json").json["items"]
    assert made["message_id"] in outcome.err


def test_listings(ready: Cli) -> None:
    """list goes by key, recent by time, message list by time or backward; bounds include their ends."""
    ready.fill([*sessions(3), *sessions(1, "bob"), *messages(4)])

    def ids(*argv: str) -> list[str]:
        noun = argv[0]
        return [item[f"{noun}_id"] for item in ready.ok(*argv, "-o", "jsonl").lines]

    assert ids("session", "list") == ["s00000", "s00001", "s00002", "s00000"]
    assert ids("session", "list", "--user", "bob") == ["s00000"]
    assert ids("session", "recent", "--user", "ada") == ["s00002", "s00001", "s00000"]
    bounds = ("--since", "1767000001000000", "--until", "1767000002000000")
    assert ids("session", "recent", "--user", "ada", *bounds) == ["s00002", "s00001"]
    assert ids("message", "list") == [f"m0000{n}" for n in range(4)]
    assert ids("message", "list", "--order", "desc", "--limit", "2") == ["m00003", "m00002"]
    assert ids("message", "list", "--session", "s00000", *bounds) == ["m00001", "m00002"]
    assert ids("message", "list", *bounds) == ["m00001", "m00002"]
    assert ids("message", "list", "--session", "s00000", "--last", "2") == ["m00002", "m00003"]
    assert ids("message", "list", "--role", "assistant") == []
    assert ids("session", "list", "--user", "nobody") == []


def test_deleting_with_messages(ready: Cli) -> None:
    """delete leaves messages unless told, and says how many went."""
    ready.fill([*sessions(2), *messages(3), *messages(1, "s00001")])

    assert ready.ok("session", "delete", "ada", "s00000", "--with-messages").err.endswith("and 3 messages\n")
    assert ready.ok("session", "delete", "ada", "s00001", "--with-messages").err.endswith("and 1 message\n")
    assert ready.export().count(b"\n") == 2


def test_purging(ready: Cli) -> None:
    """purge --until removes up to that time, with counts; a dry run only counts."""
    ready.fill([*sessions(3), *messages(3)])
    until = ("--until", "1767000001000000")

    dry = ready.ok("session", "purge", "--user", "ada", *until, "--dry-run", "-o", "json")
    assert dry.json == {"sessions": 2, "messages": 0, "skipped": 0, "failed": 0}
    assert ready.ok("message", "purge", "--session", "s00000", *until, "--yes", "-o", "json").json["messages"] == 2
    assert ready.ok("session", "purge", "--everyone", *until, "--yes", "-o", "json").json == dry.json
    chosen = ("--filter", "create_time > 5", "--yes", "-o", "json")
    assert ready.ok("message", "purge", "--everything", *chosen).json["messages"] == 1
    assert ready.ok("export").out.count(b"\n") == 3


def test_tables(cli: Cli) -> None:
    """init-tables creates what is missing, once; --dry-run and --check only look; drop-tables removes all."""
    dry = cli.ok("init-tables", "--dry-run", "-o", "json").json
    assert {step["state"] for step in dry["steps"]} == {"missing"}
    assert not cli.database.exists()
    check = cli("init-tables", "--check", "-o", "json")
    assert check.code == 4
    assert check.json == dry
    assert json.loads(check.err.splitlines()[-1])["error"]["code"] == "SchemaMismatch"

    assert {step["state"] for step in cli.ok("init-tables", "-o", "json").json["steps"]} == {"created"}
    assert {step["state"] for step in cli.ok("init-tables", "-o", "json").json["steps"]} == {"present"}
    assert cli.ok("init-tables", "--check").err.startswith("comparing ")

    dropped = cli.ok("drop-tables", "--yes", "-o", "json").json["dropped"]
    assert dropped[-1] == "table message"
    assert cli("session", "list").code == 3
    assert cli.ok("drop-tables", "--yes", "-o", "json").json == {"dropped": []}


def test_a_table_that_is_dropped_is_named_once(ready: Cli) -> None:
    """On a terminal each name stands in one line, and where nothing was there that is said."""
    first, second = io.BytesIO(), io.BytesIO()
    for seen in (first, second):
        streams = Streams(io.BytesIO(), seen, seen, stdout_is_terminal=True, stderr_is_terminal=True)
        assert main(("drop-tables", "--yes"), streams, ready.environ, ready.clock) == 0

    assert ["deleted table message"] == [line for line in first.getvalue().decode().splitlines() if "e mess" in line]
    assert b"there was nothing to delete" == second.getvalue().splitlines()[-1]


def test_init_tables_without_search(cli: Cli) -> None:
    """--no-search leaves the search indexes out; a later run adds them."""
    steps = cli.ok("init-tables", "--no-search", "-o", "json").json["steps"]
    assert {step["kind"] for step in steps} == {"table", "secondary index"}
    later = cli.ok("init-tables", "-o", "json").json["steps"]
    assert [step["name"] for step in later if step["state"] == "created"] == [
        "session_search_index",
        "message_search_index",
    ]


def test_profiles(cli: Cli) -> None:
    """set writes, list marks the one in force, use changes it, delete removes it, path names the file."""
    cli.ok("profile", "set", "here", "backend=local", "path=here.db")
    cli.ok("profile", "use", "here")
    listed = cli.ok("profile", "list", "-o", "json").json["profiles"]
    assert [(p["name"], p["is_default"]) for p in listed] == [("here", True), ("local", False)]
    assert cli.ok("profile", "show", "-o", "json").json["name"] == "here"
    path = cli.ok("profile", "path", "-o", "json").json
    assert path == {"path": str(cli.folder / "config/tsmem/config.toml"), "exists": True}
    cli.ok("profile", "use", "local")
    cli.ok("profile", "delete", "here")
    assert cli("profile", "show", "here").code == 2
    assert cli("profile", "show", "").code == 2


def test_conflicts(ready: Cli) -> None:
    """--if-absent on what exists, and an id that is used twice, end with 4 and change nothing."""
    ready.fill([Session("u", "s", 1), Message("s", "m", 1, content="first"), Message("s", "m", 2, content="second")])
    before = ready.export()

    for argv in (
        ("session", "put", "u", "s", "--if-absent"),
        ("message", "put", "s", "m", "--content", "x", "--create-time", "1", "--if-absent"),
        ("message", "get", "s", "m"),
        ("message", "update", "s", "m", "--content", "x"),
        ("message", "delete", "s", "m"),
        ("message", "delete", "s", "m", "--missing-ok"),
    ):
        assert ready(*argv).code == 4, argv
    assert ready.export() == before
    assert "1 and 2" in ready("message", "get", "s", "m").err
    assert ready.ok("message", "get", "s", "m", "--create-time", "2", "-o", "json").json["content"] == "second"


def test_missing(ready: Cli) -> None:
    """A missing row is exit 3, updating does not create it, and --missing-ok makes deleting it no error."""
    for argv in (
        ("session", "get", "u", "s"),
        ("session", "update", "u", "s", "-m", "a=1"),
        ("session", "delete", "u", "s"),
        ("session", "delete", "u", "s", "--with-messages"),
        ("message", "get", "s", "m"),
        ("message", "get", "s", "m", "--create-time", "1h"),
        ("message", "update", "s", "m", "--content", "x"),
        ("message", "update", "s", "m", "--content", "x", "--create-time", "1h"),
        ("message", "delete", "s", "m"),
    ):
        outcome = ready(*argv)
        assert (outcome.code, outcome.out) == (3, b""), argv
        assert outcome.err.startswith("error: there is no ")
    ready.ok("session", "delete", "u", "s", "--missing-ok")
    ready.ok("message", "delete", "s", "m", "--missing-ok")
    assert ready.export().count(b"\n") == 2


def test_stats(ready: Cli) -> None:
    """--stats says on stderr what it cost; getting a session is one request."""
    ready.ok("session", "put", "u", "s")
    said = ready.ok("session", "get", "u", "s", "--stats").err
    assert re.search(r"^stats: 1 request, 1 read .*, 1 row scanned, 1 returned, ", said, re.MULTILINE)
    said = ready.ok("session", "put", "u", "s", "--stats").err
    assert re.search(r"^stats: 1 request, 0 read .*, 0 rows scanned, ", said, re.MULTILINE)


def test_if_absent_heeds_the_id_where_no_time_is_given(ready: Cli) -> None:
    """A time made now would make the key a new one each time: the id alone is what must not be there."""
    put = ("message", "put", "s", "m", "--content", "x", "--if-absent")
    assert ready(*put).code == 0
    assert ready(*put).code == 4
    assert ready(*put, "--create-time", "2020-01-01").code == 0
    assert ready(*put, "--create-time", "2020-01-01").code == 4


def test_help_and_version_go_where_output_goes(cli: Cli, capfd: pytest.CaptureFixture[str]) -> None:
    """Both are output like any other: on the stream that was given, and nowhere else. A noun alone shows its help."""
    assert cli.ok("--version").text.startswith("tsmem 0.")
    assert cli.ok("session", "list", "--version").out == cli.ok("--version").out
    assert "Usage: tsmem session get [OPTIONS] USER SESSION\n" in cli.ok("session", "get", "--help").text
    for noun in ((), ("session",), ("message",), ("profile",)):
        assert "Commands:" in cli.ok(*noun).text
        assert cli.ok(*noun) == cli.ok(*noun, "--help")
    assert capfd.readouterr() == ("", "")


def test_each_shell_has_a_completion_script(cli: Cli) -> None:
    for shell in ("bash", "zsh", "fish"):
        assert b"tsmem" in cli.ok("completion", shell).out
