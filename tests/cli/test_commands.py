"""Each command does its job and reports it."""

from __future__ import annotations

import base64
import json
import re
import uuid
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, messages, sessions

NOW = 1_767_225_600_000_000


def test_a_session_is_written_read_changed_and_deleted(ready: Cli) -> None:
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
        "its messages were kept; this deletes them, for all users of the id: tsmem message purge --session s\n"
    )
    ready.ok("session", "delete", "u", "s", "--missing-ok")


def test_options_of_update_replace_metadata_and_set_the_time_to_now(ready: Cli) -> None:
    ready.ok("session", "put", "u", "s", "-m", "a=1", "--search-content", "x", "--update-time", "2020-01-01T00:00:00Z")
    ready.ok("session", "update", "u", "s", "-m", "b=2", "--replace-metadata", "--touch")
    got = ready.ok("session", "get", "u", "s", "-o", "json").json
    assert (got["metadata"], got["search_content"], got["update_time"]) == ({"b": "2"}, "x", NOW)


def test_a_message_is_written_read_changed_and_deleted(ready: Cli) -> None:
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
    ready.ok("message", "delete", "s", "m", "--missing-ok")


@pytest.mark.parametrize("output", ["table", "json", "jsonl", "csv"])
def test_an_omitted_id_is_generated_and_printed(ready: Cli, output: str) -> None:
    for noun in ("session", "message"):
        out = ready.ok(noun, "put", "owner", "-m", "a=1", "-o", output).text
        found = re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", out)
        assert found is not None
        assert str(uuid.UUID(found[0])) == found[0]
        ready.ok(noun, "get", "owner", found[0])


def test_a_message_can_touch_its_session(ready: Cli) -> None:
    ready.ok("session", "put", "u", "s", "--update-time", "1h")
    for age in ("1m", "2h"):
        ready.ok("message", "put", "s", "--content", "x", "--touch", "u", "--create-time", age)
        assert ready.ok("session", "get", "u", "s", "-o", "json").json["update_time"] == NOW - 60_000_000


def test_options_choose_what_is_listed_and_in_which_order(ready: Cli) -> None:
    ready.fill([*sessions(3), *sessions(1, "bob"), *messages(4)])

    def ids(*argv: str) -> list[str]:
        noun = argv[0]
        return [item[f"{noun}_id"] for item in ready.ok(*argv, "-o", "jsonl").lines]

    assert ids("session", "list") == ["s00000", "s00001", "s00002", "s00000"]
    assert ids("session", "list", "--user", "bob") == ["s00000"]
    assert ids("session", "recent", "--user", "ada") == ["s00002", "s00001", "s00000"]
    bounds = ("--since", "1767000001000000", "--until", "1767000002000000")
    assert ids("session", "recent", "--user", "ada", *bounds) == ["s00002", "s00001"]
    assert ids("message", "list", "--order", "desc", "--limit", "2") == ["m00003", "m00002"]
    assert ids("message", "list", "--session", "s00000", *bounds) == ["m00001", "m00002"]
    assert ids("message", "list", *bounds) == ["m00001", "m00002"]
    assert ids("message", "list", "--session", "s00000", "--last", "2") == ["m00002", "m00003"]
    assert ids("message", "list", "--role", "assistant") == []


def test_purge_and_its_dry_run_report_the_same_counts(ready: Cli) -> None:
    ready.fill([*sessions(3), *messages(3)])
    until = ("--until", "1767000001000000")

    dry = ready.ok("session", "purge", "--user", "ada", *until, "--dry-run", "-o", "json")
    assert dry.json == {"sessions": 2, "messages": 0, "skipped": 0, "failed": 0}
    assert ready.ok("message", "purge", "--session", "s00000", *until, "--yes", "-o", "json").json["messages"] == 2
    assert ready.ok("session", "purge", "--everyone", *until, "--yes", "-o", "json").json == dry.json
    chosen = ("--filter", "create_time > 5", "--yes", "-o", "json")
    assert ready.ok("message", "purge", "--everything", *chosen).json["messages"] == 1
    assert ready.ok("export").out.count(b"\n") == 3


def test_init_tables_and_drop_tables_report_what_they_did(cli: Cli) -> None:
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

    assert cli.ok("drop-tables", "--yes", "-o", "json").json["dropped"][-1] == "table message"
    assert cli("session", "list").code == 3
    assert cli.ok("drop-tables", "--yes", "-o", "json").json == {"dropped": []}


def test_a_table_that_is_dropped_is_named_once(ready: Cli) -> None:
    first, second = (ready.ok("drop-tables", "--yes", width=80, talk=True) for _ in range(2))

    assert 1 == (first.text + first.err).count("deleted table message\n")
    assert "there was nothing to delete" == (second.text + second.err).splitlines()[-1]


def test_profile_commands_edit_the_profile_file(cli: Cli) -> None:
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


def test_if_absent_without_a_time_refuses_an_id_that_exists(ready: Cli) -> None:
    """The current time is a part of the key, so otherwise no put would ever find its row."""
    put = ("message", "put", "s", "m", "--content", "x", "--if-absent")
    assert ready(*put).code == 0
    assert ready(*put).code == 4
    assert ready(*put, "--create-time", "2020-01-01").code == 0
    assert ready(*put, "--create-time", "2020-01-01").code == 4


def test_help_and_version_are_written_to_stdout(cli: Cli, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.ok("--version").text.startswith("tsmem 0.")
    assert cli.ok("session", "list", "--version").out == cli.ok("--version").out
    assert "Usage: tsmem session get [OPTIONS] USER SESSION\n" in cli.ok("session", "get", "--help").text
    for noun in ((), ("session",), ("message",), ("profile",)):
        assert ("Commands:" if noun else "Delete:") in cli.ok(*noun).text
        assert cli.ok(*noun) == cli.ok(*noun, "--help")
    assert capfd.readouterr() == ("", "")


def test_metadata_from_a_file_is_stored_as_bytes(ready: Cli) -> None:
    Path("empty").write_bytes(b"")
    Path("bytes").write_bytes(every := bytes(range(256)))
    expected = {"none": {"$bytes": ""}, "some": {"$bytes": base64.b64encode(every).decode()}}
    for noun in ("session", "message"):
        ready.ok(noun, "put", "a", "b", "-m", "none@empty", "-m", "some@bytes")
        assert expected == ready.ok(noun, "get", "a", "b", "-o", "json").json["metadata"]


@pytest.mark.parametrize("content", ["", "\ufeffa\0b\n\r\t👍🏽", "é" * 2**20])
def test_content_from_a_file_is_stored_unchanged(ready: Cli, content: str) -> None:
    Path("content").write_bytes(content.encode())
    ready.ok("message", "put", "s", "file", "--content-file", "content")
    ready.ok("message", "put", "s", "stdin", "--content-file", "-", stdin=content.encode())

    with ready.store() as store:
        assert [content, content] == [message.content for message in store.messages.iterate("s")]


def test_create_time_0_is_a_time(ready: Cli) -> None:
    ready.ok("message", "put", "s", "m", "--create-time", "0", "--content", "x")
    (item,) = ready.ok("message", "list", "--until", "1970-01-01T00:00:00Z", "-o", "jsonl").lines
    assert (item["create_time"], item["content"]) == (0, "x")
    assert ready.ok("message", "get", "s", "m", "--create-time", "0", "-o", "json").json == item
