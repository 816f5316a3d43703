"""The three streams of a run and what is known of them, injected so that every output can be had in a test.

stdout is bytes that render made; stderr is talk, made safe here; stdin is bytes.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO


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
        """This process's own streams. A standard input that was closed is empty, an output fails."""
        stdin, stdout, stderr = (
            _binary(stream, mode) for stream, mode in ((sys.stdin, "rb"), (sys.stdout, "wb"), (sys.stderr, "wb"))
        )
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
        import select

        with suppress(io.UnsupportedOperation, ValueError):
            ready = select.poll()
            ready.register(self.stdout.fileno(), 0)
            if any(event & select.POLLERR for _, event in ready.poll(0)):
                raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def _binary(stream: object, mode: str) -> BinaryIO:
    buffer = getattr(stream, "buffer", None)
    if buffer is None:
        return _Closed() if mode == "wb" else open(os.devnull, "rb")  # noqa: PTH123
    return buffer  # type: ignore[no-any-return]


class _Closed(io.BytesIO):
    """A stream that was closed before the start: what is written to it is not lost silently."""

    def write(self, data: object) -> int:
        """Raises OSError."""
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


def _width(stdout: BinaryIO) -> int:
    """The terminal's width; COLUMNS wins, as everywhere. A terminal that does not say is 80 wide."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and int(columns) > 0:
        return int(columns)
    try:
        return os.get_terminal_size(stdout.fileno()).columns or 80
    except (OSError, ValueError):
        return 80
