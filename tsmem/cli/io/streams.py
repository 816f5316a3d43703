"""The three standard streams of a run and what is known of them. They are injected, so that tests have every output."""

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
    stdin: BinaryIO
    stdout: BinaryIO
    stderr: BinaryIO
    stdin_is_terminal: bool = False
    stdout_is_terminal: bool = False
    stderr_is_terminal: bool = False
    width: int = 80
    """Cells in a line of the terminal."""
    unicode: bool = True
    """True if the terminal shows more than ASCII."""

    @classmethod
    def of_process(cls) -> Streams:
        """Return this process's own streams. One that was closed fails when it is used."""
        stdin, stdout, stderr = (
            _Closed() if stream is None else WaitingFile(stream.fileno(), mode, closefd=False)
            for stream, mode in ((sys.stdin, "rb"), (sys.stdout, "wb"), (sys.stderr, "wb"))
        )
        encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower().replace("-", "")
        return cls(
            cast(BinaryIO, io.BufferedReader(stdin)),
            cast(BinaryIO, stdout),
            cast(BinaryIO, stderr),
            stdin.isatty(),
            stdout.isatty(),
            stderr.isatty(),
            _width(stdout),
            encoding in ("utf8", "utf16", "utf32", "gb18030"),
        )

    def write_stderr(self, text: str) -> None:
        """Write text that is safe already, in ASCII if the terminal shows no more. Errors are ignored."""
        with suppress(OSError, ValueError):
            self.stderr.write(text.encode("utf-8" if self.unicode else "ascii", "backslashreplace"))
            self.stderr.flush()

    def check_reader(self) -> None:
        """Raise BrokenPipeError if stdout is a pipe that nobody reads any more: who writes nothing does not notice.

        Source: poll(2), POLLERR."""
        with suppress(io.UnsupportedOperation, ValueError):
            ready = select.poll()
            ready.register(self.stdout.fileno(), 0)
            if any(event & select.POLLERR for _, event in ready.poll(0)):
                raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


class _Closed(io.RawIOBase):
    """A stream that was closed before the start: an input is not empty, and no output is lost silently."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        raise OSError(errno.EBADF, "it is closed")

    def write(self, data: object) -> int:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


def _width(stdout: io.RawIOBase) -> int:
    """Return the terminal's width. COLUMNS wins, as in other programs; 80 if the terminal does not say."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and int(columns) > 0:
        return int(columns)
    try:
        return os.get_terminal_size(stdout.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def hold_closed_streams() -> None:
    """Open /dev/null in the place of standard streams that were closed.

    Else a file that is opened later takes the descriptor, and what the interpreter or a child process writes to stderr
    ends up in it. It is opened the wrong way round, so that reading /dev/stdin and writing /dev/stderr still fail."""
    for number, flags in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_RDONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, flags), True)  # it takes the lowest number that is free


def settle(stream: TextIO | None) -> None:
    """Flush what others left in a standard stream, or drop it if that fails.

    The interpreter would try again at its exit and end with 120, whatever the command did."""
    if stream is None:
        return
    try:
        stream.flush()
    except (OSError, ValueError):
        give_up(stream)


def give_up(stream: BinaryIO | TextIO) -> None:
    """Redirect a stream that cannot be written to /dev/null."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
