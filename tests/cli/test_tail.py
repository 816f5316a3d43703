"""`message tail`: the last messages of a session, and new ones as they arrive, on terminals and in pipes."""

from __future__ import annotations

import io
import json
import os
import shlex
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import DEADLINE_S, Cli, Outcome, Processes, messages
from tests.support.clocks import StagedClock
from tests.support.commands import declarations
from tests.support.faults import Fault, FaultyClient, every_client
from tsmem.cli.app.main import main
from tsmem.cli.io.streams import Streams
from tsmem.errors import Throttled
from tsmem.store import Message

NOW_US = 1_767_225_600_000_000


Steps = list[Callable[[], object]]


class Following:
    """Runs `message tail s --follow` in this process. It calls one of `steps` between two checks for new messages, and
    presses Ctrl-C when none is left."""

    def __init__(self, cli: Cli) -> None:
        self._cli = cli
        self.out, self.err = io.BytesIO(), io.BytesIO()
        self.shown: list[str] = []
        """The output at the end of each look."""

    def __call__(self, *argv: str, steps: int | Steps = 0, width: int | None = None) -> Outcome:
        """Follow the session "s" for a number of further checks, or with these steps."""
        clock = StagedClock(*([self._seen] * steps if isinstance(steps, int) else map(self._then, steps)))
        shown = width is not None
        streams = Streams(io.BytesIO(), self.out, self.err, False, shown, shown, width or 80)
        code = main(("message", "tail", "s", "--follow", *argv), streams, self._cli.environ, clock)
        return Outcome(code, self.out.getvalue(), self.err.getvalue().decode())

    def _then(self, step: Callable[[], object]) -> Callable[[], object]:
        def seen() -> None:
            self._seen()
            step()

        return seen

    def _seen(self) -> None:
        self.shown.append(self.out.getvalue().decode())


@pytest.fixture
def following(ready: Cli) -> Following:
    return Following(ready)


def put(cli: Cli, message_id: str, after_s: float = 0, **more: Any) -> None:
    """Put a message of the session "s", some seconds after the clock's start."""
    with cli.store() as store:
        store.messages.put(Message("s", message_id, NOW_US + round(after_s * 1e6), **more))


def test_tail_shows_the_last_ten_messages(ready: Cli) -> None:
    ready.fill(messages(14, "s"))
    everything = ready.ok("message", "list", "-o", "jsonl").out.splitlines()

    for argv, count in (([], 10), (["--last", "3"], 3), (["--last", "0"], 0), (["--last", "99"], 14)):
        assert everything[14 - count :] == ready.ok("message", "tail", "s", *argv, "-o", "jsonl").out.splitlines()


def test_tail_in_a_pipe_prints_json_lines(ready: Cli) -> None:
    put(ready, "m", role="user", content="hi")
    tail = ("message", "tail", "s")

    assert "hi" == ready.ok(*tail).lines[0]["content"]
    assert ready.ok(*tail, "-o", "table").text.startswith("session s\n\nuser ▸ 2026-01-01T00:00:00.000000+00:00 · m\n")
    assert "\n── 2026-01-01, Thursday ──\n\nuser ▸ 00:00:00 · m\n" in ready.ok(*tail, "--color", "never", width=80).text
    ready.config('[profiles.local]\nbackend = "local"\noutput = "csv"\n')
    assert ready.ok(*tail).text.startswith("session_id,")


def test_tail_of_an_empty_session_says_that_it_has_no_messages(ready: Cli) -> None:
    for output, expected in (("json", '{"items": [], "next_page_token": null}\n'), ("jsonl", "")):
        assert expected == ready.ok("message", "tail", "s", "-o", output).text
    assert "session s\nnothing to show\n" == ready.ok("message", "tail", "s", "--color", "never", width=80).text


def test_tail_follow_of_an_empty_session_says_so_once(ready: Cli, following: Following) -> None:
    ready.fill([Message("S", "m", 1)])
    outcome = following(steps=[lambda: None, lambda: None, lambda: put(ready, "m1", 1), lambda: None])

    assert "session 's' has no messages yet; did you mean 'S'?\n" == outcome.err
    assert 1 == len(outcome.text.splitlines())
    before = following.err.getvalue()
    following("--role", "tool", steps=3)
    assert before == following.err.getvalue()


def test_tail_follow_prints_each_message_as_it_arrives(ready: Cli, following: Following) -> None:
    put(ready, "m0")
    put(ready, "m1", 1)

    outcome = following("--last", "1", steps=[lambda: put(ready, "m3", 3), lambda: put(ready, "late", 2), lambda: None])

    ids = [[json.loads(line)["message_id"] for line in shown.splitlines()] for shown in following.shown]
    assert [["m1"], ["m1", "m3"], ["m1", "m3", "late"]] == ids
    assert (130, "") == (outcome.code, outcome.err)
    assert following.shown[-1] == outcome.text


def test_tail_fields_choose_columns_of_csv(ready: Cli, following: Following) -> None:
    put(ready, "m0", role="user")
    argv = ("-o", "csv", "--fields", "message_id,role")

    following(*argv, steps=[lambda: put(ready, "m1", 1), lambda: None])

    assert ["message_id,role\r\nm0,user\r\n", "message_id,role\r\nm0,user\r\nm1,\r\n"] == following.shown


def test_tail_follow_on_a_terminal_shows_each_message_as_it_arrives(ready: Cli, following: Following) -> None:
    put(ready, "m0", role="user", content="Is it on time?")

    steps: Steps = [lambda: put(ready, "m1", 90, role="assistant", content="It is."), lambda: None]
    outcome = following("--color", "never", width=80, steps=steps)

    first = "session s\n\n── 2026-01-01, Thursday ──\n\nuser ▸ 00:00:00 · m0\n  Is it on time?\n"
    assert [first, first + "\nassistant ▸ 00:01:30 · +1 min 30 s · m1\n  It is.\n"] == following.shown
    assert (130, "showing new messages as they arrive; press Ctrl-C to stop\n\n") == (outcome.code, outcome.err)


def test_tail_folds_long_content_on_a_terminal(ready: Cli, following: Following) -> None:
    put(ready, "m", role="tool", content="word\n" * 40)

    assert "(--full shows them)" in following(width=80).text
    assert 40 <= Following(ready)("--full", width=80).text.count("word")


def test_tail_follow_refuses_output_json_of_the_profile(ready: Cli, following: Following) -> None:
    ready.config('[profiles.local]\nbackend = "local"\noutput = "json"\n')
    outcome = following()

    assert 2 == outcome.code
    assert "--follow never ends, so it cannot write a complete JSON document" == outcome.error["message"]
    assert 130 == Following(ready)("-o", "jsonl").code


def test_tail_prints_stats_at_its_end(ready: Cli, following: Following) -> None:
    put(ready, "m")
    outcome = following("--cost", steps=3)

    assert outcome.err.startswith("cost: 4 requests, ")
    assert ", 4 rows scanned, 1 returned, " in outcome.err


def test_tail_reports_an_outage_and_its_end_once_each(ready: Cli, following: Following) -> None:
    put(ready, "m0")
    outage = [Fault("get_range", Throttled("Server is busy"), call) for call in (2, 3, 4)]
    with every_client(lambda client: FaultyClient(client, *outage)):
        outcome = following(steps=5)

    assert ["m0"] == [line["message_id"] for line in outcome.lines]
    assert "warning: Server is busy; trying again\nthe store responds again\n" == outcome.err


FOLLOW = ("message", "tail", "s", "--follow", "--interval", "0.1")


def test_ctrl_c_ends_tail_quietly(ready: Cli, process: Processes) -> None:
    put(ready, "m0")
    running = process.start(*FOLLOW)
    first = running.stdout.readline()
    put(ready, "m1", 1)
    second = running.stdout.readline()

    assert Outcome(130, b"", "") == running.stopped()
    assert ["m0", "m1"] == [json.loads(line)["message_id"] for line in (first, second)]


def test_tail_follow_ends_when_its_reader_goes_away(ready: Cli, process: Processes) -> None:
    put(ready, "m0")
    running = process.start(*FOLLOW)
    os.read(running.stdout.fileno(), 1)
    running.stdout.close()

    assert (141, b"") == (running.wait(DEADLINE_S), running.stderr.read())


def test_the_example_of_tail_works(ready: Cli) -> None:
    ready.fill(messages(4, "trip-7"))
    ready.clock = StagedClock()
    outcome = ready(*shlex.split(declarations()["message tail"].example)[1:])

    assert ["m00001", "m00002", "m00003"] == [line["message_id"] for line in outcome.lines]
    assert 130 == outcome.code
