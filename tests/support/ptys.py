"""Pseudo-terminals: opened with a width, and read until all programs on the other side have closed it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import termios
from collections.abc import Iterator

STDERR_STYLES = re.compile(rb"\x1b\[(?:0|2|1;31)m")
"""The escape sequences of a red label and of dim lines on a terminal's stderr."""


def resize(terminal: int, columns: int, rows: int = 24) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def open_terminal(columns: int) -> tuple[int, int]:
    """Open a pseudo-terminal. Return its two descriptors: ours, and the one for programs."""
    ours, theirs = pty.openpty()
    resize(theirs, columns)
    return ours, theirs


def pieces(terminal: int) -> Iterator[bytes]:
    """Yield what programs write to the terminal, until they have closed it."""
    while True:
        try:
            piece = os.read(terminal, 1 << 16)
        except OSError:  # the other side is closed
            return
        if not piece:
            return
        yield piece
