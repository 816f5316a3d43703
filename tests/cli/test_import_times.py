"""The order and the times of imported conversations, and importing the same file again."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli, Outcome
from tests.support.faults import Fault, FaultyClient, every_client
from tsmem.errors import StorageFailure

OPENAI = ("import", "--format", "openai", "--user", "u")
SECOND = "2026-01-01T00:00:00Z"
SECOND_US = 1_767_225_600_000_000


def said(*contents: str, **more: object) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content, **more} for content in contents]


def put(name: str, *conversations: object, at_s: int = 1_700_000_000) -> None:
    """Write a file with one conversation per line and this modification time."""
    Path(name).write_text("".join(json.dumps(each) + "\n" for each in conversations))
    os.utime(name, (at_s, at_s))


def imported(cli: Cli, *conversations: object, at_s: int = 1_700_000_000) -> Outcome:
    """Write the file `in` with this modification time and import it."""
    put("in", *conversations, at_s=at_s)
    return cli.ok(*OPENAI, "in")


def session_ids(cli: Cli) -> set[str]:
    return {each["session_id"] for each in cli.ok("session", "list", "-o", "jsonl").lines}


def listed(cli: Cli) -> list[tuple[str, int]]:
    """Return the contents and times in the order of a listing."""
    found = cli.ok("message", "list", "-o", "jsonl").lines
    return [(each["content"], each["create_time"]) for each in found]


@pytest.mark.parametrize(
    ("given", "stored", "sentence"),
    [
        ([0, 0, 0], [0, 1, 2], "2 messages with the time of another: moved to a later microsecond"),
        (
            [None, None, 0, None, None, 10, None],
            [-2, -1, 0, 1, 2, 10, 11],
            "5 messages without a time: put a microsecond from the one before or after",
        ),
        ([0, -1, -2], [0, -1, -2], "2 messages earlier than the one before: stored in the order of time"),
    ],
)
def test_messages_keep_the_order_of_the_input_or_of_their_times(
    ready: Cli, given: list[int | None], stored: list[int], sentence: str
) -> None:
    times: list[dict[str, object]] = [{} if each is None else {"created_at": SECOND_US + each} for each in given]
    messages = [{**said(str(n))[0], "id": str(9 + n), **time} for n, time in enumerate(times)]
    outcome = imported(ready, {"id": "s", "messages": messages})
    expected = [(str(n), SECOND_US + each) for n, each in enumerate(stored)]
    assert listed(ready) == sorted(expected, key=lambda each: each[1])
    assert outcome.err == f"{sentence}\n"
    (session,) = ready.ok("session", "list", "-o", "jsonl").lines
    assert session["update_time"] == SECOND_US + max(stored)


def test_offsets_numeric_ids_and_times_without_a_zone_are_kept_as_given(ready: Cli) -> None:
    messages = [
        *said("a", id=7, created_at="2026-01-01T08:00:00+08:00"),
        *said("b", message_id=8, timestamp="2026-01-01 00:00:01"),
    ]
    outcome = imported(ready, {"session_id": 5, "messages": messages})
    assert listed(ready) == [("a", SECOND_US), ("b", SECOND_US + 10**6)]
    first, second = ready.ok("message", "list", "--session", "5", "-o", "jsonl").lines
    assert ("7", "8") == (first["message_id"], second["message_id"])
    assert first["metadata"] == {"id": 7, "created_at": "2026-01-01T08:00:00+08:00"}
    assert json.loads(second["metadata"]["_other"]) == {"message_id": 8}
    assert second["metadata"]["timestamp"] == "2026-01-01 00:00:01"
    (session,) = ready.ok("session", "list", "-o", "jsonl").lines
    assert json.loads(session["metadata"]["_other"]) == {"session_id": 5}
    assert outcome.err == "1 time without a zone: taken as UTC\n"


def test_times_that_cannot_be_read_are_kept_and_counted(ready: Cli) -> None:
    messages = [*said("a", created_at=SECOND), *said("b", created_at="9 Oct"), *said("c", timestamp=-1)]
    outcome = imported(ready, {"id": "s", "messages": [*messages, *said("d", timestamp=None)]})
    assert listed(ready) == [(text, SECOND_US + n) for n, text in enumerate("abcd")]
    kept = [each["metadata"] for each in ready.ok("message", "list", "-o", "jsonl").lines]
    assert kept == [{}, {"created_at": "9 Oct"}, {"timestamp": -1}, {}]
    assert "2 messages with a time that cannot be read: it is kept as metadata\n3 messages without" in outcome.err


UNTIMED = {"id": "s", "messages": said("a", "b", "c")}


@pytest.mark.parametrize("conflict", ["overwrite", "skip"])
def test_importing_a_file_again_with_a_newer_mtime_changes_nothing(ready: Cli, conflict: str) -> None:
    outcome = imported(ready, UNTIMED, {"id": "empty", "messages": []}, {"messages": said("d")})
    assert "4 messages and 1 empty conversation without a time: dated from the file" in outcome.err
    before = ready.export()
    os.utime("in", (1_800_000_000, 1_800_000_000))
    for argv in (("in", "--dry-run"), ("in", "--on-conflict", conflict)):
        outcome = ready.ok(*OPENAI, *argv)
        assert "4 messages without a time: already in the store with a time, which is kept\n" in outcome.err
        assert "dated from" not in outcome.err
        assert ready.export() == before


def test_importing_the_same_standard_input_again_changes_nothing(ready: Cli) -> None:
    data = json.dumps(UNTIMED).encode()
    outcome = ready.ok(*OPENAI, stdin=data)
    assert f"dated from now (--start-time {ready.clock.time_us})" in outcome.err
    before = ready.export()
    ready.clock.time_us += 10**9
    ready.ok(*OPENAI, stdin=data)
    assert ready.export() == before
    ready.ok(*OPENAI, "--start-time", "5", stdin=data)
    assert ready.export() == before


def test_importing_a_longer_file_adds_only_the_new_messages(ready: Cli) -> None:
    after = {"id": "t", "messages": said("x", "y")}
    imported(ready, UNTIMED, after)
    before = dict(listed(ready))
    outcome = imported(ready, {"id": "s", "messages": said("a", "b", "c", "d")}, after, at_s=1_800_000_000)
    assert dict(listed(ready)) == {**before, "d": 1_800_000_000_000_003}
    assert "1 message without a time: dated from the file" in outcome.err
    assert "5 messages without a time: already in the store" in outcome.err


def test_new_messages_with_times_do_not_change_the_times_of_old_ones(ready: Cli) -> None:
    """The old ones have no times: alone in a file they would be dated back from the first time."""
    imported(ready, UNTIMED)
    before = listed(ready)
    imported(ready, {"id": "s", "messages": [*UNTIMED["messages"], *said("d", created_at=SECOND)]})
    assert listed(ready) == [*before, ("d", SECOND_US)]


@pytest.mark.parametrize("others", ["cba", "c", "xcab"])
def test_messages_in_the_same_second_keep_their_times_when_others_are_added_or_removed(ready: Cli, others: str) -> None:
    """Their ids show that they are the same messages, although their places in the second changed."""

    def messages(contents: str) -> list[dict[str, Any]]:
        return [{**each, "id": each["content"]} for each in said(*contents, created_at=SECOND)]

    imported(ready, {"id": "s", "messages": messages("abc")})
    before = listed(ready)
    imported(ready, {"id": "s", "messages": messages(others)})
    assert sorted(each for each in listed(ready) if each[0] != "x") == before


def test_a_longer_conversation_without_an_id_becomes_another_session(ready: Cli) -> None:
    outcome = imported(ready, {"messages": said("a")})
    assert outcome.err.endswith(
        "1 conversation without an id: imported again with more messages, it becomes another session\n"
    )
    imported(ready, {"messages": said("a", "b")})
    assert len(session_ids(ready)) == 2


def test_a_conversation_without_an_id_is_the_same_session_at_any_place_in_the_file(ready: Cli) -> None:
    twin = {"messages": said("x")}
    put("in", {"messages": [{"content": "nobody"}]}, twin, {"messages": said("y")}, twin)
    assert ready(*OPENAI, "in", "--rejects", "bad").code == 7
    before = session_ids(ready)
    assert len(before) == 3
    imported(ready, {"messages": said("a")}, twin, twin, {"messages": said("y")})
    assert (len(session_ids(ready)), len(session_ids(ready) - before)) == (4, 1)
    ready.ok(*OPENAI[:-1], "v", "in")
    assert len(session_ids(ready)) == 8


def test_a_resumed_import_gives_messages_the_same_times(ready: Cli) -> None:
    conversations = [{"id": f"s{n:03d}", "messages": said(*map(str, range(9)))} for n in range(40)]
    put("in", *conversations)
    other = Cli(ready.folder / "other")
    other.ok(*OPENAI, str(ready.folder / "in"))

    failure = Fault("write_rows", StorageFailure("the disk is full"), call=2)
    for at_s in (1_700_000_000, 1_800_000_000):
        os.utime("in", (at_s, at_s))
        with every_client(lambda client: FaultyClient(client, failure)):
            assert ready(*OPENAI, "in").code == 1
        resumed = ready.ok(*OPENAI, "in", "--resume", "-o", "json")
        assert resumed.json == {"sessions": 20, "messages": 180, "skipped": 0, "failed": 0}
        assert ready.export() == other.export()


def test_importing_the_repaired_file_puts_rejected_messages_at_their_place(ready: Cli) -> None:
    messages = said("a", "b", "c")
    put("in", {"id": "s", "messages": [messages[0], {**messages[1], "k": "x" * 3_000_000}, messages[2]]})
    assert ready(*OPENAI, "in", "--rejects", "bad").code == 7
    imported(ready, UNTIMED, at_s=1_800_000_000)
    assert listed(ready) == [(text, 1_700_000_000_000_000 + n) for n, text in enumerate("abc")]


def test_importing_the_repaired_file_changes_no_time(ready: Cli) -> None:
    put("in", {"id": "t", "messages": [{"content": "nobody"}]}, UNTIMED)
    assert ready(*OPENAI, "in", "--rejects", "bad").code == 7
    before = listed(ready)
    imported(ready, {"id": "t", "messages": said("x")}, UNTIMED, at_s=1_800_000_000)
    assert [each for each in listed(ready) if each[0] != "x"] == before
    again = ready.export()
    os.utime("in", (1_900_000_000, 1_900_000_000))
    ready.ok(*OPENAI, "in")
    assert ready.export() == again


def test_import_dry_run_reports_the_same_counts_as_the_import(cli: Cli) -> None:
    put("in", UNTIMED, {"messages": [*said("d", "e", created_at=SECOND), *said("f")]})
    dry = cli.ok(*OPENAI, "in", "--dry-run")
    assert not cli.database.exists()
    done = cli.ok(*OPENAI, "in")
    assert dry.out == done.out
    assert dry.err.splitlines()[1:] == done.err.splitlines()[1:]
    assert len(done.err.splitlines()) == 5
