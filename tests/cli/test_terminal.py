"""On a real pseudo-terminal: questions, widths, colours, and hostile text that must stay harmless."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator

import pytest
from rich.cells import cell_len

from tests.cli.conftest import Cli, Outcome, Processes, messages, sessions
from tsmem.store import Message, Metadata, Session

HOSTILE = (
    "\x1b[2J\x1b]0;title\x07\x1b]52;c;AAAA\x07 \x9b31m\x9d0;t\x9c a\u202eb\u2066c\u2069 \r\nnext\rover\x08\x7f"
    "\u2028\u2029\ufeff\u200b[red]x[/red]"
)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
FORBIDDEN = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
ENVIRONMENT = {"TERM": "xterm-256color"}


class Terminal:
    """Runs command lines with a pseudo-terminal for all three streams."""

    def __init__(self, process: Processes, columns: int = 80) -> None:
        self._process = process
        self._columns = columns

    def run(self, *argv: str, answer: bytes = b"", environ: dict[str, str] | None = None) -> tuple[int, str]:
        """The exit code, and what the terminal was sent. An answer is typed once the question is there."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, self._columns, 0, 0))
        started = subprocess.Popen(
            self._process.argv(*argv),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**self._process.environ, **ENVIRONMENT, **(environ or {})},
            cwd=self._process.folder,
        )
        os.close(theirs)
        try:
            sent = b"".join(self._sent(ours, answer))
            return started.wait(30), sent.decode().replace("\r\n", "\n")
        finally:
            os.close(ours)
            started.kill()
            started.wait()

    @staticmethod
    def _sent(ours: int, answer: bytes) -> Iterator[bytes]:
        deadline = time.monotonic() + 30
        while select.select([ours], [], [], max(0.0, deadline - time.monotonic()))[0]:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other side is closed
                return
            if not piece:
                return
            yield piece
            if answer and b"[y/N]" in piece:
                os.write(ours, answer)
                answer = b""


@pytest.fixture
def terminal(process: Processes) -> Terminal:
    """80 columns."""
    return Terminal(process)


@pytest.mark.parametrize(
    ("argv", "question"),
    [
        (("session", "purge", "--user", "ada", "--with-messages"), "Delete 3 sessions and 2 messages of user 'ada'"),
        (("message", "purge", "--everything"), "Delete 2 messages of all sessions"),
        (("drop-tables",), "Delete the tables session with 3 rows and message with 2 rows?"),
    ],
)
def test_it_asks_and_does_what_it_is_told(ready: Cli, terminal: Terminal, argv: tuple[str, ...], question: str) -> None:
    """With counts; `n` does nothing, `y` does it."""
    ready.fill([*sessions(3), *messages(2)])
    before = ready.export()

    code, shown = terminal.run(*argv, answer=b"n\n")
    assert code == 0
    assert question in shown
    assert shown.endswith("nothing was done\n")
    assert ready.export() == before

    code, shown = terminal.run(*argv, answer=b"y\n")
    assert code == 0
    assert str(ready.database) in shown
    after = ready("export")
    assert after.code == 3 if argv == ("drop-tables",) else after.out != before


def test_a_listing_fits_the_terminal(ready: Cli, process: Processes) -> None:
    """At 60, 80 and 200 columns no line is wider, ids are whole, and colours are the only escapes."""
    uuid = "0b3c8f3e-4a6b-4a53-9d5c-2f1f6f9f0c11"
    ready.fill([Message(uuid, uuid[::-1][:36], 1_767_000_000_000_000 + n, "assistant", "退款 " * 60) for n in range(3)])
    for columns in (60, 80, 200):
        for argv in (("message", "list"), ("show", uuid), ("message", "list", "--fields", "session_id,message_id")):
            code, shown = Terminal(process, columns).run(*argv)
            plain = COLOURS.sub("", shown)
            assert code == 0
            assert max(map(cell_len, plain.split("\n"))) <= columns
            assert FORBIDDEN.search(plain) is None
            assert uuid in plain or (columns < 80 and "--fields" in argv)


@pytest.mark.parametrize("off", ["NO_COLOR", "TERM", "--no-color"])
def test_colours_can_be_turned_off(ready: Cli, terminal: Terminal, off: str) -> None:
    """By NO_COLOR, by a dumb terminal, by the flag; otherwise a terminal has them."""
    ready.fill([*sessions(1), *messages(2)])
    assert "\x1b[" in terminal.run("show", "s00000")[1]
    environ = {"NO_COLOR": {"NO_COLOR": "1"}, "TERM": {"TERM": "dumb"}, "--no-color": {}}[off]
    argv = ("--no-color",) if off == "--no-color" else ()
    assert "\x1b" not in terminal.run(*argv, "show", "s00000", environ=environ)[1]


def hostile_items() -> list[Session | Message]:
    """Hostile text in every field that holds text."""
    metadata = Metadata({"topic": HOSTILE, "name": HOSTILE, "tool_calls": HOSTILE, "b": HOSTILE.encode()})
    return [
        Session(HOSTILE, HOSTILE, 1_767_000_000_000_000, HOSTILE, metadata),
        Message(HOSTILE, HOSTILE, 1_767_000_000_000_000, HOSTILE, HOSTILE, HOSTILE, metadata),
        Message(HOSTILE, "n", 1_767_000_000_000_001, "tool", HOSTILE, None, metadata),
    ]


HOSTILE_COMMANDS = [
    ("session", "list"),
    ("session", "get", HOSTILE, HOSTILE),
    ("session", "recent", "--user", HOSTILE),
    ("message", "list"),
    ("message", "list", "--session", HOSTILE, "--fields", "role,content,metadata.topic"),
    ("message", "get", HOSTILE, HOSTILE),
    ("message", "tail", HOSTILE, "-o", "table"),
    ("show", HOSTILE),
    ("show", HOSTILE, "--user", HOSTILE, "--full"),
    ("show", HOSTILE, "--markdown"),
    ("session", "update", HOSTILE, HOSTILE, "--touch"),
    ("message", "update", HOSTILE, HOSTILE, "-m", "a=1"),
    ("message", "delete", HOSTILE, HOSTILE),
    ("session", "delete", HOSTILE, HOSTILE, "--with-messages"),
    # errors
    ("session", "get", HOSTILE, "nothing"),
    ("session", "get", HOSTILE + "x" * 1024, HOSTILE),
    ("message", "get", "nothing", HOSTILE),
    ("show", HOSTILE + "x"),
    (HOSTILE,),
    ("session", HOSTILE),
    ("session", "list", f"--{HOSTILE}"),
    ("session", "list", "--fields", HOSTILE),
    ("session", "list", "-o", HOSTILE),
    ("session", "list", "-p", HOSTILE),
    ("session", "list", "--config", HOSTILE),
    ("session", "list", "--page-token", HOSTILE),
    ("session", "list", "--limit", HOSTILE),
    ("session", "recent", "--user", "u", "--since", HOSTILE),
    ("session", "put", "u", "s", "-m", HOSTILE),
    ("session", "put", "u", "s", "-m", f"a@{HOSTILE}"),
    ("message", "put", "s", "m", "--content-file", HOSTILE),
    ("import", HOSTILE),
    ("export", f"/{HOSTILE}/x"),
    ("completion", HOSTILE),
    ("profile", "show", HOSTILE),
    ("profile", "set", HOSTILE, "backend=local"),
    ("profile", "set", "x", HOSTILE),
    ("profile", "set", "x", f"backend={HOSTILE}"),
    ("profile", "use", HOSTILE),
    ("profile", "delete", HOSTILE),
    ("session", "put", "u", "s", HOSTILE),
    ("session", "get", HOSTILE, HOSTILE, "--debug"),
    ("-p", HOSTILE, "session", "list", "--debug"),
]


@pytest.mark.parametrize("output", ["table", "csv", "json", "jsonl"])
def test_hostile_text_is_harmless_in_every_command(ready: Cli, output: str) -> None:
    """On a terminal neither stdout nor stderr carries a control, bidi or invisible character, in any format."""
    ready.fill(hostile_items())
    for argv in HOSTILE_COMMANDS:
        outcome = ready("-o", output, "--no-color", *argv, width=80)
        for shown in (outcome.text, outcome.err):
            if output in ("json", "jsonl"):
                shown = shown.replace("\u200b", "").replace("\ufeff", "")
            assert FORBIDDEN.search(shown) is None, (argv, shown)
            assert "\r" not in shown, argv


def test_hostile_text_in_a_pipe_is_escaped_in_tables_and_talk(ready: Cli) -> None:
    """A table in a pipe has one line a row, and nothing in it can move a cursor later."""
    ready.fill(hostile_items())
    for argv in HOSTILE_COMMANDS:
        outcome = ready(*argv)
        for shown in (outcome.text, outcome.err):
            assert FORBIDDEN.search(shown) is None, (argv, shown)
    ready.fill(hostile_items())
    assert ready.ok("message", "list").out.count(b"\n") == 3


def test_hostile_text_from_a_file_is_harmless_in_errors(ready: Cli) -> None:
    """What an import or a profile file quotes in its errors is escaped."""
    bad = HOSTILE.replace("\n", "").replace("\r", "")
    lines = [
        b'{"user_id": "u", "session_id": "s", "metadata": {"#%s": 1}}' % ascii_json(bad),
        b'{"user_id": "u", "session_id": "s", "%s": 1}' % ascii_json(bad),
        b'{"kind": "%s"}' % ascii_json(bad),
        b'{"kind": "tsmem", "version": "%s"}' % ascii_json(bad),
        b'{"a": 1, "%s": 1, "%s": 1}' % (ascii_json(bad), ascii_json(bad)),
        b'{"kind": "tsmem", "version": 1}\n{"kind": "end", "sessions": "%s", "messages": 0}' % ascii_json(bad),
    ]
    outcomes: list[Outcome] = [ready("import", stdin=line) for line in lines]
    ready.config(
        f'[profiles."{bad.encode("unicode_escape").decode().replace(chr(92) + "x", chr(92) + "u00")}"]\nbackend = 5\n'
    )
    outcomes += [ready("session", "list"), ready("profile", "list")]
    for outcome in outcomes:
        assert FORBIDDEN.search(outcome.err) is None, outcome.err
    assert all(outcome.code == 2 for outcome in outcomes[: len(lines)])


def ascii_json(text: str) -> bytes:
    """The text as it stands between the quotes of a JSON string, in ASCII."""
    import json

    return json.dumps(text)[1:-1].encode()
