"""The standard streams of a run, and what is known about the terminal behind them.

`cli/app/main.py` makes one `Streams` for the process; tests pass their own. The functions below keep closed or full
streams from changing how the process ends.
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
    stdin: BinaryIO
    stdout: BinaryIO
    stderr: BinaryIO
    stdin_is_terminal: bool = False
    stdout_is_terminal: bool = False
    stderr_is_terminal: bool = False
    width: int = 80
    """Columns of the terminal."""
    unicode: bool = True
    """True if the terminal can show Unicode."""

    @classmethod
    def of_process(cls) -> Streams:
        """Return the streams of this process. A stream that was closed at the start raises OSError when it is used."""
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
        """Write text whose control characters are escaped already. Without `unicode` it is written in ASCII. Errors are
        ignored."""
        with suppress(OSError, ValueError):
            self.stderr.write(text.encode("utf-8" if self.unicode else "ascii", "backslashreplace"))
            self.stderr.flush()

    def check_reader(self) -> None:
        """Raise BrokenPipeError if stdout is a pipe that nobody reads any more. A command that waits without writing
        would not notice. Source: poll(2), POLLERR."""
        with suppress(io.UnsupportedOperation, ValueError):
            ready = select.poll()
            ready.register(self.stdout.fileno(), 0)
            if any(event & select.POLLERR for _, event in ready.poll(0)):
                raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


class _Closed(io.RawIOBase):
    """A stream that was closed before the start. Reading and writing fail, so that it is not taken for an empty input,
    and no output is lost silently."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        raise OSError(errno.EBADF, "it is closed")

    def write(self, data: object) -> int:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


def _width(stdout: io.RawIOBase) -> int:
    """Return the terminal's width: COLUMNS if it is set, as in other programs, else what the terminal says, else 80."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and int(columns) > 0:
        return int(columns)
    try:
        return os.get_terminal_size(stdout.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def hold_closed_streams() -> None:
    """Open /dev/null in place of standard streams that were closed.

    Otherwise a file that is opened later would get the descriptor, and whatever the interpreter or a child process
    writes to stderr would end up in that file. stdin is opened for writing and the others for reading, so that reading
    /dev/stdin and writing to /dev/stderr still fail."""
    for number, flags in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_RDONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, flags), True)  # open returns the lowest free number, which is this


def settle(stream: TextIO | None) -> None:
    """Flush what other code left in a standard stream's buffer, or discard it if that fails.

    Otherwise the interpreter would try again when it exits, and end with code 120 whatever the command did."""
    if stream is None:
        return
    try:
        stream.flush()
    except (OSError, ValueError):
        give_up(stream)


def give_up(stream: BinaryIO | TextIO) -> None:
    """Redirect a stream to /dev/null, because writing to it failed."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
