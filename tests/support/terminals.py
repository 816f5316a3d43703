"""Runs command lines on pseudo-terminals, in this process or as processes, and checks what a terminal was sent."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import termios
import threading
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import pytest

from tests.cli.conftest import Cli, Processes
from tests.support.commands import declared_by
from tests.support.ptys import STDERR_STYLES, open_terminal, pieces
from tsmem.cli.app.main import main
from tsmem.cli.io.streams import Streams
from tsmem.clock import Clock

CTRL_D = b"\x04"
COLOUR = re.compile(r"\x1b\[[0-9]+(?:;[0-9]+)*m")
"""The escape sequences that rich writes at the beginning and the end of a style."""
CONTROLS = "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
INVISIBLE = (
    "[\xad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]"
)
MAX_MARKS = 4
"""The most combining marks that one character can have."""


class Screen(NamedTuple):
    """The exit code, and what each terminal was sent: `out` by stdout, `err` by stderr, without its styles."""

    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        return self.out.decode()


class Screens:
    """Runs command lines in this process on two terminals: one for stdin and stderr, one for stdout.

    Output is kept byte by byte, because the terminals are set to add nothing to it.
    """

    def __init__(self, cli: Cli, columns: int = 80, encoding: str = "utf-8") -> None:
        self._cli = cli
        self._columns = columns
        self._encoding = encoding

    def __call__(
        self, *argv: str, typed: bytes = b"", environ: Mapping[str, str] | None = None, clock: Clock | None = None
    ) -> Screen:
        """Run `tsmem ARGV`. The typed bytes wait in the terminal until something reads them. Ctrl-D follows, so that
        an unexpected question ends the command instead of blocking the test."""
        with _terminal(self._columns) as talk, _terminal(self._columns) as data:
            os.write(talk.ours, typed + CTRL_D)
            variables = {**self._cli.environ, "TERM": "xterm-256color", "PAGER": "cat", **(environ or {})}
            code = main(argv, self._streams(talk.theirs, data.theirs), variables, clock or self._cli.clock)
        assert (command := declared_by(argv)) is None or code in command.exit_codes, (argv, code, bytes(talk.sent))
        return Screen(code, bytes(data.sent), STDERR_STYLES.sub(b"", bytes(talk.sent)))

    def _streams(self, talk: int, data: int) -> Streams:
        """Return the streams of a process whose stdin and stderr are the terminal `talk`, and its stdout `data`."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdin", self._opened(talk, "rb"))
            patch.setattr(sys, "stderr", self._opened(talk, "wb"))
            patch.setattr(sys, "stdout", self._opened(data, "wb"))
            patch.setattr(sys, "__stdout__", sys.stdout)
            return Streams.of_process()

    def _opened(self, descriptor: int, mode: str) -> io.TextIOWrapper:
        opened = io.TextIOWrapper(os.fdopen(os.dup(descriptor), mode), encoding=self._encoding)
        _kept.append(opened)
        return opened


_kept: list[io.TextIOWrapper] = []
"""Streams to close together with their terminal."""


class _Terminal(NamedTuple):
    ours: int
    theirs: int
    sent: bytearray


@contextmanager
def _terminal(columns: int) -> Iterator[_Terminal]:
    """Open a pseudo-terminal that passes output on unchanged and does not echo input."""
    ours, theirs = open_terminal(columns)
    modes = termios.tcgetattr(theirs)
    modes[1] &= ~termios.OPOST
    modes[3] &= ~termios.ECHO
    termios.tcsetattr(theirs, termios.TCSANOW, modes)
    terminal = _Terminal(ours, theirs, bytearray())
    reader = threading.Thread(target=_read, args=(ours, terminal.sent))
    reader.start()
    try:
        yield terminal
    finally:
        while _kept:
            _kept.pop().close()
        os.close(theirs)
        reader.join()
        os.close(ours)


def _read(ours: int, sent: bytearray) -> None:
    for piece in pieces(ours):
        sent += piece


class Terminal:
    """Runs command lines as processes, with one terminal for all three streams."""

    def __init__(self, process: Processes, columns: int = 80) -> None:
        self._process = process
        self._columns = columns

    def run(self, *argv: str, answer: bytes = b"", environ: dict[str, str] | None = None) -> tuple[int, str]:
        """Return the exit code, and what the terminal was sent. The answer is typed when the question appears."""
        ours, theirs = open_terminal(self._columns)
        started = subprocess.Popen(
            self._process.argv(*argv),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**self._process.environ, "TERM": "xterm-256color", "PAGER": "cat", **(environ or {})},
            cwd=self._process.folder,
        )
        os.close(theirs)
        try:
            sent = b"".join(self._sent(ours, answer))
            return started.wait(60), sent.decode().replace("\r\n", "\n")
        finally:
            os.close(ours)
            started.kill()
            started.wait()

    @staticmethod
    def _sent(ours: int, answer: bytes) -> Iterator[bytes]:
        for piece in pieces(ours):
            yield piece
            if answer and b"[y/N]" in piece:
                os.write(ours, answer)
                answer = b""


def check_safe(text: str, *, data: bool = False) -> bool:
    """Fail if a text has control characters, invisible characters, or more than MAX_MARKS marks on a character. With
    `data`, as on a pipe, only control characters matter."""
    found = re.search(CONTROLS if data else f"{CONTROLS}|{INVISIBLE}", text)
    assert found is None, text[max(0, found.start() - 80) : found.end() + 80].encode("unicode_escape").decode()
    assert data or most_marks(text) <= MAX_MARKS
    return True


def most_marks(text: str) -> int:
    """Return the largest number of combining marks on one character, even if joiners separate them."""
    highest = 0
    for run in re.findall("[^\x00-\x7f]{2,}", text):
        pile = 0
        for character in run:
            kind = unicodedata.category(character)
            if kind in ("Mn", "Me") or "\u1161" <= character <= "\u11ff":
                pile += 1
                highest = max(highest, pile)
            elif kind not in ("Mc", "Cf"):
                pile = 0
    return highest


def cells(line: str) -> int:
    """Return the most cells that a line can take, computed independently of the package's own code."""
    return len(line) if line.isascii() else sum(map(_cell, line))


def _cell(character: str) -> int:
    kind = unicodedata.category(character)
    if kind in ("Mn", "Me") or character in "\u200c\u200d":
        return 0
    if "\u1161" <= character <= "\u11ff" or "\ud7b0" <= character <= "\ud7ff":
        return 0
    return 2 if kind != "Cn" and unicodedata.east_asian_width(character) in "WF" else 1
