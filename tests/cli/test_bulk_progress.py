"""The progress and the summary of bulk commands: shown on a terminal, and elsewhere only with --progress."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import threading
from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import DEADLINE_S, Cli, Outcome, Processes, export_lines, messages, sessions, store_file
from tests.support.faults import Fault, FaultyClient, every_client
from tests.support.progress import TickingClock, progress_lines
from tests.support.ptys import STDERR_STYLES, pieces
from tsmem.store import Message
from tsmem.store.documents import export_line

SUMMARY = r"[\d.]+ s(, [\d,]+ rows/s)?(, [\d.]+ (bytes|KB|MB))?(, [\d,]+ (skipped|failed|in doubt))*"


@cache
def _store() -> bytes:
    return store_file([*sessions(2), *messages(1050)])


@pytest.fixture
def filled(cli: Cli) -> Cli:
    """A store with two sessions and 1,050 messages, and the file `in` with as many more."""
    cli.use(_store())
    Path("in").write_bytes(export_lines(messages(1050, "s00001")))
    return cli


def on_terminal(cli: Cli, *argv: str, **options: Any) -> Outcome:
    """Run a command with a terminal of 80 columns as stderr only."""
    return cli(*argv, talk=True, clock=TickingClock(), **options)


COMMANDS: list[tuple[str, str]] = [
    ("import in", "imported 1,050 messages"),
    ("export out", "exported 2 sessions and 1,050 messages to out"),
    ("message purge --everything --yes", "deleted 1,050 messages"),
    ("message purge --everything --dry-run", "found 1,050 messages"),
    ("session purge --everyone --with-messages --yes", "deleted 2 sessions and 1,050 messages"),
    ("copy --from local --to b", "copied 2 sessions and 1,050 messages"),
    ("copy --from local --to b --check", "compared 2 sessions and 1,050 messages"),
]


def test_other_messages_do_not_run_into_the_progress_line(ready: Cli) -> None:
    timed = {"id": "a", "messages": [{"role": "user", "timestamp": n} for n in range(900)]}
    data = json.dumps([timed, {"id": "b", "messages": [{"role": "user"}]}]).encode()
    lines, left = progress_lines(on_terminal(ready, "import", "--format", "openai", "--user", "u", stdin=data).err)
    assert " rows, " in lines[0]
    assert left.startswith("1 message without a time")


def prepared(cli: Cli, line: str) -> tuple[list[str], int]:
    """Prepare the second store of a command, and return the command's words and exit code."""
    cli.config(f'[profiles.b]\nbackend = "local"\npath = "{cli.folder}/b.db"\n')
    if "--check" in line:
        cli.ok("-p", "b", "init-tables")
    return line.split(), 4 if "--check" in line else 0


@pytest.mark.parametrize(("line", "summary"), COMMANDS, ids=[line for line, _ in COMMANDS])
def test_a_terminal_shows_a_progress_line_and_one_summary(filled: Cli, line: str, summary: str) -> None:
    argv, code = prepared(filled, line)
    outcome = on_terminal(filled, *argv)
    lines, left = progress_lines(outcome.err)

    assert outcome.code == code
    assert lines
    assert all(" rows" in each and len(each) < 80 for each in lines)
    (said,) = [each for each in left.splitlines() if each.startswith(summary.split()[0])]
    assert re.fullmatch(f"{summary}: {SUMMARY}", said)
    assert "\x1b" not in left
    assert code or left.splitlines()[-1] == said


def test_progress_shows_the_remaining_time_if_the_total_is_known(filled: Cli) -> None:
    lines, _ = progress_lines(on_terminal(filled, "import", "in").err)
    pattern = r". \d:\d\d:\d\d [\d,]+ rows, [\d,]+ rows/s, [\d.]+ [KM]B, [\d.]+ s left"
    assert all(re.fullmatch(pattern, each) for each in lines)
    counts = [int(each.split(" rows")[0].split()[-1].replace(",", "")) for each in lines]
    assert counts == sorted(counts)


@pytest.mark.parametrize("environ", [None, {"CI": "true"}, {"TERM": "dumb"}])
def test_no_progress_in_a_pipe_in_ci_or_on_a_dumb_terminal(filled: Cli, environ: dict[str, str] | None) -> None:
    outcome = filled("import", "in") if environ is None else on_terminal(filled, "import", "in", environ=environ)
    assert outcome.code == 0
    assert "\x1b" not in outcome.err
    assert "rows/s" not in outcome.err


@pytest.mark.parametrize(("line", "summary"), [each for each in COMMANDS if "purge" not in each[0]])
def test_progress_option_prints_plain_lines_and_one_summary_in_a_pipe_and_in_ci(
    filled: Cli, line: str, summary: str
) -> None:
    argv, _ = prepared(filled, f"{line} --progress")
    outcome = on_terminal(filled, *argv, environ={"CI": "true"}) if line == "import in" else filled(*argv)
    assert "\x1b" not in outcome.err
    assert len(re.findall(f"^{re.escape(summary)}: {SUMMARY}$", outcome.err, re.MULTILINE)) == 1
    assert outcome.err.count(summary) == 1


def test_a_failed_command_prints_a_summary_too(filled: Cli) -> None:
    Path("in").write_bytes(Path("in").read_bytes() + b"bad\n")
    data = Path("in").read_bytes()
    for argv, code in ((("import", "in"), 2), (("import", "in", "--rejects", "bad"), 7)):
        outcome = on_terminal(filled, *argv, stdin=data)
        left = progress_lines(outcome.err)[1].splitlines()
        assert outcome.code == code
        assert re.match(r"imported [\d,]+ messages before it ended early: ", left[0])
        assert left[1].startswith("error: ")
        assert ("1 failed" in left[0]) == (code == 7)


def test_ctrl_c_on_a_terminal_clears_the_progress_line(ready: Cli, process: Processes) -> None:
    """The input never ends."""
    ours, theirs = pty.openpty()
    started = process.start("import", stderr=theirs, env={**process.environ, "TERM": "xterm"})
    os.close(theirs)

    def feed() -> None:
        with suppress(BrokenPipeError):
            for n in count():
                started.stdin.write(export_line(Message("s00000", f"m{n}", n, "user", "said")))

    feeding = threading.Thread(target=feed)
    feeding.start()
    sent = b""
    for piece in pieces(ours):
        if b"rows/s" not in sent and b"rows/s" in sent + piece:
            started.send_signal(signal.SIGINT)
        sent += piece
    os.close(ours)
    assert started.wait(DEADLINE_S) == 130
    feeding.join()
    lines, left = progress_lines(STDERR_STYLES.sub(b"", sent).decode().replace("\r\n", "\n"))
    assert lines
    summary, error = left.splitlines()
    assert re.fullmatch(rf"imported [\d,]+ messages before it ended early: {SUMMARY}", summary)
    assert re.match(r"error: interrupted; done so far: [\d,]+ messages", error)


def test_ctrl_c_during_an_export_leaves_the_old_file(filled: Cli) -> None:
    Path("out.gz").write_bytes(b"old")
    interrupt = Fault("get_range", KeyboardInterrupt(), call=2)  # type: ignore[arg-type]
    with every_client(lambda client: FaultyClient(client, interrupt)):
        outcome = on_terminal(filled, "export", "out.gz")

    assert outcome.code == 130
    summary, error = progress_lines(outcome.err)[1].splitlines()
    assert re.fullmatch(f"read 2 sessions before it ended early; out.gz was not written: {SUMMARY}", summary)
    assert error == "error: interrupted; out.gz was not written"
    assert Path("out.gz").read_bytes() == b"old"
    assert sorted(path.name for path in Path().iterdir()) == ["data", "in", "out.gz"]
