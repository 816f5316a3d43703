"""The standard streams of a run, what is known about the terminal behind them, and functions that keep closed or full
streams from changing how the process ends.
"""

from __future__ import annotations

import errno
import io
import os
import select
import shutil
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
    height: int | None = None
    """Lines of the terminal; None if they are not known, and then nothing goes through a pager."""
    unicode: bool = True
    """True if the terminal can show Unicode."""
    terminal: str | None = None
    """A name for the terminal and the login or window that it belongs to, which no other terminal has at the same time;
    None if no stream is a terminal."""

    @classmethod
    def of_process(cls) -> Streams:
        stdin, stdout, stderr = (
            _Closed() if stream is None else WaitingFile(stream.fileno(), mode, closefd=False)
            for stream, mode in ((sys.stdin, "rb"), (sys.stdout, "wb"), (sys.stderr, "wb"))
        )
        size = shutil.get_terminal_size()
        encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower().replace("-", "")
        return cls(
            cast(BinaryIO, io.BufferedReader(stdin)),
            cast(BinaryIO, stdout),
            cast(BinaryIO, stderr),
            stdin.isatty(),
            stdout.isatty(),
            stderr.isatty(),
            size.columns,
            size.lines,
            encoding in ("utf8", "utf16", "utf32", "gb18030"),
            _name_of_terminal(stdout, stderr, stdin),
        )

    def write_stderr(self, text: str) -> None:
        """Write text whose control characters are escaped already. Errors are ignored."""
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


def _name_of_terminal(*streams: io.RawIOBase) -> str | None:
    for stream in streams:
        with suppress(OSError):  # it is no terminal, or one of another container
            device = os.ttyname(stream.fileno())
            return f"{device.removeprefix('/dev/').replace('/', '-')}.{os.getsid(0)}"
    return None


class _Closed(io.RawIOBase):
    """A stream that was closed before the start. It fails, so that it is not taken for an empty input, and no output is
    lost silently."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        raise OSError(errno.EBADF, "it is closed")

    def write(self, data: object) -> int:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


def hold_closed_streams() -> None:
    """Open /dev/null in place of closed standard streams. Otherwise a file that is opened later would become one of
    them. stdin is opened for writing and the others for reading, so that their use still fails."""
    for number, flags in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_RDONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, flags), True)  # open returns the lowest free number, which is this


def settle(stream: TextIO | None) -> None:
    """Flush a standard stream, or discard its buffer if that fails. Otherwise the interpreter would try again at its
    exit, and end with code 120 whatever the command did."""
    if stream is None:
        return
    try:
        stream.flush()
    except (OSError, ValueError):
        give_up(stream)


def give_up(stream: BinaryIO | TextIO) -> None:
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
