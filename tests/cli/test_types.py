"""Values keep type and bits through the command line; what cannot be kept is refused before anything is written."""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tsmem.store import Message, Session

MAX = 2**63 - 1
LONG_ID = "é" * 512
"""1,024 bytes."""
TWO_MB = 2 * 1024 * 1024


def test_metadata_keeps_types_and_bits(ready: Cli) -> None:
    """The ends of 64 bits, -0.0, 1e308, the smallest double, booleans, empty text and bytes, emoji, equals signs."""
    Path("empty").write_bytes(b"")
    Path("bytes").write_bytes(bytes(range(256)))
    pairs = {
        "most:=9223372036854775807": MAX,
        "least:=-9223372036854775808": -MAX - 1,
        "zero:=-0.0": -0.0,
        "big:=1e308": 1e308,
        "tiny:=5e-324": 5e-324,
        "five:=5": 5,
        "five_point:=5.0": 5.0,
        "five_text=5": "5",
        "yes:=true": True,
        "one:=1": 1,
        "nothing=": "",
        "eq=a=b:=c@d": "a=b:=c@d",
        "emoji=👩‍👩‍👧‍👦 退款": "👩‍👩‍👧‍👦 退款",
        "no_bytes@empty": {"$bytes": ""},
        "some_bytes@bytes": {"$bytes": base64.b64encode(bytes(range(256))).decode()},
    }
    options = [word for pair in pairs for word in ("-m", pair)]
    ready.ok("session", "put", "u", "s", *options)
    ready.ok("message", "put", "s", "m", *options)

    for argv in (("session", "get", "u", "s"), ("message", "get", "s", "m")):
        metadata = ready.ok(*argv, "-o", "json").json["metadata"]
        expected = {pair.partition("=")[0].rstrip(":").partition("@")[0]: value for pair, value in pairs.items()}
        assert {key: repr(value) for key, value in metadata.items()} == {k: repr(v) for k, v in expected.items()}
        assert math.copysign(1, metadata["zero"]) == -1


def test_an_export_and_import_keep_every_value(ready: Cli) -> None:
    """Export, import into a second store, export: the same bytes."""
    ready.fill(
        [
            Session("u", "s", MAX, "", {"a": -0.0, "b": b"", "c": "\x00\x7f\x85\u2028\ufeff", "d": 1e308}),  # type: ignore[arg-type]
            Session("\x00", "\n", None, None, {}),  # type: ignore[arg-type]
            Message("s", "m", -MAX - 1, "", "", "", {"x": True}),  # type: ignore[arg-type]
            Message("s", "m", 0, None, None, None, {"role_": 1}),  # type: ignore[arg-type]
        ]
    )
    first = ready.export()
    ready.ok("drop-tables", "--yes")
    ready.ok("init-tables")
    ready.ok("import", stdin=first)

    assert ready.export() == first
    assert first.count(b"\n") == 6


@pytest.mark.parametrize("content", ["", "\0", "a\0b\n\r\t", "👍🏽", "\ufeffbom", "é" * (TWO_MB // 2)])
def test_content_from_a_file_is_kept_to_the_bit(ready: Cli, content: str) -> None:
    """--content-file takes a file, or standard input, as it is."""
    Path("content").write_bytes(content.encode())
    ready.ok("message", "put", "s", "file", "--content-file", "content")
    ready.ok("message", "put", "s", "stdin", "--content-file", "-", stdin=content.encode())

    with ready.store() as store:
        assert [content, content] == [message.content for message in store.messages.iterate("s")]


def test_ids_of_1024_bytes_work_everywhere_and_one_more_nowhere(ready: Cli) -> None:
    """The longest ids are written, listed, paged, shown, exported and deleted; a longer one is exit 2."""
    ready.ok("session", "put", LONG_ID, LONG_ID)
    for message in ("a" * 1024, "b" * 1024):
        ready.ok("message", "put", LONG_ID, message, "--content", "x")
    page = ready.ok("message", "list", "--session", LONG_ID, "--limit", "1", "-o", "json").json
    second = ("message", "list", "--session", LONG_ID, "--page-token", page["next_page_token"], "-o", "json")
    assert ready.ok(*second).json["items"][0]["message_id"] == "b" * 1024
    recent = ready.ok("session", "recent", "--user", LONG_ID, "-o", "json").json["items"]
    assert recent[0]["session_id"] == LONG_ID
    ready.ok("show", LONG_ID, "--user", LONG_ID, width=80)
    assert ready.ok("export", "--user", LONG_ID).out.count(b"\n") == 5
    before = ready.export()

    for argv in (
        ("session", "put", "u", LONG_ID + "x"),
        ("session", "list", "--user", LONG_ID + "x"),
        ("session", "purge", "--user", LONG_ID + "x", "--yes"),
        ("message", "put", "s", LONG_ID + "x"),
        ("message", "put", "s", "m", "--touch", LONG_ID + "x"),
        ("message", "get", "s", LONG_ID + "x"),
        ("show", LONG_ID + "x"),
    ):
        outcome = ready(*argv)
        assert (outcome.code, outcome.out) == (2, b""), argv
    assert ready.export() == before
    ready.ok("session", "delete", LONG_ID, LONG_ID, "--with-messages")
    assert ready.export().count(b"\n") == 2


def test_zero_is_a_time(ready: Cli) -> None:
    """create_time 0 is a time like any other, not `now`, not absent."""
    ready.ok("message", "put", "s", "m", "--content", "w", "--create-time", "0")
    ready.ok("message", "put", "s", "m", "--create-time", "0", "--content", "x")
    (item,) = ready.ok("message", "list", "--until", "1970-01-01T00:00:00Z", "-o", "jsonl").lines
    assert (item["create_time"], item["content"]) == (0, "x")
    assert ready.ok("message", "get", "s", "m", "--create-time", "0", "-o", "json").json == item
    assert json.loads(ready.ok("show", "s", "-o", "json").out)["messages"] == [item]
