"""The command line as real processes: pipes that close, Ctrl-C, kills, and many processes at once."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from functools import cache

import pytest

from tests.cli.conftest import DEADLINE_S, Cli, Outcome, Processes, messages, sessions, store_file
from tests.support.faults import Fault, FaultyClient, every_client


@cache
def _store() -> bytes:
    return store_file([*sessions(1), *messages(3000, content="x" * 100)])


@pytest.fixture
def filled(cli: Cli) -> Cli:
    """A store with 3,000 messages: a listing is longer than any pipe holds."""
    cli.use(_store())
    return cli


@pytest.mark.parametrize("line", ["message list --limit 0", "show s00000", "export"])
def test_a_closed_output_pipe_ends_a_command_quietly_with_141(filled: Cli, process: Processes, line: str) -> None:
    outcome = process.shell(f'($TSMEM {line}; echo "code $?" >&2) | head -1')

    assert outcome.out.count(b"\n") == 1
    assert outcome.err == "code 141\n"


def test_a_pipe_without_a_reader_from_the_start_ends_quietly(process: Processes) -> None:
    started = process.start("--help")
    started.stdout.close()
    assert (started.wait(DEADLINE_S), started.stderr.read()) == (141, b"")


@pytest.mark.parametrize("output", ["json", "jsonl"])
def test_an_interrupted_listing_is_valid_json_or_jsonl(filled: Cli, process: Processes, output: str) -> None:
    started = process.start("message", "list", "-o", output, "--limit", "0")
    head = os.read(started.stdout.fileno(), 1)
    ended = started.stopped()

    assert ended.code == 130
    assert ended.error == {"code": "Interrupted", "message": "interrupted", "hint": None, "request_id": None}
    shown = Outcome(130, head + ended.out, "")
    assert output == "jsonl" or shown.json["error"]["code"] == "Interrupted"
    items = shown.lines if output == "jsonl" else shown.json["items"]
    assert [item["message_id"] for item in items] == [f"m{n:05d}" for n in range(len(items))]
    assert 0 < len(items) < 3000


def test_an_interrupted_command_prints_stats(filled: Cli) -> None:
    interrupt = Fault("get_range", KeyboardInterrupt(), call=2)  # type: ignore[arg-type]
    with every_client(lambda client: FaultyClient(client, interrupt)):
        outcome = filled("--cost", "export")

    assert outcome.code == 130
    assert re.search(r"\ncost: \d+ requests?, .* returned, \d+\.\d+ s\n\Z", outcome.err)


def test_ctrl_c_during_start_prints_no_traceback(process: Processes) -> None:
    started = process.start("message", "put", "s", "--content-file", "-")
    ended = started.stopped()
    assert (ended.code in (130, -signal.SIGINT), ended.out) == (True, b"")
    assert "Traceback" not in ended.err or ended.code == -signal.SIGINT  # the interpreter had not started tsmem yet


def test_three_processes_can_create_the_same_store_at_once(process: Processes, cli: Cli) -> None:
    running = [process.start("init-tables") for _ in range(3)]
    assert [0, 0, 0] == [one.ended().code for one in running]
    cli.ok("init-tables", "--check")


def test_output_to_a_pipe_is_not_cut_or_coloured_unless_asked_for(process: Processes, ready: Cli) -> None:
    content = "word " * 500 + "end"
    ready.ok("message", "put", "s", "m", "--content", content)
    narrow = {"COLUMNS": "40", "TERM": "xterm"}
    for argv in (("message", "list"), ("show", "s")):
        for options, environ, is_coloured in (
            ((), {}, False),
            (("--color", "auto"), {"FORCE_COLOR": "1"}, True),
            (("--color", "always"), {"NO_COLOR": "1"}, True),
            (("--color", "never"), {"FORCE_COLOR": "1"}, False),
            ((), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ):
            outcome = process.run(*options, *argv, environ={**narrow, **environ})
            assert content.encode() in outcome.out
            assert is_coloured is (b"\x1b" in outcome.out)
            assert outcome.err == ""


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_arguments_that_are_not_utf_8_are_refused(process: Processes, locale: str) -> None:
    argv: list[str | bytes] = [*process.argv("session", "get", "u"), b"\xff\xfe"]
    done = subprocess.run(argv, env={**process.environ, "LC_ALL": locale}, capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: the argument ")
    assert done.stderr.isascii()


def test_output_in_the_c_locale_is_utf_8(process: Processes, ready: Cli) -> None:
    put = process.run("session", "put", "退", "s", "-o", "json", environ={"LC_ALL": "C"})
    assert (put.code, put.json["user_id"]) == (0, "退")
    missing = process.run("session", "get", "退", "none", environ={"LC_ALL": "C"})
    assert (missing.code, "none" in missing.err) == (3, True)


def test_an_unbuffered_stdout_gets_the_whole_output(filled: Cli, process: Processes) -> None:
    """A write may then take only some of its bytes, for example when a stopped process continues."""
    started = process.start("message", "list", "-o", "jsonl", env={**process.environ, "PYTHONUNBUFFERED": "1"})
    first = os.read(started.stdout.fileno(), 10)
    for _ in range(3):  # the pipe is full, and a signal interrupts the blocked write
        os.kill(started.pid, signal.SIGSTOP)
        os.kill(started.pid, signal.SIGCONT)
    out = first + started.stdout.read()

    assert started.wait() == 0
    assert [json.loads(line)["message_id"] for line in out.splitlines()] == [f"m{n:05d}" for n in range(3000)]


def test_an_empty_completion_variable_is_ignored(ready: Cli, process: Processes) -> None:
    assert process.run("session", "list", "-o", "json", environ={"_TSMEM_COMPLETE": ""}).code == 0
