"""Values keep type and bits through the command line."""

from __future__ import annotations

import base64
import math
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

MAX = 2**63 - 1


def test_metadata_keeps_types_and_bits(ready: Cli) -> None:
    Path("empty").write_bytes(b"")
    every = bytes(range(256))
    Path("bytes").write_bytes(every)
    pairs = {
        "most:=9223372036854775807": MAX, "least:=-9223372036854775808": -MAX - 1, "zero:=-0.0": -0.0,
        "big:=1e308": 1e308, "tiny:=5e-324": 5e-324, "five:=5": 5, "five_point:=5.0": 5.0, "five_text=5": "5",
        "yes:=true": True, "one:=1": 1, "nothing=": "", "eq=a=b:=c@d": "a=b:=c@d",
        "emoji=👩‍👩‍👧‍👦 退款": "👩‍👩‍👧‍👦 退款",
        "no_bytes@empty": {"$bytes": ""}, "some_bytes@bytes": {"$bytes": base64.b64encode(every).decode()},
    }  # fmt: skip
    options = [word for pair in pairs for word in ("-m", pair)]
    ready.ok("session", "put", "u", "s", *options)
    ready.ok("message", "put", "s", "m", *options)

    for argv in (("session", "get", "u", "s"), ("message", "get", "s", "m")):
        metadata = ready.ok(*argv, "-o", "json").json["metadata"]
        expected = {pair.partition("=")[0].rstrip(":").partition("@")[0]: value for pair, value in pairs.items()}
        assert {key: repr(value) for key, value in metadata.items()} == {k: repr(v) for k, v in expected.items()}
        assert math.copysign(1, metadata["zero"]) == -1


@pytest.mark.parametrize("content", ["", "\ufeffa\0b\n\r\t👍🏽", "é" * 2**20])
def test_content_from_a_file_is_kept_to_the_bit(ready: Cli, content: str) -> None:
    Path("content").write_bytes(content.encode())
    ready.ok("message", "put", "s", "file", "--content-file", "content")
    ready.ok("message", "put", "s", "stdin", "--content-file", "-", stdin=content.encode())

    with ready.store() as store:
        assert [content, content] == [message.content for message in store.messages.iterate("s")]


def test_zero_is_a_time(ready: Cli) -> None:
    ready.ok("message", "put", "s", "m", "--create-time", "0", "--content", "x")
    (item,) = ready.ok("message", "list", "--until", "1970-01-01T00:00:00Z", "-o", "jsonl").lines
    assert (item["create_time"], item["content"]) == (0, "x")
    assert ready.ok("message", "get", "s", "m", "--create-time", "0", "-o", "json").json == item
