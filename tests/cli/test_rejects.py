"""`import --rejects` keeps what it cannot read or write, with the reason, and writes the rest. Importing the rejects
again, once repaired, completes the import.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli, Outcome, export_lines, messages, sessions
from tests.support.faults import Fault, FaultyClient, RefusingClient, every_client
from tsmem.errors import InvalidInput, StorageFailure, TsmemError
from tsmem.port import TableClient
from tsmem.store import Message
from tsmem.store.documents import export_line

HEADER = b'{"kind": "tsmem", "version": 1}\n'
BAD = [
    b'{"session_id": "s", "message_id": "cut", "create_ti\n',
    b'{"session_id": "s", "message_id": "\xff", "create_time": 1}\n',
    b'{"session_id": "s", "message_id": "m", "create_time": "1"}\n',
    b'{"session_id": "s", "message_id": "m", "create_time": 1, "content": 5}\n',
    b'{"session_id": "s"}\n',
    b"5\n",
    b'{"user_id": "u", "session_id": "\\ud800"}\n',
]


def lines(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_bytes().splitlines()]


def contents(cli: Cli) -> dict[str, str | None]:
    with cli.store() as store:
        return {each.message_id: each.content for each in store.messages.iterate(None)}


@pytest.fixture
def refusing() -> Iterator[dict[str, TsmemError]]:
    """A dict of row errors by the last part of the key. The service refuses those rows while they are in it."""
    refused: dict[str, TsmemError] = {}

    def opened(client: TableClient) -> RefusingClient:
        refuses = RefusingClient(client, refused)
        refuses.always = True
        return refuses

    with every_client(opened):
        yield refused


@pytest.mark.parametrize("place", ["file", "pipe"])
def test_import_keeps_unreadable_lines_as_rejects_and_writes_the_rest(ready: Cli, place: str) -> None:
    good = [export_line(item) for item in messages(2 * len(BAD))]
    data = b"".join(good[2 * n] + bad + good[2 * n + 1] for n, bad in enumerate(BAD)) + good[0][:-20]
    Path("in").write_bytes(data)
    outcome = ready("import", *(["in"] if place == "file" else []), "--rejects", "bad", "-o", "json", stdin=data)

    assert (outcome.code, outcome.out) == (7, b"")
    assert outcome.error["message"] == f"{len(BAD) + 1} of {3 * len(BAD) + 1} lines could not be read"
    assert len(outcome.error["failures"]) == len(BAD) + 1
    assert sorted(contents(ready)) == [f"m{n:05d}" for n in range(2 * len(BAD))]
    kept = lines("bad")
    assert [each["line"] for each in kept] == [*(3 * n + 2 for n in range(len(BAD))), 3 * len(BAD) + 1]
    assert all(each["kind"] == "rejected" and each["reason"] for each in kept)
    texts = [*(bad.decode() for bad in BAD if b"\xff" not in bad), good[0][:-20].decode()]
    assert [each["text"] for each in kept if isinstance(each["text"], str)] == texts


def test_import_keeps_a_message_that_is_too_large_as_a_reject(ready: Cli) -> None:
    items = messages(3)
    large = Message("s00000", "large", 5, content="x" * 3_000_000)
    Path("in").write_bytes(export_lines([items[0], large, *items[1:]]))
    outcome = ready("import", "in", "--rejects", "bad")

    assert outcome.code == 7
    assert "1 of 4 rows could not be written" in outcome.err
    assert "failed: line 2: The length of attribute column: 'content'" in outcome.err
    assert sorted(contents(ready)) == ["m00000", "m00001", "m00002"]
    (kept,) = lines("bad")
    assert (kept["message_id"], len(kept["content"]), kept["rejected"]["line"]) == ("large", 3_000_000, 2)


def test_importing_the_repaired_rejects_completes_the_import(ready: Cli, refusing: dict[str, TsmemError]) -> None:
    Path("in").write_bytes(export_lines(sessions(1)) + export_lines(messages(250)))
    refusing.update({f"m{n:05d}": InvalidInput("refused today") for n in (0, 7, 199, 200, 249)})
    refused = ready("import", "in", "--rejects", "bad", "-o", "json")

    assert refused.code == 7
    assert [each["key"][2] for each in refused.error["failures"]] == list(refusing)
    assert refused.error["hint"] == "bad holds them: import it once the cause is fixed"
    assert [each["message_id"] for each in lines("bad")] == list(refusing)
    assert {each["rejected"]["reason"] for each in lines("bad")} == {"refused today"}
    assert len(contents(ready)) == 245

    again = ready("import", "bad", "--rejects", "worse")
    assert again.code == 7
    assert [each["message_id"] for each in lines("worse")] == list(refusing)
    refusing.clear()
    ready.ok("import", "worse", "--rejects", "none")
    assert contents(ready) == {each.message_id: each.content for each in messages(250)}
    assert not Path("none").exists()


CONTENTS = {"m1": "x", "m2": "y", "m3": "z"}


def test_rejects_of_the_openai_format_can_be_imported_as_openai(ready: Cli, refusing: dict[str, TsmemError]) -> None:
    m1, m2, m3 = ({"role": "user", "id": name, "content": text} for name, text in CONTENTS.items())
    good = {"session_id": "a", "user_id": "u", "messages": [m1, m2]}
    nobodys = {"session_id": "b", "messages": [m3]}
    data = b"".join(json.dumps(each).encode() + b"\n" for each in (good, nobodys))
    refusing["m2"] = InvalidInput("refused today")
    openai = ("--format", "openai", "--start-time", "5")

    assert ready("import", *openai, "--rejects", "bad", stdin=data).code == 7
    assert contents(ready) == {"m1": "x"}
    assert sorted(each["kind"] for each in lines("bad")) == ["message", "rejected"]
    assert ready("import", *openai, "bad", "--rejects", "worse").code == 7
    assert sorted(each["kind"] for each in lines("worse")) == ["message", "rejected"]

    refusing.clear()
    ready.ok("import", *openai, "--user", "v", "worse")
    assert contents(ready) == CONTENTS
    assert ready("import", "worse").err.count("--format openai") == 1


def test_conversations_that_a_plain_import_rejected_are_imported_with_their_format(ready: Cli) -> None:
    data = b'{"session_id": "a", "messages": [{"role": "user", "content": "x"}]}\n'
    assert ready("import", "--rejects", "bad", stdin=data).code == 7
    refused = ready("import", "bad")
    assert "hint: add --format openai --user USER\n" in refused.err
    ready.ok("import", "bad", "--format", "openai", "--user", "u")
    assert contents(ready) == {"000000": "x"}


def test_rejects_do_not_make_an_import_accept_a_cut_export(ready: Cli) -> None:
    items = [export_line(item) for item in messages(3)]
    end = b'{"kind": "end", "sessions": 0, "messages": 3}\n'
    for data in (
        HEADER + b"".join(items),
        b"".join([HEADER, *items, end])[:-10],
        b"".join([HEADER, *items[1:], end]),
        b"".join([*items, end]),
        b"".join([HEADER[:-5] + b"\n", *items, end]),
    ):
        Path("in").write_bytes(data)
        assert ready("import", "in", "--rejects", "bad").code == 2
        assert contents(ready) == {}
        assert not Path("bad").exists()

    Path("in").write_bytes(b"".join([HEADER, items[0], items[1][:-9] + b"\n", items[2], end]))
    assert ready("import", "in", "--rejects", "bad").code == 7
    assert sorted(contents(ready)) == ["m00000", "m00002"]


def test_an_import_from_a_pipe_reports_a_cut_export(ready: Cli) -> None:
    data = b"".join([HEADER, b"nonsense\n", *[export_line(item) for item in messages(3)]])
    outcome = ready("import", "--rejects", "bad", stdin=data)

    assert outcome.code in (2, 7)
    assert "cut short" in outcome.err
    assert "once the cause is gone" not in outcome.err
    assert [each["line"] for each in lines("bad")] == [2]


@pytest.mark.parametrize("name", ["./in", "link", "symlink"])
def test_the_input_cannot_be_its_own_rejects_file(ready: Cli, name: str) -> None:
    data = export_lines(messages(3))
    Path("in").write_bytes(data)
    os.link("in", "link")
    Path("symlink").symlink_to("in")
    assert f"--rejects is the input file itself, {name}" in ready("import", "in", "--rejects", name).err
    with Path("in").open("rb") as stream:
        assert ready("import", "--rejects", name, stdin=stream).code == 2
    assert (Path("in").read_bytes(), contents(ready)) == (data, {})


def test_a_resumed_import_writes_no_reject_twice(ready: Cli, refusing: dict[str, TsmemError]) -> None:
    """Rejects of both kinds are on both sides of the resume point, and one of them is half written."""
    items = [export_line(item) for item in messages(1000)]
    for place in (50, 450, 650, 950):
        items.insert(place, b"bad %d\n" % place)
    Path("in").write_bytes(b"".join(items))
    refusing.update({f"m{n:05d}": InvalidInput("refused") for n in (0, 100, 500, 620, 900)})

    def run(*argv: str) -> Outcome:
        return ready("import", "in", "--rejects", "bad", "-o", "json", *argv)

    undisturbed = run()
    expected = lines("bad")
    assert (undisturbed.code, len(expected)) == (7, 9)

    failure = Fault("write_rows", StorageFailure("the disk is full"), call=4)
    with every_client(lambda client: FaultyClient(client, failure)):
        assert run().code == 1
    with Path("bad").open("ab") as stream:
        stream.write(b'{"kind": "rejec')
    resumed = run("--resume")

    assert resumed.code == 7
    assert "continuing after 600 records" in resumed.err
    assert sorted(map(json.dumps, lines("bad"))) == sorted(map(json.dumps, expected))
    assert resumed.error["message"] == "5 of 403 rows could not be written, and 4 of 407 lines could not be read"
    assert len(contents(ready)) == 995
