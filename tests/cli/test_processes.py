"""The command line as real processes: pipes that close, Ctrl-C, sudden death, and many at once."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Processes, messages, sessions
from tests.support.waiting import wait_until
from tsmem.store.documents import export_line

FULL = "TSMEM_TEST_FULL" in os.environ
WRITERS, EACH = 8, 1000 if FULL else 40
DEADLINE_S = 30


@pytest.fixture(scope="module")
def _filled_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cli = Cli(tmp_path_factory.mktemp("filled"))
    cli.ok("init-tables")
    cli.fill([*sessions(1), *messages(4000, content="x" * 100)])
    return cli.database


@pytest.fixture
def filled(ready: Cli, _filled_store: Path) -> Cli:
    """4,000 messages, so that a listing is more than any pipe holds."""
    shutil.copy(_filled_store, ready.database)
    return ready


@pytest.mark.parametrize(
    "line",
    [
        "message list -o jsonl",
        "message list -o csv",
        "message list -o json --limit 0",
        "message list -o table --limit 0",
        "show s00000",
        "export",
        "--help",
    ],
)
def test_a_reader_that_goes_away_is_no_trouble(filled: Cli, process: Processes, line: str) -> None:
    """`| head -1` gets its line; the command ends with 141 and says nothing."""
    outcome = process.shell(f'($TSMEM {line}; echo "code $?" >&2) | head -1')

    assert outcome.out.count(b"\n") == 1
    if line == "--help":  # shorter than a pipe, so it may have been written before head went away
        assert outcome.err in ("code 141\n", "code 0\n")
    else:
        assert outcome.err == "code 141\n"


def test_a_reader_that_never_was_is_no_trouble(process: Processes) -> None:
    """Help into a pipe that is closed already ends with 141, quietly."""
    started = process.start("--help")
    assert started.stdout is not None
    assert started.stderr is not None
    started.stdout.close()
    assert (started.wait(DEADLINE_S), started.stderr.read()) == (141, b"")


@pytest.mark.parametrize("closed", [">&-", "<&-", "2>&-", ">&- <&- 2>&-"])
def test_closed_streams_are_no_trouble(ready: Cli, process: Processes, closed: str) -> None:
    """A closed standard stream neither crashes the command nor reaches the store's file; the row is written."""
    outcome = process.shell(f"$TSMEM session put u s {closed}")

    assert outcome.code in (0, 1)
    assert "Traceback" not in outcome.err
    assert ready.ok("session", "get", "u", "s")


def interrupted(started: subprocess.Popen[bytes]) -> tuple[int, bytes, str]:
    """Send Ctrl-C, read what comes, and wait for the end."""
    started.send_signal(signal.SIGINT)
    out, err = started.communicate(timeout=DEADLINE_S)
    return started.returncode, out, err.decode()


@pytest.mark.parametrize("output", ["json", "jsonl"])
def test_an_interrupted_listing_ends_whole(filled: Cli, process: Processes, output: str) -> None:
    """Ctrl-C while a full pipe waits for its reader: exit 130, and what was written is one valid document."""
    started = process.start("message", "list", "-o", output, "--limit", "0")
    assert started.stdout is not None
    head = os.read(started.stdout.fileno(), 1)
    code, rest, err = interrupted(started)

    assert code == 130
    assert json.loads(err)["error"] == {
        "code": "Interrupted",
        "message": "interrupted",
        "hint": None,
        "request_id": None,
    }
    if output == "json":
        document = json.loads(head + rest)
        assert document["error"]["code"] == "Interrupted"
        ids = [item["message_id"] for item in document["items"]]
    else:
        ids = [json.loads(line)["message_id"] for line in (head + rest).splitlines()]
    assert ids == [f"m{n:05d}" for n in range(len(ids))]
    assert 0 < len(ids) < 4000


def test_an_interrupted_command_says_what_it_cost(filled: Cli, process: Processes) -> None:
    """Ctrl-C: exit 130, and --stats counts what was asked until then."""
    started = process.start("--stats", "message", "list", "-o", "jsonl")
    assert started.stdout is not None
    os.read(started.stdout.fileno(), 1)
    code, _, err = interrupted(started)

    assert code == 130
    assert re.search(r"\nstats: \d+ requests?, .* returned, \d+\.\d+ s\n\Z", err)


def test_a_command_whose_reader_went_away_says_what_it_cost(filled: Cli, process: Processes) -> None:
    """Exit 141, and --stats says its line and nothing else is said."""
    outcome = process.shell("{ $TSMEM --stats message list -o jsonl; echo code $? >&2; } | head -1")

    assert outcome.err.endswith("code 141\n")
    assert re.match(r"stats: \d+ requests?, .* returned, \d+\.\d+ s\ncode 141\n\Z", outcome.err)


@pytest.mark.parametrize("line", ["export", "message list --limit 0"])
def test_an_interrupted_output_ends_with_whole_lines(filled: Cli, process: Processes, line: str) -> None:
    """Exit 130 and one line on stderr; the last line on stdout is whole."""
    started = process.start(*line.split())
    assert started.stdout is not None
    head = os.read(started.stdout.fileno(), 1)
    code, rest, err = interrupted(started)

    assert code == 130
    assert err.startswith("error: interrupted")
    assert err.count("\n") == 1
    assert (head + rest).endswith(b"\n")
    if line == "export":
        assert all(json.loads(one) for one in (head + rest).splitlines())
        assert filled("import", "--dry-run", stdin=head + rest).code == 2


def test_an_interrupted_import_of_a_named_pipe(filled: Cli, process: Processes, tmp_path: Path) -> None:
    """A named pipe is read once, as standard input is, and interrupted like it."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    started = process.start("import", str(fifo))
    with fifo.open("wb", buffering=0) as writer:
        writer.write(b"".join(map(export_line, messages(2250, "new"))))
        wait_for(filled, 2000, "new")
        code, out, err = interrupted(started)
    assert (code, out) == (130, b"")
    assert err == "error: interrupted; done before: 2,000 messages\n"


def wait_for(cli: Cli, count: int, session: str) -> None:
    """Until another process has written so many messages of a session."""
    with cli.store() as store:
        wait_until(lambda: sum(1 for _ in store.messages.iterate(session)) >= count)


@pytest.mark.parametrize("output", ["table", "json"])
def test_an_interrupted_import_says_what_was_done(ready: Cli, process: Processes, output: str) -> None:
    """Two full batches of 2,250 rows are there, and the sentence says so; importing again completes."""
    data = b"".join(map(export_line, messages(2250)))
    started = process.start("import", "-o", output)
    assert started.stdin is not None
    started.stdin.write(data)
    started.stdin.flush()
    wait_for(ready, 2000, "s00000")
    code, out, err = interrupted(started)

    assert (code, out) == (130, b"")
    assert "interrupted; done before: 2,000 messages" in err
    assert err.count("\n") == 1
    assert ready.export().count(b"\n") == 2002
    ready.ok("import", stdin=data)
    assert ready.export().count(b"\n") == 2252


def test_a_killed_import_leaves_whole_rows_and_can_be_repeated(ready: Cli, process: Processes) -> None:
    """After SIGKILL every row that is there is whole, acknowledged batches are there, and importing again completes."""
    data = b"".join(map(export_line, messages(1050, content="y" * 500)))
    started = process.start("import")
    assert started.stdin is not None
    started.stdin.write(data)
    started.stdin.flush()
    wait_for(ready, 600, "s00000")
    started.kill()
    started.wait(DEADLINE_S)

    expected = {item.message_id: item for item in messages(1050, content="y" * 500)}
    with ready.store() as store:
        found = list(store.messages.iterate(None))
    assert len(found) in (600, 800, 1000)
    assert all(expected[item.message_id] == item for item in found)
    ready.ok("import", stdin=data)
    with ready.store() as store:
        assert {item.message_id: item for item in store.messages.iterate(None)} == expected


def test_ctrl_c_before_anything_begins(process: Processes) -> None:
    """Waiting for standard input is interrupted like anything else: exit 130, no traceback."""
    started = process.start("message", "put", "s", "--content-file", "-")
    assert started.stderr is not None
    code, out, err = interrupted(started)
    assert code in (130, -signal.SIGINT)
    assert out == b""
    assert "Traceback" not in err or code == -signal.SIGINT  # the interpreter itself had not begun


@pytest.mark.slow
def test_eight_processes_write_into_one_file(process: Processes, cli: Cli) -> None:
    """On a fresh file: nothing is lost, and no one hears of locks."""
    writer = (
        "import sys, tsmem\n"
        "from tsmem.cli.app.main import main\n"
        "from tsmem.__main__ import run\n"
        "who, count = sys.argv[1], int(sys.argv[2])\n"
        "code = main(['init-tables'])\n"
        "for n in range(count):\n"
        "    code = code or main(['message', 'put', f's{n % 3}', f'{who}-{n:04d}', '--content', 'x', '-o', 'jsonl'])\n"
        "sys.exit(code)\n"
    )
    running = [
        subprocess.Popen(
            [process.argv()[0], "-W", "error", "-c", writer, str(who), str(EACH)],
            env=process.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for who in range(WRITERS)
    ]
    for one in running:
        out, err = one.communicate(timeout=600)
        assert one.returncode == 0, err
        assert b"locked" not in err
        assert out.count(b'{"session_id"') == EACH
    with cli.store() as store:
        ids = sorted(item.message_id for item in store.messages.iterate(None))
    assert ids == sorted(f"{who}-{n:04d}" for who in range(WRITERS) for n in range(EACH))


def test_four_command_lines_begin_on_a_fresh_folder(process: Processes, cli: Cli) -> None:
    """Four `init-tables` at once all succeed, and the tables are right."""
    running = [process.start("init-tables") for _ in range(4)]
    for one in running:
        _, err = one.communicate(timeout=DEADLINE_S)
        assert one.returncode == 0, err
    cli.ok("init-tables", "--check")


def test_output_to_a_pipe_is_whole_and_plain(process: Processes, ready: Cli) -> None:
    """Nothing is cut or coloured in a pipe, whatever the environment says of terminals."""
    content = "word " * 500 + "end"
    ready.ok("message", "put", "s", "m", "--content", content)
    for argv in (("message", "list"), ("message", "get", "s", "m"), ("show", "s")):
        outcome = process.run(
            *argv, environ={"COLUMNS": "40", "FORCE_COLOR": "1", "CLICOLOR_FORCE": "1", "TERM": "xterm"}
        )
        assert content.encode() in outcome.out
        assert b"\x1b" not in outcome.out
        assert outcome.err == ""


def test_arguments_that_are_no_text_are_refused(process: Processes) -> None:
    """Bytes that are not UTF-8 on the command line are exit 2, in any locale."""
    argv: list[str | bytes] = [*process.argv("session", "get", "u"), b"\xff\xfe"]
    for locale in ("C.UTF-8", "C", "POSIX"):
        done = subprocess.run(argv, env={**process.environ, "LC_ALL": locale}, capture_output=True, check=False)
        assert done.returncode == 2
        assert done.stderr.startswith(b"error: the argument ")
        assert done.stderr.isascii()


def test_text_is_utf_8_in_any_locale(process: Processes, ready: Cli) -> None:
    """Data on stdout is UTF-8 even where the locale is C; talk on stderr does not fail there."""
    for locale in ("C", "POSIX", "C.UTF-8"):
        environ = {"LC_ALL": locale}
        put = process.run("session", "put", "退", "s", "-o", "json", environ=environ)
        assert put.code == 0, put
        assert put.json["user_id"] == "退"
        assert process.run("session", "delete", "退", "s", environ=environ).code == 0
    assert ready.export().count(b"\n") == 2


def test_an_unbuffered_output_is_whole(filled: Cli, process: Processes) -> None:
    """With PYTHONUNBUFFERED a write may take a part of what it is given, as when a stopped process goes on."""
    started = process.start("message", "list", "-o", "jsonl", env={**process.environ, "PYTHONUNBUFFERED": "1"})
    assert started.stdout is not None
    first = os.read(started.stdout.fileno(), 10)
    for _ in range(3):  # the pipe is full: a signal cuts the write that waits
        os.kill(started.pid, signal.SIGSTOP)
        os.kill(started.pid, signal.SIGCONT)
    out = first + started.stdout.read()

    assert started.wait() == 0
    assert [json.loads(line)["message_id"] for line in out.splitlines()] == [f"m{n:05d}" for n in range(4000)]


def test_an_empty_completion_variable_is_none(ready: Cli, process: Processes) -> None:
    """A variable that is set and empty asks for nothing."""
    assert process.run("session", "list", "-o", "json", environ={"_TSMEM_COMPLETE": ""}).code == 0
