"""SIGTERM and SIGHUP end a run as Ctrl-C does: it cleans up, says what was done, and has an exit code of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.cli.conftest import DEADLINE_S, Cli, Outcome, Processes, Started, export_lines, messages, sessions
from tests.support.waiting import wait_until
from tsmem.store import MemoryStore

STOPS = [(signal.SIGINT, ""), (signal.SIGTERM, " by SIGTERM"), (signal.SIGHUP, " by SIGHUP")]


@pytest.mark.parametrize(("number", "by"), STOPS)
def test_a_terminated_import_says_what_was_done(ready: Cli, process: Processes, number: int, by: str) -> None:
    data = export_lines(messages(1250))
    started = process.start("import")
    started.feed(data)
    ready.wait_for_messages(1000)

    assert started.stopped(number) == Outcome(
        128 + number, b"", f"error: interrupted{by}; done so far: 1,000 messages\n"
    )
    ready.ok("import", stdin=data)
    assert ready.export().count(b"\n") == 1252


def test_a_signal_ignored_at_the_start_stays_ignored(ready: Cli, process: Processes) -> None:
    started = process.start("import", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    rows = messages(1450)
    started.feed(export_lines(rows[:1250]))
    ready.wait_for_messages(1000)
    started.send_signal(signal.SIGHUP)
    ended = started.ended(export_lines(rows[1250:]))

    assert (ended.code, ended.err) == (0, "")
    assert "1450" in ended.text


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare")
def test_sigterm_stops_process_1_of_a_container(ready: Cli, process: Processes) -> None:
    """The kernel ignores signals without a handler for process 1."""
    if subprocess.run(["unshare", "--pid", "--fork", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no pid namespace may be made here")
    ready.fill(messages(3))
    unshare = ("unshare", "--pid", "--fork", "--kill-child")
    started = process.start("message", "tail", "s00000", "--follow", "-o", "jsonl", before=unshare)
    assert started.stdout.readline()
    inside = Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text().split()
    os.kill(int(inside[0]), signal.SIGTERM)
    assert started.wait(DEADLINE_S) == 143


def test_a_signal_at_the_very_end_prints_no_traceback(process: Processes) -> None:
    script = (
        "import atexit, os, signal, sys\n"
        "sys.argv = ['tsmem', '--version']\n"
        "atexit.register(os.kill, os.getpid(), signal.SIGTERM)\n"
        "from tsmem.__main__ import run\n"
        "run()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=process.environ, capture_output=True, timeout=DEADLINE_S, check=False
    )

    assert (done.returncode, done.stderr) == (-signal.SIGTERM, b"")
    assert done.stdout.startswith(b"tsmem ")


def has_deleted(purge: Started, store: MemoryStore, rows: int) -> bool:
    """Return True once fewer than `rows` messages are left or the purge has ended."""
    return purge.poll() is not None or sum(1 for _ in store.messages.iterate("s00000")) < rows


@pytest.mark.parametrize("rounds", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_repeating_a_purge_that_was_stopped_anywhere_completes_it(ready: Cli, process: Processes, rounds: int) -> None:
    """Warnings are off: a signal during an import of a module leaves the module's file to the garbage collector."""
    purge = ("session", "purge", "--user", "ada", "--with-messages", "--yes")
    ready.fill([*sessions(1), *messages(500 * rounds)])
    left = 500 * rounds + 1
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) * rounds:
        started = process.start(*purge, warnings="ignore")
        with ready.store() as store:
            wait_until(partial(has_deleted, started, store, left - 1))
        ended = started.stopped(number)
        assert ended.code in (0, 128 + number, -number)
        assert "Traceback" not in ended.err
        left = ready.export().count(b"\n") - 2
    ready.ok(*purge)
    assert ready.export().count(b"\n") == 2
