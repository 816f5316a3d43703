"""Writing what render made, chunk by chunk, so that each is out before the next is asked for.

Ctrl-C is raised inside of render alone, which can then close its document. One that falls between two chunks, or into
the writing of one, waits for the chunk's end, because half a chunk is no JSON; a second one does not wait.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import BinaryIO, Self


def send(chunks: Iterator[bytes], stream: BinaryIO) -> None:
    """Write all chunks. Raises what render and the stream raise, and KeyboardInterrupt once the document is closed."""
    with _Interrupts(chunks) as interrupts:
        try:
            for chunk in chunks:
                _write(stream, chunk)
                interrupts.check()
        except KeyboardInterrupt as interrupt:
            for chunk in _ending(chunks, interrupt):
                _write(stream, chunk)
            raise


def _write(stream: BinaryIO, chunk: bytes) -> None:
    """All of it: an unbuffered stream (PYTHONUNBUFFERED) may take a part."""
    rest = memoryview(chunk)
    while rest:
        rest = rest[stream.write(rest) or 0 :]
    stream.flush()


def _ending(chunks: Iterator[bytes], interrupt: KeyboardInterrupt) -> Iterator[bytes]:
    """What render writes when it is told that it was interrupted; nothing where it knows already."""
    throw = getattr(chunks, "throw", None)
    if throw is None:
        return
    try:
        yield throw(interrupt)
        yield from chunks
    except (KeyboardInterrupt, StopIteration):
        return


class _Interrupts:
    """Hears Ctrl-C while chunks are written. Where someone else handles or ignores it, that stays."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._waiting = False
        self._ours = False

    def __enter__(self) -> Self:
        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._heard)
            self._ours = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if getattr(self._chunks, "gi_running", False) or self._waiting:
            raise KeyboardInterrupt
        self._waiting = True

    def check(self) -> None:
        """Raises KeyboardInterrupt when it was asked for during a write."""
        if self._waiting:
            raise KeyboardInterrupt
