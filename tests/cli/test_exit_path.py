"""The end of a process: its exit code says what the command did, whatever its standard streams are."""

from __future__ import annotations

import json
import os
import select
import time
from pathlib import Path

import pytest

from tests.cli.conftest import DEADLINE_S, Cli, Processes, Started, export_lines, messages


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("$TSMEM init-tables 2>/dev/full", 0),
        ("$TSMEM init-tables <&- 2>&-", 0),
        ("PYTHONUNBUFFERED=1 $TSMEM session get u nope 2>/dev/full", 3),
        ("$TSMEM session get u nope 2>&-", 3),
        ("$TSMEM nosuch 2>/dev/full", 2),
        ("$TSMEM export <&- >&- 2>&-", 1),
        ("PYTHONUNBUFFERED=1 $TSMEM export >/dev/full 2>/dev/full", 1),
    ],
)
def test_an_unwritable_stderr_changes_no_exit_code(ready: Cli, process: Processes, line: str, code: int) -> None:
    """The interpreter would end with 120 when it flushes stderr at its exit."""
    outcome = process.shell(line)

    assert (outcome.code, outcome.err) == (code, "")


@pytest.mark.parametrize(
    ("line", "lines"),
    [("$TSMEM export >/dev/full", 2), ("PYTHONUNBUFFERED=1 $TSMEM export >&-", 1), ("$TSMEM --help >/dev/full", 2)],
)
def test_an_unwritable_stdout_ends_with_1(ready: Cli, process: Processes, line: str, lines: int) -> None:
    outcome = process.shell(line)

    assert outcome.code == 1
    assert outcome.err.startswith("error: cannot write standard output: ")
    assert outcome.err.count("\n") == lines


def test_a_non_blocking_stdout_gets_the_whole_output(ready: Cli, process: Processes) -> None:
    """Another program may have left the pipe non-blocking. The command waits for the reader without spinning."""
    ready.fill(messages(1000, content="x" * 300))
    expected = ready.ok("message", "list", "-o", "jsonl").out
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    started = process.start("message", "list", "-o", "jsonl", stdout=writer)
    os.close(writer)
    select.select([reader], [], [])
    assert rests(started)
    with os.fdopen(reader, "rb") as stream:
        out = stream.read()

    assert (started.wait(DEADLINE_S), out == expected) == (0, True)


def rests(started: Started) -> bool:
    """Return True once a process has used no processor time for half a second, or False if that takes too long."""
    before, deadline = "", time.monotonic() + DEADLINE_S
    while (used := processor_time(started.pid)) != before and time.monotonic() < deadline:
        select.select([], [], [], 0.5)
        before = used
    return used == before


def processor_time(process: int) -> str:
    """Return the time that a process has spent in user mode and in the kernel."""
    return " ".join(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13])


def test_a_non_blocking_stdin_is_read_to_its_end(ready: Cli, process: Processes) -> None:
    rows = messages(1400)
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    started = process.start("import", "-o", "json", stdin=reader)
    os.close(reader)
    with os.fdopen(writer, "wb") as stream:
        stream.write(export_lines(rows[:1250]))
        stream.flush()
        ready.wait_for_messages(1000)  # all input so far was read
        stream.write(export_lines(rows[1250:]))
    ended = started.ended()

    assert (ended.code, ended.err, ended.json["messages"]) == (0, "", 1400)


def test_no_opened_file_gets_the_descriptor_of_a_closed_stream(ready: Cli, process: Processes) -> None:
    """The interpreter writes to descriptor 2 when it dies."""
    outcome = process.shell("$TSMEM export out.jsonl 2>&- >&- <&-; ls -l /proc/self/fd >/dev/null; cat out.jsonl")

    assert [json.loads(line)["kind"] for line in outcome.out.splitlines()] == ["tsmem", "end"]


def test_text_that_a_library_left_in_the_stderr_buffer_changes_no_exit_code(ready: Cli, process: Processes) -> None:
    """A library may log to stderr. Text that cannot be written is dropped."""
    script = "import sys; sys.stderr.write('log')\nfrom tsmem.__main__ import run; run()"
    (process.folder / "run.py").write_text(script)

    assert process.shell(f"{process.argv()[0]} run.py init-tables 2>/dev/full").code == 0
