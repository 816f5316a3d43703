"""Lines gathered into chunks: big enough to be quick, soon enough to be seen, and none lost when the source fails."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

CHUNK_BYTES = 32 * 1024
LONGEST_WAIT_S = 0.05
"""How old a gathered line may be when the next one comes."""


def join_lines(lines: Iterable[bytes], *, at_once: bool = False) -> Iterator[bytes]:
    """The lines, joined: the first by itself, later ones by size and time, or each `at_once`. When the source raises,
    what came before is yielded first."""
    waiting: list[bytes] = []
    size, due = 0, 0.0
    try:
        for line in lines:
            waiting.append(line)
            size += len(line)
            if at_once or size >= CHUNK_BYTES or time.monotonic() >= due:
                chunk, size = b"".join(waiting), 0
                waiting.clear()
                yield chunk
                due = time.monotonic() + LONGEST_WAIT_S
    except (Exception, KeyboardInterrupt):
        if waiting:
            yield b"".join(waiting)
        raise
    if waiting:
        yield b"".join(waiting)


def encoded(lines: Iterable[str]) -> Iterator[bytes]:
    """Lines of text as lines of UTF-8. A lone surrogate, which UTF-8 does not have, is spelled out."""
    return (f"{line}\n".encode(errors="backslashreplace") for line in lines)
