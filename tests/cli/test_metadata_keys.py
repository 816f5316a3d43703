"""Metadata keys of any name that a column can have, through every command that takes or shows one."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from tests.cli.conftest import Cli
from tsmem.rows import Value
from tsmem.store import Metadata, Session
from tsmem.store.documents import export_line

KEYS = ["a.b", "price-2", "a:b", "价格", "9c", "a b", "'", '"', "$(id)", "-x", "a\nb", "a#b"]
HOSTILE = "\x1b[31m\u202ered\n"


def stored(cli: Cli, user: str = "u", session: str = "s") -> dict[str, Any]:
    """The metadata of a session."""
    metadata: dict[str, Any] = cli.ok("session", "get", user, session, "-o", "json").json["metadata"]
    return metadata


def test_keys_are_set_shown_filtered_and_removed(ready: Cli) -> None:
    """With -m, --fields in two formats, --filter and --unset."""
    ready.ok("session", "put", "u", "s", "-m", "other=x", *(word for key in KEYS for word in ("-m", f"{key}:=5")))
    assert stored(ready) == {**dict.fromkeys(KEYS, 5), "other": "x"}

    for key in KEYS:
        field = f"metadata.{key}"
        listing = ("session", "list", "--filter", f"metadata[{json.dumps(key)}] == 5")
        assert ready.ok(*listing, "--fields", field, "-o", "jsonl").lines == [{field: 5}]
        shown = list(csv.reader(io.StringIO(ready.ok(*listing, "--fields", f"session_id,{field}", "-o", "csv").text)))
        assert shown == [["session_id", field], ["s", "5"]]

    ready.ok("session", "update", "u", "s", *(f"--unset={key}" for key in KEYS))
    assert stored(ready) == {"other": "x"}


def test_the_first_sign_ends_the_key(ready: Cli) -> None:
    """What follows the first of =, := and @ is the value, whatever is in it."""
    pairs = ("a=b=c", "a:b=c", "d::=1", "e=x@y", "a.b-c=")
    ready.ok("session", "put", "u", "s", *(word for pair in pairs for word in ("-m", pair)))

    assert stored(ready) == {"a": "b=c", "a:b": "c", "d:": 1, "e": "x@y", "a.b-c": ""}


def test_a_field_in_quotes_may_have_commas_and_blanks(ready: Cli) -> None:
    """A double quote in it is written twice, as in CSV."""
    ready.fill([Session("u", "s", 1, None, Metadata({"a,b": 1, " c ": 2, 'd"': 3}))])
    fields = 'session_id, "metadata.a,b" ,"metadata. c ","metadata.d"""'

    assert ready.ok("session", "list", "--fields", fields, "-o", "jsonl").lines == [
        {"session_id": "s", "metadata.a,b": 1, "metadata. c ": 2, 'metadata.d"': 3}
    ]


def test_export_import_and_copy_keep_every_key(ready: Cli) -> None:
    """Also keys that -m cannot write."""
    metadata: dict[str, Value] = {**{key: n for n, key in enumerate(KEYS)}, "a=b": b"\0", "a@b": 0.5, HOSTILE: True}
    line = export_line(Session("u", "s", 1, None, Metadata(dict(sorted(metadata.items())))))
    ready.ok("import", stdin=line)
    exported = ready.ok("export").out
    assert line in exported

    ready.config(f'[profiles.other]\nbackend = "local"\npath = "{ready.folder}/other.db"\n')
    ready.ok("copy", "--from", "local", "--to", "other")
    assert ready.ok("export", "-p", "other").out == exported
    assert ready("copy", "--from", "local", "--to", "other", "--check").code == 0


@pytest.mark.parametrize("width", [None, 80])
def test_a_name_with_control_characters_is_shown_escaped(ready: Cli, width: int | None) -> None:
    """In cells, titles, records and reports, on a terminal and in a pipe."""
    ready.fill([Session("u", "s", 1, None, Metadata({HOSTILE: 1, "big": "x", f"{HOSTILE}2": "y" * 1_900_000}))])
    ready.ok("message", "put", "s", "m", "--content", "hi", "-m", f"{HOSTILE}=x")

    for argv in (("session", "list"), ("session", "list", "--fields", f"metadata.{HOSTILE}"), ("stats",), ("doctor",)):
        shown = ready(*argv, width=width)
        assert "\u202e" not in shown.text + shown.err, argv
        assert "[31mred\n" not in shown.text + shown.err, argv
        assert not any(character < " " and character != "\n" for character in shown.err), argv


def test_a_key_of_several_words_is_quoted_beside_its_value(ready: Cli) -> None:
    """It cannot be taken for two pairs."""
    ready.ok("session", "put", "u", "s", "-m", "a, b:=1", "-m", "c.d=x")

    assert '"a, b"=1, c.d=x' in ready.ok("session", "list").text


def test_an_openai_key_that_can_name_a_column_is_one(ready: Cli) -> None:
    """The others stay in _other, and so does JSON under a key with a comma, which _json could not name."""
    said = {"role": "user", "content": "hi", "price-2": 5, "价格": [1], "a,b": [2], "c,d": "x", "#": 1, "": 2}
    conversation = json.dumps({"id": "s", "x-trace": "t", "messages": [said]}).encode()
    ready.ok("import", "--format", "openai", "--user", "u", "--start-time", "2026-01-01T00:00:00Z", stdin=conversation)

    (message,) = ready.ok("message", "list", "-o", "jsonl").lines
    assert message["metadata"] == {
        "_json": "价格,_other", "_other": '{"a,b":[2],"#":1,"":2}', "c,d": "x", "price-2": 5, "价格": "[1]",
    }  # fmt: skip
    assert stored(ready) == {"x-trace": "t"}


def test_a_search_field_may_be_any_key(ready: Cli) -> None:
    """Set and removed by profile set, indexed, and searched by."""
    ready.config("")
    for assignment in ("a.b=long", "价格=keyword"):
        ready.ok("profile", "set", "local", f"tables.session.search_fields.{assignment}")
    ready.ok("profile", "set", "local", "tables.session.search_fields.gone-1=keyword")
    ready.ok("profile", "set", "local", "tables.session.search_fields.gone-1=")
    ready.ok("drop-tables", "--yes")
    ready.ok("init-tables")
    ready.ok("session", "put", "u", "s", "-m", "a.b:=5", "-m", "价格=x")
    ready.ok("session", "put", "u", "t", "-m", "a.b:=6", "-m", "价格=x")

    found = ready.ok("session", "search", "--filter", 'metadata["a.b"] > 5 and 价格 == "x"', "-o", "jsonl").lines

    assert [session["session_id"] for session in found] == ["t"]
    assert ready.ok("init-tables", "--check").code == 0


def test_a_row_from_elsewhere_with_any_name_is_read_and_written_back(ready: Cli) -> None:
    """Its keys can be replaced."""
    ready.fill([Session("u", "s", 1, None, Metadata({"a.b": 1}))])
    ready.ok("session", "update", "u", "s", "--replace-metadata", "-m", "c/d=2")

    assert stored(ready) == {"c/d": "2"}
