"""Pseudo-terminals: opened with a width, and read until nobody has the other side."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
from collections.abc import Iterator


def resize(terminal: int, columns: int, rows: int = 24) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def open_terminal(columns: int) -> tuple[int, int]:
    """Open a pseudo-terminal. Return our side and the side of its programs."""
    ours, theirs = pty.openpty()
    resize(theirs, columns)
    return ours, theirs


def pieces(terminal: int) -> Iterator[bytes]:
    """Yield what is written to a terminal."""
    while True:
        try:
            piece = os.read(terminal, 1 << 16)
        except OSError:  # nobody has the other side
            return
        if not piece:
            return
        yield piece
