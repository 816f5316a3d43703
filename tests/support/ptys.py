"""Command lines in this process, on real pseudo-terminals: one for standard input and stderr, one for stdout. What each
was sent is kept to the byte, as the kernel is told to add nothing to it.

No process is started for a command line, so hundreds of them take seconds.
"""

from __future__ import annotations

import fcntl
import io
import os
import struct
import sys
import termios
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from tests.cli.conftest import Cli
from tests.support.commands import declared_by
from tsmem.cli.app.main import main
from tsmem.cli.io.streams import Streams
from tsmem.clock import Clock

CTRL_D = b"\x04"


class Screen(NamedTuple):
    """What a command line came to on its terminals."""

    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        """What stdout showed."""
        return self.out.decode()


class Screens:
    """Terminals of so many columns, in an encoding."""

    def __init__(self, cli: Cli, columns: int = 80, encoding: str = "utf-8") -> None:
        self._cli = cli
        self._columns = columns
        self._encoding = encoding

    def __call__(
        self,
        *argv: str,
        typed: bytes = b"",
        environ: Mapping[str, str] | None = None,
        clock: Clock | None = None,
    ) -> Screen:
        """Run `tsmem ARGV`. What is typed waits in the terminal for whoever reads it; then Ctrl-D is pressed, so that a
        question nobody foresaw ends the command instead of waiting for ever."""
        with _terminal(self._columns) as talk, _terminal(self._columns) as data:
            os.write(talk.ours, typed + CTRL_D)
            variables = {**self._cli.environ, "TERM": "xterm-256color", **(environ or {})}
            code = main(argv, self._streams(talk.theirs, data.theirs), variables, clock or self._cli.clock)
        assert (command := declared_by(argv)) is None or code in command.exit_codes, (argv, code, bytes(talk.sent))
        return Screen(code, bytes(data.sent), bytes(talk.sent))

    def _streams(self, talk: int, data: int) -> Streams:
        """The streams of a process that has these terminals."""
        before = sys.stdin, sys.stdout, sys.stderr
        sys.stdin = self._opened(talk, "rb")
        sys.stdout, sys.stderr = self._opened(data, "wb"), self._opened(talk, "wb")
        try:
            return Streams.of_process()
        finally:
            sys.stdin, sys.stdout, sys.stderr = before

    def _opened(self, descriptor: int, mode: str) -> io.TextIOWrapper:
        opened = io.TextIOWrapper(os.fdopen(os.dup(descriptor), mode), encoding=self._encoding)
        _kept.append(opened)
        return opened


_kept: list[io.TextIOWrapper] = []
"""Streams that are closed with their terminal."""


class _Terminal(NamedTuple):
    ours: int
    theirs: int
    sent: bytearray


@contextmanager
def _terminal(columns: int) -> Iterator[_Terminal]:
    """A pseudo-terminal whose output is as it was sent, and shows nothing that is typed."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
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
    while True:
        try:
            piece = os.read(ours, 1 << 16)
        except OSError:  # the other side is closed
            return
        if not piece:
            return
        sent += piece
