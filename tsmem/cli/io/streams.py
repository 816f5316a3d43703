"""The three streams of a run and what is known of them, injected so that every output can be had in a test.

stdout is bytes that render made; stderr is talk, made safe here; stdin is bytes.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, TextIO, cast

from tsmem.transfer.files.descriptors import WaitingFile


@dataclass(eq=False, repr=False)
class Streams:
    """What a run reads and writes."""

    stdin: BinaryIO
    stdout: BinaryIO
    stderr: BinaryIO
    stdin_is_terminal: bool = False
    stdout_is_terminal: bool = False
    stderr_is_terminal: bool = False
    width: int = 80
    """Cells in a line of the terminal."""
    unicode: bool = True
    """Whether the terminal can show more than ASCII."""

    @classmethod
    def of_process(cls) -> Streams:
        """This process's own streams. One that was closed fails when it is used."""
        stdin, stdout, stderr = _input(sys.stdin), _output(sys.stdout), _output(sys.stderr)
        encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower().replace("-", "")
        return cls(
            stdin,
            stdout,
            stderr,
            stdin.isatty(),
            stdout.isatty(),
            stderr.isatty(),
            _width(stdout),
            encoding in ("utf8", "utf16", "utf32", "gb18030"),
        )

    def check_reader(self) -> None:
        """Raises BrokenPipeError where stdout is a pipe that nobody reads any more: who waits for something to write
        would not notice it. Source: poll(2), POLLERR."""
        with suppress(io.UnsupportedOperation, ValueError):
            ready = select.poll()
            ready.register(self.stdout.fileno(), 0)
            if any(event & select.POLLERR for _, event in ready.poll(0)):
                raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def hold_closed_streams() -> None:
    """Put /dev/null where a standard stream was closed, so that no file that is opened later takes its descriptor:
    what the interpreter, or a program that we start, writes to stderr would end up in it. It is open the wrong way
    round, so that /dev/stdin is no empty file, and nothing that is written to /dev/stderr is lost without an error."""
    for number, flags in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_RDONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, flags), True)  # it takes the lowest number that is free


def settle(stream: TextIO | None) -> None:
    """Write what others left in a standard stream, or drop it. The interpreter would try again at its exit and end with
    120, whatever the command did."""
    if stream is None:
        return
    try:
        stream.flush()
    except (OSError, ValueError):
        give_up(stream)


def give_up(stream: BinaryIO | TextIO) -> None:
    """Let what is still written to a stream that cannot be written go nowhere."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def _input(stream: TextIO | None) -> BinaryIO:
    if stream is None:
        return cast(BinaryIO, io.BufferedReader(_ClosedInput()))
    return cast(BinaryIO, io.BufferedReader(WaitingFile(stream.fileno(), "rb", closefd=False)))


def _output(stream: TextIO | None) -> BinaryIO:
    return _Closed() if stream is None else cast(BinaryIO, WaitingFile(stream.fileno(), "wb", closefd=False))


class _Closed(io.BytesIO):
    """A stream that was closed before the start: what is written to it is not lost silently."""

    def write(self, data: object) -> int:
        """Raises OSError."""
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


class _ClosedInput(io.RawIOBase):
    """A standard input that was closed before the start: it is not an empty one."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        raise OSError(errno.EBADF, "it is closed")


def _width(stdout: BinaryIO) -> int:
    """The terminal's width; COLUMNS wins, as everywhere. A terminal that does not say is 80 wide."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and int(columns) > 0:
        return int(columns)
    try:
        return os.get_terminal_size(stdout.fileno()).columns or 80
    except (OSError, ValueError):
        return 80
